//! A raising that is under way: of a large crowd, links are queued as they are drained.
//!
//! A raising touches each link of its topic, and a drain touches it again. Where there are more of
//! them than a processor's cache holds, each waits for memory twice. So where nothing else is
//! queued, a raising to everyone queues the first thousand, and a drain that comes to their end
//! queues the next, which are still at hand when it takes them out.
//!
//! Nobody can tell. Invariants, while a raising is under way:
//! * nothing was queued, and no stream was ready, when it began, and none is delivered by callback:
//!   so no frame of another raising is mixed with it, and nothing of it has to be made known;
//! * nothing is done but draining whichever streams are ready, and putting off other raisings;
//!   whoever wants anything else of `Core` has it finished first ([`Core::finish_raising`]);
//! * some stream is ready, unless there is nothing left to queue.

use std::ops::ControlFlow;

use crate::engine::Core;
use crate::engine::crowd::Reached;
use crate::engine::outbox::Outboxes;
use crate::engine::pool::NONE;

/// From so many links on, their places, streams and ids, some hundred bytes each, are more than
/// processors keep at hand; with fewer this gains nothing. In tests there are never many.
const LARGE: usize = if cfg!(test) { 4 } else { 1 << 17 };

/// How many links are queued at a time: few enough to be at hand still when they are drained.
const CHUNK: usize = if cfg!(test) { 2 } else { 1 << 10 };

/// What is left to queue of a crowd.
#[derive(Clone, Copy, Debug)]
pub(super) struct Underway {
    /// `NONE` if nothing is.
    topic: u32,
    at: usize,
    /// The count of raisings of the crowd with this one.
    raised: u32,
}

impl Underway {
    pub(super) const NOTHING: Self = Self { topic: NONE, at: 0, raised: 0 };
}

impl Core {
    /// Begins a raising to everyone that a drain will carry on, if that makes no difference.
    pub(super) fn begin_raising(&mut self, topic: u32) -> Option<Reached> {
        let out = &mut self.out;
        let crowd = out.crowd(topic);
        let is_large = crowd.places.len() >= LARGE;
        if !is_large || out.queued != 0 || out.is_ready() || self.has_callbacks {
            return None;
        }
        let reached = Reached { matched: crowd.unmuted(), merged: 0 };
        out.sort(topic);
        let raised = out.count_raised(topic);
        out.underway = Underway { topic, at: 0, raised };
        out.carry_on_raising();
        Some(reached)
    }
}

impl Outboxes {
    /// Whether some of a crowd is still to be queued.
    #[inline]
    pub(crate) fn is_underway(&self) -> bool {
        self.underway.topic != NONE
    }

    /// Queues more of a crowd, until a stream is ready or all is queued.
    pub(super) fn carry_on_raising(&mut self) {
        while self.is_underway() && !self.is_ready() {
            self.raise_up_to(self.underway.at + CHUNK);
        }
    }

    /// Queues the rest of a crowd.
    #[inline]
    pub(super) fn finish_underway(&mut self) {
        if self.is_underway() {
            self.raise_up_to(usize::MAX);
        }
    }

    fn raise_up_to(&mut self, end: usize) {
        let Underway { topic, mut at, raised } = self.underway;
        let special = self.raise_from(topic, &mut at, end, raised, &mut Reached::default());
        debug_assert_eq!(special, ControlFlow::Continue(()), "nothing of it was queued");
        let is_over = at >= self.crowd(topic).places.len();
        self.underway = if is_over { Underway::NOTHING } else { Underway { topic, at, raised } };
    }
}
