//! What is kept of streams that can be resumed: the frames that were sent last, and where each
//! stream stands. It lies beside the streams, because few sessions have it.
//!
//! A drain of a hundred streams touches a hundred entries, so an entry is found without searching,
//! and what a run of frames has in common is noted once for the run.
//!
//! Invariants:
//! * a stream has an entry here if and only if it is `NUMBERED`;
//! * the frames of an entry are the last ones sent on its stream, without a gap, and each holds an
//!   event body of its own accord, so that `engine.max_queued_bytes` bounds them as well;
//! * a frame that is still to be sent again (at or after `cursor`) is never given up.

use std::collections::{BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::engine::pool::{NONE, Pool, growth};
use crate::protocol::event_id::EventId;

/// What is kept of one stream.
#[derive(Debug)]
pub(crate) struct Kept {
    number: u64,
    stream: u32,
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

    /// Keeps a new frame, whose body the caller holds and hands over. The caller
    /// [notes](Replays::note) it afterwards, alone or with those that follow it at once.
    #[inline]
    pub(crate) fn push(&mut self, body: u32, len: usize) {
        self.frames.push_back(body);
        self.bytes += len as u64;
        self.next += 1;
        self.cursor = self.next;
    }

    /// Whether it keeps more than that, and has a frame that may go.
    #[inline]
    pub(crate) fn is_over(&self, max_frames: u32, max_bytes: u32) -> bool {
        let is_over = self.frames.len() > max_frames as usize || self.bytes > u64::from(max_bytes);
        is_over && self.may_go()
    }

    /// The body of the oldest frame of a stream that keeps one.
    #[inline]
    pub(crate) fn oldest_body(&self) -> u32 {
        self.frames[0]
    }

    /// Forgets the oldest frame, whose body had that length. The caller notes that as well.
    #[inline]
    pub(crate) fn pop(&mut self, len: usize) {
        self.frames.pop_front();
        self.bytes -= len as u64;
    }
}

/// When the frames of a stream up to one were sent, from where the age before it on.
#[derive(Clone, Copy, Debug)]
struct Age {
    at_ms: u64,
    stream: u64,
    /// The place of the last of them.
    seq: u64,
    /// Where the stream's entry was.
    entry: u32,
}

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Replays {
    kept: Pool<Kept>,
    /// Where the entry of a stream is, as far as streams have been numbered.
    entries: Vec<u32>,
    /// Entries by the numbers of their streams.
    numbers: HashMap<u64, u32, RandomState>,
    last_number: u64,
    /// The frames of all streams, the oldest first, among some that are not kept any more.
    ages: VecDeque<Age>,
    /// With so many it is time to look for those that are not.
    tidy_at: usize,
    frames: usize,
    /// Streams without a connection that owe no response: since when, and their numbers.
    idle: BTreeSet<(u64, u64)>,
    pub(super) texts: Texts,
    /// Room for whoever writes what stands before a text.
    pub(super) head: String,
}

/// Where the body of the latest notice of a topic was, for some topics. That may be gone by now, and
/// something else in its place.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<u32>);

/// For how many topics that is known.
const TEXTS: usize = 256;

/// How many frames that must stay are passed over in the search for one that may go.
const LOOK: usize = 64;

impl Texts {
    /// Where to look for a body with the text of a topic's notices: there may be another one there,
    /// or none.
    #[inline]
    pub(super) fn latest(&self, topic: u32) -> u32 {
        self.0.get(topic as usize % TEXTS).copied().unwrap_or(NONE)
    }

    pub(super) fn set_latest(&mut self, topic: u32, body: u32) {
        self.0.resize(TEXTS, NONE);
        self.0[topic as usize % TEXTS] = body;
    }
}

impl Replays {
    pub(crate) fn new() -> Self {
        Self {
            kept: Pool::new(),
            entries: Vec::new(),
            numbers: HashMap::default(),
            last_number: 0,
            ages: VecDeque::new(),
            tidy_at: LOOK,
            frames: 0,
            idle: BTreeSet::new(),
            texts: Texts::default(),
            head: String::new(),
        }
    }

    /// Whether time makes a difference.
    pub(crate) fn ages(&self) -> bool {
        self.frames != 0 || !self.idle.is_empty()
    }

    /// Begins to keep a stream. `is_primed`: its first event is an id alone.
    pub(crate) fn begin(&mut self, stream: u32, is_primed: bool) {
        self.last_number += 1;
        let first = u64::from(!is_primed);
        let entry = self.kept.insert(Kept {
            number: self.last_number,
            stream,
            first,
            next: first,
            cursor: first,
            frames: VecDeque::new(),
            bytes: 0,
            is_priming: is_primed,
            hang_up_ms: None,
            idle_ms: None,
        });
        let at = stream as usize;
        if at >= self.entries.len() {
            let more = at + 1 - self.entries.len();
            if at >= self.entries.capacity() {
                self.entries.reserve_exact(growth(self.entries.len()).max(more));
            }
            self.entries.resize(at + 1, NONE);
        }
        self.entries[at] = entry;
        self.numbers.insert(self.last_number, entry);
    }

    /// Ends it, and yields the bodies that it held.
    pub(crate) fn end(&mut self, stream: u32) -> VecDeque<u32> {
        self.set_idle(stream, None);
        let Some(entry) = self.entry(stream) else { return VecDeque::new() };
        self.entries[stream as usize] = NONE;
        let kept = self.kept.remove(entry);
        self.numbers.remove(&kept.number);
        self.frames -= kept.frames.len();
        kept.frames
    }

    #[inline]
    fn entry(&self, stream: u32) -> Option<u32> {
        self.entries.get(stream as usize).copied().filter(|&entry| entry != NONE)
    }

    /// The entry of a numbered stream.
    #[inline]
    pub(crate) fn of(&self, stream: u32) -> &Kept {
        &self.kept[self.entries[stream as usize]]
    }

    #[inline]
    pub(crate) fn of_mut(&mut self, stream: u32) -> &mut Kept {
        &mut self.kept[self.entries[stream as usize]]
    }

    /// The same, with where the bodies are.
    #[inline]
    pub(super) fn of_with_texts(&mut self, stream: u32) -> (&mut Kept, &mut Texts) {
        (&mut self.kept[self.entries[stream as usize]], &mut self.texts)
    }

    /// The stream of that number.
    pub(crate) fn find(&self, number: u64) -> Option<u32> {
        self.numbers.get(&number).map(|&entry| self.kept[entry].stream)
    }

    /// Keeps a new frame, whose body the caller holds and hands over.
    pub(crate) fn push(&mut self, stream: u32, body: u32, len: usize, now_ms: u64) {
        self.of_mut(stream).push(body, len);
        self.note(stream, 1, 0, now_ms);
    }

    /// Notes that so many frames of a stream were sent and so many forgotten.
    #[inline]
    pub(crate) fn note(&mut self, stream: u32, sent: usize, forgotten: usize, now_ms: u64) {
        self.frames = self.frames + sent - forgotten;
        if sent == 0 {
            return;
        }
        let entry = self.entries[stream as usize];
        let kept = &self.kept[entry];
        let age = Age { at_ms: now_ms, stream: kept.number, seq: kept.next - 1, entry };
        // Frames of one stream that are sent one after the other are as old.
        match self.ages.back_mut() {
            Some(last) if (last.stream, last.at_ms) == (age.stream, now_ms) => *last = age,
            _ => self.ages.push_back(age),
        }
        if self.ages.len() > self.tidy_at {
            self.tidy();
        }
    }

    /// Whether a stream keeps more than that, and has a frame that may go.
    pub(crate) fn is_over(&self, stream: u32, max_frames: u32, max_bytes: u32) -> bool {
        self.of(stream).is_over(max_frames, max_bytes)
    }

    /// The body of the oldest frame of a stream that keeps one.
    pub(crate) fn oldest_body(&self, stream: u32) -> u32 {
        self.of(stream).oldest_body()
    }

    /// Forgets the oldest frame of a stream, whose body had that length.
    pub(crate) fn pop(&mut self, stream: u32, len: usize) {
        self.of_mut(stream).pop(len);
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
            let Some(kept) = self.holder(age) else { continue };
            if kept.may_go() {
                let (stream, oldest) = (kept.stream, kept.oldest());
                // It is the oldest of its stream, or that is older still; then this one has its
                // turn again.
                if oldest < age.seq {
                    self.ages.push_front(age);
                }
                return Some(stream);
            }
            self.ages.push_back(Age { at_ms: now_ms, ..age });
            looks -= 1;
        }
        None
    }

    /// The entry of the stream that still keeps some of those frames.
    fn holder(&self, age: Age) -> Option<&Kept> {
        let kept = self.kept.get(age.entry)?;
        (kept.number == age.stream && kept.oldest() <= age.seq).then_some(kept)
    }

    /// Frames that went by a bound of their stream leave their ages behind; here those go, whenever
    /// there are twice as many as there were left the last time.
    #[cold]
    fn tidy(&mut self) {
        let mut ages = std::mem::take(&mut self.ages);
        ages.retain(|&age| self.holder(age).is_some());
        self.tidy_at = 2 * ages.len() + LOOK;
        self.ages = ages;
    }

    /// Notes since when a stream has been idle, or that it is not.
    pub(crate) fn set_idle(&mut self, stream: u32, since_ms: Option<u64>) {
        let Some(entry) = self.entry(stream) else { return };
        let kept = &mut self.kept[entry];
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
        self.kept.iter().flat_map(|(_, kept)| kept.frames.iter().copied())
    }

    /// Panics unless this many streams are kept, and the entries agree with each other.
    pub(super) fn check(&self, streams: usize) {
        assert_eq!((self.kept.len(), self.numbers.len()), (streams, streams));
        let mut idle = BTreeSet::new();
        assert_eq!(self.entries.iter().filter(|&&entry| entry != NONE).count(), streams);
        for (entry, kept) in self.kept.iter() {
            assert_eq!(self.entries[kept.stream as usize], entry);
            assert_eq!(self.numbers[&kept.number], entry);
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
        let mut replays = Replays::new();
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
    fn frames_sent_in_a_row_have_one_age_and_go_in_their_order() {
        let mut replays = kept(0);
        replays.begin(7, false);
        for (stream, count, at_ms) in [(0, 10, 5), (7, 3, 5), (0, 2, 5), (0, 1, 6)] {
            for _ in 0..count {
                replays.push(stream, 100, 10, at_ms);
            }
        }
        assert_eq!(replays.ages.len(), 4);
        let mut went = |until_ms| {
            let mut went = Vec::new();
            while let Some(stream) = replays.oldest(until_ms, 9) {
                replays.pop(stream, 10);
                went.push(stream);
            }
            went
        };
        assert_eq!(went(5), [[0; 10].as_slice(), &[7; 3], &[0; 2]].concat());
        assert_eq!(went(6), [0]);
        assert!(!replays.ages());
        replays.check(2);
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
