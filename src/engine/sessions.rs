//! The table of sessions: their records, and apart from those what few of them have, because all
//! pay for the size of a record.
//!
//! Invariants: a session with [`Session::rare`] other than none has one entry there, and each entry
//! is one session's; what it queues is bounded by the configuration, unless it is `BOUNDED` and its
//! rare part says otherwise; it has its home stream, and as many more as its rare part says.

use std::collections::{HashMap, VecDeque};

use crate::config::Config;
use crate::engine::column::Column;
use crate::engine::pool::{HandleKind, NONE, Pool, Slab};
use crate::engine::session::{BOUNDED, Session};
use crate::engine::types::Types;
use crate::protocol::id::Id;

/// What few sessions have.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// The types it chose.
    pub(crate) types: Option<Types>,
    /// The host's own requests that the client has not answered, each with the handle of the
    /// stream that it went out on (R79).
    pub(crate) asked: HashMap<Id, u64>,
    /// Open sessions: the queued progress event of each token.
    pub(crate) open_progress: HashMap<Id, u32>,
    /// The tokens of those events.
    pub(super) open_tokens: HashMap<u32, Id>,
    /// The elicitations by URL that the client was given and that are not complete, the oldest
    /// first (R68).
    pub(super) elicitations: VecDeque<Box<str>>,
    /// Frames drained from streams that have gone, and notices that had merged into them.
    pub(crate) delivered: u64,
    pub(crate) merged: u64,
    pub(crate) dropped: u64,
    /// How many streams it has beside the first.
    pub(super) more_streams: u32,
    /// Its bounds, where they are its own.
    bounds: Bounds,
}

/// How much a session may have queued of what can be dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) frames: u32,
    pub(crate) bytes: u32,
}

/// The principal of a session, and its place among the sessions of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) of: u32,
    pub(crate) pos: u32,
}

impl Member {
    const NONE: Self = Self { of: NONE, pos: NONE };
}

impl Rare {
    pub(crate) fn note_open_progress(&mut self, token: &Id, slot: u32) {
        self.open_progress.insert(token.clone(), slot);
        self.open_tokens.insert(slot, token.clone());
    }

    /// A progress event has left the outbox. A later one of its token may be queued.
    pub(crate) fn forget_open_progress(&mut self, slot: u32) {
        if let Some(token) = self.open_tokens.remove(&slot)
            && self.open_progress.get(&token) == Some(&slot)
        {
            self.open_progress.remove(&token);
        }
    }
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    records: Slab<Session>,
    rares: Pool<Rare>,
    members: Column<Member>,
    /// The number that the host gave each.
    user_data: Column<u64>,
    bounds: Bounds,
}

impl Sessions {
    pub(crate) fn new(config: &Config, engine: u32) -> Self {
        Self {
            records: Slab::new(HandleKind::Session, engine),
            rares: Pool::new(),
            members: Column::new(Member::NONE),
            user_data: Column::new(0),
            bounds: Bounds { frames: config.max_queued_frames, bytes: config.max_queued_bytes },
        }
    }

    pub(crate) fn insert(&mut self, record: Session, user_data: u64) -> u32 {
        let ix = self.records.insert(record);
        self.user_data.set(ix, user_data);
        ix
    }

    pub(crate) fn remove(&mut self, ix: u32) {
        let record = self.records.remove(ix);
        if record.rare != NONE {
            self.rares.remove(record.rare);
        }
        self.members.set(ix, Member::NONE);
        self.user_data.set(ix, 0);
    }

    pub(crate) fn get(&self, ix: u32) -> Option<&Session> {
        self.records.get(ix)
    }

    /// The index that a handle names, if its session lives.
    pub(crate) fn resolve(&self, handle: u64) -> Option<u32> {
        self.records.resolve(handle)
    }

    #[inline]
    pub(crate) fn handle(&self, ix: u32) -> u64 {
        self.records.handle(ix)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn indices(&self) -> Vec<u32> {
        self.records.indices()
    }

    pub(crate) fn user_data(&self, ix: u32) -> u64 {
        self.user_data.get(ix)
    }

    pub(crate) fn member(&self, ix: u32) -> Member {
        self.members.get(ix)
    }

    pub(crate) fn set_member(&mut self, ix: u32, member: Member) {
        self.members.set(ix, member);
    }

    /// The principal of a session, or none.
    pub(crate) fn principal(&self, ix: u32) -> u32 {
        self.members.get(ix).of
    }

    pub(crate) fn rare(&self, ix: u32) -> Option<&Rare> {
        let rare = self.records[ix].rare;
        (rare != NONE).then(|| &self.rares[rare])
    }

    pub(crate) fn rare_mut(&mut self, ix: u32) -> &mut Rare {
        let Self { records, rares, .. } = self;
        let rare = &mut records[ix].rare;
        if *rare == NONE {
            *rare = rares.insert(Rare::default());
        }
        &mut rares[*rare]
    }

    pub(crate) fn stream_count(&self, ix: u32) -> u32 {
        1 + self.rare(ix).map_or(0, |rare| rare.more_streams)
    }

    /// The types that a session chose.
    pub(crate) fn types(&self, ix: u32) -> Option<&Types> {
        self.rare(ix)?.types.as_ref()
    }

    pub(crate) fn forget_types(&mut self, ix: u32) {
        if self.types(ix).is_some() {
            self.rare_mut(ix).types = None;
        }
    }

    /// Whether the types that a session chose let a method through.
    pub(crate) fn admits(&self, ix: u32, method: &str) -> bool {
        self.types(ix).is_none_or(|types| types.admit(method))
    }

    /// Gives a session bounds of its own.
    pub(crate) fn set_bounds(&mut self, ix: u32, frames: Option<u32>, bytes: Option<u32>) {
        let bounds = Bounds {
            frames: frames.unwrap_or(self.bounds.frames),
            bytes: bytes.unwrap_or(self.bounds.bytes),
        };
        if bounds != self.bounds {
            self.rare_mut(ix).bounds = bounds;
            self.records[ix].set(BOUNDED, true);
        }
    }

    #[inline]
    fn bounds(&self, session: &Session) -> Bounds {
        if session.is(BOUNDED) { self.rares[session.rare].bounds } else { self.bounds }
    }

    /// Whether an event of that size would exceed a session's bounds.
    #[inline]
    pub(crate) fn is_full(&self, ix: u32, bytes: usize) -> bool {
        let session = &self.records[ix];
        session.frames >= self.bounds(session).frames || !self.fits_beside(ix, bytes)
    }

    /// Whether so many bytes more fit beside what is queued.
    #[inline]
    pub(crate) fn fits_beside(&self, ix: u32, bytes: usize) -> bool {
        let session = &self.records[ix];
        let limit = u64::from(self.bounds(session).bytes);
        u64::from(session.bytes) + bytes as u64 <= limit
    }

    /// Whether an event of that size would fit if nothing else were queued.
    pub(crate) fn fits_empty(&self, ix: u32, bytes: usize) -> bool {
        bytes as u64 <= u64::from(self.bounds(&self.records[ix]).bytes)
    }

    /// How many have a rare part.
    #[cfg(test)]
    pub(crate) fn rares(&self) -> usize {
        self.rares.len()
    }
}

impl std::ops::Index<u32> for Sessions {
    type Output = Session;

    #[inline]
    fn index(&self, ix: u32) -> &Session {
        &self.records[ix]
    }
}

impl std::ops::IndexMut<u32> for Sessions {
    #[inline]
    fn index_mut(&mut self, ix: u32) -> &mut Session {
        &mut self.records[ix]
    }
}
