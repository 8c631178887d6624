//! The ids of SSE events.
//!
//! An id is `<stream>-<seq>`: the stream's number, which no other stream of the engine ever has,
//! and the place of the event on it. So it can be resumed from without any other state (R31, R34).

use std::fmt;

/// Names one event of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventId {
    pub(crate) stream: u64,
    pub(crate) seq: u64,
}

impl EventId {
    /// The id of that spelling. Only the spelling that was given out is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stream, seq) = text.split_once('-')?;
        let id = Self { stream: stream.parse().ok()?, seq: seq.parse().ok()? };
        (id.to_string() == text).then_some(id)
    }

    /// Appends its spelling: every frame of a stream with ids has one, and formatting takes longer.
    pub(crate) fn write(self, out: &mut String) {
        push_decimal(self.stream, out);
        out.push('-');
        push_decimal(self.seq, out);
    }
}

/// Appends a number in decimal.
fn push_decimal(mut number: u64, out: &mut String) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[from..]).expect("they are digits"));
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_it_is_shown() {
        for number in [0, 9, 10, 11, 99, 100, 4_294_967_296, u64::MAX] {
            let id = EventId { stream: number, seq: u64::MAX - number };
            let mut written = "id: ".to_owned();
            id.write(&mut written);
            assert_eq!(written, format!("id: {id}"));
        }
    }

    #[test]
    fn an_id_is_read_in_its_own_spelling_only() {
        let id = EventId { stream: 7, seq: 42 };
        assert_eq!(id.to_string(), "7-42");
        assert_eq!(EventId::parse("7-42"), Some(id));
        let wrong = [
            "",
            "-",
            "7",
            "7-",
            "-42",
            "07-42",
            "7-042",
            "+7-42",
            "7-+42",
            "7--42",
            "7-42 ",
            "7-42-1",
            "7_42",
            "18446744073709551616-0",
            "7-18446744073709551616",
            "７-42",
        ];
        for text in wrong {
            assert_eq!(EventId::parse(text), None, "{text:?}");
        }
    }
}
