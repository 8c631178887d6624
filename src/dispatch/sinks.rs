//! Where drained frames go beside a batch: a caller's buffer, flat or packed.

use crate::dispatch::batch::FrameFlags;
use crate::engine::{Output, Sink};
use crate::protocol::encode::Pieces;

#[inline]
fn head<'a>(output: &Output<'a>) -> &'a [u8] {
    output.head.map_or(output.framing.head(), str::as_bytes)
}

#[inline]
pub(crate) fn framed_len(output: &Output<'_>, pieces: &Pieces<'_>) -> usize {
    head(output).len() + pieces.len() + output.framing.tail().len()
}

#[inline]
pub(crate) fn flags(output: &Output<'_>) -> FrameFlags {
    FrameFlags(if output.is_last { FrameFlags::LAST } else { 0 })
}

/// Writes a frame into a place of exactly its size.
#[inline]
pub(crate) fn write_frame(place: &mut [u8], output: &Output<'_>, pieces: &Pieces<'_>) {
    let mut rest = put(place, head(output));
    for piece in pieces.iter() {
        rest = put(rest, piece);
    }
    put(rest, output.framing.tail());
}

#[inline]
fn put<'a>(place: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    let (here, rest) = place.split_at_mut(bytes.len());
    here.copy_from_slice(bytes);
    rest
}

/// A caller's buffer that is filled front to back.
struct Room<'a> {
    buf: &'a mut [u8],
    used: usize,
    /// What the frame that did not fit would have needed.
    needed: Option<usize>,
}

impl<'a> Room<'a> {
    fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, used: 0, needed: None }
    }

    /// The next `len` bytes, if there are as many.
    fn next(&mut self, len: usize) -> Option<&mut [u8]> {
        let Some(place) = self.buf.get_mut(self.used..self.used + len) else {
            self.needed = Some(len);
            return None;
        };
        self.used += len;
        Some(place)
    }
}

/// Whole frames, one after the other.
pub(crate) struct Flat<'a>(Room<'a>);

impl<'a> Flat<'a> {
    pub(crate) fn new(buf: &'a mut [u8]) -> Self {
        Self(Room::new(buf))
    }

    /// How many bytes were written, and what the first frame that did not fit needs.
    pub(crate) fn finish(self) -> (usize, Option<usize>) {
        (self.0.used, self.0.needed)
    }
}

impl Sink for Flat<'_> {
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let pieces = output.text.pieces();
        let len = framed_len(output, &pieces);
        write_frame(self.0.next(len)?, output, &pieces);
        Some(len)
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
        Self(Room::new(buf))
    }

    /// As [`Flat::finish`].
    pub(crate) fn finish(self) -> (usize, Option<usize>) {
        (self.0.used, self.0.needed)
    }
}

impl Sink for Packed<'_> {
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let pieces = output.text.pieces();
        let len = framed_len(output, &pieces);
        let len32 = u32::try_from(len).ok()?;
        let place = self.0.next(HEADER_BYTES + len.next_multiple_of(ALIGN_BYTES))?;
        let rest = put(place, &output.session.0.to_ne_bytes());
        let rest = put(rest, &output.stream.0.to_ne_bytes());
        let rest = put(rest, &flags(output).0.to_ne_bytes());
        let rest = put(rest, &len32.to_ne_bytes());
        let (frame, padding) = rest.split_at_mut(len);
        write_frame(frame, output, &pieces);
        padding.fill(0);
        Some(len)
    }
}
