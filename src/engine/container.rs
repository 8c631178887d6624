//! Sub-resources (G2): with `resources.match = segments`, who subscribed to a container hears of
//! what is in it, found by walking the topic's parents and never by scanning subscriptions.
//!
//! A notice for a sub-resource is a passing link of the container's subscription, so it has the
//! sub-resource's URI and the container's tag. Passing links take a place of the session's bound;
//! where that is used up, the container itself is raised, which says as much in one slot that is
//! always there. So nothing is lost, and nothing grows without end.

use std::collections::HashSet;

use crate::engine::Core;
use crate::engine::crowd::Reached;
use crate::engine::raise::Audience;
use crate::engine::slot::{MUTED, PASSING, WITHDRAWN};
use crate::protocol::kind::NoticeKind;
use crate::protocol::uri;

impl Core {
    /// The topics that cover a URI and are held: what contains it, the nearest first, and the
    /// templates that match it.
    pub(crate) fn containers_held(&self, uri: &str) -> Vec<u32> {
        let mut held = Vec::new();
        if self.config.match_segments {
            let containers = uri::containers(uri);
            held.extend(containers.filter_map(|it| self.topics.find(NoticeKind::Resource, it)));
        }
        if !self.topics.templates.is_empty() {
            held.extend(self.topics.templates.matching(uri));
        }
        held
    }

    /// Whether a URI may be covered by anything but itself.
    pub(crate) fn has_containers(&self) -> bool {
        self.config.match_segments || !self.topics.templates.is_empty()
    }

    /// Raises a topic for those who subscribed to what contains it, and not to it.
    pub(crate) fn raise_to_containers(
        &mut self,
        topic: u32,
        containers: &[u32],
        audience: Audience<'_>,
        context: Option<u32>,
        reached: &mut Reached,
    ) {
        let mut told_otherwise = HashSet::new();
        for &container in containers {
            for slot in self.links_reached(container, audience) {
                let record = &self.out.slots[slot];
                let sub = self.out.sub_of(slot);
                if record.is(PASSING | MUTED) || self.find_link(sub, topic).is_some() {
                    continue;
                }
                let ix = self.session_of_sub(sub);
                if self.topics[container].is_template {
                    // It cannot stand for what it matches.
                    self.raise_passing(sub, topic, context, reached);
                } else if self.sessions.is_full(ix, 0) {
                    // Once, by the nearest container that it holds.
                    if told_otherwise.insert(sub) {
                        self.raise_link(slot, context, reached);
                    }
                } else {
                    let slot = self.add_link(sub, topic, PASSING);
                    self.raise_link(slot, context, reached);
                }
            }
        }
    }

    /// A session no longer subscribes to a URI by name. What is queued of it is dropped, unless
    /// something that it still holds covers it: then it goes on as the notice of a sub-resource.
    pub(crate) fn let_go(&mut self, ix: u32, slot: u32) {
        let record = &self.out.slots[slot];
        let (sub, topic, is_queued) =
            (self.out.sub_of(slot), record.link().topic, self.out.is_queued(slot));
        let (stream, cover) =
            (self.out.stream_of(slot), is_queued.then(|| self.cover_of(sub, topic)));
        let Some(cover) = cover.flatten() else { return self.remove_link(slot) };
        let is_template = self.topics[self.out.slots[cover].link().topic].is_template;
        if !is_template && self.sessions.is_full(ix, 0) {
            self.remove_link(slot);
            self.raise_link(cover, None, &mut Reached::default());
        } else if is_template && !self.make_room(ix, stream, 0) {
            self.remove_link(slot);
        } else {
            self.forget_held(ix, topic);
            self.out.flag(slot, PASSING, 0);
            self.topics[topic].passing += 1;
            let bytes = self.topics[topic].link_bytes();
            let session = &mut self.sessions[ix];
            session.frames += 1;
            session.filter_bytes -= bytes;
        }
    }

    /// Drops what passes by to a subscription and is covered by nothing any more (R25).
    pub(crate) fn retract_uncovered(&mut self, sub: u32) {
        // What passes by is counted as a frame.
        let is_passed = self.sessions[self.session_of_sub(sub)].frames != 0;
        if !is_passed || self.is_ear(sub) {
            return;
        }
        for slot in self.links_of(sub) {
            let record = &self.out.slots[slot];
            if record.is(PASSING) && !self.is_contained(sub, record.link().topic) {
                self.remove_link(slot);
            }
        }
    }

    /// Whether a subscription holds a container of that topic, or a template that matches it, and
    /// hears of it.
    pub(crate) fn is_contained(&self, sub: u32, topic: u32) -> bool {
        self.cover_of(sub, topic).is_some()
    }

    /// The link of a subscription to the nearest container of a topic, or to a template that
    /// matches it, of which it hears.
    fn cover_of(&self, sub: u32, topic: u32) -> Option<u32> {
        // As it stands in a JSON string: what is escaped there stands in no template.
        let name = self.topics[topic].name();
        let link_to = |topic: u32| {
            let link = self.find_link(sub, topic);
            link.filter(|&link| !self.out.slots[link].is(PASSING | WITHDRAWN))
        };
        let mut containers = uri::containers(name).filter_map(|it| self.topics.find_escaped(it));
        let container =
            if self.config.match_segments { containers.find_map(link_to) } else { None };
        container.or_else(|| self.topics.templates.matching(name).into_iter().find_map(link_to))
    }
}
