//! Links: the pairs of a subscription and a topic, which are the slots of change notices.
//!
//! Invariant: a link is in its topic's crowd, in its subscription's chain, and if that has been a
//! long one in the table of pairs, from [`Core::add_link`] to [`Core::remove_link`].

use std::hash::BuildHasher;

use crate::engine::Core;
use crate::engine::pool::NONE;
use crate::engine::slot::{
    AGAIN, Body, CONTEXT, DROPPABLE, EventEntry, Lane, Link, Owner, PASSING,
};
use crate::engine::subscription::{Subscriptions, pair_of};
use crate::protocol::kind::NoticeKind;

/// So many links of a subscription are looked through; in a table they would take up memory, and be
/// no nearer at hand.
const FEW: u32 = if cfg!(test) { 2 } else { 4 };

impl Core {
    pub(crate) fn find_link(&self, sub: u32, topic: u32) -> Option<u32> {
        if !self.subs[sub].is_indexed {
            return self.links_in(sub).find(|&slot| self.out.slots[slot].link().topic == topic);
        }
        let hash = self.subs.hash((sub, topic));
        let slots = &self.out.slots;
        self.subs.pairs.find(hash, |&slot| pair_of(&slots[slot]) == (sub, topic)).copied()
    }

    pub(crate) fn links_of(&self, sub: u32) -> Vec<u32> {
        self.links_in(sub).collect()
    }

    fn links_in(&self, sub: u32) -> impl Iterator<Item = u32> {
        let mut at = self.subs[sub].links;
        std::iter::from_fn(move || {
            let slot = at;
            (slot != NONE).then(|| {
                at = self.out.slots[slot].link().sub_next;
                slot
            })
        })
    }

    /// The links of a subscription that are queued, in the order of the outbox. The lane is looked
    /// through only if there is an order to be found.
    pub(crate) fn queued_links(&self, sub: u32) -> Vec<u32> {
        let mut queued = self.links_of(sub);
        queued.retain(|&slot| self.out.is_queued(slot));
        if queued.len() > 1 {
            queued = self.out.lane(self.subs[sub].stream, Lane::Main);
            queued.retain(
                |&slot| matches!(&self.out.slots[slot].body, Body::Link(link) if link.sub == sub),
            );
        }
        queued
    }

    pub(crate) fn add_link(&mut self, sub: u32, topic: u32, flags: u16) -> u32 {
        let first = self.subs.subs[sub].links;
        let link = Link { topic, topic_pos: NONE, sub, sub_next: first, sub_prev: NONE };
        let stream = self.subs.subs[sub].stream;
        let slot = self.out.join(stream, flags, link);
        if flags & PASSING == 0 {
            self.note_held(sub, topic);
            self.sessions[self.subs.subs[sub].session].filter_bytes +=
                self.topics[topic].link_bytes();
        } else {
            self.topics[topic].passing += 1;
            self.sessions[self.subs.subs[sub].session].frames += 1;
        }
        if first != NONE {
            self.out.slots[first].link_mut().sub_prev = slot;
        }
        self.subs.subs[sub].links = slot;
        self.subs.links += 1;
        let record = &mut self.subs.subs[sub];
        record.link_count += 1;
        if record.is_indexed {
            self.index_link(slot);
        } else if record.link_count > FEW {
            record.is_indexed = true;
            self.links_of(sub).into_iter().for_each(|slot| self.index_link(slot));
        }
        slot
    }

    fn index_link(&mut self, slot: u32) {
        let slots = &self.out.slots;
        let Subscriptions { pairs, hasher, .. } = &mut self.subs;
        let hash_of = |slot: u32| hasher.hash_one(pair_of(&slots[slot]));
        pairs.insert_unique(hash_of(slot), slot, |&other| hash_of(other));
    }

    /// Forgets a topic if nobody holds it any more.
    pub(crate) fn release_topic(&mut self, topic: u32) {
        if self.out.crowd(topic).is_empty() {
            self.topics.release(topic);
        }
    }

    /// Topics that somebody holds.
    pub(crate) fn topics_held(&self) -> usize {
        let lists = NoticeKind::LISTS.into_iter();
        let held = lists.filter(|&kind| !self.out.crowd(kind as u32).is_empty());
        self.topics.named() + held.count()
    }

    /// Takes a link out of its topic and subscription, and out of the outbox.
    pub(crate) fn remove_link(&mut self, slot: u32) {
        self.retract(slot);
        self.detach_link(slot);
        self.out.slots.remove(slot);
    }

    /// Takes a link out of its topic and subscription; its place in the outbox stays.
    fn detach_link(&mut self, slot: u32) {
        let is_passing = self.out.slots[slot].is(PASSING);
        let &Link { topic, topic_pos, sub, sub_next, sub_prev, .. } = self.out.slots[slot].link();
        self.subs.links -= 1;
        let record = &mut self.subs.subs[sub];
        record.link_count -= 1;
        if record.is_indexed {
            record.is_indexed = record.link_count != 0;
            let hash = self.subs.hash((sub, topic));
            if let Ok(entry) = self.subs.pairs.find_entry(hash, |&other| other == slot) {
                entry.remove();
            }
        }
        if !is_passing {
            self.forget_held(sub, topic);
            self.sessions[self.subs[sub].session].filter_bytes -= self.topics[topic].link_bytes();
        }
        self.out.part(topic, topic_pos);
        if is_passing {
            self.topics[topic].passing -= 1;
            self.sessions[self.subs.subs[sub].session].uncount_frame();
        }
        self.release_topic(topic);
        if sub_prev == NONE {
            self.subs.subs[sub].links = sub_next;
        } else {
            self.out.slots[sub_prev].link_mut().sub_next = sub_next;
        }
        if sub_next != NONE {
            self.out.slots[sub_next].link_mut().sub_prev = sub_prev;
        }
    }

    /// Drops what is queued of a link; the link stays.
    pub(crate) fn retract(&mut self, slot: u32) {
        if self.out.is_queued(slot) {
            self.out.unlink(slot);
        }
        self.drop_context(slot);
    }

    /// Forgets what a link carries. That of a task is queued no more, so it is not counted either.
    pub(crate) fn drop_context(&mut self, slot: u32) {
        let record = &self.out.slots[slot];
        if record.is(CONTEXT) {
            let (is_counted, stream) = (record.is(DROPPABLE), record.stream);
            self.out.flag(slot, 0, CONTEXT | DROPPABLE);
            if let Some(context) = self.contexts.remove(&slot) {
                if is_counted {
                    let len = self.events.body(context).len() as u32;
                    let session = &mut self.sessions[self.out.streams[stream].session()];
                    session.uncount_frame();
                    session.bytes -= len;
                }
                self.events.release(context);
            }
        }
    }

    /// Turns a queued notice into an event with the same text, so that it can outlive its link.
    /// An update of a task goes on counting as the event that it becomes.
    pub(crate) fn materialise(&mut self, slot: u32) {
        let text = self.text(slot).to_text();
        let record = &self.out.slots[slot];
        let (stream, is_counted) = (record.stream, record.is(DROPPABLE));
        let merged = self.out.merged_into(slot);
        self.out.count(stream, 0, merged);
        self.drop_context(slot);
        self.detach_link(slot);
        let session = &mut self.sessions[self.out.streams[stream].session()];
        if is_counted {
            self.out.slots[slot].flags |= DROPPABLE;
            session.frames += 1;
            session.bytes += text.len() as u32;
        } else {
            session.reply_bytes += text.len() as u32;
        }
        let event = self.events.insert(text);
        self.out.replace_link(slot, EventEntry { event, owner: Owner::Session, owner_next: NONE });
    }

    /// Does so for everything queued of a session.
    pub(crate) fn materialise_session(&mut self, ix: u32) {
        for stream in self.streams_of(ix) {
            for lane in [Lane::Control, Lane::Main] {
                for slot in self.out.lane(stream, lane) {
                    match &self.out.slots[slot].body {
                        Body::Link(_) => self.materialise(slot),
                        Body::Event(_) => self.own_by_session(slot),
                    }
                    if self.out.slots[slot].is(AGAIN) {
                        self.out.requeue(slot, lane);
                    }
                }
            }
        }
    }
}
