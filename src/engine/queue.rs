//! Putting events and replies into outboxes, within their bounds, and taking them out again.
//!
//! Invariants: `frames` of a session is the count of its droppable events, queued updates of tasks
//! and passing links, `bytes` the size of those events and updates, `reply_bytes` the size of its
//! other events.

use crate::engine::Core;
use crate::engine::event::ENTRY_BYTES;
use crate::engine::news::{Lag, News};
use crate::engine::owned::Owner;
use crate::engine::session::{BEHIND, LAGGING};
use crate::engine::slot::{Body, DROPPABLE, EventEntry, Lane, PASSING, QUEUED, Slot};
use crate::params::{EndReason, Overflow, SessionId};

impl Core {
    /// Queues an event that the caller holds, if the bounds allow; its entry holds it too then.
    #[inline]
    pub(crate) fn offer(&mut self, stream: u32, event: u32, owner: Owner) -> Option<u32> {
        let ix = self.out.streams[stream].session();
        let len = self.events.body(event).len();
        if !self.make_room(ix, stream, len) {
            return None;
        }
        self.events.hold(event);
        let session = &mut self.sessions[ix];
        session.frames += 1;
        session.bytes += len as u32;
        Some(self.push_event(stream, event, owner, Lane::Main, DROPPABLE))
    }

    /// Applies the overflow policy until an event of that size fits, or says that it may not.
    #[inline]
    pub(crate) fn make_room(&mut self, ix: u32, stream: u32, len: usize) -> bool {
        let has_room = !self.is_engine_nearly_full() && !self.sessions.is_full(ix, len);
        has_room || self.make_room_by_policy(ix, stream, len)
    }

    fn make_room_by_policy(&mut self, ix: u32, stream: u32, len: usize) -> bool {
        loop {
            let is_engine_full = self.is_engine_full_for(ix);
            // What was sent already makes room for what was not.
            if is_engine_full && self.shed_kept() {
                continue;
            }
            if !is_engine_full && !self.sessions.is_full(ix, len) {
                return true;
            }
            match self.sessions[ix].overflow() {
                // What would not fit into an empty queue makes no room for itself.
                Overflow::DropOldest if !self.sessions.fits_empty(ix, len) => {
                    self.count_dropped(ix);
                }
                Overflow::DropOldest => {
                    self.count_dropped(ix);
                    // What passes to an ear was not asked for one by one; to a container it was.
                    let or_passing = self.own_sub(ix).is_some_and(|sub| self.is_ear(sub));
                    if self.sessions[ix].frames != 0
                        && let Some(oldest) = self.out.oldest_droppable(stream, or_passing)
                    {
                        self.discard(oldest);
                        // It was made empty to be filled again: nobody has read.
                        self.sessions[ix].set(BEHIND, true);
                        continue;
                    }
                }
                Overflow::DropNewest => self.count_dropped(ix),
                Overflow::Close => {
                    self.count_dropped(ix);
                    self.lag(ix);
                }
            }
            return false;
        }
    }

    /// Whether the engine's total leaves no room for a session. A quarter of the total is kept for
    /// sessions that hold little: those who do not read fill the rest, and stand in nobody's way.
    pub(crate) fn is_engine_full_for(&self, ix: u32) -> bool {
        if !self.is_engine_nearly_full() {
            return false;
        }
        let (held, limit) = (self.events.bytes + ENTRY_BYTES, self.config.engine_max_queued_bytes);
        let reserve = limit / 4;
        let session = &self.sessions[ix];
        let of_session = u64::from(session.bytes) + u64::from(session.frames) * ENTRY_BYTES;
        held > limit || of_session > reserve / self.sessions.len() as u64
    }

    /// Whether the part of the engine's total that is anyone's is used up.
    #[inline]
    fn is_engine_nearly_full(&self) -> bool {
        let limit = self.config.engine_max_queued_bytes;
        self.events.bytes + ENTRY_BYTES > limit - limit / 4
    }

    pub(crate) fn count_dropped(&mut self, ix: u32) {
        self.counters.dropped += 1;
        self.sessions.rare_mut(ix).dropped += 1;
        self.tell_lag(ix, self.sessions[ix].overflow());
    }

    /// Tells the host of a session that does not keep up, once until its queue of events has been
    /// empty again.
    fn tell_lag(&mut self, ix: u32, policy: Overflow) {
        if self.sessions[ix].set(BEHIND, true) {
            return;
        }
        let session = &self.sessions[ix];
        let streams = self.each_stream(ix);
        self.news.push(News::Lag(Lag {
            session: SessionId(self.sessions.handle(ix)),
            user_data: self.sessions.user_data(ix),
            queued_frames: streams.map(|it| u64::from(self.out.streams[it].queued)).sum(),
            queued_bytes: u64::from(session.bytes) + u64::from(session.reply_bytes),
            policy,
        }));
    }

    /// Notes that a session has to end because it does not keep up.
    pub(crate) fn lag(&mut self, ix: u32) {
        if !self.sessions[ix].set(LAGGING, true) {
            self.tell_lag(ix, Overflow::Close);
            self.lagging.push(ix);
        }
    }

    /// Ends the sessions that overflowed, once no walk over sessions is under way, and the streams
    /// that are over.
    pub(crate) fn settle_lagging(&mut self) {
        while let Some(ix) = self.lagging.pop() {
            // It may be gone by now, and another one have its place.
            if self.sessions.get(ix).is_some_and(|it| it.is(LAGGING) && !it.is_ending()) {
                self.counters.lagged += 1;
                self.end_session(ix, EndReason::Lagged);
            }
        }
        self.settle_over();
    }

    /// Queues a message that is never dropped: a response, an error, an acknowledgment, an end.
    /// A client that lets too many of them lie is ended instead. Yields the entry.
    pub(crate) fn push_reply(
        &mut self,
        stream: u32,
        body: String,
        owner: Owner,
        lane: Lane,
    ) -> u32 {
        let event = self.events.insert(body);
        self.push_undroppable(stream, event, owner, lane)
    }

    /// The same for an event that the caller holds and hands over.
    pub(crate) fn push_undroppable(
        &mut self,
        stream: u32,
        event: u32,
        owner: Owner,
        lane: Lane,
    ) -> u32 {
        let ix = self.out.streams[stream].session();
        // What was unread before decides: one large response is no sign of lagging.
        if self.sessions[ix].reply_bytes > self.config.max_reply_bytes
            && !self.sessions[ix].is_ending()
        {
            self.lag(ix);
        }
        self.sessions[ix].reply_bytes += self.events.body(event).len() as u32;
        self.push_event(stream, event, owner, lane, 0)
    }

    #[inline]
    fn push_event(&mut self, stream: u32, event: u32, owner: Owner, lane: Lane, flags: u16) -> u32 {
        let entry = self.out.entry(event, stream, owner);
        let slot = self.out.slots.insert(Slot::new(flags, Body::Event(entry)));
        self.out.push(slot, lane);
        if let Owner::Request(request) = owner {
            self.chain_push(request, slot);
        }
        slot
    }

    /// Whether a queued event can be replaced by another one within its session's bound in bytes.
    pub(crate) fn fits_in_place(&self, slot: u32, event: u32) -> bool {
        let record = &self.out.slots[slot];
        let held = record.event().map_or(0, |entry| self.events.body(entry.event).len());
        let growth = self.events.body(event).len().saturating_sub(held);
        let stream = self.out.stream_of(slot);
        self.sessions.fits_beside(self.out.streams[stream].session(), growth)
    }

    /// Puts another event, which the caller holds and hands over, in the place of a queued one.
    pub(crate) fn replace_event(&mut self, slot: u32, event: u32) {
        let record = &mut self.out.slots[slot];
        let is_droppable = record.is(DROPPABLE);
        let Body::Event(entry) = &mut record.body else { return };
        let EventEntry { event: old, stream, .. } = *entry;
        entry.event = event;
        let (old_len, len) = (self.events.body(old).len(), self.events.body(event).len());
        let session = &mut self.sessions[self.out.streams[stream].session()];
        let bytes = if is_droppable { &mut session.bytes } else { &mut session.reply_bytes };
        *bytes = *bytes - old_len as u32 + len as u32;
        self.events.release(old);
    }

    /// Takes a slot out of its outbox. An event goes for good, and so does a link that was only
    /// passing; any other link stays with its subscription.
    pub(crate) fn discard(&mut self, slot: u32) {
        let record = &self.out.slots[slot];
        match record.body {
            Body::Link(_) if record.is(PASSING) => self.remove_link(slot),
            Body::Link(_) => self.retract(slot),
            Body::Event(entry) => {
                let (is_droppable, owner) = (record.is(DROPPABLE), self.out.owner(slot));
                if record.is(QUEUED) {
                    self.out.unlink(slot);
                }
                self.chain_remove(slot);
                let len = self.events.body(entry.event).len();
                let ix = self.out.streams[entry.stream].session();
                self.sessions[ix].uncount_event(is_droppable, len);
                match owner {
                    Some(Owner::OpenProgress) => {
                        self.sessions.rare_mut(ix).forget_open_progress(slot)
                    }
                    Some(Owner::Subscription(sub)) => self.subs.forget_ack(sub),
                    Some(Owner::Session | Owner::Request(_)) | None => {}
                }
                self.out.disown(slot);
                self.events.release(entry.event);
                self.out.slots.remove(slot);
            }
        }
    }
}
