//! Frames that were taken out together, and the one buffer that holds their bytes.

use crate::params::{SessionId, StreamId};

/// What is special about a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameFlags(pub(crate) u32);

impl FrameFlags {
    /// The bit of [`is_last`](Self::is_last).
    pub const LAST: u32 = 1;

    /// Nothing will follow on this stream: once it is written, the stream can be closed.
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
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: Vec<Taken>,
}

/// A frame whose bytes stand in its batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) session: SessionId,
    pub(crate) stream: StreamId,
    pub(crate) flags: FrameFlags,
    pub(crate) start: usize,
    pub(crate) end: usize,
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
        self.bytes.clear();
        self.frames.clear();
    }
}
