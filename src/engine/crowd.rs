//! Crowds: of each topic the links, side by side in memory, with what raising has to know of each.
//!
//! Invariants: the place of a link is at `topic_pos` of its topic's crowd, names the link's slot
//! and that slot's stream, and says whether the link is queued; `Place::MUTED` and
//! `Place::SPECIAL` are what the slot's flags say ([`Outboxes::flag`] keeps them so).
//!
//! A crowd is walked in the order of its places, and where that is the order of their streams the
//! walk goes through memory from front to back. So one that has seen much coming and going is put
//! in that order before its topic is raised.

use std::ops::ControlFlow;

use crate::engine::ahead::AHEAD;
use crate::engine::outbox::Outboxes;
use crate::engine::pool::{NONE, growth};
use crate::engine::slot::{AGAIN, Body, CONTEXT, IN_HAND, Link, MUTED, PASSING, Slot};

/// A crowd with so few changes is not worth sorting; in tests nearly all are.
const FEW: usize = if cfg!(test) { 2 } else { 64 };

/// Raisings are counted up to here; tests get there.
const MOST_RAISED: u32 = if cfg!(test) { 50 } else { u32::MAX >> Place::BITS };

/// The links of a topic.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) places: Vec<Place>,
    /// How many came or went since the places were last in the order of their streams.
    disorder: u32,
    /// Raisings to everyone, counted round: places remember it to know how often they merged.
    pub(crate) raised: u32,
    /// How many of the places are muted.
    muted: u32,
    /// No place has a higher stream. Kept here so that a link to come need not look at the last
    /// one, which is seldom at hand.
    highest: u32,
    /// Whether a raising of it is put off.
    pub(super) is_put_off: bool,
}

/// A link's place in its topic's crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) slot: u32,
    pub(crate) stream: u32,
    pub(crate) sub: u32,
    /// The three bits below, and above them the count of raisings when the link was queued: what
    /// has come since has merged.
    state: u32,
}

/// How many links a raising reached, and how many of them were queued already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) matched: usize,
    pub(crate) merged: usize,
}

impl Place {
    /// In a lane.
    const QUEUED: u32 = 1;
    /// Not to be raised.
    const MUTED: u32 = 1 << 1;
    /// It carries a context, is in hand, or passing.
    const SPECIAL: u32 = 1 << 2;
    const BITS: u32 = 3;
    const FLAGS: u32 = (1 << Self::BITS) - 1;

    #[inline]
    pub(crate) fn is_queued(self) -> bool {
        self.state & Self::QUEUED != 0
    }

    /// Queued, and nothing else about it.
    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.state & Self::FLAGS == Self::QUEUED
    }

    /// The count of raisings when it was queued.
    #[inline]
    pub(super) fn raised_at(self) -> u32 {
        self.state >> Self::BITS
    }

    #[inline]
    fn set_raised_at(&mut self, raised: u32) {
        self.state = self.state & Self::FLAGS | raised << Self::BITS;
    }

    #[inline]
    pub(super) fn set_queued(&mut self, raised: u32) {
        self.state = self.state & Self::FLAGS | Self::QUEUED | raised << Self::BITS;
    }

    #[inline]
    pub(super) fn set_idle(&mut self) {
        self.state &= Self::FLAGS & !Self::QUEUED;
    }

    #[inline]
    fn is_muted(self) -> bool {
        self.state & Self::MUTED != 0
    }

    /// Follows the flags of its slot.
    pub(super) fn follow(&mut self, flags: u16) {
        self.state &= !(Self::MUTED | Self::SPECIAL);
        if flags & MUTED != 0 {
            self.state |= Self::MUTED;
        }
        if flags & (CONTEXT | IN_HAND | PASSING) != 0 {
            self.state |= Self::SPECIAL;
        }
    }
}

impl Crowd {
    pub(super) const EMPTY: Self = Self {
        places: Vec::new(),
        disorder: 0,
        raised: 0,
        muted: 0,
        highest: 0,
        is_put_off: false,
    };

    /// The slots of its links.
    pub(crate) fn slots(&self) -> impl ExactSizeIterator<Item = u32> {
        self.places.iter().map(|place| place.slot)
    }

    #[cfg(test)]
    pub(crate) fn highest(&self) -> u32 {
        self.highest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Counts a raising to everyone of which the links are queued later; yields the count. None
    /// where counting has to begin anew, which looks at all of them.
    pub(super) fn raise_later(&mut self) -> Option<u32> {
        if self.raised >= MOST_RAISED {
            return None;
        }
        self.raised += 1;
        Some(self.raised)
    }

    /// How many of its links are not muted.
    pub(super) fn unmuted(&self) -> usize {
        self.places.len() - self.muted as usize
    }

    /// The link at a place was delivered: it is queued no more. Yields how many raisings had merged
    /// into it.
    #[inline(always)]
    pub(super) fn let_go(&mut self, pos: u32) -> u32 {
        let place = &mut self.places[pos as usize];
        let merged = self.raised - place.raised_at();
        place.set_idle();
        merged
    }

    /// Undoes that: the link is queued again, with what had merged into it.
    pub(super) fn take_again(&mut self, pos: u32, merged: u32) {
        let raised = self.raised - merged;
        self.places[pos as usize].set_queued(raised);
    }

    /// How many raisings have merged into one that was queued at a place.
    #[inline]
    pub(crate) fn merged_at(&self, place: Place) -> u32 {
        self.raised - place.raised_at()
    }
}

impl Outboxes {
    /// The links of a topic.
    #[inline]
    pub(crate) fn crowd(&self, topic: u32) -> &Crowd {
        self.crowds.get(topic as usize).unwrap_or(const { &Crowd::EMPTY })
    }

    /// Gives a new link a slot and its place in its topic's crowd; yields the slot.
    pub(super) fn join(&mut self, topic: u32, stream: u32, sub: u32, flags: u16) -> u32 {
        let at = topic as usize;
        if at >= self.crowds.len() {
            if at >= self.crowds.capacity() {
                let len = self.crowds.len();
                self.crowds.reserve_exact((at + 1 - len).max(growth(len)));
            }
            self.crowds.resize_with(at + 1, || Crowd::EMPTY);
        }
        let Crowd { places, disorder, muted, highest, .. } = &mut self.crowds[at];
        if places.len() == places.capacity() {
            // Every session has a place in each list, and a few in each URI's crowd.
            let len = places.len();
            places.reserve_exact(if len < 128 { (len / 16).max(4) } else { growth(len) });
        }
        let link = Link { topic, topic_pos: places.len() as u32, of_sub: NONE };
        let slot = self.slots.insert(Slot::new(flags, Body::Link(link)));
        *disorder += u32::from(*highest > stream);
        *highest = stream.max(*highest);
        let mut place = Place { slot, stream, sub, state: 0 };
        place.follow(flags);
        *muted += u32::from(place.is_muted());
        places.push(place);
        slot
    }

    /// Takes the place of a link away.
    pub(super) fn part(&mut self, topic: u32, pos: u32) {
        let Crowd { places, disorder, muted, highest, .. } = &mut self.crowds[topic as usize];
        *muted -= u32::from(places.swap_remove(pos as usize).is_muted());
        *disorder += 1;
        if let Some(moved) = places.get(pos as usize) {
            self.slots[moved.slot].link_mut().topic_pos = pos;
        } else if places.is_empty() {
            *places = Vec::new();
            (*disorder, *highest) = (0, 0);
        }
    }

    /// The place of a slot, if that is a link.
    #[inline]
    pub(crate) fn place(&self, slot: u32) -> Option<Place> {
        match &self.slots[slot].body {
            Body::Link(link) => Some(self.place_of(link)),
            Body::Event(_) => None,
        }
    }

    #[inline]
    fn place_of(&self, link: &Link) -> Place {
        self.crowds[link.topic as usize].places[link.topic_pos as usize]
    }

    /// The stream of a slot.
    #[inline]
    pub(crate) fn stream_of(&self, slot: u32) -> u32 {
        match &self.slots[slot].body {
            Body::Link(link) => self.place_of(link).stream,
            Body::Event(entry) => entry.stream,
        }
    }

    /// The subscription of a link.
    #[inline]
    pub(crate) fn sub_of(&self, slot: u32) -> u32 {
        self.place_of(self.slots[slot].link()).sub
    }

    /// A queued link was queued when another place says.
    pub(super) fn set_raised_as(&mut self, slot: u32, other: Place) {
        let link = self.slots[slot].link();
        let place = &mut self.crowds[link.topic as usize].places[link.topic_pos as usize];
        place.set_raised_at(other.raised_at());
    }

    /// How many raisings have merged into a queued link.
    pub(crate) fn merged_into(&self, slot: u32) -> u32 {
        let link = self.slots[slot].link();
        let crowd = &self.crowds[link.topic as usize];
        crowd.merged_at(crowd.places[link.topic_pos as usize])
    }

    /// Sets and clears flags of a slot.
    pub(crate) fn flag(&mut self, slot_ix: u32, set: u16, clear: u16) {
        let slot = &mut self.slots[slot_ix];
        slot.flags = slot.flags & !clear | set;
        if let Body::Link(link) = &slot.body {
            let Crowd { places, muted, .. } = &mut self.crowds[link.topic as usize];
            let place = &mut places[link.topic_pos as usize];
            *muted -= u32::from(place.is_muted());
            place.follow(slot.flags);
            *muted += u32::from(place.is_muted());
        }
    }

    /// Counts a raising of a topic to everyone; yields the count.
    pub(crate) fn count_raised(&mut self, topic: u32) -> u32 {
        // A topic that nobody holds yet has nobody to tell how often it was raised, but for a list.
        let Some(crowd) = self.crowds.get_mut(topic as usize) else { return 0 };
        if let Some(raised) = crowd.raise_later() {
            return raised;
        }
        // What has merged so far is noted where it ends up anyway, and counting begins anew.
        let most = std::mem::replace(&mut crowd.raised, 1);
        for at in 0..crowd.places.len() {
            let place = &mut self.crowds[topic as usize].places[at];
            if place.is_queued() {
                let (stream, merged) = (place.stream, most - place.raised_at());
                place.set_raised_at(0);
                self.count(stream, 0, merged);
            }
        }
        1
    }

    /// Puts the places of a crowd in the order of their streams, if it is worth it.
    pub(crate) fn sort(&mut self, topic: u32) {
        let Some(Crowd { places, disorder, highest, .. }) = self.crowds.get_mut(topic as usize)
        else {
            return;
        };
        // Sorting costs about as much as so many links cost again, each time they are raised.
        if (*disorder as usize) < FEW + places.len() / 8 {
            return;
        }
        *disorder = 0;
        self.is_mixed = true;
        places.sort_unstable_by_key(|place| (place.stream, place.slot));
        *highest = places.last().map_or(0, |last| last.stream);
        for (pos, place) in (0..).zip(places) {
            self.slots[place.slot].link_mut().topic_pos = pos;
        }
    }

    /// Queues the notices of a crowd from a place up to another, but for those that are queued
    /// already or not to be raised; `raised` is the count of raisings with this one. Breaks with the slot of the first one that needs more than that,
    /// and carries on behind it when called again.
    #[inline]
    pub(crate) fn raise_from(
        &mut self,
        topic: u32,
        at: &mut usize,
        end: usize,
        raised: u32,
        reached: &mut Reached,
    ) -> ControlFlow<u32> {
        let Some(crowd) = self.crowds.get_mut(topic as usize) else {
            return ControlFlow::Continue(());
        };
        // Taken out for the walk, which changes no crowd but this one.
        let mut places = std::mem::take(&mut crowd.places);
        let mut special = ControlFlow::Continue(());
        let (mut queued, mut merged) = (0, 0);
        let mut pos = *at;
        let end = end.min(places.len());
        'walk: while pos < end {
            let ahead = end.min(pos + AHEAD);
            self.fetch(&places[pos..ahead], places.len());
            for place in &mut places[pos..ahead] {
                pos += 1;
                match place.state & Place::FLAGS {
                    0 => {
                        queued += 1;
                        place.set_queued(raised);
                        self.append(place.slot, place.stream);
                    }
                    Place::QUEUED => merged += 1,
                    flags if flags & Place::MUTED != 0 => {}
                    _ => {
                        special = ControlFlow::Break(place.slot);
                        break 'walk;
                    }
                }
            }
        }
        *at = pos;
        self.queued += queued as u64;
        reached.matched += queued + merged;
        reached.merged += merged;
        self.crowds[topic as usize].places = places;
        special
    }

    /// A link was raised again while it is in hand: what is in hand stands for the raisings before,
    /// and this one has a frame of its own, unless that one is refused.
    /// `is_counted` says that it was raised to everyone, and so is one of those counted.
    pub(crate) fn raise_again(&mut self, slot_ix: u32, is_counted: bool) {
        let slot = &mut self.slots[slot_ix];
        slot.flags |= AGAIN;
        let link = slot.link();
        let crowd = &mut self.crowds[link.topic as usize];
        let place = &mut crowd.places[link.topic_pos as usize];
        let before = crowd.raised - place.raised_at() - u32::from(is_counted);
        place.set_raised_at(crowd.raised);
        let stream = place.stream;
        self.count(stream, 0, before);
    }
}
