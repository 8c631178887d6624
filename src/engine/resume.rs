//! Streams that outlive their connections: event ids, replay, resumption and hanging up, for
//! legacy sessions over HTTP (R30 to R35).
//!
//! A numbered stream sends in this order: the event with nothing but its first id; or the word to
//! come back later, after which its connection is gone; the frames that a client that came back
//! has missed; what is queued. A frame has its place from the moment it is sent, so what is queued
//! while nobody is connected has none yet, and is reordered and merged as ever.

use crate::engine::Core;
use crate::engine::drain::{Address, Hand, Output, Sink};
use crate::engine::outbox::{BUSY, COLD, DETACHED, FINISHED, NAMED, NUMBERED};
use crate::engine::pool::NONE;
use crate::engine::session::Rules;
use crate::engine::slot::{AGAIN, Body, IN_HAND, Lane};
use crate::error::{Error, ErrorKind, Result};
use crate::framing::Framing;
use crate::params::{SessionId, StreamId, StreamKind};
use crate::protocol::Revision;
use crate::protocol::encode::Text;
use crate::protocol::event_id::EventId;

/// What a numbered stream sends next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Its first id, without a message.
    Priming,
    /// The word to come back later.
    Retry,
    /// A frame that was sent before, by its body.
    Again(u32),
    /// What is queued first.
    Slot(u32),
    /// A sign of life, which has no place and is not kept.
    Comment,
}

/// What a callback holds of a numbered stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumberedHand {
    next: Next,
    /// The body of what is queued, held for the ring.
    body: u32,
}

impl NumberedHand {
    /// The body that it holds for the ring of its stream.
    #[cfg(test)]
    pub(crate) fn held_body(&self) -> Option<u32> {
        (self.body != NONE).then_some(self.body)
    }

    pub(crate) fn is_comment(&self) -> bool {
        matches!(self.next, Next::Comment)
    }
}

impl Core {
    // ---- which streams are numbered ----

    /// Gives a stream that has just been opened event ids, if its session can resume. One that
    /// has been numbered before, for another connection, begins anew.
    pub(crate) fn number_stream(&mut self, stream: u32) {
        self.forget_kept(stream);
        let record = &self.out.streams[stream];
        let session = &self.sessions[record.session()];
        let is_kind = matches!(record.kind, StreamKind::Request | StreamKind::Standalone);
        let Some(revision) = session.revision().filter(|revision| revision.has_event_ids()) else {
            return;
        };
        if !is_kind || record.framing != Framing::Sse || self.config.replay_max_frames == 0 {
            return;
        }
        self.replays.begin(stream, revision.has_polling());
        self.out.set_flags(stream, NUMBERED, 0);
        self.refresh_cold(stream);
    }

    /// A stream goes, or begins anew: nothing is kept of it any more.
    pub(crate) fn forget_kept(&mut self, stream: u32) {
        if !self.out.streams[stream].is(NUMBERED) {
            return;
        }
        for body in self.replays.end(stream) {
            self.events.release(body);
        }
        self.out.set_flags(stream, 0, NUMBERED | COLD);
    }

    fn refresh_cold(&mut self, stream: u32) {
        let is_cold = self.replays.of(stream).is_cold();
        if self.out.streams[stream].is(COLD) == is_cold {
            return;
        }
        let (set, clear) = if is_cold { (COLD, 0) } else { (0, COLD) };
        self.out.set_flags(stream, set, clear);
    }

    // ---- sending ----

    /// As `drain_stream`, for a numbered one; kept out of the way of the others.
    #[cold]
    pub(crate) fn drain_numbered(
        &mut self,
        stream: u32,
        max: usize,
        sink: &mut impl Sink,
    ) -> (usize, bool) {
        let mut head = std::mem::take(&mut self.replays.head);
        let done = self.drain_numbered_by(&mut head, stream, max, sink);
        self.replays.head = head;
        done
    }

    /// The same, with room for what stands before the texts.
    fn drain_numbered_by(
        &mut self,
        head: &mut String,
        stream: u32,
        max: usize,
        sink: &mut impl Sink,
    ) -> (usize, bool) {
        let mut taken = 0;
        loop {
            let (count, is_declined) = self.drain_plain_numbered(stream, max - taken, head, sink);
            taken += count;
            if is_declined {
                return (taken, true);
            }
            if taken == max {
                self.out.rotate(stream);
                return (taken, false);
            }
            let Some(next) = self.next_numbered(stream, head) else { return (taken, false) };
            let output = self.output_numbered(stream, next, head);
            let is_last = output.is_last;
            let Some(len) = sink.take(&output) else { return (taken, true) };
            taken += 1;
            let body = self.hold_body(next);
            if !matches!(next, Next::Comment) {
                self.count_delivered(stream, len);
            }
            if let Next::Slot(slot) = next {
                self.pop(slot);
            }
            self.sent(stream, next, body);
            if is_last {
                if !matches!(next, Next::Retry) {
                    self.close_drained(stream);
                }
                return (taken, false);
            }
        }
    }

    /// As `take_in_hand`, for a numbered stream.
    #[cold]
    pub(crate) fn take_numbered_in_hand(
        &mut self,
        stream: u32,
        sink: &mut impl Sink,
    ) -> Option<Hand> {
        let mut head = String::new();
        let next = self.next_numbered(stream, &mut head)?;
        let output = self.output_numbered(stream, next, &head);
        let slot = if let Next::Slot(slot) = next { slot } else { NONE };
        let mut hand = Hand::new(slot, &output);
        sink.take(&output)?;
        hand.set_numbered(NumberedHand { next, body: self.hold_body(next) });
        Some(hand)
    }

    /// The callback is done with it.
    pub(crate) fn settle_numbered(
        &mut self,
        stream: Option<u32>,
        hand: NumberedHand,
        is_accepted: bool,
    ) {
        // The stream may have been resumed elsewhere meanwhile: that connection did not see it.
        match stream.filter(|&stream| is_accepted && self.out.streams[stream].is(NUMBERED)) {
            Some(stream) => self.sent(stream, hand.next, hand.body),
            None if hand.body != NONE => self.events.release(hand.body),
            None => {}
        }
    }

    /// What comes next, and what stands before its text.
    fn next_numbered(&self, stream: u32, head: &mut String) -> Option<Next> {
        let record = &self.out.streams[stream];
        if record.is(DETACHED | BUSY) {
            return None;
        }
        head.clear();
        let kept = self.replays.of(stream);
        if kept.is_priming {
            Framing::priming_head(|out| kept.id(kept.next()).write(out), head);
            return Some(Next::Priming);
        }
        if let Some(ms) = kept.hang_up_ms {
            Framing::retry_head(ms, head);
            return Some(Next::Retry);
        }
        let next = match (kept.missed(), self.out.front(stream)) {
            (Some(body), _) => Next::Again(body),
            (None, Some(slot)) => Next::Slot(slot),
            (None, None) => return self.is_silent(stream).then_some(Next::Comment),
        };
        Framing::head_with_id(|out| kept.id(kept.cursor()).write(out), head);
        Some(next)
    }

    fn output_numbered<'a>(&'a self, stream: u32, next: Next, head: &'a str) -> Output<'a> {
        let record = &self.out.streams[stream];
        let is_finished = record.is(FINISHED);
        let (text, is_last) = match next {
            Next::Comment => return self.comment(stream),
            // Nothing follows where what was to follow has been withdrawn.
            Next::Priming => (Text::Whole(""), is_finished && record.queued == 0),
            Next::Retry => (Text::Whole(""), true),
            Next::Again(body) => {
                let kept = self.replays.of(stream);
                let is_last = is_finished && record.queued == 0 && kept.cursor() + 1 == kept.next();
                (Text::Whole(self.events.body(body)), is_last)
            }
            Next::Slot(slot) => (self.text(slot), is_finished && record.queued == 1),
        };
        Output {
            to: Address {
                session: SessionId(record.session_handle()),
                stream: StreamId(self.out.streams.handle(stream)),
                framing: record.framing,
            },
            is_last,
            head: Some(head),
            text,
            source: None,
        }
    }

    /// The body of what is queued, held once more. A notice has none yet: all streams that sent the
    /// same one hold one for it, if it is where the latest of its topic was.
    fn hold_body(&mut self, next: Next) -> u32 {
        let Next::Slot(slot) = next else { return NONE };
        match self.out.slots[slot].body {
            Body::Event(entry) => {
                self.events.hold(entry.event);
                entry.event
            }
            Body::Link(link) => {
                let (text, latest) = (self.text(slot), self.replays.texts.latest(link.topic));
                if self.events.find(latest).is_some_and(|body| text.is(body)) {
                    self.events.hold(latest);
                    return latest;
                }
                let body = text.to_text();
                let body = self.events.insert(body);
                self.replays.texts.set_latest(link.topic, body);
                body
            }
        }
    }

    /// A frame has been taken; a body that was held for it goes into the ring.
    fn sent(&mut self, stream: u32, next: Next, body: u32) {
        match next {
            Next::Priming => self.replays.of_mut(stream).prime(),
            Next::Retry => return self.detach(stream),
            Next::Comment => return self.break_silence(stream),
            Next::Again(_) => self.replays.of_mut(stream).advance(),
            Next::Slot(_) => self.keep(stream, body),
        }
        self.refresh_cold(stream);
    }

    fn keep(&mut self, stream: u32, body: u32) {
        let len = self.events.body(body).len();
        self.replays.push(stream, body, len, self.now_ms);
        let (frames, bytes) = (self.config.replay_max_frames, self.config.replay_max_bytes);
        while self.replays.is_over(stream, frames, bytes) {
            self.give_up_oldest(stream);
        }
        self.shed_down();
    }

    /// Keeps to the engine's total, as far as what is kept can.
    pub(super) fn shed_down(&mut self) {
        while self.events.bytes > self.config.engine_max_queued_bytes && self.shed_kept() {}
    }

    /// Makes room in the engine: the oldest frame that may go does. `false`: there is none.
    pub(crate) fn shed_kept(&mut self) -> bool {
        let oldest = self.replays.oldest(self.now_ms, self.now_ms);
        oldest.is_some_and(|stream| {
            self.give_up_oldest(stream);
            true
        })
    }

    fn give_up_oldest(&mut self, stream: u32) {
        let body = self.replays.oldest_body(stream);
        self.replays.pop(stream, self.events.body(body).len());
        self.events.release(body);
    }

    // ---- the connection goes ----

    /// The connection of a numbered stream is gone, the stream is not (R35). Its handle is stale
    /// from now on, so that whoever notices late cannot close the next connection in its place.
    pub(crate) fn detach(&mut self, stream: u32) {
        let ix = self.out.streams[stream].session();
        if self.sessions[ix].is_ending() {
            // Nobody can come back for the rest.
            self.empty_stream(stream);
            self.forget_kept(stream);
            self.out.set_flags(stream, DETACHED, 0);
            return self.bury_if_drained(ix);
        }
        self.unhook(stream);
        if self.sessions[ix].home == stream {
            return;
        }
        let record = &self.out.streams[stream];
        let kept = self.replays.of(stream);
        let has_more = record.open_requests != 0 || record.queued != 0;
        // Without an id, nobody can ask for it; with nothing to say, nobody need.
        if !kept.has_given() || !has_more && kept.is_empty() {
            return self.give_up_stream(stream);
        }
        self.replays.set_idle(stream, Some(self.now_ms));
        self.bound_detached(ix);
    }

    fn unhook(&mut self, stream: u32) {
        let is_busy = self.out.streams[stream].is(BUSY);
        let carried = self.out.carriers.get(&stream).copied().unwrap_or(stream);
        for (stream, lane) in [
            (stream, Lane::Control),
            (stream, Lane::Main),
            (carried, Lane::Control),
            (carried, Lane::Main),
        ] {
            // What a callback has in hand went to the old connection, if anywhere.
            let slots = if is_busy { self.out.lane(stream, lane) } else { Vec::new() };
            for slot in slots {
                self.out.flag(slot, 0, IN_HAND | AGAIN);
            }
        }
        let kept = self.replays.of_mut(stream);
        kept.hang_up_ms = None;
        kept.catch_up();
        let ix = self.out.streams[stream].session();
        let named = if self.sessions[ix].home == stream { NAMED } else { 0 };
        self.out.set_flags(stream, DETACHED, named);
        self.refresh_cold(stream);
        self.out.streams.renew(stream);
        self.settle_carrier(ix);
    }

    /// Keeps to the bound on streams without a connection: those that have said all go first,
    /// then those that lost theirs first.
    fn bound_detached(&mut self, ix: u32) {
        let home = self.sessions[ix].home;
        let mut detached: Vec<_> = self.streams_of(ix);
        detached.retain(|&stream| {
            stream != home && self.out.streams[stream].is(NUMBERED) && self.is_detached(stream)
        });
        detached.sort_by_key(|&stream| {
            let (record, kept) = (&self.out.streams[stream], self.replays.of(stream));
            let has_more = record.open_requests != 0 || record.queued != 0;
            (has_more, kept.idle_ms(), kept.number())
        });
        let over = detached.len().saturating_sub(self.config.replay_max_streams as usize);
        for &stream in &detached[..over] {
            self.give_up_stream(stream);
        }
    }

    fn is_detached(&self, stream: u32) -> bool {
        self.out.streams[stream].is(DETACHED)
    }

    /// A stream of a legacy session goes for good; its requests go on without one.
    pub(crate) fn give_up_stream(&mut self, stream: u32) {
        let ix = self.out.streams[stream].session();
        let requests = self.requests.of_session(self.sessions[ix].requests);
        let orphans: Vec<u32> =
            requests.filter(|&request| self.requests[request].stream == stream).collect();
        for request in orphans {
            self.requests[request].stream = NONE;
        }
        self.drop_stream(stream);
    }

    /// The last response of a stream is queued: from now on it waits for its client only.
    pub(crate) fn note_finished(&mut self, stream: u32) {
        if self.replays.of(stream).idle_ms().is_some() {
            self.replays.set_idle(stream, Some(self.now_ms));
        }
    }

    /// The session says goodbye: what was being sent again still is, the rest is forgotten.
    pub(crate) fn settle_kept(&mut self, ix: u32, is_graceful: bool) {
        for stream in self.each_stream(ix) {
            if !self.out.streams[stream].is(NUMBERED) {
                continue;
            }
            if !is_graceful || self.is_detached(stream) {
                self.forget_kept(stream);
                continue;
            }
            let kept = self.replays.of_mut(stream);
            kept.prime();
            kept.hang_up_ms = None;
            self.refresh_cold(stream);
        }
    }

    // ---- time ----

    /// Whether time passing makes a difference to what is kept.
    pub(crate) fn has_ages(&self) -> bool {
        self.replays.ages()
    }

    /// Gives up what has been kept for its time.
    pub(crate) fn age_kept(&mut self) {
        let max_ms = u64::from(self.config.replay_max_age_ms);
        let Some(until_ms) = self.now_ms.checked_sub(max_ms) else { return };
        while let Some(stream) = self.replays.oldest(until_ms, self.now_ms) {
            self.give_up_oldest(stream);
        }
        while let Some(stream) = self.replays.longest_idle(until_ms) {
            if self.out.streams[stream].open_requests == 0 {
                self.give_up_stream(stream);
            } else {
                // It still owes a response; its time begins with that.
                self.replays.set_idle(stream, Some(self.now_ms));
            }
        }
    }

    /// When to come back for what has aged by then. What is asked for in the meantime is exact;
    /// only the memory is given back an eighth of the age late, for the sake of fewer wake-ups.
    pub(crate) fn aged_ms(&self) -> Option<u64> {
        let max_ms = u64::from(self.config.replay_max_age_ms);
        self.replays.since_ms().map(|since_ms| since_ms.saturating_add(max_ms + max_ms / 8))
    }

    // ---- the client comes back ----

    /// Attaches a stream again for a client that has everything up to that id: first what it
    /// missed (R32), then what is queued. A connection that the stream still had is superseded.
    pub(crate) fn resume_stream(&mut self, handle: SessionId, last_event_id: &str) -> Result<u64> {
        let ix = self.session(handle)?;
        let has_ids = |revision: Revision| revision.has_event_ids();
        if !self.sessions[ix].revision().is_some_and(has_ids) {
            // R58.
            return Err(cannot(
                ErrorKind::NotNegotiated,
                "only sessions of 2025-03-26 to 2025-11-25 have event ids",
            ));
        }
        if self.config.replay_max_frames == 0 {
            let why = "replay.max_frames is 0, so no stream has event ids";
            return Err(cannot(ErrorKind::NotNegotiated, why));
        }
        let id = EventId::parse(last_event_id).ok_or_else(|| {
            cannot(ErrorKind::InvalidArgument, &format!("{last_event_id:?} is no event id"))
        })?;
        let stream = self.replays.find(id.stream).ok_or_else(|| {
            cannot(ErrorKind::Gone, &format!("the stream of {id} is not kept, or never was"))
        })?;
        if self.out.streams[stream].session() != ix {
            let why = format!("{id} is of another session");
            return Err(cannot(ErrorKind::InvalidArgument, &why));
        }
        self.check_reach(stream, id)?;
        if !self.is_detached(stream) {
            self.unhook(stream);
        }
        self.replays.set_idle(stream, None);
        self.replays.of_mut(stream).rewind(id.seq + 1);
        let named = if self.sessions[ix].home == stream { NAMED } else { 0 };
        self.out.set_flags(stream, named, DETACHED);
        self.refresh_cold(stream);
        self.watch(stream);
        self.settle_carrier(ix);
        Ok(self.out.streams.handle(stream))
    }

    /// Whether everything after that id is still there, and there may be something.
    fn check_reach(&self, stream: u32, id: EventId) -> Result<()> {
        let (record, kept) = (&self.out.streams[stream], self.replays.of(stream));
        if !kept.gave(id.seq) {
            let why = format!("{id} was never given out");
            return Err(cannot(ErrorKind::InvalidArgument, &why));
        }
        let oldest = kept.oldest();
        if id.seq + 1 < oldest {
            let why = if kept.is_empty() {
                format!("nothing that followed {id} is kept any more")
            } else {
                format!("the oldest event that is kept is {}, and {id} is older", kept.id(oldest))
            };
            return Err(cannot(ErrorKind::Gone, &why));
        }
        if record.is(FINISHED) && record.queued == 0 && id.seq + 1 == kept.next() {
            return Err(cannot(ErrorKind::Gone, &format!("{id} was the last of its stream")));
        }
        Ok(())
    }

    /// The server ends the connection, not the stream (R33).
    pub(crate) fn hang_up(&mut self, handle: StreamId, retry_ms: u32) -> Result<()> {
        let stream = self.stream_ix(handle)?;
        let record = &self.out.streams[stream];
        let _takes_part = self.session(SessionId(record.session_handle()))?;
        let Rules::Legacy { revision, .. } = self.sessions[record.session()].rules else {
            return Err(no_polling());
        };
        if !record.is(NUMBERED) || !revision.has_polling() {
            return Err(no_polling());
        }
        if record.is(DETACHED) {
            return Err(Error::new(ErrorKind::State, "the stream has no connection"));
        }
        self.replays.of_mut(stream).hang_up_ms = Some(retry_ms);
        self.refresh_cold(stream);
        Ok(())
    }
}

fn cannot(kind: ErrorKind, why: &str) -> Error {
    Error::new(kind, format!("cannot resume: {why}"))
}

fn no_polling() -> Error {
    Error::new(
        ErrorKind::NotNegotiated,
        format!("only a stream with event ids, of {}, can be hung up", Revision::V2025_11_25),
    )
}
