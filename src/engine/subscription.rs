//! Subscriptions: what they hold, and the one that open and legacy sessions have of their own.
//!
//! A subscription is either a `subscriptions/listen` (it has the id of its request) or a session's
//! own one, which holds the lists and URIs of an open or legacy session.
//!
//! Invariants:
//! * a subscription has at most one link to a topic;
//! * an own subscription is in `ears` if and only if its session hears of every URI.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::engine::Core;
use crate::engine::access::Denied;
use crate::engine::limits::Excess;
use crate::engine::links::{Links, Lists};
use crate::engine::news::News;
use crate::engine::pool::{HandleKind, NONE, Slab};
use crate::engine::raise::Audience;
use crate::engine::session::{Rules, Session};
use crate::engine::slot::{MUTED, PASSING, WITHDRAWN};
use crate::error::{Error, ErrorKind, Result};
use crate::params::SessionId;
use crate::protocol::id::Id;
use crate::protocol::kind::NoticeKind;

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) session: u32,
    pub(crate) stream: u32,
    pub(super) links: Links,
    /// Links to URIs and templates among them, passing ones not counted.
    pub(super) uris: u32,
    pub(super) session_next: u32,
    pub(super) session_prev: u32,
    pub(super) ears_pos: u32,
    /// Its acknowledgment, while that is queued.
    pub(super) ack: u32,
}

#[derive(Debug)]
pub(crate) struct Subscriptions {
    pub(super) subs: Slab<Subscription>,
    /// The ids of those that are listens: apart, because each of their notices is tagged with it
    /// and needs nothing else of them.
    pub(super) ids: Vec<Option<Id>>,
    /// The links of those that have many.
    pub(super) lists: Lists,
    /// How many links there are.
    pub(super) links: usize,
    /// Listens by (session, id).
    pub(super) listens: HashTable<u32>,
    /// Own subscriptions that hear of every URI.
    pub(crate) ears: Vec<u32>,
    pub(crate) hasher: RandomState,
    /// URIs that own subscriptions hold.
    pub(super) uris: u64,
}

impl Subscriptions {
    pub(crate) fn new(engine: u32) -> Self {
        Self {
            subs: Slab::new(HandleKind::Subscription, engine),
            ids: Vec::new(),
            lists: Lists::new(),
            links: 0,
            listens: HashTable::new(),
            ears: Vec::new(),
            hasher: RandomState::default(),
            uris: 0,
        }
    }

    /// A new subscription: a listen, if it has an id.
    pub(super) fn insert(&mut self, record: Subscription, id: Option<Id>) -> u32 {
        let ix = self.subs.insert(record);
        if ix as usize >= self.ids.len() {
            if self.ids.len() == self.ids.capacity() {
                // By an eighth, as the records do.
                self.ids.reserve_exact((self.ids.len() / 8).max(16));
            }
            self.ids.resize_with(ix as usize + 1, || None);
        }
        self.ids[ix as usize] = id;
        ix
    }

    pub(super) fn remove(&mut self, ix: u32) -> Subscription {
        self.ids[ix as usize] = None;
        self.subs.remove(ix)
    }

    /// The id of a listen.
    #[inline]
    pub(crate) fn id(&self, ix: u32) -> Option<&Id> {
        self.ids[ix as usize].as_ref()
    }

    /// Listens, and URIs subscribed one by one.
    pub(crate) fn held(&self) -> u64 {
        self.listens.len() as u64 + self.uris
    }

    pub(crate) fn links(&self) -> usize {
        self.links
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
        let hash = self.hash((session, id.as_bytes()));
        let is_it = |&ix: &u32| self.subs[ix].session == session && self.id(ix) == Some(id);
        self.listens.find(hash, is_it).copied()
    }

    /// The acknowledgment of a listen has left the outbox, or outlives the listen.
    pub(crate) fn forget_ack(&mut self, sub: u32) {
        self.subs[sub].ack = NONE;
    }

    pub(crate) fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }
}

impl std::ops::Index<u32> for Subscriptions {
    type Output = Subscription;

    fn index(&self, ix: u32) -> &Subscription {
        &self.subs[ix]
    }
}

impl Core {
    /// What an open or legacy session holds from the start: the lists that it may hear of.
    pub(crate) fn open_own_subscription(&mut self, ix: u32) {
        let stream = self.sessions[ix].home;
        let record = Subscription {
            session: ix,
            stream,
            links: Links::EMPTY,
            uris: 0,
            session_next: NONE,
            session_prev: NONE,
            ears_pos: NONE,
            ack: NONE,
        };
        let sub = self.subs.insert(record, None);
        self.sessions[ix].own_sub = sub;
        if self.is_asked() && self.sessions[ix].rules != Rules::Open {
            let session = SessionId(self.sessions.handle(ix));
            let raised = NoticeKind::LISTS.map(|kind| self.out.crowd(kind as u32).raised);
            self.news.push(News::Lists(session, raised));
        } else {
            for kind in self.lists_heard(ix) {
                self.add_link(sub, kind as u32, 0);
            }
        }
        self.follow_types(ix);
    }

    /// The lists of which an open or legacy session hears without asking.
    pub(crate) fn lists_heard(&self, ix: u32) -> Vec<NoticeKind> {
        let session = &self.sessions[ix];
        let (rules, capabilities) = (session.rules, session.capabilities());
        let advertised = [
            capabilities.tools_list_changed,
            capabilities.prompts_list_changed,
            capabilities.resources_list_changed,
        ];
        let lists = NoticeKind::LISTS.into_iter().zip(advertised);
        let heard = lists.filter(|&(_, it)| it || rules == Rules::Open);
        heard.map(|(kind, _)| kind).collect()
    }

    /// Brings a session's links in line with the types it chose: those it does not want are
    /// muted, and what is queued of them is dropped.
    pub(crate) fn follow_types(&mut self, ix: u32) {
        let sub = self.sessions[ix].own_sub;
        for slot in self.links_of(sub) {
            let kind = self.topics[self.out.slots[slot].link().topic].kind;
            let is_wanted = self.sessions[ix].types().is_none_or(|types| types.admit_notice(kind));
            if is_wanted {
                if !self.out.slots[slot].is(WITHDRAWN) {
                    self.out.flag(slot, 0, MUTED);
                }
            } else if self.out.slots[slot].is(PASSING) {
                self.remove_link(slot);
            } else {
                self.retract(slot);
                self.out.flag(slot, MUTED, 0);
            }
        }
        self.follow_ears(ix);
    }

    /// An open session hears of every URI until it names some.
    pub(crate) fn follow_ears(&mut self, ix: u32) {
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
        self.require_subscribing(ix)?;
        if uri.is_empty() {
            return Err(Error::invalid("uri must not be empty"));
        }
        self.check_uri(uri).map_err(Excess::error)?;
        let is_granted = self.is_granted(ix, uri).map_err(Denied::error)?;
        self.subscribe_uri(ix, uri, is_granted).map_err(Excess::error)
    }

    pub(crate) fn unsubscribe(&mut self, handle: SessionId, uri: &str) -> Result<()> {
        let ix = self.session(handle)?;
        self.require_own_subscription(ix)?;
        if !self.unsubscribe_uri(ix, uri) {
            return Err(Error::gone("subscription"));
        }
        self.settle_lagging();
        Ok(())
    }

    /// Whether the host may subscribe a session at all.
    pub(crate) fn require_subscribing(&self, ix: u32) -> Result<()> {
        self.require_own_subscription(ix)?;
        let session = &self.sessions[ix];
        if session.rules != Rules::Open && !session.capabilities().resources_subscribe {
            // R8.
            return Err(Error::new(
                ErrorKind::NotNegotiated,
                "the session was not advertised resources.subscribe",
            ));
        }
        Ok(())
    }

    pub(crate) fn require_own_subscription(&self, ix: u32) -> Result<()> {
        if self.sessions[ix].own_sub == NONE {
            return Err(Error::new(
                ErrorKind::NotNegotiated,
                "the session cannot subscribe to single resources: it is not initialized, or its revision subscribes by subscriptions/listen",
            ));
        }
        Ok(())
    }

    /// Idempotent (G9). What is not granted is held all the same, and not heard of.
    pub(crate) fn subscribe_uri(
        &mut self,
        ix: u32,
        uri: &str,
        is_granted: bool,
    ) -> std::result::Result<(), Excess> {
        let sub = self.sessions[ix].own_sub;
        let topic = self.topics.intern(NoticeKind::Resource, uri);
        let held = self.find_link(sub, topic);
        if held.is_some_and(|slot| !self.out.slots[slot].is(PASSING)) {
            self.settle_access(ix, topic, is_granted);
            return Ok(());
        }
        let bytes = self.topics[topic].link_bytes();
        let limits = self.check_subscription_limits(ix);
        if let Err(excess) = limits.and_then(|()| self.check_filter_bytes(ix, bytes.into())) {
            self.release_topic(topic);
            return Err(excess);
        }
        if let Some(slot) = held {
            // What was passing stays.
            self.out.flag(slot, 0, PASSING);
            self.topics[topic].passing -= 1;
            self.sessions[ix].uncount_frame();
            self.note_held(sub, topic);
            self.sessions[ix].filter_bytes += self.topics[topic].link_bytes();
        } else {
            let is_muted = !self.sessions[ix].admits(NoticeKind::Resource.method());
            self.add_link(sub, topic, if is_muted { MUTED } else { 0 });
        }
        self.settle_access(ix, topic, is_granted);
        self.note_uri(ix);
        Ok(())
    }

    /// A session's own subscription holds one more URI, or template.
    pub(crate) fn note_uri(&mut self, ix: u32) {
        let sub = self.sessions[ix].own_sub;
        self.subs.subs[sub].uris += 1;
        self.subs.uris += 1;
        self.count_held(ix);
        self.follow_ears(ix);
    }

    /// Whether there was such a subscription. What was queued of it is dropped (R25), unless
    /// another one covers it (G2).
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
        self.let_go(ix, slot);
        self.retract_uncovered(sub);
        self.follow_ears(ix);
        true
    }

    /// How many subscriptions would hear of an update of a URI.
    pub(crate) fn subscriber_count(&self, uri: &str) -> usize {
        if self.has_containers() {
            // Some may hold it and what covers it.
            return self.would_reach(NoticeKind::Resource, uri, Audience::All);
        }
        let topic = self.topics.find(NoticeKind::Resource, uri);
        let links = topic.into_iter().flat_map(|topic| self.out.crowd(topic).slots());
        let named = links.filter(|&slot| !self.out.slots[slot].is(PASSING | MUTED)).count();
        named + self.subs.ears.len()
    }

    /// Forgets a subscription with its links and whatever is queued of it.
    pub(crate) fn remove_subscription(&mut self, sub: u32) {
        self.forget_ear(sub);
        self.remove_links(sub);
        let (ix, stream) = (self.subs[sub].session, self.subs[sub].stream);
        let Some(id) = self.subs.id(sub).cloned() else {
            self.sessions[ix].own_sub = NONE;
            let uris = self.subs[sub].uris;
            self.subs.uris -= u64::from(uris);
            self.uncount_held(ix, uris);
            self.subs.remove(sub);
            return;
        };
        let ack = self.subs[sub].ack;
        if ack != NONE {
            self.discard(ack);
        }
        let hash = self.subs.hash((ix, id.as_bytes()));
        if let Ok(entry) = self.subs.listens.find_entry(hash, |&other| other == sub) {
            entry.remove();
        }
        self.uncount_held(ix, 1);
        self.sessions[ix].filter_bytes -= id.as_json().len() as u32;
        self.out.streams[stream].open_requests -= 1;
        let Subscription { session_next, session_prev, .. } = self.subs.remove(sub);
        if session_prev == NONE {
            self.sessions[ix].listens = session_next;
        } else {
            self.subs.subs[session_prev].session_next = session_next;
        }
        if session_next != NONE {
            self.subs.subs[session_next].session_prev = session_prev;
        }
    }
}
