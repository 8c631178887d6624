//! The engine as a state machine: who is there, who wants what, what waits to be sent.
//!
//! It has no thread, no lock, no socket and no clock. Calls come in, time comes in with
//! [`Core::advance`], frames go out through [`Core::drain`] and news through [`Core::take_news`].
//! The same calls give the same bytes.
//!
//! The ways in are `receive` (a client's message), `send` (the host's own message), `notify` (a
//! change); the way out is `drain`. What lies between is the topics with their links, and the
//! outboxes.

mod access;
mod ahead;
#[cfg(test)]
mod check;
mod column;
mod container;
mod crowd;
mod debounce;
mod drain;
mod elicitation;
mod event;
mod handshake;
mod incoming;
mod keep_alive;
mod lend;
mod limits;
mod link;
mod links;
mod listen;
mod names;
mod news;
mod notify;
mod numbered;
mod outbox;
mod owned;
mod plain;
mod pool;
mod principal;
mod progress;
mod put_off;
mod queue;
mod raise;
mod receive;
mod replay;
mod request;
mod resume;
mod send;
mod session;
mod sessions;
mod slot;
mod stats;
mod stream;
mod subscription;
mod task;
mod template;
mod timer;
mod topic;
mod types;
mod underway;

use std::collections::{HashMap, HashSet};

pub(crate) use access::Question;
pub use access::{AccessRequest, Revoked};
pub(crate) use drain::{Address, Hand, Output, Sink, Source};
pub(crate) use incoming::Incoming;
pub(crate) use news::News;
pub use news::{Lag, LogRecord, SessionEnd, StreamEnd};
pub(crate) use send::Outgoing;
pub use stats::{SessionStats, Stats};

use crate::config::Config;
use crate::engine::access::AccessControl;
use crate::engine::debounce::Debounce;
use crate::engine::elicitation::Elicitations;
use crate::engine::event::Events;
use crate::engine::keep_alive::Silence;
use crate::engine::lend::Lent;
use crate::engine::outbox::Outboxes;
use crate::engine::principal::Principals;
use crate::engine::replay::Replays;
use crate::engine::request::Requests;
use crate::engine::sessions::Sessions;
use crate::engine::subscription::Subscriptions;
use crate::engine::task::Tasks;
use crate::engine::timer::{Due, Timers};
use crate::engine::topic::Topics;
use crate::protocol::{Capabilities, Level};

/// Everything the engine knows.
#[derive(Debug)]
pub(crate) struct Core {
    config: Config,
    /// What the engine itself advertises where it answers for the host.
    advertised: Option<Capabilities>,
    now_ms: u64,
    sessions: Sessions,
    /// Sessions that may hear of events raised to everyone: open and legacy ones.
    audience: Vec<u32>,
    principals: Principals,
    access: AccessControl,
    topics: Topics,
    subs: Subscriptions,
    out: Outboxes,
    events: Events,
    /// The context that a link carries, or the state of its task (an event body), for links with
    /// the `CONTEXT` flag.
    contexts: HashMap<u32, u32>,
    requests: Requests,
    tasks: Tasks,
    elicitations: Elicitations,
    replays: Replays,
    timers: Timers,
    silence: Silence,
    debounce: Debounce,
    /// Counters; the gauges among them are filled in when somebody asks.
    counters: Stats,
    /// What the log hook was told once and need not be told again.
    told: HashSet<String>,
    /// Whether every session is delivered by callback.
    pushes_all: bool,
    /// Whether any was, ever.
    has_callbacks: bool,
    /// Sessions that overflowed during the present call and are to end with it.
    lagging: Vec<u32>,
    /// Streams, by their handles, that may be over without a last frame.
    over: Vec<u64>,
    /// Frames that are lent to whoever runs callbacks.
    lent: Lent,
    /// Of those that lent frames were taken back from, how many each had begun, and the frame that it has in hand.
    kept_hands: Vec<(u64, usize, Hand)>,
    news: Vec<News>,
}

impl Core {
    /// `engine` marks its handles apart from those of other engines of the process.
    pub(crate) fn new(config: Config, engine: u32) -> Self {
        let is_ours = config.answer_initialize;
        let advertised = is_ours.then(|| Capabilities::from_json(&config.capabilities).ok());
        Self {
            sessions: Sessions::new(&config, engine),
            config,
            advertised: advertised.flatten(),
            now_ms: 0,
            audience: Vec::new(),
            principals: Principals::default(),
            access: AccessControl::default(),
            topics: Topics::new(),
            subs: Subscriptions::new(engine),
            out: Outboxes::new(engine),
            events: Events::new(),
            contexts: HashMap::new(),
            requests: Requests::new(),
            tasks: Tasks::default(),
            elicitations: Elicitations::default(),
            replays: Replays::new(),
            timers: Timers::default(),
            silence: Silence::default(),
            debounce: Debounce::default(),
            counters: Stats::default(),
            told: HashSet::new(),
            pushes_all: false,
            has_callbacks: false,
            lagging: Vec::new(),
            over: Vec::new(),
            lent: Lent::default(),
            kept_hands: Vec::new(),
            news: Vec::new(),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Moves time, does what is due, and says when to come again. Time never goes back: an
    /// earlier one leaves it where it is.
    pub(crate) fn advance(&mut self, now_ms: u64) -> Option<u64> {
        self.now_ms = self.now_ms.max(now_ms);
        if self.next_deadline_ms().is_some_and(|due_ms| due_ms <= self.now_ms) {
            self.finish_raising();
        }
        while let Some(due) = self.timers.pop_due(self.now_ms) {
            match due {
                Due::Progress(request) => self.release_held_progress(request),
                Due::Debounce(key) => self.end_interval(key),
            }
            self.finish_raising();
        }
        if self.has_ages() {
            self.age_kept();
        }
        self.look_for_silence();
        self.settle_lagging();
        self.next_deadline_ms()
    }

    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        let aged_ms = if self.has_ages() { self.aged_ms() } else { None };
        self.timers.next().into_iter().chain(aged_ms).chain(self.silence_ms()).min()
    }

    /// Whether time passing makes a difference beyond what the configuration says.
    pub(crate) fn needs_time(&self) -> bool {
        self.has_ages() || self.silence_ms().is_some()
    }

    #[cfg(test)]
    pub(crate) fn is_underway(&self) -> bool {
        self.out.is_underway()
    }

    /// Whether raisings are put off.
    #[cfg(test)]
    pub(crate) fn puts_off(&self) -> bool {
        !self.out.put_off.is_empty()
    }

    /// From now on raisings queue everything at once.
    #[cfg(test)]
    pub(crate) fn raise_at_once(&mut self) {
        self.has_callbacks = true;
    }

    /// Whether some session has output.
    pub(crate) fn is_ready(&self) -> bool {
        self.out.is_ready()
    }

    /// Whether some session has output for a callback.
    pub(crate) fn is_push_ready(&self) -> bool {
        self.out.first_ready(true).is_some()
    }

    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    fn log(&mut self, level: Level, target: &'static str, message: impl Into<String>) {
        self.news.push(News::Log(LogRecord { level, target, message: message.into() }));
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            sessions: self.sessions.len() as u64,
            streams: self.out.streams.len() as u64,
            subscriptions: self.subs.held(),
            links: self.subs.links() as u64,
            topics: self.topics_held() as u64,
            requests: self.requests.len() as u64,
            queued_frames: self.out.queued,
            queued_bytes: self.events.bytes,
            ..self.counters
        }
    }
}
