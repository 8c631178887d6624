//! What is kept of streams that can be resumed: the frames that were sent last, and where each
//! stream stands. It lies beside the streams, because few sessions have it.
//!
//! Invariants:
//! * a stream has an entry here if and only if it is `NUMBERED`;
//! * the frames of an entry are the last ones sent on its stream, without a gap, and each holds an
//!   event body of its own accord, so that `engine.max_queued_bytes` bounds them as well;
//! * a frame that is still to be sent again (at or after `cursor`) is never given up.

use std::collections::{BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::engine::pool::NONE;
use crate::protocol::event_id::EventId;

/// What is kept of one stream.
#[derive(Debug)]
pub(crate) struct Kept {
    number: u64,
    /// The place of the first event: 0 where the stream begins with an id alone.
    first: u64,
    /// The place of the next new frame.
    next: u64,
    /// The place of the next frame to be sent; behind `next` while the stream is replayed.
    cursor: u64,
    /// The bodies of the frames before `next`.
    frames: VecDeque<u32>,
    bytes: u64,
    /// The event with nothing but an id is still to be sent.
    pub(crate) is_priming: bool,
    /// The server is about to hang up, and asks the client to wait so long.
    pub(crate) hang_up_ms: Option<u32>,
    /// Since when it has had neither a connection nor news of its end.
    idle_ms: Option<u64>,
}

impl Kept {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn id(&self, seq: u64) -> EventId {
        EventId { stream: self.number, seq }
    }

    /// Whether a client can have an id of it.
    pub(crate) fn has_given(&self) -> bool {
        self.next > self.first
    }

    /// Whether that place has been given out.
    pub(crate) fn gave(&self, seq: u64) -> bool {
        (self.first..self.next).contains(&seq)
    }

    /// The place of the oldest frame that is kept; that of the next one if none is.
    pub(crate) fn oldest(&self) -> u64 {
        self.next - self.frames.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The body of the frame at the cursor, if it is one that was sent before.
    pub(crate) fn missed(&self) -> Option<u32> {
        let at = usize::try_from(self.cursor - self.oldest()).expect("a ring fits in memory");
        self.frames.get(at).copied()
    }

    /// What comes next is the frame of that place, which is kept.
    pub(crate) fn rewind(&mut self, seq: u64) {
        self.cursor = seq;
    }

    /// The frame at the cursor has been sent again.
    pub(crate) fn advance(&mut self) {
        self.cursor = self.next.min(self.cursor + 1);
    }

    /// Nothing is to be sent again.
    pub(crate) fn catch_up(&mut self) {
        self.cursor = self.next;
    }

    /// The event with nothing but an id has been sent, or need not be any more.
    pub(crate) fn prime(&mut self) {
        if std::mem::take(&mut self.is_priming) {
            self.next += 1;
            self.catch_up();
        }
    }

    /// Whether something has to be sent before what is queued.
    pub(crate) fn is_cold(&self) -> bool {
        self.is_priming || self.hang_up_ms.is_some() || self.cursor < self.next
    }

    pub(crate) fn idle_ms(&self) -> Option<u64> {
        self.idle_ms
    }

    fn may_go(&self) -> bool {
        !self.frames.is_empty() && self.oldest() < self.cursor
    }
}

/// When a frame was sent.
#[derive(Clone, Copy, Debug)]
struct Age {
    at_ms: u64,
    stream: u64,
    seq: u64,
}

/// Everything that is kept.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    kept: HashMap<u32, Kept, RandomState>,
    /// Streams by their numbers.
    numbers: HashMap<u64, u32, RandomState>,
    last_number: u64,
    /// The frames of all streams, the oldest first, among some that are not kept any more.
    ages: VecDeque<Age>,
    frames: usize,
    /// Streams without a connection that owe no response: since when, and their numbers.
    idle: BTreeSet<(u64, u64)>,
    /// Where the body of the latest notice of a topic was, for some topics. That may be gone by now,
    /// and something else in its place.
    texts: Vec<u32>,
}

/// For how many topics that is known.
const TEXTS: usize = 256;

/// How many frames that must stay are passed over in the search for one that may go.
const LOOK: usize = 64;

impl Replays {
    /// Whether time makes a difference.
    pub(crate) fn ages(&self) -> bool {
        self.frames != 0 || !self.idle.is_empty()
    }

    /// Begins to keep a stream. `is_primed`: its first event is an id alone.
    pub(crate) fn begin(&mut self, stream: u32, is_primed: bool) {
        self.last_number += 1;
        let first = u64::from(!is_primed);
        let kept = Kept {
            number: self.last_number,
            first,
            next: first,
            cursor: first,
            frames: VecDeque::new(),
            bytes: 0,
            is_priming: is_primed,
            hang_up_ms: None,
            idle_ms: None,
        };
        self.numbers.insert(kept.number, stream);
        self.kept.insert(stream, kept);
    }

    /// Ends it, and yields the bodies that it held.
    pub(crate) fn end(&mut self, stream: u32) -> VecDeque<u32> {
        self.set_idle(stream, None);
        let Some(kept) = self.kept.remove(&stream) else { return VecDeque::new() };
        self.numbers.remove(&kept.number);
        self.frames -= kept.frames.len();
        kept.frames
    }

    /// The entry of a numbered stream.
    pub(crate) fn of(&self, stream: u32) -> &Kept {
        &self.kept[&stream]
    }

    pub(crate) fn of_mut(&mut self, stream: u32) -> &mut Kept {
        self.kept.get_mut(&stream).expect("a numbered stream is kept")
    }

    /// The stream of that number.
    pub(crate) fn find(&self, number: u64) -> Option<u32> {
        self.numbers.get(&number).copied()
    }

    /// Keeps a new frame, whose body the caller holds and hands over.
    pub(crate) fn push(&mut self, stream: u32, body: u32, len: usize, now_ms: u64) {
        let kept = self.kept.get_mut(&stream).expect("a numbered stream is kept");
        self.ages.push_back(Age { at_ms: now_ms, stream: kept.number, seq: kept.next });
        kept.frames.push_back(body);
        kept.bytes += len as u64;
        kept.next += 1;
        kept.cursor = kept.next;
        self.frames += 1;
        self.tidy();
    }

    /// Where to look for a body with the text of a topic's notices: there may be another one there,
    /// or none.
    pub(crate) fn latest_text(&self, topic: u32) -> u32 {
        self.texts.get(topic as usize % TEXTS).copied().unwrap_or(NONE)
    }

    pub(crate) fn set_latest_text(&mut self, topic: u32, body: u32) {
        self.texts.resize(TEXTS, NONE);
        self.texts[topic as usize % TEXTS] = body;
    }

    /// Whether a stream keeps more than that, and has a frame that may go.
    pub(crate) fn is_over(&self, stream: u32, max_frames: u32, max_bytes: u32) -> bool {
        let kept = self.of(stream);
        let is_over = kept.frames.len() > max_frames as usize || kept.bytes > u64::from(max_bytes);
        is_over && kept.may_go()
    }

    /// The body of the oldest frame of a stream that keeps one.
    pub(crate) fn oldest_body(&self, stream: u32) -> u32 {
        self.of(stream).frames[0]
    }

    /// Forgets the oldest frame of a stream, whose body had that length.
    pub(crate) fn pop(&mut self, stream: u32, len: usize) {
        let kept = self.of_mut(stream);
        kept.frames.pop_front();
        kept.bytes -= len as u64;
        self.frames -= 1;
    }

    /// The stream whose oldest frame is the oldest of all that may go, if that was sent at
    /// `until_ms` or before. Those that must stay are looked at again as if sent now.
    pub(crate) fn oldest(&mut self, until_ms: u64, now_ms: u64) -> Option<u32> {
        let mut looks = LOOK;
        while let Some(&age) = self.ages.front() {
            if age.at_ms > until_ms || looks == 0 {
                return None;
            }
            self.ages.pop_front();
            let Some(stream) = self.holds(age) else { continue };
            if self.of(stream).may_go() {
                // It is the oldest of its stream, or that is older still; then this one has its
                // turn again.
                if self.of(stream).oldest() < age.seq {
                    self.ages.push_front(age);
                }
                return Some(stream);
            }
            self.ages.push_back(Age { at_ms: now_ms, ..age });
            looks -= 1;
        }
        None
    }

    /// The stream that still keeps that frame.
    fn holds(&self, age: Age) -> Option<u32> {
        let stream = self.find(age.stream)?;
        (self.of(stream).oldest() <= age.seq).then_some(stream)
    }

    /// Frames that went by a bound of their stream leave their ages behind; here those go, once
    /// they are in the majority.
    fn tidy(&mut self) {
        if self.ages.len() > 2 * self.frames + LOOK {
            let mut ages = std::mem::take(&mut self.ages);
            ages.retain(|&age| self.holds(age).is_some());
            self.ages = ages;
        }
    }

    /// Notes since when a stream has been idle, or that it is not.
    pub(crate) fn set_idle(&mut self, stream: u32, since_ms: Option<u64>) {
        let Some(kept) = self.kept.get_mut(&stream) else { return };
        if let Some(before) = kept.idle_ms {
            self.idle.remove(&(before, kept.number));
        }
        if let Some(since_ms) = since_ms {
            self.idle.insert((since_ms, kept.number));
        }
        kept.idle_ms = since_ms;
    }

    /// The stream that has been idle longest, if since `until_ms` or before.
    pub(crate) fn longest_idle(&self, until_ms: u64) -> Option<u32> {
        let &(since_ms, number) = self.idle.first()?;
        if since_ms > until_ms {
            return None;
        }
        self.find(number)
    }

    /// The oldest time that is remembered.
    pub(crate) fn since_ms(&self) -> Option<u64> {
        let frame = (self.frames != 0).then(|| self.ages.front().map(|age| age.at_ms)).flatten();
        let idle = self.idle.first().map(|&(since_ms, _)| since_ms);
        frame.into_iter().chain(idle).min()
    }
}

#[cfg(test)]
impl Replays {
    /// Every body that is held, once for each frame that holds it.
    pub(super) fn bodies(&self) -> impl Iterator<Item = u32> {
        self.kept.values().flat_map(|kept| kept.frames.iter().copied())
    }

    /// Panics unless this many streams are kept, and the entries agree with each other.
    pub(super) fn check(&self, streams: usize) {
        assert_eq!((self.kept.len(), self.numbers.len()), (streams, streams));
        let mut idle = BTreeSet::new();
        for (&stream, kept) in &self.kept {
            assert_eq!(self.numbers[&kept.number], stream);
            assert!(kept.oldest() <= kept.cursor && kept.cursor <= kept.next);
            idle.extend(kept.idle_ms.map(|since_ms| (since_ms, kept.number)));
        }
        assert_eq!(self.idle, idle);
        assert_eq!(self.frames, self.bodies().count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stream 0 with frames 1 to `count`, each 10 bytes and sent at its own place in ms.
    fn kept(count: u32) -> Replays {
        let mut replays = Replays::default();
        replays.begin(0, false);
        for seq in 1..=count {
            replays.push(0, seq + 100, 10, u64::from(seq));
        }
        replays
    }

    #[test]
    fn a_ring_gives_up_its_oldest_frames_and_knows_its_reach() {
        let mut replays = kept(5);
        assert!(!replays.is_over(0, 5, 50));
        assert!(replays.is_over(0, 4, 50));
        assert!(replays.is_over(0, 5, 49));
        assert_eq!(replays.oldest_body(0), 101);
        replays.pop(0, 10);
        assert_eq!(replays.of(0).oldest(), 2);
        assert_eq!(replays.of(0).missed(), None);
        replays.of_mut(0).rewind(5);
        assert_eq!(replays.of(0).missed(), Some(105));
        assert!(replays.of(0).gave(1) && replays.of(0).gave(5));
        assert!(!replays.of(0).gave(0) && !replays.of(0).gave(6));
    }

    #[test]
    fn a_frame_that_is_to_be_sent_again_stays() {
        let mut replays = kept(3);
        replays.of_mut(0).rewind(2);
        assert_eq!(replays.oldest(9, 9), Some(0));
        replays.pop(0, 10);
        assert_eq!(replays.oldest(9, 10), None, "2 and 3 are still to be sent");
        assert!(!replays.is_over(0, 0, 0));
        replays.of_mut(0).catch_up();
        assert_eq!(replays.oldest(9, 10), None, "they were put off");
        assert_eq!(replays.oldest(10, 10), Some(0));
        replays.pop(0, 10);
        assert_eq!(replays.oldest(10, 10), Some(0));
        replays.pop(0, 10);
        assert_eq!(replays.oldest(10, 10), None);
        assert!(!replays.ages());
    }

    #[test]
    fn ages_of_frames_that_went_do_not_pile_up() {
        let mut replays = kept(0);
        for seq in 0..10_000 {
            replays.push(0, seq, 1, 0);
            while replays.is_over(0, 4, 1000) {
                replays.pop(0, 1);
            }
        }
        assert!(replays.ages.len() <= 2 * 5 + LOOK, "{}", replays.ages.len());
        assert_eq!(replays.end(0).len(), 4);
        assert_eq!(replays.find(1), None);
        replays.begin(1, true);
        assert_eq!(replays.find(2), Some(1), "a number is never used again");
    }
}
