//! Delivery by callback: one frame at a time, in order, never two at once for one session.
//!
//! A frame stays in its outbox while its callback runs, marked as in hand, and its session is
//! busy, so that no other thread takes from it. The callback's verdict decides what becomes of
//! it. Because nothing has left the outbox, a refusal needs no undoing.
//!
//! To spare the lock for each frame, a thread borrows those of several sessions at once, and begins
//! one after the other without it ([`Loans`](crate::dispatch::loan::Loans)). They have left their
//! outboxes, but nobody sees that: whoever takes the lock meanwhile, for whatever call, first takes
//! back what was not delivered, and finds the engine as if each had been taken in hand by itself. So
//! another thread can run their callbacks, and none runs that an unsubscription, a close or a
//! revocation had come before.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock};

use crate::dispatch::batch::Frame;
use crate::dispatch::engine::Engine;
use crate::dispatch::loan::{Borrower, MOST_LENT, Recalled};
use crate::dispatch::ready::Owed;
use crate::dispatch::whole::WholeBatch;
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
    /// Something at an address that no other thread has while this one is alive.
    static HERE: u8 = u8::default();
}

fn this_thread() -> usize {
    HERE.with(|here| std::ptr::from_ref(here).addr())
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
        let mut batch = WholeBatch::default();
        let mut borrower = None;
        let (mut accepted, mut most) = (0, FIRST_LENT);
        let mut core = self.lock();
        self.pass_time(&mut core);
        while accepted < max {
            batch.clear();
            let most_now = most.min(max - accepted);
            let Some(taken) = self.take_up(&mut core, most_now, &mut batch, &mut borrower) else {
                break;
            };
            // What is lent can still be delivered by others.
            let owed = self.ready.note_pushed(core.is_push_ready() || batch.len() > 1);
            drop(core);
            let called = self.call(taken, owed, &mut batch);
            let locked = self.core.lock();
            core = locked.expect("an earlier panic has left the engine in an unknown state");
            core = self.finish(core, taken, &called);
            self.pass_time(&mut core);
            accepted += called.accepted();
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
    fn take_up<'a>(
        &self,
        core: &mut Core,
        max: usize,
        batch: &mut WholeBatch,
        borrower: &'a mut Option<Borrower>,
    ) -> Option<Taken<'a>> {
        match core.lend(max, batch) {
            0 => core.take_in_hand(batch).map(Taken::One),
            1 => Some(Taken::One(core.take_back(1))),
            _ => {
                let borrower = borrower.get_or_insert_with(Borrower::new);
                self.loans.lend(borrower, this_thread());
                Some(Taken::Several(borrower))
            }
        }
    }

    /// Runs callbacks on the frames of a batch, until one is not accepted or the others were taken
    /// back. What is owed to the outside is shown first, since a callback may take long.
    fn call(&self, taken: Taken<'_>, owed: Owed, batch: &mut WholeBatch) -> Called {
        // If a callback panics, the frame stays queued and the session paused.
        let called =
            Called { verdict: Verdict::NotNow, run: 1, is_recalled: false, is_all: false, len: 0 };
        let mut guard = Guard { engine: self, taken: Some(taken), called, is_inside: false };
        self.show(owed);
        guard.enter();
        // Registering takes back what is lent, so this holds for all of the batch.
        let verdict = match self.callbacks.of_all() {
            Some(callback) => guard.run(batch, |frame| callback(frame)),
            None => guard.run(batch, |frame| match self.callbacks.of(frame.session) {
                Some(callback) => callback(frame),
                // It was dropped with its session a moment ago.
                None => Verdict::Gone,
            }),
        };
        guard.taken = None;
        let mut called = guard.called;
        called.verdict = verdict;
        called.is_all = called.accepted() == batch.len();
        called.len = batch.frame(called.run - 1).data.len();
        called
    }

    /// Settles what became of frames that callbacks ran on. Yields the core with nothing lent.
    fn finish<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        taken: Taken<'_>,
        called: &Called,
    ) -> MutexGuard<'a, Core> {
        let hand = match taken {
            Taken::One(hand) => Some(hand),
            Taken::Several(borrower) if self.loans.end(borrower) => {
                if called.is_all {
                    core.settle_lent();
                    None
                } else {
                    Some(core.take_back(called.run))
                }
            }
            Taken::Several(borrower) => {
                let (begun, hand) = core.kept_hand(borrower.name());
                if begun > called.run {
                    // It was recalled just when it was begun, and its callback did not run.
                    core = self.whole(core);
                    core.put_down(hand, false, 0);
                    None
                } else {
                    Some(hand)
                }
            }
        };
        let mut core = self.whole(core);
        if let Some(hand) = hand {
            self.put_down(&mut core, hand, called.verdict, called.len);
        }
        if self.closing.load(Relaxed) != 0 {
            self.put_down.notify_all();
        }
        core
    }

    fn put_down(&self, core: &mut MutexGuard<'_, Core>, hand: Hand, verdict: Verdict, len: usize) {
        core.put_down(hand, verdict == Verdict::Accepted, len);
        match verdict {
            Verdict::Accepted => {}
            Verdict::NotNow => core.pause_refused(hand.session),
            Verdict::Gone => core.disconnect_handle(hand.session),
        }
    }

    /// Takes back what is lent. Those that are not begun are queued again, as if nobody had looked at
    /// them; the one that is begun is in hand.
    #[cold]
    pub(super) fn recall<'a>(&'a self, mut core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        while core.has_lent() {
            match self.loans.recall(this_thread()) {
                Some(Recalled { name, begun }) => {
                    let hand = core.take_back(begun);
                    core.keep_hand(name, begun, hand);
                }
                None => core = self.wait_for_put_down(core),
            }
        }
        core
    }

    /// Waits until some thread has put down what it ran callbacks on.
    fn wait_for_put_down<'a>(&'a self, core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        let closing = self.closing.load(Relaxed);
        self.closing.store(closing + 1, Relaxed);
        let core = self.put_down.wait(core);
        self.closing.store(self.closing.load(Relaxed) - 1, Relaxed);
        core.expect("an earlier panic has left the engine in an unknown state")
    }

    /// Waits until no callback of a session is running on another thread.
    pub(crate) fn wait_until_put_down<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        session: SessionId,
    ) -> MutexGuard<'a, Core> {
        while core.is_busy(session) {
            core = self.wait_for_put_down(core);
            // Frames may have been lent while this waited.
            core = self.whole(core);
        }
        core
    }
}

/// Frames that callbacks run on.
#[derive(Clone, Copy)]
enum Taken<'a> {
    One(Hand),
    Several(&'a Borrower),
}

/// What became of frames that callbacks ran on.
#[derive(Clone, Copy)]
struct Called {
    /// Of the last that one ran on.
    verdict: Verdict,
    /// On so many one ran, or is running.
    run: usize,
    /// Others were not begun, because somebody has taken them back.
    is_recalled: bool,
    /// All that were taken were accepted.
    is_all: bool,
    /// The bytes of the last that one ran on.
    len: usize,
}

impl Called {
    fn accepted(&self) -> usize {
        self.run - usize::from(self.verdict != Verdict::Accepted)
    }
}

/// Leaves the callback, by return or by panic.
struct Guard<'a> {
    engine: &'a Engine,
    /// Set while the callback has not returned.
    taken: Option<Taken<'a>>,
    called: Called,
    is_inside: bool,
}

impl Guard<'_> {
    fn enter(&mut self) {
        INSIDE.with(|inside| inside.borrow_mut().push(address(self.engine)));
        self.is_inside = true;
    }

    /// Runs a callback on one frame after the other, unless they are taken back. Yields what the
    /// last one said.
    #[inline(always)]
    fn run(&mut self, batch: &mut WholeBatch, call: impl Fn(&Frame<'_>) -> Verdict) -> Verdict {
        let loan = match self.taken {
            Some(Taken::Several(borrower)) => Some(borrower.progress()),
            _ => None,
        };
        let mut run = 1;
        loop {
            let verdict = call(&batch.frame(run - 1));
            if verdict != Verdict::Accepted || run == batch.len() {
                return verdict;
            }
            run += 1;
            if loan.is_some_and(|loan| !loan.begin(run)) {
                self.called.is_recalled = true;
                return verdict;
            }
            self.called.run = run;
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
            let core = self.engine.finish(core, taken, &self.called);
            self.engine.release(core);
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").finish_non_exhaustive()
    }
}
