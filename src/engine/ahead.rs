//! Looking ahead. After much coming and going the slots of a topic, and what the ready streams have
//! to send, lie scattered in memory, and each would be waited for in turn. Looked at together they
//! all arrive in about the time of one. Nothing here changes anything.

use crate::engine::Core;
use crate::engine::crowd::Place;
use crate::engine::outbox::Outboxes;
use crate::engine::plain::Run;
use crate::engine::pool::NONE;
use crate::engine::slot::Body;
use crate::engine::subscription::{Subscriptions, own_sub};

/// How many slots are looked at together.
pub(crate) const AHEAD: usize = 16;

/// How many links that are taken away are looked at together.
pub(super) const LEAVING: usize = 64;

/// With so many slots they do not stay in a processor's cache; tests have fewer.
const MANY: usize = if cfg!(test) { 4 } else { 1 << 14 };

/// A crowd of so many does not fill the memory between its streams.
const FEW: usize = 64;

impl Outboxes {
    /// Looks at the streams of some places of a crowd before they are needed, where they may not be
    /// at hand: memory answers what is asked together in the time of one answer.
    #[inline]
    pub(super) fn fetch(&self, places: &[Place], of_crowd: usize) {
        // A small crowd is a few streams out of all there are.
        if self.slots.len() > MANY && (self.is_mixed || of_crowd <= FEW) {
            let seen = places.iter().fold(0, |seen, place| seen ^ self.streams[place.stream].flags);
            std::hint::black_box(seen);
        }
    }

    /// Looks at the crowd of a topic that a link is to join, and at the end of it, while what says
    /// whether it is that topic is still on its way.
    #[inline]
    pub(super) fn fetch_crowd(&self, topic: u32) {
        if self.slots.len() > MANY {
            std::hint::black_box(self.crowd(topic).places.last().copied());
        }
    }

    /// The same for the small ones of some crowds that are to be walked one after the other: first
    /// at all of their places, then at all of those streams.
    pub(super) fn fetch_crowds(&self, topics: impl Iterator<Item = u32> + Clone) {
        if self.slots.len() <= MANY {
            return;
        }
        let crowds = topics.map(|topic| &self.crowd(topic).places[..]);
        let small = crowds.filter(|places| places.len() <= FEW);
        let seen = small.clone().fold(0, |seen, places| {
            // A line of a processor's cache has four of them.
            places.iter().step_by(4).fold(seen, |seen, place| seen ^ place.stream)
        });
        let seen = small
            .flatten()
            .fold(seen, |seen, place| seen ^ u32::from(self.streams[place.stream].flags));
        std::hint::black_box(seen);
    }

    /// Whether it takes long to look at slots one after the other.
    fn is_scattered(&self) -> bool {
        self.is_mixed && self.slots.len() > MANY
    }

    /// Looks at the first slots of the next ready streams, that one first, together; yields the
    /// subscriptions of those that are links.
    fn fetch_ready(&self, first: u32) -> ([u32; AHEAD], usize) {
        let (mut found, mut count) = ([NONE; AHEAD], 0);
        let mut at = first;
        while at != NONE && count < AHEAD {
            let stream = &self.streams[at];
            if let Some(slot) = stream.front() {
                found[count] = slot;
                count += 1;
            }
            at = stream.ready_next;
        }
        let mut places = [(NONE, 0); AHEAD];
        for (place, &slot) in places.iter_mut().zip(&found[..count]) {
            if let Body::Link(link) = &self.slots[slot].body {
                *place = (link.topic, link.topic_pos);
            }
        }
        for (sub, &(topic, pos)) in found.iter_mut().zip(&places[..count]) {
            let crowd = self.crowds.get(topic as usize);
            *sub = crowd.map_or(NONE, |crowd| crowd.places[pos as usize].sub);
        }
        (found, count)
    }
}

/// Looks at what the next streams have to send before it is needed: by the places of a run, if it
/// goes on with the first of them.
#[inline]
pub(super) fn fetch_ready(first: u32, run: Run, out: &Outboxes, subs: &Subscriptions) {
    if !out.is_scattered() {
        return;
    }
    let places = run.places(&out.crowds);
    let seen = if places.first().is_some_and(|place| place.stream == first) {
        let places = &places[..places.len().min(AHEAD)];
        places.iter().fold(false, |seen, place| seen ^ subs.id(place.sub).is_some())
    } else {
        let (of, count) = out.fetch_ready(first);
        let held = of[..count].iter().filter(|&&sub| sub != NONE);
        held.fold(false, |seen, &sub| seen ^ subs.id(sub).is_some())
    };
    std::hint::black_box(seen);
}

impl Core {
    /// Looks at what the end of a session begins with, which its record has the indices of: its first
    /// stream, where the links of its newest subscription are, and the session that takes its place
    /// in the audience.
    pub(super) fn fetch_session(&self, ix: u32) {
        if self.out.slots.len() < MANY {
            return;
        }
        let session = &self.sessions[ix];
        let newest = if session.has_own() { own_sub(ix) } else { session.listens() };
        if newest != NONE {
            self.subs.lists.look(self.links_at(newest));
        }
        let last = self.audience.last().map(|&last| self.sessions[last].audience_pos);
        std::hint::black_box((self.out.streams[session.home].flags, last));
    }

    /// Looks at what taking up to [`LEAVING`] links away will touch, which no two of them have in
    /// common: first where each of them is, then its place in the crowd and the last place there,
    /// which moves to where it was, and then the slot of that one.
    pub(super) fn fetch_links(&self, links: &[u32]) {
        if links.len() < 2 || self.out.slots.len() < MANY {
            return;
        }
        let mut at = [(0, 0); LEAVING];
        let mut moved = [0; LEAVING];
        for (at, &slot) in at.iter_mut().zip(links) {
            let link = self.out.slots[slot].link();
            *at = (link.topic, link.topic_pos);
        }
        let mut seen = 0;
        for (moved, &(topic, pos)) in moved.iter_mut().zip(&at[..links.len()]) {
            let places = &self.out.crowd(topic).places;
            *moved = places.last().map_or(NONE, |last| last.slot);
            seen ^= places[pos as usize].slot;
        }
        for &slot in moved[..links.len()].iter().filter(|&&slot| slot != NONE) {
            seen ^= u32::from(self.out.slots[slot].flags);
        }
        std::hint::black_box(seen);
    }
}
