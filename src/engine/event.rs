//! Event bodies: encoded once, shared by every entry that stands for them in an outbox.
//!
//! Invariant: `bytes` is the sum of the bodies that live, plus a fixed cost for each entry; it is
//! what `engine.max_queued_bytes` bounds.

use crate::engine::crowd::Place;
use crate::engine::pool::Pool;
use crate::engine::slot::Slot;

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) body: Box<str>,
    pub(super) entries: u32,
}

/// What an entry in an outbox costs beside the body: the slot, and a link's place in its crowd or
/// an event's share of what stands for its body.
pub(crate) const ENTRY_BYTES: u64 = (size_of::<Slot>() + size_of::<Place>()) as u64;

#[derive(Debug)]
pub(crate) struct Events {
    pub(super) events: Pool<Event>,
    pub(crate) bytes: u64,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { events: Pool::new(), bytes: 0 }
    }

    /// A body, held by its maker until [`release`](Self::release).
    pub(crate) fn insert(&mut self, body: String) -> u32 {
        self.bytes += body.len() as u64 + ENTRY_BYTES;
        self.events.insert(Event { body: body.into(), entries: 1 })
    }

    #[inline]
    pub(crate) fn hold(&mut self, ix: u32) {
        self.bytes += ENTRY_BYTES;
        self.events[ix].entries += 1;
    }

    #[inline]
    pub(crate) fn release(&mut self, ix: u32) {
        self.bytes -= ENTRY_BYTES;
        let event = &mut self.events[ix];
        event.entries -= 1;
        if event.entries == 0 {
            self.bytes -= event.body.len() as u64;
            self.events.remove(ix);
        }
    }

    /// The body of that place, if there is one.
    pub(crate) fn find(&self, ix: u32) -> Option<&str> {
        self.events.get(ix).map(|event| &*event.body)
    }

    #[inline]
    pub(crate) fn body(&self, ix: u32) -> &str {
        &self.events[ix].body
    }
}
