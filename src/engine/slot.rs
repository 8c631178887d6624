//! The entries of outboxes. There are two sorts: a *link*, which lives as long as its subscription
//! and is queued when its topic was raised, and an *event* entry, which lives while it is queued.

use crate::engine::pool::NONE;

/// Which of a stream's two queues (DESIGN 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Responses, acknowledgments, ends and errors, behind what belongs to them.
    Control,
    /// Everything else, in the order in which it was raised.
    Main,
}

/// An entry of an outbox.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) next: u32,
    pub(super) prev: u32,
    pub(crate) stream: u32,
    pub(crate) flags: u16,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Link(Link),
    Event(EventEntry),
}

/// One (subscription, topic) pair.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) topic: u32,
    /// Where it stands in its topic's crowd.
    pub(crate) topic_pos: u32,
    pub(crate) sub: u32,
    /// Where it stands among the links of its subscription ([`Lists`](crate::engine::links::Lists)).
    pub(crate) of_sub: u32,
}

/// One event queued for one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventEntry {
    pub(crate) event: u32,
    pub(crate) owner: Owner,
    /// The next entry of the same request.
    pub(crate) owner_next: u32,
}

/// What an event entry belongs to, and must not outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Session,
    Request(u32),
    Subscription(u32),
    /// The session, for which it is the queued progress of its token.
    OpenProgress,
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
    pub(crate) fn new(stream: u32, flags: u16, body: Body) -> Self {
        Self { next: NONE, prev: NONE, stream, flags, body }
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
