//! What clients send.

use std::collections::HashSet;

use serde_json::Value;

use crate::engine::Incoming;
use crate::params::SessionId;
use crate::protocol::Revision;

use super::{URIS, World};

impl World {
    pub(super) fn id(&mut self, session: SessionId) -> String {
        if self.random.one_in(10)
            && let Some(id) = self.peers[&session].requests.last()
        {
            return id.clone();
        }
        self.next_id += 1;
        let id = self.next_id;
        if self.random.one_in(2) { id.to_string() } else { format!("\"{id}\"") }
    }

    pub(super) fn receive(&mut self) {
        let Some(session) = self.any() else { return };
        let stream = self.any_stream(session);
        let text = if self.random.one_in(12) {
            let (a, b) = (self.message(session), self.message(session));
            format!("[{a},{b}]")
        } else {
            self.message(session)
        };
        let mut bytes = text.into_bytes();
        match self.random.below(60) {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes[0] = 0xff,
            2 => bytes = vec![b' '; 2 << 20],
            _ => {}
        }
        let mut passed = Vec::new();
        let incoming = Incoming::read(&bytes, 1 << 20, 128);
        self.answer(|core| core.questions_of_message(session, &incoming));
        let _ =
            self.core.receive(session, stream, incoming, &mut |text| passed.push(text.to_owned()));
        self.core.forget_answers();
        for text in passed {
            let message: Value = serde_json::from_str(&text).unwrap();
            if let (Some(id), Some(_)) = (message.get("id"), message.get("method")) {
                self.peers.get_mut(&session).unwrap().requests.push(id.to_string());
            }
        }
        self.note_gone(session);
        self.check_cancelled(session);
    }

    /// Of a cancelled request nothing is queued any more (R80), and of a cancelled listen (R47).
    pub(super) fn check_cancelled(&mut self, session: SessionId) {
        let Some(ix) = self.core.sessions.resolve(session.0) else { return };
        let peer = self.peers.get_mut(&session).unwrap();
        let core = &self.core;
        let in_flight: HashSet<String> = core
            .requests
            .of_session(core.sessions[ix].requests)
            .map(|request| core.requests[request].id.as_json().to_owned())
            .collect();
        peer.requests.retain(|id| in_flight.contains(id));
    }

    pub(super) fn message(&mut self, session: SessionId) -> String {
        let id = self.id(session);
        let is_modern = if self.peers[&session].is_modern {
            !self.random.one_in(12)
        } else {
            self.random.one_in(8)
        };
        let token =
            if self.random.one_in(2) { format!(r#","progressToken":{id}"#) } else { String::new() };
        let level = self.random.of(&["", "debug", "error", "wrong"]);
        let meta = if is_modern {
            let level = if level.is_empty() {
                String::new()
            } else {
                format!(r#","io.modelcontextprotocol/logLevel":"{level}""#)
            };
            let extensions = self.random.of(&[
                "",
                r#""extensions":{"io.modelcontextprotocol/tasks":{}}"#,
                r#""extensions":{"io.modelcontextprotocol/tasks":{}}"#,
            ]);
            format!(
                r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{{extensions}}}{level}{token}}}"#
            )
        } else {
            format!(r#""_meta":{{"x":1{token}}}"#)
        };
        let uri = serde_json::to_string(self.random.of(&URIS)).unwrap();
        let known = self.known_id(session);
        let note = |method: &str, params: &str| {
            format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{{params}}}}}"#)
        };
        let ask = |method: &str, params: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{meta}{params}}}}}"#
            )
        };
        match self.random.below(26) {
            0..=5 => ask("tools/call", ""),
            6..=9 => {
                let filter = self.filter();
                ask("subscriptions/listen", &format!(r#","notifications":{filter}"#))
            }
            10 | 11 => note("notifications/cancelled", &format!(r#""requestId":{known}"#)),
            12 => note("notifications/initialized", ""),
            13 => {
                let version = self.random.of(&Revision::ALL);
                ask("initialize", &format!(r#","protocolVersion":"{version}","capabilities":{{}}"#))
            }
            14 | 15 => ask("resources/subscribe", &format!(r#","uri":{uri}"#)),
            16 => ask("resources/unsubscribe", &format!(r#","uri":{uri}"#)),
            17 => {
                let types = self.random.of(&[
                    "[]",
                    r#"["resources/updated","x"]"#,
                    r#"["x","progress","tools/list_changed"]"#,
                ]);
                if self.random.one_in(2) {
                    note("notifications/subscribe", &format!(r#""types":{types}"#))
                } else {
                    ask("notifications/subscribe", &format!(r#","types":{types}"#))
                }
            }
            18 => note("notifications/unsubscribe", ""),
            19 => ask("logging/setLevel", r#","level":"error""#),
            20 | 21 => ask("ping", ""),
            22 => ask("server/discover", ""),
            23 => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
            24 => self
                .random
                .of(&[
                    "{}",
                    "7",
                    "[]",
                    r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
                    "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":[]}",
                ])
                .to_owned(),
            _ => note("notifications/roots/list_changed", ""),
        }
    }

    pub(super) fn filter(&mut self) -> &'static str {
        self.random.of(&[
            "{}",
            "[]",
            r#"{"toolsListChanged":true}"#,
            r#"{"resourceSubscriptions":["a:","b:","a:"]}"#,
            r#"{"taskIds":["t","a:"]}"#,
            r#"{"taskIds":["u\"\\","t"],"resourceSubscriptions":["a:"],"toolsListChanged":true}"#,
            r#"{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["a:","b:","c:\"\\"]}"#,
        ])
    }

    /// An id of something that was begun, if there is any.
    pub(super) fn known_id(&mut self, session: SessionId) -> String {
        let peer = &self.peers[&session];
        let mut ids: Vec<&String> = peer.granted.keys().chain(&peer.requests).collect();
        ids.sort();
        let at = self.random.below(ids.len() + 1);
        ids.get(at).map_or("99999".to_owned(), |id| (*id).clone())
    }
}
