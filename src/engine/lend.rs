//! Lending: the first frames of several sessions handed out at once, for callbacks that come one
//! after the other.
//!
//! Mostly all that is lent is delivered. So a plain notice leaves its outbox when it is lent, in the
//! one visit that also reads it, and what would undo that is noted; nothing is left to be done for
//! it once it was delivered. What is taken back is put where it was, so that nobody can tell: then
//! the engine is what it would be if the frames had been taken in hand one by one
//! ([`Core::take_in_hand`]). Those that were delivered have left, the one that a callback is looking
//! at is in hand, the others were never touched. Invariant: while something is lent, nothing is done
//! but taking it back or settling it.
//!
//! Only plain frames are lent, of streams that are the only one of their session. An event stays
//! where it is until it was delivered, since its body goes with it. What is counted for all streams
//! together is counted then, too.

use crate::engine::Core;
use crate::engine::ahead::{self, AHEAD};
use crate::engine::drain::{Address, Hand, Sink, Source};
use crate::engine::outbox::{LIVELY, NAMED, Outboxes, PUSHED, READY, UNUSUAL};
use crate::engine::plain::{First, Run, plain};
use crate::engine::pool::NONE;
use crate::engine::topic::Topic;
use crate::params::{SessionId, StreamId};
use crate::protocol::encode::Text;

/// What is lent.
#[derive(Debug, Default)]
pub(super) struct Lent {
    loans: Vec<Loan>,
    /// How many of them are notices, and the bytes of those, framing included.
    notices: u64,
    bytes: u64,
    /// Something is left to be done for one of them when it was delivered.
    is_unsettled: bool,
}

/// A frame that is lent, and how it was before.
#[derive(Clone, Copy, Debug)]
struct Loan {
    slot: u32,
    stream: u32,
    /// What it takes, framing included.
    len: u32,
    /// None of an event, and then what follows says nothing.
    topic: u32,
    pos: u32,
    /// The slot behind it.
    next: u32,
    /// How many raisings had merged into it.
    merged: u32,
    was_lively: bool,
    must_spill: bool,
}

const _: () = assert!(size_of::<Loan>() == 32);

/// What keeps a stream from lending. One without a name that is connected is its session's only
/// one.
const UNLENT: u16 = UNUSUAL & !PUSHED | NAMED;

impl Core {
    /// Lends up to `max` frames, each of another session, in the order in which they are to be
    /// delivered. Yields how many: none if the first is not a plain one.
    #[inline]
    pub(crate) fn lend(&mut self, max: usize, sink: &mut impl Sink) -> usize {
        debug_assert!(self.lent.loans.is_empty());
        let Self { out, topics, subs, events, lent, .. } = self;
        let mut at = out.ready[1].head;
        let mut run = Run::NONE;
        let (mut notices, mut bytes, mut is_unsettled) = (0, 0, false);
        while at != NONE && lent.loans.len() < max {
            if lent.loans.len().is_multiple_of(AHEAD) {
                ahead::fetch_ready(at, run, out, subs);
            }
            let Outboxes { streams, slots, crowds, .. } = &mut *out;
            let (stream, handle) = streams.with_handle_mut(at);
            let slot = stream.main.head;
            let Some(first) = First::of(stream, at, UNLENT, run, slots, crowds) else { break };
            let to = Address {
                session: SessionId(stream.session_handle()),
                stream: StreamId(handle),
                framing: stream.framing,
            };
            let loan = match first {
                First::Notice { topic, pos, sub, next } => {
                    let (source, subscription) = (Source::Topic(topic), subs.id(sub));
                    let len = sink.take_alike(to, source, subscription).or_else(|| {
                        let Topic { kind, ref tail, .. } = topics[topic];
                        let text = Text::Notice { kind, tail, subscription, context: None };
                        sink.take(&plain(to, text, source))
                    });
                    let Some(len) = len else { break };
                    if next != NONE {
                        slots[slot].next = NONE;
                        slots[next].prev = NONE;
                    }
                    run = Run::behind(topic, pos);
                    let merged = crowds[topic as usize].let_go(pos);
                    let was_lively = stream.is(LIVELY);
                    let must_spill = stream.pop_plain(next, merged);
                    is_unsettled |= next != NONE || must_spill;
                    notices += 1;
                    bytes += len as u64;
                    let (stream, len) = (at, len as u32);
                    Loan { slot, stream, len, topic, pos, next, merged, was_lively, must_spill }
                }
                First::Event(event) => {
                    let text = Text::Whole(events.body(event));
                    let output = plain(to, text, Source::Event(event));
                    let Some(len) = sink.take(&output) else { break };
                    stream.flags &= !READY;
                    is_unsettled = true;
                    Loan::of_event(slot, at, len as u32)
                }
            };
            lent.loans.push(loan);
            at = stream.ready_next;
        }
        if !lent.loans.is_empty() {
            out.cut_ready(true, at);
        }
        (lent.notices, lent.bytes, lent.is_unsettled) = (notices, bytes, is_unsettled);
        lent.loans.len()
    }

    /// Whether frames are lent.
    #[inline]
    pub(crate) fn has_lent(&self) -> bool {
        !self.lent.loans.is_empty()
    }

    /// All that is lent was delivered.
    pub(crate) fn settle_lent(&mut self) {
        let mut lent = std::mem::take(&mut self.lent);
        let notices = std::mem::take(&mut lent.notices);
        self.out.queued -= notices;
        self.counters.delivered += notices;
        self.counters.delivered_bytes += std::mem::take(&mut lent.bytes);
        // Who has more to send waits for its next turn.
        if std::mem::take(&mut lent.is_unsettled) {
            for loan in &lent.loans {
                self.settle(loan);
            }
        }
        lent.loans.clear();
        self.lent = lent;
    }

    fn settle(&mut self, loan: &Loan) {
        if loan.topic == NONE {
            self.finish_frame(loan.stream, loan.slot, loan.len as usize);
            return self.out.refresh(loan.stream);
        }
        if loan.must_spill {
            self.out.spill(loan.stream);
        }
        if loan.next != NONE {
            self.out.enter_ready(loan.stream);
        }
    }

    /// Takes back what is lent. So many have been begun, at least one: all but the last of those
    /// were delivered; that one is in hand now.
    pub(crate) fn take_back(&mut self, begun: usize) -> Hand {
        let Loan { slot, stream, .. } = self.lent.loans[begun - 1];
        for at in (begun - 1..self.lent.loans.len()).rev() {
            let loan = self.lent.loans[at];
            if loan.topic != NONE {
                self.lent.notices -= 1;
                self.lent.bytes -= u64::from(loan.len);
            }
            self.out.restore(&loan);
        }
        self.lent.loans.truncate(begun - 1);
        self.settle_lent();
        let hand = Hand::new(slot, &self.output(stream, slot));
        self.mark_in_hand(stream, slot);
        hand
    }

    /// Keeps a frame that was taken back, and how many had been begun with it, for who has begun
    /// it, until that asks for it.
    pub(crate) fn keep_hand(&mut self, whose: u64, begun: usize, hand: Hand) {
        self.kept_hands.push((whose, begun, hand));
    }

    /// What was kept for somebody.
    pub(crate) fn kept_hand(&mut self, whose: u64) -> (usize, Hand) {
        let at = self.kept_hands.iter().position(|&(other, ..)| other == whose);
        let kept = self.kept_hands.swap_remove(at.expect("what is taken back is kept"));
        (kept.1, kept.2)
    }
}

impl Loan {
    fn of_event(slot: u32, stream: u32, len: u32) -> Self {
        Self {
            slot,
            stream,
            len,
            topic: NONE,
            pos: 0,
            next: NONE,
            merged: 0,
            was_lively: false,
            must_spill: false,
        }
    }
}

impl Outboxes {
    /// Puts a frame that was lent back where it was. What was lent before it is still lent, what
    /// was lent after it is back already.
    fn restore(&mut self, loan: &Loan) {
        let &Loan { slot, stream, topic, pos, next, merged, was_lively, .. } = loan;
        if topic != NONE {
            self.crowds[topic as usize].take_again(pos, merged);
            if next != NONE {
                self.slots[slot].next = next;
                self.slots[next].prev = slot;
            }
            self.streams[stream].push_plain(slot, merged, was_lively);
        }
        self.enter_ready_first(stream);
    }
}
