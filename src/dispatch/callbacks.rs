//! Delivery by callback: one frame at a time, in order, never two at once for one session.
//!
//! A frame stays in its outbox while its callback runs, marked as in hand, and its session is
//! busy, so that no other thread takes from it. The callback's verdict decides what becomes of
//! it. Because nothing has left the outbox, a refusal needs no undoing.
//!
//! To spare the lock for each frame, a thread borrows those of several sessions at once, and begins
//! one after the other without it ([`Loans`](crate::dispatch::loan::Loans)). Whoever takes the lock
//! meanwhile, for whatever call, first takes back those that are not begun, and finds the engine as
//! if each had been taken in hand by itself: so another thread can run their callbacks, and none
//! runs that an unsubscription, a close or a revocation had come before.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock};

use crate::dispatch::batch::{Batch, Frame};
use crate::dispatch::engine::Engine;
use crate::dispatch::loan::{MOST_LENT, Ticket};
use crate::dispatch::ready::Owed;
use crate::engine::{Core, Hand};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{SessionId, Verdict};
use crate::sync::{MutexGuard, thread_local};

/// A function of the host that takes frames.
pub type FrameCallback = Box<dyn Fn(&Frame<'_>) -> Verdict + Send + Sync>;

/// How many frames are lent at first, until it shows that nobody else needs the lock.
const FIRST_LENT: usize = if cfg!(test) { 4 } else { 1 };

type Shared = Arc<dyn Fn(&Frame<'_>) -> Verdict + Send + Sync>;

/// The frame callbacks of an engine.
#[derive(Default)]
pub(crate) struct Callbacks {
    registered: RwLock<Registered>,
}

#[derive(Default)]
struct Registered {
    of_all: Option<Shared>,
    by_session: hashbrown::HashMap<SessionId, Shared, foldhash::fast::RandomState>,
}

thread_local! {
    /// The engines whose callbacks this thread is inside of, by address.
    static INSIDE: RefCell<Vec<usize>> = RefCell::default();
}

impl Callbacks {
    /// Whether this thread is inside a frame callback of that engine.
    pub(crate) fn is_inside(&self, engine: &Engine) -> bool {
        INSIDE.with(|inside| inside.borrow().contains(&address(engine)))
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

    /// The one callback that there is, if no session has its own.
    fn of_all(&self) -> Option<Shared> {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        registered.by_session.is_empty().then(|| registered.of_all.clone()).flatten()
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
        let (mut accepted, mut most) = (0, FIRST_LENT);
        let mut core = self.lock();
        self.pass_time(&mut core);
        while accepted < max {
            batch.clear();
            let Some(mut taken) = self.take_up(&mut core, most.min(max - accepted), &mut batch)
            else {
                break;
            };
            let owed = self.ready.note_pushed(core.is_push_ready());
            drop(core);
            let called = self.call(&mut taken, owed, &batch);
            core = self.lock();
            self.pass_time(&mut core);
            let hand = taken.hand(&mut core);
            self.put_down(&mut core, hand, called.verdict, called.len);
            accepted += called.accepted;
            // Others who need the lock leave little of a loan, and what is not begun was rendered
            // for nothing.
            most = match called.is_recalled {
                true => (most / 2).max(1),
                false => (2 * most).min(MOST_LENT),
            };
        }
        self.release(core);
        Ok(accepted)
    }

    /// Takes frames to run callbacks on: several if they can be lent, else the first.
    fn take_up(&self, core: &mut Core, max: usize, batch: &mut Batch) -> Option<Taken> {
        match core.lend(max, batch) {
            0 => core.take_in_hand(batch).map(Taken::One),
            1 => Some(Taken::One(core.take_back(1))),
            _ => Some(Taken::Several(self.loans.begin())),
        }
    }

    /// Runs callbacks on the frames of a batch, until one is not accepted or the others were taken
    /// back. The last one that was begun is still to be put down. What is owed to the outside is
    /// shown first, since a callback may take long.
    fn call(&self, taken: &mut Taken, owed: Owed, batch: &Batch) -> Called {
        let mut called = Called { verdict: Verdict::Gone, len: 0, accepted: 0, is_recalled: false };
        // If a callback panics, the frame stays queued and the session paused.
        let mut guard = Guard { engine: self, taken: Some(taken), is_inside: false };
        self.show(owed);
        guard.enter();
        // Registering takes back what is lent, so this holds for all of the batch.
        let of_all = self.callbacks.of_all();
        for frame in batch.iter() {
            if called.accepted > 0 && !guard.next() {
                called.is_recalled = true;
                break;
            }
            let own;
            let callback = match &of_all {
                Some(callback) => callback,
                None => {
                    own = self.callbacks.of(frame.session);
                    match &own {
                        Some(callback) => callback,
                        // It was dropped with its session a moment ago.
                        None => {
                            called.verdict = Verdict::Gone;
                            break;
                        }
                    }
                }
            };
            called.verdict = callback(&frame);
            called.len = frame.data.len();
            if called.verdict != Verdict::Accepted {
                break;
            }
            called.accepted += 1;
        }
        guard.taken = None;
        called
    }

    fn put_down(&self, core: &mut MutexGuard<'_, Core>, hand: Hand, verdict: Verdict, len: usize) {
        core.put_down(hand, verdict == Verdict::Accepted, len);
        match verdict {
            Verdict::Accepted => {}
            Verdict::NotNow => core.pause_refused(hand.session),
            Verdict::Gone => core.disconnect_handle(hand.session),
        }
        if self.closing.load(Relaxed) != 0 {
            self.put_down.notify_all();
        }
    }

    /// Waits until no callback of a session is running on another thread.
    pub(crate) fn wait_until_put_down<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        session: SessionId,
    ) -> MutexGuard<'a, Core> {
        while core.is_busy(session) {
            let closing = self.closing.load(Relaxed);
            self.closing.store(closing + 1, Relaxed);
            core = self
                .put_down
                .wait(core)
                .expect("an earlier panic has left the engine in an unknown state");
            self.closing.store(self.closing.load(Relaxed) - 1, Relaxed);
            // Frames may have been lent while this waited.
            core = self.whole(core);
        }
        core
    }
}

/// Frames that callbacks run on.
enum Taken {
    One(Hand),
    Several(Ticket),
}

impl Taken {
    /// The frame that was begun last.
    fn hand(&self, core: &mut Core) -> Hand {
        match self {
            Self::One(hand) => *hand,
            Self::Several(ticket) => core.kept_hand(ticket.name()),
        }
    }
}

/// What became of frames that callbacks ran on.
struct Called {
    /// Of the last that was begun.
    verdict: Verdict,
    /// Its length in bytes.
    len: usize,
    accepted: usize,
    /// Others were not begun, because somebody has taken them back.
    is_recalled: bool,
}

/// Leaves the callback, by return or by panic.
struct Guard<'a> {
    engine: &'a Engine,
    /// Set while the callback has not returned.
    taken: Option<&'a mut Taken>,
    is_inside: bool,
}

impl Guard<'_> {
    fn enter(&mut self) {
        INSIDE.with(|inside| inside.borrow_mut().push(address(self.engine)));
        self.is_inside = true;
    }

    /// Begins the next frame of several, unless they were taken back.
    #[inline]
    fn next(&mut self) -> bool {
        match &mut self.taken {
            Some(Taken::Several(ticket)) => self.engine.loans.next(ticket),
            _ => false,
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.is_inside {
            INSIDE.with(|inside| inside.borrow_mut().pop());
        }
        if let Some(taken) = self.taken.take() {
            // A second panic while the first unwinds would end the process.
            let Ok(core) = self.engine.core.lock() else { return };
            let mut core = self.engine.whole(core);
            let hand = taken.hand(&mut core);
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
