//! Signs of life on silent SSE streams (R59): a comment, which clients pass over, so that no proxy
//! takes the connection for a dead one.
//!
//! No stream has a timer of its own. Twice in each interval one walk looks at the streams that are
//! watched: who has sent something since the last walk is marked as not having, and who has not is
//! silent. So a comment comes after half an interval of silence at the earliest, and after a whole
//! one at the latest. It stands behind whatever is queued, and in its place: what is sent breaks
//! the silence too. It is no message, so it is not counted as delivered, has no event id and is
//! not kept for a client that comes back.
//!
//! Watched is a stream with the framing SSE that somebody writes out and on which something is
//! open: a listen, a request, or, for a session that hears of things unasked, the stream for what
//! belongs to no request.
//!
//! Invariants: a stream is in `streams` while it is `WATCHED` (some there are not any more);
//! without a watched stream nothing is due.

use crate::engine::Core;
use crate::engine::drain::{Address, Output};
use crate::engine::outbox::{BUSY, DETACHED, FINISHED, LIVELY, PAUSED, SILENT, WATCHED};
use crate::engine::session::Rules;
use crate::framing::Framing;
use crate::params::{SessionId, StreamId, StreamKind};
use crate::protocol::encode::Text;

/// Who is watched, and when the next look is due.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    pub(super) streams: Vec<u32>,
    next_ms: u64,
}

impl Core {
    /// Begins to watch a stream on which something has been opened, if it is one to be watched.
    pub(crate) fn watch(&mut self, stream: u32) {
        let record = &self.out.streams[stream];
        if record.framing != Framing::Sse || record.is(WATCHED) || !self.is_to_watch(stream) {
            return;
        }
        if self.config.keep_alive_ms == 0 {
            return;
        }
        if self.out.watched == 0 {
            self.silence.streams.clear();
            self.silence.next_ms = self.after_half_an_interval();
        }
        self.out.watched += 1;
        self.out.streams[stream].flags |= WATCHED | LIVELY;
        let streams = &mut self.silence.streams;
        if streams.len() > 2 * self.out.watched as usize + 64 {
            // Most of them have gone since the last look.
            let out = &self.out.streams;
            streams.retain(|&it| it != stream && out.get(it).is_some_and(|it| it.is(WATCHED)));
            streams.sort_unstable();
            streams.dedup();
        }
        if streams.len() == streams.capacity() {
            streams.reserve_exact((streams.len() / 8).max(16));
        }
        streams.push(stream);
    }

    /// When silent streams are looked for next. `None` if none is watched.
    pub(crate) fn silence_ms(&self) -> Option<u64> {
        (self.out.watched != 0).then_some(self.silence.next_ms)
    }

    fn after_half_an_interval(&self) -> u64 {
        self.now_ms.saturating_add(u64::from(self.config.keep_alive_ms.div_ceil(2)))
    }

    fn is_to_watch(&self, stream: u32) -> bool {
        let record = &self.out.streams[stream];
        let hears_unasked =
            matches!(self.sessions[record.session()].rules, Rules::Open | Rules::Legacy { .. })
                && matches!(record.kind, StreamKind::Duplex | StreamKind::Standalone);
        !record.is(DETACHED | FINISHED) && (record.open_requests != 0 || hears_unasked)
    }

    /// Looks for silent streams, if it is time to.
    pub(crate) fn look_for_silence(&mut self) {
        if self.silence_ms().is_none_or(|next_ms| next_ms > self.now_ms) {
            return;
        }
        let mut streams = std::mem::take(&mut self.silence.streams);
        // One that stopped and began again is there twice.
        streams.sort_unstable();
        streams.dedup();
        streams.retain(|&stream| {
            let is_there = self.out.streams.get(stream).is_some_and(|it| it.is(WATCHED));
            is_there && self.look_at(stream)
        });
        self.silence.streams = streams;
        self.silence.next_ms = self.after_half_an_interval();
    }

    /// Yields whether it stays watched.
    fn look_at(&mut self, stream: u32) -> bool {
        let stays = self.is_to_watch(stream);
        if !stays {
            self.out.watched -= 1;
            self.out.set_flags(stream, 0, WATCHED | SILENT);
            return false;
        }
        let is_empty = self.out.front(stream).is_none();
        let record = &mut self.out.streams[stream];
        if record.is(LIVELY) {
            record.flags &= !LIVELY;
        } else if is_empty && !record.is(PAUSED) {
            // What is queued is a sign of life itself, as soon as somebody takes it.
            self.out.set_flags(stream, SILENT, 0);
        }
        true
    }

    /// Whether a comment may leave now, should nothing be queued.
    pub(crate) fn is_silent(&self, stream: u32) -> bool {
        let record = &self.out.streams[stream];
        record.is(SILENT) && !record.is(DETACHED | BUSY)
    }

    pub(crate) fn comment(&self, stream: u32) -> Output<'_> {
        let record = &self.out.streams[stream];
        Output {
            to: Address {
                session: SessionId(record.session_handle()),
                stream: StreamId(self.out.streams.handle(stream)),
                // As it is: what frames a message makes no comment.
                framing: Framing::Json,
            },
            is_last: false,
            head: None,
            text: Text::Whole(Framing::COMMENT),
            source: None,
        }
    }

    pub(crate) fn break_silence(&mut self, stream: u32) {
        self.out.set_flags(stream, LIVELY, SILENT);
    }
}
