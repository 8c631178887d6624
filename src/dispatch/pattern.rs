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
    before: Vec<u8>,
    behind: Vec<u8>,
}

/// How many bytes of room a frame needs behind it: an id is written with what pads it.
pub(crate) const ROOM: usize = ShortId::PADDED;

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
            // It would be cut short.
            Some(None) => return,
        };
        self.has_id = len != 0;
        self.before.clear();
        self.before.extend_from_slice(&frame[..at]);
        self.behind.clear();
        self.behind.extend_from_slice(&frame[at + len..]);
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
        self.before.len() + id.len() + self.behind.len()
    }

    /// Writes a frame to the front of a place, which has [`ROOM`] behind it.
    #[inline(always)]
    pub(crate) fn write(&self, place: &mut [u8], id: ShortId) {
        let at = self.before.len();
        place[..at].copy_from_slice(&self.before);
        // Two words whatever its length, which what is behind it covers.
        place[at..][..ROOM].copy_from_slice(&id.padded());
        place[at + id.len()..][..self.behind.len()].copy_from_slice(&self.behind);
    }
}
