//! Inputs that are nearly, or quite, right: seeds, and what comes of them when their words are
//! dropped, doubled and mixed. The same inputs for the same number.

use std::path::Path;

/// Bytes that a word may be replaced with, or be broken by.
const BREAKS: [&[u8]; 16] = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b" ",
    b":",
    b",",
    b"\"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\\u0041",
    b"null",
    b"7",
    b"{",
    b"]",
];

/// A source of inputs.
pub(crate) struct Inputs {
    seeds: Vec<Vec<u8>>,
    /// Of xorshift64.
    state: u64,
}

impl Inputs {
    /// From the seeds that are in a folder.
    pub(crate) fn of(folder: &Path, number: u64) -> Self {
        let mut paths: Vec<_> =
            folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no seeds in {}", folder.display());
        let seeds = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
        Self { seeds, state: number.max(1) }
    }

    /// The seeds as they are.
    pub(crate) fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// One more input.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut words = self.words();
        for _ in 0..=self.roll(6) {
            let at = self.roll(words.len());
            match self.roll(6) {
                0 => drop(words.remove(at)),
                1 => words.insert(at, words[at].clone()),
                2 => {
                    let other = self.words();
                    words[at] = other[self.roll(other.len())].clone();
                }
                3 => {
                    let other = self.words();
                    let (begin, end) = (self.roll(other.len()), self.roll(other.len()) + 1);
                    let run = other.get(begin..end).unwrap_or_default().to_vec();
                    words.splice(at..at, run);
                }
                4 => words.insert(at, BREAKS[self.roll(BREAKS.len())].to_vec()),
                _ => {
                    let to = self.roll(words.len());
                    words.swap(at, to);
                }
            }
            if words.is_empty() {
                return Vec::new();
            }
        }
        words.concat()
    }

    /// A seed: its words, and what is between them.
    fn words(&mut self) -> Vec<Vec<u8>> {
        let at = self.roll(self.seeds.len());
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_/.".contains(byte);
        let words = self.seeds[at].chunk_by(|a, b| is_word(a) && is_word(b));
        words.map(<[u8]>::to_vec).collect()
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % sides as u64).unwrap()
    }
}
