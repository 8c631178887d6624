//! Cuts a byte stream into server-sent events, as the WHATWG's event stream format says, with a
//! bound on the size of one.
//!
//! ```
//! use fanfare_cli::sse::{Item, Parser};
//!
//! let mut parser = Parser::new(1 << 20, String::new());
//! let mut data = Vec::new();
//! for piece in [&b"id: 7\ndata: he"[..], b"llo\n\n"] {
//!     parser.feed(piece, |item| match item {
//!         Item::Event(event) => data.push((event.id, event.data)),
//!         Item::Retry(_) | Item::TooLong => {}
//!     });
//! }
//! assert_eq!(data, [("7".to_owned(), Some("hello".to_owned()))]);
//! ```
//!
//! The crates that do this keep whatever a server sends until a blank line comes. Here the invariant
//! is that `line`, `data`, `name` and `id` together hold at most `max_bytes`, plus the id that was
//! taken over last: an event that would need more is reported once and skipped up to its end.

use std::time::Duration;

/// What [`Parser::feed`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event(Event),
    /// The server says how long to wait before connecting again.
    Retry(Duration),
    /// An event was larger than the bound; it is dropped.
    TooLong,
}

/// An event that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What its `event` field says; empty if there was none, which means `message`.
    pub name: String,
    /// Its lines of data, joined; none if it has no data field and only moves the id.
    pub data: Option<String>,
    /// The last id of the stream, this event included. Empty if there is none, or if the server
    /// took it back.
    pub id: String,
}

/// The longest delay that a server can ask for; more counts as this.
pub const MAX_RETRY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads one event stream. What is left of an event when the stream ends is to be dropped with it.
#[derive(Debug)]
pub struct Parser {
    max_bytes: usize,
    /// What has come of the line that is not complete.
    line: Vec<u8>,
    /// A line ended in CR at the end of a piece: a LF that follows belongs to it.
    after_cr: bool,
    /// Nothing was read yet, so that a byte order mark may come.
    at_start: bool,
    name: String,
    data: Option<String>,
    /// The id that the event under way will bring.
    id: Option<String>,
    last_id: String,
    /// The event under way is too large; up to its end, only that end matters.
    skipping: bool,
    /// The line under way alone is too large; nothing of it is held.
    skipping_line: bool,
}

impl Parser {
    /// Events of at most `max_bytes` bytes, field names and line ends not counted, of a stream that
    /// goes on after the event `last_id`.
    pub fn new(max_bytes: usize, last_id: String) -> Self {
        Self {
            max_bytes,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            name: String::new(),
            data: None,
            id: None,
            last_id,
            skipping: false,
            skipping_line: false,
        }
    }

    /// Takes in what was read, and hands over what that completes.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(Item)) {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
                self.hold(bytes, &mut found);
                return;
            };
            self.hold(&bytes[..end], &mut found);
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.end_line(&mut found);
        }
    }

    /// How much memory it has taken for what it holds, in bytes: never more than eight times its
    /// bound and 64, if the id that it began with was within the bound.
    pub fn held_bytes(&self) -> usize {
        let id = self.id.as_ref().map_or(0, String::capacity);
        let data = self.data.as_ref().map_or(0, String::capacity);
        self.line.capacity() + self.name.capacity() + data + id + self.last_id.capacity()
    }

    fn hold(&mut self, bytes: &[u8], found: &mut impl FnMut(Item)) {
        if bytes.is_empty() || self.skipping_line {
            return;
        }
        let held = self.line.len() + self.size();
        if bytes.len() > (self.max_bytes + FIELD_BYTES).saturating_sub(held) {
            self.line = Vec::new();
            self.skipping_line = true;
            self.skip(found);
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// What the event under way holds.
    fn size(&self) -> usize {
        let data = self.data.as_ref().map_or(0, String::len);
        self.name.len() + data + self.id.as_ref().map_or(0, String::len)
    }

    /// Forgets the event under way but for its id, so that a server does not send it again and
    /// again to a client that cannot take it.
    fn skip(&mut self, found: &mut impl FnMut(Item)) {
        self.data = None;
        self.name = String::new();
        if !std::mem::replace(&mut self.skipping, true) {
            found(Item::TooLong);
        }
    }

    fn end_line(&mut self, found: &mut impl FnMut(Item)) {
        let at_start = std::mem::take(&mut self.at_start);
        if std::mem::take(&mut self.skipping_line) {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let mut text = String::from_utf8_lossy(&line);
        if at_start && text.starts_with('\u{feff}') {
            text.to_mut().remove(0);
        }
        if text.is_empty() {
            self.dispatch(found);
        } else {
            let (field, value) = text.split_once(':').unwrap_or((&text, ""));
            self.take(field, value.strip_prefix(' ').unwrap_or(value), found);
        }
        // The room is kept for the next line.
        self.line = line;
        self.line.clear();
    }

    fn take(&mut self, field: &str, value: &str, found: &mut impl FnMut(Item)) {
        match field {
            "data" if !self.skipping => match &mut self.data {
                None => self.data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "event" if !self.skipping => value.clone_into(&mut self.name),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                let delay = value.parse().map_or(MAX_RETRY, Duration::from_millis);
                found(Item::Retry(delay.min(MAX_RETRY)));
            }
            // Comments have the empty field name; what is unknown is ignored.
            _ => {}
        }
        if self.size() > self.max_bytes {
            if self.id.as_ref().is_some_and(|id| id.len() > self.max_bytes) {
                self.id = None;
            }
            self.skip(found);
        }
    }

    fn dispatch(&mut self, found: &mut impl FnMut(Item)) {
        let (name, data) = (std::mem::take(&mut self.name), self.data.take());
        let moved = self.id.take().is_some_and(|id| {
            let moved = id != self.last_id;
            self.last_id = id;
            moved
        });
        self.skipping = false;
        if data.is_some() || moved {
            found(Item::Event(Event { name, data, id: self.last_id.clone() }));
        }
    }
}

/// What the longest field name and the colon and space after it add to a value, and a line end.
const FIELD_BYTES: usize = "retry: ".len();

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(max_bytes: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Item> {
        let mut parser = Parser::new(max_bytes, String::new());
        let mut items = Vec::new();
        for piece in pieces {
            parser.feed(piece, |item| items.push(item));
            assert!(parser.line.len() + parser.size() <= max_bytes + FIELD_BYTES);
        }
        items
    }

    fn whole(text: &str) -> Vec<Item> {
        parse(1 << 20, [text.as_bytes()])
    }

    fn event(name: &str, data: &str, id: &str) -> Item {
        let data = Some(data.to_owned());
        Item::Event(Event { name: name.to_owned(), data, id: id.to_owned() })
    }

    fn mark(id: &str) -> Item {
        Item::Event(Event { name: String::new(), data: None, id: id.to_owned() })
    }

    fn retry(ms: u64) -> Item {
        Item::Retry(Duration::from_millis(ms))
    }

    #[test]
    fn fields_are_read_as_the_format_says() {
        for (text, items) in [
            ("data: a\n\n", vec![event("", "a", "")]),
            (
                "data:a\r\n\r\ndata: b\r\rdata:  c\n\n",
                vec![event("", "a", ""), event("", "b", ""), event("", " c", "")],
            ),
            ("data: a\ndata: b\ndata\ndata:\n\n", vec![event("", "a\nb\n\n", "")]),
            ("data\n\n", vec![event("", "", "")]),
            (
                "event: x\nevent: y\ndata: 1\n\ndata: 2\n\n",
                vec![event("y", "1", ""), event("", "2", "")],
            ),
            // A name without data is no event, and is forgotten.
            ("event: x\n\ndata: 1\n\n", vec![event("", "1", "")]),
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", vec![event("", "a", "")]),
            ("\u{feff}\u{feff}data: a\n\n", vec![]),
            (": comment\n:\n\n\n", vec![]),
            ("Data: a\n data: b\ndatas: c\n\n", vec![]),
            ("data: no end\n", vec![]),
            ("data: no end", vec![]),
            ("data: a:b: c\n\n", vec![event("", "a:b: c", "")]),
            (
                "retry: 10\nretry: x\nretry: +1\nretry:\nretry: 1.5\nretry:20\n",
                vec![retry(10), retry(20)],
            ),
            ("retry: 99999999999999999999999\n", vec![Item::Retry(MAX_RETRY)]),
        ] {
            assert_eq!(whole(text), items, "{text:?}");
        }
        let invalid = parse(99, [&b"data: \xff\xf0\x9f\x8e\n\n"[..]]);
        assert_eq!(invalid, [event("", "\u{fffd}\u{fffd}", "")]);
    }

    #[test]
    fn ids_last_until_another_comes() {
        for (text, items) in [
            ("id: 1\ndata: a\n\ndata: b\n\n", vec![event("", "a", "1"), event("", "b", "1")]),
            // As 2025-11-25 opens a stream; with and without a field for the data.
            ("id: 1\ndata:\n\n", vec![event("", "", "1")]),
            ("id: 1\n\nid: 1\n\nid: 2\n\n", vec![mark("1"), mark("2")]),
            ("id: 1\nid: 2\ndata: a\n\n", vec![event("", "a", "2")]),
            ("id: 1\ndata: a\n\nid\ndata: b\n\n", vec![event("", "a", "1"), event("", "b", "")]),
            (
                "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
                vec![event("", "a", "1"), event("", "b", "1")],
            ),
            // An id counts when its event is complete.
            ("id: 1\ndata: a\n\nid: 2\ndata: b\n", vec![event("", "a", "1")]),
        ] {
            assert_eq!(whole(text), items, "{text:?}");
        }
    }

    #[test]
    fn an_event_beyond_the_bound_is_told_once_and_the_next_one_is_read() {
        let fits = "x".repeat(16);
        let beyond = "x".repeat(17);
        for text in
            [format!("data: {fits}\n\n"), format!("data: {}\ndata: {}\n\n", &fits[..8], &fits[..7])]
        {
            let items = parse(16, [text.as_bytes()]);
            assert!(matches!(items[..], [Item::Event(_)]), "{text:?}: {items:?}");
        }
        for text in [
            format!("data: {beyond}\n\n"),
            format!("data: {beyond}\ndata: {beyond}\n\n"),
            format!("data: {}\ndata: {}\n\n", &fits[..8], &fits[..8]),
            format!("data: {fits}\nevent: x\ndata: y\n\n"),
            format!(": {}\n\n", "x".repeat(1000)),
            format!("{}\n\n", "x".repeat(1000)),
            format!("id: {beyond}\n\n"),
        ] {
            for size in [1, 2, 5, 4000] {
                let text = format!("{text}data: next\n\n");
                let items = parse(16, text.as_bytes().chunks(size));
                assert_eq!(items, [Item::TooLong, event("", "next", "")], "{text:?} by {size}");
            }
        }
        // Its id still counts: else the server would send it again after each lost connection.
        let text = format!("id: 7\ndata: {beyond}\n\n");
        assert_eq!(parse(16, [text.as_bytes()]), [Item::TooLong, mark("7")]);
    }
}
