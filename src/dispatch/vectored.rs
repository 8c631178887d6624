//! Frames that were taken out together, lent in parts: what frames have in common stands there once,
//! and nothing is copied for one of them but its subscription id.

use crate::dispatch::batch::FrameFlags;
use crate::dispatch::sinks;
use crate::engine::{Address, Output, Sink, Source};
use crate::framing::Framing;
use crate::params::{SessionId, StreamId};
use crate::protocol::id::{Id, ShortId};

/// One frame in three parts, ready to be written to its stream by one vectored write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectoredFrame<'a> {
    /// Whose it is.
    pub session: SessionId,
    /// On which of its streams it must go.
    pub stream: StreamId,
    /// What is special about it.
    pub flags: FrameFlags,
    /// Its bytes, framing included. One after the other they are the frame; the first and the last
    /// are the same bytes for all frames of a notice, and the last two may be empty.
    pub parts: [&'a [u8]; 3],
}

/// Frames taken out together, as a [`Batch`](crate::Batch) is, for hosts that write them with
/// vectored writes: a notice for very many sessions takes up hardly more than a notice for one.
///
/// A batch is reused: taking into it again forgets what it held.
///
/// Invariant: `latest` says what the last of `texts` is.
#[derive(Debug, Default)]
pub struct VectoredBatch {
    pub(super) bytes: Vec<u8>,
    pub(super) texts: Vec<Text>,
    pub(super) frames: Vec<Taken>,
    latest: Option<Latest>,
}

/// Where a text stands, and where in it an id has its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) start: usize,
    pub(super) gap: usize,
    pub(super) end: usize,
}

/// What other texts have to be made of to be the same but for the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Latest {
    of: Source,
    framing: Framing,
    has_id: bool,
}

/// A frame, the text that it is of, and the id in the gap of that, of as many bytes as it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) session: SessionId,
    pub(super) stream: StreamId,
    pub(super) flags: FrameFlags,
    pub(super) text: u32,
    pub(super) id_len: u32,
    pub(super) id: [u8; ShortId::PADDED],
}

impl VectoredBatch {
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
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = VectoredFrame<'_>> {
        self.frames.iter().map(|taken| {
            let Text { start, gap, end } = self.texts[taken.text as usize];
            VectoredFrame {
                session: taken.session,
                stream: taken.stream,
                flags: taken.flags,
                parts: [
                    &self.bytes[start..gap],
                    &taken.id[..taken.id_len as usize],
                    &self.bytes[gap..end],
                ],
            }
        })
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.texts.clear();
        self.frames.clear();
        self.latest = None;
    }

    /// One more frame, with the last of the texts.
    #[inline(always)]
    fn push(&mut self, to: Address, flags: FrameFlags, id: ShortId) -> Option<usize> {
        let text = self.texts.len() - 1;
        let Text { start, end, .. } = self.texts[text];
        let Address { session, stream, .. } = to;
        let (text, id_len) = (text as u32, id.len() as u32);
        self.frames.push(Taken { session, stream, flags, text, id_len, id: id.padded() });
        Some(end - start + id.len())
    }
}

impl Sink for VectoredBatch {
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        let id = output.text.subscription().map(Id::short);
        // One too long for a frame of its own stands in the text, which is nobody else's then.
        let (id, is_short) = match id {
            None => (ShortId::EMPTY, true),
            Some(Some(id)) => (id, true),
            Some(None) => (ShortId::EMPTY, false),
        };
        let source = output.source.filter(|_| is_short && output.head.is_none());
        let has_id = id.len() != 0;
        let latest = source.map(|of| Latest { of, framing: output.to.framing, has_id });
        if latest.is_none() || latest != self.latest {
            self.latest = latest;
            let start = self.bytes.len();
            let mut gap = None;
            self.bytes.extend_from_slice(sinks::head(output));
            for (at, piece) in output.text.pieces().iter().enumerate() {
                if at == 1 && has_id {
                    gap = Some(self.bytes.len());
                } else {
                    self.bytes.extend_from_slice(piece);
                }
            }
            self.bytes.extend_from_slice(output.to.framing.tail());
            let end = self.bytes.len();
            self.texts.push(Text { start, gap: gap.unwrap_or(end), end });
        }
        self.push(output.to, sinks::flags(output), id)
    }

    #[inline(always)]
    fn take_alike(&mut self, to: Address, source: Source, id: Option<&Id>) -> Option<usize> {
        let latest = Latest { of: source, framing: to.framing, has_id: id.is_some() };
        if self.latest != Some(latest) {
            return None;
        }
        let id = id.map_or(Some(ShortId::EMPTY), Id::short)?;
        self.push(to, FrameFlags::default(), id)
    }
}
