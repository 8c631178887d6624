//! The least that memory asks of who comes and who goes, where nothing that they touch has been
//! looked at for long: bare programs beside the rows of [`holding`](crate::holding), as those of
//! [`floors`](crate::floors) are.
//!
//! They have records of the size of ours, as many and as far apart, and nothing else: no protocol,
//! no limits, no rights. What they take is the time of the reads that each wait for the one before.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Mutex;

use foldhash::fast::RandomState;

use crate::holding::uri;
use crate::measure::{Random, median, time, time_once};
use crate::table::{Row, Table};

/// No topic.
const NONE: u32 = u32::MAX;
/// How many records of a line of a processor's cache.
const WIDTH: usize = 8;

/// As many links as can be asked for at a time.
const MOST: usize = 128;

/// A place in a crowd: 16 bytes.
type Place = [u32; 4];
/// A link: 24 bytes, of which the first two words say where its place is.
type Slot = [u32; 6];

/// A few names: hashes, and whose they are. What a table of names can be asked in one read.
#[derive(Clone)]
#[repr(align(64))]
struct Line {
    hashes: [u32; WIDTH],
    topics: [u32; WIDTH],
}

/// A topic, its crowd with it, so that they are one read.
#[repr(align(64))]
struct Topic {
    name: Box<str>,
    crowd: Vec<Place>,
}

/// Topics that each have ten links, by name.
struct Topics {
    lines: Vec<Line>,
    topics: Vec<Topic>,
    hasher: RandomState,
    /// What the sessions are that come and go: always the same few, which are at hand.
    sessions: Vec<[u64; 16]>,
}

impl Topics {
    fn new(count: usize) -> Self {
        let empty = Line { hashes: [0; WIDTH], topics: [NONE; WIDTH] };
        let mut this = Self {
            // Three quarters full.
            lines: vec![empty; count.div_ceil(WIDTH * 3 / 4)],
            topics: Vec::with_capacity(count),
            hasher: RandomState::default(),
            sessions: Vec::with_capacity(1),
        };
        for ix in 0..count as u32 {
            let name = uri(ix as usize);
            let (hash, mut at) = this.home(&name);
            let free = loop {
                match this.lines[at].topics.iter().position(|&topic| topic == NONE) {
                    Some(free) => break free,
                    None => at = (at + 1) % this.lines.len(),
                }
            };
            let line = &mut this.lines[at];
            (line.hashes[free], line.topics[free]) = (hash, ix);
            // As those of ours grow.
            let mut crowd = Vec::new();
            for place in 0..10 {
                if place % 4 == 0 {
                    crowd.reserve_exact(4);
                }
                crowd.push([ix; 4]);
            }
            this.topics.push(Topic { name: name.into(), crowd });
        }
        this
    }

    fn home(&self, name: &str) -> (u32, usize) {
        let hash = self.hasher.hash_one(name) as u32;
        (hash, ((u64::from(hash) * self.lines.len() as u64) >> 32) as usize)
    }

    fn open(&mut self) {
        self.sessions.push([1; 16]);
    }

    /// A line of names, then the topic, and then both its name and the end of its crowd.
    fn subscribe(&mut self, name: &str) -> u32 {
        let (hash, mut at) = self.home(name);
        let found = loop {
            let line = &self.lines[at];
            // Without a question for each: what is guessed wrong is waited for.
            let bits = (0..WIDTH).map(|k| u32::from(line.hashes[k] == hash) << k);
            let mut alike = bits.fold(0, |all, bit| all | bit);
            let found = loop {
                if alike == 0 {
                    break None;
                }
                let k = alike.trailing_zeros() as usize % WIDTH;
                if line.topics[k] != NONE {
                    let topic = &self.topics[line.topics[k] as usize];
                    black_box(topic.crowd.last().copied());
                    if *topic.name == *name {
                        break Some(k);
                    }
                }
                alike &= alike - 1;
            };
            match found {
                Some(k) => break line.topics[k],
                None => at = (at + 1) % self.lines.len(),
            }
        };
        self.topics[found as usize].crowd.push([found; 4]);
        found
    }

    fn close(&mut self, topic: u32) {
        let place = self.topics[topic as usize].crowd.pop();
        assert_eq!(place, Some([topic; 4]));
        self.sessions.pop();
    }
}

/// Bar 10: who comes asks for any of so many topics, and goes. Each of the three is a call of its
/// own, as a host makes it, under a lock that nobody else wants.
pub(crate) fn come_and_go(table: &mut Table, n: usize, rounds: usize, bar: f64) {
    let topics = Mutex::new(Topics::new(n));
    let mut random = Random::new(11);
    let uris: Vec<_> = (0..n.div_ceil(8)).map(|_| uri(random.below(n))).collect();
    let mut wanted = uris.iter().cycle();
    let hold = || topics.lock().expect("nobody fails");
    let mut cycle = || {
        hold().open();
        let topic = hold().subscribe(wanted.next().expect("it cycles"));
        hold().close(topic);
    };
    let taken = median((0..rounds).map(|_| time(1, &mut cycle)));
    let scenario = ("floor: a name, a topic, its text and crowd", n);
    table.add(Row::amount(scenario, taken, "ns", bar).floor());
}

/// Crowds of links, and where the links of each session are.
struct Crowds {
    crowds: Vec<Vec<Place>>,
    slots: Vec<Slot>,
    /// How many slots of one topic lie together.
    together: usize,
}

impl Crowds {
    fn new(topics: usize, sessions: usize, together: usize) -> Self {
        let mut this = Self {
            crowds: (0..topics).map(|_| Vec::new()).collect(),
            slots: vec![[0; 6]; topics * sessions.next_multiple_of(together)],
            together,
        };
        for session in 0..sessions {
            for topic in 0..topics {
                let slot = this.slot(session, topic);
                this.slots[slot] = [topic as u32, session as u32, 0, 0, 0, 0];
                this.crowds[topic].push([slot as u32; 4]);
            }
        }
        this
    }

    fn slot(&self, session: usize, topic: usize) -> usize {
        let (block, at) = (session / self.together, session % self.together);
        (block * self.crowds.len() + topic) * self.together + at
    }

    /// Takes the links away: first their slots and then their places are asked for, so many at a
    /// time, and then what moves to where they were.
    fn leave(&mut self, links: &[usize], at_a_time: usize) {
        for links in links.chunks(at_a_time) {
            let mut seen = 0;
            for &slot in links {
                seen ^= self.slots[slot][1];
            }
            let mut moved = [0; MOST];
            for (moved, &slot) in moved.iter_mut().zip(links) {
                let [topic, pos, ..] = self.slots[slot];
                let crowd = &self.crowds[topic as usize];
                *moved = crowd[crowd.len() - 1][0];
                seen ^= crowd[pos as usize][0];
            }
            for &slot in &moved[..links.len()] {
                seen ^= self.slots[slot as usize][1];
            }
            black_box(seen);
            for &slot in links {
                let [topic, pos, ..] = std::mem::take(&mut self.slots[slot]);
                let crowd = &mut self.crowds[topic as usize];
                crowd.swap_remove(pos as usize);
                if let Some(moved) = crowd.get(pos as usize) {
                    self.slots[moved[0] as usize][1] = pos;
                }
            }
        }
    }
}

/// Bar 10, sessions that leave crowds: every thousandth of those that came. Slots of a session side
/// by side are one read for some of its links, and slots of a topic side by side one for each.
pub(crate) fn leave_crowds(table: &mut Table, topics: usize, crowd: usize, bar: f64) {
    for (scenario, together, at_a_time) in [
        ("floor: a place of each link", 1, MOST),
        ("floor: a slot and a place of each, by 16", 64, 16),
        ("floor: a slot and a place of each, by 128", 64, MOST),
    ] {
        let mut crowds = Crowds::new(topics, crowd, together);
        let each = (0..crowd).step_by(1000).map(|session| {
            let links: Vec<_> = (0..topics).map(|topic| crowds.slot(session, topic)).collect();
            time_once(topics, || crowds.leave(&links, at_a_time))
        });
        let taken = median(each);
        table.add(Row::amount((scenario, crowd), taken, "ns each", bar).floor());
    }
}
