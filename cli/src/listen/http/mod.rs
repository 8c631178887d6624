//! `fanfare listen --http`: a server over Streamable HTTP, of either era, and how to come back to
//! it when the connection is lost.

mod backoff;
mod link;
mod post;
mod refusal;
mod stream;
mod target;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use fanfare::Config;

use super::client::{CallError, Client, Loss};
use super::connect::{self, Peer};
use super::print::Printer;
use super::{Args, Ear, End, note, subscribe};
use crate::signals;
use backoff::{Backoff, Policy, chance};
use link::Link;
use target::Target;
use wire::HttpWire;

/// The options that only HTTP has.
#[derive(clap::Args)]
#[command(next_help_heading = "Over HTTP")]
pub(super) struct Options {
    /// Listen to the server at this URL, over Streamable HTTP
    #[arg(id = "http", long = "http", value_name = "URL", conflicts_with = "command")]
    pub(super) url: Option<String>,

    /// The bearer token to show. Others on this machine can see it; better use --token-file
    #[arg(long, value_name = "T", requires = "http", conflicts_with_all = ["command", "token_file"])]
    token: Option<String>,

    /// The file that the bearer token is in
    #[arg(long, value_name = "F", requires = "http", conflicts_with = "command")]
    token_file: Option<PathBuf>,

    /// Trust the certificate authorities in this PEM file, and not those of the system
    #[arg(long, value_name = "F", requires = "http", conflicts_with = "command")]
    ca_cert: Option<PathBuf>,

    /// How often in a row to try again when a connection is lost; 0 is not at all. The first
    /// connection is tried once
    #[arg(
        long,
        value_name = "N",
        requires = "http",
        conflicts_with = "command",
        default_value_t = 10
    )]
    retries: u32,

    /// The longest wait before the first of these, in milliseconds. Each later one may be twice as
    /// long; half of it is left to chance. A server can ask for more
    #[arg(
        long,
        value_name = "MS",
        requires = "http",
        conflicts_with = "command",
        default_value_t = 500
    )]
    retry_delay: u64,

    /// The longest wait of all, in milliseconds
    #[arg(
        long,
        value_name = "MS",
        requires = "http",
        conflicts_with = "command",
        default_value_t = 30_000
    )]
    retry_max_delay: u64,

    /// The largest message that is taken, in bytes
    #[arg(long, value_name = "N", requires = "http", conflicts_with = "command", default_value_t = largest_message(),
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1024..))]
    max_event: usize,
}

/// As large as what `fanfare serve` takes.
fn largest_message() -> usize {
    let value = Config::default().value("message.max_bytes").ok();
    value.and_then(|value| value.parse().ok()).unwrap_or(4 << 20)
}

impl Options {
    fn policy(&self) -> Policy {
        Policy {
            retries: self.retries,
            first: Duration::from_millis(self.retry_delay),
            max: Duration::from_millis(self.retry_max_delay),
        }
    }

    fn wire(&self, url: &str) -> anyhow::Result<HttpWire> {
        let in_file = self.token_file.as_ref().map(target::token_in).transpose()?;
        let token = self.token.as_deref().or(in_file.as_deref());
        let target = Target::new(url, token, self.ca_cert.as_deref())?;
        HttpWire::new(Link::new(target, self.max_event, self.policy()))
    }
}

/// Listens to the server at `url`.
pub(super) fn run(args: &Args, url: &str) -> anyhow::Result<ExitCode> {
    let wire = args.http.wire(url)?;
    let stop = wire.stopper();
    signals::on_stop(move |_| stop())?;
    let mut client = Client::new(wire);
    let done = Listener::new(&mut client, args).listen();
    client.into_wire().leave();
    if let End::Graceful = done? {
        note("the server ended the subscription");
    }
    Ok(ExitCode::SUCCESS)
}

/// One that keeps listening.
struct Listener<'a> {
    client: &'a mut Client<HttpWire>,
    args: &'a Args,
    printer: Printer,
    backoff: Backoff,
    /// Who the server was when it was asked last, so that it is known how to talk to it.
    peer: Option<Peer>,
    /// What its revision wants before anything is subscribed to is done.
    is_connected: bool,
    /// It has taken a subscription once, so that it is worth the while to try again.
    has_listened: bool,
    /// It was asked again who it is, since it took its last subscription.
    has_asked_again: bool,
}

/// What there is to do after something went wrong.
enum Remedy {
    Nothing,
    /// The user has seen enough.
    Stop,
    /// To ask again who the server is.
    AskAgain,
    /// To connect again, not sooner than the server asks for.
    Wait(Option<Duration>),
}

impl<'a> Listener<'a> {
    fn new(client: &'a mut Client<HttpWire>, args: &'a Args) -> Self {
        Self {
            client,
            args,
            printer: Printer::new(args.json),
            backoff: Backoff::new(args.http.policy()),
            peer: None,
            is_connected: false,
            has_listened: false,
            has_asked_again: false,
        }
    }

    /// Listens until there is nothing more to hear.
    fn listen(&mut self) -> anyhow::Result<End> {
        loop {
            let mut up = None;
            let error: anyhow::Error = match self.once(&mut up) {
                Ok(End::Lost(loss)) => CallError::Lost(loss).into(),
                Ok(end) => return Ok(end),
                Err(error) => error,
            };
            if let Some(up) = up {
                self.backoff.lived(up.elapsed());
            }
            match self.remedy(&error) {
                Remedy::Nothing => return Err(error),
                Remedy::Stop => return Ok(End::Stopped),
                Remedy::AskAgain => {
                    note(&format!("{error:#}; asking again who the server is"));
                    self.has_asked_again = true;
                    self.peer = None;
                }
                Remedy::Wait(asked) => {
                    let why = format!("{error:#}");
                    let Some(delay) = self.backoff.next(asked, chance()) else {
                        bail!(given_up(&why, &self.backoff));
                    };
                    note(&waiting(&why, delay, &self.backoff));
                    if self.client.wire().wait(delay).is_err() {
                        return Ok(End::Stopped);
                    }
                }
            }
        }
    }

    /// Connects if that is needed, subscribes, and prints until something happens. `up` becomes
    /// the time when the server took the subscription.
    fn once(&mut self, up: &mut Option<Instant>) -> anyhow::Result<End> {
        let peer = match self.peer.clone() {
            // 2026-07-28 has no handshake.
            Some(peer) if self.is_connected || !peer.revision.is_legacy() => peer,
            Some(Peer { revision, .. }) => connect::connect(self.client, Some(revision))?,
            None => super::connect(self.client, self.args)?,
        };
        let peer = &*self.peer.insert(peer);
        if peer.revision.is_legacy() && !self.is_connected {
            // Before anything is subscribed to, so that nothing is missed.
            self.client.wire().hear_news()?;
            self.is_connected = true;
        }
        let subscribed = subscribe::subscribe(self.client, peer, self.args, !self.has_listened)?;
        if self.has_listened {
            note("listening again; something may have been missed");
        } else {
            note(&peer.greeting());
        }
        self.has_listened = true;
        self.has_asked_again = false;
        *up = Some(Instant::now());
        Ear { printer: &self.printer, types: &self.args.types, subscribed }.listen(self.client)
    }

    /// What can be done about it; closes what is of no use any more.
    fn remedy(&mut self, error: &anyhow::Error) -> Remedy {
        let Some(error) = error.downcast_ref() else { return Remedy::Nothing };
        let remedy = match error {
            CallError::Stop => return Remedy::Stop,
            _ if !self.has_listened => return Remedy::Nothing,
            CallError::Lost(Loss::Broken { wait, .. }) => Remedy::Wait(*wait),
            CallError::Lost(Loss::SessionOver) => {
                self.is_connected = false;
                Remedy::Wait(None)
            }
            CallError::Silent(_) => Remedy::Wait(None),
            CallError::Refused(_) if !self.has_asked_again => {
                self.is_connected = false;
                Remedy::AskAgain
            }
            CallError::Lost(Loss::Hopeless(_))
            | CallError::Refused(_)
            | CallError::Closed
            | CallError::Wire(_) => return Remedy::Nothing,
        };
        // A session outlives the connection of one of its requests.
        if !self.is_connected {
            self.client.wire().reset();
            self.client.forget_losses();
        }
        remedy
    }
}

/// Says what went wrong, and what is done about it.
fn waiting(why: &str, delay: Duration, backoff: &Backoff) -> String {
    let (seconds, tries, retries) = (delay.as_secs_f64(), backoff.tries(), backoff.retries());
    format!("{why}; trying again in {seconds:.3} s ({tries} of {retries})")
}

/// Says what went wrong, and that nothing is done about it any more.
fn given_up(why: &str, backoff: &Backoff) -> String {
    match backoff.tries() {
        0 => why.to_owned(),
        tries => format!("{why}; gave up (--retries {tries})"),
    }
}
