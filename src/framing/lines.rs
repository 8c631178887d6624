//! Cuts a byte stream into NDJSON lines with a bound on their length.
//!
//! Invariant: `held` never grows beyond `max_bytes`. A longer line is reported once and skipped
//! up to its end, so that the next line is read as if nothing had been.

/// What [`Lines::next`] cut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line, without its end (LF or CRLF). Never empty.
    Message(&'a [u8]),
    /// A line longer than the bound; its bytes are being skipped.
    TooLong,
}

/// Cuts NDJSON lines out of whatever pieces a pipe hands over. It reads nothing itself.
///
/// ```
/// use fanfare::framing::{Line, Lines};
/// let mut lines = Lines::new(1024);
/// lines.feed(b"{\"a\":1}\n{\"b\"");
/// assert_eq!(lines.next(), Some(Line::Message(b"{\"a\":1}")));
/// assert_eq!(lines.next(), None);
/// lines.feed(b":2}\n");
/// assert_eq!(lines.next(), Some(Line::Message(b"{\"b\":2}")));
/// ```
#[derive(Debug)]
pub struct Lines {
    max_bytes: usize,
    held: Vec<u8>,
    /// Where the next line begins in `held`.
    start: usize,
    /// How far `held` has been searched for a line end.
    searched: usize,
    skipping: bool,
}

impl Lines {
    /// Lines of at most `max_bytes` bytes, their end not counted.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, held: Vec::new(), start: 0, searched: 0, skipping: false }
    }

    /// Takes in what was read. Call [`next`](Self::next) until it has no more.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.held.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next line, if a whole one (or the proof that one is too long) has been fed.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Option<Line<'_>> {
        loop {
            let Some(found) = self.held[self.searched..].iter().position(|&b| b == b'\n') else {
                return self.at_open_end();
            };
            let (start, end) = (self.start, self.searched + found);
            self.start = end + 1;
            self.searched = self.start;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            let line = match &self.held[start..end] {
                [line @ .., b'\r'] => line,
                line => line,
            };
            if line.is_empty() {
                continue;
            }
            if line.len() > self.max_bytes {
                return Some(Line::TooLong);
            }
            let len = line.len();
            return Some(Line::Message(&self.held[start..start + len]));
        }
    }

    /// No line end is in sight: what is held is dropped once it cannot become a line any more.
    fn at_open_end(&mut self) -> Option<Line<'_>> {
        self.searched = self.held.len();
        let open = self.held.len() - self.start;
        if self.skipping {
            self.start = self.searched;
            return None;
        }
        // One byte more than the bound may still be the CR of a line end.
        if open > self.max_bytes + 1 {
            self.start = self.searched;
            self.skipping = true;
            return Some(Line::TooLong);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &mut Lines) -> Vec<Option<Vec<u8>>> {
        let mut out = Vec::new();
        while let Some(line) = lines.next() {
            out.push(match line {
                Line::Message(bytes) => Some(bytes.to_vec()),
                Line::TooLong => None,
            });
        }
        out
    }

    #[test]
    fn cuts_the_same_lines_however_the_bytes_arrive() {
        let text = b"{}\n\n[1]\r\n\"x\"\n";
        let expected = vec![Some(b"{}".to_vec()), Some(b"[1]".to_vec()), Some(b"\"x\"".to_vec())];
        for size in 1..=text.len() {
            let mut lines = Lines::new(8);
            let mut got = Vec::new();
            for piece in text.chunks(size) {
                lines.feed(piece);
                got.extend(all(&mut lines));
            }
            assert_eq!(got, expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_line_beyond_the_bound_is_told_once_and_the_next_one_works() {
        for size in [1, 3, 64] {
            let mut lines = Lines::new(4);
            let mut got = Vec::new();
            for piece in b"12345678901234567890\nabcd\r\nabcde\nab\n".chunks(size) {
                lines.feed(piece);
                got.extend(all(&mut lines));
                assert!(lines.held.len() <= 5 + 64);
            }
            assert_eq!(
                got,
                [None, Some(b"abcd".to_vec()), None, Some(b"ab".to_vec())],
                "pieces of {size}"
            );
        }
    }
}
