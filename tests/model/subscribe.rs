//! Subscriptions: listens with their acknowledgment first and their end last, single URIs, and
//! what becomes of what is queued when a session no longer wants it.

use fanfare::{Access, EndReason};

use super::access::{Refusal, name_of};
use super::hears::{Heard, contains};
use super::reference::{Model, Outcome};
use super::state::{Class, Entry, Listen, Owner, Sub, drops_queue};
use super::wire;
use super::words::{Id, Place, Rules, Topic};

impl Model {
    // ---- listens ----

    pub(crate) fn start_listen(
        &mut self,
        s: usize,
        at: usize,
        id: Id,
        filter: &[Topic],
    ) -> Result<(), Refusal> {
        self.check_room(s)?;
        let advertised = self.sessions[s].advertised;
        let mut topics: Vec<Topic> = Vec::new();
        for &topic in filter {
            if advertised.list(topic) && !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        let mut denied = None;
        topics.retain(|&topic| match self.access(s, topic) {
            Access::Allow => true,
            Access::Omit => false,
            Access::Refuse => {
                denied.get_or_insert(topic);
                false
            }
        });
        if let Some(topic) = denied {
            return Err(Refusal::Denied(name_of(topic)));
        }
        let is_empty = topics.is_empty();
        self.sessions[s].streams[at].is_finished = false;
        self.reply(s, at, wire::acknowledged(id, &topics), Owner::Listen(id), true);
        self.sessions[s].listens.push(Listen { id, stream: at, topics: topics.clone() });
        for topic in topics {
            self.settle_access(s, topic, true);
        }
        if is_empty && !self.setup.holds_empty {
            self.end_listen(s, id, EndReason::Graceful).expect("it has just begun");
        }
        Ok(())
    }

    /// A listen that the host asks for.
    pub(crate) fn listen(
        &mut self,
        place: Place,
        id: Id,
        filter: &[Topic],
    ) -> Result<(), &'static str> {
        let s = place.session;
        self.live(s)?;
        let at = self.stream_of_place(place)?;
        if self.sessions[s].rules != Rules::Modern {
            return Err("NOT_NEGOTIATED");
        }
        if self.is_in_use(s, id) {
            return Err("INVALID_ARGUMENT");
        }
        self.start_listen(s, at, id, filter).map_err(|refusal| refusal.code())
    }

    /// What is queued of a listen goes before its end, or is dropped where nobody wants it.
    pub(crate) fn end_listen(
        &mut self,
        s: usize,
        id: Id,
        reason: EndReason,
    ) -> Result<(), &'static str> {
        let listens = &mut self.sessions[s].listens;
        let found = listens.iter().position(|it| it.id == id).ok_or("GONE")?;
        let at = listens.remove(found).stream;
        let is_its = |entry: &Entry| {
            let sub = match entry.class {
                Class::Notice(sub, _) | Class::Passing(sub, _) => Some(sub),
                Class::Event | Class::Reply => None,
            };
            sub == Some(Sub::Listen(id)) || entry.owner == Owner::Listen(id)
        };
        if drops_queue(reason) {
            self.sessions[s].retain(at, |entry| !is_its(entry));
        } else {
            self.overtake(s, at, is_its);
        }
        if let Some(text) = wire::end_of_listen(id, reason) {
            self.reply(s, at, text, Owner::Session, true);
        }
        self.finish_if_answered(s, at);
        Ok(())
    }

    // ---- single URIs ----

    pub(crate) fn receive_uri(
        &mut self,
        s: usize,
        at: usize,
        id: Id,
        method: &str,
        uri: &'static str,
        is_more: bool,
    ) -> Result<Outcome, &'static str> {
        let session = &self.sessions[s];
        let refusal = if session.rules != Rules::Open && !session.advertised.subscribe {
            let text = format!("{method}: the server does not advertise resources.subscribe");
            Some((-32601, text, None))
        } else if !session.hears_events() {
            Some((-32600, format!("{method}: the session is not initialized"), None))
        } else if is_more {
            self.add_uri(s, uri).err().map(|refusal| match refusal {
                Refusal::Limit(text, limit) => {
                    (-32603, text, Some(format!(r#"{{"reason":"limit","limit":{limit}}}"#)))
                }
                Refusal::Denied(what) => {
                    (-32602, format!("params.uri: access to {what} is refused"), None)
                }
            })
        } else {
            self.remove_uri(s, uri);
            None
        };
        let text = match refusal {
            Some((code, text, data)) => wire::error(id, code, &text, data.as_deref()),
            None => wire::empty_result(id),
        };
        self.reply(s, at, text, Owner::Session, true);
        self.finish_if_answered(s, at);
        Ok(Outcome::Passed(false))
    }

    pub(crate) fn subscribe(&mut self, s: usize, uri: &'static str) -> Result<(), &'static str> {
        let session = self.live(s)?;
        let is_advertised = session.rules == Rules::Open || session.advertised.subscribe;
        if !session.hears_events() || !is_advertised {
            return Err("NOT_NEGOTIATED");
        }
        self.add_uri(s, uri).map_err(|refusal| refusal.code())
    }

    pub(crate) fn unsubscribe(&mut self, s: usize, uri: &'static str) -> Result<(), &'static str> {
        if !self.live(s)?.hears_events() {
            return Err("NOT_NEGOTIATED");
        }
        if self.remove_uri(s, uri) { Ok(()) } else { Err("GONE") }
    }

    fn add_uri(&mut self, s: usize, uri: &'static str) -> Result<(), Refusal> {
        let access = self.access(s, Topic::Uri(uri));
        if access == Access::Refuse {
            return Err(Refusal::Denied(name_of(Topic::Uri(uri))));
        }
        if !self.sessions[s].uris.contains(&uri) {
            self.check_room(s)?;
            self.sessions[s].uris.push(uri);
            self.drop_unheard(s);
        }
        // What the host leaves out is held all the same, and not heard of.
        self.settle_access(s, Topic::Uri(uri), access == Access::Allow);
        Ok(())
    }

    /// Whether there was such a subscription. What is queued of it is dropped, unless the session
    /// asks for it, or for what contains it, as well.
    fn remove_uri(&mut self, s: usize, uri: &'static str) -> bool {
        let uris = &mut self.sessions[s].uris;
        let Some(found) = uris.iter().position(|it| *it == uri) else { return false };
        uris.remove(found);
        let is_its = |topic: Topic| match topic {
            Topic::Uri(other) => other == uri || self.setup.by_segments && contains(uri, other),
            _ => false,
        };
        let is_asked_for = |topic: Topic| {
            let mut hearers = self.hearers(s, topic).into_iter();
            hearers.any(|(sub, heard)| sub == Sub::Own && heard != Heard::Passing)
        };
        let classes = self.sessions[s].streams[0].main.iter().map(|entry| match entry.class {
            Class::Notice(Sub::Own, topic) | Class::Passing(Sub::Own, topic)
                if is_its(topic) && !is_asked_for(topic) =>
            {
                None
            }
            class => Some(class),
        });
        let classes = classes.collect();
        self.sessions[s].reclass(0, classes);
        // What is left of its own is covered by a container, and takes a place like an event.
        let notice = Class::Notice(Sub::Own, Topic::Uri(uri));
        if self.sessions[s].streams[0].main.iter().any(|entry| entry.class == notice)
            && self.sessions[s].is_full(0)
        {
            self.sessions[s].retain(0, |entry| entry.class != notice);
            self.raise_to(s, Sub::Own, Topic::Uri(uri), self.own_way(s, uri), None);
        }
        self.drop_unheard(s);
        true
    }

    fn own_way(&self, s: usize, uri: &'static str) -> Heard {
        let mut hearers = self.hearers(s, Topic::Uri(uri)).into_iter();
        hearers.find(|(sub, _)| *sub == Sub::Own).expect("it is covered").1
    }

    /// Drops what a session has chosen not to hear of. What it hears of by another way than before
    /// counts as that way has it.
    pub(crate) fn drop_unheard(&mut self, s: usize) {
        for at in 0..self.sessions[s].streams.len() {
            let main = &self.sessions[s].streams[at].main;
            let classes = main.iter().map(|entry| match entry.class {
                Class::Notice(sub, topic) | Class::Passing(sub, topic) => {
                    let mut hearers = self.hearers(s, topic).into_iter();
                    let heard = hearers.find(|(other, _)| *other == sub);
                    heard.map(|(_, heard)| match heard {
                        Heard::Named => Class::Notice(sub, topic),
                        Heard::Contained(_) | Heard::Passing => Class::Passing(sub, topic),
                    })
                }
                other => Some(other),
            });
            let classes = classes.collect();
            self.sessions[s].reclass(at, classes);
        }
    }

    // ---- limits ----

    /// Whether a session may hold one more subscription.
    fn check_room(&self, s: usize) -> Result<(), Refusal> {
        let setup = &self.setup;
        let held = |principal: Option<&str>| -> usize {
            let sessions = self.sessions.iter().filter(|it| it.life != super::state::Life::Gone);
            let of = sessions.filter(|it| principal.is_none() || it.opening.principal == principal);
            of.map(|it| it.held()).sum()
        };
        let session = &self.sessions[s];
        let principal = session.opening.principal.filter(|_| setup.max_of_principal != 0);
        let counts = [
            ("session", Some(session.held()), setup.max_subscriptions),
            ("principal", principal.map(|name| held(Some(name))), setup.max_of_principal),
            ("engine", Some(held(None)), setup.max_of_engine),
        ];
        for (who, held, limit) in counts {
            if let Some(held) = held.filter(|held| *held >= limit) {
                let text = format!(
                    "Subscription limit reached: the {who} holds {held} subscriptions; {who}.max_subscriptions allows {limit}"
                );
                return Err(Refusal::Limit(text, limit));
            }
        }
        Ok(())
    }
}
