//! Subscriptions: what they hold, and the one that open and legacy sessions have of their own.
//!
//! A subscription is either a `subscriptions/listen`, which has a record, a handle and the id of its
//! request, or a session's own one, which holds the lists and URIs of an open or legacy session. That
//! one has its few fields in the record of its session, since there is never another.
//!
//! Invariants:
//! * a subscription has at most one link to a topic;
//! * an own subscription is in `ears` if and only if its session hears of every URI;
//! * a session has listens or an own subscription, not both; its listens are in the table once they
//!   have been many, and until none is left.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::engine::Core;
use crate::engine::access::Denied;
use crate::engine::limits::Excess;
use crate::engine::links::{Links, Lists};
use crate::engine::news::News;
use crate::engine::pool::{HandleKind, NONE, Slab, growth};
use crate::engine::raise::Audience;
use crate::engine::session::{MANY, Rules, Session};
use crate::engine::slot::{MUTED, PASSING, WITHDRAWN};
use crate::error::{Error, ErrorKind, Result};
use crate::params::SessionId;
use crate::protocol::id::Id;
use crate::protocol::kind::NoticeKind;

/// Marks an own subscription, which is named by the index of its session: there are fewer of those
/// than this (`engine.max_sessions`), and fewer listens.
const OWN: u32 = 1 << 31;

/// So many listens of a session are looked through; a table of them would take up memory, and be no
/// nearer at hand.
const FEW: usize = if cfg!(test) { 1 } else { 4 };

/// The own subscription of a session.
pub(crate) fn own_sub(session: u32) -> u32 {
    session | OWN
}

/// The session whose own subscription that is.
fn own_session(sub: u32) -> Option<u32> {
    (sub & OWN != 0).then_some(sub & !OWN)
}

/// A listen.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) stream: u32,
    pub(super) links: Links,
    pub(super) session_next: u32,
    pub(super) session_prev: u32,
    /// Its acknowledgment, while that is queued.
    pub(super) ack: u32,
}

#[derive(Debug)]
pub(crate) struct Subscriptions {
    pub(super) subs: Slab<Subscription>,
    /// The ids of listens: apart, because each of their notices is tagged with it and needs nothing
    /// else of them.
    pub(super) ids: Vec<Option<Id>>,
    /// The links of those that have many.
    pub(super) lists: Lists,
    /// How many links there are.
    pub(super) links: usize,
    /// Listens by (session, id), each with its session, of sessions that have or had many.
    pub(super) listens: HashTable<(u32, u32)>,
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
            ids: Vec::new(),
            lists: Lists::new(),
            links: 0,
            listens: HashTable::new(),
            ears: Vec::new(),
            hasher: RandomState::default(),
            uris: 0,
        }
    }

    /// A new listen of a session, to be the newest of its chain.
    pub(super) fn insert(
        &mut self,
        (ix, session): (u32, &mut Session),
        stream: u32,
        id: Id,
    ) -> u32 {
        let older = session.listens();
        let sub = self.subs.insert(Subscription {
            stream,
            links: Links::EMPTY,
            session_next: older,
            session_prev: NONE,
            ack: NONE,
        });
        debug_assert!(sub < OWN);
        if sub as usize >= self.ids.len() {
            if self.ids.len() == self.ids.capacity() {
                self.ids.reserve_exact(growth(self.ids.len()));
            }
            self.ids.resize_with(sub as usize + 1, || None);
        }
        self.ids[sub as usize] = Some(id);
        session.set_listens(sub);
        if older != NONE {
            self.subs[older].session_prev = sub;
        }
        if session.is(MANY) {
            self.index_listen(ix, sub);
        } else if self.chain(sub).nth(FEW).is_some() {
            session.set(MANY, true);
            let all: Vec<u32> = self.chain(sub).collect();
            all.into_iter().for_each(|sub| self.index_listen(ix, sub));
        }
        sub
    }

    /// Takes a listen without links out of its session's chain, and forgets it.
    pub(super) fn remove(&mut self, (ix, session): (u32, &mut Session), sub: u32) {
        if session.is(MANY) {
            let hash = self.hash_listen(ix, sub);
            if let Ok(entry) = self.listens.find_entry(hash, |&(_, other)| other == sub) {
                entry.remove();
            }
        }
        self.ids[sub as usize] = None;
        let Subscription { session_next: next, session_prev: prev, .. } = self.subs.remove(sub);
        if prev == NONE {
            session.set_listens(next);
            if next == NONE {
                session.set(MANY, false);
            }
        } else {
            self.subs[prev].session_next = next;
        }
        if next != NONE {
            self.subs[next].session_prev = prev;
        }
    }

    fn index_listen(&mut self, session: u32, sub: u32) {
        let hash = self.hash_listen(session, sub);
        let Self { listens, ids, hasher, .. } = self;
        let hash_of = |&(session, sub): &(u32, u32)| hash_of(hasher, session, ids, sub);
        listens.insert_unique(hash, (session, sub), hash_of);
    }

    fn hash_listen(&self, session: u32, sub: u32) -> u64 {
        hash_of(&self.hasher, session, &self.ids, sub)
    }

    /// The id of a listen; an own subscription has none.
    #[inline]
    pub(crate) fn id(&self, sub: u32) -> Option<&Id> {
        self.ids.get(sub as usize)?.as_ref()
    }

    /// Listens, and URIs subscribed one by one.
    pub(crate) fn held(&self) -> u64 {
        self.subs.len() as u64 + self.uris
    }

    pub(crate) fn links(&self) -> usize {
        self.links
    }

    /// The listens chained from one, that one first.
    fn chain(&self, newest: u32) -> impl Iterator<Item = u32> {
        let at = |ix: u32| (ix != NONE).then_some(ix);
        std::iter::successors(at(newest), move |&ix| at(self.subs[ix].session_next))
    }

    pub(crate) fn find_listen(&self, (ix, session): (u32, &Session), id: &Id) -> Option<u32> {
        let has_it = |sub: u32| self.id(sub) == Some(id);
        if !session.is(MANY) {
            return self.chain(session.listens()).find(|&sub| has_it(sub));
        }
        let hash = self.hasher.hash_one((ix, id.as_bytes()));
        let found = self.listens.find(hash, |&(of, sub)| of == ix && has_it(sub));
        found.map(|&(_, sub)| sub)
    }

    /// The acknowledgment of a listen has left the outbox, or outlives the listen.
    pub(crate) fn forget_ack(&mut self, sub: u32) {
        self.subs[sub].ack = NONE;
    }
}

/// Hashes a listen by its session and id.
fn hash_of(hasher: &RandomState, session: u32, ids: &[Option<Id>], sub: u32) -> u64 {
    let id = ids[sub as usize].as_ref().expect("a listen has an id");
    hasher.hash_one((session, id.as_bytes()))
}

impl Core {
    /// The session of a subscription.
    #[inline]
    pub(crate) fn session_of_sub(&self, sub: u32) -> u32 {
        match own_session(sub) {
            Some(ix) => ix,
            None => self.out.streams[self.subs.subs[sub].stream].session(),
        }
    }

    /// The stream that its notices go out on.
    #[inline]
    pub(crate) fn stream_of_sub(&self, sub: u32) -> u32 {
        match own_session(sub) {
            Some(ix) => self.sessions[ix].home,
            None => self.subs.subs[sub].stream,
        }
    }

    /// Where its links are.
    #[inline]
    pub(crate) fn links_at(&self, sub: u32) -> Links {
        match own_session(sub) {
            Some(ix) => self.sessions[ix].own_links(),
            None => self.subs.subs[sub].links,
        }
    }

    #[inline]
    pub(super) fn set_links_at(&mut self, sub: u32, links: Links) {
        match own_session(sub) {
            Some(ix) => self.sessions[ix].set_own_links(links),
            None => self.subs.subs[sub].links = links,
        }
    }

    /// The own subscription of a session, if it has one.
    pub(crate) fn own_sub(&self, ix: u32) -> Option<u32> {
        self.sessions[ix].has_own().then(|| own_sub(ix))
    }

    /// A session's listens, oldest first, or its own subscription.
    pub(crate) fn subs_of(&self, ix: u32) -> Vec<u32> {
        let mut found: Vec<u32> = self.subs.chain(self.sessions[ix].listens()).collect();
        found.reverse();
        found.extend(self.own_sub(ix));
        found
    }

    pub(crate) fn find_listen(&self, ix: u32, id: &Id) -> Option<u32> {
        self.subs.find_listen((ix, &self.sessions[ix]), id)
    }

    /// Whether a subscription is one that hears of every URI.
    pub(crate) fn is_ear(&self, sub: u32) -> bool {
        own_session(sub).is_some_and(|ix| self.sessions[ix].ears_pos != NONE)
    }

    /// What an open or legacy session holds from the start: the lists that it may hear of.
    pub(crate) fn open_own_subscription(&mut self, ix: u32) {
        let sub = own_sub(ix);
        self.sessions[ix].set_own(true);
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
        for slot in self.links_of(own_sub(ix)) {
            let kind = self.topics[self.out.slots[slot].link().topic].kind;
            let is_wanted = self.sessions.types(ix).is_none_or(|types| types.admit_notice(kind));
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
        let sub = own_sub(ix);
        let types = self.sessions.types(ix);
        let types_admit = types.is_none_or(|types| types.admit_notice(NoticeKind::Resource));
        let session = &mut self.sessions[ix];
        let hears_all = session.rules == Rules::Open && session.held == 0 && types_admit;
        if hears_all && session.ears_pos == NONE {
            session.ears_pos = self.subs.ears.len() as u32;
            self.subs.ears.push(sub);
        } else if !hears_all && session.ears_pos != NONE {
            self.forget_ear(ix);
            for slot in self.links_of(sub) {
                let record = &self.out.slots[slot];
                if record.is(PASSING) && !self.is_contained(sub, record.link().topic) {
                    self.remove_link(slot);
                }
            }
        }
    }

    fn forget_ear(&mut self, ix: u32) {
        let pos = std::mem::replace(&mut self.sessions[ix].ears_pos, NONE);
        if pos == NONE {
            return;
        }
        self.subs.ears.swap_remove(pos as usize);
        if let Some(moved) = self.subs.ears.get(pos as usize).copied().and_then(own_session) {
            self.sessions[moved].ears_pos = pos;
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
        if !self.sessions[ix].has_own() {
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
        let sub = own_sub(ix);
        let out = &self.out;
        let look = |topic| out.fetch_crowd(topic);
        let topic = self.topics.intern_after(NoticeKind::Resource, uri, look);
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
            self.note_held(ix, topic);
            self.sessions[ix].filter_bytes += self.topics[topic].link_bytes();
        } else {
            let is_muted = !self.sessions.admits(ix, NoticeKind::Resource.method());
            self.add_link(sub, topic, if is_muted { MUTED } else { 0 });
        }
        self.settle_access(ix, topic, is_granted);
        self.note_uri(ix);
        Ok(())
    }

    /// A session's own subscription holds one more URI, or template.
    pub(crate) fn note_uri(&mut self, ix: u32) {
        self.subs.uris += 1;
        self.count_held(ix);
        self.follow_ears(ix);
    }

    /// Whether there was such a subscription. What was queued of it is dropped (R25), unless
    /// another one covers it (G2).
    pub(crate) fn unsubscribe_uri(&mut self, ix: u32, uri: &str) -> bool {
        let sub = own_sub(ix);
        let Some(topic) = self.topics.find(NoticeKind::Resource, uri) else { return false };
        let Some(slot) = self.find_link(sub, topic) else { return false };
        if self.out.slots[slot].is(PASSING) {
            return false;
        }
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
        if let Some(ix) = own_session(sub) {
            self.forget_ear(ix);
            self.remove_links(sub);
            let uris = self.sessions[ix].held;
            self.subs.uris -= u64::from(uris);
            self.uncount_held(ix, uris);
            self.sessions[ix].set_own(false);
            return;
        }
        self.remove_links(sub);
        let &Subscription { stream, ack, .. } = &self.subs.subs[sub];
        if ack != NONE {
            self.discard(ack);
        }
        let ix = self.out.streams[stream].session();
        self.uncount_held(ix, 1);
        let id = self.subs.id(sub).expect("a listen has an id");
        self.sessions[ix].filter_bytes -= id.as_json().len() as u32;
        self.out.streams[stream].open_requests -= 1;
        self.subs.remove((ix, &mut self.sessions[ix]), sub);
    }
}
