//! Authorization (R69): whether the holder of a session, its principal, may hear of a topic. The
//! host is asked when somebody subscribes; its answer holds for that principal and topic until
//! they are revoked, and then it is asked again.
//!
//! The host is never called under the lock. Whoever is about to subscribe collects the questions,
//! lets go of the lock, has them answered, and comes back with the answers. The epoch tells
//! whether something was revoked meanwhile, and the answers are stale.
//!
//! Invariants, for an engine whose host is asked:
//! * `held` has an entry for a holder and a topic if and only if the holder has links there about
//!   which the host is asked, passing ones not among them, and counts them;
//! * those links are all withdrawn, or none of them is, as the entry says.

use std::collections::HashMap;

use crate::engine::Core;
use crate::engine::crowd::Reached;
use crate::engine::incoming::Incoming;
use crate::engine::pool::NONE;
use crate::engine::raise::Audience;
use crate::engine::session::Rules;
use crate::engine::slot::{MUTED, PASSING, WITHDRAWN};
use crate::error::{Error, ErrorKind};
use crate::params::{Access, EndReason, SessionId, Topic};
use crate::protocol::filter::Filter;
use crate::protocol::id::Id;
use crate::protocol::kind::{NoticeKind, method};
use crate::protocol::message::{self, Fault, Message};
use crate::protocol::meta::RequestMeta;
use crate::protocol::{code, encode};

/// What the host is asked: may the client of that session hear of that topic?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessRequest<'a> {
    /// The session that subscribes. When access is looked at again, one of those of the principal
    /// that hold the topic.
    pub session: SessionId,
    /// The number that the host gave when it opened the session.
    pub user_data: u64,
    /// Who the client is. `None`: the session was opened without a principal, and the answer
    /// counts for it alone.
    pub principal: Option<&'a str>,
    /// What it would hear of.
    pub topic: Topic<'a>,
    /// It holds the topic already, and [`Engine::revoke`](crate::Engine::revoke) asks.
    pub is_again: bool,
}

/// What [`Engine::revoke`](crate::Engine::revoke) found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Pairs of a principal and a topic about which the host was asked.
    pub asked: usize,
    /// Subscriptions that heard of a topic and do so no more, those that ended among them.
    pub withdrawn: usize,
    /// Subscriptions that hear of a topic again.
    pub restored: usize,
    /// Listens that ended, as [`EndReason::Revoked`].
    pub ended: usize,
}

/// Whose access it is: all sessions of a principal have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Holder {
    Principal(u32),
    Session(u32),
}

#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) links: u32,
    pub(super) is_withdrawn: bool,
    /// The epoch whose revocation waits for the host's answer, 0 for none.
    doubted: u64,
}

#[derive(Debug, Default)]
pub(crate) struct AccessControl {
    /// Whether the host wants to be asked at all.
    is_asked: bool,
    epoch: u64,
    pub(super) held: HashMap<(Holder, u32), Held>,
    /// What the host has answered for the present call.
    pub(super) answers: HashMap<NoticeKind, HashMap<String, Access>>,
}

/// A question, and the answer if it is known.
#[derive(Debug)]
pub(crate) struct Question {
    session: SessionId,
    user_data: u64,
    principal: Option<Box<str>>,
    kind: NoticeKind,
    name: String,
    known: Option<Access>,
    /// The entry that a revocation doubts.
    doubted: Option<(Holder, u32)>,
}

impl Question {
    /// What is known, or what the host says.
    pub(crate) fn answer(&self, ask: &dyn Fn(&AccessRequest<'_>) -> Access) -> Access {
        self.known.unwrap_or_else(|| {
            ask(&AccessRequest {
                session: self.session,
                user_data: self.user_data,
                principal: self.principal.as_deref(),
                topic: Topic::new(self.kind, &self.name),
                is_again: self.doubted.is_some(),
            })
        })
    }
}

/// Access that the host refused.
#[derive(Debug)]
pub(crate) struct Denied(String);

impl Denied {
    pub(crate) fn fault(self, id: &Id) -> Fault {
        Fault::of(id, code::INVALID_PARAMS, self.0)
    }

    pub(crate) fn error(self) -> Error {
        Error::new(ErrorKind::Denied, self.0)
    }
}

impl Core {
    /// The host wants to be asked, from now on.
    pub(crate) fn ask_for_access(&mut self) {
        self.access.is_asked = true;
    }

    /// Changes whenever answers that were not applied yet have become stale.
    pub(crate) fn access_epoch(&self) -> u64 {
        self.access.epoch
    }

    /// Gives the answers to the questions of the present call.
    pub(crate) fn take_answers(&mut self, answered: Vec<(Question, Access)>) {
        self.access.answers.clear();
        for (question, access) in answered {
            self.access.answers.entry(question.kind).or_default().insert(question.name, access);
        }
    }

    pub(crate) fn forget_answers(&mut self) {
        self.access.answers.clear();
    }

    // ---- questions of those who subscribe ----

    /// What has to be asked before a client's message can be received.
    pub(crate) fn questions_of_message(
        &self,
        handle: SessionId,
        incoming: &Incoming<'_>,
    ) -> Vec<Question> {
        let Ok(ix) = self.session(handle) else { return Vec::new() };
        match incoming {
            Incoming::One { message: Ok(message), .. } => self.questions_of_request(ix, message),
            Incoming::Batch(text) if self.takes_batches(ix) => {
                let elements = message::batch(text).unwrap_or_default().into_iter();
                let messages = elements
                    .filter_map(|text| Message::parse_within(text, self.config.max_depth).ok());
                messages.flat_map(|message| self.questions_of_request(ix, &message)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn questions_of_request(&self, ix: u32, message: &Message<'_>) -> Vec<Question> {
        let Message::Request { method, params, .. } = message else { return Vec::new() };
        match (&**method, self.sessions[ix].rules) {
            (method::LISTEN, Rules::Modern | Rules::Undecided) => {
                let text = message::listen_filter(*params);
                let meta = RequestMeta::of(*params);
                let declares = |extension: &str| meta.declares(extension);
                text.map_or_else(Vec::new, |text| self.questions_of_filter(ix, text, declares))
            }
            (method::SUBSCRIBE, Rules::Open | Rules::Legacy { .. }) => {
                let uri = message::subscribed_uri(*params);
                uri.map_or_else(Vec::new, |uri| self.questions_of_uri(ix, uri))
            }
            _ => Vec::new(),
        }
    }

    /// The same for a host that subscribes a session.
    pub(crate) fn questions_of_subscribe(&self, handle: SessionId, uri: &str) -> Vec<Question> {
        self.session(handle).map_or_else(|_| Vec::new(), |ix| self.questions_of_uri(ix, uri.into()))
    }

    pub(crate) fn questions_of_listen(&self, handle: SessionId, filter: &str) -> Vec<Question> {
        self.session(handle)
            .map_or_else(|_| Vec::new(), |ix| self.questions_of_filter(ix, filter, |_| true))
    }

    /// Nothing is asked for what will be refused anyway.
    fn questions_of_uri(&self, ix: u32, uri: String) -> Vec<Question> {
        if !self.sessions[ix].has_own() || self.check_uri(&uri).is_err() {
            return Vec::new();
        }
        vec![self.question(ix, NoticeKind::Resource, uri)]
    }

    fn questions_of_filter(
        &self,
        ix: u32,
        text: &str,
        declares: impl Fn(&str) -> bool,
    ) -> Vec<Question> {
        if self.check_filter_text(text).is_err() || self.check_subscription_limits(ix).is_err() {
            return Vec::new();
        }
        let parsed = Filter::parse(text, &self.sessions[ix].capabilities());
        let Ok(filter) = parsed else { return Vec::new() };
        if self.check_filter(&filter).is_err() || filter.undeclared(declares).is_some() {
            return Vec::new();
        }
        let topics = filter.narrow(&self.sessions[ix].capabilities()).topics.into_iter();
        topics.map(|(kind, name)| self.question(ix, kind, name)).collect()
    }

    /// What has to be asked before a legacy session hears of the server's lists, of which it hears
    /// without subscribing.
    pub(crate) fn questions_of_lists(&self, handle: SessionId) -> Vec<Question> {
        let Ok(ix) = self.session(handle) else { return Vec::new() };
        let lists = self.lists_heard(ix).into_iter();
        lists.map(|kind| self.question(ix, kind, String::new())).collect()
    }

    fn question(&self, ix: u32, kind: NoticeKind, name: String) -> Question {
        let topic = self.topics.find(kind, &name);
        let held = topic.and_then(|topic| self.access.held.get(&(self.holder(ix), topic)));
        let is_known = held.is_some_and(|held| !held.is_withdrawn && held.doubted == 0);
        Question {
            session: SessionId(self.sessions.handle(ix)),
            user_data: self.sessions.user_data(ix),
            principal: self.principals.name(self.sessions.principal(ix)).map(Into::into),
            kind,
            name,
            known: is_known.then_some(Access::Allow),
            doubted: None,
        }
    }

    // ---- answers ----

    /// What of a filter a session is granted: what the server advertises (R44) and the host
    /// allows (G7).
    pub(crate) fn honoured(&self, ix: u32, filter: Filter) -> Result<Filter, Denied> {
        let mut filter = filter.narrow(&self.sessions[ix].capabilities());
        let mut denied = None;
        filter.topics.retain(|(kind, name)| match self.access_to(ix, *kind, name) {
            Access::Allow => true,
            Access::Omit => false,
            Access::Refuse => {
                denied.get_or_insert_with(|| (*kind, name.clone()));
                false
            }
        });
        match denied {
            None => Ok(filter),
            Some((kind, name)) => Err(denial("params.notifications", kind, &name)),
        }
    }

    /// Whether a session that subscribes to a URI is to hear of it.
    pub(crate) fn is_granted(&self, ix: u32, uri: &str) -> Result<bool, Denied> {
        match self.access_to(ix, NoticeKind::Resource, uri) {
            Access::Allow => Ok(true),
            Access::Omit => Ok(false),
            Access::Refuse => Err(denial("params.uri", NoticeKind::Resource, uri)),
        }
    }

    /// What nobody has answered is refused.
    fn access_to(&self, ix: u32, kind: NoticeKind, name: &str) -> Access {
        if !self.is_asked_about(ix, kind) {
            return Access::Allow;
        }
        let of_kind = self.access.answers.get(&kind);
        of_kind.and_then(|names| names.get(name)).copied().unwrap_or(Access::Refuse)
    }

    /// Gives a legacy session the lists that it may hear of, and tells it of those that have been
    /// raised to everyone since their counts were `raised`. One that it may not hear of is held for
    /// it, in case that changes.
    pub(crate) fn grant_lists(&mut self, handle: SessionId, raised: [u32; 3]) {
        let Ok(ix) = self.session(handle) else { return };
        let Some(sub) = self.own_sub(ix) else { return };
        for kind in self.lists_heard(ix) {
            if self.find_link(sub, kind as u32).is_none() {
                let slot = self.add_link(sub, kind as u32, 0);
                let is_granted = self.access_to(ix, kind, "") == Access::Allow;
                self.settle_access(ix, kind as u32, is_granted);
                if self.out.crowd(kind as u32).raised != raised[kind as usize] {
                    self.raise_link(slot, None, &mut Reached::default());
                }
            }
        }
        self.follow_types(ix);
    }

    // ---- what is held ----

    pub(crate) fn is_asked(&self) -> bool {
        self.access.is_asked
    }

    /// An open session hears of the lists because it is open, not because it subscribed.
    pub(super) fn is_asked_about(&self, ix: u32, kind: NoticeKind) -> bool {
        let is_unasked =
            self.sessions[ix].rules == Rules::Open && NoticeKind::LISTS.contains(&kind);
        self.access.is_asked && !is_unasked
    }

    pub(super) fn holder(&self, ix: u32) -> Holder {
        match self.sessions.principal(ix) {
            NONE => Holder::Session(ix),
            principal => Holder::Principal(principal),
        }
    }

    /// A link of a session that is none of the passing ones has been made.
    pub(crate) fn note_held(&mut self, ix: u32, topic: u32) {
        // A template is the host's own choice.
        if self.access.is_asked
            && !self.topics[topic].is_template
            && self.is_asked_about(ix, self.topics[topic].kind)
        {
            self.access.held.entry((self.holder(ix), topic)).or_default().links += 1;
        }
    }

    /// Such a link is about to go.
    pub(crate) fn forget_held(&mut self, ix: u32, topic: u32) {
        if !self.access.is_asked || self.topics[topic].is_template {
            return;
        }
        if !self.is_asked_about(ix, self.topics[topic].kind) {
            return;
        }
        let key = (self.holder(ix), topic);
        if let Some(held) = self.access.held.get_mut(&key) {
            held.links -= 1;
            if held.links == 0 {
                self.access.held.remove(&key);
            }
        }
    }

    /// Brings what a holder has of a topic in line with an answer that came with a subscription.
    pub(crate) fn settle_access(&mut self, ix: u32, topic: u32, is_granted: bool) {
        if self.is_asked_about(ix, self.topics[topic].kind) {
            self.set_withdrawn((self.holder(ix), topic), !is_granted);
        }
    }

    /// Takes a topic from its holder, or gives it back; yields how many links that concerned. What
    /// is queued of it is dropped.
    fn set_withdrawn(&mut self, key: (Holder, u32), is_withdrawn: bool) -> usize {
        let Some(held) = self.access.held.get_mut(&key) else { return 0 };
        held.is_withdrawn = is_withdrawn;
        let mut count = 0;
        for slot in self.links_held(key) {
            if self.out.slots[slot].is(WITHDRAWN) == is_withdrawn {
                continue;
            }
            count += 1;
            let sub = self.out.sub_of(slot);
            if is_withdrawn {
                self.retract(slot);
                self.out.flag(slot, WITHDRAWN | MUTED, 0);
                self.retract_uncovered(sub);
            } else {
                self.out.flag(slot, 0, WITHDRAWN | MUTED);
                let kind = self.topics[key.1].kind;
                let is_own = self.subs.id(sub).is_none();
                if is_own && !self.sessions.admits(self.session_of_sub(sub), kind.method()) {
                    self.out.flag(slot, MUTED, 0);
                }
            }
        }
        count
    }

    /// The links of an entry.
    fn links_held(&self, (holder, topic): (Holder, u32)) -> Vec<u32> {
        let audience = match holder {
            Holder::Session(ix) => Audience::Session(ix),
            Holder::Principal(of) => {
                Audience::Principal(self.principals.name(of).unwrap_or_default())
            }
        };
        let mut links = self.links_reached(topic, audience);
        links.retain(|&slot| {
            let record = &self.out.slots[slot];
            let ix = self.session_of_sub(self.out.sub_of(slot));
            !record.is(PASSING) && self.is_asked_about(ix, self.topics[topic].kind)
        });
        links
    }

    // ---- revocation ----

    /// Doubts what the host said of a principal, of a topic, or of everything. Yields what has to
    /// be asked again.
    pub(crate) fn begin_revoke(
        &mut self,
        principal: Option<&str>,
        topic: Option<Topic<'_>>,
    ) -> Vec<Question> {
        self.access.epoch += 1;
        let topic = match topic.map(Topic::parts) {
            None => None,
            Some((kind, name)) => match self.topics.find(kind, name) {
                None => return Vec::new(),
                found => found,
            },
        };
        let mut keys: Vec<(Holder, u32)> = match (principal, topic) {
            (Some(name), topic) => {
                let Some(of) = self.principals.find(name) else { return Vec::new() };
                let sessions = self.principals.sessions(name).iter();
                let subs = sessions.flat_map(|&ix| self.subs_of(ix));
                let links = subs.flat_map(|sub| self.links_of(sub));
                let topics = links.map(|slot| self.out.slots[slot].link().topic);
                let wanted = topics.filter(|&it| topic.is_none_or(|topic| it == topic));
                wanted.map(|topic| (Holder::Principal(of), topic)).collect()
            }
            (None, Some(topic)) => {
                let links = self.out.crowd(topic).slots();
                let subs = links.map(|slot| self.out.sub_of(slot));
                subs.map(|sub| (self.holder(self.session_of_sub(sub)), topic)).collect()
            }
            (None, None) => self.access.held.keys().copied().collect(),
        };
        keys.retain(|key| self.access.held.contains_key(key));
        // A holder may have several links to a topic; and the same calls ask in the same order.
        keys.sort_unstable_by_key(|&(holder, topic)| (topic, holder));
        keys.dedup();
        keys.into_iter().map(|key| self.doubt(key)).collect()
    }

    fn doubt(&mut self, key: (Holder, u32)) -> Question {
        let epoch = self.access.epoch;
        self.access.held.get_mut(&key).expect("only what is held is doubted").doubted = epoch;
        let link = self.links_held(key)[0];
        let ix = self.session_of_sub(self.out.sub_of(link));
        let topic = &self.topics[key.1];
        let (kind, name) = (topic.kind, topic.plain_name());
        Question { known: None, doubted: Some(key), ..self.question(ix, kind, name) }
    }

    /// Does what the host answered when it was asked again, unless another revocation has come
    /// since and answers for it.
    pub(crate) fn finish_revoke(&mut self, epoch: u64, answered: &[(Question, Access)]) -> Revoked {
        let mut revoked = Revoked { asked: answered.len(), ..Revoked::default() };
        let mut refused = Vec::new();
        for (question, access) in answered {
            let Some(key) = question.doubted else { continue };
            let Some(held) = self.access.held.get_mut(&key).filter(|it| it.doubted == epoch) else {
                continue;
            };
            held.doubted = 0;
            if *access == Access::Allow {
                revoked.restored += self.set_withdrawn(key, false);
                continue;
            }
            revoked.withdrawn += self.set_withdrawn(key, true);
            if *access == Access::Refuse {
                refused.push(key);
            }
        }
        // Only now: what is queued of a listen goes out before its end, and nothing of that may be
        // what its holder has lost.
        for key in refused {
            revoked.ended += self.end_listens_held(key);
        }
        self.settle_lagging();
        revoked
    }

    /// G23. What open and legacy sessions subscribed to has no end on the wire: it stays withdrawn.
    fn end_listens_held(&mut self, key: (Holder, u32)) -> usize {
        let subs = self.links_held(key).into_iter().map(|slot| self.out.sub_of(slot));
        let listens: Vec<u32> = subs.filter(|&sub| self.subs.id(sub).is_some()).collect();
        for &sub in &listens {
            self.end_subscription_ix(sub, EndReason::Revoked);
        }
        listens.len()
    }
}

/// Names what was asked for, and no more: not whether there is such a thing (G8).
fn denial(field: &str, kind: NoticeKind, name: &str) -> Denied {
    Denied(match Topic::new(kind, name) {
        Topic::Resource(name) | Topic::Task(name) => {
            format!("{field}: access to {} is refused", encode::string(name))
        }
        _ => format!("{field}: access to {} is refused", kind.method()),
    })
}
