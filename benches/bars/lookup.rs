//! What it costs to find the holders of a topic among a million of them, and to reach ten.

use std::hash::BuildHasher;
use std::hint::black_box;

use fanfare::{Engine, Raise};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::holding::{self, uri};
use crate::measure::{Pair, Random, compare, in_turn, time_once};
use crate::table::{Row, Table};

/// How many topics are raised in a round. Each round has others, so that neither side finds in its
/// caches what it left there.
const ASKED: usize = 1024;

/// The URIs of so many topics, and the least that finds one.
pub(crate) struct Names {
    names: Vec<String>,
    hasher: RandomState,
    /// Indices into the names.
    table: HashTable<u32>,
}

impl Names {
    pub(crate) fn new(n: usize) -> Self {
        let hasher = RandomState::default();
        let names: Vec<String> = (0..n).map(uri).collect();
        let mut table = HashTable::with_capacity(n);
        for ix in 0..n as u32 {
            let hash = |ix: &u32| hasher.hash_one(names[*ix as usize].as_str());
            table.insert_unique(hash(&ix), ix, hash);
        }
        Self { names, hasher, table }
    }

    pub(crate) fn find(&self, uri: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(uri);
        self.table.find(hash, |&ix| self.names[ix as usize] == uri).copied()
    }
}

/// As many topics as sessions, each held by ten of them; and the least that finds and reaches them.
struct Sparse {
    engine: Engine,
    names: Names,
    /// A ring of 16 places for each session.
    rings: Vec<[u32; 17]>,
    /// Ten sessions at random for each topic.
    targets: Vec<u32>,
    random: Random,
}

impl Sparse {
    fn new(n: usize) -> Self {
        let mut random = Random::new(5);
        Self {
            engine: holding::engine(n),
            names: Names::new(n),
            rings: vec![[0; 17]; n],
            targets: (0..10 * n).map(|_| random.below(n) as u32).collect(),
            random,
        }
    }

    /// Raises topics at random, and does the least for others.
    fn reach_ten(&mut self, rounds: usize) -> Pair {
        let n = self.rings.len();
        let random = &mut self.random;
        let mut some = |_| -> Vec<_> { (0..ASKED).map(|_| uri(random.below(n))).collect() };
        let asked: Vec<_> = (0..=rounds).map(&mut some).collect();
        let (mut mine, mut others) = (asked.iter(), asked.iter());
        let mut rings = std::mem::take(&mut self.rings);
        let this = &*self;
        let mut buf = vec![0; 1 << 20];
        let mut ours = || {
            let asked = mine.next().expect("one for each round");
            let taken = time_once(ASKED, || {
                for uri in asked {
                    let reached = this.engine.notify_resource_updated(uri, &Raise::ALL);
                    black_box(reached.expect("it is raised"));
                }
                // What was put off is a part of it: whoever asks for anything has it done.
                black_box(this.engine.stats());
            });
            // Draining is not what is measured.
            while this.engine.drain(&mut buf).expect("it drains") > 0 {}
            taken
        };
        let mut bare = || {
            let asked = others.next().expect("one for each round");
            time_once(ASKED, || {
                for uri in asked {
                    let topic = this.names.find(uri).expect("it is held");
                    for &target in &this.targets[topic as usize * 10..][..10] {
                        let ring = &mut rings[target as usize];
                        ring[0] = (ring[0] + 1) % 16;
                        ring[1 + ring[0] as usize] = topic;
                    }
                }
            })
        };
        let pair = compare(rounds, &mut ours, &mut bare);
        self.rings = rings;
        pair
    }
}

/// Bars 4 and 5.
pub(crate) fn lookup(table: &mut Table, n: usize, rounds: usize) {
    let mut sparse = Sparse::new(n);
    // More than fit into a cache, as in life.
    let absent: Vec<_> = (0..n / 8).map(|at| uri(n + at)).collect();
    let mut ours = || {
        for uri in &absent {
            assert_eq!(sparse.engine.notify_resource_updated(uri, &Raise::ALL), Ok(0));
        }
    };
    let mut bare =
        || absent.iter().for_each(|uri| assert_eq!(black_box(sparse.names.find(uri)), None));
    let pair = in_turn(rounds, absent.len(), &mut ours, &mut bare);
    let scenario = ("a topic that nobody holds", n);
    table.add(Row::ratio(scenario, pair, "ns", "the bare lookup, foldhash", 3.0));

    let pair = sparse.reach_ten(rounds);
    let scenario = ("ten holders of one topic among as many", n);
    table.add(Row::ratio(scenario, pair, "ns a raise", "a lookup and ten ring writes", 2.0));
}

/// Bar 5 with so many sessions and topics, for [`growth`](crate::growth).
pub(crate) fn ten_holders(n: usize, rounds: usize) -> Pair {
    Sparse::new(n).reach_ten(rounds)
}
