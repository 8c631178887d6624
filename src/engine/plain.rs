//! The common case of the way out: notices and events with nothing special about them, from streams
//! with nothing special about them, each in one visit of its records.

use crate::engine::Core;
use crate::engine::ahead::{self, AHEAD};
use crate::engine::drain::{Address, Output, Sink, Source, TURN};
use crate::engine::outbox::{Outboxes, UNUSUAL, next_droppable};
use crate::engine::pool::NONE;
use crate::engine::slot::{Body, DROPPABLE, EventEntry, Owner, QUEUED};
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
        let halt = loop {
            if at == NONE || taken == max {
                break Halt::Done;
            }
            if served.is_multiple_of(AHEAD) {
                ahead::fetch_ready(at, out, subs);
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
                let slot = &mut slots[slot_ix];
                let next = slot.next;
                let to = Address {
                    session: SessionId(stream.session_handle()),
                    stream: StreamId(handle),
                    framing: stream.framing,
                };
                let (len, merged) = match (&slot.body, slot.flags) {
                    (Body::Link(link), 0) => {
                        let source = Source::Topic(link.topic);
                        let subscription = subs.id(link.sub);
                        let len = sink.take_alike(to, source, subscription).or_else(|| {
                            let topic = &topics[link.topic];
                            let (kind, tail) = (topic.kind, &*topic.tail);
                            let text = Text::Notice { kind, tail, subscription, context: None };
                            let source = Some(source);
                            sink.take(&Output { to, is_last: false, head: None, text, source })
                        });
                        let Some(len) = len else { break End::Declined };
                        let merged = crowds[link.topic as usize].let_go(link.topic_pos);
                        if next != NONE {
                            slot.next = NONE;
                        }
                        (len, merged)
                    }
                    (&Body::Event(EventEntry { event, owner: Owner::Session, .. }), flags)
                        if flags & !(QUEUED | DROPPABLE) == 0 =>
                    {
                        let body = events.body(event);
                        let (text, source) = (Text::Whole(body), Some(Source::Event(event)));
                        let output = Output { to, is_last: false, head: None, text, source };
                        let Some(len) = sink.take(&output) else { break End::Declined };
                        let is_droppable = flags & DROPPABLE != 0;
                        sessions[stream.session()].uncount_event(is_droppable, body.len());
                        events.release(event);
                        slots.remove(slot_ix);
                        if stream.first_droppable == slot_ix {
                            stream.first_droppable = next_droppable(slots, next);
                        }
                        (len, 0)
                    }
                    _ => break End::Other,
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

/// What the visit of a stream ended with.
enum End {
    /// It has nothing left; this one is ready after it.
    Empty(u32),
    /// Others are to have their turn.
    Turn,
    Other,
    Declined,
}
