//! Who listens, and what is raised.

use anyhow::Context as _;
use clap::ValueEnum;
use fanfare::{
    Batch, Engine, Level, Overflow, Profile, Progress, Raise, Revision, SessionId, SessionParams,
};

/// What everybody in a crowd listens to.
const SHARED: &str = "file:///srv/data/shared.json";

/// Of how many sessions one is stalled.
const STALLED_ONE_IN: u32 = 10;

/// How many events wait for a stalled session before the oldest is dropped: few, so that all
/// queues are full for most of the run.
const STALLED_FRAMES: u32 = 64;

/// Who listens, and what is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// One resource to which every session listens (modern listens); it changes again and again
    Fanout,
    /// A resource for each session; each message is for one session, in turn
    Point,
    /// As fanout, with legacy sessions of which one in ten never reads; every second message is a
    /// log message, which a stalled queue must drop
    Stalled,
    /// A third each of open, legacy and modern sessions; changes, log messages, progress, and before
    /// each message an open or legacy session leaves and another one comes
    Mixed,
}

impl Scenario {
    pub(super) fn default_messages(self) -> u64 {
        match self {
            Self::Point => 1_000_000,
            Self::Fanout | Self::Stalled | Self::Mixed => 1000,
        }
    }
}

/// The sessions of a scenario, all their own replies drained.
pub(super) struct Crowd<'e> {
    engine: &'e Engine,
    scenario: Scenario,
    sessions: Vec<SessionId>,
    /// What each session listens to where that differs.
    uris: Vec<String>,
    /// How many of the sessions never read.
    stalled: u64,
    /// Where progress stands; it must increase (R17).
    progress: f64,
}

impl<'e> Crowd<'e> {
    /// Opens the sessions and subscribes them.
    pub(super) fn open(engine: &'e Engine, scenario: Scenario, count: u32) -> anyhow::Result<Self> {
        let mut crowd = Self {
            engine,
            scenario,
            sessions: Vec::new(),
            uris: Vec::new(),
            stalled: 0,
            progress: 0.0,
        };
        for n in 0..count {
            let session = crowd.arrive(n)?;
            crowd.sessions.push(session);
        }
        crowd.drain_replies()?;
        if scenario == Scenario::Stalled {
            for session in crowd.sessions.iter().step_by(STALLED_ONE_IN as usize) {
                engine.pause(*session)?;
                crowd.stalled += 1;
            }
        }
        Ok(crowd)
    }

    /// One more session.
    fn arrive(&mut self, n: u32) -> anyhow::Result<SessionId> {
        let legacy = Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: false };
        let (profile, uri) = match self.scenario {
            Scenario::Fanout => (Profile::Modern, SHARED.to_owned()),
            Scenario::Point => (Profile::Modern, format!("file:///srv/data/{n}.json")),
            Scenario::Stalled => (legacy, SHARED.to_owned()),
            Scenario::Mixed => {
                let profile = [Profile::Open, legacy, Profile::Modern][n as usize % 3];
                (profile, SHARED.to_owned())
            }
        };
        let mut params = SessionParams::new(profile).overflow(Overflow::DropOldest);
        if self.scenario == Scenario::Stalled {
            params = params.max_queued_frames(STALLED_FRAMES);
        }
        let session = self.engine.open(params)?;
        match profile {
            Profile::Modern => {
                let filter = serde_json::json!({ "resourceSubscriptions": [uri] }).to_string();
                self.engine.listen(session, None, "1", &filter)?;
            }
            Profile::Legacy { .. } => self.engine.subscribe(session, &uri)?,
            Profile::Open | Profile::Auto => {}
        }
        if self.scenario == Scenario::Point {
            self.uris.push(uri);
        }
        if self.scenario == Scenario::Mixed && n == 0 {
            self.call(session)?;
        }
        Ok(session)
    }

    /// A request of that session whose progress is reported.
    fn call(&self, session: SessionId) -> anyhow::Result<()> {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}"#;
        self.engine.receive(session, None, call.as_bytes()).context("a call of a tool")?;
        Ok(())
    }

    /// Acknowledgments are no deliveries of a message.
    fn drain_replies(&self) -> anyhow::Result<()> {
        let mut batch = Batch::new();
        while self.engine.recv(None, 1024, &mut batch)? > 0 {}
        Ok(())
    }

    /// What has to be done before message `n`, and takes no part in its time.
    pub(super) fn prepare(&mut self, n: u64) -> anyhow::Result<()> {
        if self.scenario == Scenario::Mixed && self.sessions.len() > 3 {
            // The first session stays, for it has the request. Modern ones stay too: the
            // acknowledgment of a new one would come out among what is counted.
            let at = 1 + usize::try_from(n % (self.sessions.len() as u64 - 1))?;
            let at = if at % 3 == 2 { at - 1 } else { at };
            self.engine.close(self.sessions[at])?;
            self.sessions[at] = self.arrive(u32::try_from(at)?)?;
        }
        Ok(())
    }

    /// Raises message `n`, and says how many frames must come out for it.
    pub(super) fn raise(&mut self, n: u64) -> anyhow::Result<u64> {
        let all = &Raise::ALL;
        let engine = self.engine;
        let live = self.sessions.len() as u64 - self.stalled;
        let (matched, due) = match (self.scenario, n % 4) {
            (Scenario::Fanout, _) => (engine.notify_resource_updated(SHARED, all)?, live),
            (Scenario::Point, _) => {
                let uri = &self.uris[usize::try_from(n % self.uris.len() as u64)?];
                (engine.notify_resource_updated(uri, all)?, 1)
            }
            (Scenario::Stalled, 0 | 2) => {
                let matched = engine.notify_resource_updated(SHARED, all)?;
                (matched, live)
            }
            (Scenario::Stalled, _) => {
                let data = r#"{"disk":"sda","used":0.93}"#;
                let logger = Some("storage");
                (engine.notify_logging_message(Level::Warning, logger, data, all)?, live)
            }
            (Scenario::Mixed, 0) => {
                let matched = engine.notify_resource_updated(SHARED, all)?;
                (matched, live)
            }
            (Scenario::Mixed, 1) => {
                // Open and legacy sessions need no opt-in for it, modern ones did not opt in.
                let matched = engine.notify_tool_list_changed(all)?;
                (matched, live - live / 3)
            }
            (Scenario::Mixed, 2) => {
                let matched = engine.notify_logging_message(Level::Error, None, "\"down\"", all)?;
                (matched, live - live / 3)
            }
            (Scenario::Mixed, _) => {
                self.progress += 1.0;
                let (total, message) = (None, Some("copying"));
                let progress = Progress { token: "\"p\"", progress: self.progress, total, message };
                let matched = engine.notify_progress(&progress, all)?;
                // The other open sessions hear it too: they never subscribed.
                (matched, live.div_ceil(3))
            }
        };
        let reached = due + self.stalled_reached(matched as u64, due);
        anyhow::ensure!(
            matched as u64 == reached,
            "message {n} reached {matched} subscriptions, and {reached} were due"
        );
        Ok(due)
    }

    /// A stalled session's notice is merged, which counts as reached; a full queue's event may be
    /// dropped for it or in its favour, so what counts there is only that no more are reached.
    fn stalled_reached(&self, matched: u64, due: u64) -> u64 {
        matched.saturating_sub(due).min(self.stalled)
    }
}
