//! What the engine has to tell the host unasked. It is collected while the lock is held, and told
//! after.

use crate::params::{EndReason, SessionId};
use crate::protocol::Level;

/// One line for the host's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// How serious it is.
    pub level: Level,
    /// The part of the engine that says it, as in `fanfare::receive`.
    pub target: &'static str,
    /// The line itself.
    pub message: String,
}

/// A session that is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// The handle it had. It is stale by now.
    pub session: SessionId,
    /// Why it ended.
    pub reason: EndReason,
    /// The number that the host gave when it opened the session.
    pub user_data: u64,
}

#[derive(Debug)]
pub(crate) enum News {
    Log(LogRecord),
    End(SessionEnd),
}
