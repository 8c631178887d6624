//! The entries of outboxes. There are two sorts: a *link*, which lives as long as its subscription
//! and is queued when its topic was raised, and an *event* entry, which lives while it is queued.

use crate::engine::pool::{NONE, pool_bytes};

/// Which of a stream's two queues (DESIGN 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Responses, acknowledgments, ends and errors, behind what belongs to them.
    Control,
    /// Everything else, in the order in which it was raised.
    Main,
}

/// An entry of an outbox. Of a link, its place in its topic's crowd says the rest: the stream, the
/// subscription, and whether it is queued.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) next: u32,
    pub(super) prev: u32,
    pub(crate) flags: u16,
    pub(crate) body: Body,
}

// There are more of them than of anything else. What says whether there is one takes no room: it is
// another value of what says which sort it is.
const _: () = assert!(pool_bytes::<Slot>() == 24);

#[derive(Debug)]
pub(crate) enum Body {
    Link(Link),
    Event(EventEntry),
}

/// One (subscription, topic) pair.
#[derive(Clone, Copy, Debug)]
// Packed, as the other one, so that the word that says which of the two it is takes half a word.
#[repr(C, packed(2))]
pub(crate) struct Link {
    pub(crate) topic: u32,
    /// Where it stands in its topic's crowd.
    pub(crate) topic_pos: u32,
    /// Where it stands among the links of its subscription ([`Lists`](crate::engine::links::Lists)).
    pub(crate) of_sub: u32,
}

/// One event queued for one stream.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(2))]
pub(crate) struct EventEntry {
    pub(crate) event: u32,
    pub(crate) stream: u32,
    /// Its owner, if that is not the session ([`Outboxes::owner`](crate::engine::outbox::Outboxes)).
    pub(crate) owned: u32,
}

/// An event in a lane; whether a link is in one stands at its place in its topic's crowd.
pub(crate) const QUEUED: u16 = 1;
/// The lane is [`Lane::Control`].
pub(crate) const CONTROL: u16 = 1 << 1;
/// A link that is not raised: its session's types exclude it.
pub(crate) const MUTED: u16 = 1 << 2;
/// A link made by a raising for an open session that hears of every URI; it goes when drained.
pub(crate) const PASSING: u16 = 1 << 3;
/// A link with a context of its own, or with the state of its task.
pub(crate) const CONTEXT: u16 = 1 << 4;
/// An event, or a link with the state of its task, that an overflow policy may drop, and that
/// counts against the session's bounds.
pub(crate) const DROPPABLE: u16 = 1 << 5;
/// In the hands of a frame callback just now.
pub(crate) const IN_HAND: u16 = 1 << 6;
/// Raised again while in hand: what is in hand does not cover it.
pub(crate) const AGAIN: u16 = 1 << 7;
/// A link to what the host does not let its holder hear of just now. It is muted as well, and
/// still held: by a client that need not know.
pub(crate) const WITHDRAWN: u16 = 1 << 8;

impl Slot {
    pub(crate) fn new(flags: u16, body: Body) -> Self {
        Self { next: NONE, prev: NONE, flags, body }
    }

    #[inline]
    pub(crate) fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    #[inline]
    pub(crate) fn link(&self) -> &Link {
        match &self.body {
            Body::Link(link) => link,
            Body::Event(_) => unreachable!("only links are chained to topics and subscriptions"),
        }
    }

    #[inline]
    pub(crate) fn link_mut(&mut self) -> &mut Link {
        match &mut self.body {
            Body::Link(link) => link,
            Body::Event(_) => unreachable!("only links are chained to topics and subscriptions"),
        }
    }

    pub(crate) fn event(&self) -> Option<EventEntry> {
        match self.body {
            Body::Event(entry) => Some(entry),
            Body::Link(_) => None,
        }
    }

    #[inline]
    pub(crate) fn lane(&self) -> Lane {
        if self.is(CONTROL) { Lane::Control } else { Lane::Main }
    }
}
