//! Frames that were taken out together, and the one buffer that holds their bytes.

use crate::dispatch::pattern::{Pattern, ROOM};
use crate::dispatch::sinks;
use crate::engine::{Address, Output, Sink, Source};
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
    /// What the latest text looks like, and where it stands.
    pattern: Pattern,
    latest: Latest,
}

/// The latest text: what it was made of, if others may be the same, and where it stands.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    of: Option<(Source, Framing)>,
    /// The subscription id, or nothing where there is none.
    id: ShortId,
    start: usize,
    end: usize,
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
        self.pattern.forget();
        self.latest.of = None;
    }
}

impl Batch {
    /// The place for so many bytes more, with some room behind it.
    #[inline(always)]
    fn room(&mut self, len: usize) -> (usize, usize) {
        let (start, end) = (self.used, self.used + len);
        if end + ROOM > self.bytes.len() {
            self.grow(end + ROOM);
        }
        self.used = end;
        (start, end)
    }

    /// One more frame, which reads like the latest.
    #[inline(always)]
    fn push(&mut self, to: Address, flags: FrameFlags) -> Option<usize> {
        let Address { session, stream, .. } = to;
        let Latest { start, end, .. } = self.latest;
        self.frames.push(Taken { session, stream, flags, start, end });
        Some(end - start)
    }

    /// Room is made in large steps, and kept for the next frames.
    #[cold]
    fn grow(&mut self, len: usize) {
        self.bytes.resize(len.max(2 * self.bytes.len()), 0);
    }
}

impl Sink for Batch {
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let id = output.text.subscription().map_or(Some(ShortId::EMPTY), Id::short);
        let is_shareable = output.head.is_none() && id.is_some();
        let of = output.source.filter(|_| is_shareable).map(|of| (of, output.to.framing));
        let id = id.unwrap_or_default();
        if of.is_none() || (of, id) != (self.latest.of, self.latest.id) {
            let pieces = output.text.pieces();
            let (start, end) = self.room(sinks::framed_len(output, &pieces));
            let place = &mut self.bytes[start..end];
            sinks::write_frame(place, output, &pieces);
            self.pattern.learn(output, &pieces, place);
            self.latest = Latest { of, id, start, end };
        }
        self.push(output.to, sinks::flags(output))
    }

    #[inline(always)]
    fn take_alike(&mut self, to: Address, source: Source, id: Option<&Id>) -> Option<usize> {
        let id = self.pattern.gap(to, source, id)?;
        if id != self.latest.id {
            let (start, end) = self.room(self.pattern.len(id));
            self.pattern.write(&mut self.bytes[start..], id);
            (self.latest.id, self.latest.start, self.latest.end) = (id, start, end);
        }
        self.push(to, FrameFlags::default())
    }
}
