//! The common case of the way out: notices and events with nothing special about them, from streams
//! with nothing special about them, each in one visit of its records.

use crate::engine::Core;
use crate::engine::ahead::{self, AHEAD};
use crate::engine::crowd::{Crowd, Place};
use crate::engine::drain::{Address, Output, Sink, Source, TURN};
use crate::engine::outbox::{Outboxes, Stream, UNUSUAL, next_droppable};
use crate::engine::pool::{NONE, Pool};
use crate::engine::slot::{Body, DROPPABLE, Link, QUEUED, Slot};
use crate::engine::topic::Topic;
use crate::params::{SessionId, StreamId};
use crate::protocol::encode::Text;

/// Why a run of plain frames ended.
pub(super) enum Halt {
    /// So many were wanted, or there are no more.
    Done,
    Declined,
    /// The stream that is first has something else to send, and so many frames are left of its
    /// turn.
    Other(u32, usize),
}

impl Core {
    /// Takes up to `max` plain frames from the streams that are ready for a pull, in turns.
    /// Yields how many, and why no more.
    #[inline]
    pub(super) fn drain_plain(&mut self, max: usize, sink: &mut impl Sink) -> (usize, Halt) {
        let Self { out, topics, subs, sessions, events, .. } = self;
        let (mut taken, mut bytes, mut served) = (0, 0, 0_usize);
        // The list of ready streams is walked first, and cut where the walk has come to.
        let mut at = out.ready[0].head;
        let mut run = Run::NONE;
        let halt = loop {
            if at == NONE && out.is_underway() {
                out.cut_ready(false, NONE);
                out.carry_on_raising();
                at = out.ready[0].head;
            }
            if at == NONE || taken == max {
                break Halt::Done;
            }
            if served.is_multiple_of(AHEAD) {
                ahead::fetch_ready(at, run, out, subs);
            }
            served += 1;
            let before = taken;
            let turn = TURN.min(max - taken);
            let end = loop {
                let Outboxes { streams, slots, crowds, .. } = &mut *out;
                let (stream, handle) = streams.with_handle_mut(at);
                let slot_ix = stream.main.head;
                let Some(first) = First::of(stream, at, UNUSUAL, run, slots, crowds) else {
                    break End::Other;
                };
                let to = Address {
                    session: SessionId(stream.session_handle()),
                    stream: StreamId(handle),
                    framing: stream.framing,
                };
                let (len, merged, next) = match first {
                    First::Notice { topic, pos, sub, next } => {
                        let (source, subscription) = (Source::Topic(topic), subs.id(sub));
                        let len = sink.take_alike(to, source, subscription).or_else(|| {
                            let Topic { kind, ref tail, .. } = topics[topic];
                            let text = Text::Notice { kind, tail, subscription, context: None };
                            sink.take(&plain(to, text, source))
                        });
                        let Some(len) = len else { break End::Declined };
                        if next != NONE {
                            slots[slot_ix].next = NONE;
                        }
                        run = Run::behind(topic, pos);
                        (len, crowds[topic as usize].let_go(pos), next)
                    }
                    First::Event(event) => {
                        let body = events.body(event);
                        let output = plain(to, Text::Whole(body), Source::Event(event));
                        let Some(len) = sink.take(&output) else { break End::Declined };
                        let Slot { next, flags, .. } = slots.remove(slot_ix);
                        let session = &mut sessions[stream.session()];
                        session.uncount_event(flags & DROPPABLE != 0, body.len());
                        events.release(event);
                        if stream.first_droppable == slot_ix {
                            stream.first_droppable = next_droppable(slots, next);
                        }
                        (len, 0, next)
                    }
                };
                taken += 1;
                bytes += len as u64;
                let must_spill = stream.pop_plain(next, merged);
                let ready_next = stream.ready_next;
                if must_spill {
                    out.spill(at);
                }
                if next == NONE {
                    break End::Empty(ready_next);
                }
                out.slots[next].prev = NONE;
                if taken - before == turn {
                    break End::Turn;
                }
            };
            match end {
                End::Empty(next) => at = next,
                End::Turn => {
                    out.cut_ready(false, at);
                    out.rotate(at);
                    at = out.ready[0].head;
                }
                End::Declined => break Halt::Declined,
                End::Other => break Halt::Other(at, turn - (taken - before)),
            }
        };
        out.cut_ready(false, at);
        out.queued -= taken as u64;
        self.counters.delivered += taken as u64;
        self.counters.delivered_bytes += bytes;
        (taken, halt)
    }
}

/// Streams mostly come to be ready by the raising of one topic, in the order of its crowd: so who
/// has just taken a notice knows where the next one's place would be, and if it is there the slot
/// need not be asked.
#[derive(Clone, Copy)]
pub(super) struct Run {
    topic: u32,
    pos: u32,
}

impl Run {
    /// Nobody knows where the next one's place would be.
    pub(super) const NONE: Self = Self { topic: NONE, pos: 0 };

    #[inline(always)]
    pub(super) fn behind(topic: u32, pos: u32) -> Self {
        Self { topic, pos: pos + 1 }
    }

    /// The place, if it is that of a plain notice that is first on a stream.
    #[inline(always)]
    fn place(self, crowds: &[Crowd], stream: u32, slot: u32) -> Option<Place> {
        let place = *crowds.get(self.topic as usize)?.places.get(self.pos as usize)?;
        (place.stream == stream && place.slot == slot && place.is_plain()).then_some(place)
    }

    /// The places from there on.
    pub(super) fn places(self, crowds: &[Crowd]) -> &[Place] {
        let crowd = crowds.get(self.topic as usize);
        crowd.and_then(|crowd| crowd.places.get(self.pos as usize..)).unwrap_or_default()
    }
}

/// What a stream would send next, where that is plain.
#[derive(Clone, Copy, Debug)]
pub(super) enum First {
    /// With its place in the crowd, and the slot behind it.
    Notice {
        topic: u32,
        pos: u32,
        sub: u32,
        next: u32,
    },
    Event(u32),
}

impl First {
    /// None if the stream has one of the flags that are unusual, or something else to send.
    #[inline(always)]
    pub(super) fn of(
        stream: &Stream,
        stream_ix: u32,
        unusual: u16,
        run: Run,
        slots: &Pool<Slot>,
        crowds: &[Crowd],
    ) -> Option<Self> {
        let slot_ix = stream.main.head;
        if stream.is(unusual) || stream.control.head != NONE || slot_ix == NONE {
            return None;
        }
        if stream.queued == 1
            && let Some(Place { sub, .. }) = run.place(crowds, stream_ix, slot_ix)
        {
            return Some(Self::Notice { topic: run.topic, pos: run.pos, sub, next: NONE });
        }
        let slot = &slots[slot_ix];
        match slot.body {
            Body::Link(link) if slot.flags == 0 => {
                let Link { topic, topic_pos: pos, .. } = link;
                let sub = crowds[topic as usize].places[pos as usize].sub;
                Some(Self::Notice { topic, pos, sub, next: slot.next })
            }
            Body::Event(entry)
                if entry.owned == NONE && slot.flags & !(QUEUED | DROPPABLE) == 0 =>
            {
                Some(Self::Event(entry.event))
            }
            _ => None,
        }
    }
}

/// A frame with nothing but its text.
#[inline(always)]
pub(super) fn plain(to: Address, text: Text<'_>, source: Source) -> Output<'_> {
    Output { to, is_last: false, head: None, text, source: Some(source) }
}

/// What the visit of a stream ended with.
enum End {
    /// It has nothing left; this one is ready after it.
    Empty(u32),
    /// Others are to have their turn.
    Turn,
    Other,
    Declined,
}
