//! Who hears of what (promise 1): asked anew for each raising, of each session, from what that
//! session is and said.

use super::reference::Model;
use super::state::{Life, Phase, Session, Sub};
use super::words::{Rules, To, Topic};

impl Session {
    /// Whether it hears of events without asking.
    pub(crate) fn hears_events(&self) -> bool {
        match self.rules {
            Rules::Open => true,
            Rules::Legacy { .. } => self.phase > Phase::Greeting,
            Rules::Modern | Rules::Auto => false,
        }
    }

    /// Whether the types that it chose have this method.
    pub(crate) fn admits(&self, method: &str) -> bool {
        let short = |name: &str| name.trim_start_matches("notifications/").to_owned();
        self.types.is_none_or(|types| types.iter().any(|one| short(one) == short(method)))
    }

    /// Whether it hears of every URI: nothing was narrowed.
    pub(crate) fn hears_all_uris(&self) -> bool {
        let is_open = self.rules == Rules::Open && self.life == Life::Live;
        is_open && self.uris.is_empty() && self.admits(Topic::Uri("").method())
    }

    /// Its subscriptions that name a topic, whether they hear of it or not.
    pub(crate) fn holding(&self, topic: Topic) -> Vec<Sub> {
        let listens = self.listens.iter().filter(|listen| listen.topics.contains(&topic));
        let mut found: Vec<Sub> = listens.map(|listen| Sub::Listen(listen.id)).collect();
        let is_own = self.hears_events()
            && match topic {
                Topic::Uri(uri) => self.uris.contains(&uri),
                list => self.rules == Rules::Open || self.advertised.list(list),
            };
        if is_own && self.life == Life::Live {
            found.push(Sub::Own);
        }
        found
    }

    /// The URIs that a subscription names and that contain another, the nearest first.
    fn containers(&self, sub: Sub, topic: Topic) -> Vec<Topic> {
        let Topic::Uri(uri) = topic else { return Vec::new() };
        let held: Vec<&'static str> = match sub {
            Sub::Own => self.uris.clone(),
            Sub::Listen(id) => {
                let listen = self.listens.iter().find(|listen| listen.id == id);
                let topics = listen.map_or(&[][..], |listen| &listen.topics);
                topics
                    .iter()
                    .filter_map(|it| if let Topic::Uri(uri) = it { Some(*uri) } else { None })
                    .collect()
            }
        };
        let mut containers = held;
        containers.retain(|container| contains(container, uri));
        containers.sort_by_key(|container| std::cmp::Reverse(container.len()));
        containers.into_iter().map(Topic::Uri).collect()
    }

    fn subs(&self) -> Vec<Sub> {
        let listens = self.listens.iter().map(|listen| Sub::Listen(listen.id));
        listens.chain([Sub::Own]).collect()
    }
}

/// How a subscription hears of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It names it.
    Named,
    /// It names what contains it.
    Contained(Topic),
    /// It names nothing.
    Passing,
}

impl Model {
    /// The subscriptions of a session that hear of a topic.
    pub(crate) fn hearers(&self, s: usize, topic: Topic) -> Vec<(Sub, Heard)> {
        let session = &self.sessions[s];
        if session.life != Life::Live {
            return Vec::new();
        }
        let holding = session.holding(topic);
        let mut found = Vec::new();
        for sub in session.subs() {
            // What a session chose by types is its own matter, and no listen's.
            if sub == Sub::Own && !session.admits(topic.method()) {
                continue;
            }
            let may_hear = |topic: &Topic| !self.is_withdrawn(s, *topic);
            if holding.contains(&sub) {
                found.extend(may_hear(&topic).then_some((sub, Heard::Named)));
            } else if self.setup.by_segments {
                let nearest = session.containers(sub, topic).into_iter().find(may_hear);
                found.extend(nearest.map(|container| (sub, Heard::Contained(container))));
            }
        }
        if matches!(topic, Topic::Uri(_)) && session.hears_all_uris() {
            found.push((Sub::Own, Heard::Passing));
        }
        found
    }

    /// Whether anybody holds a topic, or what contains it: even a session that muted it.
    pub(crate) fn is_held(&self, topic: Topic) -> bool {
        let Topic::Uri(uri) = topic else { return true };
        let is_it = |held: &str| held == uri || self.setup.by_segments && contains(held, uri);
        self.sessions.iter().filter(|it| it.life == Life::Live).any(|session| {
            let mut listened = session.listens.iter().flat_map(|listen| &listen.topics);
            session.hears_all_uris()
                || session.uris.iter().any(|held| is_it(held))
                || listened.any(|it| matches!(it, Topic::Uri(held) if is_it(held)))
        })
    }

    /// The sessions of a target, whatever they may hear.
    pub(crate) fn audience(&mut self, to: To) -> Result<Vec<usize>, &'static str> {
        if let To::Session(s) | To::Request(s, _) = to {
            self.live(s)?;
            return Ok(vec![s]);
        }
        let all = self.sessions.iter().enumerate().filter(|(s, session)| {
            let is_meant = match to {
                To::Except(not) => *s != not,
                To::Principal(name) => session.opening.principal == Some(name),
                _ => true,
            };
            is_meant && session.life == Life::Live
        });
        Ok(all.map(|(s, _)| s).collect())
    }
}

/// Whether a URI lies in another by path segments.
pub(crate) fn contains(container: &str, uri: &str) -> bool {
    let stem = container.strip_suffix('/').unwrap_or(container);
    uri != container && uri.starts_with(&format!("{stem}/"))
}
