//! The script's names for sessions and streams, and the engine's handles for them.
//!
//! Invariant: a name means the session that was opened under it last. It stays known after that
//! session has gone, so that using it says so, and can be given to a new session from then on.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fanfare::{Batch, EndReason, Engine, SessionEnd, SessionId, StreamId};
use serde::Serialize;

use crate::jsonl::Failure;

/// Why sessions ended, as the engine told it. Filled by a hook, read for error texts.
#[derive(Clone, Default)]
pub(super) struct Ends(Arc<Mutex<HashMap<SessionId, EndReason>>>);

impl Ends {
    pub(super) fn note(&self, end: &SessionEnd) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.insert(end.session, end.reason);
    }

    fn of(&self, session: SessionId) -> Option<EndReason> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&session).copied()
    }

    fn forget(&self, session: SessionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
    }
}

struct Session {
    id: SessionId,
    /// None is a stream that the script closed. The engine may keep it for a later one.
    streams: HashMap<String, Option<StreamId>>,
}

#[derive(Default)]
pub(super) struct Names {
    sessions: HashMap<String, Session>,
    by_id: HashMap<SessionId, String>,
    ends: Ends,
}

impl Names {
    pub(super) fn new(ends: Ends) -> Self {
        Self { ends, ..Self::default() }
    }

    /// The live session of that name.
    pub(super) fn session(&self, engine: &Engine, name: &str) -> Result<SessionId, Failure> {
        let Some(session) = self.sessions.get(name) else {
            return Err(Failure::new("GONE", format!("no session is called {name:?}")));
        };
        if engine.session_stats(session.id).is_err() {
            let why = match self.ends.of(session.id) {
                Some(reason) => format!("ended: {}", reason.as_str()),
                None => "closed".to_owned(),
            };
            return Err(Failure::new("GONE", format!("session {name:?} is gone ({why})")));
        }
        Ok(session.id)
    }

    /// Refuses a name that a live session has.
    pub(super) fn check_free(&self, engine: &Engine, name: &str) -> Result<(), Failure> {
        match self.session(engine, name) {
            Ok(_) => Err(Failure::new("STATE", format!("session {name:?} is open already"))),
            Err(_) => Ok(()),
        }
    }

    /// Gives the name to a new session.
    pub(super) fn bind(&mut self, name: String, id: SessionId) {
        self.by_id.insert(id, name.clone());
        if let Some(before) = self.sessions.insert(name, Session { id, streams: HashMap::new() }) {
            self.by_id.remove(&before.id);
            self.ends.forget(before.id);
        }
    }

    /// The stream of that name.
    pub(super) fn stream(
        &self,
        engine: &Engine,
        session: &str,
        name: &str,
    ) -> Result<StreamId, Failure> {
        let missing = |why| Failure::new("GONE", format!("stream {name:?} of {session:?} {why}"));
        let streams = self.sessions.get(session).map(|session| &session.streams);
        let id = streams.and_then(|streams| streams.get(name));
        let id = id.ok_or_else(|| missing("was never opened"))?;
        // Taking nothing from it changes nothing, and tells whether it is there.
        let id = id.filter(|id| engine.recv_stream(*id, 0, &mut Batch::new()).is_ok());
        id.ok_or_else(|| missing("is gone"))
    }

    /// Refuses a name that a live stream of the session has.
    pub(super) fn check_stream_free(
        &self,
        engine: &Engine,
        session: &str,
        name: &str,
    ) -> Result<(), Failure> {
        match self.stream(engine, session, name) {
            Ok(_) => Err(Failure::new(
                "STATE",
                format!("stream {name:?} of {session:?} is open already"),
            )),
            Err(_) => Ok(()),
        }
    }

    /// Gives the name to a new stream.
    pub(super) fn bind_stream(&mut self, session: &str, name: String, id: StreamId) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.streams.insert(name, Some(id));
        }
    }

    /// Notes that a stream was closed.
    pub(super) fn unbind_stream(&mut self, session: &str, name: String) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.streams.insert(name, None);
        }
    }

    /// What the script calls the session and, unless it is the implicit one, the stream.
    pub(super) fn of_frame(&self, session: SessionId, stream: StreamId) -> (&str, Option<&str>) {
        let Some(name) = self.by_id.get(&session) else { return ("", None) };
        let streams = &self.sessions[name].streams;
        let stream =
            streams.iter().find(|(_, id)| **id == Some(stream)).map(|(name, _)| name.as_str());
        (name, stream)
    }
}

/// One frame in the answer of `drain`.
#[derive(Debug, Serialize)]
pub(super) struct FrameOut<'a> {
    pub(super) session: &'a str,
    /// None is the stream that a session has without a name.
    pub(super) stream: Option<&'a str>,
    pub(super) data: Cow<'a, str>,
}
