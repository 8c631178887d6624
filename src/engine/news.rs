//! What the engine has to tell the host unasked. It is collected while the lock is held, and told
//! after.

use crate::params::{EndReason, Overflow, SessionId, StreamId};
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

/// A stream for a request or a listen that is over without a frame that said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// Whose it was.
    pub session: SessionId,
    /// The handle it had. It is stale by now.
    pub stream: StreamId,
    /// The number that the host gave when it opened the session.
    pub user_data: u64,
}

/// A session that does not keep up: its queue was full, and something of it has been lost or is
/// about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Whose client does not read.
    pub session: SessionId,
    /// The number that the host gave when it opened the session.
    pub user_data: u64,
    /// Frames that were queued on all its streams just then, notices included.
    pub queued_frames: u64,
    /// Bytes of its queued events and replies just then.
    pub queued_bytes: u64,
    /// What becomes of it: events are dropped, or ([`Overflow::Close`]) the session ends.
    pub policy: Overflow,
}

#[derive(Debug)]
pub(crate) enum News {
    /// A legacy session is to hear of lists, as far as the host allows it. How often each had been
    /// raised when it was its turn: what comes while the host is asked must not be lost.
    Lists(SessionId, [u32; 3]),
    Log(LogRecord),
    Lag(Lag),
    StreamEnd(StreamEnd),
    End(SessionEnd),
}
