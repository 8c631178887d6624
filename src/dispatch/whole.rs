//! Frames that were taken out together, and are looked at one after the other, each in one piece:
//! for callbacks.
//!
//! What is one piece is the same bytes for frames that differ in their subscription ids alone: the
//! id of the one before is written over.

use crate::dispatch::batch::Frame;
use crate::dispatch::vectored::{Taken, Text, VectoredBatch};
use crate::engine::{Address, Output, Sink, Source};
use crate::protocol::id::{Id, ShortId};

/// Taken into as any batch.
#[derive(Debug, Default)]
pub(super) struct WholeBatch {
    frames: VectoredBatch,
    piece: Piece,
}

/// A frame in one piece.
///
/// Invariant: but for the id, it is a frame with that text and an id of that length.
#[derive(Debug, Default)]
struct Piece {
    /// None if nothing stands here.
    text: Option<u32>,
    id_len: u32,
    /// The frame, with room behind it for an id with what pads it, and as much again.
    bytes: Vec<u8>,
    len: usize,
    /// Where the id stands, and what behind it writing an id may destroy.
    gap: usize,
    behind: [u8; ShortId::PADDED],
}

impl WholeBatch {
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.piece.text = None;
    }

    /// The frame that was taken after so many others, until the next one is asked for.
    #[inline]
    pub(super) fn frame(&mut self, at: usize) -> Frame<'_> {
        let Self { frames, piece } = self;
        let taken = &frames.frames[at];
        let Taken { session, stream, flags, .. } = *taken;
        let data = if taken.id_len == 0 {
            let Text { start, end, .. } = frames.texts[taken.text as usize];
            &frames.bytes[start..end]
        } else {
            piece.write(frames, taken)
        };
        Frame { session, stream, flags, data }
    }
}

impl Piece {
    #[inline]
    fn write(&mut self, frames: &VectoredBatch, taken: &Taken) -> &[u8] {
        if (self.text, self.id_len) != (Some(taken.text), taken.id_len) {
            self.learn(frames, taken);
        }
        // Two words whatever its length, and what is behind it again.
        let room = self.bytes[self.gap..].first_chunk_mut::<{ 2 * ShortId::PADDED }>();
        let place = room.expect("there is room behind the frame");
        place[..ShortId::PADDED].copy_from_slice(&taken.id);
        place[self.id_len as usize..][..ShortId::PADDED].copy_from_slice(&self.behind);
        &self.bytes[..self.len]
    }

    /// Makes it a frame with the text of that one, and room for its id.
    #[cold]
    fn learn(&mut self, frames: &VectoredBatch, taken: &Taken) {
        let Text { start, gap, end } = frames.texts[taken.text as usize];
        self.text = Some(taken.text);
        self.id_len = taken.id_len;
        self.gap = gap - start;
        self.bytes.clear();
        self.bytes.extend_from_slice(&frames.bytes[start..gap]);
        self.bytes.extend_from_slice(&taken.id[..taken.id_len as usize]);
        self.bytes.extend_from_slice(&frames.bytes[gap..end]);
        self.len = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2 * ShortId::PADDED]);
        let behind = &self.bytes[self.gap + taken.id_len as usize..];
        self.behind.copy_from_slice(&behind[..ShortId::PADDED]);
    }
}

impl Sink for WholeBatch {
    #[inline]
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        self.frames.take(output)
    }

    #[inline(always)]
    fn take_alike(&mut self, to: Address, source: Source, id: Option<&Id>) -> Option<usize> {
        self.frames.take_alike(to, source, id)
    }
}
