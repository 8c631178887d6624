//! What each command does. It is read whole before anything is done.

use std::sync::Arc;

use fanfare::{Engine, Level, Raise, Revision, SessionId};
use fanfare_cli::http::Meter;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::jsonl::{Answer, Audience, Failure, Fields};
use crate::serve::app::Server;

type Outcome = Result<Answer, Failure>;

/// How many sessions are listed unless asked otherwise, and at most.
const LISTED: u64 = 1_000;
const MAX_LISTED: u64 = 10_000;

/// Where commands are taken to.
pub(super) struct Desk {
    server: Arc<Server>,
    meter: Option<Meter>,
}

impl Desk {
    pub(super) fn new(server: Arc<Server>, meter: Option<Meter>) -> Self {
        Self { server, meter }
    }

    /// Says something to the operator.
    pub(super) fn complain(&self, what: &str) {
        self.server.log().say(Level::Error, what);
    }

    /// Does what a line says.
    pub(super) fn answer(&self, line: &[u8]) -> Answer {
        self.execute(line).into()
    }

    fn execute(&self, line: &[u8]) -> Outcome {
        let mut fields = Fields::of_command(line)?;
        let op = fields.string("op")?;
        match &*fields.need("op", op)? {
            "notify" => self.notify(fields),
            "stats" => self.stats(fields),
            "sessions" => self.sessions(fields),
            other => Err(fields
                .bad("op", format!("no such command: {other:?}; known: notify, stats, sessions"))),
        }
    }

    fn notify(&self, mut fields: Fields<'_>) -> Outcome {
        let method = fields.string("method")?;
        let method = fields.need("method", method)?;
        if !method.starts_with("notifications/") {
            return Err(fields.bad("method", format!("begins with notifications/, not {method:?}")));
        }
        let params = fields.object("params")?;
        let context = fields.object("context")?;
        let to = Audience::read(&mut fields, Named::read)?;
        fields.finish()?;
        let mut raise = Raise::to(to.target(|session| self.find(session))?);
        if let Some(context) = context {
            raise = raise.context(context);
        }
        let matched = self.engine().notify(&method, params, &raise)?;
        let log = || format!("{method} was raised by the admin socket, and reached {matched}");
        self.server.log().say(Level::Info, &log());
        Ok(Answer::ok().with("matched", matched))
    }

    /// The session of that name.
    fn find(&self, session: &Named) -> Result<SessionId, Failure> {
        match session {
            Named::Number(number) => Ok(SessionId::from_raw(*number)),
            Named::Id(id) => {
                let found = self.meter.as_ref().and_then(|meter| meter.session(id));
                // Who knows an id need not see it in a log.
                found.ok_or_else(|| Failure::new("GONE", "no session has that Mcp-Session-Id"))
            }
        }
    }

    fn stats(&self, fields: Fields<'_>) -> Outcome {
        fields.finish()?;
        let answer = Answer::ok().with("engine", raw(self.engine().stats().to_json()));
        let Some(meter) = &self.meter else { return Ok(answer) };
        Ok(answer.with("http", Http::read(meter)))
    }

    fn sessions(&self, mut fields: Fields<'_>) -> Outcome {
        let max = fields.number("max", MAX_LISTED)?.unwrap_or(LISTED);
        fields.finish()?;
        let engine = self.engine();
        let present = self.server.roster().map(|roster| roster.present(engine));
        let present = present.unwrap_or_default();
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let listed: Vec<_> = present.iter().take(max).filter_map(|id| row(engine, *id)).collect();
        let more = present.len().saturating_sub(max);
        Ok(Answer::ok().with("sessions", listed).with("more", more))
    }

    fn engine(&self) -> &Engine {
        self.server.engine()
    }
}

/// How a command names a session: by the engine's number, or as its client does.
enum Named {
    Number(u64),
    Id(String),
}

impl Named {
    fn read(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Self>, Failure> {
        if fields.is_string(name) {
            return Ok(fields.string(name)?.map(Self::Id));
        }
        Ok(fields.number(name, u64::MAX)?.map(Self::Number))
    }
}

/// What is open over HTTP, and what was answered.
#[derive(Serialize)]
struct Http {
    connections: usize,
    streams: usize,
    sessions: usize,
    answers_2xx: u64,
    answers_4xx: u64,
    answers_5xx: u64,
    refused_origin: u64,
    refused_token: u64,
    refused_path: u64,
    refused_principal: u64,
    refused_body: u64,
    refused_protocol: u64,
    refused_engine: u64,
    refused_stopping: u64,
}

impl Http {
    fn read(meter: &Meter) -> Self {
        let (open, answered) = (meter.read(), meter.answered());
        let refused = answered.refused;
        Self {
            connections: open.connections,
            streams: open.streams,
            sessions: open.sessions,
            answers_2xx: answered.success,
            answers_4xx: answered.client_error,
            answers_5xx: answered.server_error,
            refused_origin: refused.origin,
            refused_token: refused.token,
            refused_path: refused.path,
            refused_principal: refused.principal,
            refused_body: refused.body,
            refused_protocol: refused.protocol,
            refused_engine: refused.engine,
            refused_stopping: refused.stopping,
        }
    }
}

/// One session. None of one that has gone in the meantime.
fn row(engine: &Engine, session: SessionId) -> Option<Row> {
    let revision = engine.revision(session).ok()?.map(Revision::as_str);
    let stats = raw(engine.session_stats(session).ok()?.to_json());
    Some(Row { session: session.to_raw(), revision, stats })
}

#[derive(Serialize)]
struct Row {
    session: u64,
    /// None before it is known.
    revision: Option<&'static str>,
    stats: Box<RawValue>,
}

fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("the engine's numbers are JSON")
}
