//! Who has how many of the frames that are lent: a thread that runs callbacks begins them one after
//! the other, and whoever takes the engine's lock ends that, without either waiting for the other.
//!
//! Frames are lent to one thread at a time. That writes down how many of them it has begun, before
//! each callback, and then looks whether they were recalled; who recalls them says so, and then
//! looks how many were begun. Between the two each passes a fence ([`barrier`]), which costs only
//! who recalls. So of a frame that was written down just when it was recalled at least one of the
//! two knows: if who recalls does not see it, its callback is not run. If both know, it counts as
//! begun for the one, and the other does not run it: who began it hears how many were seen, and puts
//! it back.
//!
//! [`barrier`]: crate::dispatch::barrier

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dispatch::barrier::{self, Fence};
use crate::sync::{AtomicBool, AtomicU64};

/// The most frames that are lent at once.
pub(crate) const MOST_LENT: usize = 256;

/// Who the frames are lent to at present.
#[derive(Debug, Default)]
pub(crate) struct Loans(Mutex<Current>);

#[derive(Debug, Default)]
struct Current {
    /// How many loans there have been.
    count: u64,
    loan: Option<Loan>,
}

#[derive(Debug)]
struct Loan {
    /// Which it is.
    name: u64,
    /// Whose: something that no other thread has while that one is alive.
    thread: usize,
    counter: Arc<Counter>,
}

/// How far a loan is. A line of a processor's cache of its own: it changes with each frame.
#[derive(Debug)]
#[repr(align(128))]
struct Counter {
    /// How many frames are begun. Only who has borrowed them writes it.
    begun: AtomicU64,
    /// Only under the engine's lock, and only once in a loan.
    is_recalled: AtomicBool,
}

/// Somebody who borrows, as often as wanted.
#[derive(Debug)]
pub(crate) struct Borrower {
    name: u64,
    counter: Arc<Counter>,
    fence: Fence,
}

impl Borrower {
    pub(crate) fn new() -> Self {
        let counter = Counter { begun: AtomicU64::new(0), is_recalled: AtomicBool::new(false) };
        Self { name: 0, counter: Arc::new(counter), fence: Fence::find() }
    }

    /// Which loan it has, or had last.
    pub(crate) fn name(&self) -> u64 {
        self.name
    }

    /// How far it is with its loan.
    pub(crate) fn progress(&self) -> Progress<'_> {
        Progress { counter: &self.counter, fence: self.fence }
    }
}

/// How far somebody is with a loan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress<'a> {
    counter: &'a Counter,
    fence: Fence,
}

impl Progress<'_> {
    /// Begins the frame that makes so many, unless the loan was recalled. Called by who has
    /// delivered those before.
    #[inline(always)]
    pub(crate) fn begin(self, count: usize) -> bool {
        // Who recalls has to see what was done for those before, too.
        self.counter.begun.store(count as u64, Release);
        self.fence.pass();
        !self.counter.is_recalled.load(Relaxed)
    }
}

/// What a recall has found.
#[derive(Debug)]
pub(crate) struct Recalled {
    /// Which loan it was.
    pub(crate) name: u64,
    /// So many frames had been begun. The last one of them may be put back as it is by who began it.
    pub(crate) begun: usize,
}

impl Loans {
    /// Lends to somebody on that thread, who has begun the first frame with that. Only under the
    /// engine's lock, as long as there is no other loan.
    pub(crate) fn lend(&self, borrower: &mut Borrower, thread: usize) {
        let mut current = self.current();
        current.count += 1;
        borrower.name = current.count;
        let counter = Arc::clone(&borrower.counter);
        counter.begun.store(1, Relaxed);
        counter.is_recalled.store(false, Relaxed);
        current.loan = Some(Loan { name: borrower.name, thread, counter });
    }

    /// Ends a loan that was not recalled; yields whether that is so. Only under the engine's lock, by
    /// who has it.
    pub(crate) fn end(&self, borrower: &Borrower) -> bool {
        let mut current = self.current();
        let is_there = current.loan.as_ref().is_some_and(|loan| loan.name == borrower.name);
        if is_there {
            current.loan = None;
        }
        is_there
    }

    /// Ends the loan, whoever has it: nothing of it is begun any more. Only under the engine's lock,
    /// if there is one. None if the system does not let this thread know how far it is
    /// ([`barrier::heavy`]): then who has it will end it as soon as it asks for the next frame.
    pub(crate) fn recall(&self, thread: usize) -> Option<Recalled> {
        let mut current = self.current();
        let loan = current.loan.as_ref().expect("something is lent");
        loan.counter.is_recalled.store(true, Relaxed);
        // A callback that calls the engine: its own thread knows.
        if loan.thread != thread && !barrier::heavy() {
            return None;
        }
        let begun = loan.counter.begun.load(Acquire) as usize;
        let name = loan.name;
        current.loan = None;
        Some(Recalled { name, begun })
    }

    /// Never waited for: it is only asked for under the engine's lock.
    fn current(&self) -> MutexGuard<'_, Current> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
