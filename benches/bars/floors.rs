//! The least that can be done, where a bar is not reached: bare programs that know nothing of a
//! protocol, beside the same peers and bars as ours.
//!
//! Each does what no engine of its kind can leave out, with nothing around it. One that is above the
//! bar says that the bar is out of reach on this machine for whatever works so; one that is below
//! says how much room there is. None of them is ours, and none counts among what falls short.

use std::hint::{black_box, spin_loop};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, compiler_fence};

use crate::holding::uri;
use crate::lookup::Names;
use crate::measure::{Pair, Random, in_turn, time_once};
use crate::table::{Row, Table};
use crate::threads::{CHUNK, together};

/// No stream.
const NONE: u32 = u32::MAX;
/// How many are raised before they are drained, where that is not all: their streams fit into the
/// second of the caches.
const STREAMS: usize = 4096;
/// How many are taken out at a time, as in ours.
const BATCH: usize = 1024;

/// What each receiver of a topic needs if notices are to be merged, kept in order, and taken out
/// with the id of who asked for them: a stream, a place among the holders of the topic, and an id.
struct Receivers {
    places: Vec<Place>,
    streams: Vec<Stream>,
    ids: Vec<[u8; 16]>,
    /// The streams with something in them.
    first: u32,
    last: u32,
    batch: Vec<(u64, [u8; 16])>,
}

struct Place {
    slot: u32,
    stream: u32,
    subscription: u32,
    is_raised: u32,
}

#[repr(align(64))]
struct Stream {
    session: u64,
    head: u32,
    tail: u32,
    pending: u32,
    next: u32,
}

impl Receivers {
    fn new(count: usize) -> Self {
        let numbers = 0..count as u32;
        let place = |ix| Place { slot: ix, stream: ix, subscription: ix, is_raised: 0 };
        let stream = |ix| {
            let session = u64::from(ix);
            Stream { session, head: NONE, tail: NONE, pending: 0, next: NONE }
        };
        Self {
            places: numbers.clone().map(place).collect(),
            streams: numbers.clone().map(stream).collect(),
            ids: numbers.map(|ix| u128::from(ix).to_le_bytes()).collect(),
            first: NONE,
            last: NONE,
            batch: Vec::with_capacity(BATCH),
        }
    }

    /// So many at a time: raises, drains, and goes on to the next.
    fn round(&mut self, at_a_time: usize) {
        let (count, mut drained) = (self.places.len(), 0);
        for from in (0..count).step_by(at_a_time) {
            self.raise(from, at_a_time.min(count - from));
            while self.fill() {
                drained += self.batch.len();
                self.batch.iter().for_each(|frame| {
                    black_box(frame);
                });
            }
        }
        assert_eq!(drained, count);
    }

    fn raise(&mut self, from: usize, count: usize) {
        for place in &mut self.places[from..from + count] {
            if std::mem::replace(&mut place.is_raised, 1) == 1 {
                continue;
            }
            let stream = &mut self.streams[place.stream as usize];
            stream.tail = place.slot;
            stream.pending += 1;
            if stream.pending > 1 {
                continue;
            }
            stream.head = place.slot;
            stream.next = NONE;
            match self.last {
                NONE => self.first = place.stream,
                last => self.streams[last as usize].next = place.stream,
            }
            self.last = place.stream;
        }
    }

    /// Whether there was anything.
    fn fill(&mut self) -> bool {
        self.batch.clear();
        while self.first != NONE && self.batch.len() < BATCH {
            let stream = &mut self.streams[self.first as usize];
            let place = &mut self.places[stream.head as usize];
            place.is_raised = 0;
            stream.pending = 0;
            self.batch.push((stream.session, self.ids[place.subscription as usize]));
            self.first = stream.next;
        }
        if self.first == NONE {
            self.last = NONE;
        }
        !self.batch.is_empty()
    }
}

/// Bar 1: all are raised before any is drained, and so many at a time that they are in a cache still
/// when they are drained.
pub(crate) fn fan_out(
    table: &mut Table,
    (n, rounds): (usize, usize),
    peer: (&'static str, &mut dyn FnMut()),
    bar: f64,
) {
    let mut receivers = Receivers::new(n);
    let (peer_name, peer) = peer;
    for (scenario, at_a_time) in
        [("floor: all raised, then all drained", n), ("floor: raised and drained by 4096", STREAMS)]
    {
        let pair = in_turn(rounds, n, &mut || receivers.round(at_a_time), peer);
        table.add(Row::ratio((scenario, n), pair, "ns each", peer_name, bar).floor());
    }
}

/// A frame that a callback is to be given.
struct Lent {
    /// Whether it can be taken back still.
    state: AtomicU32,
    /// Whether somebody wants it back.
    is_wanted: AtomicU32,
    session: u64,
    id: [u8; 16],
    text: &'static str,
}

const WAITING: u32 = 0;
const BEGUN: u32 = 1;

type Callback = extern "C" fn(&Lent) -> u32;

/// Answers that it took the frame.
extern "C" fn callback(frame: &Lent) -> u32 {
    look(frame);
    0
}

fn look(frame: &Lent) {
    black_box((frame.session, frame.id, frame.text));
}

/// Bar 8: a call for each frame, and what says that it is begun, before another thread that may
/// want it back.
pub(crate) fn callbacks(table: &mut Table, n: usize, rounds: usize) {
    let frame = |ix| Lent {
        state: AtomicU32::new(WAITING),
        is_wanted: AtomicU32::new(0),
        session: ix,
        id: u128::from(ix).to_le_bytes(),
        text: crate::peers::BODY,
    };
    let frames: Vec<_> = (0..n as u64).map(frame).collect();
    let callback: Callback = black_box(callback);
    let mut pulled = || frames.iter().for_each(look);
    let call = |frame: &Lent| assert_eq!(callback(frame), 0);
    let mut bare = || frames.iter().for_each(call);
    let mut exchanged = || {
        for frame in &frames {
            let begun =
                frame.state.compare_exchange(WAITING, BEGUN, Ordering::AcqRel, Ordering::Acquire);
            assert_eq!(begun, Ok(WAITING));
            call(frame);
            frame.state.store(WAITING, Ordering::Release);
        }
    };
    // Who wants it back has all processors pass a fence, between saying so and looking.
    let mut stored = || {
        for frame in &frames {
            frame.state.store(BEGUN, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
            assert_eq!(frame.is_wanted.load(Ordering::Relaxed), 0);
            call(frame);
            frame.state.store(WAITING, Ordering::Release);
        }
    };
    let kinds: [(_, &mut dyn FnMut()); 3] = [
        ("floor: a call", &mut bare),
        ("floor: a call, a compare-and-swap", &mut exchanged),
        ("floor: a call, a store and a load", &mut stored),
    ];
    for (scenario, kind) in kinds {
        let pair = in_turn(rounds, n, kind, &mut pulled);
        let peer = "the same read from a batch";
        table.add(Row::difference((scenario, n), pair, "ns a frame", peer, 5.0).floor());
    }
}

/// A cache line for each receiver. Who raises writes one number and who drains the other, so that
/// none is lost between the two.
#[repr(align(64))]
#[derive(Default)]
struct Record {
    raised: AtomicU32,
    taken: AtomicU32,
}

impl Record {
    /// With nothing that keeps two threads from losing one of theirs.
    fn mark(&self) {
        self.raised.store(self.raised.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    fn clear(&self) -> u32 {
        let raised = self.raised.load(Ordering::Relaxed);
        let pending = raised - self.taken.load(Ordering::Relaxed);
        self.taken.store(raised, Ordering::Relaxed);
        pending
    }

    fn take_one(&self) {
        self.taken.store(self.taken.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// How the holders of a topic are marked, on any thread.
type Mark<'a> = &'a (dyn Fn(&Topic) + Sync);

/// Ten receivers, those in the lower half of the records first.
struct Topic {
    holders: [u32; 10],
    in_lower: usize,
}

impl Topic {
    /// Held by some of the records from `from` on.
    fn new(random: &mut Random, from: usize, count: usize, all: usize) -> Self {
        let mut holders = [0; 10].map(|_: u32| (from + random.below(count)) as u32);
        holders.sort_unstable_by_key(|&ix| ix as usize >= all / 2);
        let in_lower = holders.iter().filter(|&&ix| (ix as usize) < all / 2).count();
        Self { holders, in_lower }
    }
}

/// As many topics as records, and what is common to those who raise them.
struct Bare {
    names: Names,
    /// Apart from those in the table, as the caller's are.
    uris: Vec<String>,
    topics: Vec<Topic>,
    records: Vec<Record>,
}

impl Bare {
    /// Topics that are held anywhere, or (in halves) in the half of the records that is theirs.
    fn new(n: usize, in_halves: bool) -> Self {
        let mut random = Random::new(3);
        let half = n / 2;
        let topic = |at: usize| match in_halves {
            true => Topic::new(&mut random, (at / half).min(1) * half, half, n),
            false => Topic::new(&mut random, 0, n, n),
        };
        Self {
            names: Names::new(n),
            uris: (0..n).map(uri).collect(),
            topics: (0..n).map(topic).collect(),
            records: (0..n).map(|_| Record::default()).collect(),
        }
    }

    /// Raises each, and looks it up so many times more: what ours does besides, which is nothing
    /// that two threads would have to share.
    fn raise(&self, uris: &[String], besides: usize, mark: &dyn Fn(&Topic)) -> usize {
        for uri in uris {
            for _ in 0..besides {
                black_box(self.names.find(black_box(uri)));
            }
            let topic = self.names.find(uri).expect("it is held");
            mark(&self.topics[topic as usize]);
        }
        uris.len()
    }

    fn mark(&self, holders: &[u32]) {
        holders.iter().for_each(|&ix| self.records[ix as usize].mark());
    }

    /// Clears all, and so has them in this thread's cache. How many marks there were.
    fn drain(&self) -> usize {
        self.records.iter().map(|record| record.clear() as usize).sum()
    }
}

/// A lock that nobody sleeps for.
#[derive(Default)]
#[repr(align(64))]
struct Spin(AtomicBool);

impl Spin {
    fn hold(&self, work: impl FnOnce()) {
        while self.0.swap(true, Ordering::Acquire) {
            while self.0.load(Ordering::Relaxed) {
                spin_loop();
            }
        }
        work();
        self.0.store(false, Ordering::Release);
    }
}

/// The least that each takes in so many turns, and more of them than others get: whatever disturbs
/// two threads only adds, and does so often, as they wait for one another.
fn least<const N: usize>(rounds: usize, mut kinds: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..rounds * rounds {
        for (kind, least) in kinds.iter_mut().zip(&mut least) {
            *least = least.min(kind());
        }
    }
    least
}

/// Bar 9, two threads that raise: with no lock, and with what shuts one out while the other marks.
/// `one` is ours on one thread, beside which the bare ones are as they are; and beside themselves
/// they are with as much work that is nobody else's as ours has.
pub(crate) fn two_raise(
    table: &mut Table,
    (n, rounds): (usize, usize),
    one: &mut dyn FnMut() -> f64,
    bar: f64,
) {
    let (anywhere, own) = (Bare::new(n, false), Bare::new(n, true));
    let (mutex, spin, halves) = (Mutex::new(()), Spin::default(), <[Spin; 2]>::default());
    let one_mutex = |topic: &Topic| {
        let _held = mutex.lock().expect("nobody fails");
        anywhere.mark(&topic.holders);
    };
    let one_spin = |topic: &Topic| spin.hold(|| anywhere.mark(&topic.holders));
    let two_spins = |topic: &Topic| {
        let (lower, upper) = topic.holders.split_at(topic.in_lower);
        halves[0].hold(|| anywhere.mark(lower));
        halves[1].hold(|| anywhere.mark(upper));
    };
    let adds = |topic: &Topic| {
        for &ix in &topic.holders {
            anywhere.records[ix as usize].raised.fetch_add(1, Ordering::Relaxed);
        }
    };
    let stores = |topic: &Topic| anywhere.mark(&topic.holders);
    let own_stores = |topic: &Topic| own.mark(&topic.holders);
    let kinds: [(_, &Bare, Mark<'_>, _); 6] = [
        ("floor: two raise, a mutex", &anywhere, &one_mutex, true),
        ("floor: two raise, a spinlock", &anywhere, &one_spin, true),
        ("floor: two raise, a spinlock for each half", &anywhere, &two_spins, true),
        ("floor: two raise, atomic adds, no lock", &anywhere, &adds, true),
        ("floor: two raise, no lock, marks get lost", &anywhere, &stores, false),
        ("floor: two raise, each its own holders", &own, &own_stores, true),
    ];
    let besides = besides(&anywhere, rounds, one, &stores);
    for (scenario, bare, mark, all_arrive) in kinds {
        let (mine, others) = bare.uris.split_at(n / 2);
        let two = |besides| {
            // Whatever ran in between: it is this thread that has the records in its cache.
            assert_eq!(bare.drain(), 0);
            let here = || bare.raise(mine, besides, mark);
            let taken = together(n, &here, &|| bare.raise(others, besides, mark));
            let marks = bare.drain();
            assert!(marks == 10 * n || marks < 10 * n && !all_arrive);
            taken
        };
        let mut alone = || {
            assert_eq!(bare.drain(), 0);
            let taken = time_once(n, || assert_eq!(bare.raise(&bare.uris, besides, mark), n));
            assert_eq!(bare.drain(), 10 * n);
            taken
        };
        let [ours, peer, ours_padded, peer_padded] =
            least(rounds, [&mut || two(0), one, &mut || two(besides), &mut alone]);
        let padded = Pair { ours: ours_padded, peer: peer_padded };
        for (peer_name, pair) in
            [("one thread", Pair { ours, peer }), ("itself on one, padded", padded)]
        {
            table.add(Row::ratio((scenario, n), pair, "ns a raise", peer_name, bar).floor());
        }
    }
}

/// How often the bare program looks a topic up besides, to take as long as ours does on one thread.
fn besides(
    bare: &Bare,
    rounds: usize,
    one: &mut dyn FnMut() -> f64,
    mark: &dyn Fn(&Topic),
) -> usize {
    let n = bare.uris.len();
    let alone = |besides| {
        let taken = time_once(n, || {
            bare.raise(&bare.uris, besides, mark);
        });
        bare.drain();
        taken
    };
    let [ours, none, ten] = least(rounds, [one, &mut || alone(0), &mut || alone(10)]);
    // Few rounds on a busy machine may say anything.
    ((ours - none) / (ten - none) * 10.0).clamp(0.0, 100.0).round() as usize
}

/// Between one thread that raises and one that drains: numbers of records, in order.
struct Ring {
    slots: Vec<AtomicU32>,
    pushed: Line,
    taken: Line,
}

#[repr(align(64))]
#[derive(Default)]
struct Line(AtomicUsize);

impl Ring {
    const SLOTS: usize = 8192;

    fn new() -> Self {
        let slots = (0..Self::SLOTS).map(|_| AtomicU32::new(0)).collect();
        Self { slots, pushed: Line::default(), taken: Line::default() }
    }

    /// Raises, and hands over who is reached, so many topics at a time.
    fn raise(&self, bare: &Bare, uris: &[String], at_a_time: usize) -> usize {
        let mut pushed = self.pushed.0.load(Ordering::Relaxed);
        let mut taken = self.taken.0.load(Ordering::Acquire);
        let begun = pushed;
        for chunk in uris.chunks(at_a_time) {
            while pushed + 10 * chunk.len() > taken + Self::SLOTS {
                spin_loop();
                taken = self.taken.0.load(Ordering::Acquire);
            }
            for uri in chunk {
                let topic = bare.names.find(uri).expect("it is held");
                for &holder in &bare.topics[topic as usize].holders {
                    bare.records[holder as usize].mark();
                    self.slots[pushed % Self::SLOTS].store(holder, Ordering::Relaxed);
                    pushed += 1;
                }
            }
            self.pushed.0.store(pushed, Ordering::Release);
        }
        pushed - begun
    }

    /// Takes so many.
    fn take(&self, count: usize, each: &dyn Fn(u32)) -> usize {
        let mut taken = self.taken.0.load(Ordering::Relaxed);
        let end = taken + count;
        while taken < end {
            let pushed = self.pushed.0.load(Ordering::Acquire);
            if pushed == taken {
                spin_loop();
            }
            for at in taken..pushed {
                each(self.slots[at % Self::SLOTS].load(Ordering::Relaxed));
            }
            taken = pushed;
            self.taken.0.store(taken, Ordering::Release);
        }
        count
    }
}

/// Bar 9, one thread that raises and one that drains, with a ring and no lock between them.
pub(crate) fn raise_and_drain(
    table: &mut Table,
    (n, rounds): (usize, usize),
    one: &mut dyn FnMut() -> f64,
    bar: f64,
) {
    let (bare, ring, due) = (Bare::new(n, false), Ring::new(), 10 * n);
    let clear = |ix: u32| bare.records[ix as usize].take_one();
    let look = |ix: u32| {
        black_box(ix);
    };
    let kinds: [(_, _, &(dyn Fn(u32) + Sync), _); 3] = [
        ("floor: a ring, a raise at a time", 1, &clear, 0),
        ("floor: a ring, 64 raises at a time", CHUNK, &clear, 0),
        ("floor: a ring, records not touched again", CHUNK, &look, due),
    ];
    for (scenario, at_a_time, each, not_cleared) in kinds {
        let mut two = || {
            assert_eq!(bare.drain(), 0);
            let raise = || ring.raise(&bare, &bare.uris, at_a_time);
            let taken = together(due, &raise, &|| ring.take(due, each));
            assert_eq!(bare.drain(), not_cleared);
            taken
        };
        let mut alone = || {
            assert_eq!(bare.drain(), 0);
            let taken = time_once(due, || {
                for chunk in bare.uris.chunks(CHUNK) {
                    ring.take(ring.raise(&bare, chunk, at_a_time), each);
                }
            });
            assert_eq!(bare.drain(), not_cleared);
            taken
        };
        let [ours, alone, one] = least(rounds, [&mut two, &mut alone, one]);
        for (peer_name, peer) in [("itself on one thread", alone), ("one thread", one)] {
            let row = Row::ratio((scenario, n), Pair { ours, peer }, "ns a frame", peer_name, bar);
            table.add(row.floor());
        }
    }
}
