//! Frames that were taken out together, and the one buffer that holds their bytes.

use crate::dispatch::sinks;
use crate::engine::{Output, Sink, Source};
use crate::framing::Framing;
use crate::params::{SessionId, StreamId};
use crate::protocol::id::{Id, ShortId};

/// What is special about a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameFlags(pub(crate) u32);

impl FrameFlags {
    /// The bit of [`is_last`](Self::is_last).
    pub const LAST: u32 = 1;

    /// Nothing will follow on this stream, or nothing until it is resumed: once the frame is
    /// written, the stream's connection can be closed. A stream that is over because what was queued
    /// was withdrawn has no such frame:
    /// [`Hooks::on_stream_end`](crate::Hooks::on_stream_end) tells of it.
    pub fn is_last(self) -> bool {
        self.0 & Self::LAST != 0
    }

    /// The flags as bits.
    pub fn bits(self) -> u32 {
        self.0
    }
}

/// One frame, ready to be written to its stream as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Whose it is.
    pub session: SessionId,
    /// On which of its streams it must go.
    pub stream: StreamId,
    /// What is special about it.
    pub flags: FrameFlags,
    /// Its bytes, framing included.
    pub data: &'a [u8],
}

/// Frames taken out together. A batch is reused: taking into it again forgets what it held.
///
/// Frames with the same text, as those of one notice mostly have, share its bytes.
///
/// Invariant: the frames fill the first `used` bytes; what `bytes` holds behind them is room.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    used: usize,
    frames: Vec<Taken>,
    /// The latest text, as long as nothing of unknown source has come since.
    latest: Option<Text>,
    /// What stands before and behind the subscription id of the latest text, for others like it.
    before: Padded,
    behind: Padded,
}

/// A text that stands in a batch, and what it was made of.
#[derive(Clone, Copy, Debug)]
struct Text {
    of: Source,
    framing: Framing,
    /// The subscription id if there is one, by value if it is short.
    id: Option<Option<ShortId>>,
    start: usize,
    end: usize,
}

/// Bytes that are copied often, with so many more behind them that they can be copied in whole
/// strides: less work than to tell how many they are, each time.
#[derive(Debug, Default)]
struct Padded {
    bytes: Vec<u8>,
    len: usize,
}

/// How many bytes a stride has.
const STRIDE: usize = 32;

impl Padded {
    fn set(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(bytes.len().next_multiple_of(STRIDE), 0);
        self.len = bytes.len();
    }

    /// Copies the bytes to the front of a place, and up to a stride of others behind them.
    #[inline(always)]
    fn copy_to(&self, place: &mut [u8]) {
        let strides = self.bytes.chunks_exact(STRIDE).zip(place.chunks_exact_mut(STRIDE));
        for (from, to) in strides {
            to.copy_from_slice(from);
        }
    }
}

/// A frame whose bytes stand in its batch.
#[derive(Clone, Copy, Debug)]
struct Taken {
    session: SessionId,
    stream: StreamId,
    flags: FrameFlags,
    start: usize,
    end: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many frames it holds.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frames, in the order in which they must be written.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Frame<'_>> {
        self.frames.iter().map(|taken| Frame {
            session: taken.session,
            stream: taken.stream,
            flags: taken.flags,
            data: &self.bytes[taken.start..taken.end],
        })
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.frames.clear();
        self.latest = None;
    }

    /// How many bytes its frames have in all.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

impl Batch {
    /// Where the bytes of an output stand: where they stood already, if it is what came before.
    #[inline(always)]
    fn place(&mut self, output: &Output<'_>) -> (usize, usize) {
        if let Some(latest) = self.latest
            && Some(latest.of) == output.source
            && latest.framing == output.framing
        {
            match (output.text.subscription().map(Id::short), latest.id) {
                (None, None) => return (latest.start, latest.end),
                (Some(Some(id)), Some(Some(of_latest))) => {
                    if id == of_latest {
                        return (latest.start, latest.end);
                    }
                    return self.write_alike(latest, id);
                }
                _ => {}
            }
        }
        self.write(output)
    }

    fn write(&mut self, output: &Output<'_>) -> (usize, usize) {
        let pieces = output.text.pieces();
        let (start, end) = self.room(sinks::framed_len(output, &pieces));
        sinks::write_frame(&mut self.bytes[start..end], output, &pieces);
        self.latest = output.source.map(|of| {
            let id = output.text.subscription().map(Id::short);
            if let Some(Some(id)) = id {
                let first = pieces.iter().next().map_or(0, <[u8]>::len);
                let id_start = start + output.framing.head().len() + first;
                self.before.set(&self.bytes[start..id_start]);
                self.behind.set(&self.bytes[id_start + id.len()..end]);
            }
            Text { of, framing: output.framing, id, start, end }
        });
        (start, end)
    }

    /// The latest text with another id in place of its own.
    #[inline(always)]
    fn write_alike(&mut self, latest: Text, id: ShortId) -> (usize, usize) {
        let (before, behind) = (self.before.len, self.behind.len);
        let (start, end) = self.room(before + id.len() + behind);
        let place = &mut self.bytes[start..];
        // Each of the three writes a little too much, which the next one, or the next frame, covers.
        self.before.copy_to(place);
        place[before..][..ShortId::PADDED].copy_from_slice(&id.padded());
        self.behind.copy_to(&mut place[before + id.len()..]);
        self.latest = Some(Text { id: Some(Some(id)), start, end, ..latest });
        (start, end)
    }

    /// The place for so many bytes more, with a stride of room behind it.
    #[inline(always)]
    fn room(&mut self, len: usize) -> (usize, usize) {
        let (start, end) = (self.used, self.used + len);
        if end + STRIDE > self.bytes.len() {
            self.grow(end + STRIDE);
        }
        self.used = end;
        (start, end)
    }

    /// Room is made in large steps, and kept for the next frames.
    #[cold]
    fn grow(&mut self, len: usize) {
        self.bytes.resize(len.max(2 * self.bytes.len()), 0);
    }
}

impl Sink for Batch {
    #[inline(always)]
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let (start, end) = self.place(output);
        let (session, stream) = (output.session, output.stream);
        self.frames.push(Taken { session, stream, flags: sinks::flags(output), start, end });
        Some(end - start)
    }
}
