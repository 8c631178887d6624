//! The table of the names that topics have: which topics may have one, by a part of its hash.
//!
//! Who asks for a topic that nobody has looked at for long waits for memory, and for nothing else.
//! So what is asked first is one line of a processor's cache, which says all that there is to say:
//! a table that has its hashes in one place and its values in another is two waits. A line that is
//! full goes on in the next one.
//!
//! Invariants: the names of a line stand in its first places; there are always places left; one that
//! does not stand in the line of its hash stands behind it, and all lines from there up to its own
//! are full.

/// A line with nothing in it stands for no topic.
const NONE: u32 = crate::engine::pool::NONE;

/// How many names fill a line of most processors' caches; in tests many lines are full.
const WIDTH: usize = if cfg!(test) { 2 } else { 8 };

/// Topics by the hashes of their names.
#[derive(Debug)]
pub(crate) struct Names {
    lines: Vec<Line>,
    len: usize,
}

/// A few hashes, and whose they are.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Line {
    hashes: [u32; WIDTH],
    topics: [u32; WIDTH],
}

const _: () = assert!(size_of::<Line>() == 64);

impl Names {
    pub(crate) fn new() -> Self {
        Self { lines: Vec::new(), len: 0 }
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The topic of a name with that hash, of those that may be it.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.lines.is_empty() {
            return None;
        }
        let hash = short(hash);
        let mut at = self.home(hash);
        loop {
            let line = &self.lines[at];
            // Most lines that are looked at for a name that is not there have none like it.
            let mut alike = if line.has(hash) { line.alike(hash) } else { 0 };
            while alike != 0 {
                let topic = line.topics[alike.trailing_zeros() as usize];
                if topic != NONE && is_it(topic) {
                    return Some(topic);
                }
                alike &= alike - 1;
            }
            if !line.is_full() {
                return None;
            }
            at = self.after(at);
        }
    }

    /// Adds a topic with a name that none has.
    pub(crate) fn insert(&mut self, hash: u64, topic: u32) {
        if self.len >= self.lines.len() * WIDTH * 3 / 4 {
            self.grow();
        }
        self.len += 1;
        self.put(short(hash), topic);
    }

    /// Takes a topic away that has a name with that hash.
    pub(crate) fn remove(&mut self, hash: u64, topic: u32) {
        let mut at = self.home(short(hash));
        let place = loop {
            let line = &self.lines[at];
            match line.topics.iter().position(|&other| other == topic) {
                Some(place) => break place,
                None => assert!(line.is_full(), "it has that name"),
            }
            at = self.after(at);
        };
        self.len -= 1;
        let was_full = self.lines[at].is_full();
        self.lines[at].remove(place);
        if was_full {
            self.fill(at);
        }
    }

    /// Brings back what stands behind a line only because that was full.
    fn fill(&mut self, mut hole: usize) {
        let mut at = self.after(hole);
        loop {
            let line = &self.lines[at];
            let was_full = line.is_full();
            let could_move =
                |&hash: &u32| self.distance(self.home(hash), at) >= self.distance(hole, at);
            let place = line.hashes[..line.len()].iter().position(could_move);
            if let Some(place) = place {
                let (hash, topic) = self.lines[at].remove(place);
                self.lines[hole].push(hash, topic);
                hole = at;
            }
            if !was_full {
                return;
            }
            at = self.after(at);
        }
    }

    /// By a quarter. A hash is all that it takes to find the new place of a name, so that no topic
    /// is looked at; and as the lines are in the order of their hashes, what is written goes through
    /// memory from front to back, as what is read.
    fn grow(&mut self) {
        let count = self.lines.len() + (self.lines.len() / 4).max(1);
        let before = std::mem::take(&mut self.lines);
        self.lines.reserve_exact(count);
        self.lines.resize(count, Line { hashes: [0; WIDTH], topics: [NONE; WIDTH] });
        for line in before {
            for at in 0..line.len() {
                self.put(line.hashes[at], line.topics[at]);
            }
        }
    }

    fn put(&mut self, hash: u32, topic: u32) {
        let mut at = self.home(hash);
        while self.lines[at].is_full() {
            at = self.after(at);
        }
        self.lines[at].push(hash, topic);
    }

    /// The line of a hash.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.lines.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.lines.len() { 0 } else { at + 1 }
    }

    /// How many lines there are from one to another, round the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.lines.len() - from }
    }
}

impl Line {
    /// Whether some place may have that hash. All are looked at, which is done at once.
    #[inline]
    fn has(&self, hash: u32) -> bool {
        self.hashes.iter().fold(false, |any, &other| any | (other == hash))
    }

    /// A bit for each place with that hash, and maybe for those with nothing in them.
    #[inline]
    fn alike(&self, hash: u32) -> u32 {
        let bits = (0u32..).zip(self.hashes).map(|(at, other)| u32::from(other == hash) << at);
        bits.fold(0, |all, bit| all | bit)
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.topics[WIDTH - 1] != NONE
    }

    fn len(&self) -> usize {
        self.topics.iter().filter(|&&topic| topic != NONE).count()
    }

    fn push(&mut self, hash: u32, topic: u32) {
        let at = self.len();
        (self.hashes[at], self.topics[at]) = (hash, topic);
    }

    /// The last one takes its place.
    fn remove(&mut self, at: usize) -> (u32, u32) {
        let removed = (self.hashes[at], self.topics[at]);
        let last = self.len() - 1;
        (self.hashes[at], self.topics[at]) = (self.hashes[last], self.topics[last]);
        (self.hashes[last], self.topics[last]) = (0, NONE);
        removed
    }
}

/// As much of a hash as is kept: it says the line, and tells the names in it apart.
#[inline]
fn short(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
impl<'a> IntoIterator for &'a Names {
    type Item = &'a u32;
    type IntoIter = std::vec::IntoIter<&'a u32>;

    fn into_iter(self) -> Self::IntoIter {
        let topics = self.lines.iter().flat_map(|line| &line.topics[..line.len()]);
        topics.collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    impl Names {
        fn check(&self, model: &HashMap<u32, u64>) {
            assert_eq!((self.len, self.into_iter().count()), (model.len(), model.len()));
            for (at, line) in self.lines.iter().enumerate() {
                assert!(line.topics[line.len()..].iter().all(|&topic| topic == NONE));
                for (&hash, &topic) in line.hashes.iter().zip(&line.topics[..line.len()]) {
                    assert_eq!(short(model[&topic]), hash);
                    let mut before = self.home(hash);
                    while before != at {
                        assert!(self.lines[before].is_full());
                        before = self.after(before);
                    }
                }
            }
            for (&topic, &hash) in model {
                assert_eq!(self.find(hash, |it| it == topic), Some(topic));
                assert_eq!(self.find(hash, |_| false), None);
            }
        }
    }

    #[test]
    fn whatever_was_added_and_not_taken_away_is_found() {
        // Hashes that are all over the table, that crowd at its end, and that are few.
        let spreads: [fn(u64) -> u64; 3] =
            [|n| n << 40, |n| u64::MAX - (n & 0x0FFF << 32), |n| (n & 3) << 62];
        for spread in spreads {
            let mut names = Names::new();
            let mut model = HashMap::new();
            let mut random = 1u64;
            for step in 0..3000u32 {
                random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                // More and more, and then fewer.
                let grows = random >> 60 < if step < 1500 { 11 } else { 5 };
                let oldest = model.keys().copied().min();
                if let (false, Some(topic)) = (grows, oldest) {
                    names.remove(model.remove(&topic).unwrap(), topic);
                } else {
                    let hash = spread(random >> 20);
                    names.insert(hash, step);
                    model.insert(step, hash);
                }
                if step % 16 == 0 {
                    names.check(&model);
                }
            }
            assert!(model.len() < 200);
            for (topic, hash) in std::mem::take(&mut model) {
                names.remove(hash, topic);
            }
            names.check(&model);
        }
    }
}
