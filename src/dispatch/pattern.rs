//! What the latest text looks like: most frames of a notice differ from the one before by no more
//! than the subscription id.

use crate::engine::{Address, Output, Source};
use crate::framing::Framing;
use crate::protocol::encode::Pieces;
use crate::protocol::id::{Id, ShortId};

/// A frame with a gap where the subscription id stands.
///
/// Invariant: what it says of a source holds until something of unknown source was written, which
/// it is told of too.
#[derive(Debug, Default)]
pub(crate) struct Pattern {
    /// What the text was made of, and how it is framed; none if others cannot be like it.
    of: Option<(Source, Framing)>,
    has_id: bool,
    before: Padded,
    behind: Padded,
}

/// Bytes that are copied often, with so many more behind them that they can be copied in whole
/// strides: less work than to tell how many they are, each time.
#[derive(Debug, Default)]
struct Padded {
    bytes: Vec<u8>,
    len: usize,
}

/// How many bytes a stride has. A place for a frame needs as many behind it.
pub(crate) const STRIDE: usize = 64;

impl Pattern {
    /// Learns a frame that was written in full.
    pub(crate) fn learn(&mut self, output: &Output<'_>, pieces: &Pieces<'_>, frame: &[u8]) {
        self.of = None;
        // Events are whole texts, which a batch shares and others copy just as well.
        let Some(source @ Source::Topic(_)) = output.source else { return };
        if output.head.is_some() {
            return;
        }
        let (at, len) = match output.text.subscription().map(Id::short) {
            None => (frame.len(), 0),
            Some(Some(id)) => {
                let first = pieces.iter().next().map_or(0, <[u8]>::len);
                (output.to.framing.head().len() + first, id.len())
            }
            // Copied in strides it would be cut short.
            Some(None) => return,
        };
        self.has_id = len != 0;
        self.before.set(&frame[..at]);
        self.behind.set(&frame[at + len..]);
        self.of = Some((source, output.to.framing));
    }

    pub(crate) fn forget(&mut self) {
        self.of = None;
    }

    /// The id to put into the gap, none if there is no gap, for a frame that is like the latest
    /// one.
    #[inline(always)]
    pub(crate) fn gap(&self, to: Address, source: Source, id: Option<&Id>) -> Option<ShortId> {
        if self.of != Some((source, to.framing)) || self.has_id != id.is_some() {
            return None;
        }
        id.map_or(Some(ShortId::EMPTY), Id::short)
    }

    #[inline(always)]
    pub(crate) fn len(&self, id: ShortId) -> usize {
        self.before.len + id.len() + self.behind.len
    }

    /// Writes a frame to the front of a place, which has a stride of room behind it.
    #[inline(always)]
    pub(crate) fn write(&self, place: &mut [u8], id: ShortId) {
        // Each of the three writes a little too much, which the next one covers.
        let at = self.before.len;
        self.before.copy_to(place);
        place[at..][..ShortId::PADDED].copy_from_slice(&id.padded());
        self.behind.copy_to(&mut place[at + id.len()..]);
    }
}

impl Padded {
    fn set(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(bytes.len().next_multiple_of(STRIDE), 0);
        self.len = bytes.len();
    }

    /// Copies the bytes to the front of a place, and less than a stride of others behind them.
    #[inline(always)]
    fn copy_to(&self, place: &mut [u8]) {
        let strides = self.bytes.chunks_exact(STRIDE).zip(place.chunks_exact_mut(STRIDE));
        for (from, to) in strides {
            to.copy_from_slice(from);
        }
    }
}
