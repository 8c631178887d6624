//! A command as the line that `fanfare drive` takes for it (docs/drive.md).

use fanfare::{Revision, StreamKind};

use super::wire;
use super::words::{Command, Opening, Place, Rules, Setup, To, Topic};

/// How a script calls a session, and a stream with a name.
pub(crate) fn session_name(s: usize) -> String {
    format!("s{s}")
}

pub(crate) fn stream_name(name: usize) -> String {
    format!("t{name}")
}

/// The ordinal of such a name.
pub(crate) fn ordinal(name: &str) -> usize {
    name[1..].parse().expect("names are a letter and a number")
}

/// The command line of the program that takes the lines.
pub(crate) fn command_line(setup: &Setup) -> String {
    let settings = setup.settings().into_iter();
    let settings: Vec<String> =
        settings.map(|(key, value)| format!(" --set {key}={value}")).collect();
    format!("fanfare drive{}", settings.concat())
}

/// The line; `opened` is how many sessions there have been.
pub(crate) fn line(command: &Command, opened: usize) -> String {
    let (op, fields) = fields(command, opened);
    let fields: Vec<String> =
        fields.into_iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
    format!(r#"{{"op":"{op}"{}}}"#, fields.concat())
}

type Field = (&'static str, String);

fn fields(command: &Command, opened: usize) -> (&'static str, Vec<Field>) {
    match command {
        Command::Open(opening) => ("open", open(opening, opened)),
        Command::Stream { session, stream, kind } => {
            let kind = match kind {
                StreamKind::Duplex => "duplex",
                StreamKind::Listen => "listen",
                StreamKind::Request => "request",
                StreamKind::Standalone => "standalone",
            };
            ("stream", vec![of(*session), named(*stream), text("kind", kind)])
        }
        Command::CloseStream { session, stream } => {
            ("close_stream", vec![of(*session), named(*stream)])
        }
        Command::Receive { place, said, is_modern } => {
            ("receive", at(*place, [("message", said.text(*is_modern))]))
        }
        Command::Respond { session, id, n, pad } => {
            ("send", vec![of(*session), ("message", wire::answer(id, *n, *pad))])
        }
        Command::Welcome { session, id, revision, advertised } => {
            ("send", vec![of(*session), ("message", wire::welcome(id, *revision, *advertised))])
        }
        Command::Ask { place, n, pad } => ("send", at(*place, [("message", wire::ask(*n, *pad))])),
        Command::Subscribe { session, uri } => ("subscribe", vec![of(*session), text("uri", uri)]),
        Command::Unsubscribe { session, uri } => {
            ("unsubscribe", vec![of(*session), text("uri", uri)])
        }
        Command::Listen { place, id, filter } => {
            let filter = wire::filter_text(filter);
            ("listen", at(*place, [("id", (*id).to_owned()), ("filter", filter)]))
        }
        Command::Notify { raised, to, context } => {
            let mut fields = vec![text("method", raised.method())];
            fields.extend(raised.params().map(|params| ("params", params)));
            fields.extend(context.map(|v| ("context", wire::context(v))));
            fields.extend(target(*to));
            ("notify", fields)
        }
        Command::Drain { session, stream, max } => {
            let mut fields: Vec<Field> = session.map(of).into_iter().collect();
            fields.extend(stream.map(named));
            if *max != usize::MAX {
                fields.push(("max", max.to_string()));
            }
            ("drain", fields)
        }
        Command::Pause { session } => ("pause", vec![of(*session)]),
        Command::Resume { session } => ("resume", vec![of(*session)]),
        Command::End { session, subscription, reason } => {
            let mut fields = vec![of(*session)];
            fields.extend(subscription.map(|id| ("subscription", id.to_owned())));
            fields.push(text("reason", reason.as_str()));
            ("end", fields)
        }
        Command::Close { session } => ("close", vec![of(*session)]),
        Command::Authorize { principal, topic, access } => {
            let mut fields = about(*principal, *topic);
            fields.push(text("access", access.as_str()));
            ("authorize", fields)
        }
        Command::Revoke { principal, topic } => ("revoke", about(*principal, *topic)),
        Command::Advance { ms } => ("advance", vec![("ms", ms.to_string())]),
    }
}

fn text(name: &'static str, value: &str) -> Field {
    (name, wire::string(value))
}

fn of(session: usize) -> Field {
    text("session", &session_name(session))
}

fn named(stream: usize) -> Field {
    text("stream", &stream_name(stream))
}

fn about(principal: Option<&str>, topic: Option<Topic>) -> Vec<Field> {
    let mut fields: Vec<Field> =
        principal.map(|name| text("principal", name)).into_iter().collect();
    fields.extend(topic.map(|topic| match topic {
        Topic::Tools => text("list", "tools"),
        Topic::Prompts => text("list", "prompts"),
        Topic::Resources => text("list", "resources"),
        Topic::Uri(uri) => text("uri", uri),
    }));
    fields
}

fn at<const N: usize>(place: Place, rest: [Field; N]) -> Vec<Field> {
    let mut fields = vec![of(place.session)];
    fields.extend(place.stream.map(named));
    fields.extend(rest);
    fields
}

fn open(opening: &Opening, opened: usize) -> Vec<Field> {
    let mut fields = vec![of(opened)];
    match opening.rules {
        Rules::Open => fields.push(text("profile", "open")),
        Rules::Modern => fields.push(text("profile", "modern")),
        Rules::Auto => fields.push(text("profile", "auto")),
        Rules::Legacy { revision, handshake } => {
            fields.push(text("profile", "legacy"));
            fields.push(text("revision", Revision::ALL[revision].as_str()));
            fields.push(("handshake", handshake.to_string()));
        }
    }
    fields.extend(opening.principal.map(|principal| text("principal", principal)));
    fields.push(("capabilities", opening.advertised.text()));
    fields.push(text("overflow", opening.policy.as_str()));
    fields.push(("max_queued_frames", opening.max_frames.to_string()));
    fields.push(("max_queued_bytes", opening.max_bytes.to_string()));
    fields
}

fn target(to: To) -> Option<Field> {
    let members = match to {
        To::All => return None,
        To::Session(s) => format!(r#""session":"{}""#, session_name(s)),
        To::Request(s, id) => format!(r#""session":"{}","request":{id}"#, session_name(s)),
        To::Except(s) => format!(r#""except":"{}""#, session_name(s)),
        To::Principal(principal) => format!(r#""principal":"{principal}""#),
    };
    Some(("to", format!("{{{members}}}")))
}
