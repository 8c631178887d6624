//! Where drained frames go beside a batch: a caller's buffer, flat or packed.

use crate::dispatch::batch::FrameFlags;
use crate::dispatch::pattern::{Pattern, ROOM};
use crate::engine::{Address, Output, Sink, Source};
use crate::protocol::encode::Pieces;
use crate::protocol::id::Id;

#[inline]
pub(crate) fn head<'a>(output: &Output<'a>) -> &'a [u8] {
    output.head.map_or(output.to.framing.head(), str::as_bytes)
}

#[inline]
pub(crate) fn framed_len(output: &Output<'_>, pieces: &Pieces<'_>) -> usize {
    head(output).len() + pieces.len() + output.to.framing.tail().len()
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
    put(rest, output.to.framing.tail());
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

    /// The same with some room behind them, or nothing, which does not mean that they
    /// would not fit without.
    #[inline(always)]
    fn next_wide(&mut self, len: usize) -> Option<&mut [u8]> {
        let place = self.buf.get_mut(self.used..self.used + len + ROOM)?;
        self.used += len;
        Some(place)
    }
}

/// Whole frames of one session, one after the other: hardly any is like the one before.
pub(crate) struct Flat<'a> {
    room: Room<'a>,
}

impl<'a> Flat<'a> {
    pub(crate) fn new(buf: &'a mut [u8]) -> Self {
        Self { room: Room::new(buf) }
    }

    /// How many bytes were written, and what the first frame that did not fit needs.
    pub(crate) fn finish(self) -> (usize, Option<usize>) {
        (self.room.used, self.room.needed)
    }
}

impl Sink for Flat<'_> {
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let pieces = output.text.pieces();
        let len = framed_len(output, &pieces);
        write_frame(self.room.next(len)?, output, &pieces);
        Some(len)
    }
}

/// Records of a header and a frame each, as [`Engine::drain`](crate::Engine::drain) says.
pub(crate) struct Packed<'a> {
    room: Room<'a>,
    pattern: Pattern,
}

/// The size of a record's header.
const HEADER_BYTES: usize = 24;
/// Records begin at multiples of this.
const ALIGN_BYTES: usize = 8;

impl<'a> Packed<'a> {
    pub(crate) fn new(buf: &'a mut [u8]) -> Self {
        Self { room: Room::new(buf), pattern: Pattern::default() }
    }

    /// As [`Flat::finish`].
    pub(crate) fn finish(self) -> (usize, Option<usize>) {
        (self.room.used, self.room.needed)
    }
}

/// Writes the header of a record, and yields what is behind it.
#[inline(always)]
fn put_header(place: &mut [u8], to: Address, flags: FrameFlags, len: u32) -> &mut [u8] {
    let rest = put(place, &to.session.0.to_ne_bytes());
    let rest = put(rest, &to.stream.0.to_ne_bytes());
    let rest = put(rest, &flags.0.to_ne_bytes());
    put(rest, &len.to_ne_bytes())
}

impl Sink for Packed<'_> {
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let pieces = output.text.pieces();
        let len = framed_len(output, &pieces);
        let len32 = u32::try_from(len).ok()?;
        let place = self.room.next(HEADER_BYTES + len.next_multiple_of(ALIGN_BYTES))?;
        let rest = put_header(place, output.to, flags(output), len32);
        let (frame, padding) = rest.split_at_mut(len);
        write_frame(frame, output, &pieces);
        padding.fill(0);
        self.pattern.learn(output, &pieces, frame);
        Some(len)
    }

    #[inline(always)]
    fn take_alike(&mut self, to: Address, source: Source, id: Option<&Id>) -> Option<usize> {
        let id = self.pattern.gap(to, source, id)?;
        let len = self.pattern.len(id);
        let len32 = u32::try_from(len).ok()?;
        let place = self.room.next_wide(HEADER_BYTES + len.next_multiple_of(ALIGN_BYTES))?;
        let rest = put_header(place, to, FrameFlags::default(), len32);
        self.pattern.write(rest, id);
        rest[len..][..ALIGN_BYTES].fill(0);
        Some(len)
    }
}
