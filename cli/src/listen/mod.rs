//! `fanfare listen`: starts a server as a child, or finds one at a URL, subscribes in the way of its
//! revision, and prints what it says.

pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod connect;
mod http;
pub(crate) mod print;
mod subscribe;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use fanfare::{Level, Revision};
use serde_json::json;

use crate::serve::level_parser;
use crate::signals;
use child::ChildWire;
use client::{CallError, Client, Event, Loss, Notification, Wire};
use connect::Peer;
use print::{Printer, harmless};
use subscribe::Subscribed;

/// Start an MCP server, or go to one, subscribe, and print each notification as it comes.
///
/// In revision 2026-07-28 the wishes become one subscriptions/listen; without any, all three lists
/// are asked for. In the revisions before, changes of lists come without being asked for,
/// --resource sends resources/subscribe, and --log sends logging/setLevel.
///
/// Notifications go to stdout; everything else that is said here goes to stderr, and so does the
/// server's own stderr. Ctrl-C (or SIGTERM) cancels the subscription and ends the server.
///
/// With --http, a connection that is lost is made again. In the revisions before 2026-07-28 what
/// came in the meantime is asked for where the server numbers what it sends; where that cannot be,
/// stderr says that something may have been missed.
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes:
  0  stopped by Ctrl-C or SIGTERM, or the server ended the subscription in the way of the protocol
  1  it failed (the cause is on stderr): the server cannot be started or reached, refuses, or went away
  2  the command line was not understood

Try it:
  fanfare listen --resources --resource file:///tmp/notes.txt -- fanfare serve /tmp
  fanfare listen --resources --http http://localhost:8080/mcp")]
pub(crate) struct Args {
    /// The revision to speak [default: 2026-07-28 if the server knows it, else 2025-11-25]
    #[arg(long, value_name = "R", value_parser = revision_parser())]
    revision: Option<Revision>,

    /// Only notifications of this type, as in resources/updated or progress (several times: of
    /// these types). A server of an older revision that understands notifications/subscribe is
    /// asked not to send others
    #[arg(long = "type", value_name = "T")]
    types: Vec<String>,

    /// Hear when this resource changes (several times: when one of these does)
    #[arg(long = "resource", value_name = "URI")]
    uris: Vec<String>,

    /// Hear when the list of tools changes
    #[arg(long)]
    tools: bool,

    /// Hear when the list of prompts changes
    #[arg(long)]
    prompts: bool,

    /// Hear when the list of resources changes
    #[arg(long)]
    resources: bool,

    /// Hear log messages that are at least this serious (revisions before 2026-07-28)
    #[arg(long, value_name = "LEVEL", value_parser = level_parser())]
    log: Option<Level>,

    /// Print one JSON object a line: {"time_ms":..., "method":..., "params":...}
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    http: http::Options,

    /// The server and its arguments
    #[arg(last = true, required_unless_present = "http", value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn revision_parser() -> impl clap::builder::TypedValueParser<Value = Revision> {
    PossibleValuesParser::new(Revision::ALL.map(Revision::as_str))
        .try_map(|name| Revision::parse(&name).ok_or("not a revision"))
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match &args.http.url {
        Some(url) => http::run(&args, url),
        None => run_child(&args),
    }
}

fn run_child(args: &Args) -> anyhow::Result<ExitCode> {
    let wire = ChildWire::spawn(&args.command)?;
    let stop = wire.stopper();
    signals::on_stop(move |_| stop())?;
    let mut client = Client::new(wire);
    match listen_to_child(&mut client, args) {
        Ok(End::Stopped) => {
            client.into_wire().finish()?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(End::Graceful) => {
            note("the server ended the subscription");
            client.into_wire().finish()?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(End::Closed) => {
            let status = client.into_wire().finish()?;
            bail!("the server went away ({status})")
        }
        Ok(End::Lost(loss)) => Err(CallError::Lost(loss).into()),
        // Stopped in the middle of a call.
        Err(error) if matches!(error.downcast_ref(), Some(CallError::Stop)) => {
            client.into_wire().finish()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error),
    }
}

/// Why there is nothing more to hear.
enum End {
    /// The user has heard enough.
    Stopped,
    /// The server said goodbye.
    Graceful,
    /// The server went away without a word.
    Closed,
    /// The connection was lost on which it would have been heard.
    Lost(Loss),
}

fn listen_to_child(client: &mut Client<ChildWire>, args: &Args) -> anyhow::Result<End> {
    let peer = connect(client, args)?;
    let subscribed = subscribe::subscribe(client, &peer, args, true)?;
    note(&peer.greeting());
    let printer = Printer::new(args.json);
    let ear = Ear { printer: &printer, types: &args.types, subscribed };
    let end = ear.listen(client)?;
    // In the older revisions, closing the pipe is enough.
    if let (End::Stopped, Some(id)) = (&end, ear.subscribed.listen) {
        client.notify("notifications/cancelled", json!({ "requestId": id }))?;
    }
    Ok(end)
}

/// Agrees on a revision, and tells if it is not the one that was asked for.
fn connect<W: Wire>(client: &mut Client<W>, args: &Args) -> anyhow::Result<Peer> {
    let peer = connect::connect(client, args.revision)?;
    if args.revision.is_some_and(|wanted| wanted != peer.revision) {
        note(&format!("the server prefers {}", peer.revision));
    }
    Ok(peer)
}

enum Trouble {
    Stdout(io::Error),
    Refused(client::RpcError),
}

/// Knows what was subscribed to, and so what may be heard.
struct Ear<'a> {
    printer: &'a Printer,
    types: &'a [String],
    subscribed: Subscribed,
}

impl Ear<'_> {
    /// Prints what comes, until there is nothing more to hear.
    fn listen<W: Wire>(&self, client: &mut Client<W>) -> anyhow::Result<End> {
        loop {
            let event = client.next(None)?;
            match event.as_ref().map_or(Ok(None), |event| self.hear(event)) {
                Ok(None) => {}
                Ok(Some(end)) => return Ok(end),
                // As when somebody presses Ctrl-C: `| head` has seen enough.
                Err(Trouble::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(End::Stopped);
                }
                Err(Trouble::Stdout(error)) => return Err(error).context("cannot write to stdout"),
                Err(Trouble::Refused(error)) => bail!("the server ended the subscription: {error}"),
            }
        }
    }

    fn hear(&self, event: &Event) -> Result<Option<End>, Trouble> {
        match event {
            Event::Notification(heard) => {
                if self.ends(heard) {
                    return Ok(Some(End::Graceful));
                }
                if self.is_wanted(heard) {
                    self.printer.print(heard).map_err(Trouble::Stdout)?;
                }
                Ok(None)
            }
            Event::Response(id, answer) if self.subscribed.listen == Some(*id) => match answer {
                Ok(_) => Ok(Some(End::Graceful)),
                Err(error) => Err(Trouble::Refused(error.clone())),
            },
            // Late: it was given up.
            Event::Response(..) => Ok(None),
            Event::Violation(what) => {
                note(&format!("the server sent what it must not: {what}"));
                Ok(None)
            }
            Event::Closed => Ok(Some(End::Closed)),
            Event::Lost(lost) => {
                // Of a request that was given up, nothing is lost.
                let ours = lost.request == self.subscribed.listen || lost.loss == Loss::SessionOver;
                Ok(ours.then(|| End::Lost(lost.loss.clone())))
            }
            Event::Stop => Ok(Some(End::Stopped)),
        }
    }

    /// A server may end a listen by cancelling it (G1).
    fn ends(&self, heard: &Notification) -> bool {
        let id = self.subscribed.listen.map(|id| json!(id));
        id.is_some() && heard.kind() == "cancelled" && heard.params.get("requestId") == id.as_ref()
    }

    fn is_wanted(&self, heard: &Notification) -> bool {
        // R73: what is tagged for a subscription that is not ours is not for us.
        if let (Some(listen), Some(tag)) = (self.subscribed.listen, heard.subscription())
            && *tag != json!(listen)
        {
            note(&format!("{} for a subscription {tag} that was not made", heard.kind()));
            return false;
        }
        // R75: no elicitation of ours can be complete.
        if heard.kind() == "elicitation/complete" {
            return false;
        }
        self.types.is_empty()
            || self.types.iter().any(|wanted| *wanted == heard.kind() || *wanted == heard.method)
    }
}

/// Says something to the user.
fn note(what: &str) {
    eprintln!("fanfare: {}", harmless(what));
}
