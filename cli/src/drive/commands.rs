//! What each command does. A command is read whole before anything is done, so that one that is
//! refused has changed nothing.

use fanfare::{
    Access, Batch, Capabilities, Config, Disposition, EndReason, Engine, Frame, Framing, Hooks,
    Level, Overflow, Profile, Raise, Revision, SessionId, SessionParams, StreamId, StreamKind,
    SubscriptionId,
};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::access::{Policy, Rule, TopicName};
use super::names::{Ends, FrameOut, Names};
use crate::jsonl::{Answer, Audience, Failure, Fields};

type Outcome = Result<Answer, Failure>;

/// How many frames are taken from the engine at a time.
const DRAIN_STEP: usize = 1024;

/// An engine, and the names that a script has for what is in it.
pub(super) struct Driver {
    engine: Engine,
    names: Names,
    batch: Batch,
    policy: Policy,
}

type Command = fn(&mut Driver, Fields<'_>) -> Outcome;

/// Every command.
static COMMANDS: &[(&str, Command)] = &[
    ("open", Driver::open),
    ("stream", Driver::open_stream),
    ("close_stream", Driver::close_stream),
    ("hang_up", Driver::hang_up),
    ("receive", Driver::receive),
    ("send", Driver::send),
    ("subscribe", Driver::subscribe),
    ("unsubscribe", Driver::unsubscribe),
    ("subscribe_template", Driver::subscribe_template),
    ("unsubscribe_template", Driver::unsubscribe_template),
    ("listen", Driver::listen),
    ("notify", Driver::notify),
    ("authorize", Driver::authorize),
    ("revoke", Driver::revoke),
    ("drain", Driver::drain),
    ("pause", Driver::pause),
    ("resume", Driver::resume),
    ("end", Driver::end),
    ("close", Driver::close),
    ("advance", Driver::advance),
    ("stats", Driver::stats),
];

impl Driver {
    /// An empty engine. Its log lines from `log` up go to stderr.
    pub(super) fn new(config: Config, log: Level) -> Self {
        let ends = Ends::default();
        let noted = ends.clone();
        let policy = Policy::default();
        let asked = policy.clone();
        let hooks = Hooks::new().on_session_end(move |end| noted.note(end));
        let hooks = hooks.authorize(move |request| asked.access(request)).on_log(move |record| {
            if record.level >= log {
                eprintln!("{} {}: {}", record.level, record.target, record.message);
            }
        });
        Self {
            engine: Engine::with_hooks(config, hooks),
            names: Names::new(ends),
            batch: Batch::new(),
            policy,
        }
    }

    /// Does what a line says.
    pub(super) fn answer(&mut self, line: &[u8]) -> Answer {
        self.execute(line).into()
    }

    fn execute(&mut self, line: &[u8]) -> Outcome {
        let mut fields = Fields::of_command(line)?;
        let op = fields.string("op")?;
        let op = fields.need("op", op)?;
        match COMMANDS.iter().find(|(name, _)| *name == op) {
            Some((_, command)) => command(self, fields),
            None => {
                let known: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
                Err(fields
                    .bad("op", format!("no such command: {op:?}; known: {}", known.join(", "))))
            }
        }
    }

    // -- sessions and streams

    fn open(&mut self, mut fields: Fields<'_>) -> Outcome {
        let name = session_field(&mut fields)?;
        let mut params = SessionParams::new(profile(&mut fields)?).framing(
            fields.word("framing", &Framing::ALL, Framing::as_str)?.unwrap_or(Framing::Json),
        );
        if let Some(principal) = fields.string("principal")? {
            params = params.principal(principal);
        }
        if let Some(text) = fields.object("capabilities")? {
            params = params.capabilities(Capabilities::from_json(text)?);
        }
        if let Some(policy) = fields.word("overflow", &Overflow::ALL, Overflow::as_str)? {
            params = params.overflow(policy);
        }
        if let Some(frames) = u32_field(&mut fields, "max_queued_frames")? {
            params = params.max_queued_frames(frames);
        }
        if let Some(bytes) = u32_field(&mut fields, "max_queued_bytes")? {
            params = params.max_queued_bytes(bytes);
        }
        fields.finish()?;
        self.names.check_free(&self.engine, &name)?;
        let id = self.engine.open(params)?;
        self.names.bind(name, id);
        Ok(Answer::ok())
    }

    fn open_stream(&mut self, mut fields: Fields<'_>) -> Outcome {
        const KINDS: [(StreamKind, &str); 4] = [
            (StreamKind::Duplex, "duplex"),
            (StreamKind::Listen, "listen"),
            (StreamKind::Request, "request"),
            (StreamKind::Standalone, "standalone"),
        ];
        let session = session_field(&mut fields)?;
        let stream = fields.string("stream")?;
        let stream = fields.need("stream", stream)?;
        let kind = fields.word("kind", &KINDS, |kind| kind.1)?;
        let (kind, _) = fields.need("kind", kind)?;
        fields.finish()?;
        let id = self.names.session(&self.engine, &session)?;
        self.names.check_stream_free(&self.engine, &session, &stream)?;
        let id = self.engine.open_stream(id, kind)?;
        self.names.bind_stream(&session, stream, id);
        Ok(Answer::ok())
    }

    fn close_stream(&mut self, mut fields: Fields<'_>) -> Outcome {
        let name = session_field(&mut fields)?;
        let stream = fields.string("stream")?;
        let stream = fields.need("stream", stream)?;
        fields.finish()?;
        self.names.session(&self.engine, &name)?;
        let id = self.names.stream(&self.engine, &name, &stream)?;
        self.engine.close_stream(id)?;
        self.names.unbind_stream(&name, stream);
        Ok(Answer::ok())
    }

    fn hang_up(&mut self, mut fields: Fields<'_>) -> Outcome {
        let name = session_field(&mut fields)?;
        let stream = fields.string("stream")?;
        let stream = fields.need("stream", stream)?;
        let ms = u32_field(&mut fields, "retry_ms")?;
        let ms = fields.need("retry_ms", ms)?;
        fields.finish()?;
        self.names.session(&self.engine, &name)?;
        let id = self.names.stream(&self.engine, &name, &stream)?;
        self.engine.hang_up(id, ms)?;
        Ok(Answer::ok())
    }

    fn pause(&mut self, fields: Fields<'_>) -> Outcome {
        let session = self.only_session(fields)?;
        self.engine.pause(session)?;
        Ok(Answer::ok())
    }

    /// The opposite of `pause`; with a `last_event_id`, the return of a client to one stream.
    fn resume(&mut self, mut fields: Fields<'_>) -> Outcome {
        let Some(id) = fields.string("last_event_id")? else {
            let session = self.only_session(fields)?;
            self.engine.resume(session)?;
            return Ok(Answer::ok());
        };
        let name = session_field(&mut fields)?;
        let stream = fields.string("stream")?;
        let stream = fields.need("stream", stream)?;
        fields.finish()?;
        let session = self.names.session(&self.engine, &name)?;
        self.names.check_stream_free(&self.engine, &name, &stream)?;
        let resumed = self.engine.resume_stream(session, &id)?;
        self.names.bind_stream(&name, stream, resumed);
        Ok(Answer::ok())
    }

    fn close(&mut self, fields: Fields<'_>) -> Outcome {
        let session = self.only_session(fields)?;
        self.engine.close(session)?;
        Ok(Answer::ok())
    }

    fn end(&mut self, mut fields: Fields<'_>) -> Outcome {
        let name = session_field(&mut fields)?;
        let id = fields.id("subscription")?;
        let reason = fields.word("reason", &EndReason::ALL, EndReason::as_str)?;
        let reason = reason.unwrap_or(EndReason::Graceful);
        fields.finish()?;
        let session = self.names.session(&self.engine, &name)?;
        match id {
            None => self.engine.end(session, reason)?,
            Some(id) => match self.engine.subscription(session, id) {
                Ok(listen) => self.engine.end_subscription(listen, reason)?,
                Err(_) => self.end_resource(session, &name, id)?,
            },
        }
        Ok(Answer::ok())
    }

    /// Ends the subscription to one resource of a session that has no such listen.
    fn end_resource(&mut self, session: SessionId, name: &str, id: &str) -> Result<(), Failure> {
        let uri = serde_json::from_str::<String>(id).ok();
        match uri.map(|uri| self.engine.unsubscribe(session, &uri)) {
            Some(Ok(())) => Ok(()),
            _ => Err(Failure::new("GONE", format!("session {name:?} has no subscription {id}"))),
        }
    }

    fn only_session(&self, mut fields: Fields<'_>) -> Result<SessionId, Failure> {
        let name = session_field(&mut fields)?;
        fields.finish()?;
        self.names.session(&self.engine, &name)
    }

    // -- messages and subscriptions

    fn receive(&mut self, mut fields: Fields<'_>) -> Outcome {
        let place = Place::read(&mut fields)?;
        let message = fields.raw("message").map(|raw| raw.get().as_bytes().to_vec());
        let text = fields.string("text")?.map(String::into_bytes);
        let hex = fields.string("hex")?;
        let hex =
            hex.map(|hex| unhex(&hex).ok_or_else(|| fields.bad("hex", "no pairs of hex digits")));
        let bytes = match (message, text, hex.transpose()?) {
            (Some(bytes), None, None) | (None, Some(bytes), None) | (None, None, Some(bytes)) => {
                bytes
            }
            _ => return Err(fields.bad("message", "give one of message, text and hex")),
        };
        fields.finish()?;
        let (session, stream) = place.find(self)?;
        let mut passed = Vec::new();
        let taken = self.engine.receive_each(session, stream, &bytes, |text| {
            passed.push(RawValue::from_string(text.to_owned()).expect("the engine has read it"));
        });
        let answer = match taken? {
            Disposition::Handled => return Ok(Answer::ok().with("disposition", "handled")),
            Disposition::Pass => Answer::ok().with("disposition", "pass"),
        };
        // Of a batch, the host has to be told which messages are left to it.
        let is_batch = bytes.trim_ascii_start().starts_with(b"[");
        Ok(if is_batch { answer.with("passed", passed) } else { answer })
    }

    fn send(&mut self, mut fields: Fields<'_>) -> Outcome {
        let place = Place::read(&mut fields)?;
        let message = fields.raw("message");
        let message = fields.need("message", message)?;
        fields.finish()?;
        let (session, stream) = place.find(self)?;
        self.engine.send(session, stream, message.get().as_bytes())?;
        Ok(Answer::ok())
    }

    fn subscribe(&mut self, fields: Fields<'_>) -> Outcome {
        let (session, uri) = self.resource(fields, "uri")?;
        self.engine.subscribe(session, &uri)?;
        Ok(Answer::ok())
    }

    fn unsubscribe(&mut self, fields: Fields<'_>) -> Outcome {
        let (session, uri) = self.resource(fields, "uri")?;
        self.engine.unsubscribe(session, &uri)?;
        Ok(Answer::ok())
    }

    fn subscribe_template(&mut self, fields: Fields<'_>) -> Outcome {
        let (session, template) = self.resource(fields, "template")?;
        self.engine.subscribe_template(session, &template)?;
        Ok(Answer::ok())
    }

    fn unsubscribe_template(&mut self, fields: Fields<'_>) -> Outcome {
        let (session, template) = self.resource(fields, "template")?;
        self.engine.unsubscribe_template(session, &template)?;
        Ok(Answer::ok())
    }

    /// A session, and the resource or resources that a field names.
    fn resource(
        &self,
        mut fields: Fields<'_>,
        field: &'static str,
    ) -> Result<(SessionId, String), Failure> {
        let name = session_field(&mut fields)?;
        let uri = fields.string(field)?;
        let uri = fields.need(field, uri)?;
        fields.finish()?;
        Ok((self.names.session(&self.engine, &name)?, uri))
    }

    fn listen(&mut self, mut fields: Fields<'_>) -> Outcome {
        let place = Place::read(&mut fields)?;
        let id = fields.id("id")?;
        let id = fields.need("id", id)?;
        let filter = fields.object("filter")?;
        let filter = fields.need("filter", filter)?;
        fields.finish()?;
        let (session, stream) = place.find(self)?;
        let _: SubscriptionId = self.engine.listen(session, stream, id, filter)?;
        Ok(Answer::ok())
    }

    // -- raising and draining

    fn notify(&mut self, mut fields: Fields<'_>) -> Outcome {
        let method = fields.string("method")?;
        let method = fields.need("method", method)?;
        let params = fields.object("params")?;
        let context = fields.object("context")?;
        let to = Audience::read(&mut fields, |fields, name| fields.string(name))?;
        fields.finish()?;
        let session = |name: &String| self.names.session(&self.engine, name);
        let mut raise = Raise::to(to.target(session)?);
        if let Some(context) = context {
            raise = raise.context(context);
        }
        let matched = self.engine.notify(&method, params, &raise)?;
        Ok(Answer::ok().with("matched", matched))
    }

    fn drain(&mut self, mut fields: Fields<'_>) -> Outcome {
        let session = fields.string("session")?;
        let stream = optional_stream(&mut fields)?;
        let max = fields.number("max", u64::MAX)?.unwrap_or(u64::MAX);
        if stream.is_some() {
            fields.need("session", session.as_ref())?;
        }
        fields.finish()?;
        let place = session.map(|session| Place { session, stream }.find(self)).transpose()?;
        let mut left = usize::try_from(max).unwrap_or(usize::MAX);
        let mut frames = Vec::new();
        while left > 0 {
            let step = left.min(DRAIN_STEP);
            let taken = match place {
                Some((_, Some(stream))) => self.engine.recv_stream(stream, step, &mut self.batch),
                Some((session, None)) => self.engine.recv(Some(session), step, &mut self.batch),
                None => self.engine.recv(None, step, &mut self.batch),
            };
            match taken {
                Ok(0) => break,
                Ok(taken) => left -= taken,
                // The last frame of a session or stream takes it away.
                Err(_) if !frames.is_empty() => break,
                Err(error) => return Err(error.into()),
            }
            frames.extend(self.batch.iter().map(|frame| self.shown(&frame)));
        }
        Ok(Answer::ok().with("frames", frames))
    }

    /// A frame under the script's names.
    fn shown(&self, frame: &Frame<'_>) -> Box<RawValue> {
        let (session, stream) = self.names.of_frame(frame.session, frame.stream);
        // The engine lets nothing but UTF-8 in; a frame that is not would be seen at once.
        let data = String::from_utf8_lossy(frame.data);
        to_raw_value(&FrameOut { session, stream, data }).expect("texts always serialise")
    }

    // -- access

    fn authorize(&mut self, mut fields: Fields<'_>) -> Outcome {
        let rule = Rule {
            principal: fields.string("principal")?,
            topic: TopicName::read(&mut fields)?,
            access: {
                let access = fields.word("access", &Access::ALL, Access::as_str)?;
                fields.need("access", access)?
            },
        };
        fields.finish()?;
        self.policy.add(rule);
        Ok(Answer::ok())
    }

    fn revoke(&mut self, mut fields: Fields<'_>) -> Outcome {
        let principal = fields.string("principal")?;
        let topic = TopicName::read(&mut fields)?;
        fields.finish()?;
        let topic = topic.as_ref().map(TopicName::as_topic);
        let revoked = self.engine.revoke(principal.as_deref(), topic)?;
        Ok(Answer::ok()
            .with("asked", revoked.asked)
            .with("withdrawn", revoked.withdrawn)
            .with("restored", revoked.restored)
            .with("ended", revoked.ended))
    }

    // -- time and numbers

    fn advance(&mut self, mut fields: Fields<'_>) -> Outcome {
        let ms = fields.number("ms", u64::MAX)?;
        let ms = fields.need("ms", ms)?;
        let now = self.engine.now_ms().checked_add(ms);
        let now = now.ok_or_else(|| fields.bad("ms", "the clock would pass 2^64 - 1"))?;
        fields.finish()?;
        let next = self.engine.advance(now)?;
        Ok(Answer::ok().with("now_ms", self.engine.now_ms()).with("next_deadline_ms", next))
    }

    fn stats(&mut self, mut fields: Fields<'_>) -> Outcome {
        let session = fields.string("session")?;
        fields.finish()?;
        let text = match session {
            None => self.engine.stats().to_json(),
            Some(name) => {
                let id = self.names.session(&self.engine, &name)?;
                self.engine.session_stats(id)?.to_json()
            }
        };
        match serde_json::from_str(&text) {
            Ok(Value::Object(rows)) => {
                Ok(rows.into_iter().fold(Answer::ok(), |answer, (name, n)| answer.with(name, n)))
            }
            _ => unreachable!("the engine's counters are a JSON object"),
        }
    }
}

/// Where a message comes in or goes out: a session, and one of its streams where it has several.
struct Place {
    session: String,
    stream: Option<String>,
}

impl Place {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Failure> {
        Ok(Self { session: session_field(fields)?, stream: optional_stream(fields)? })
    }

    fn find(&self, driver: &Driver) -> Result<(SessionId, Option<StreamId>), Failure> {
        let session = driver.names.session(&driver.engine, &self.session)?;
        let stream = self.stream.as_ref();
        let stream =
            stream.map(|stream| driver.names.stream(&driver.engine, &self.session, stream));
        Ok((session, stream.transpose()?))
    }
}

fn session_field(fields: &mut Fields<'_>) -> Result<String, Failure> {
    let session = fields.string("session")?;
    fields.need("session", session)
}

/// The name of a stream; null, which is what frames of the implicit stream have, is that one.
fn optional_stream(fields: &mut Fields<'_>) -> Result<Option<String>, Failure> {
    fields.string_or_null("stream")
}

fn u32_field(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<u32>, Failure> {
    let number = fields.number(name, u64::from(u32::MAX))?;
    Ok(number.map(|number| u32::try_from(number).expect("it was checked against the maximum")))
}

/// The profile, with what belongs to it: `revision`, and for a legacy session `handshake`.
fn profile(fields: &mut Fields<'_>) -> Result<Profile, Failure> {
    const PROFILES: [&str; 4] = ["open", "legacy", "modern", "auto"];
    let profile = fields.word("profile", &PROFILES, |name| name)?;
    let profile = fields.need("profile", profile)?;
    let revision = fields.word("revision", &Revision::ALL, Revision::as_str)?;
    let handshake = fields.bool("handshake")?;
    if handshake.is_some() && profile != "legacy" {
        return Err(fields.bad("handshake", format!("profile {profile} has no such choice")));
    }
    match (profile, revision) {
        ("legacy", _) => Ok(Profile::Legacy {
            revision: revision.unwrap_or(Revision::LATEST_LEGACY),
            handshake: handshake.unwrap_or(false),
        }),
        ("modern", None | Some(Revision::MODERN)) => Ok(Profile::Modern),
        ("open", None) => Ok(Profile::Open),
        ("auto", None) => Ok(Profile::Auto),
        (_, Some(revision)) => {
            Err(fields.bad("revision", format!("profile {profile} does not go with {revision}")))
        }
        (_, None) => unreachable!("every profile goes without a revision"),
    }
}

/// The bytes of an even number of hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    });
    bytes.collect()
}
