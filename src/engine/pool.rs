//! Where the engine's records live: index-addressed, reused, without a pointer between them.
//!
//! * [`Pool`] gives out bare indices. Whoever holds one keeps it in step with the record's life.
//! * [`Slab`] adds a generation, for records that the host names by handle. Invariant: a handle
//!   resolves to the record it was made for, or to nothing. A slot whose generations are used up
//!   is never used again.

use std::num::NonZeroU32;

/// No index.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Debug)]
enum Entry<T> {
    Live(T),
    /// Names the next free one.
    Free(u32),
}

/// Records by bare index.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

impl<T> Pool<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), free: NONE, len: 0 }
    }

    #[inline]
    pub(crate) fn insert(&mut self, record: T) -> u32 {
        self.len += 1;
        if self.free != NONE {
            let ix = self.free;
            let entry = &mut self.entries[ix as usize];
            if let Entry::Free(next) = std::mem::replace(entry, Entry::Live(record)) {
                self.free = next;
            }
            return ix;
        }
        self.grow();
        let ix = index(self.entries.len());
        self.entries.push(Entry::Live(record));
        ix
    }

    #[inline]
    pub(crate) fn remove(&mut self, ix: u32) -> T {
        let record = self.take(ix, self.free);
        self.free = ix;
        record
    }

    /// Makes room for more.
    fn grow(&mut self) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(growth(self.entries.len()));
        }
    }

    /// Takes a record out and leaves its place unused for good.
    fn retire(&mut self, ix: u32) -> T {
        self.take(ix, NONE)
    }

    #[inline]
    fn take(&mut self, ix: u32, next_free: u32) -> T {
        self.len -= 1;
        match std::mem::replace(&mut self.entries[ix as usize], Entry::Free(next_free)) {
            Entry::Live(record) => record,
            Entry::Free(_) => unreachable!("a record is removed once"),
        }
    }

    pub(crate) fn get(&self, ix: u32) -> Option<&T> {
        match self.entries.get(ix as usize)? {
            Entry::Live(record) => Some(record),
            Entry::Free(_) => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Live records in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0u32..).zip(&self.entries).filter_map(|(ix, entry)| match entry {
            Entry::Live(record) => Some((ix, record)),
            Entry::Free(_) => None,
        })
    }
}

impl<T> std::ops::Index<u32> for Pool<T> {
    type Output = T;

    #[inline]
    fn index(&self, ix: u32) -> &T {
        match &self.entries[ix as usize] {
            Entry::Live(record) => record,
            Entry::Free(_) => unreachable!("an index is dropped before its record"),
        }
    }
}

impl<T> std::ops::IndexMut<u32> for Pool<T> {
    #[inline]
    fn index_mut(&mut self, ix: u32) -> &mut T {
        match &mut self.entries[ix as usize] {
            Entry::Live(record) => record,
            Entry::Free(_) => unreachable!("an index is dropped before its record"),
        }
    }
}

/// By how much a full table of so many grows: by a part of it rather than by doubling, so that what
/// is held stays near what is used. It is a smaller part of a large one: an allocator moves that by
/// mapping its pages elsewhere.
pub(crate) fn growth(len: usize) -> usize {
    const LARGE: usize = 1 << 16;
    if len < LARGE { (len / 8).max(16) } else { len / 16 }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than 2^32 records fit in memory")
}

/// How many bytes a record takes up in a [`Pool`].
pub(crate) const fn pool_bytes<T>() -> usize {
    size_of::<Entry<T>>()
}

/// How many bytes a record takes up in a [`Slab`].
pub(crate) const fn slab_bytes<T>() -> usize {
    size_of::<Entry<Generation<T>>>()
}

/// What kind of record a handle names, so that one kind is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum HandleKind {
    Session = 1,
    Stream = 2,
    Subscription = 3,
}

const GENERATION_BITS: u32 = 20;
const ENGINE_BITS: u32 = 10;
const MAX_GENERATION: u32 = (1 << GENERATION_BITS) - 1;

/// The index that a handle names.
#[inline]
pub(crate) fn index_of(handle: u64) -> u32 {
    (handle as u32).wrapping_sub(1)
}

/// Records by handle: index + 1, kind, engine and generation packed into 64 bits, so that a stale
/// handle, one of another kind and one of another engine are all told apart from a live one.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    pool: Pool<Generation<T>>,
    /// The generation of each place that is free at present, or has been.
    generations: Vec<u32>,
    /// Engine and kind, where they stand in a handle.
    mark: u64,
}

/// A record with the generation of its place, in one stretch of memory.
#[derive(Debug)]
struct Generation<T> {
    record: T,
    /// One more than that, so that 0 can say that there is no record, and nothing else has to.
    one_more: NonZeroU32,
}

impl<T> Generation<T> {
    #[inline]
    fn generation(&self) -> u32 {
        self.one_more.get() - 1
    }

    #[inline]
    fn set(&mut self, generation: u32) {
        self.one_more = NonZeroU32::MIN.saturating_add(generation);
    }
}

const _: () = assert!(slab_bytes::<[u32; 5]>() == 24);

impl<T> Slab<T> {
    pub(crate) fn new(kind: HandleKind, engine: u32) -> Self {
        let engine = u64::from(engine % (1 << ENGINE_BITS));
        let mark = (kind as u64) << 32 | engine << 34;
        Self { pool: Pool::new(), generations: Vec::new(), mark }
    }

    pub(crate) fn insert(&mut self, record: T) -> u32 {
        let ix = self.pool.insert(Generation { record, one_more: NonZeroU32::MIN });
        if let Some(&generation) = self.generations.get(ix as usize) {
            self.pool[ix].set(generation);
        }
        ix
    }

    pub(crate) fn remove(&mut self, ix: u32) -> T {
        let next = self.pool[ix].generation() + 1;
        if self.generations.len() <= ix as usize {
            self.generations.resize(ix as usize + 1, 0);
        }
        self.generations[ix as usize] = next;
        if next == MAX_GENERATION {
            self.pool.retire(ix).record
        } else {
            self.pool.remove(ix).record
        }
    }

    /// Gives a live record a handle that it never had: the one it had is stale from now on. A
    /// place whose generations are nearly used up keeps its handle.
    pub(crate) fn renew(&mut self, ix: u32) {
        let entry = &mut self.pool[ix];
        let next = entry.generation() + 1;
        if next < MAX_GENERATION {
            entry.set(next);
        }
    }

    /// The handle of a live record.
    #[inline]
    pub(crate) fn handle(&self, ix: u32) -> u64 {
        self.handle_of(ix, self.pool[ix].generation())
    }

    /// A live record, and its handle.
    #[inline]
    pub(crate) fn with_handle(&self, ix: u32) -> (&T, u64) {
        let entry = &self.pool[ix];
        (&entry.record, self.handle_of(ix, entry.generation()))
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn with_handle_mut(&mut self, ix: u32) -> (&mut T, u64) {
        let mark = self.mark;
        let entry = &mut self.pool[ix];
        let generation = u64::from(entry.generation());
        let handle = (u64::from(ix) + 1) | mark | generation << (34 + ENGINE_BITS);
        (&mut entry.record, handle)
    }

    #[inline]
    fn handle_of(&self, ix: u32, generation: u32) -> u64 {
        (u64::from(ix) + 1) | self.mark | u64::from(generation) << (34 + ENGINE_BITS)
    }

    /// The index that a handle names, if its record lives.
    pub(crate) fn resolve(&self, handle: u64) -> Option<u32> {
        let ix = index_of(handle);
        self.pool.get(ix)?;
        (self.handle(ix) == handle).then_some(ix)
    }

    pub(crate) fn len(&self) -> usize {
        self.pool.len()
    }

    pub(crate) fn get(&self, ix: u32) -> Option<&T> {
        Some(&self.pool.get(ix)?.record)
    }

    /// The indices of the live records.
    pub(crate) fn indices(&self) -> Vec<u32> {
        self.pool.iter().map(|(ix, _)| ix).collect()
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, ix: u32) -> &T {
        &self.pool[ix].record
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, ix: u32) -> &mut T {
        &mut self.pool[ix].record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_never_names_another_record() {
        let mut sessions = Slab::new(HandleKind::Session, 1);
        let mut streams = Slab::new(HandleKind::Stream, 1);
        let mut elsewhere = Slab::new(HandleKind::Session, 2);
        let a = sessions.insert('a');
        let stale = sessions.handle(a);
        streams.insert('s');
        elsewhere.insert('e');
        assert_eq!(sessions.resolve(stale), Some(a));
        assert_eq!(streams.resolve(stale), None);
        assert_eq!(elsewhere.resolve(stale), None);
        sessions.remove(a);
        assert_eq!(sessions.resolve(stale), None);
        assert_eq!(sessions.insert('b'), a);
        assert_eq!(sessions.resolve(stale), None);
        for wrong in [0, 1, u64::MAX, stale + 1] {
            assert_eq!(sessions.resolve(wrong), None);
        }
    }

    #[test]
    fn a_slot_is_retired_when_its_generations_are_used_up() {
        let mut slab = Slab::new(HandleKind::Session, 0);
        for _ in 0..MAX_GENERATION {
            assert_eq!(slab.insert(()), 0);
            slab.remove(0);
        }
        assert_eq!(slab.insert(()), 1);
        assert_eq!(slab.len(), 1);
    }
}
