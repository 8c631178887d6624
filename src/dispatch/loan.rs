//! Who has how many of the frames that are lent: a thread that runs callbacks begins them one after
//! the other, and whoever takes the engine's lock ends that, without either waiting for the other.
//!
//! Frames are lent to one thread at a time. One number says how many of them it has begun; it goes
//! up by one before each callback, and another loan's number stands there as soon as this one has
//! ended. So a frame is either begun, and known to be by who ended the loan, or not begun at all.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::sync::AtomicU64;

/// The number: that of the loan above [`COUNT_BITS`], below how many frames are begun.
///
/// A line of a processor's cache of its own: it changes with each frame.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Loans(AtomicU64);

/// Leaves room for as many loans as there will ever be.
const COUNT_BITS: u32 = 12;

/// The most frames that are lent at once.
pub(crate) const MOST_LENT: usize = 64;

const _: () = assert!(MOST_LENT < 1 << COUNT_BITS);

/// A loan, as who begins its frames knows it.
#[derive(Debug)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// Which loan it is.
    pub(crate) fn name(&self) -> u64 {
        self.0 >> COUNT_BITS
    }
}

impl Loans {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Begins a loan, and its first frame. Only under the engine's lock, as long as there is no
    /// other.
    pub(crate) fn begin(&self) -> Ticket {
        let begun = self.0.fetch_add(1, AcqRel) + 1;
        Ticket(begun)
    }

    /// Begins the next frame, unless the loan has ended. Called by who has delivered the one
    /// before.
    #[inline]
    pub(crate) fn next(&self, ticket: &mut Ticket) -> bool {
        let next = ticket.0 + 1;
        let is_begun = self.0.compare_exchange(ticket.0, next, AcqRel, Acquire).is_ok();
        if is_begun {
            ticket.0 = next;
        }
        is_begun
    }

    /// Ends the loan: no frame of it is begun any more. Yields which it is, and how many have been.
    /// Only under the engine's lock.
    pub(crate) fn end(&self) -> (u64, usize) {
        let mut state = self.0.load(Acquire);
        loop {
            let name = state >> COUNT_BITS;
            match self.0.compare_exchange(state, (name + 1) << COUNT_BITS, AcqRel, Acquire) {
                Ok(_) => return (name, (state & ((1 << COUNT_BITS) - 1)) as usize),
                Err(now) => state = now,
            }
        }
    }
}
