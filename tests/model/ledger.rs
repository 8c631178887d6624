//! What the clients have learnt, kept apart from the queues of the reference (promise 5): whoever
//! hears of a topic has had a notice of it after its last change, and a response comes after the
//! last progress that was taken.

use std::collections::HashMap;

use serde_json::Value;

use super::queue::Seen;
use super::reference::{Life, Model, Sub};
use super::hears::Heard;
use super::words::{Command, Raised, Topic};

const TAG: &str = "io.modelcontextprotocol/subscriptionId";

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Changes that a subscription has not been told of.
    stale: Vec<(usize, Sub, Topic)>,
    /// The last progress that was taken of each request, by session and id.
    taken: HashMap<(usize, String), Value>,
    /// The last progress that was seen of each token.
    seen: HashMap<(usize, String), Value>,
}

impl Ledger {
    /// A change is about to be raised: whoever names its topic has to learn of it.
    pub(crate) fn before(&mut self, model: &mut Model, command: &Command) {
        let Command::Notify { raised: Raised::Notice(topic), to, .. } = command else { return };
        for s in model.audience(*to).unwrap_or_default() {
            for (sub, heard) in model.hearers(s, *topic) {
                let entry = (s, sub, *topic);
                if heard == Heard::Named && !self.stale.contains(&entry) {
                    self.stale.push(entry);
                }
            }
        }
    }

    /// Those who no longer want to hear need not learn any more.
    pub(crate) fn after(&mut self, model: &Model, _: &Command) {
        self.stale.retain(|(s, sub, topic)| {
            model.hearers(*s, *topic).iter().any(|(other, heard)| other == sub && *heard == Heard::Named)
        });
        for (s, session) in model.sessions.iter().enumerate() {
            for request in &session.requests {
                if let (Some(value), Some(token)) = (request.progress, request.token) {
                    let value = serde_json::from_str(value).expect("a number");
                    self.taken.insert((s, request.id.to_owned()), value);
                    let _ = token;
                }
            }
        }
    }

    /// A client reads a frame.
    pub(crate) fn see(&mut self, frame: &Seen) -> Result<(), String> {
        let read: Value = serde_json::from_str(&frame.text).map_err(|e| format!("{e}: {}", frame.text))?;
        let params = &read["params"];
        self.stale.retain(|(s, sub, topic)| {
            let uri = if let Topic::Uri(uri) = topic { Value::from(*uri) } else { Value::Null };
            let tag = match sub {
                Sub::Own => Value::Null,
                Sub::Listen(id) => serde_json::from_str(id).expect("an id is JSON"),
            };
            let is_told = *s == frame.session
                && read["method"] == topic.method()
                && params["uri"] == uri
                && params["_meta"][TAG] == tag;
            !is_told
        });
        Ok(())
    }

    /// Everybody has read everything there is.
    pub(crate) fn settle(&self, model: &Model) -> Result<(), String> {
        for (s, sub, topic) in &self.stale {
            let session = &model.sessions[*s];
            let at = match sub {
                Sub::Own => 0,
                Sub::Listen(id) => session.listens.iter().find(|it| it.id == *id).map_or(0, |it| it.stream),
            };
            // Nobody reads what nobody is connected to, nor what the handshake holds back.
            let can_read = session.life == Life::Live
                && session.streams[at].is_attached
                && (at != 0 || session.streams[0].main.is_empty());
            if can_read {
                return Err(format!("s{s} never learnt the latest of {topic:?} for {sub:?}"));
            }
        }
        Ok(())
    }
}
