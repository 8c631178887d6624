//! What the clients have learnt, kept apart from the queues of the reference (promise 5): whoever
//! hears of a topic has had a notice of it after its last change, and a response comes after the
//! last progress that was taken of its request.

use serde_json::Value;

use super::hears::Heard;
use super::queue::Seen;
use super::reference::Model;
use super::state::{Life, Sub};
use super::words::{Command, Id, Raised, Topic};

const TAG: &str = "io.modelcontextprotocol/subscriptionId";

/// A stream by its place in its session, which its name does not change.
type Way = (usize, Option<usize>);

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Changes that a subscription has not been told of.
    stale: Vec<(usize, Sub, Topic)>,
    /// The last progress of each token that was read on a stream.
    read: Vec<(Way, Value, Value)>,
    /// Answers, by their numbers, that come after that progress of that token.
    answered: Vec<(usize, Id, &'static str)>,
}

impl Ledger {
    /// A command is about to be done.
    pub(crate) fn before(&mut self, model: &mut Model, command: &Command) {
        match command {
            // Whoever names the topic has to learn of the change.
            Command::Notify { raised: Raised::Notice(topic), to, .. } => {
                for s in model.audience(*to).unwrap_or_default() {
                    for (sub, heard) in model.hearers(s, *topic) {
                        let entry = (s, sub, *topic);
                        if heard == Heard::Named && !self.stale.contains(&entry) {
                            self.stale.push(entry);
                        }
                    }
                }
            }
            Command::Respond { session, id, n, .. } => {
                let Ok(it) = model.live(*session) else { return };
                let request = it.requests.iter().find(|request| request.id == *id);
                if let Some(request) = request
                    && let (Some(token), Some(value)) = (request.token, request.progress)
                {
                    self.answered.push((*n, token, value));
                }
            }
            _ => {}
        }
    }

    /// A command was done: those who no longer want to hear need not learn any more.
    pub(crate) fn after(&mut self, model: &Model) {
        self.stale
            .retain(|&(s, sub, topic)| model.hearers(s, topic).contains(&(sub, Heard::Named)));
    }

    /// A client reads a frame.
    pub(crate) fn see(&mut self, model: &Model, frame: &Seen) -> Result<(), String> {
        let read: Value = serde_json::from_str(&frame.text)
            .map_err(|e| format!("a frame is no JSON: {e}: {}", frame.text))?;
        let mut streams = model.sessions[frame.session].streams.iter();
        let way = (frame.session, streams.position(|it| !it.is_gone && it.name == frame.stream));
        if read["method"] == "notifications/progress" {
            let (token, value) = (&read["params"]["progressToken"], &read["params"]["progress"]);
            self.read.retain(|(other, of, _)| *other != way || of != token);
            self.read.push((way, token.clone(), value.clone()));
        } else if read.get("method").is_some() {
            let (uri, tag) = (&read["params"]["uri"], &read["params"]["_meta"][TAG]);
            self.stale.retain(|(s, sub, topic)| {
                let is_it = *s == frame.session
                    && read["method"] == topic.method()
                    && *tag == tag_of(*sub)
                    && *uri == uri_of(*topic);
                !is_it
            });
        } else if let Some(n) = read["result"]["n"].as_u64() {
            return self.see_answer(way, n);
        }
        Ok(())
    }

    fn see_answer(&self, way: Way, n: u64) -> Result<(), String> {
        let Some((_, token, value)) = self.answered.iter().find(|it| it.0 as u64 == n) else {
            return Ok(());
        };
        let last = self.read.iter().find(|(other, of, _)| *other == way && *of == json(token));
        match last {
            Some((_, _, last)) if *last == json(value) => Ok(()),
            last => Err(format!("the answer {n} came after progress {last:?}, not {value}")),
        }
    }

    /// Everybody has read everything there is.
    pub(crate) fn settle(&self, model: &Model) -> Result<(), String> {
        for (s, sub, topic) in &self.stale {
            let session = &model.sessions[*s];
            let listen = session.listens.iter().find(|it| *sub == Sub::Listen(it.id));
            let at = listen.map_or(0, |listen| listen.stream);
            // Nobody reads where nobody is connected, nor what the handshake holds back.
            let is_read = session.streams[at].is_attached && session.streams[at].main.is_empty();
            if session.life == Life::Live && is_read {
                return Err(format!("s{s} never learnt the latest of {topic:?} by {sub:?}"));
            }
        }
        Ok(())
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("ids and numbers are JSON")
}

fn tag_of(sub: Sub) -> Value {
    match sub {
        Sub::Own => Value::Null,
        Sub::Listen(id) => json(id),
    }
}

fn uri_of(topic: Topic) -> Value {
    match topic {
        Topic::Uri(uri) => Value::from(uri),
        _ => Value::Null,
    }
}
