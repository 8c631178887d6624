//! What is due when.
//!
//! Invariant: `next` is a time at which something may be due, never later than it is. What was
//! set for a request that has gone is passed over when its time comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::engine::debounce::Key;

/// Something to do at its time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// Progress of a request was held back.
    Progress(RequestRef),
    /// The interval of a topic is over.
    Debounce(Key),
}

/// Names a request so that one that took its place is not mistaken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestRef {
    pub(crate) ix: u32,
    pub(crate) serial: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// By time, and at the same time in the order in which they were set.
    heap: BinaryHeap<Reverse<(u64, u64, Due)>>,
    serial: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, due_ms: u64, due: Due) {
        self.serial += 1;
        self.heap.push(Reverse((due_ms, self.serial, due)));
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((due_ms, ..))| *due_ms)
    }

    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Due> {
        if self.next()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((.., due))| due)
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Due> {
        self.heap.iter().map(|Reverse((.., due))| due)
    }
}
