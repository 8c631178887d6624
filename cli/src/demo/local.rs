//! A listener inside this process: the same server as in the children, over no pipe at all.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use fanfare::{Batch, Framing, Hooks, Level, Profile, SessionId, SessionParams};
use serde_json::Value;

use crate::listen::client::{Incoming, Wire};
use crate::serve::app::{Running, Server};
use crate::serve::catalog::Catalog;
use crate::serve::log::Log;

/// A session of the open profile: no handshake, and everything is heard until it says otherwise.
pub(super) struct LocalWire {
    running: Running,
    session: SessionId,
    batch: Batch,
    lines: VecDeque<Vec<u8>>,
}

impl LocalWire {
    /// Serves the folder to itself.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let catalog = Catalog::new(folder, 1000).context("cannot serve the folder")?;
        let log = Log::start(Level::Emergency)?;
        let running = Server::start(catalog, 1 << 20, log, Hooks::new())?;
        let params = SessionParams::new(Profile::Open).framing(Framing::Json);
        let session = running.server.engine().open(params).context("cannot open a session")?;
        Ok(Self { running, session, batch: Batch::new(), lines: VecDeque::new() })
    }
}

impl Wire for LocalWire {
    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let message = message.to_string();
        self.running
            .server
            .take(self.session, None, message.as_bytes())
            .context("the session is gone")
    }

    fn next(&mut self, deadline: Option<Instant>) -> anyhow::Result<Option<Incoming>> {
        let engine = self.running.server.engine();
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(Incoming::Line(line)));
            }
            if engine.recv(Some(self.session), 64, &mut self.batch).is_err() {
                return Ok(Some(Incoming::Closed));
            }
            self.running.server.room().drained();
            self.lines.extend(self.batch.iter().map(|frame| frame.data.to_vec()));
            if self.lines.is_empty() {
                let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                if left.is_some_and(|left| left.is_zero()) {
                    return Ok(None);
                }
                engine.wait(left);
            }
        }
    }
}
