//! One listener of the demo: keeps all that it ever heard, so that what it must not hear can be
//! looked for.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fanfare::Revision;
use serde_json::{Value, json};

use super::local::LocalWire;
use crate::listen::child::ChildWire;
use crate::listen::client::{Client, Event, Incoming, Notification, RpcError, Wire};
use crate::listen::connect::{self, Peer};

/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener.
pub(super) struct Listener {
    pub(super) name: &'static str,
    client: Client<AnyWire>,
    /// All that was heard, in order.
    pub(super) heard: Vec<Notification>,
    /// What of it has been looked at.
    seen: usize,
    answers: HashMap<u64, Result<Value, RpcError>>,
    /// What it was sent and must never be.
    pub(super) violations: Vec<String>,
    closed: bool,
}

/// The two ways in which a listener of the demo can be connected.
enum AnyWire {
    Child(ChildWire),
    Local(Box<LocalWire>),
}

impl Wire for AnyWire {
    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        match self {
            Self::Child(wire) => wire.send(message),
            Self::Local(wire) => wire.send(message),
        }
    }

    fn next(&mut self, deadline: Option<Instant>) -> anyhow::Result<Option<Incoming>> {
        match self {
            Self::Child(wire) => wire.next(deadline),
            Self::Local(wire) => wire.next(deadline),
        }
    }
}

impl Listener {
    /// Starts this program once more, as a server of the folder, and agrees on a revision with it.
    pub(super) fn child(
        name: &'static str,
        folder: &Path,
        revision: Revision,
    ) -> anyhow::Result<(Self, Peer)> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let command: [OsString; 5] = [
            program.into(),
            "serve".into(),
            "--log-level=emergency".into(),
            "--".into(),
            folder.into(),
        ];
        let mut client = Client::new(AnyWire::Child(ChildWire::spawn(&command)?));
        let peer = connect::connect(&mut client, Some(revision))?;
        Ok((Self::new(name, client), peer))
    }

    /// A listener in this process.
    pub(super) fn local(name: &'static str, folder: &Path) -> anyhow::Result<Self> {
        let wire = AnyWire::Local(Box::new(LocalWire::open(folder)?));
        Ok(Self::new(name, Client::new(wire)))
    }

    fn new(name: &'static str, client: Client<AnyWire>) -> Self {
        Self {
            name,
            client,
            heard: Vec::new(),
            seen: 0,
            answers: HashMap::new(),
            violations: Vec::new(),
            closed: false,
        }
    }

    /// Waits for a notification like this one, from where the last wait ended; none if it does
    /// not come in time.
    pub(super) fn wait_for(
        &mut self,
        wanted: impl Fn(&Notification) -> bool,
    ) -> anyhow::Result<Option<Notification>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(heard) = self.heard.get(self.seen) {
                self.seen += 1;
                if wanted(heard) {
                    return Ok(Some(heard.clone()));
                }
            }
            if !self.listen(deadline)? {
                return Ok(None);
            }
        }
    }

    /// How much was heard so far: a mark to look from later.
    pub(super) fn mark(&self) -> usize {
        self.heard.len()
    }

    /// Sends a request; its answer is awaited by [`answer`](Self::answer).
    pub(super) fn ask(&mut self, method: &str, params: Value) -> anyhow::Result<u64> {
        self.client.request(method, params)
    }

    /// Sends a notification.
    pub(super) fn tell(&mut self, method: &str, params: Value) -> anyhow::Result<()> {
        self.client.notify(method, params)
    }

    /// Waits for the answer to a request; an error of the server is one of ours.
    pub(super) fn answer(&mut self, id: u64) -> anyhow::Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.answers.remove(&id) {
                Some(Ok(result)) => return Ok(result),
                Some(Err(error)) => bail!("{}: the server refused: {error}", self.name),
                None if self.listen(deadline)? => {}
                None => bail!("{}: no answer within {PATIENCE:?}", self.name),
            }
        }
    }

    /// Sends a request and waits for its answer.
    pub(super) fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        let id = self.ask(method, params)?;
        self.answer(id)
    }

    /// Whether that request has been answered by now.
    pub(super) fn has_answer(&self, id: u64) -> bool {
        self.answers.contains_key(&id)
    }

    /// Asks the server to stop by SIGTERM, hears it to its end, and waits for its process.
    pub(super) fn stop_server(&mut self) -> anyhow::Result<()> {
        match self.client.wire() {
            AnyWire::Child(wire) => wire.terminate()?,
            AnyWire::Local(_) => bail!("{} has no process of its own", self.name),
        }
        let deadline = Instant::now() + PATIENCE;
        while self.listen(deadline)? {}
        if !self.closed {
            bail!("{}: the server did not stop within {PATIENCE:?}", self.name);
        }
        Ok(())
    }

    /// Ends the server's process, if it has one, and tells how it ended.
    pub(super) fn finish(self) -> anyhow::Result<Option<ExitStatus>> {
        match self.client.into_wire() {
            AnyWire::Child(wire) => Ok(Some(wire.finish()?)),
            AnyWire::Local(_) => Ok(None),
        }
    }

    /// Takes in one more thing; `false` if nothing came, or nothing will come any more.
    fn listen(&mut self, deadline: Instant) -> anyhow::Result<bool> {
        if self.closed {
            return Ok(false);
        }
        match self.client.next(Some(deadline))? {
            Some(Event::Notification(heard)) => self.heard.push(heard),
            Some(Event::Response(id, answer)) => {
                self.answers.insert(id, answer);
            }
            Some(Event::Violation(what)) => self.violations.push(what),
            Some(Event::Closed) => self.closed = true,
            Some(Event::Lost(_) | Event::Stop) | None => return Ok(false),
        }
        Ok(true)
    }
}

/// The parameters of a `checksum` of one file, with a progress token and what else is to stand in
/// its metadata.
pub(super) fn checksum(path: &str, token: &str, more: &Value) -> Value {
    let mut params = json!({ "name": "checksum", "arguments": { "path": path } });
    params["_meta"] = more.clone();
    params["_meta"]["progressToken"] = json!(token);
    params
}
