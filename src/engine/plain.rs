//! The common case of the way out: notices and events with nothing special about them, from streams
//! with nothing special about them, each in one visit of its records.

use crate::engine::Core;
use crate::engine::ahead::{self, AHEAD};
use crate::engine::crowd::{Crowd, Place};
use crate::engine::drain::{Address, Output, Sink, Source, TURN};
use crate::engine::outbox::{Outboxes, UNUSUAL, next_droppable};
use crate::engine::pool::NONE;
use crate::engine::slot::{Body, DROPPABLE, EventEntry, Link, Owner, QUEUED, Slot};
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
        let mut run = Run { topic: NONE, pos: 0 };
        let halt = loop {
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
                if stream.is(UNUSUAL) || stream.control.head != NONE || slot_ix == NONE {
                    break End::Other;
                }
                let to = Address {
                    session: SessionId(stream.session_handle()),
                    stream: StreamId(handle),
                    framing: stream.framing,
                };
                let in_run = run.place(crowds, at, slot_ix).filter(|_| stream.queued == 1);
                let notice = match in_run {
                    Some(place) => {
                        Some(Notice { topic: run.topic, pos: run.pos, sub: place.sub, next: NONE })
                    }
                    None => match (&slots[slot_ix].body, slots[slot_ix].flags) {
                        (&Body::Link(Link { topic, topic_pos, sub, .. }), 0) => {
                            let next = slots[slot_ix].next;
                            Some(Notice { topic, pos: topic_pos, sub, next })
                        }
                        (Body::Event(_), flags) if flags & !(QUEUED | DROPPABLE) == 0 => None,
                        _ => break End::Other,
                    },
                };
                let (len, merged, next) = if let Some(Notice { topic, pos, sub, next }) = notice {
                    let (source, subscription) = (Source::Topic(topic), subs.id(sub));
                    let len = sink.take_alike(to, source, subscription).or_else(|| {
                        let Topic { kind, ref tail, .. } = topics[topic];
                        let text = Text::Notice { kind, tail, subscription, context: None };
                        let source = Some(source);
                        sink.take(&Output { to, is_last: false, head: None, text, source })
                    });
                    let Some(len) = len else { break End::Declined };
                    if next != NONE {
                        slots[slot_ix].next = NONE;
                    }
                    run = Run { topic, pos: pos + 1 };
                    (len, crowds[topic as usize].let_go(pos), next)
                } else {
                    let Some(EventEntry { event, owner: Owner::Session, .. }) =
                        slots[slot_ix].event()
                    else {
                        break End::Other;
                    };
                    let body = events.body(event);
                    let (text, source) = (Text::Whole(body), Some(Source::Event(event)));
                    let output = Output { to, is_last: false, head: None, text, source };
                    let Some(len) = sink.take(&output) else { break End::Declined };
                    let Slot { next, flags, .. } = slots.remove(slot_ix);
                    let is_droppable = flags & DROPPABLE != 0;
                    sessions[stream.session()].uncount_event(is_droppable, body.len());
                    events.release(event);
                    if stream.first_droppable == slot_ix {
                        stream.first_droppable = next_droppable(slots, next);
                    }
                    (len, 0, next)
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
                    out.cut_ready(at);
                    out.rotate(at);
                    at = out.ready[0].head;
                }
                End::Declined => break Halt::Declined,
                End::Other => break Halt::Other(at, turn - (taken - before)),
            }
        };
        out.cut_ready(at);
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

/// A notice that is first on its stream.
struct Notice {
    topic: u32,
    /// Its place in the crowd.
    pos: u32,
    sub: u32,
    /// The slot behind it.
    next: u32,
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
