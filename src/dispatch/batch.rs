//! Frames that were taken out together, and the one buffer that holds their bytes.

use crate::dispatch::sinks;
use crate::engine::{Output, Sink, Source};
use crate::framing::Framing;
use crate::params::{SessionId, StreamId};
use crate::protocol::id::Id;

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
}

/// A text that stands in a batch, and what it was made of.
#[derive(Clone, Copy, Debug)]
struct Text {
    of: Source,
    framing: Framing,
    start: usize,
    end: usize,
    /// Where the subscription id stands.
    id_start: usize,
    id_end: usize,
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
    #[inline]
    fn place(&mut self, output: &Output<'_>) -> (usize, usize) {
        let id = output.text.subscription().map_or(&b""[..], Id::as_bytes);
        if let Some(latest) = self.latest
            && Some(latest.of) == output.source
            && latest.framing == output.framing
            && latest.id_end - latest.id_start == id.len()
        {
            let standing = &self.bytes[latest.id_start..latest.id_end];
            // A few bytes, one by one: a call would take longer.
            if standing.iter().zip(id).all(|(a, b)| a == b) {
                return (latest.start, latest.end);
            }
            return self.write_alike(latest, id);
        }
        self.write(output, id)
    }

    fn write(&mut self, output: &Output<'_>, id: &[u8]) -> (usize, usize) {
        let pieces = output.text.pieces();
        let (start, end) = self.room(sinks::framed_len(output, &pieces));
        sinks::write_frame(&mut self.bytes[start..end], output, &pieces);
        self.latest = output.source.map(|of| {
            let first = pieces.iter().next().map_or(0, <[u8]>::len);
            let id_start = start + output.framing.head().len() + first;
            let id_end = id_start + id.len();
            Text { of, framing: output.framing, start, end, id_start, id_end }
        });
        (start, end)
    }

    /// The latest text with an id of the same length in place of its own.
    #[inline]
    fn write_alike(&mut self, latest: Text, id: &[u8]) -> (usize, usize) {
        let (start, end) = self.room(latest.end - latest.start);
        let (before, place) = self.bytes.split_at_mut(start);
        let place = &mut place[..end - start];
        place.copy_from_slice(&before[latest.start..latest.end]);
        let at = latest.id_start - latest.start;
        place[at..at + id.len()].copy_from_slice(id);
        let (id_start, id_end) = (start + at, start + at + id.len());
        self.latest = Some(Text { start, end, id_start, id_end, ..latest });
        (start, end)
    }

    #[inline]
    fn room(&mut self, len: usize) -> (usize, usize) {
        let (start, end) = (self.used, self.used + len);
        if end > self.bytes.len() {
            // Room is made in large steps, and kept for the next frames.
            self.bytes.resize(end.max(2 * self.bytes.len()), 0);
        }
        self.used = end;
        (start, end)
    }
}

impl Sink for Batch {
    #[inline]
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let (start, end) = self.place(output);
        let (session, stream) = (output.session, output.stream);
        self.frames.push(Taken { session, stream, flags: sinks::flags(output), start, end });
        Some(end - start)
    }
}
