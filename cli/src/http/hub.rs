//! What all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fanfare::{EndReason, Engine, SessionId};

use super::app::Served;
use super::auth::Places;
use super::feed::{Command, Feed};
use super::metrics::Counts;
use super::options::Options;
use super::sessions::Sessions;

pub(super) struct Hub {
    pub(super) app: Arc<dyn Served>,
    pub(super) feed: Feed,
    pub(super) options: Options,
    /// The sessions of Streamable HTTP before 2026-07-28.
    pub(super) sessions: Sessions,
    /// Those of the transport of 2024-11-05.
    pub(super) old_sessions: Sessions,
    pub(super) places: Arc<Places>,
    pub(super) counts: Counts,
    /// No new work is taken.
    pub(super) is_stopping: AtomicBool,
}

impl Hub {
    pub(super) fn engine(&self) -> &Engine {
        self.app.engine()
    }

    /// Ends a session of the legacy era for its client, or because it has been idle.
    pub(super) fn end_session(&self, session: SessionId) {
        if self.sessions.remove(session) {
            drop(self.engine().close(session));
            // Whoever still waits for something of it must not wait for ever, and finds that it is
            // gone.
            self.feed.push(Command::SessionEnded(session, EndReason::Cancelled));
            self.app.gone(session);
        }
    }

    /// A session of the legacy era has ended by itself.
    pub(super) fn session_ended(&self, session: SessionId) {
        if self.sessions.remove(session) {
            self.app.gone(session);
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }
}
