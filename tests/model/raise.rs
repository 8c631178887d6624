//! What a host raises: notices, which merge while they wait, and events, which do not. Debounced
//! notices are a list of those that wait for the end of their interval.

use fanfare::{Level, Revision};

use super::hears::Heard;
use super::reference::Model;
use super::state::{Class, Due, Entry, Life, Owner, Phase, Session, Sub};
use super::wire;
use super::words::{Raised, Rules, To, Topic};

/// How many raisings of a topic wait side by side before they all go out early.
const MOST_WAITING: usize = 16;

/// The interval of a topic that runs, with what waits for its end.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    topic: Topic,
    waiting: Vec<(To, Option<usize>)>,
}

impl Model {
    pub(crate) fn notify(
        &mut self,
        raised: &Raised,
        to: To,
        context: Option<usize>,
    ) -> Result<usize, &'static str> {
        if let Raised::Notice(topic) = *raised {
            return self.notify_notice(topic, to, context);
        }
        let params = raised.params_with(context);
        match *raised {
            Raised::Progress { token, value, message } => {
                let plain = Raised::Progress { token, value, message: None }.params_with(context);
                self.notify_progress(token, value, &params, message.map(|_| plain), to)
            }
            Raised::Log { level, .. } => self.notify_log(level, &params, to),
            Raised::TaskStatus { .. } => {
                // It belongs to no request, whichever is named.
                let to = if let To::Request(s, _) = to { To::Session(s) } else { to };
                self.notify_event(raised.method(), &params, to, |session| {
                    let is_its = session.revision() == Some(Revision::LATEST_LEGACY);
                    session.rules == Rules::Open || is_its && session.advertised.tasks
                })
            }
            Raised::Elicitation { .. } => {
                // Nobody was asked to complete it, and who is named would have to know it.
                if let To::Session(s) | To::Request(s, _) = to
                    && self.live(s)?.revision() == Some(Revision::LATEST_LEGACY)
                {
                    return Err("STATE");
                }
                self.notify_event(raised.method(), &params, to, |session| {
                    session.rules == Rules::Open
                })
            }
            _ => self.notify_event(raised.method(), &params, to, |_| true),
        }
    }

    // ---- notices ----

    fn notify_notice(
        &mut self,
        topic: Topic,
        to: To,
        context: Option<usize>,
    ) -> Result<usize, &'static str> {
        let audience = self.audience(to)?;
        if !self.is_held(topic) {
            return Ok(0);
        }
        let interval_ms = self.interval_ms(topic);
        if interval_ms == 0 {
            return Ok(self.raise(topic, &audience, context));
        }
        let Some(interval) = self.intervals.iter_mut().find(|it| it.topic == topic) else {
            self.begin_interval(topic);
            return Ok(self.raise(topic, &audience, context));
        };
        // The latest raising for the same sessions stands for all of them.
        let to = if let To::Request(s, _) = to { To::Session(s) } else { to };
        interval.waiting.retain(|(other, _)| *other != to);
        interval.waiting.push((to, context));
        if interval.waiting.len() > MOST_WAITING {
            let waiting = std::mem::take(&mut interval.waiting);
            self.raise_waiting(topic, waiting);
        }
        Ok(audience.into_iter().map(|s| self.hearers(s, topic).len()).sum())
    }

    fn interval_ms(&self, topic: Topic) -> u64 {
        self.setup.debounce_ms[usize::from(matches!(topic, Topic::Uri(_)))]
    }

    fn begin_interval(&mut self, topic: Topic) {
        self.dues.push((self.now_ms + self.interval_ms(topic), Due::Interval(topic)));
        self.intervals.push(Interval { topic, waiting: Vec::new() });
    }

    pub(crate) fn end_interval(&mut self, topic: Topic) {
        let at = self.intervals.iter().position(|it| it.topic == topic).expect("it ran");
        let Interval { waiting, .. } = self.intervals.remove(at);
        if !waiting.is_empty() {
            self.raise_waiting(topic, waiting);
            self.begin_interval(topic);
        }
    }

    fn raise_waiting(&mut self, topic: Topic, waiting: Vec<(To, Option<usize>)>) {
        for (to, context) in waiting {
            self.raising += 1;
            if let Ok(audience) = self.audience(to) {
                self.raise(topic, &audience, context);
            }
        }
    }

    /// Whether the places that a session has left would go to some of its subscriptions and not to
    /// others: to which is nobody's promise.
    pub(crate) fn is_toss_up(&mut self, topic: Topic, to: To) -> bool {
        self.audience(to).unwrap_or_default().into_iter().any(|s| {
            let mut hearers = self.hearers(s, topic);
            hearers.retain(|&(sub, heard)| {
                let main = &self.sessions[s].streams[self.stream_of(s, sub)].main;
                let is_new = !main.iter().any(|entry| entry.class == Class::Passing(sub, topic));
                is_new && matches!(heard, Heard::Contained(_))
            });
            let left = self.sessions[s].places_left();
            left != 0 && left < hearers.len()
        })
    }

    /// Raises a notice now. Where it waits already it keeps its place, and says what the latest
    /// raising says.
    fn raise(&mut self, topic: Topic, audience: &[usize], context: Option<usize>) -> usize {
        let mut reached = 0;
        for &s in audience {
            for (sub, heard) in self.hearers(s, topic) {
                reached += usize::from(self.raise_to(s, sub, topic, heard, context));
            }
        }
        reached
    }

    pub(crate) fn raise_to(
        &mut self,
        s: usize,
        sub: Sub,
        topic: Topic,
        heard: Heard,
        context: Option<usize>,
    ) -> bool {
        let at = self.stream_of(s, sub);
        let tag = if let Sub::Listen(id) = sub { Some(id) } else { None };
        if self.merge(s, at, sub, topic, tag, context) {
            return true;
        }
        let class = match heard {
            Heard::Named => Class::Notice(sub, topic),
            Heard::Contained(container) if self.sessions[s].is_full(0) => {
                // The container has a place of its own, and says as much.
                return self.raise_to(s, sub, container, Heard::Named, context);
            }
            Heard::Contained(_) => Class::Passing(sub, topic),
            Heard::Passing if !self.make_room(s, at, 0) => return false,
            Heard::Passing => Class::Passing(sub, topic),
        };
        let text = wire::notice(topic, tag, context);
        let entry = Entry { raising: self.raising, text, owner: Owner::Session, class };
        self.sessions[s].streams[at].main.push(entry);
        true
    }

    /// Whether the same notice waits already; then it says what this one does.
    fn merge(
        &mut self,
        s: usize,
        at: usize,
        sub: Sub,
        topic: Topic,
        tag: Option<&'static str>,
        context: Option<usize>,
    ) -> bool {
        let same = [Class::Notice(sub, topic), Class::Passing(sub, topic)];
        let main = &mut self.sessions[s].streams[at].main;
        match main.iter_mut().find(|entry| same.contains(&entry.class)) {
            Some(entry) => entry.text = wire::notice(topic, tag, context),
            None => return false,
        }
        true
    }

    fn stream_of(&self, s: usize, sub: Sub) -> usize {
        let listens = &self.sessions[s].listens;
        match sub {
            Sub::Own => 0,
            Sub::Listen(id) => listens.iter().find(|it| it.id == id).expect("it hears").stream,
        }
    }

    // ---- events ----

    /// An event for each session that hears of events, and admits this one. It goes out on the
    /// stream of its request, or where what belongs to no request does.
    fn notify_event(
        &mut self,
        method: &str,
        params: &str,
        to: To,
        admits: impl Fn(&Session) -> bool,
    ) -> Result<usize, &'static str> {
        let text = wire::message(method, None, params);
        let mut reached = 0;
        for s in self.audience(to)? {
            let session = &self.sessions[s];
            if !session.hears_events() || !session.admits(method) || !admits(session) {
                continue;
            }
            let place = match to {
                To::Request(_, id) => session
                    .requests
                    .iter()
                    .find(|it| it.id == id)
                    .and_then(|it| it.stream)
                    .map(|at| (at, Owner::Request(id))),
                _ => Some((0, Owner::Session)),
            };
            if let Some((at, owner)) = place {
                reached += usize::from(self.offer(s, at, text.clone(), owner));
            }
        }
        Ok(reached)
    }

    /// A log message: by the level of a legacy session, and of a modern one by the level that a
    /// request of its asked for.
    fn notify_log(&mut self, level: Level, params: &str, to: To) -> Result<usize, &'static str> {
        const METHOD: &str = "notifications/message";
        if let To::Session(s) | To::Request(s, _) = to
            && self.live(s)?.rules == Rules::Modern
        {
            let session = &self.sessions[s];
            let is_meant = |id| !matches!(to, To::Request(_, other) if other != id);
            let request = session
                .requests
                .iter()
                .rev()
                .find(|it| is_meant(it.id) && it.level.is_some_and(|lowest| level >= lowest));
            let Some(request) = request.filter(|_| session.advertised.logging) else {
                return Ok(0);
            };
            let (at, owner) =
                (request.stream.expect("it goes with it"), Owner::Request(request.id));
            let text = wire::message(METHOD, None, params);
            return Ok(usize::from(self.offer(s, at, text, owner)));
        }
        self.notify_event(METHOD, params, to, |session| match session.rules {
            Rules::Open => true,
            _ => {
                debug_assert!(session.life == Life::Live && session.phase > Phase::Greeting);
                session.advertised.logging && level >= session.level
            }
        })
    }
}
