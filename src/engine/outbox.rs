//! Outboxes: what each stream has still to send, and the list of streams that have something.
//!
//! An outbox is two lanes of [`Slot`]s, chained by index, so that queueing and removing never
//! allocate and never search.
//!
//! Invariants:
//! * a slot is in exactly one lane while it is queued, and in none otherwise; then nothing is next
//!   to it;
//! * a stream is in a ready list if and only if it may be drained and a lane that may be drained
//!   is not empty ([`Outboxes::refresh`] restores this after every change); which of the two
//!   lists depends on whether a callback or a pull delivers it;
//! * `first_droppable` of a stream is the first slot of its main lane that an overflow policy may
//!   drop, so that dropping the oldest never walks over the others twice.

use std::collections::HashMap;

use crate::engine::crowd::{Crowd, Place};
use crate::engine::owned::Owned;
use crate::engine::pool::{HandleKind, NONE, Pool, Slab, index_of, slab_bytes};
use crate::engine::put_off::PutOff;
use crate::engine::slot::{
    AGAIN, Body, CONTEXT, CONTROL, DROPPABLE, EventEntry, IN_HAND, Lane, MUTED, PASSING, QUEUED,
    Slot, WITHDRAWN,
};
use crate::engine::underway::Underway;
use crate::framing::Framing;
use crate::params::StreamKind;
use crate::protocol::kind::NoticeKind;

#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl Queue {
    const EMPTY: Self = Self { head: NONE, tail: NONE };
}

/// One ordered way out of a session. It fills a line of a processor's cache, with the generation
/// that its table adds, so that a delivery need not ask for two.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The session's handle, so that draining need not look at the session: low half first.
    session: [u32; 2],
    pub(crate) session_next: u32,
    pub(super) control: Queue,
    pub(super) main: Queue,
    pub(super) first_droppable: u32,
    pub(super) ready_next: u32,
    pub(super) ready_prev: u32,
    /// Frames drained, and notices that had merged into them: what is beyond [`SPILL`] is kept
    /// elsewhere.
    delivered: u32,
    merged: u32,
    /// How many slots are queued.
    pub(crate) queued: u32,
    /// Requests and listens received by this stream that have not ended yet.
    pub(crate) open_requests: u32,
    pub(crate) flags: u16,
    pub(crate) kind: StreamKind,
    pub(crate) framing: Framing,
}

const _: () = assert!(slab_bytes::<Stream>() == 64);

/// Counts of a stream do not go beyond this; tests get there.
const SPILL: u32 = if cfg!(test) { 50 } else { u32::MAX >> 1 };

/// Nobody writes it out at present: what is queued waits.
pub(crate) const DETACHED: u16 = 1;
/// Its main lane waits for the end of the handshake (R7).
pub(crate) const HELD: u16 = 1 << 1;
/// The host asked for no more output.
pub(crate) const PAUSED: u16 = 1 << 2;
/// A frame callback is at work on its session.
pub(crate) const BUSY: u16 = 1 << 3;
/// In the ready list.
pub(crate) const READY: u16 = 1 << 4;
/// What is queued is all there will ever be.
pub(crate) const FINISHED: u16 = 1 << 5;
/// Opened by the host by name, not with its session.
pub(crate) const NAMED: u16 = 1 << 6;
/// Delivered by a frame callback.
pub(crate) const PUSHED: u16 = 1 << 7;
/// Its frames have event ids, and are kept for a while after they were sent.
pub(crate) const NUMBERED: u16 = 1 << 8;
/// A numbered stream that has something to send before its outbox.
pub(crate) const COLD: u16 = 1 << 9;
/// Something was sent on it since the last look at silent streams.
pub(crate) const LIVELY: u16 = 1 << 10;
/// It has been silent: a comment is due where nothing else is queued (R59).
pub(crate) const SILENT: u16 = 1 << 11;
/// Among the streams whose silence is broken.
pub(crate) const WATCHED: u16 = 1 << 12;
/// Of the first stream of a session: it was resumed since its latest frame was handed to a callback.
pub(crate) const RESUMED: u16 = 1 << 13;
/// It also sends what the first stream of its session has queued (G20).
pub(crate) const CARRIES: u16 = 1 << 14;
/// Another stream of its session sends what it has queued.
pub(crate) const CARRIED: u16 = 1 << 15;

/// Whatever keeps a notice from leaving a stream in the plain way, by a pull.
pub(crate) const UNUSUAL: u16 = DETACHED
    | HELD
    | PAUSED
    | BUSY
    | FINISHED
    | PUSHED
    | NUMBERED
    | COLD
    | SILENT
    | CARRIES
    | CARRIED;

impl Stream {
    pub(crate) fn new(session_handle: u64, kind: StreamKind, framing: Framing, flags: u16) -> Self {
        Self {
            session: [session_handle as u32, (session_handle >> 32) as u32],
            session_next: NONE,
            control: Queue::EMPTY,
            main: Queue::EMPTY,
            first_droppable: NONE,
            ready_next: NONE,
            ready_prev: NONE,
            delivered: 0,
            merged: 0,
            queued: 0,
            open_requests: 0,
            flags,
            kind,
            framing,
        }
    }

    #[inline]
    pub(crate) fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    #[inline]
    pub(crate) fn session_handle(&self) -> u64 {
        u64::from(self.session[0]) | u64::from(self.session[1]) << 32
    }

    /// The index of its session.
    #[inline]
    pub(crate) fn session(&self) -> u32 {
        index_of(self.session_handle())
    }

    /// What was first in the main lane, and into which so many others had merged, was delivered;
    /// `next` is first now. If that is none the stream is not ready any more, though in the list
    /// until that is cut. Yields whether its counts must spill.
    #[inline(always)]
    pub(super) fn pop_plain(&mut self, next: u32, merged: u32) -> bool {
        debug_assert!(!self.is(UNUSUAL & !PUSHED) && self.is(READY));
        if next == NONE {
            self.flags &= !READY;
        }
        self.pop_main(next, merged)
    }

    /// The same, for who has seen to it that it is in the list if and only if it is ready.
    #[inline(always)]
    pub(super) fn pop_main(&mut self, next: u32, merged: u32) -> bool {
        self.queued -= 1;
        self.main.head = next;
        self.flags |= LIVELY;
        if next == NONE {
            self.main.tail = NONE;
        }
        self.count(1, merged)
    }

    /// Undoes that, with nothing done to it since but for the list of those that are ready.
    pub(super) fn push_plain(&mut self, slot: u32, merged: u32, was_lively: bool) {
        if self.main.head == NONE {
            self.main.tail = slot;
        }
        self.main.head = slot;
        self.queued += 1;
        self.delivered -= 1;
        self.merged -= merged;
        if !was_lively {
            self.flags &= !LIVELY;
        }
    }

    /// Counts; yields whether it is time to [`spill`](Outboxes::spill). What is added at a time is
    /// less than a count can hold beyond [`SPILL`], so it never overflows.
    #[inline]
    fn count(&mut self, delivered: u32, merged: u32) -> bool {
        self.delivered += delivered;
        self.merged += merged;
        self.delivered > SPILL || self.merged > SPILL
    }

    /// The slot that would be drained next.
    #[inline]
    pub(crate) fn front(&self) -> Option<u32> {
        if self.control.head != NONE {
            return Some(self.control.head);
        }
        (self.main.head != NONE && !self.is(HELD)).then_some(self.main.head)
    }

    #[inline]
    fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::Control => &mut self.control,
            Lane::Main => &mut self.main,
        }
    }
}

/// Every stream's outbox.
#[derive(Debug)]
pub(crate) struct Outboxes {
    pub(crate) slots: Pool<Slot>,
    pub(crate) streams: Slab<Stream>,
    /// By topic.
    pub(super) crowds: Vec<Crowd>,
    /// Streams that can be drained: by pull, and by callback.
    pub(super) ready: [Queue; 2],
    /// Slots queued on all streams.
    pub(crate) queued: u64,
    /// Sessions came and went so much that their slots are no longer in the order of their streams.
    pub(crate) is_mixed: bool,
    /// Frames drained and notices merged, of streams that have counted to [`SPILL`]: what they
    /// have counted before.
    spilled: HashMap<u32, (u64, u64)>,
    /// How many streams are `WATCHED`.
    pub(super) watched: u32,
    /// Of each stream that is `CARRIED` the one that carries it, and the other way round.
    pub(super) carriers: HashMap<u32, u32>,
    /// Owners of queued events, where those are not the sessions.
    pub(super) owned: Pool<Owned>,
    /// What a raising has still to queue.
    pub(super) underway: Underway,
    /// Raisings of which all is still to be queued, in their order.
    pub(super) put_off: Vec<PutOff>,
}

impl Outboxes {
    pub(crate) fn new(engine: u32) -> Self {
        Self {
            slots: Pool::new(),
            streams: Slab::new(HandleKind::Stream, engine),
            // The lists count what is raised of them while nobody holds them, too.
            crowds: NoticeKind::LISTS.map(|_| Crowd::EMPTY).into(),
            ready: [Queue::EMPTY; 2],
            queued: 0,
            is_mixed: false,
            spilled: HashMap::new(),
            watched: 0,
            carriers: HashMap::new(),
            owned: Pool::new(),
            underway: Underway::NOTHING,
            put_off: Vec::new(),
        }
    }

    /// Puts a slot at the end of a lane of its stream.
    #[inline]
    pub(crate) fn push(&mut self, slot_ix: u32, lane: Lane) {
        debug_assert!(!self.is_queued(slot_ix));
        let slot = &mut self.slots[slot_ix];
        if lane == Lane::Control {
            slot.flags |= CONTROL;
        }
        let stream_ix = match &slot.body {
            Body::Event(entry) => {
                slot.flags |= QUEUED;
                entry.stream
            }
            Body::Link(link) => {
                let crowd = &mut self.crowds[link.topic as usize];
                let place = &mut crowd.places[link.topic_pos as usize];
                place.set_queued(crowd.raised);
                place.stream
            }
        };
        let stream = &mut self.streams[stream_ix];
        if slot.is(DROPPABLE) && lane == Lane::Main && stream.first_droppable == NONE {
            stream.first_droppable = slot_ix;
        }
        stream.queued += 1;
        self.queued += 1;
        let queue = stream.queue(lane);
        let before = std::mem::replace(&mut queue.tail, slot_ix);
        if before == NONE {
            queue.head = slot_ix;
            self.refresh_filled(stream_ix);
        } else {
            slot.prev = before;
            self.slots[before].next = slot_ix;
        }
    }

    /// As [`push`](Self::push), for a link to everyone's notice. Where nothing waits before it,
    /// its slot need not be looked at. It is still to be counted in `queued`.
    #[inline(always)]
    pub(super) fn append(&mut self, slot_ix: u32, stream_ix: u32) {
        let stream = &mut self.streams[stream_ix];
        stream.queued += 1;
        let before = std::mem::replace(&mut stream.main.tail, slot_ix);
        if before == NONE {
            stream.main.head = slot_ix;
            self.refresh_filled(stream_ix);
        } else {
            self.slots[slot_ix].prev = before;
            self.slots[before].next = slot_ix;
        }
    }

    /// Whether a slot is in a lane.
    #[inline]
    pub(crate) fn is_queued(&self, slot: u32) -> bool {
        self.place(slot).map_or_else(|| self.slots[slot].is(QUEUED), Place::is_queued)
    }

    /// As [`refresh`](Self::refresh), for a stream of which a lane was empty and is not any more.
    #[inline]
    fn refresh_filled(&mut self, stream_ix: u32) {
        let stream = &self.streams[stream_ix];
        if stream.is(DETACHED | PAUSED | BUSY | HELD | CARRIED) {
            self.refresh(stream_ix);
        } else if !stream.is(READY) {
            self.enter_ready(stream_ix);
        }
    }

    /// A frame was sent on a stream.
    pub(crate) fn note_delivered(&mut self, stream_ix: u32) {
        let stream = &mut self.streams[stream_ix];
        stream.flags = stream.flags & !SILENT | LIVELY;
        self.count(stream_ix, 1, 0);
    }

    /// Counts frames drained from a stream, and notices that had merged into them.
    pub(crate) fn count(&mut self, stream_ix: u32, delivered: u32, merged: u32) {
        let stream = &mut self.streams[stream_ix];
        if stream.count(delivered, merged) {
            self.spill(stream_ix);
        }
    }

    /// Keeps the counts of a stream elsewhere, so that they can begin anew.
    #[cold]
    pub(super) fn spill(&mut self, stream_ix: u32) {
        let stream = &mut self.streams[stream_ix];
        let kept = self.spilled.entry(stream_ix).or_default();
        kept.0 += u64::from(std::mem::take(&mut stream.delivered));
        kept.1 += u64::from(std::mem::take(&mut stream.merged));
    }

    /// Frames drained from a stream, and notices that had merged into them.
    pub(crate) fn counts(&self, stream_ix: u32) -> (u64, u64) {
        let stream = &self.streams[stream_ix];
        let (delivered, merged) = self.spilled.get(&stream_ix).copied().unwrap_or_default();
        (delivered + u64::from(stream.delivered), merged + u64::from(stream.merged))
    }

    /// Takes a slot out of its lane.
    #[inline]
    pub(crate) fn unlink(&mut self, slot_ix: u32) {
        debug_assert!(self.is_queued(slot_ix));
        let slot = &mut self.slots[slot_ix];
        let (next, prev, lane) = (slot.next, slot.prev, slot.lane());
        slot.flags &= !(QUEUED | CONTROL | IN_HAND | AGAIN);
        (slot.next, slot.prev) = (NONE, NONE);
        let stream_ix = match &slot.body {
            Body::Event(entry) => entry.stream,
            Body::Link(link) => {
                let place = &mut self.crowds[link.topic as usize].places[link.topic_pos as usize];
                place.set_idle();
                place.follow(slot.flags);
                place.stream
            }
        };
        if next != NONE {
            self.slots[next].prev = prev;
        }
        if prev != NONE {
            self.slots[prev].next = next;
        }
        let stream = &mut self.streams[stream_ix];
        let was_first_droppable = stream.first_droppable == slot_ix;
        stream.queued -= 1;
        self.queued -= 1;
        let queue = stream.queue(lane);
        if queue.head == slot_ix {
            queue.head = next;
        }
        if queue.tail == slot_ix {
            queue.tail = prev;
        }
        let is_empty = queue.head == NONE;
        if was_first_droppable {
            self.streams[stream_ix].first_droppable = next_droppable(&self.slots, next);
        }
        if is_empty {
            self.refresh(stream_ix);
        }
    }

    /// Takes a slot to the end of a lane. What a callback has in hand it goes on having in hand.
    pub(crate) fn requeue(&mut self, slot_ix: u32, lane: Lane) {
        let in_hand = self.slots[slot_ix].flags & (IN_HAND | AGAIN);
        let place = self.place(slot_ix);
        self.unlink(slot_ix);
        self.push(slot_ix, lane);
        self.flag(slot_ix, in_hand, 0);
        if let Some(place) = place {
            self.set_raised_as(slot_ix, place);
        }
    }

    /// Those slots in the order in which they have to go out: what was raised again while in hand
    /// comes last, since what is in hand does not cover it.
    pub(crate) fn in_order(&self, mut slots: Vec<u32>) -> Vec<u32> {
        slots.sort_by_key(|&slot| self.slots[slot].is(AGAIN));
        slots
    }

    /// Turns a queued link into an event entry where it stands.
    pub(crate) fn replace_link(&mut self, slot_ix: u32, entry: EventEntry) {
        let slot = &mut self.slots[slot_ix];
        slot.body = Body::Event(entry);
        slot.flags = slot.flags & !(PASSING | CONTEXT | MUTED | WITHDRAWN) | QUEUED;
    }

    /// The oldest event of a stream that its overflow policy may drop; if there is none, and such
    /// may be dropped, the oldest passing link.
    pub(crate) fn oldest_droppable(&self, stream: u32, or_passing: bool) -> Option<u32> {
        let from = |first: u32, flag: u16| {
            let mut at = first;
            while at != NONE {
                let slot = &self.slots[at];
                if slot.is(flag) && !slot.is(IN_HAND) {
                    return Some(at);
                }
                at = slot.next;
            }
            None
        };
        let stream = &self.streams[stream];
        let event = from(stream.first_droppable, DROPPABLE);
        event.or_else(|| or_passing.then(|| from(stream.main.head, PASSING)).flatten())
    }

    /// The queued slots of a lane, front to back.
    pub(crate) fn lane(&self, stream: u32, lane: Lane) -> Vec<u32> {
        let stream = &self.streams[stream];
        let mut at = match lane {
            Lane::Control => stream.control.head,
            Lane::Main => stream.main.head,
        };
        let mut found = Vec::new();
        while at != NONE {
            found.push(at);
            at = self.slots[at].next;
        }
        found
    }

    /// Sets and clears flags of a stream, and keeps the ready lists right.
    pub(crate) fn set_flags(&mut self, stream: u32, set: u16, clear: u16) {
        if (set | clear) & PUSHED != 0 && self.streams[stream].is(READY) {
            self.leave_ready(stream);
        }
        let flags = &mut self.streams[stream].flags;
        *flags = *flags & !clear | set;
        if set & (DETACHED | FINISHED) != 0 {
            // Nobody waits for a sign of life there any more.
            self.watched -= u32::from(*flags & WATCHED != 0);
            *flags &= !(SILENT | WATCHED);
            if self.streams[stream].is(CARRIES) {
                self.uncarry(stream);
            }
        }
        self.refresh(stream);
    }

    /// Puts a stream into its ready list or takes it out, as its state says.
    pub(crate) fn refresh(&mut self, ix: u32) {
        let stream = &self.streams[ix];
        let is_carried = stream.is(CARRIED);
        match (self.is_drainable(ix), stream.is(READY)) {
            (true, false) => self.enter_ready(ix),
            (false, true) => self.leave_ready(ix),
            _ => {}
        }
        if is_carried {
            self.refresh(self.carriers[&ix]);
        }
    }

    pub(super) fn is_drainable(&self, ix: u32) -> bool {
        let stream = &self.streams[ix];
        !stream.is(DETACHED | PAUSED | BUSY)
            && (stream.is(COLD | SILENT) || self.front(ix).is_some())
    }

    /// The slot that would be drained next: of the stream itself, then of one that it carries.
    #[inline]
    pub(crate) fn front(&self, ix: u32) -> Option<u32> {
        let stream = &self.streams[ix];
        let own = stream.front();
        if own.is_some() || !stream.is(CARRIES) {
            return own;
        }
        self.streams[self.carriers[&ix]].front()
    }

    /// From now on a stream sends what another has queued, too.
    pub(crate) fn carry(&mut self, by: u32, stream: u32) {
        self.carriers.insert(by, stream);
        self.carriers.insert(stream, by);
        self.streams[by].flags |= CARRIES;
        self.streams[stream].flags |= CARRIED;
        self.refresh(by);
    }

    /// Undoes that.
    pub(crate) fn uncarry(&mut self, by: u32) {
        if let Some(stream) = self.carriers.remove(&by) {
            self.carriers.remove(&stream);
            self.streams[by].flags &= !CARRIES;
            self.streams[stream].flags &= !CARRIED;
            self.refresh(by);
        }
    }

    #[inline]
    pub(super) fn enter_ready(&mut self, ix: u32) {
        let stream = &mut self.streams[ix];
        let list = &mut self.ready[usize::from(stream.is(PUSHED))];
        let before = std::mem::replace(&mut list.tail, ix);
        stream.flags |= READY;
        stream.ready_prev = before;
        stream.ready_next = NONE;
        if before == NONE {
            list.head = ix;
        } else {
            self.streams[before].ready_next = ix;
        }
    }

    #[inline]
    pub(super) fn leave_ready(&mut self, ix: u32) {
        let stream = &mut self.streams[ix];
        stream.flags &= !READY;
        let (next, prev) = (stream.ready_next, stream.ready_prev);
        let list = &mut self.ready[usize::from(stream.is(PUSHED))];
        if next == NONE {
            list.tail = prev;
        }
        if prev == NONE {
            list.head = next;
        }
        if next != NONE {
            self.streams[next].ready_prev = prev;
        }
        if prev != NONE {
            self.streams[prev].ready_next = next;
        }
    }

    /// A stream is first in its ready list.
    pub(super) fn enter_ready_first(&mut self, ix: u32) {
        let stream = &mut self.streams[ix];
        let list = &mut self.ready[usize::from(stream.is(PUSHED))];
        let behind = std::mem::replace(&mut list.head, ix);
        stream.flags |= READY;
        stream.ready_prev = NONE;
        stream.ready_next = behind;
        if behind == NONE {
            list.tail = ix;
        } else {
            self.streams[behind].ready_prev = ix;
        }
    }

    /// The list of streams ready for a pull, or for a callback, begins with that one: those before
    /// are in it no more.
    #[inline]
    pub(super) fn cut_ready(&mut self, is_pushed: bool, first: u32) {
        let list = &mut self.ready[usize::from(is_pushed)];
        list.head = first;
        if first == NONE {
            list.tail = NONE;
        } else {
            self.streams[first].ready_prev = NONE;
        }
    }

    /// Sends a stream to the end of its ready list, so that the others get their turn.
    pub(crate) fn rotate(&mut self, ix: u32) {
        if self.streams[ix].is(READY) {
            self.leave_ready(ix);
            self.enter_ready(ix);
        }
    }

    /// Whether some stream can be drained.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.iter().any(|list| list.head != NONE)
    }

    /// The stream that has waited longest for a pull, or for a callback.
    #[inline]
    pub(crate) fn first_ready(&self, is_pushed: bool) -> Option<u32> {
        let head = self.ready[usize::from(is_pushed)].head;
        (head != NONE).then_some(head)
    }

    /// Streams that can be drained, longest waiting first, those for a pull before those for a
    /// callback.
    pub(crate) fn ready(&self) -> impl Iterator<Item = u32> {
        self.ready.iter().flat_map(move |list| {
            let mut at = list.head;
            std::iter::from_fn(move || {
                let ix = at;
                (ix != NONE).then(|| {
                    at = self.streams[ix].ready_next;
                    ix
                })
            })
        })
    }

    /// Forgets a stream whose outbox has been emptied.
    pub(crate) fn remove_stream(&mut self, ix: u32) {
        debug_assert_eq!(self.streams[ix].queued, 0);
        self.set_flags(ix, DETACHED, 0);
        if !self.spilled.is_empty() {
            self.spilled.remove(&ix);
        }
        self.streams.remove(ix);
    }
}

/// The first droppable slot of a lane from that one on.
pub(super) fn next_droppable(slots: &Pool<Slot>, mut at: u32) -> u32 {
    while at != NONE && !slots[at].is(DROPPABLE) {
        at = slots[at].next;
    }
    at
}
