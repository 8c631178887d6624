//! As small a host as can be that speaks Streamable HTTP: it does what the library tells it, and
//! answers each call that is left to it with an empty result.

use std::collections::BTreeMap;

use fanfare::http::{Answer, Call, CallKind, Endpoint, Era, Headers, Refusal, new_session_id};
use fanfare::{Engine, Framing, Profile, Revision, SessionId, SessionParams, StreamId, StreamKind};
use serde_json::Value;

use crate::common::*;

pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) endpoint: Endpoint,
    pub(crate) sessions: BTreeMap<String, SessionId>,
}

/// What it sends back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The JSON text, or what there is of the stream so far.
    pub(crate) body: String,
    pub(crate) session_id: Option<String>,
    pub(crate) stream: Option<StreamId>,
    pub(crate) is_stream: bool,
}

pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

impl Host {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let engine = engine(&[
            ("initialize.answer", "engine"),
            ("server.info", r#"{"name":"s","version":"1"}"#),
            ("server.capabilities", r#"{"tools":{"listChanged":true},"resources":{}}"#),
        ]);
        Self { engine, endpoint, sessions: BTreeMap::new() }
    }

    pub(crate) fn serve(&mut self, http_method: &str, pairs: Pairs<'_>, body: &str) -> Reply {
        let headers = headers(pairs);
        let (engine, sessions) = (&self.engine, &self.sessions);
        let lookup = |id: &str| engine.revision(*sessions.get(id)?).ok();
        match self.endpoint.check(http_method, &headers, body.as_bytes(), lookup) {
            Ok(call) => self.go_on(&call, body),
            Err(refusal) => Reply::refused(refusal),
        }
    }

    fn go_on(&mut self, call: &Call<'_>, body: &str) -> Reply {
        let engine = &self.engine;
        let opened = call.session_id.map(|id| self.sessions[id]);
        let (session, stream) = match (call.kind, call.era) {
            (CallKind::OneWay, Era::Modern) => {
                return Reply::of(self.endpoint.answer(call, None), "", None);
            }
            (CallKind::Delete, _) => {
                engine.close(opened.unwrap()).unwrap();
                return Reply::of(self.endpoint.answer(call, None), "", None);
            }
            (CallKind::Get, _) => {
                let session = opened.unwrap();
                let stream = match call.last_event_id {
                    Some(id) => engine.resume_stream(session, id),
                    None => engine.open_stream(session, StreamKind::Standalone),
                };
                (session, stream.unwrap())
            }
            (_, Era::Modern) => {
                let params = SessionParams::new(Profile::Modern).framing(Framing::Sse);
                let session = engine.open(params).unwrap();
                (session, engine.open_stream(session, StreamKind::Request).unwrap())
            }
            (kind, Era::Legacy) => {
                let is_new = kind == CallKind::Initialize || opened.is_none();
                let session = if is_new { open_legacy(engine, call) } else { opened.unwrap() };
                (session, engine.open_stream(session, StreamKind::Request).unwrap())
            }
        };
        if !matches!(call.kind, CallKind::Get) {
            let passed = |text: &str| {
                let message: Value = serde_json::from_str(text).unwrap();
                let Some(id) = message.get("id").filter(|_| message.get("method").is_some()) else {
                    return;
                };
                let revision = engine.revision(session).unwrap().unwrap();
                engine
                    .send(session, None, called_in(revision, &id.to_string()).as_bytes())
                    .unwrap();
            };
            engine.receive_each(session, Some(stream), body.as_bytes(), passed).unwrap();
        }
        if call.kind == CallKind::OneWay {
            engine.close_stream(stream).unwrap();
            return Reply::of(self.endpoint.answer(call, None), "", None);
        }
        let frames = frames_of(engine, stream);
        let first = frames.first().map(|frame| frame.as_bytes());
        let answer = self.endpoint.answer(call, first);
        let mut reply = Reply::of(answer, &frames.concat(), Some(stream));
        if call.kind == CallKind::Initialize && reply.status == 200 {
            let id = new_session_id().unwrap();
            self.sessions.insert(id.clone(), session);
            reply.session_id = Some(id);
        } else if opened.is_none() && !reply.is_stream {
            assert_eq!(frames.len(), 1, "the answer is all there is");
            engine.close(session).unwrap();
        }
        reply
    }

    /// A session of that revision, initialized; its id.
    pub(crate) fn session(&mut self, revision: Revision) -> String {
        let hello = request("0", "initialize", &format!(r#"{{"protocolVersion":"{revision}"}}"#));
        let reply = self.serve("POST", &[BOTH], &hello);
        assert_eq!((reply.status, reply.is_stream), (200, false), "{reply:?}");
        let id = reply.session_id.unwrap();
        let done = notification("notifications/initialized", "");
        assert_eq!(self.serve("POST", &[("MCP-Session-Id", &id)], &done).status, 202);
        id
    }

    /// Whether nothing has been begun for a client.
    pub(crate) fn is_untouched(&self) -> bool {
        let stats = self.engine.stats();
        (stats.received, stats.sessions, stats.subscriptions, stats.requests) == (0, 0, 0, 0)
    }
}

fn open_legacy(engine: &Engine, call: &Call<'_>) -> SessionId {
    let revision = call.revision.unwrap_or(Revision::LATEST_LEGACY);
    let handshake = call.kind == CallKind::Initialize;
    let profile = Profile::Legacy { revision, handshake };
    engine.open(SessionParams::new(profile).framing(Framing::Sse)).unwrap()
}

impl Reply {
    pub(crate) fn refused(refusal: Refusal) -> Self {
        assert_eq!(refusal.allow.is_some(), refusal.status == 405);
        let error: Value = serde_json::from_str(&refusal.body).unwrap();
        assert!(error["error"]["message"].is_string(), "{error}");
        // An error without an id is one over HTTP, whatever the older schemas say.
        let has_id = error.get("id").is_some();
        for revision in Revision::ALL {
            if has_id || !revision.is_legacy() {
                schema::check(revision, &refusal.body).unwrap();
            }
        }
        let (status, body) = (refusal.status, refusal.body);
        Self { status, body, session_id: None, stream: None, is_stream: false }
    }

    fn of(answer: Option<Answer<'_>>, all: &str, stream: Option<StreamId>) -> Self {
        let answer = answer.expect("the host of these tests has the frame before it asks");
        let (body, is_stream) = match answer {
            Answer::Empty { .. } => (String::new(), false),
            Answer::Json { body, .. } => (String::from_utf8(body.to_vec()).unwrap(), false),
            Answer::Stream => (all.to_owned(), true),
        };
        Self { status: answer.status(), body, session_id: None, stream, is_stream }
    }

    /// The status, and the code and the id of the error in the body.
    pub(crate) fn error(&self) -> (u16, i64, Option<Value>) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        (self.status, body["error"]["code"].as_i64().unwrap(), body.get("id").cloned())
    }
}

pub(crate) fn headers<'a>(pairs: Pairs<'a>) -> Headers<'a> {
    pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
}

pub(crate) const BOTH: (&str, &str) = ("Accept", "application/json, text/event-stream");
pub(crate) const TOOLS: &str = r#"{"toolsListChanged":true}"#;
pub(crate) const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");
pub(crate) const LISTEN: (&str, &str) = ("Mcp-Method", "subscriptions/listen");
pub(crate) const CALL: (&str, &str) = ("Mcp-Method", "tools/call");
