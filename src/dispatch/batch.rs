//! Frames that were taken out together, and the one buffer that holds their bytes.

use crate::dispatch::sinks;
use crate::engine::{Output, Sink};
use crate::params::{SessionId, StreamId};

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
/// Invariant: the frames fill the first `used` bytes; what `bytes` holds behind them is room.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    used: usize,
    frames: Vec<Taken>,
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
    }

    /// How many bytes its frames have in all.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

impl Sink for Batch {
    #[inline]
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let len = sinks::framed_len(output);
        let (start, end) = (self.used, self.used + len);
        if end > self.bytes.len() {
            // Room is made in large steps, and kept for the next frames.
            self.bytes.resize(end.max(2 * self.bytes.len()), 0);
        }
        sinks::write_frame(&mut self.bytes[start..end], output);
        self.used = end;
        let flags = sinks::flags(output);
        self.frames.push(Taken {
            session: output.session,
            stream: output.stream,
            flags,
            start,
            end,
        });
        Some(len)
    }
}
