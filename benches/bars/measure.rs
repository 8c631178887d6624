//! How things are measured: in turn with their peer.

use std::time::Instant;

/// What a thing took, and its peer in the same run: ns of each.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) ours: f64,
    pub(crate) peer: f64,
}

impl Pair {
    pub(crate) fn ratio(self) -> f64 {
        self.ours / self.peer
    }
}

/// Times both in turn, per one of `units` that a call of each goes through.
pub(crate) fn in_turn(
    rounds: usize,
    units: usize,
    ours: &mut dyn FnMut(),
    peer: &mut dyn FnMut(),
) -> Pair {
    compare(rounds, &mut || time(units, ours), &mut || time(units, peer))
}

/// Has both measure themselves in turn, round by round, so that a machine that slows down slows
/// both. The median of the rounds' ratios, and of their parts.
pub(crate) fn compare(
    rounds: usize,
    ours: &mut dyn FnMut() -> f64,
    peer: &mut dyn FnMut() -> f64,
) -> Pair {
    // Once for nothing: caches, and memory that is asked for the first time.
    ours();
    peer();
    let rounds: Vec<Pair> = (0..rounds).map(|_| Pair { ours: ours(), peer: peer() }).collect();
    let ratio = median(rounds.iter().map(|round| round.ratio()));
    let peer = median(rounds.iter().map(|round| round.peer));
    Pair { ours: ratio * peer, peer }
}

/// The ns that a call takes for each of its units, over as many calls as fill a millisecond.
pub(crate) fn time(units: usize, work: &mut dyn FnMut()) -> f64 {
    let begun = Instant::now();
    let mut calls = 0;
    loop {
        work();
        calls += 1;
        let taken = begun.elapsed().as_nanos() as f64;
        if taken >= 1e6 {
            return taken / (calls * units) as f64;
        }
    }
}

/// The ns that one call takes for each of its units.
pub(crate) fn time_once(units: usize, work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_nanos() as f64 / units as f64
}

pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// xorshift64*: the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }
}
