//! Links: the pairs of a subscription and a topic, which are the slots of change notices.
//!
//! Invariant: a link is in its topic's crowd and among its subscription's links, from
//! [`Core::add_link`] to [`Core::remove_link`].

use crate::engine::Core;
use crate::engine::ahead::LEAVING;
use crate::engine::pool::NONE;
use crate::engine::slot::{AGAIN, Body, CONTEXT, DROPPABLE, EventEntry, Lane, Link, PASSING};
use crate::protocol::kind::NoticeKind;

impl Core {
    pub(crate) fn find_link(&self, sub: u32, topic: u32) -> Option<u32> {
        self.subs.lists.find(self.links_at(sub), topic, &self.out.slots)
    }

    pub(crate) fn links_of(&self, sub: u32) -> Vec<u32> {
        self.links_in(sub).collect()
    }

    fn links_in(&self, sub: u32) -> impl Iterator<Item = u32> {
        self.subs.lists.iter(self.links_at(sub), &self.out.slots)
    }

    /// The links of a subscription that are queued, in the order of the outbox. The lane is looked
    /// through only if there is an order to be found.
    pub(crate) fn queued_links(&self, sub: u32) -> Vec<u32> {
        let mut queued = self.links_of(sub);
        queued.retain(|&slot| self.out.is_queued(slot));
        if queued.len() > 1 {
            queued = self.out.lane(self.stream_of_sub(sub), Lane::Main);
            queued.retain(|&slot| {
                matches!(&self.out.slots[slot].body, Body::Link(_)) && self.out.sub_of(slot) == sub
            });
        }
        queued
    }

    pub(crate) fn add_link(&mut self, sub: u32, topic: u32, flags: u16) -> u32 {
        let (stream, ix) = (self.stream_of_sub(sub), self.session_of_sub(sub));
        let slot = self.out.join(topic, stream, sub, flags);
        if flags & PASSING == 0 {
            self.note_held(ix, topic);
            self.sessions[ix].filter_bytes += self.topics[topic].link_bytes();
        } else {
            self.topics[topic].passing += 1;
            self.sessions[ix].frames += 1;
        }
        let mut links = self.links_at(sub);
        self.subs.lists.add(&mut links, slot, &mut self.out.slots);
        self.set_links_at(sub, links);
        self.subs.links += 1;
        slot
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

    /// Takes all links of a subscription away.
    pub(crate) fn remove_links(&mut self, sub: u32) {
        while let Some(slot) = self.links_at(sub).first() {
            self.remove_link(slot);
        }
        let mut links = self.links_at(sub);
        let listed = self.subs.lists.take_list(&mut links);
        self.set_links_at(sub, links);
        // None of them has to be taken out of a list that is gone.
        for slots in listed.chunks(LEAVING) {
            self.fetch_links(slots);
            for &slot in slots {
                self.retract(slot);
                self.leave_topic(slot);
                self.out.slots.remove(slot);
            }
        }
    }

    /// Takes a link out of its topic and subscription; its place in the outbox stays.
    fn detach_link(&mut self, slot: u32) {
        let sub = self.out.sub_of(slot);
        let mut links = self.links_at(sub);
        self.subs.lists.remove(&mut links, slot, &mut self.out.slots);
        self.set_links_at(sub, links);
        self.leave_topic(slot);
    }

    /// Takes a link that is in no subscription any more out of its topic, and out of the accounts.
    fn leave_topic(&mut self, slot: u32) {
        let record = &self.out.slots[slot];
        let is_passing = record.is(PASSING);
        let &Link { topic, topic_pos, .. } = record.link();
        let ix = self.session_of_sub(self.out.sub_of(slot));
        self.subs.links -= 1;
        if !is_passing {
            self.forget_held(ix, topic);
            self.sessions[ix].filter_bytes -= self.topics[topic].link_bytes();
        }
        self.out.part(topic, topic_pos);
        if is_passing {
            self.topics[topic].passing -= 1;
            self.sessions[ix].uncount_frame();
        }
        self.release_topic(topic);
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
            let (is_counted, stream) = (record.is(DROPPABLE), self.out.stream_of(slot));
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
        let is_counted = self.out.slots[slot].is(DROPPABLE);
        let stream = self.out.stream_of(slot);
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
        self.out.replace_link(slot, EventEntry { event, stream, owned: NONE });
    }

    /// Does so for everything queued of a session.
    pub(crate) fn materialise_session(&mut self, ix: u32) {
        for stream in self.each_stream(ix) {
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
