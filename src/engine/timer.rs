//! What is due when.
//!
//! Invariant: `next` is a time at which something may be due, never later than it is. A timer
//! that was set for a request that has gone is passed over when its time comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Names a request so that one that took its place is not mistaken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestRef {
    pub(crate) ix: u32,
    pub(crate) serial: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Timers(pub(super) BinaryHeap<Reverse<(u64, RequestRef)>>);

impl Timers {
    pub(crate) fn set(&mut self, due_ms: u64, request: RequestRef) {
        self.0.push(Reverse((due_ms, request)));
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((due_ms, _))| *due_ms)
    }

    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<RequestRef> {
        if self.next()? > now_ms {
            return None;
        }
        self.0.pop().map(|Reverse((_, request))| request)
    }
}
