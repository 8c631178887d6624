//! Raising a notice: walk the topic's links, skip those already queued, queue the others.

use std::collections::HashSet;

use crate::engine::Core;
use crate::engine::crowd::Reached;
use crate::engine::event::ENTRY_BYTES;
use crate::engine::limits::Excess;
use crate::engine::slot::{AGAIN, CONTEXT, IN_HAND, Lane, MUTED, PASSING};
use crate::engine::subscription::own_sub;
use crate::error::{Error, Result};
use crate::params::{Raise, SessionId, Target};
use crate::protocol::Level;
use crate::protocol::id::Id;
use crate::protocol::kind::NoticeKind;
use crate::protocol::meta;

/// A target whose handles have been looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Audience<'a> {
    All,
    Except(u32),
    Session(u32),
    Principal(&'a str),
}

/// A request that is no more is an ordinary thing; an id that can be none is a mistake.
pub(crate) fn check_request_id(target: Target<'_>) -> Result<()> {
    match target {
        Target::Request(_, id) if Id::parse(id).is_none() => {
            Err(Error::invalid("request must be the JSON text of a string or an integer"))
        }
        _ => Ok(()),
    }
}

impl Core {
    pub(crate) fn audience<'a>(&self, target: Target<'a>) -> Result<Audience<'a>> {
        Ok(match target {
            Target::All => Audience::All,
            Target::Principal(name) => Audience::Principal(name),
            Target::Session(handle) | Target::Request(handle, _) => {
                Audience::Session(self.session(handle)?)
            }
            // One that has gone is excepted by itself.
            Target::Except(SessionId(handle)) => {
                self.sessions.resolve(handle).map_or(Audience::All, Audience::Except)
            }
        })
    }

    /// Raises a notice; yields how many subscriptions it reached.
    pub(crate) fn raise(
        &mut self,
        kind: NoticeKind,
        uri: &str,
        raise: &Raise<'_>,
    ) -> Result<usize> {
        check_request_id(raise.target)?;
        self.check_uri(uri).map_err(Excess::error)?;
        let audience = self.audience(raise.target)?;
        let max_bytes = self.config.max_params_bytes as usize;
        let context = match raise.context {
            Some(object) => Some(meta::context_members(object, max_bytes)?),
            None => None,
        };
        self.counters.raised += 1;
        let topic = self.topics.find(kind, uri);
        let is_heard = topic.is_some()
            || !self.subs.ears.is_empty()
            || self.has_containers() && !self.containers_held(uri).is_empty();
        if !is_heard {
            return Ok(0);
        }
        if self.debounce(kind, uri, raise.target, &context) {
            let reached = self.would_reach(kind, uri, audience);
            self.counters.matched += reached as u64;
            return Ok(reached);
        }
        let topic = topic.unwrap_or_else(|| self.topics.intern(kind, uri));
        Ok(self.raise_now(topic, uri, audience, context))
    }

    /// Raises a notice that need not wait, with the members of its context, of a topic with that
    /// URI if it has one.
    pub(crate) fn raise_now(
        &mut self,
        topic: u32,
        uri: &str,
        audience: Audience<'_>,
        context: Option<Box<str>>,
    ) -> usize {
        let kind = self.topics[topic].kind;
        // All that it reaches are the topic's own links, and they are raised alike.
        let is_plain = matches!(audience, Audience::All)
            && context.is_none()
            && (kind != NoticeKind::Resource
                || self.subs.ears.is_empty() && !self.has_containers());
        if is_plain && let Some(reached) = self.put_off(topic).or_else(|| self.begin_raising(topic))
        {
            return self.count_reached(reached);
        }
        self.finish_raising();
        let context = context
            .filter(|members| !members.is_empty() && self.has_room_for_context(members.len()))
            .map(|members| self.events.insert(members.into()));
        let mut reached = match (audience, context) {
            (Audience::All, None) => {
                let raised = self.out.count_raised(topic);
                self.queue_crowd(topic, raised)
            }
            (audience, context) => self.raise_to_some(topic, audience, context),
        };
        if kind == NoticeKind::Resource {
            self.raise_to_ears(topic, audience, context, &mut reached);
            // Only now: making room above may have let a topic go.
            if self.has_containers() {
                let containers = self.containers_held(uri);
                self.raise_to_containers(topic, &containers, audience, context, &mut reached);
            }
        }
        if let Some(context) = context {
            self.events.release(context);
        }
        self.release_topic(topic);
        self.count_reached(reached)
    }

    fn count_reached(&mut self, reached: Reached) -> usize {
        self.counters.matched += reached.matched as u64;
        self.counters.merged += reached.merged as u64;
        reached.matched
    }

    /// How many subscriptions a raising would reach.
    pub(crate) fn would_reach(&self, kind: NoticeKind, uri: &str, audience: Audience<'_>) -> usize {
        let exact = self.topics.find(kind, uri);
        let mut subs = HashSet::new();
        for topic in exact.into_iter().chain(self.containers_held(uri)) {
            // What passes by a container does not make it one.
            let is_exact = Some(topic) == exact;
            let unwanted = if is_exact { MUTED } else { MUTED | PASSING };
            let links = self.links_reached(topic, audience).into_iter();
            let links = links.filter(|&slot| !self.out.slots[slot].is(unwanted));
            // Who holds the URI itself, and may not hear of it, does not by its container either.
            let is_held =
                |sub: u32| exact.is_some_and(|exact| self.find_link(sub, exact).is_some());
            let reached =
                links.map(|slot| self.out.sub_of(slot)).filter(|&sub| is_exact || !is_held(sub));
            subs.extend(reached);
        }
        if kind == NoticeKind::Resource {
            subs.extend(self.ears_reached(audience));
        }
        subs.len()
    }

    /// A notice is worth more than its context: where the engine's total leaves no room, it goes
    /// without.
    fn has_room_for_context(&mut self, len: usize) -> bool {
        let limit = self.config.engine_max_queued_bytes;
        let has_room = self.events.bytes + len as u64 + ENTRY_BYTES <= limit;
        if !has_room && self.told.insert(String::from("context")) {
            let text = format!(
                "engine.max_queued_bytes ({limit}) is used up: notices go out without their context"
            );
            self.log(Level::Warning, "fanfare::notify", text);
        }
        has_room
    }

    /// To a part of the topic's links, or with a context.
    fn raise_to_some(
        &mut self,
        topic: u32,
        audience: Audience<'_>,
        context: Option<u32>,
    ) -> Reached {
        let mut reached = Reached::default();
        for slot in self.links_reached(topic, audience) {
            self.raise_link(slot, context, &mut reached);
        }
        reached
    }

    /// To the open sessions that hear of every URI, as far as no link covers them yet.
    fn raise_to_ears(
        &mut self,
        topic: u32,
        audience: Audience<'_>,
        context: Option<u32>,
        reached: &mut Reached,
    ) {
        let is_covered = self.topics[topic].passing as usize == self.subs.ears.len();
        // Passing links of containers count too, where there are such.
        if self.subs.ears.is_empty() || is_covered && !self.has_containers() {
            return;
        }
        for sub in self.ears_reached(audience) {
            if self.find_link(sub, topic).is_none() {
                self.raise_passing(sub, topic, context, reached);
            }
        }
    }

    /// The ears of an audience.
    fn ears_reached(&self, audience: Audience<'_>) -> Vec<u32> {
        let subs: Vec<u32> = match audience {
            Audience::All => return self.subs.ears.clone(),
            Audience::Except(not) => {
                let not = own_sub(not);
                return self.subs.ears.iter().copied().filter(|&sub| sub != not).collect();
            }
            Audience::Session(ix) => vec![own_sub(ix)],
            Audience::Principal(name) => {
                self.principals.sessions(name).iter().copied().map(own_sub).collect()
            }
        };
        subs.into_iter().filter(|&sub| self.is_ear(sub)).collect()
    }

    /// The links of a topic that an audience leaves: found from the sessions where those are
    /// named, so that the cost does not grow with the topic.
    pub(crate) fn links_reached(&self, topic: u32, audience: Audience<'_>) -> Vec<u32> {
        let of_session = |ix: u32| {
            let subs = self.subs_of(ix).into_iter();
            subs.filter_map(|sub| self.find_link(sub, topic))
        };
        match audience {
            Audience::All => self.out.crowd(topic).slots().collect(),
            Audience::Except(not) => {
                let links = self.out.crowd(topic).slots();
                links.filter(|&slot| self.session_of_link(slot) != not).collect()
            }
            Audience::Session(ix) => of_session(ix).collect(),
            Audience::Principal(name) => {
                self.principals.sessions(name).iter().flat_map(|&ix| of_session(ix)).collect()
            }
        }
    }

    fn session_of_link(&self, slot: u32) -> u32 {
        self.out.streams[self.out.stream_of(slot)].session()
    }

    pub(crate) fn raise_link(&mut self, slot: u32, context: Option<u32>, reached: &mut Reached) {
        let record = &self.out.slots[slot];
        if record.is(MUTED) {
            return;
        }
        reached.matched += 1;
        if record.is(IN_HAND) && !record.is(AGAIN) {
            self.out.raise_again(slot, false);
        } else if self.out.is_queued(slot) {
            reached.merged += 1;
            // The topic's count does not tell who was reached here, so it is told at once.
            let session = self.session_of_link(slot);
            self.sessions.rare_mut(session).merged += 1;
        } else {
            self.out.push(slot, Lane::Main);
        }
        self.drop_context(slot);
        if let Some(context) = context {
            self.events.hold(context);
            self.contexts.insert(slot, context);
            self.out.flag(slot, CONTEXT, 0);
        }
    }

    /// A notice for an open session that hears of every URI, or for who holds a template. It takes room like an event, since
    /// there is no end to the URIs that may come.
    pub(crate) fn raise_passing(
        &mut self,
        sub: u32,
        topic: u32,
        context: Option<u32>,
        reached: &mut Reached,
    ) {
        if self.make_room(self.session_of_sub(sub), self.stream_of_sub(sub), 0) {
            let slot = self.add_link(sub, topic, PASSING);
            self.raise_link(slot, context, reached);
        }
    }
}
