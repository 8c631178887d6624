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
        let to = Audience::read(&mut fields, |fields, name| {
            Ok(fields.number(name, u64::MAX)?.map(SessionId::from_raw))
        })?;
        fields.finish()?;
        let mut raise = Raise::to(to.target(|session| Ok(*session))?);
        if let Some(context) = context {
            raise = raise.context(context);
        }
        let matched = self.engine().notify(&method, params, &raise)?;
        let log = || format!("{method} was raised by the admin socket, and reached {matched}");
        self.server.log().say(Level::Info, &log());
        Ok(Answer::ok().with("matched", matched))
    }

    fn stats(&self, fields: Fields<'_>) -> Outcome {
        fields.finish()?;
        let answer = Answer::ok().with("engine", raw(self.engine().stats().to_json()));
        let Some(meter) = &self.meter else { return Ok(answer) };
        let gauges = meter.read();
        let (connections, streams) = (gauges.connections, gauges.streams);
        Ok(answer.with("http", Http { connections, streams, sessions: gauges.sessions }))
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

/// What is open over HTTP.
#[derive(Serialize)]
struct Http {
    connections: usize,
    streams: usize,
    sessions: usize,
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
