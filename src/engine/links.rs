//! The links of one subscription: found by their topics, added and taken away one by one, or taken
//! away all at once.
//!
//! Few of them are chained through their slots, which costs a word each and no allocation. Many have
//! their slots in an array, so that whoever takes all of them away knows where they are before the
//! first one has been looked at, and an index by topic, so that finding one looks at no slot.
//!
//! Invariants:
//! * few are at most [`FEW`], and [`Link::of_sub`](crate::engine::slot::Link) is the next one, from
//!   the newest to the oldest;
//! * of many it is the place in the array, and the index has each of them once, with its topic;
//! * what was many once is so until none is left. A list that is empty is no list.
//!
//! The index is asked, and never walked: its order is another one in each process.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::engine::pool::{NONE, Pool};
use crate::engine::slot::Slot;

/// So many are chained: as many as a processor looks through sooner than it asks a table.
const FEW: usize = if cfg!(test) { 2 } else { 4 };

/// Where the links of a subscription are: the newest of few, or the list of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Links(u32);

impl Links {
    pub(crate) const EMPTY: Self = Self(NONE);
    /// Names a list, where it does not stand for none at all.
    const LIST: u32 = 1 << 31;

    fn list(self) -> Option<u32> {
        (self.0 != NONE && self.0 & Self::LIST != 0).then_some(self.0 & !Self::LIST)
    }

    fn of_list(list: u32) -> Self {
        Self(list | Self::LIST)
    }

    /// As a word, for a record that has something else there where there is no subscription.
    pub(crate) fn into_word(self) -> u32 {
        self.0
    }

    pub(crate) fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// The newest, of few.
    pub(crate) fn first(self) -> Option<u32> {
        (self.0 & Self::LIST == 0).then_some(self.0)
    }
}

/// Many links of one subscription.
#[derive(Debug, Default)]
struct List {
    slots: Vec<u32>,
    /// Each with its topic: topic, slot.
    index: HashTable<(u32, u32)>,
}

/// The lists of those that have many links.
#[derive(Debug)]
pub(crate) struct Lists {
    lists: Pool<List>,
    hasher: RandomState,
}

impl Lists {
    pub(crate) fn new() -> Self {
        Self { lists: Pool::new(), hasher: RandomState::default() }
    }

    /// Adds a link that is none of them, to a topic that none of them has.
    pub(crate) fn add(&mut self, links: &mut Links, slot: u32, slots: &mut Pool<Slot>) {
        assert!(slot < Links::LIST, "fewer than 2^31 links fit in memory");
        if let Some(list) = links.list() {
            return self.push(list, slot, slots);
        }
        if self.chain(*links, slots).count() < FEW {
            slots[slot].link_mut().of_sub = links.0;
            *links = Links(slot);
            return;
        }
        let mut few: Vec<u32> = self.chain(*links, slots).collect();
        few.reverse();
        let list = self.lists.insert(List::default());
        few.into_iter().chain([slot]).for_each(|slot| self.push(list, slot, slots));
        *links = Links::of_list(list);
    }

    fn push(&mut self, list: u32, slot: u32, slots: &mut Pool<Slot>) {
        let Self { lists, hasher } = self;
        let List { slots: listed, index } = &mut lists[list];
        if listed.len() == listed.capacity() {
            // By an eighth, as the records do.
            listed.reserve_exact((listed.len() / 8).max(4));
        }
        let link = slots[slot].link_mut();
        link.of_sub = listed.len() as u32;
        listed.push(slot);
        let hash = hasher.hash_one(link.topic);
        index.insert_unique(hash, (link.topic, slot), |(topic, _)| hasher.hash_one(topic));
    }

    /// Takes one of them away.
    pub(crate) fn remove(&mut self, links: &mut Links, slot: u32, slots: &mut Pool<Slot>) {
        let link = slots[slot].link();
        let (topic, of_sub) = (link.topic, link.of_sub);
        let Some(list) = links.list() else {
            let before = self.chain(*links, slots).find(|&at| slots[at].link().of_sub == slot);
            match before {
                None => *links = Links(of_sub),
                Some(before) => slots[before].link_mut().of_sub = of_sub,
            }
            return;
        };
        let List { slots: listed, index } = &mut self.lists[list];
        let hash = self.hasher.hash_one(topic);
        if let Ok(entry) = index.find_entry(hash, |&(_, other)| other == slot) {
            entry.remove();
        }
        listed.swap_remove(of_sub as usize);
        if let Some(&moved) = listed.get(of_sub as usize) {
            slots[moved].link_mut().of_sub = of_sub;
        } else if listed.is_empty() {
            self.lists.remove(list);
            *links = Links::EMPTY;
        }
    }

    /// The link to a topic.
    pub(crate) fn find(&self, links: Links, topic: u32, slots: &Pool<Slot>) -> Option<u32> {
        let Some(list) = links.list() else {
            return self.chain(links, slots).find(|&slot| slots[slot].link().topic == topic);
        };
        let hash = self.hasher.hash_one(topic);
        let found = self.lists[list].index.find(hash, |&(other, _)| other == topic);
        found.map(|&(_, slot)| slot)
    }

    /// All of them, in an order that is the same after the same calls.
    pub(crate) fn iter(&self, links: Links, slots: &Pool<Slot>) -> impl Iterator<Item = u32> {
        let listed = links.list().map_or(&[][..], |list| &self.lists[list].slots);
        listed.iter().copied().chain(self.chain(links, slots))
    }

    /// Forgets the list of many at once, and yields them; of few it does nothing.
    pub(crate) fn take_list(&mut self, links: &mut Links) -> Vec<u32> {
        let Some(list) = links.list() else { return Vec::new() };
        *links = Links::EMPTY;
        self.lists.remove(list).slots
    }

    /// Looks at where many of them are ([`ahead`](crate::engine::ahead)).
    pub(super) fn look(&self, links: Links) {
        if let Some(list) = links.list() {
            let List { slots, index } = &self.lists[list];
            std::hint::black_box((slots.first().copied(), index.iter().next().copied()));
        }
    }

    /// Few of them.
    fn chain(&self, links: Links, slots: &Pool<Slot>) -> impl Iterator<Item = u32> {
        let next = |&slot: &u32| Links(slots[slot].link().of_sub).first();
        std::iter::successors(links.first(), next)
    }

    /// Panics unless those are as they should be; yields whether they have a list.
    #[cfg(test)]
    pub(crate) fn check(&self, links: Links, slots: &Pool<Slot>) -> bool {
        let Some(list) = links.list() else {
            assert!(self.chain(links, slots).count() <= FEW);
            return false;
        };
        let List { slots: listed, index } = &self.lists[list];
        assert!(!listed.is_empty());
        for (at, &slot) in listed.iter().enumerate() {
            assert_eq!(slots[slot].link().of_sub as usize, at);
        }
        assert_eq!(index.len(), listed.len());
        assert!(index.iter().all(|&(topic, slot)| slots[slot].link().topic == topic));
        true
    }

    /// How many lists there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lists.len()
    }
}
