//! Where drained frames go: into a batch, into one flat buffer, or into a packed one.

use crate::dispatch::batch::{Batch, FrameFlags, Taken};
use crate::engine::{Output, Sink};

fn framed_len(output: &Output<'_>) -> usize {
    output.framing.head().len() + output.pieces.len() + output.framing.tail().len()
}

fn flags(output: &Output<'_>) -> FrameFlags {
    FrameFlags(if output.is_last { FrameFlags::LAST } else { 0 })
}

impl Sink for Batch {
    fn take(&mut self, output: Output<'_>) -> bool {
        let start = self.bytes.len();
        self.bytes.reserve(framed_len(&output));
        self.bytes.extend_from_slice(output.framing.head());
        for piece in output.pieces.iter() {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
        self.bytes.extend_from_slice(output.framing.tail());
        self.frames.push(Taken {
            session: output.session,
            stream: output.stream,
            flags: flags(&output),
            start,
            end: self.bytes.len(),
        });
        true
    }
}

/// A caller's buffer that is filled front to back.
struct Room<'a> {
    buf: &'a mut [u8],
    used: usize,
    /// What the frame that did not fit would have needed.
    needed: Option<usize>,
}

impl Room<'_> {
    fn admits(&mut self, len: usize) -> bool {
        let fits = len <= self.buf.len() - self.used;
        if !fits {
            self.needed = Some(len);
        }
        fits
    }

    fn put(&mut self, bytes: &[u8]) {
        self.buf[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    fn put_frame(&mut self, output: &Output<'_>) {
        self.put(output.framing.head());
        for piece in output.pieces.iter() {
            self.put(piece.as_bytes());
        }
        self.put(output.framing.tail());
    }
}

/// Whole frames, one after the other.
pub(crate) struct Flat<'a>(Room<'a>);

impl<'a> Flat<'a> {
    pub(crate) fn new(buf: &'a mut [u8]) -> Self {
        Self(Room { buf, used: 0, needed: None })
    }

    /// How many bytes were written, and what the first frame that did not fit needs.
    pub(crate) fn finish(self) -> (usize, Option<usize>) {
        (self.0.used, self.0.needed)
    }
}

impl Sink for Flat<'_> {
    fn take(&mut self, output: Output<'_>) -> bool {
        let fits = self.0.admits(framed_len(&output));
        if fits {
            self.0.put_frame(&output);
        }
        fits
    }
}

/// Records of a header and a frame each, as [`Engine::drain`](crate::Engine::drain) says.
pub(crate) struct Packed<'a>(Room<'a>);

/// The size of a record's header.
const HEADER_BYTES: usize = 24;
/// Records begin at multiples of this.
const ALIGN_BYTES: usize = 8;

impl<'a> Packed<'a> {
    pub(crate) fn new(buf: &'a mut [u8]) -> Self {
        Self(Room { buf, used: 0, needed: None })
    }

    pub(crate) fn finish(self) -> (usize, Option<usize>) {
        (self.0.used, self.0.needed)
    }
}

impl Sink for Packed<'_> {
    fn take(&mut self, output: Output<'_>) -> bool {
        let len = framed_len(&output);
        let padded = len.next_multiple_of(ALIGN_BYTES);
        let Ok(len32) = u32::try_from(len) else { return false };
        if !self.0.admits(HEADER_BYTES + padded) {
            return false;
        }
        self.0.put(&output.session.0.to_ne_bytes());
        self.0.put(&output.stream.0.to_ne_bytes());
        self.0.put(&flags(&output).0.to_ne_bytes());
        self.0.put(&len32.to_ne_bytes());
        self.0.put_frame(&output);
        self.0.put(&[0; ALIGN_BYTES][..padded - len]);
        true
    }
}
