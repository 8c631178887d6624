//! What queued events belong to, beside their session: few do to anything else, so what names it
//! stands apart, and the slots of all the others are as small as those of links.
//!
//! Invariant: each entry here is named by one event's slot, as long as that is not the session's.

use crate::engine::outbox::Outboxes;
use crate::engine::pool::NONE;
use crate::engine::slot::{Body, EventEntry};

/// What an event entry belongs to, and must not outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Session,
    Request(u32),
    Subscription(u32),
    /// The session, for which it is the queued progress of its token.
    OpenProgress,
}

/// The owner of an event, and the next event of the same request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    owner: Owner,
    next: u32,
}

impl Outboxes {
    /// An entry for an event that is to be queued on a stream.
    #[inline]
    pub(super) fn entry(&mut self, event: u32, stream: u32, owner: Owner) -> EventEntry {
        let owned = match owner {
            Owner::Session => NONE,
            owner => self.owned.insert(Owned { owner, next: NONE }),
        };
        EventEntry { event, stream, owned }
    }

    /// What a queued event belongs to; nothing of a link.
    pub(crate) fn owner(&self, slot: u32) -> Option<Owner> {
        let owned = self.slots[slot].event()?.owned;
        Some(if owned == NONE { Owner::Session } else { self.owned[owned].owner })
    }

    /// The next event of the same request.
    pub(super) fn next_of_owner(&self, slot: u32) -> u32 {
        let owned = self.slots[slot].event().map_or(NONE, |entry| entry.owned);
        if owned == NONE { NONE } else { self.owned[owned].next }
    }

    /// Another event is the next one of a request from now on.
    pub(super) fn set_next_of_owner(&mut self, slot: u32, next: u32) {
        if let Some(EventEntry { owned, .. }) = self.slots[slot].event()
            && owned != NONE
        {
            self.owned[owned].next = next;
        }
    }

    /// A queued event belongs to nothing but its session any more.
    pub(super) fn disown(&mut self, slot: u32) {
        if let Body::Event(entry) = &mut self.slots[slot].body {
            let owned = entry.owned;
            entry.owned = NONE;
            if owned != NONE {
                self.owned.remove(owned);
            }
        }
    }
}
