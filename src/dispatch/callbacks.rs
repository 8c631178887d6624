//! Delivery by callback: one frame at a time, in order, never two at once for one session.
//!
//! A frame stays in its outbox while its callback runs, marked as in hand, and its session is
//! busy, so that no other thread takes from it. The callback's verdict decides what becomes of
//! it. Because nothing has left the outbox, a refusal needs no undoing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::dispatch::batch::{Batch, Frame};
use crate::dispatch::engine::Engine;
use crate::engine::{Core, Hand};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{SessionId, Verdict};
use crate::sync::MutexGuard;

/// A function of the host that takes frames.
pub type FrameCallback = Box<dyn Fn(&Frame<'_>) -> Verdict + Send + Sync>;

type Shared = Arc<dyn Fn(&Frame<'_>) -> Verdict + Send + Sync>;

/// The frame callbacks of an engine.
#[derive(Default)]
pub(crate) struct Callbacks {
    registered: RwLock<Registered>,
}

#[derive(Default)]
struct Registered {
    of_all: Option<Shared>,
    by_session: HashMap<SessionId, Shared>,
}

thread_local! {
    /// The engines whose callbacks this thread is inside of, by address.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Callbacks {
    /// Whether this thread is inside a frame callback of that engine.
    pub(crate) fn is_inside(&self, engine: &Engine) -> bool {
        INSIDE.with_borrow(|inside| inside.contains(&address(engine)))
    }

    /// Drops the callback of a session that has gone.
    pub(crate) fn forget(&self, session: SessionId) {
        let dropped = {
            let mut registered = self.write();
            registered.by_session.remove(&session)
        };
        // Not under the lock: what it holds may call back when it is dropped.
        drop(dropped);
    }

    fn of(&self, session: SessionId) -> Option<Shared> {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        registered.by_session.get(&session).or(registered.of_all.as_ref()).cloned()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Registered> {
        self.registered.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(engine: &Engine) -> usize {
    std::ptr::from_ref(engine).addr()
}

impl Engine {
    /// Registers the callback that takes the frames of one session, or of all sessions without
    /// their own (`None`). It replaces an earlier one. From then on those sessions are delivered
    /// by [`dispatch`](Self::dispatch) or by dispatcher threads, and no longer by a
    /// [`recv`](Self::recv) of all sessions.
    ///
    /// For one session the callback is never run twice at once, and never out of order. It may
    /// call anything of the engine but `dispatch`. No lock is held while it runs.
    pub fn on_frame(&self, session: Option<SessionId>, callback: FrameCallback) -> Result<()> {
        let callback = Shared::from(callback);
        let replaced = {
            let mut registered = self.callbacks.write();
            match session {
                Some(session) => registered.by_session.insert(session, callback),
                None => registered.of_all.replace(callback),
            }
        };
        drop(replaced);
        let pushed = self.with(|core| core.push_by_callback(session));
        if let (Err(_), Some(session)) = (&pushed, session) {
            self.callbacks.forget(session);
        }
        pushed
    }

    /// Runs frame callbacks on this thread for up to `max` frames, and yields how many were
    /// accepted. It returns when no session with a callback has output.
    ///
    /// [`ErrorKind::Reentrant`] if called from inside a frame callback of the same engine.
    pub fn dispatch(&self, max: usize) -> Result<usize> {
        if self.callbacks.is_inside(self) {
            return Err(Error::new(
                ErrorKind::Reentrant,
                "dispatch was called from inside a frame callback of the same engine",
            ));
        }
        let mut batch = Batch::new();
        let mut accepted = 0;
        let mut core = self.lock();
        while accepted < max {
            batch.clear();
            self.pass_time(&mut core);
            let Some(hand) = core.take_in_hand(&mut batch) else { break };
            self.ready.note_pushed(core.is_push_ready());
            drop(core);
            let verdict = self.call(hand, &batch);
            core = self.lock();
            self.pass_time(&mut core);
            self.put_down(&mut core, hand, verdict, batch.used());
            accepted += usize::from(verdict == Verdict::Accepted);
        }
        self.release(core);
        Ok(accepted)
    }

    /// Runs the callback on the one frame of a batch.
    fn call(&self, hand: Hand, batch: &Batch) -> Verdict {
        let Some(callback) = self.callbacks.of(hand.session) else {
            // Its callback was dropped with it a moment ago.
            return Verdict::Gone;
        };
        let frame = batch.iter().next().expect("a frame was taken in hand");
        // If the callback panics, the frame stays queued and the session paused.
        let mut guard = Guard { engine: self, hand: Some(hand) };
        INSIDE.with_borrow_mut(|inside| inside.push(address(self)));
        let verdict = callback(&frame);
        guard.hand = None;
        verdict
    }

    fn put_down(&self, core: &mut MutexGuard<'_, Core>, hand: Hand, verdict: Verdict, len: usize) {
        core.put_down(hand, verdict == Verdict::Accepted, len);
        match verdict {
            Verdict::Accepted => {}
            Verdict::NotNow => core.pause_refused(hand.session),
            Verdict::Gone => core.disconnect_handle(hand.session),
        }
        self.put_down.notify_all();
    }

    /// Waits until no callback of a session is running on another thread.
    pub(crate) fn wait_until_put_down<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        session: SessionId,
    ) -> MutexGuard<'a, Core> {
        while core.is_busy(session) {
            core = self
                .put_down
                .wait(core)
                .expect("an earlier panic has left the engine in an unknown state");
        }
        core
    }
}

/// Leaves the callback, by return or by panic.
struct Guard<'a> {
    engine: &'a Engine,
    /// Set while the callback has not returned.
    hand: Option<Hand>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(|inside| inside.pop());
        if let Some(hand) = self.hand {
            // A second panic while the first unwinds would end the process.
            let Ok(mut core) = self.engine.core.lock() else { return };
            self.engine.put_down(&mut core, hand, Verdict::NotNow, 0);
            self.engine.release(core);
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").finish_non_exhaustive()
    }
}
