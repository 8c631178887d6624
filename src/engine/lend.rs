//! Lending: the first frames of several sessions handed out at once, for callbacks that come one
//! after the other.
//!
//! What is lent stays where it is, and nothing is changed before it is taken back. Then it becomes
//! what it would be if the frames had been taken in hand one by one ([`Core::take_in_hand`]): those
//! that were delivered leave, the one that a callback is looking at is in hand, the others were
//! never touched. Invariant: while something is lent, nothing is done but taking it back; so between
//! the two, the frames are the first of the first streams that are ready for a callback.
//!
//! Only plain frames are lent, of streams that are the only one of their session.

use crate::engine::Core;
use crate::engine::ahead::{self, AHEAD};
use crate::engine::drain::{Address, Hand, Sink, Source};
use crate::engine::outbox::{NAMED, Outboxes, PUSHED, UNUSUAL};
use crate::engine::plain::{First, Run};
use crate::engine::pool::NONE;
use crate::params::{SessionId, StreamId};

/// Where a frame that is lent stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loan {
    slot: u32,
    stream: u32,
    /// What it takes, framing included.
    len: u32,
    first: First,
}

/// What keeps a stream from lending. One without a name that is connected is its session's only
/// one.
const UNLENT: u16 = UNUSUAL & !PUSHED | NAMED;

impl Core {
    /// Lends up to `max` frames, each of another session, in the order in which they are to be
    /// delivered. Yields how many: none if the first is not a plain one.
    pub(crate) fn lend(&mut self, max: usize, sink: &mut impl Sink) -> usize {
        debug_assert!(self.lent.is_empty());
        let mut lent = std::mem::take(&mut self.lent);
        let mut at = self.out.ready[1].head;
        let mut run = Run::NONE;
        while at != NONE && lent.len() < max {
            if lent.len().is_multiple_of(AHEAD) {
                ahead::fetch_ready(at, run, &self.out, &self.subs);
            }
            let Outboxes { streams, slots, crowds, .. } = &self.out;
            let (stream, handle) = streams.with_handle(at);
            let Some(first) = First::of(stream, at, UNLENT, run, slots, crowds) else { break };
            let alike = match first {
                First::Notice { topic, pos, sub, .. } => {
                    run = Run::behind(topic, pos);
                    let to = Address {
                        session: SessionId(stream.session_handle()),
                        stream: StreamId(handle),
                        framing: stream.framing,
                    };
                    sink.take_alike(to, Source::Topic(topic), self.subs.id(sub))
                }
                First::Event(_) => None,
            };
            let slot = stream.main.head;
            let Some(len) = alike.or_else(|| sink.take(&self.output(at, slot))) else { break };
            lent.push(Loan { slot, stream: at, len: len as u32, first });
            at = stream.ready_next;
        }
        self.lent = lent;
        self.lent.len()
    }

    /// Whether frames are lent.
    #[inline]
    pub(crate) fn has_lent(&self) -> bool {
        !self.lent.is_empty()
    }

    /// Takes back what is lent. So many have been begun, at least one: all but the last of those
    /// were delivered; that one is in hand now.
    pub(crate) fn take_back(&mut self, begun: usize) -> Hand {
        let mut lent = std::mem::take(&mut self.lent);
        let Loan { slot, stream, .. } = lent[begun - 1];
        for loan in &lent[..begun - 1] {
            self.deliver_lent(*loan);
        }
        let hand = Hand::new(slot, &self.output(stream, slot));
        self.mark_in_hand(stream, slot);
        lent.clear();
        self.lent = lent;
        hand
    }

    /// A frame that was lent has been delivered, and the stream waits for its next turn.
    #[inline]
    fn deliver_lent(&mut self, Loan { slot, stream, len, first }: Loan) {
        let First::Notice { topic, pos, next, .. } = first else {
            self.finish_frame(stream, slot, len as usize);
            return self.out.rotate(stream);
        };
        // The common case, in one visit of its records.
        let Outboxes { slots, streams, crowds, .. } = &mut self.out;
        let merged = crowds[topic as usize].let_go(pos);
        if next != NONE {
            slots[slot].next = NONE;
            slots[next].prev = NONE;
        }
        if streams[stream].pop_plain(next, merged) {
            self.out.spill(stream);
        }
        self.out.leave_ready(stream);
        if next != NONE {
            self.out.enter_ready(stream);
        }
        self.out.queued -= 1;
        self.counters.delivered += 1;
        self.counters.delivered_bytes += u64::from(len);
    }

    /// Keeps a frame that was taken back for who has begun it, until that asks for it.
    pub(crate) fn keep_hand(&mut self, whose: u64, hand: Hand) {
        self.kept_hands.push((whose, hand));
    }

    /// The frame that was kept for somebody.
    pub(crate) fn kept_hand(&mut self, whose: u64) -> Hand {
        let at = self.kept_hands.iter().position(|&(other, _)| other == whose);
        self.kept_hands.swap_remove(at.expect("what is taken back is kept for who began it")).1
    }
}
