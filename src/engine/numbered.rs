//! The common case on a stream with event ids: notices and events with nothing special about them,
//! from a stream with nothing special about it but the ids. What is sent of it at a time is one run:
//! its entry is looked up once, and its frames are noted together.

use crate::engine::Core;
use crate::engine::drain::{Address, Output, Sink};
use crate::engine::outbox::{NUMBERED, Outboxes, UNUSUAL, next_droppable};
use crate::engine::plain::{First, Run};
use crate::engine::pool::NONE;
use crate::engine::slot::{DROPPABLE, Slot};
use crate::framing::Framing;
use crate::params::{SessionId, StreamId};
use crate::protocol::encode::Text;

impl Core {
    /// Takes up to `max` plain frames off a numbered stream, and keeps them. Yields how many, and
    /// whether the sink declined; `head` is room to write in.
    pub(super) fn drain_plain_numbered(
        &mut self,
        stream_ix: u32,
        max: usize,
        head: &mut String,
        sink: &mut impl Sink,
    ) -> (usize, bool) {
        let Self { out, topics, subs, sessions, events, replays, config, .. } = self;
        let (mut taken, mut bytes, mut forgotten) = (0, 0, 0);
        let mut is_declined = false;
        let (kept, texts) = replays.of_with_texts(stream_ix);
        while taken < max && events.bytes <= config.engine_max_queued_bytes {
            let Outboxes { streams, slots, crowds, .. } = &mut *out;
            let (stream, handle) = streams.with_handle_mut(stream_ix);
            let slot_ix = stream.main.head;
            let unusual = UNUSUAL & !NUMBERED;
            let Some(first) = First::of(stream, stream_ix, unusual, Run::NONE, slots, crowds)
            else {
                break;
            };
            head.clear();
            Framing::head_with_id(|out| kept.id(kept.next()).write(out), head);
            let to = Address {
                session: SessionId(stream.session_handle()),
                stream: StreamId(handle),
                framing: stream.framing,
            };
            let output = |text| Output { to, is_last: false, head: Some(head), text, source: None };
            let (len, body, merged, next) = match first {
                First::Notice { topic, pos, sub, next } => {
                    let tail = &topics[topic].tail;
                    let (kind, subscription) = (topics[topic].kind, subs.id(sub));
                    let text = Text::Notice { kind, tail, subscription, context: None };
                    let latest = texts.latest(topic);
                    let known = events.find(latest).filter(|body| text.is(body));
                    let taken = sink.take(&output(known.map_or(text, Text::Whole)));
                    let Some(len) = taken else {
                        is_declined = true;
                        break;
                    };
                    let body = if known.is_some() {
                        events.hold(latest);
                        latest
                    } else {
                        let body = events.insert(text.to_text());
                        texts.set_latest(topic, body);
                        body
                    };
                    if next != NONE {
                        slots[slot_ix].next = NONE;
                    }
                    (len, body, crowds[topic as usize].let_go(pos), next)
                }
                First::Event(event) => {
                    let body = events.body(event);
                    let Some(len) = sink.take(&output(Text::Whole(body))) else {
                        is_declined = true;
                        break;
                    };
                    let Slot { next, flags, .. } = slots.remove(slot_ix);
                    let session = &mut sessions[stream.session()];
                    session.uncount_event(flags & DROPPABLE != 0, body.len());
                    if stream.first_droppable == slot_ix {
                        stream.first_droppable = next_droppable(slots, next);
                    }
                    // What the entry held is held by the ring now.
                    (len, event, 0, next)
                }
            };
            if next == NONE {
                out.leave_ready(stream_ix);
            } else {
                slots[next].prev = NONE;
            }
            if out.streams[stream_ix].pop_main(next, merged) {
                out.spill(stream_ix);
            }
            taken += 1;
            bytes += len as u64;
            kept.push(body, events.body(body).len());
            while kept.is_over(config.replay_max_frames, config.replay_max_bytes) {
                let oldest = kept.oldest_body();
                kept.pop(events.body(oldest).len());
                events.release(oldest);
                forgotten += 1;
            }
        }
        out.queued -= taken as u64;
        self.counters.delivered += taken as u64;
        self.counters.delivered_bytes += bytes;
        self.replays.note(stream_ix, taken, forgotten, self.now_ms);
        self.shed_down();
        (taken, is_declined)
    }
}
