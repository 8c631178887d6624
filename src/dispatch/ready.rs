//! Readiness: how those who wait learn that the engine has output.
//!
//! The truth is known under the engine's lock and noted here before it is released
//! ([`Ready::note`]). What is shown to the outside is brought in line afterwards, with no lock of
//! the engine held ([`Ready::settle`]), by who has changed the truth: a call that changes nothing
//! owes nothing, and pays for no fence.
//!
//! Invariant: once every call has settled, what is shown is the truth. A caller writes the truth
//! and then reads what is shown; whoever changes what is shown writes it and then reads the truth
//! again. Between the write and the read stands a sequentially consistent fence each time, so of
//! two that race at least one sees the other. `dispatch/models.rs` tries it in every interleaving.

use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crate::dispatch::level::Level;
use crate::sync::{AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, fence};

/// Something true that is shown with a delay.
#[derive(Debug)]
struct Shown {
    truth: AtomicBool,
    shown: AtomicBool,
}

impl Shown {
    fn new() -> Self {
        Self { truth: AtomicBool::new(false), shown: AtomicBool::new(false) }
    }

    /// Writes the truth; yields whether that is news. Only under the engine's lock, so nobody else
    /// writes meanwhile.
    #[inline]
    fn write(&self, truth: bool) -> bool {
        let is_news = self.truth.load(Relaxed) != truth;
        if is_news {
            self.truth.store(truth, Release);
        }
        is_news
    }

    /// Whether the truth is shown. Asked after each write to one of the two.
    fn is_settled(&self) -> bool {
        fence(SeqCst);
        self.truth.load(Acquire) == self.shown.load(Acquire)
    }

    /// Shows the truth; yields it if that is news. Only under the lock of [`Outside`].
    fn show(&self) -> Option<bool> {
        let truth = self.truth.load(Acquire);
        let before = self.shown.load(Acquire);
        self.shown.store(truth, Release);
        (before != truth).then_some(truth)
    }
}

/// What is still to be shown to the outside.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Owed {
    is_owed: bool,
    /// A deadline has come nearer, which those who wait must learn.
    is_nearer: bool,
}

impl Owed {
    pub(crate) fn is_nearer(&self) -> bool {
        self.is_nearer
    }
}

type Waker = Arc<dyn Fn() + Send + Sync>;

/// What the outside sees.
#[derive(Default)]
struct Outside {
    level: Option<Level>,
    is_woken: bool,
    /// How many wait for `changed`.
    waiting: u32,
    /// Dispatchers that want to know of output for callbacks, and of new deadlines.
    dispatchers: Option<Arc<[(u64, Waker)]>>,
    #[cfg(any(feature = "dispatch", all(test, fanfare_loom)))]
    next_dispatcher: u64,
}

/// No deadline.
const NEVER: u64 = u64::MAX;

pub(crate) struct Ready {
    /// Output of any session.
    any: Shown,
    /// Output for a frame callback.
    pushed: Shown,
    /// The truth was written and nobody has undertaken yet to show it. Only under the engine's lock.
    is_owed: AtomicBool,
    deadline_ms: AtomicU64,
    outside: Mutex<Outside>,
    changed: Condvar,
}

impl Ready {
    pub(crate) fn new() -> Self {
        Self {
            any: Shown::new(),
            pushed: Shown::new(),
            is_owed: AtomicBool::new(false),
            deadline_ms: AtomicU64::new(NEVER),
            outside: Mutex::new(Outside::default()),
            changed: Condvar::new(),
        }
    }

    /// Notes the truth. Called with the engine's lock held; yields what the caller owes to
    /// [`settle`](Self::settle) then.
    #[inline]
    pub(crate) fn note(&self, any: bool, pushed: bool, deadline_ms: Option<u64>) -> Owed {
        let is_changed = self.any.write(any) | self.pushed.write(pushed);
        let is_owed = is_changed || self.is_owed.load(Relaxed);
        if is_owed {
            self.is_owed.store(false, Relaxed);
        }
        let deadline_ms = deadline_ms.unwrap_or(NEVER);
        let before_ms = self.deadline_ms.load(Relaxed);
        if deadline_ms != before_ms {
            self.deadline_ms.store(deadline_ms, SeqCst);
        }
        Owed { is_owed, is_nearer: deadline_ms < before_ms }
    }

    /// Notes the truth about output for callbacks only: its frames come and go one by one, and
    /// only dispatchers care for each. That there is none is owed by whoever notes all of it next;
    /// that there is some, by the caller, who is about to be busy with another frame.
    pub(crate) fn note_pushed(&self, pushed: bool) -> Owed {
        let is_changed = self.pushed.write(pushed);
        if is_changed && !pushed {
            self.is_owed.store(true, Relaxed);
        }
        Owed { is_owed: is_changed && pushed, is_nearer: false }
    }

    /// What is owed by who cannot know what others still owe.
    #[cfg(any(feature = "dispatch", all(test, fanfare_loom)))]
    pub(crate) fn owe(&self) -> Owed {
        Owed { is_owed: true, is_nearer: false }
    }

    /// Whether a dispatcher that has found nothing to do may sleep, which has settled what it
    /// [`owe`](Self::owe)s first: whoever noted that there is nothing may not have shown it yet. If
    /// nothing is shown, the next output is news, and wakes it. If something is, that may have come
    /// before it was shown that there was nothing, and woken nobody.
    #[cfg(any(feature = "dispatch", all(test, fanfare_loom)))]
    pub(crate) fn shows_nothing_pushed(&self) -> bool {
        !self.pushed.shown.load(Acquire)
    }

    /// Brings what is shown in line with the truth. Yields whether the engine, idle before, has
    /// output now. Called with no lock held.
    #[inline]
    pub(crate) fn settle(&self, owed: Owed) -> bool {
        (owed.is_owed || owed.is_nearer) && self.show(owed.is_nearer)
    }

    fn show(&self, mut is_nearer: bool) -> bool {
        let mut has_output = false;
        let mut woken = None;
        while is_nearer || !(self.any.is_settled() && self.pushed.is_settled()) {
            let outside = self.lock();
            let any = self.any.show();
            if let Some(any) = any {
                has_output = any;
                match &outside.level {
                    Some(level) if any => level.raise(),
                    Some(level) => level.lower(),
                    None => {}
                }
            }
            if (any == Some(true) || is_nearer) && outside.waiting != 0 {
                self.changed.notify_all();
            }
            if self.pushed.show() == Some(true) || is_nearer {
                woken.clone_from(&outside.dispatchers);
            }
            is_nearer = false;
        }
        woken.iter().flat_map(|woken| woken.iter()).for_each(|(_, waker)| waker());
        has_output
    }

    /// Waits until there is output (`Some(true)`), somebody called [`wake`](Self::wake)
    /// (`Some(false)`), a deadline came that is nearer than the one the caller knows, or `until`
    /// has passed (`None`).
    pub(crate) fn wait(&self, until: Option<Instant>, known_ms: u64) -> Option<bool> {
        let mut outside = self.lock();
        loop {
            if std::mem::take(&mut outside.is_woken) {
                return Some(false);
            }
            if self.any.shown.load(Acquire) {
                return Some(true);
            }
            if self.deadline_ms.load(SeqCst) < known_ms {
                return None;
            }
            outside.waiting += 1;
            outside = match until {
                None => self.changed.wait(outside).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        outside.waiting -= 1;
                        return None;
                    }
                    let waited = self.changed.wait_timeout(outside, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            outside.waiting -= 1;
        }
    }

    #[cfg(all(test, fanfare_loom))]
    pub(super) fn shows_output(&self) -> bool {
        self.any.shown.load(Acquire)
    }

    pub(crate) fn wake(&self) {
        let mut outside = self.lock();
        outside.is_woken = true;
        if outside.waiting != 0 {
            self.changed.notify_all();
        }
    }

    /// The descriptor, made when first asked for.
    pub(crate) fn fd(&self) -> std::io::Result<i32> {
        let mut outside = self.lock();
        if let Some(level) = &outside.level {
            return Ok(level.fd());
        }
        let level = Level::new()?;
        if self.any.shown.load(Acquire) {
            level.raise();
        }
        let fd = level.fd();
        outside.level = Some(level);
        Ok(fd)
    }

    #[cfg(any(feature = "dispatch", all(test, fanfare_loom)))]
    pub(crate) fn add_dispatcher(&self, waker: Waker) -> u64 {
        let mut outside = self.lock();
        outside.next_dispatcher += 1;
        let name = outside.next_dispatcher;
        let others = outside.dispatchers.iter().flat_map(|others| others.iter().cloned());
        outside.dispatchers = Some(others.chain([(name, waker)]).collect());
        name
    }

    #[cfg(feature = "dispatch")]
    pub(crate) fn remove_dispatcher(&self, name: u64) {
        let mut outside = self.lock();
        let all = outside.dispatchers.iter().flat_map(|all| all.iter().cloned());
        let others: Arc<[_]> = all.filter(|(other, _)| *other != name).collect();
        outside.dispatchers = (!others.is_empty()).then_some(others);
    }

    fn lock(&self) -> MutexGuard<'_, Outside> {
        // Nothing under this lock can leave it half changed.
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("any", &self.any).field("pushed", &self.pushed).finish()
    }
}
