//! Raisings that are put off until somebody drains.
//!
//! Where some stream is ready already, whoever drains will come. So a raising to everyone is noted,
//! and its links are queued by who drains, or wants anything else that has to do with them. Then a
//! raising costs one look-up however many links there are, raising again costs no more, and what
//! is marked stays in the cache of the one processor that takes it out.
//!
//! Nobody can tell. Invariants, while some are put off:
//! * some stream is ready for a pull, and none is delivered by callback: so there is nothing to be
//!   made known;
//! * crowds are what they were, as whoever does anything but raise has the links queued first
//!   ([`Core::finish_raising`]);
//! * a topic is among them once, with the count of raisings that its links are queued with.

use std::ops::ControlFlow;

use crate::engine::Core;
use crate::engine::ahead::AHEAD;
use crate::engine::crowd::Reached;
use crate::engine::slot::{AGAIN, IN_HAND};

/// A raising whose links are still to be queued.
#[derive(Clone, Copy, Debug)]
pub(super) struct PutOff {
    topic: u32,
    /// The count of raisings of its crowd with it.
    raised: u32,
}

impl Core {
    /// Notes a raising to everyone, if that makes no difference.
    pub(super) fn put_off(&mut self, topic: u32) -> Option<Reached> {
        if self.has_callbacks || !self.out.is_ready() {
            return None;
        }
        // A topic without a link is none for long.
        let crowd = self.out.crowds.get_mut(topic as usize).filter(|crowd| !crowd.is_empty())?;
        let raised = crowd.raise_later()?;
        let matched = crowd.unmuted();
        // Raised again before the first one is queued: by then it will have been.
        let merged = if crowd.is_put_off { matched } else { 0 };
        if !std::mem::replace(&mut crowd.is_put_off, true) {
            self.out.put_off.push(PutOff { topic, raised });
        }
        Some(Reached { matched, merged })
    }

    /// Queues all that is left of raisings.
    #[inline]
    pub(crate) fn finish_raising(&mut self) {
        self.out.finish_underway();
        self.queue_put_off();
    }

    /// Queues the links of what was put off, in the order of raising.
    #[inline]
    pub(super) fn queue_put_off(&mut self) {
        if !self.out.put_off.is_empty() {
            // It was raised before.
            self.out.finish_underway();
            self.queue_all_put_off();
        }
    }

    #[inline(never)]
    fn queue_all_put_off(&mut self) {
        let mut put_off = std::mem::take(&mut self.out.put_off);
        for some in put_off.chunks(AHEAD) {
            self.out.fetch_crowds(some.iter().map(|it| it.topic));
            for &PutOff { topic, raised } in some {
                self.out.crowds[topic as usize].is_put_off = false;
                self.counters.merged += self.queue_crowd(topic, raised).merged as u64;
            }
        }
        put_off.clear();
        self.out.put_off = put_off;
    }

    /// Queues the links of a crowd, in one pass over them.
    pub(super) fn queue_crowd(&mut self, topic: u32, raised: u32) -> Reached {
        self.out.sort(topic);
        let (mut at, mut reached) = (0, Reached::default());
        while let ControlFlow::Break(slot) =
            self.out.raise_from(topic, &mut at, usize::MAX, raised, &mut reached)
        {
            reached.matched += 1;
            let record = &self.out.slots[slot];
            if record.is(IN_HAND) && !record.is(AGAIN) {
                self.out.raise_again(slot, true);
            } else {
                reached.merged += 1;
            }
            // The latest raising has no context, so neither has the merged notice.
            self.drop_context(slot);
        }
        reached
    }
}
