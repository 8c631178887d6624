//! The way out: frames of a stream, of a session, or of whoever has some.

use std::collections::HashSet;

use crate::engine::Core;
use crate::engine::outbox::{BUSY, FINISHED, NUMBERED, RESUMED};
use crate::engine::plain::Halt;
use crate::engine::pool::NONE;
use crate::engine::resume::NumberedHand;
use crate::engine::slot::{AGAIN, Body, CONTEXT, IN_HAND, Lane, PASSING};
use crate::framing::Framing;
use crate::params::{SessionId, StreamId};
use crate::protocol::encode::Text;
use crate::protocol::id::Id;
use crate::protocol::kind::NoticeKind;

/// Where a frame goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) session: SessionId,
    pub(crate) stream: StreamId,
    pub(crate) framing: Framing,
}

/// One frame that a sink may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output<'a> {
    pub(crate) to: Address,
    /// Nothing will follow on this stream.
    pub(crate) is_last: bool,
    /// What stands before the text, if it is not what the framing has there.
    pub(crate) head: Option<&'a str>,
    pub(crate) text: Text<'a>,
    /// What the text was made of, where that is the same for others.
    pub(crate) source: Option<Source>,
}

/// What a text was made of. Within one call, and as long as none without a source comes between,
/// two outputs with the same source and subscription id have the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Topic(u32),
    Event(u32),
}

/// Takes frames, or declines one that it has no room for; that one stays.
pub(crate) trait Sink {
    /// The bytes that the frame took, framing included; `None` if it was declined.
    fn take(&mut self, output: &Output<'_>) -> Option<usize>;

    /// The same, for a notice of that source and subscription id with no head of its own and
    /// others to follow it, if the sink knows from the one before what it reads like. `None`
    /// also if it does not: then [`take`](Self::take) says what it is.
    #[inline]
    fn take_alike(
        &mut self,
        _to: Address,
        _source: Source,
        _subscription: Option<&Id>,
    ) -> Option<usize> {
        None
    }
}

/// A frame that a callback is looking at: it leaves the outbox when the callback has taken it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hand {
    slot: u32,
    stream: StreamId,
    pub(crate) session: SessionId,
    numbered: Option<NumberedHand>,
    /// The frame says that nothing follows on its stream.
    is_last: bool,
}

impl Hand {
    pub(crate) fn new(slot: u32, output: &Output<'_>) -> Self {
        let &Output { to: Address { session, stream, .. }, is_last, .. } = output;
        Self { slot, stream, session, numbered: None, is_last }
    }

    pub(crate) fn set_numbered(&mut self, numbered: NumberedHand) {
        self.numbered = Some(numbered);
    }

    #[cfg(test)]
    pub(crate) fn held_body(&self) -> Option<u32> {
        self.numbered.and_then(|numbered| numbered.held_body())
    }

    fn is_comment(&self) -> bool {
        match self.numbered {
            Some(numbered) => numbered.is_comment(),
            None => self.slot == NONE,
        }
    }
}

/// How many frames of one stream are taken before the others get their turn.
pub(super) const TURN: usize = 64;

impl Core {
    /// Takes up to `max` frames from whichever streams are ready and have no callback, in turns.
    /// Yields how many.
    pub(crate) fn drain(&mut self, max: usize, sink: &mut impl Sink) -> usize {
        self.queue_put_off();
        let mut taken = 0;
        loop {
            let (count, halt) = self.drain_plain(max - taken, sink);
            taken += count;
            let Halt::Other(stream, turn) = halt else { return taken };
            self.finish_raising();
            let (count, declined) = self.drain_stream(stream, turn, sink);
            taken += count;
            if declined {
                return taken;
            }
        }
    }

    /// The same for one session.
    pub(crate) fn drain_session(&mut self, ix: u32, max: usize, sink: &mut impl Sink) -> usize {
        let mut taken = 0;
        let mut streams = self.streams_of(ix);
        streams.reverse();
        for stream in streams {
            // The last frame of an ending session takes the session with it.
            if taken == max || self.out.streams.get(stream).is_none() {
                break;
            }
            let (count, declined) = self.drain_stream(stream, max - taken, sink);
            taken += count;
            if declined {
                break;
            }
        }
        taken
    }

    /// Takes up to `max` frames of one stream. Yields how many, and whether the sink declined.
    pub(crate) fn drain_stream(
        &mut self,
        stream: u32,
        max: usize,
        sink: &mut impl Sink,
    ) -> (usize, bool) {
        if self.out.streams[stream].is(NUMBERED) {
            return self.drain_numbered(stream, max, sink);
        }
        let mut taken = 0;
        while taken < max {
            let Some(slot) = self.front(stream) else {
                if !self.is_silent(stream) {
                    break;
                }
                if sink.take(&self.comment(stream)).is_none() {
                    return (taken, true);
                }
                self.break_silence(stream);
                taken += 1;
                continue;
            };
            let output = self.output(stream, slot);
            let is_last = output.is_last;
            let Some(len) = sink.take(&output) else { return (taken, true) };
            self.finish_frame(stream, slot, len);
            taken += 1;
            if is_last {
                self.close_drained(stream);
                return (taken, false);
            }
        }
        if taken == max {
            self.out.rotate(stream);
        }
        (taken, false)
    }

    /// The sessions that have output, longest waiting first, each once.
    pub(crate) fn ready_sessions(&self, max: usize, found: &mut Vec<SessionId>) {
        let mut seen = HashSet::new();
        for stream in self.out.ready() {
            if found.len() == max {
                break;
            }
            let handle = self.out.streams[stream].session_handle();
            if seen.insert(handle) {
                found.push(SessionId(handle));
            }
        }
    }

    // ---- one frame at a time, for callbacks ----

    /// Hands out the first frame of the stream that has waited longest for a callback. Its whole
    /// session is busy until [`put_down`](Self::put_down): callbacks of one session never overlap,
    /// however many streams it has.
    pub(crate) fn take_in_hand(&mut self, sink: &mut impl Sink) -> Option<Hand> {
        let stream = self.out.first_ready(true)?;
        let hand = if self.out.streams[stream].is(NUMBERED) {
            self.take_numbered_in_hand(stream, sink)?
        } else {
            // A stream that is ready with nothing queued has a comment due.
            let slot = self.front(stream).unwrap_or(NONE);
            let output =
                if slot == NONE { self.comment(stream) } else { self.output(stream, slot) };
            let hand = Hand::new(slot, &output);
            sink.take(&output)?;
            hand
        };
        self.mark_in_hand(stream, hand.slot);
        Some(hand)
    }

    /// A callback looks at a frame from now on: its session is busy.
    pub(super) fn mark_in_hand(&mut self, stream: u32, slot: u32) {
        if slot != NONE {
            self.out.flag(slot, IN_HAND, 0);
        }
        let home = self.sessions[self.out.streams[stream].session()].home;
        self.out.streams[home].flags &= !RESUMED;
        let mut at = home;
        while at != NONE {
            self.out.set_flags(at, BUSY, 0);
            at = self.out.streams[at].session_next;
        }
    }

    /// The callback is done with the frame. What happened to it meanwhile stands: if it was
    /// withdrawn it is gone, if it was raised again it is queued anew.
    pub(crate) fn put_down(&mut self, hand: Hand, is_accepted: bool, len: usize) {
        let stream = self.stream_ix(hand.stream).ok();
        if is_accepted && let Some(stream) = stream {
            if hand.is_comment() {
                self.break_silence(stream);
            } else {
                self.count_delivered(stream, len);
            }
        }
        if let Ok(session) = self.session_even_ending(hand.session) {
            self.settle_hand(session, hand.slot, is_accepted);
        }
        if let Some(numbered) = hand.numbered {
            self.settle_numbered(stream, numbered, is_accepted);
        }
        let Ok(session) = self.session_even_ending(hand.session) else { return };
        let stream = self.stream_ix(hand.stream).ok();
        let only = self.sessions[session].home;
        if self.out.streams[only].session_next == NONE {
            self.out.set_flags(only, 0, BUSY);
            return self.settle_put_down(session, &[only], stream, hand, is_accepted);
        }
        let mut streams = self.streams_of(session);
        // The session's streams line up again behind the one whose turn it was, so that each
        // gets its own.
        if let Some(at) = streams.iter().position(|&one| Some(one) == stream) {
            streams.rotate_left(at + 1);
        }
        for &stream in &streams {
            self.out.set_flags(stream, 0, BUSY);
        }
        self.settle_put_down(session, &streams, stream, hand, is_accepted);
    }

    /// The session is busy no more: it ends, or streams of it do, if that is all there was.
    fn settle_put_down(
        &mut self,
        session: u32,
        streams: &[u32],
        stream: Option<u32>,
        hand: Hand,
        is_accepted: bool,
    ) {
        if self.sessions[session].is_ending() {
            return self.bury_if_drained(session);
        }
        for &it in streams {
            if self.is_over(it) {
                if Some(it) == stream && is_accepted && hand.is_last {
                    self.close_drained(it);
                } else {
                    self.end_unsaid(it);
                }
            }
        }
    }

    fn settle_hand(&mut self, session: u32, slot: u32, is_accepted: bool) {
        // A session has one frame in hand, so this is it, or it was withdrawn.
        let is_there = self.out.slots.get(slot).is_some_and(|record| {
            record.is(IN_HAND) && self.out.streams[self.out.stream_of(slot)].session() == session
        });
        if !is_there {
            return;
        }
        let is_again = self.out.slots[slot].is(AGAIN);
        self.out.flag(slot, 0, IN_HAND | AGAIN);
        if !is_accepted {
            if is_again {
                // It has merged after all.
                self.counters.merged += 1;
                self.sessions.rare_mut(session).merged += 1;
            }
            return;
        }
        if !is_again {
            return self.pop(slot);
        }
        // Where a response or an end waits behind it already, it stays before that.
        if self.out.slots[slot].lane() == Lane::Main && !self.sessions[session].is_ending() {
            self.out.requeue(slot, Lane::Main);
            self.chain_to_end(slot);
        }
    }

    // ---- rendering ----

    #[inline]
    fn front(&self, stream: u32) -> Option<u32> {
        let record = &self.out.streams[stream];
        let is_open = !record.is(crate::engine::outbox::DETACHED | BUSY);
        is_open.then(|| self.out.front(stream)).flatten()
    }

    #[inline(always)]
    pub(super) fn output(&self, stream: u32, slot: u32) -> Output<'_> {
        let (record, handle) = self.out.streams.with_handle(stream);
        Output {
            to: Address {
                session: SessionId(record.session_handle()),
                stream: StreamId(handle),
                framing: record.framing,
            },
            is_last: record.is(FINISHED) && record.queued == 1,
            head: None,
            text: self.text(slot),
            source: self.source(slot),
        }
    }

    #[inline(always)]
    fn source(&self, slot: u32) -> Option<Source> {
        let record = &self.out.slots[slot];
        match &record.body {
            Body::Event(entry) => Some(Source::Event(entry.event)),
            Body::Link(link) => (!record.is(CONTEXT)).then_some(Source::Topic(link.topic)),
        }
    }

    /// What a slot reads as.
    #[inline(always)]
    pub(crate) fn text(&self, slot: u32) -> Text<'_> {
        let record = &self.out.slots[slot];
        let link = match &record.body {
            Body::Event(entry) => return Text::Whole(self.events.body(entry.event)),
            Body::Link(link) => link,
        };
        let topic = &self.topics[link.topic];
        let subscription = self.subs.id(self.out.sub_of(slot));
        let context = if record.is(CONTEXT) {
            self.contexts.get(&slot).map(|&context| self.events.body(context))
        } else {
            None
        };
        match (topic.kind, subscription) {
            // Only listens hold tasks.
            (NoticeKind::Task, Some(subscription)) => {
                Text::Task { subscription, tail: context.unwrap_or_default() }
            }
            (kind, _) => Text::Notice { kind, tail: &topic.tail, subscription, context },
        }
    }

    #[inline]
    pub(crate) fn count_delivered(&mut self, stream: u32, len: usize) {
        self.counters.delivered += 1;
        self.counters.delivered_bytes += len as u64;
        self.out.note_delivered(stream);
    }

    /// A frame has been taken from the front of a stream: it is counted, and its slot leaves.
    #[inline]
    pub(super) fn finish_frame(&mut self, stream: u32, slot: u32, len: usize) {
        self.count_delivered(stream, len);
        self.pop(slot);
    }

    /// A frame has been taken: its slot leaves the outbox.
    #[inline]
    pub(crate) fn pop(&mut self, slot: u32) {
        let record = &self.out.slots[slot];
        if record.event().is_some() {
            return self.discard(slot);
        }
        let merged = self.out.merged_into(slot);
        let is_plain = record.flags & (PASSING | CONTEXT) == 0;
        let stream = self.out.stream_of(slot);
        self.out.count(stream, 0, merged);
        if is_plain {
            self.out.unlink(slot);
        } else {
            self.discard(slot);
        }
    }

    /// The last frame of a stream is out: the stream goes, and an ending session with its last.
    pub(crate) fn close_drained(&mut self, stream: u32) {
        let ix = self.out.streams[stream].session();
        if self.sessions[ix].is_ending() {
            self.bury_if_drained(ix);
        } else if self.out.streams[stream].is(NUMBERED) {
            self.detach(stream);
        } else {
            self.drop_stream(stream);
        }
    }
}
