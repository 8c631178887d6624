//! Subscriptions and their links.
//!
//! A subscription is either a `subscriptions/listen` (it has the id of its request) or a session's
//! own one, which holds the lists and URIs of an open or legacy session.
//!
//! Invariants:
//! * a link is in its topic's `links`, in its subscription's chain, and in `pairs`, from
//!   [`Core::add_link`] to [`Core::remove_link`];
//! * a subscription has at most one link to a topic;
//! * an own subscription is in `ears` if and only if its session hears of every URI.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::engine::Core;
use crate::engine::limits::Excess;
use crate::engine::outbox::{
    AGAIN, Body, CONTEXT, EventEntry, Lane, Link, MUTED, Owner, PASSING, QUEUED, Slot,
};
use crate::engine::pool::{HandleKind, NONE, Slab};
use crate::engine::session::{Rules, Session, closing_frame};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{EndReason, SessionId, SubscriptionId};
use crate::protocol::encode;
use crate::protocol::filter::Filter;
use crate::protocol::id::Id;
use crate::protocol::kind::NoticeKind;

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) session: u32,
    pub(crate) stream: u32,
    pub(super) links: u32,
    /// Links to URIs among them, passing ones not counted.
    pub(super) uris: u32,
    pub(super) session_next: u32,
    pub(super) session_prev: u32,
    pub(super) ears_pos: u32,
    /// Its acknowledgment, while that is queued.
    pub(super) ack: u32,
    /// The id of the listen.
    pub(crate) id: Option<Id>,
}

#[derive(Debug)]
pub(crate) struct Subscriptions {
    pub(super) subs: Slab<Subscription>,
    /// Links by (subscription, topic).
    pub(super) pairs: HashTable<u32>,
    /// Listens by (session, id).
    pub(super) listens: HashTable<u32>,
    /// Own subscriptions that hear of every URI.
    pub(crate) ears: Vec<u32>,
    hasher: RandomState,
    /// URIs that own subscriptions hold.
    pub(super) uris: u64,
}

impl Subscriptions {
    pub(crate) fn new(engine: u32) -> Self {
        Self {
            subs: Slab::new(HandleKind::Subscription, engine),
            pairs: HashTable::new(),
            listens: HashTable::new(),
            ears: Vec::new(),
            hasher: RandomState::default(),
            uris: 0,
        }
    }

    /// Listens, and URIs subscribed one by one.
    pub(crate) fn held(&self) -> u64 {
        self.listens.len() as u64 + self.uris
    }

    pub(crate) fn links(&self) -> usize {
        self.pairs.len()
    }

    /// A session's listens, oldest first, and its own subscription.
    pub(crate) fn of_session(&self, session: &Session) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = session.listens;
        while at != NONE {
            found.push(at);
            at = self.subs[at].session_next;
        }
        found.reverse();
        if session.own_sub != NONE {
            found.push(session.own_sub);
        }
        found
    }

    pub(crate) fn is_ear(&self, sub: u32) -> bool {
        self.subs.get(sub).is_some_and(|sub| sub.ears_pos != NONE)
    }

    pub(crate) fn find_listen(&self, session: u32, id: &Id) -> Option<u32> {
        let hash = self.hash((session, id.as_json()));
        let is_it =
            |&ix: &u32| self.subs[ix].session == session && self.subs[ix].id.as_ref() == Some(id);
        self.listens.find(hash, is_it).copied()
    }

    /// The acknowledgment of a listen has left the outbox, or outlives the listen.
    pub(crate) fn forget_ack(&mut self, sub: u32) {
        self.subs[sub].ack = NONE;
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }
}

impl std::ops::Index<u32> for Subscriptions {
    type Output = Subscription;

    fn index(&self, ix: u32) -> &Subscription {
        &self.subs[ix]
    }
}

/// Hashes a link by its pair, as `pairs` does.
fn pair_of(slot: &Slot) -> (u32, u32) {
    let link = slot.link();
    (link.sub, link.topic)
}

impl Core {
    // ---- listens ----

    /// Starts a listen: the acknowledgment is queued before there is a link, so that nothing of
    /// the subscription can come before it (R41). Nothing honoured: the end follows at once,
    /// unless such listens are held (G11). Yields the handle, which is stale in that case.
    pub(crate) fn start_listen(
        &mut self,
        ix: u32,
        stream: u32,
        id: Id,
        filter: Filter,
    ) -> std::result::Result<u64, Excess> {
        self.check_subscription_limits(ix)?;
        let honoured = filter.narrow(&self.sessions[ix].capabilities);
        let sub = self.subs.subs.insert(Subscription {
            session: ix,
            stream,
            links: NONE,
            uris: 0,
            session_next: self.sessions[ix].listens,
            session_prev: NONE,
            ears_pos: NONE,
            ack: NONE,
            id: Some(id.clone()),
        });
        let newer_than = std::mem::replace(&mut self.sessions[ix].listens, sub);
        if newer_than != NONE {
            self.subs.subs[newer_than].session_prev = sub;
        }
        self.count_held(ix);
        self.expect_answer(stream);
        let hash = self.subs.hash((ix, id.as_json()));
        let Subscriptions { subs, listens, hasher, .. } = &mut self.subs;
        listens.insert_unique(hash, sub, |&other| {
            let record = &subs[other];
            let id = record.id.as_ref().expect("a listen has an id");
            hasher.hash_one((record.session, id.as_json()))
        });
        let ack = encode::acknowledged(&id, &honoured.to_json());
        let ack = self.push_reply(stream, ack, Owner::Subscription(sub), Lane::Control);
        self.subs.subs[sub].ack = ack;
        let handle = self.subs.subs.handle(sub);
        let is_empty = honoured.topics.is_empty();
        for (kind, name) in &honoured.topics {
            let topic = self.topics.intern(*kind, name);
            self.add_link(sub, topic, 0);
        }
        if is_empty && !self.config.hold_empty_listen {
            self.end_subscription_ix(sub, EndReason::Graceful);
        }
        Ok(handle)
    }

    /// A listen asked for by the host rather than on the wire.
    pub(crate) fn listen(
        &mut self,
        handle: SessionId,
        stream: Option<crate::params::StreamId>,
        id: &str,
        filter: &str,
    ) -> Result<u64> {
        let ix = self.session(handle)?;
        let stream = self.stream_of(ix, stream)?;
        if self.sessions[ix].rules != Rules::Modern {
            return Err(Error::new(
                ErrorKind::NotNegotiated,
                "only a session of 2026-07-28 can listen",
            ));
        }
        let id = Id::parse(id)
            .ok_or_else(|| Error::invalid("id must be the JSON text of a string or an integer"))?;
        self.check_filter_text(filter).map_err(Excess::error)?;
        let filter = Filter::parse(filter).map_err(|why| Error::new(ErrorKind::Json, why))?;
        self.check_filter(&filter).map_err(Excess::error)?;
        if self.is_id_in_use(ix, &id) {
            return Err(Error::invalid(format!("id {id} is in use on this session")));
        }
        self.start_listen(ix, stream, id, filter).map_err(Excess::error)
    }

    pub(crate) fn subscription(&self, handle: SessionId, id: &str) -> Result<u64> {
        let ix = self.session_even_ending(handle)?;
        let id = Id::parse(id)
            .ok_or_else(|| Error::invalid("id must be the JSON text of a string or an integer"))?;
        let sub = self.subs.find_listen(ix, &id).ok_or_else(|| Error::gone("subscription"))?;
        Ok(self.subs.subs.handle(sub))
    }

    pub(crate) fn end_subscription(
        &mut self,
        handle: SubscriptionId,
        reason: EndReason,
    ) -> Result<()> {
        let sub = self.subs.subs.resolve(handle.0).ok_or_else(|| Error::gone("subscription"))?;
        self.end_subscription_ix(sub, reason);
        self.settle_lagging();
        Ok(())
    }

    /// Ends a listen. What is queued of it goes out first, then its result (R48) or the error that
    /// says why. If the client cancelled, or does not read, what is queued is dropped (R47).
    pub(crate) fn end_subscription_ix(&mut self, sub: u32, reason: EndReason) {
        let (stream, id) = (self.subs[sub].stream, self.subs[sub].id.clone());
        let ix = self.subs[sub].session;
        if reason.keeps_queue() {
            // Its waiting notices move behind its acknowledgment, in their order.
            for slot in self.out.in_order(self.queued_links(sub)) {
                self.materialise(slot);
                self.out.requeue(slot, Lane::Control);
            }
            let ack = self.subs[sub].ack;
            if ack != NONE {
                self.own_by_session(ack);
            }
        }
        self.remove_subscription(sub);
        if let Some(body) = id.and_then(|id| closing_frame(&id, reason)) {
            self.push_reply(stream, body, Owner::Session, Lane::Control);
        }
        self.finish_if_answered(stream);
        self.bury_if_drained(ix);
    }

    // ---- a session's own subscription ----

    /// What an open or legacy session holds from the start: the lists that it may hear of.
    pub(crate) fn open_own_subscription(&mut self, ix: u32) {
        let session = &self.sessions[ix];
        let (stream, capabilities) = (session.home, session.capabilities);
        let is_open = session.rules == Rules::Open;
        let sub = self.subs.subs.insert(Subscription {
            session: ix,
            stream,
            links: NONE,
            uris: 0,
            session_next: NONE,
            session_prev: NONE,
            ears_pos: NONE,
            ack: NONE,
            id: None,
        });
        self.sessions[ix].own_sub = sub;
        for (kind, is_advertised) in NoticeKind::LISTS.into_iter().zip([
            capabilities.tools_list_changed,
            capabilities.prompts_list_changed,
            capabilities.resources_list_changed,
        ]) {
            if is_advertised || is_open {
                self.add_link(sub, kind as u32, 0);
            }
        }
        self.follow_types(ix);
    }

    /// Brings a session's links in line with the types it chose: those it does not want are
    /// muted, and what is queued of them is dropped.
    pub(crate) fn follow_types(&mut self, ix: u32) {
        let sub = self.sessions[ix].own_sub;
        for slot in self.links_of(sub) {
            let kind = self.topics[self.out.slots[slot].link().topic].kind;
            let is_wanted = self.sessions[ix].types().is_none_or(|types| types.admit_notice(kind));
            if is_wanted {
                self.out.slots[slot].flags &= !MUTED;
            } else if self.out.slots[slot].is(PASSING) {
                self.remove_link(slot);
            } else {
                self.retract(slot);
                self.out.slots[slot].flags |= MUTED;
            }
        }
        self.follow_ears(ix);
    }

    /// An open session hears of every URI until it names some.
    fn follow_ears(&mut self, ix: u32) {
        let session = &self.sessions[ix];
        let sub = session.own_sub;
        let types_admit =
            session.types().is_none_or(|types| types.admit_notice(NoticeKind::Resource));
        let hears_all =
            session.rules == Rules::Open && self.subs.subs[sub].uris == 0 && types_admit;
        let pos = self.subs.subs[sub].ears_pos;
        if hears_all && pos == NONE {
            self.subs.subs[sub].ears_pos = self.subs.ears.len() as u32;
            self.subs.ears.push(sub);
        } else if !hears_all && pos != NONE {
            self.forget_ear(sub);
            for slot in self.links_of(sub) {
                let record = &self.out.slots[slot];
                if record.is(PASSING) && !self.is_contained(sub, record.link().topic) {
                    self.remove_link(slot);
                }
            }
        }
    }

    fn forget_ear(&mut self, sub: u32) {
        let pos = std::mem::replace(&mut self.subs.subs[sub].ears_pos, NONE);
        if pos == NONE {
            return;
        }
        self.subs.ears.swap_remove(pos as usize);
        if let Some(&moved) = self.subs.ears.get(pos as usize) {
            self.subs.subs[moved].ears_pos = pos;
        }
    }

    pub(crate) fn subscribe(&mut self, handle: SessionId, uri: &str) -> Result<()> {
        let ix = self.session(handle)?;
        self.require_own_subscription(ix)?;
        let session = &self.sessions[ix];
        if session.rules != Rules::Open && !session.capabilities.resources_subscribe {
            // R8.
            return Err(Error::new(
                ErrorKind::NotNegotiated,
                "the session was not advertised resources.subscribe",
            ));
        }
        if uri.is_empty() {
            return Err(Error::invalid("uri must not be empty"));
        }
        self.check_uri(uri).map_err(Excess::error)?;
        self.subscribe_uri(ix, uri).map_err(Excess::error)
    }

    pub(crate) fn unsubscribe(&mut self, handle: SessionId, uri: &str) -> Result<()> {
        let ix = self.session(handle)?;
        self.require_own_subscription(ix)?;
        if !self.unsubscribe_uri(ix, uri) {
            return Err(Error::gone("subscription"));
        }
        Ok(())
    }

    fn require_own_subscription(&self, ix: u32) -> Result<()> {
        if self.sessions[ix].own_sub == NONE {
            return Err(Error::new(
                ErrorKind::NotNegotiated,
                "the session cannot subscribe to single resources: it is not initialized, or its revision subscribes by subscriptions/listen",
            ));
        }
        Ok(())
    }

    /// Idempotent (G9).
    pub(crate) fn subscribe_uri(&mut self, ix: u32, uri: &str) -> std::result::Result<(), Excess> {
        let sub = self.sessions[ix].own_sub;
        let topic = self.topics.intern(NoticeKind::Resource, uri);
        let held = self.find_link(sub, topic);
        if held.is_some_and(|slot| !self.out.slots[slot].is(PASSING)) {
            return Ok(());
        }
        if let Err(excess) = self.check_subscription_limits(ix) {
            self.topics.release(topic);
            return Err(excess);
        }
        if let Some(slot) = held {
            // What was passing stays.
            self.out.slots[slot].flags &= !PASSING;
            self.topics[topic].passing -= 1;
            self.sessions[ix].uncount_frame();
        } else {
            let is_muted = !self.sessions[ix].admits(NoticeKind::Resource.method());
            self.add_link(sub, topic, if is_muted { MUTED } else { 0 });
        }
        self.subs.subs[sub].uris += 1;
        self.subs.uris += 1;
        self.count_held(ix);
        self.follow_ears(ix);
        Ok(())
    }

    /// Whether there was such a subscription. What was queued of it is dropped (R25).
    pub(crate) fn unsubscribe_uri(&mut self, ix: u32, uri: &str) -> bool {
        let sub = self.sessions[ix].own_sub;
        let Some(topic) = self.topics.find(NoticeKind::Resource, uri) else { return false };
        let Some(slot) = self.find_link(sub, topic) else { return false };
        if self.out.slots[slot].is(PASSING) {
            return false;
        }
        self.subs.subs[sub].uris -= 1;
        self.subs.uris -= 1;
        self.uncount_held(ix, 1);
        self.remove_link(slot);
        self.retract_contained(sub, uri);
        self.follow_ears(ix);
        true
    }

    pub(crate) fn subscriber_count(&self, uri: &str) -> usize {
        let exact = self.topics.find(NoticeKind::Resource, uri);
        let topics = exact.into_iter().chain(self.containers_held(uri));
        let named = topics.map(|topic| {
            let topic = &self.topics[topic];
            topic.links.len() - topic.passing as usize
        });
        named.sum::<usize>() + self.subs.ears.len()
    }

    /// Forgets a subscription with its links and whatever is queued of it.
    pub(crate) fn remove_subscription(&mut self, sub: u32) {
        self.forget_ear(sub);
        for slot in self.links_of(sub) {
            self.remove_link(slot);
        }
        let (ix, stream) = (self.subs[sub].session, self.subs[sub].stream);
        let Some(id) = self.subs[sub].id.clone() else {
            self.sessions[ix].own_sub = NONE;
            let uris = self.subs[sub].uris;
            self.subs.uris -= u64::from(uris);
            self.uncount_held(ix, uris);
            self.subs.subs.remove(sub);
            return;
        };
        let ack = self.subs[sub].ack;
        if ack != NONE {
            self.discard(ack);
        }
        let hash = self.subs.hash((ix, id.as_json()));
        if let Ok(entry) = self.subs.listens.find_entry(hash, |&other| other == sub) {
            entry.remove();
        }
        self.uncount_held(ix, 1);
        self.out.streams[stream].open_requests -= 1;
        let Subscription { session_next, session_prev, .. } = self.subs.subs.remove(sub);
        if session_prev == NONE {
            self.sessions[ix].listens = session_next;
        } else {
            self.subs.subs[session_prev].session_next = session_next;
        }
        if session_next != NONE {
            self.subs.subs[session_next].session_prev = session_prev;
        }
    }

    // ---- links ----

    pub(crate) fn find_link(&self, sub: u32, topic: u32) -> Option<u32> {
        let hash = self.subs.hash((sub, topic));
        let slots = &self.out.slots;
        self.subs.pairs.find(hash, |&slot| pair_of(&slots[slot]) == (sub, topic)).copied()
    }

    pub(crate) fn links_of(&self, sub: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = self.subs[sub].links;
        while at != NONE {
            found.push(at);
            at = self.out.slots[at].link().sub_next;
        }
        found
    }

    /// The links of a subscription that are queued, in the order of the outbox. The lane is looked
    /// through only if there is an order to be found.
    fn queued_links(&self, sub: u32) -> Vec<u32> {
        let mut queued = self.links_of(sub);
        queued.retain(|&slot| self.out.slots[slot].is(QUEUED));
        if queued.len() > 1 {
            queued = self.out.lane(self.subs[sub].stream, Lane::Main);
            queued.retain(
                |&slot| matches!(&self.out.slots[slot].body, Body::Link(link) if link.sub == sub),
            );
        }
        queued
    }

    pub(crate) fn add_link(&mut self, sub: u32, topic: u32, flags: u8) -> u32 {
        let topic_record = &mut self.topics[topic];
        let first = self.subs.subs[sub].links;
        let link = Link {
            topic,
            topic_pos: topic_record.links.len() as u32,
            sub,
            sub_next: first,
            sub_prev: NONE,
            raised_at: 0,
        };
        let stream = self.subs.subs[sub].stream;
        let slot = self.out.slots.insert(Slot::new(stream, flags, Body::Link(link)));
        let links = &mut topic_record.links;
        if links.len() == links.capacity() {
            // By an eighth, as the records do: every session has a place in each list.
            links.reserve_exact((links.len() / 8).max(4));
        }
        links.push(slot);
        if flags & PASSING != 0 {
            topic_record.passing += 1;
            self.sessions[self.subs.subs[sub].session].frames += 1;
        }
        if first != NONE {
            self.out.slots[first].link_mut().sub_prev = slot;
        }
        self.subs.subs[sub].links = slot;
        let hash = self.subs.hash((sub, topic));
        let Subscriptions { pairs, hasher, .. } = &mut self.subs;
        let slots = &self.out.slots;
        pairs.insert_unique(hash, slot, |&other| hasher.hash_one(pair_of(&slots[other])));
        slot
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
        let hash = self.subs.hash((sub, topic));
        if let Ok(entry) = self.subs.pairs.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        let topic_record = &mut self.topics[topic];
        topic_record.links.swap_remove(topic_pos as usize);
        if is_passing {
            topic_record.passing -= 1;
            self.sessions[self.subs.subs[sub].session].uncount_frame();
        }
        if let Some(&moved) = topic_record.links.get(topic_pos as usize) {
            self.out.slots[moved].link_mut().topic_pos = topic_pos;
        }
        self.topics.release(topic);
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
        if self.out.slots[slot].is(QUEUED) {
            self.out.unlink(slot);
        }
        self.drop_context(slot);
    }

    pub(crate) fn drop_context(&mut self, slot: u32) {
        let record = &mut self.out.slots[slot];
        if record.is(CONTEXT) {
            record.flags &= !CONTEXT;
            if let Some(context) = self.contexts.remove(&slot) {
                self.events.release(context);
            }
        }
    }

    /// Turns a queued notice into an event with the same text, so that it can outlive its link.
    fn materialise(&mut self, slot: u32) {
        let text = self.pieces(slot).to_text();
        let record = &self.out.slots[slot];
        let (stream, link) = (record.stream, record.link());
        let merged = self.topics[link.topic].raised.wrapping_sub(link.raised_at);
        self.out.streams[stream].merged += u64::from(merged);
        self.drop_context(slot);
        self.detach_link(slot);
        let session = self.out.streams[stream].session;
        self.sessions[session].reply_bytes += text.len() as u32;
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
