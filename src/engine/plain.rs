//! The common case of the way out: notices with nothing special about them, from streams with
//! nothing special about them, each in one visit of its records.

use crate::engine::ahead::{self, AHEAD};
use crate::engine::drain::{Address, Output, Sink, Source, TURN};
use crate::engine::outbox::UNUSUAL;
use crate::engine::pool::NONE;
use crate::engine::slot::Body;
use crate::engine::Core;
use crate::params::{SessionId, StreamId};
use crate::protocol::encode::Text;

/// Why a run of plain notices ended.
pub(super) enum Halt {
    /// So many were wanted, or there are no more.
    Done,
    Declined,
    /// The stream that is first has something else to send, and so many frames are left of its
    /// turn.
    Other(u32, usize),
}

impl Core {
    /// Takes up to `max` plain notices from the streams that are ready for a pull, in turns.
    /// Yields how many, and why no more.
    #[inline]
    pub(super) fn drain_notices(&mut self, max: usize, sink: &mut impl Sink) -> (usize, Halt) {
        let Self { out, topics, subs, .. } = self;
        let (mut taken, mut bytes, mut served) = (0, 0, 0_usize);
        let halt = 'streams: loop {
            let Some(stream_ix) = out.first_ready(false).filter(|_| taken < max) else {
                break Halt::Done;
            };
            if served.is_multiple_of(AHEAD) {
                ahead::fetch_ready(out, subs);
            }
            served += 1;
            let turn = TURN.min(max - taken);
            let mut count = 0;
            loop {
                let (stream, handle) = out.streams.with_handle(stream_ix);
                let slot_ix = stream.main.head;
                if stream.is(UNUSUAL) || stream.control.head != NONE || slot_ix == NONE {
                    break 'streams Halt::Other(stream_ix, turn - count);
                }
                let slot = &out.slots[slot_ix];
                let Body::Link(link) = &slot.body else {
                    break 'streams Halt::Other(stream_ix, turn - count);
                };
                if slot.flags != 0 {
                    break 'streams Halt::Other(stream_ix, turn - count);
                }
                let to = Address {
                    session: SessionId(stream.session_handle()),
                    stream: StreamId(handle),
                    framing: stream.framing,
                };
                let source = Source::Topic(link.topic);
                let subscription = subs[link.sub].id.as_ref();
                let len = sink.take_alike(to, source, subscription).or_else(|| {
                    let topic = &topics[link.topic];
                    let (kind, tail) = (topic.kind, &*topic.tail);
                    sink.take(&Output {
                        to,
                        is_last: false,
                        head: None,
                        text: Text::Notice { kind, tail, subscription, context: None },
                        source: Some(source),
                    })
                });
                let Some(len) = len else { break 'streams Halt::Declined };
                taken += 1;
                bytes += len as u64;
                count += 1;
                if !out.pop_notice(stream_ix) {
                    break;
                }
                if count == turn {
                    out.rotate(stream_ix);
                    break;
                }
            }
        };
        self.counters.delivered += taken as u64;
        self.counters.delivered_bytes += bytes;
        self.out.queued -= taken as u64;
        (taken, halt)
    }
}
