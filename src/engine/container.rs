//! Sub-resources (G2): with `resources.match = segments`, who subscribed to a container hears of
//! what is in it, found by walking the topic's parents and never by scanning subscriptions.
//!
//! A notice for a sub-resource is a passing link of the container's subscription, so it has the
//! sub-resource's URI and the container's tag. Passing links take a place of the session's bound;
//! where that is used up, the container itself is raised, which says as much in one slot that is
//! always there. So nothing is lost, and nothing grows without end.

use std::collections::HashSet;

use crate::engine::Core;
use crate::engine::outbox::{MUTED, PASSING, QUEUED, WITHDRAWN};
use crate::engine::raise::{Audience, Reached};
use crate::protocol::kind::NoticeKind;
use crate::protocol::{encode, uri};

impl Core {
    /// The topics that contain a URI and are held, the nearest first.
    pub(crate) fn containers_held(&self, uri: &str) -> Vec<u32> {
        if !self.config.match_segments {
            return Vec::new();
        }
        uri::containers(uri)
            .filter_map(|container| self.topics.find(NoticeKind::Resource, container))
            .collect()
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
                let sub = record.link().sub;
                if record.is(PASSING | MUTED) || self.find_link(sub, topic).is_some() {
                    continue;
                }
                if self.sessions[self.subs[sub].session].is_full(0) {
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

    /// A session no longer subscribes to a URI by name. What is queued of it is dropped, unless a
    /// container that it still holds covers it: then it goes on as the notice of a sub-resource.
    pub(crate) fn let_go(&mut self, ix: u32, slot: u32) {
        let record = &self.out.slots[slot];
        let (sub, topic, is_queued) = (record.link().sub, record.link().topic, record.is(QUEUED));
        let container = is_queued.then(|| self.container_of(sub, topic)).flatten();
        match container {
            Some(container) if self.sessions[ix].is_full(0) => {
                self.remove_link(slot);
                self.raise_link(container, None, &mut Reached::default());
            }
            Some(_) => {
                self.forget_held(sub, topic);
                self.out.slots[slot].flags |= PASSING;
                self.topics[topic].passing += 1;
                self.sessions[ix].frames += 1;
            }
            None => self.remove_link(slot),
        }
    }

    /// Drops what is queued of the sub-resources of a URI that a session no longer subscribes to,
    /// unless another of its containers covers them (R25).
    pub(crate) fn retract_contained(&mut self, sub: u32, uri: &str) {
        if self.config.match_segments {
            // As topics have it.
            self.retract_contained_escaped(sub, &encode::escaped(uri));
        }
    }

    /// The same for a topic.
    pub(crate) fn retract_contained_in(&mut self, sub: u32, topic: u32) {
        if self.config.match_segments && self.topics[topic].kind == NoticeKind::Resource {
            let uri = self.topics[topic].name().to_owned();
            self.retract_contained_escaped(sub, &uri);
        }
    }

    fn retract_contained_escaped(&mut self, sub: u32, uri: &str) {
        for slot in self.links_of(sub) {
            let record = &self.out.slots[slot];
            let topic = record.link().topic;
            if record.is(PASSING)
                && uri::contains(uri, self.topics[topic].name())
                && !self.is_contained(sub, topic)
            {
                self.remove_link(slot);
            }
        }
    }

    /// Whether a subscription holds a container of that topic, and hears of it.
    pub(crate) fn is_contained(&self, sub: u32, topic: u32) -> bool {
        self.container_of(sub, topic).is_some()
    }

    /// The link of a subscription to the nearest container of a topic that it hears of.
    fn container_of(&self, sub: u32, topic: u32) -> Option<u32> {
        if !self.config.match_segments {
            return None;
        }
        uri::containers(self.topics[topic].name()).find_map(|container| {
            let topic = self.topics.find_escaped(container);
            let link = topic.and_then(|topic| self.find_link(sub, topic));
            link.filter(|&link| !self.out.slots[link].is(PASSING | WITHDRAWN))
        })
    }
}
