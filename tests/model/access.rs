//! What the host lets be heard of: one verdict for a holder and a topic, as long as somebody holds
//! that, or until it is asked again.

use fanfare::Access;

use super::reference::{Model, Outcome};
use super::state::{Life, Sub};
use super::wire;
use super::words::{Rules, Topic};

/// Whose verdict it is: all sessions of a principal have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Principal(&'static str),
    Session(usize),
}

/// Why somebody cannot subscribe.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The text, and what the limit allows.
    Limit(String, usize),
    /// The name of what the host refuses.
    Denied(String),
}

impl Refusal {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Limit(..) => "LIMIT",
            Self::Denied(_) => "DENIED",
        }
    }
}

impl Model {
    fn holder(&self, s: usize) -> Holder {
        self.sessions[s].opening.principal.map_or(Holder::Session(s), Holder::Principal)
    }

    /// Whether the host is asked at all: not of the lists that an open session hears of anyway.
    fn is_asked_about(&self, s: usize, topic: Topic) -> bool {
        let is_unasked = self.sessions[s].rules == Rules::Open && Topic::LISTS.contains(&topic);
        self.setup.asks && !is_unasked
    }

    /// Whether the host took a topic from the holder of a session.
    pub(crate) fn is_withdrawn(&self, s: usize, topic: Topic) -> bool {
        self.is_asked_about(s, topic) && self.withdrawn.contains(&(self.holder(s), topic))
    }

    /// The subscriptions of a holder about whose topic the host is asked.
    fn held(&self, holder: Holder, topic: Topic) -> Vec<(usize, Sub)> {
        let mut found = Vec::new();
        for (s, session) in self.sessions.iter().enumerate() {
            let is_its = self.holder(s) == holder && self.is_asked_about(s, topic);
            if is_its && session.life == Life::Live {
                found.extend(session.holding(topic).into_iter().map(|sub| (s, sub)));
            }
        }
        found
    }

    /// What the host says when somebody subscribes. What it allowed holds.
    pub(crate) fn access(&self, s: usize, topic: Topic) -> Access {
        let holder = self.holder(s);
        let is_known = !self.held(holder, topic).is_empty() && !self.is_withdrawn(s, topic);
        if is_known || !self.is_asked_about(s, topic) {
            return Access::Allow;
        }
        self.verdict(holder, topic)
    }

    fn verdict(&self, holder: Holder, topic: Topic) -> Access {
        let rule = self.policy.iter().rev().find(|(principal, about, _)| {
            principal.is_none_or(|name| holder == Holder::Principal(name))
                && about.is_none_or(|about| about == topic)
        });
        rule.map_or(Access::Allow, |rule| rule.2)
    }

    /// The answer to one who subscribed holds for all of its holder.
    pub(crate) fn settle_access(&mut self, s: usize, topic: Topic, is_granted: bool) {
        if self.is_asked_about(s, topic) {
            self.set_withdrawn(self.holder(s), topic, !is_granted);
        }
    }

    /// Yields how many subscriptions lost the topic, or got it back.
    fn set_withdrawn(&mut self, holder: Holder, topic: Topic, is_withdrawn: bool) -> usize {
        let was = self.withdrawn.contains(&(holder, topic));
        self.withdrawn.retain(|it| *it != (holder, topic));
        if is_withdrawn {
            self.withdrawn.push((holder, topic));
        }
        // What is queued of it is not delivered any more.
        for s in 0..self.sessions.len() {
            self.drop_unheard(s);
        }
        if was == is_withdrawn { 0 } else { self.held(holder, topic).len() }
    }

    /// A legacy session hears of the lists without asking, as far as the host lets it.
    pub(crate) fn grant_lists(&mut self, s: usize) {
        let session = &self.sessions[s];
        if !session.hears_events() || session.rules == Rules::Open {
            return;
        }
        for topic in Topic::LISTS {
            if self.sessions[s].advertised.list(topic) {
                // Who else of its holder has it tells what is known.
                let others = self.held(self.holder(s), topic).into_iter();
                let is_known =
                    others.clone().any(|it| it != (s, Sub::Own)) && !self.is_withdrawn(s, topic);
                let is_granted = is_known || self.verdict(self.holder(s), topic) == Access::Allow;
                self.settle_access(s, topic, is_granted);
            }
        }
    }

    /// Who is asked about again, and about what.
    fn asked_about(
        &self,
        principal: Option<&'static str>,
        topic: Option<Topic>,
    ) -> Vec<(Holder, Topic)> {
        let mut asked: Vec<(Holder, Topic)> = Vec::new();
        for s in 0..self.sessions.len() {
            let holder = self.holder(s);
            if principal.is_some_and(|name| holder != Holder::Principal(name)) {
                continue;
            }
            for about in self.topics_of(s) {
                let is_meant = topic.is_none_or(|topic| topic == about);
                let is_held = !self.held(holder, about).is_empty();
                if is_meant && is_held && !asked.contains(&(holder, about)) {
                    asked.push((holder, about));
                }
            }
        }
        asked
    }

    /// Whether several listens of a stream would end with one revocation: in which order is
    /// nobody's promise.
    pub(crate) fn ends_several(
        &self,
        principal: Option<&'static str>,
        topic: Option<Topic>,
    ) -> bool {
        let mut refused = self.asked_about(principal, topic);
        refused.retain(|&(holder, topic)| self.verdict(holder, topic) == Access::Refuse);
        let loses = |s: usize, topics: &[Topic]| {
            topics.iter().any(|topic| refused.contains(&(self.holder(s), *topic)))
        };
        self.sessions.iter().enumerate().any(|(s, session)| {
            let ending = session.listens.iter().filter(|listen| loses(s, &listen.topics));
            let mut streams: Vec<usize> = ending.map(|listen| listen.stream).collect();
            let count = streams.len();
            streams.sort_unstable();
            streams.dedup();
            streams.len() < count
        })
    }

    /// Has the host asked again about a principal and a topic, or all of them.
    pub(crate) fn revoke(
        &mut self,
        principal: Option<&'static str>,
        topic: Option<Topic>,
    ) -> Result<Outcome, &'static str> {
        if !self.setup.asks {
            return Err("STATE");
        }
        let asked = self.asked_about(principal, topic);
        let verdicts: Vec<Access> =
            asked.iter().map(|&(holder, topic)| self.verdict(holder, topic)).collect();
        let (mut withdrawn, mut restored, mut ended) = (0, 0, 0);
        for (&(holder, topic), verdict) in asked.iter().zip(&verdicts) {
            if *verdict == Access::Allow {
                restored += self.set_withdrawn(holder, topic, false);
            } else {
                withdrawn += self.set_withdrawn(holder, topic, true);
            }
        }
        // Nothing of what anybody lost goes out with an end.
        for (&(holder, topic), verdict) in asked.iter().zip(&verdicts) {
            for (s, sub) in self.held(holder, topic) {
                if let (Sub::Listen(id), Access::Refuse) = (sub, verdict) {
                    self.end_listen(s, id, fanfare::EndReason::Revoked)?;
                    ended += 1;
                }
            }
        }
        Ok(Outcome::Revoked([asked.len(), withdrawn, restored, ended]))
    }

    /// What the subscriptions of a session name.
    pub(crate) fn topics_of(&self, s: usize) -> Vec<Topic> {
        let session = &self.sessions[s];
        let listened = session.listens.iter().flat_map(|listen| listen.topics.clone());
        let uris = session.uris.iter().map(|uri| Topic::Uri(uri));
        Topic::LISTS.into_iter().chain(listened).chain(uris).collect()
    }

    /// What nobody holds any more is asked about anew.
    pub(crate) fn forget_verdicts(&mut self) {
        let mut withdrawn = std::mem::take(&mut self.withdrawn);
        withdrawn.retain(|&(holder, topic)| !self.held(holder, topic).is_empty());
        self.withdrawn = withdrawn;
    }
}

/// How a refusal calls a topic.
pub(crate) fn name_of(topic: Topic) -> String {
    match topic {
        Topic::Uri(uri) => wire::string(uri),
        list => list.method().to_owned(),
    }
}
