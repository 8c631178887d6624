//! Back-pressure: who makes output for a session waits here while too much of it lies unread.

use std::sync::{Condvar, Mutex, PoisonError};

use fanfare::{Engine, SessionId};

/// Beyond so many bytes of queued output no more is made. The engine would end the session at a
/// bound of its own, far above this one.
const MAX_UNREAD_BYTES: u64 = 4 << 20;

/// Where to wait.
#[derive(Default)]
pub(crate) struct Room {
    lock: Mutex<()>,
    drained: Condvar,
}

impl Room {
    /// Waits until the session has room for more, or is gone, and then makes it. Nobody else who
    /// waited for the same room does so in between.
    pub(crate) fn when_free(&self, engine: &Engine, session: SessionId, make: impl FnOnce()) {
        let is_full = || {
            let stats = engine.session_stats(session);
            stats.is_ok_and(|stats| stats.queued_bytes > MAX_UNREAD_BYTES)
        };
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let guard =
            self.drained.wait_while(guard, |()| is_full()).unwrap_or_else(PoisonError::into_inner);
        make();
        drop(guard);
    }

    /// Says that a session has been drained of something, or is gone.
    pub(crate) fn drained(&self) {
        // With the lock, so that nobody is between looking and waiting.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.drained.notify_all();
    }
}
