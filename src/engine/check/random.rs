//! Random operations, each followed by a check of every invariant. What the sessions drain is
//! held against what they may be sent. Seeds are fixed: a failure names its own.

mod client;
mod host;
mod out;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::config::Config;
use crate::engine::drain::{Hand, Output, Sink};
use crate::engine::{Core, News};
use crate::error::ErrorKind;
use crate::framing::Framing;
use crate::params::{
    Access, EndReason, Overflow, Profile, SessionId, SessionParams, StreamId, StreamKind, Target,
};
use crate::protocol::event_id::EventId;
use crate::protocol::{Capabilities, Revision};

const SEEDS: u64 = 1000;
const STEPS: usize = 150;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const URIS: [&str; 7] =
    ["a:", "b:", "c:\"\\", "d:\u{e9}", "f:///p\"", "f:///p\"/q", "f:///p\"/q/r"];
const EVENT: &str = "notifications/x";
/// One of them is a URI as well.
const TASKS: [&str; 3] = ["t", "a:", "u\"\\"];
const TASK: &str = "notifications/tasks";
const TASK_STATUS: &str = "notifications/tasks/status";
const ELICITED: &str = "notifications/elicitation/complete";
const STATUSES: [&str; 7] =
    ["working", "working", "working", "input_required", "completed", "failed", "cancelled"];
const LISTS: [&str; 3] = [
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
];
const UPDATED: &str = "notifications/resources/updated";
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// A frame as it left.
#[derive(Clone, Debug)]
struct Taken {
    session: SessionId,
    stream: StreamId,
    text: String,
}

/// Takes so many frames and then declines.
struct Frames {
    taken: Vec<Taken>,
    room: usize,
}

impl Sink for Frames {
    fn take(&mut self, output: &Output<'_>) -> Option<usize> {
        self.room = self.room.checked_sub(1)?;
        let text = match output.head {
            Some(head) => [head, &output.text.to_text(), "\n\n"].concat(),
            None => output.text.to_text(),
        };
        let len = text.len();
        self.taken.push(Taken { session: output.to.session, stream: output.to.stream, text });
        Some(len)
    }
}

/// What is known of a session from what was said to it.
#[derive(Default)]
struct Peer {
    /// Listens by the JSON text of their ids: acknowledged, and over.
    acknowledged: HashSet<String>,
    over: HashSet<String>,
    /// Progress tokens and requests that were answered or cancelled.
    answered: HashSet<String>,
    /// The last progress of each token, and the last number of each sort of event.
    progress: HashMap<String, i64>,
    events: HashMap<String, i64>,
    /// Notices raised for listens that lived, and not drained since: (id, URI or method).
    due: HashSet<(String, String)>,
    granted: HashMap<String, HashSet<String>>,
    /// The tasks that each listen was granted, those that have ended included.
    tasks: HashMap<String, HashSet<String>>,
    /// By task, the tokens of the requests that a response gave it for; and those of them that are
    /// over, as the client was told.
    tokens: HashMap<String, HashSet<String>>,
    ended: HashSet<String>,
    /// How often each elicitation was given, and not told complete.
    elicited: HashMap<String, i32>,
    is_open: bool,
    requests: Vec<String>,
    streams: Vec<StreamId>,
    is_modern: bool,
    /// What was sent with each event id, and the last place on each stream that the client has.
    sent: BTreeMap<EventId, String>,
    reached: HashMap<u64, u64>,
}

struct World {
    core: Core,
    random: Random,
    sessions: Vec<SessionId>,
    peers: HashMap<SessionId, Peer>,
    in_hand: Vec<(Hand, Taken)>,
    has_callbacks: bool,
    /// Tasks that are over, by method and id.
    over: HashSet<(&'static str, String)>,
    next_id: u32,
    next_n: i64,
    now_ms: u64,
    /// What the host says of a principal and a name, where it does not allow it.
    policy: HashMap<(Option<&'static str>, String), Access>,
}

#[test]
fn random_operations_break_no_invariant_and_send_nothing_that_may_not_be_sent() {
    let seeds = match option_env!("FANFARE_SEED") {
        Some(seed) => {
            let seed = seed.parse().expect("FANFARE_SEED is a number");
            seed..seed + 1
        }
        None => 0..SEEDS,
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
                world.check();
            }
            world.finish();
        });
        assert!(run.is_ok(), "run it alone with FANFARE_SEED={seed}");
    }
}

/// Whether a target is refused for no reason of its own.
fn target_lives(core: &Core, target: Target<'_>) -> bool {
    match target {
        Target::Session(session) | Target::Request(session, _) => core.session(session).is_ok(),
        Target::All | Target::Except(_) | Target::Principal(_) => true,
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut config = Config {
            max_queued_frames: random.of(&[1, 3, 8, 1024]),
            max_queued_bytes: random.of(&[200, 2000, 1 << 20]),
            max_reply_bytes: random.of(&[500, 5000, 64 << 20]),
            engine_max_queued_bytes: random.of(&[2000, 20_000, 256 << 20, 256 << 20]),
            overflow: random.of(&Overflow::ALL),
            max_sessions: random.of(&[3, 100, 100]),
            max_streams: random.of(&[2, 100, 100]),
            engine_max_subscriptions: random.of(&[4, 100, 100]),
            session_max_subscriptions: random.of(&[2, 100, 100]),
            principal_max_subscriptions: random.of(&[0, 2, 100]),
            filter_max_uris: random.of(&[1, 100, 100]),
            max_requests: random.of(&[2, 100, 100]),
            max_filter_bytes: random.of(&[400, 4 << 20]),
            match_segments: random.one_in(3),
            debounce_resource_ms: random.of(&[0, 0, 30]),
            debounce_tool_list_ms: random.of(&[0, 0, 100]),
            progress_min_interval_ms: random.of(&[0, 0, 50]),
            max_tasks: random.of(&[1, 2, 100]),
            max_elicitations: random.of(&[1, 2, 100]),
            answer_initialize: random.one_in(2),
            hold_empty_listen: random.one_in(2),
            send_cancelled: random.one_in(3),
            unrelated_rides: random.one_in(2),
            replay_max_frames: random.of(&[0, 1, 4, 256]),
            replay_max_bytes: random.of(&[300, 1 << 20]),
            replay_max_age_ms: random.of(&[50, 300_000]),
            replay_max_streams: random.of(&[0, 1, 16]),
            keep_alive_ms: random.of(&[0, 40, 15_000]),
            monotonic_clock: false,
            ..Config::default()
        };
        config.capabilities =
            r#"{"logging":{},"tools":{"listChanged":true},"resources":{"subscribe":true},"tasks":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#
                .to_owned();
        let mut core = Core::new(config, 1);
        if random.one_in(2) {
            core.ask_for_access();
        }
        Self {
            core,
            random,
            sessions: Vec::new(),
            peers: HashMap::new(),
            in_hand: Vec::new(),
            has_callbacks: !seed.is_multiple_of(3),
            over: HashSet::new(),
            next_id: 0,
            next_n: 0,
            now_ms: 0,
            policy: HashMap::new(),
        }
    }

    fn check(&self) {
        let in_hand: Vec<u32> =
            self.in_hand.iter().filter_map(|(hand, _)| hand.held_body()).collect();
        self.core.check(&in_hand);
    }

    fn step(&mut self) {
        let action = self.random.below(36);
        let goes_on = matches!(action, 15..=25);
        if !goes_on {
            // As whoever takes the lock does.
            self.core.finish_raising();
        }
        match action {
            0 | 1 => self.open(),
            2 => self.open_stream(),
            3 => self.close_stream(),
            4..=12 => self.receive(),
            13 | 14 => self.respond(),
            15..=22 => self.notify(),
            23 => {
                self.now_ms += self.random.of(&[1, 30, 60]);
                self.core.advance(self.now_ms);
            }
            24 | 25 => self.drain(),
            26 if self.random.one_in(2) => self.lend(),
            26 => self.take_in_hand(),
            27 => self.put_down(),
            28 => {
                let Some(session) = self.any() else { return };
                let is_paused = self.random.one_in(2);
                let _ = self.core.pause(session, is_paused);
            }
            29 => {
                let session = if self.random.one_in(8) { None } else { self.any() };
                if self.has_callbacks {
                    let _ = self.core.push_by_callback(session);
                }
            }
            30 => self.end_subscription(),
            31 => self.revoke(),
            32 | 33 => self.resume_stream(),
            34 => {
                let Some(session) = self.any() else { return };
                let Some(stream) = self.any_stream(session) else { return };
                let _ = self.core.hang_up(stream, 5);
            }
            _ => match self.random.below(8) {
                0 => {
                    let Some(session) = self.any() else { return };
                    let _ = self.core.close(session);
                }
                1 | 2 => {
                    let Some(session) = self.any() else { return };
                    let reason = self.random.of(&EndReason::ALL);
                    let _ = self.core.end(session, reason);
                }
                _ => self.host_subscribe(),
            },
        }
        // Each call is settled by the layer above.
        for news in self.core.take_news() {
            match news {
                News::End(end) => assert!(self.core.user_data(end.session).is_err()),
                News::Lists(session, raised) => {
                    self.answer(|core| core.questions_of_lists(session));
                    self.core.grant_lists(session, raised);
                    self.core.forget_answers();
                }
                News::StreamEnd(end) => assert!(self.core.stream_ix(end.stream).is_err()),
                News::Log(_) | News::Lag(_) => {}
            }
        }
        self.sessions.retain(|&session| self.core.user_data(session).is_ok());
    }

    fn any(&mut self) -> Option<SessionId> {
        if self.sessions.is_empty() {
            return None;
        }
        let at = self.random.below(self.sessions.len());
        Some(self.sessions[at])
    }

    fn open(&mut self) {
        if self.sessions.len() == 6 {
            return;
        }
        let revision = self.random.of(&Revision::ALL[..4]);
        let profile = match self.random.below(6) {
            0 => Profile::Open,
            1 => Profile::Legacy { revision, handshake: true },
            2 => Profile::Legacy { revision, handshake: false },
            3 => Profile::Auto,
            _ => Profile::Modern,
        };
        let framing = self.random.of(&[Framing::Json, Framing::Sse]);
        let mut params = SessionParams::new(profile).framing(framing);
        if self.random.one_in(3) {
            params = params.principal(self.random.of(&["p", "q"]));
        }
        if self.random.one_in(8) {
            params = params.capabilities(Capabilities::none());
        }
        if self.random.one_in(3) {
            params = params.overflow(self.random.of(&Overflow::ALL));
        }
        let opened = self.core.open(&params);
        if self.core.sessions.len() as u64 == u64::from(self.core.config.max_sessions)
            && let Err(error) = &opened
        {
            assert_eq!(error.kind(), ErrorKind::Limit);
            return;
        }
        let session = SessionId(opened.unwrap());
        self.sessions.push(session);
        let (is_modern, is_open) = (profile == Profile::Modern, profile == Profile::Open);
        let peer = Peer { is_modern, is_open, ..Peer::default() };
        self.peers.insert(session, peer);
    }

    fn open_stream(&mut self) {
        let Some(session) = self.any() else { return };
        let kind = self.random.of(&[
            StreamKind::Request,
            StreamKind::Request,
            StreamKind::Listen,
            StreamKind::Standalone,
            StreamKind::Duplex,
        ]);
        if let Ok(stream) = self.core.open_stream(session, kind) {
            self.peers.get_mut(&session).unwrap().streams.push(StreamId(stream));
        }
    }

    fn any_stream(&mut self, session: SessionId) -> Option<StreamId> {
        let core = &self.core;
        let peer = self.peers.get_mut(&session).unwrap();
        if peer.streams.len() > 8 {
            // Those of connections that are gone are tried now and then, not always.
            peer.streams.retain(|&stream| core.stream_ix(stream).is_ok());
        }
        let streams = &self.peers[&session].streams;
        if streams.is_empty() || self.random.one_in(4) {
            return None;
        }
        let at = self.random.below(streams.len());
        Some(self.peers[&session].streams[at])
    }

    fn close_stream(&mut self) {
        let Some(session) = self.any() else { return };
        let Some(stream) = self.any_stream(session) else { return };
        let _ = self.core.close_stream(stream);
        self.note_gone(session);
    }

    /// A client comes back, with some event that it was sent.
    fn resume_stream(&mut self) {
        let Some(session) = self.any() else { return };
        let sent = &self.peers[&session].sent;
        if sent.is_empty() {
            return;
        }
        let at = self.random.below(sent.len());
        let id = *self.peers[&session].sent.keys().nth(at).unwrap();
        if let Ok(stream) = self.core.resume_stream(session, &id.to_string()) {
            let peer = self.peers.get_mut(&session).unwrap();
            peer.streams.push(StreamId(stream));
            peer.reached.insert(id.stream, id.seq);
        }
    }

    /// Listens that are no more must not be heard of again, but for their end.
    fn note_gone(&mut self, session: SessionId) {
        let core = &self.core;
        let peer = self.peers.get_mut(&session).unwrap();
        let gone: Vec<String> = peer
            .granted
            .keys()
            .filter(|id| core.subscription(session, id).is_err())
            .cloned()
            .collect();
        for id in gone {
            peer.granted.remove(&id);
            peer.due.retain(|(of, _)| *of != id);
        }
    }
}
