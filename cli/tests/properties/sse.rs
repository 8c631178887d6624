//! What holds of the parser of event streams whatever it is given, as one function of a test input.
//! A test runs it with inputs from a fixed seed, and a fuzz target with what a fuzzer thinks of.
//!
//! The first line of an input is numbers: the bound on an event, and the places at which the rest,
//! the stream, is cut into pieces.

use std::time::Duration;

use crate::sse::{Event, Item, MAX_RETRY, Parser};

/// More than any input has.
const NO_BOUND: usize = 1 << 24;

/// What a stream turned out to have in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: usize,
    pub(crate) too_long: usize,
}

/// Checks everything.
pub(crate) fn check(input: &[u8]) -> Outcome {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (first, stream) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let mut numbers = String::from_utf8_lossy(first)
        .split_ascii_whitespace()
        .filter_map(|word| word.parse::<u16>().ok())
        .map(usize::from)
        .collect::<Vec<_>>()
        .into_iter();
    let max_bytes = numbers.next().unwrap_or(16);
    let places: Vec<_> = numbers.map(|place| place % (stream.len() + 1)).collect();

    let blocks = reference(stream);
    let expected: Vec<_> = blocks.iter().flat_map(|block| block.items.clone()).collect();
    for pieces in [vec![stream], cut(stream, places.clone()), stream.chunks(1).collect()] {
        assert_eq!(parse(NO_BOUND, &pieces), expected);
    }

    let items = parse(max_bytes, &[stream]);
    assert_eq!(parse(max_bytes, &cut(stream, places)), items, "cut, with a bound");
    assert_eq!(parse(max_bytes, &stream.chunks(1).collect::<Vec<_>>()), items, "byte by byte");
    check_bounded(max_bytes, &items, &blocks);
    check_goes_on(max_bytes, stream);
    Outcome {
        events: expected.iter().filter(|item| data_of(item).is_some()).count(),
        too_long: items.iter().filter(|item| **item == Item::TooLong).count(),
    }
}

fn parse(max_bytes: usize, pieces: &[&[u8]]) -> Vec<Item> {
    let mut parser = Parser::new(max_bytes, String::new());
    let mut items = Vec::new();
    for piece in pieces {
        parser.feed(piece, |item| items.push(item));
        let held = parser.held_bytes();
        assert!(held <= 8 * max_bytes + 64, "{held} bytes are held for events of {max_bytes}");
    }
    items
}

/// The pieces of a stream that is cut at such places.
fn cut(stream: &[u8], mut places: Vec<usize>) -> Vec<&[u8]> {
    places.push(stream.len());
    places.sort_unstable();
    let mut begin = 0;
    places.into_iter().map(|end| &stream[std::mem::replace(&mut begin, end)..end]).collect()
}

/// A bound drops events that are larger, says so of each once, and changes no other.
fn check_bounded(max_bytes: usize, items: &[Item], blocks: &[Block]) {
    let found: Vec<_> = items.iter().filter_map(data_of).collect();
    let events = |fitting: bool| -> Vec<_> {
        let blocks = blocks.iter().filter(|block| !fitting || block.bytes <= max_bytes);
        blocks.flat_map(|block| block.items.iter().find_map(data_of)).collect()
    };
    let (sent, fitting) = (events(false), events(true));
    assert!(is_within(&fitting, &found), "{found:?} is not all of {fitting:?}");
    assert!(is_within(&found, &sent), "{found:?} is more than {sent:?}");
    let dropped = sent.len() - found.len();
    let dropped_at_most = blocks.iter().filter(|block| block.bytes > max_bytes).count();
    let told = items.iter().filter(|item| **item == Item::TooLong).count();
    assert!((dropped..=dropped_at_most).contains(&told), "{told} of {dropped} dropped are told");
    for item in items {
        if let Item::Event(Event { name, data, id }) = item {
            let data = data.as_ref().map_or(0, String::len);
            assert!(name.len() + data <= max_bytes && id.len() <= max_bytes, "{item:?}");
        }
    }
}

/// Whether all of `few` are in `many`, in their order.
fn is_within<T: PartialEq>(few: &[T], many: &[T]) -> bool {
    let mut many = many.iter();
    few.iter().all(|one| many.any(|other| other == one))
}

/// Whatever came before, the next event is read.
fn check_goes_on(max_bytes: usize, stream: &[u8]) {
    let items = parse(max_bytes.max(1), &[stream, b"\n\ndata: z\n\n"]);
    let last = items.last().and_then(data_of);
    assert_eq!(last, Some(("", "z")));
}

/// The name and the data of an event that has data. Which id it has can depend on the bound: one
/// that is larger is not taken.
fn data_of(item: &Item) -> Option<(&str, &str)> {
    match item {
        Item::Event(Event { name, data: Some(data), .. }) => Some((name, data)),
        _ => None,
    }
}

/// The lines up to an empty one, or to the end.
struct Block {
    /// How large they are together.
    bytes: usize,
    items: Vec<Item>,
}

/// What the format says of a whole text, without regard to memory or pieces.
fn reference(stream: &[u8]) -> Vec<Block> {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<_> = text.split('\n').collect();
    let without_end = lines.pop().map_or(0, str::len);
    let mut last_id = String::new();
    let mut blocks: Vec<_> = lines
        .split_inclusive(|line| line.is_empty())
        .map(|lines| block(lines, &mut last_id))
        .collect();
    // It may be too large already.
    match blocks.last_mut().filter(|_| lines.last().is_some_and(|line| !line.is_empty())) {
        Some(last) => last.bytes += without_end,
        None => blocks.push(Block { bytes: without_end, items: vec![] }),
    }
    blocks
}

fn block(lines: &[&str], last_id: &mut String) -> Block {
    let fields: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| match line.split_once(':') {
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (*line, ""),
        })
        .collect();
    let all = |name: &'static str| {
        fields.iter().filter(move |field| field.0 == name).map(|field| field.1)
    };
    let mut items = Vec::new();
    for value in all("retry") {
        if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) {
            let digits = value.trim_start_matches('0');
            // Longer than the longest is that, too.
            let ms =
                if digits.len() > 18 { u64::MAX } else { format!("0{digits}").parse().unwrap() };
            items.push(Item::Retry(Duration::from_millis(ms).min(MAX_RETRY)));
        }
    }
    if lines.last().is_some_and(|line| line.is_empty()) {
        let data: Vec<_> = all("data").collect();
        let id = all("id").rfind(|id| !id.contains('\0'));
        let moved = id.is_some_and(|id| id != last_id);
        if let Some(id) = id {
            id.clone_into(last_id);
        }
        if moved || !data.is_empty() {
            let name = all("event").next_back().unwrap_or("").to_owned();
            let data = (!data.is_empty()).then(|| data.join("\n"));
            items.push(Item::Event(Event { name, data, id: last_id.clone() }));
        }
    }
    Block { bytes: lines.iter().map(|line| line.len()).sum(), items }
}
