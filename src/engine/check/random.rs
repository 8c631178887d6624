//! Random operations, each followed by a check of every invariant. What the sessions drain is
//! held against what they may be sent. Seeds are fixed: a failure names its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use crate::config::Config;
use crate::engine::drain::{Hand, Output, Sink};
use crate::engine::outbox::DETACHED;
use crate::engine::slot::WITHDRAWN;
use crate::engine::{AccessRequest, Core, Incoming, News, Outgoing, Question};
use crate::error::ErrorKind;
use crate::framing::Framing;
use crate::params::{
    Access, EndReason, Overflow, Profile, Raise, SessionId, SessionParams, StreamId, StreamKind,
    SubscriptionId, Target, Topic,
};
use crate::protocol::event_id::EventId;
use crate::protocol::kind::NoticeKind;
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
        self.taken.push(Taken { session: output.session, stream: output.stream, text });
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
        match self.random.below(36) {
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
            26 => self.take_in_hand(),
            27 => self.put_down(),
            28 => {
                let Some(session) = self.any() else { return };
                let is_paused = self.random.one_in(2);
                let _ = self.core.pause(session, is_paused);
            }
            29 => {
                let session = if self.random.one_in(8) { None } else { self.any() };
                let _ = self.core.push_by_callback(session);
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
                News::Lists(session) => {
                    self.answer(|core| core.questions_of_lists(session));
                    self.core.grant_lists(session);
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

    // ---- the client ----

    fn id(&mut self, session: SessionId) -> String {
        if self.random.one_in(10)
            && let Some(id) = self.peers[&session].requests.last()
        {
            return id.clone();
        }
        self.next_id += 1;
        let id = self.next_id;
        if self.random.one_in(2) { id.to_string() } else { format!("\"{id}\"") }
    }

    fn receive(&mut self) {
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
    fn check_cancelled(&mut self, session: SessionId) {
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

    fn message(&mut self, session: SessionId) -> String {
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

    fn filter(&mut self) -> &'static str {
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
    fn known_id(&mut self, session: SessionId) -> String {
        let peer = &self.peers[&session];
        let mut ids: Vec<&String> = peer.granted.keys().chain(&peer.requests).collect();
        ids.sort();
        let at = self.random.below(ids.len() + 1);
        ids.get(at).map_or("99999".to_owned(), |id| (*id).clone())
    }

    // ---- the host ----

    fn respond(&mut self) {
        let Some(session) = self.any() else { return };
        let id = self.known_id(session);
        let stream = self.any_stream(session);
        let version = self.random.of(&Revision::ALL);
        let task = self.random.of(&TASKS);
        let quoted = serde_json::to_string(task).unwrap();
        let choice = self.random.below(17);
        let text = match choice {
            0 => {
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":"m"}}}}"#)
            }
            1 => r#"{"jsonrpc":"2.0","id":"h","method":"ping"}"#.to_owned(),
            2 => {
                r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"h"}}"#
                    .to_owned()
            }
            12..=14 => format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"task":{{"taskId":{quoted},"status":"working"}}}}}}"#
            ),
            15 => {
                let status = self.random.of(&STATUSES);
                format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"result":{{"taskId":{quoted},"status":"{status}"}}}}"#
                )
            }
            16 => format!(
                r#"{{"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":{{"mode":"url","elicitationId":{quoted}}}}}"#
            ),
            3 => r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#.to_owned(),
            _ => format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{version}","capabilities":{{"tools":{{"listChanged":true}},"resources":{{"subscribe":true}},"tasks":{{}}}}}}}}"#
            ),
        };
        if self.core.send(session, stream, Outgoing::read(text.as_bytes())).is_ok() {
            let peer = self.peers.get_mut(&session).unwrap();
            match choice {
                12..=14 => {
                    peer.tokens.entry(task.to_owned()).or_default().insert(id);
                }
                16 => *peer.elicited.entry(task.to_owned()).or_default() += 1,
                _ => {}
            }
        }
        self.note_gone(session);
        self.check_cancelled(session);
    }

    fn host_subscribe(&mut self) {
        let Some(session) = self.any() else { return };
        let stream = self.any_stream(session);
        let uri = self.random.of(&URIS);
        match self.random.below(6) {
            4 | 5 => {
                let template = self.random.of(&["{x}:", "f:///{x}", "f:///p%22/{x}", "a{x}"]);
                if self.random.one_in(3) {
                    let _ = self.core.unsubscribe_template(session, template);
                } else {
                    let _ = self.core.subscribe_template(session, template);
                }
            }
            0 => {
                self.answer(|core| core.questions_of_subscribe(session, uri));
                let _ = self.core.subscribe(session, uri);
            }
            1 => drop(self.core.unsubscribe(session, uri)),
            _ => {
                let (id, filter) = (self.id(session), self.filter());
                self.answer(|core| core.questions_of_listen(session, filter));
                let _ = self.core.listen(session, stream, &id, filter);
                self.core.settle_lagging();
            }
        }
        self.core.forget_answers();
    }

    // ---- access ----

    fn answer(&mut self, questions: impl Fn(&Core) -> Vec<Question>) {
        let answered = self.answered(questions(&self.core));
        self.core.take_answers(answered);
    }

    fn answered(&self, questions: Vec<Question>) -> Vec<(Question, Access)> {
        let says = |request: &AccessRequest<'_>| {
            let name = match request.topic {
                Topic::Resource(name) | Topic::Task(name) => name,
                Topic::ToolList => LISTS[0],
                _ => return Access::Allow,
            };
            let rule = self
                .policy
                .iter()
                .find(|((principal, of), _)| *principal == request.principal && of == name);
            rule.map_or(Access::Allow, |(_, access)| *access)
        };
        questions
            .into_iter()
            .map(|it| {
                let access = it.answer(&says);
                (it, access)
            })
            .collect()
    }

    fn revoke(&mut self) {
        if !self.core.is_asked() {
            return;
        }
        let principal = self.random.of(&[None, Some("p"), Some("q")]);
        let name = self.random.of(&["a:", "b:", "f:///p\"", LISTS[0], "t"]);
        let access = self.random.of(&Access::ALL);
        self.policy.insert((principal, name.to_owned()), access);
        let topic = match name {
            _ if name == LISTS[0] => Topic::ToolList,
            "t" => Topic::Task(name),
            _ => Topic::Resource(name),
        };
        let principal = principal.filter(|_| self.random.one_in(2));
        let topic = Some(topic).filter(|_| !self.random.one_in(4));
        let questions = self.core.begin_revoke(principal, topic);
        let (epoch, answered) = (self.core.access_epoch(), self.answered(questions));
        let revoked = self.core.finish_revoke(epoch, &answered);
        assert_eq!(revoked.asked, answered.len());
        for session in self.sessions.clone() {
            self.note_gone(session);
        }
        self.learn_listens();
        for peer in self.peers.values_mut() {
            let granted = &peer.granted;
            peer.due.retain(|(id, name)| granted.get(id).is_some_and(|it| it.contains(name)));
        }
    }

    fn end_subscription(&mut self) {
        let Some(session) = self.any() else { return };
        let id = self.known_id(session);
        let Ok(handle) = self.core.subscription(session, &id) else { return };
        let reason = self.random.of(&EndReason::ALL);
        self.core.end_subscription(SubscriptionId(handle), reason).unwrap();
        // What a callback has in hand was handed out before.
        let is_in_hand = self.in_hand.iter().any(|(hand, _)| hand.session == session);
        if matches!(reason, EndReason::Cancelled | EndReason::Disconnected) && !is_in_hand {
            self.peers.get_mut(&session).unwrap().over.insert(id);
        }
        self.note_gone(session);
    }

    fn notify(&mut self) {
        self.learn_listens();
        let session = self.any();
        let id = session.map(|session| self.known_id(session)).unwrap_or_default();
        let target = match (self.random.below(10), session) {
            (0, Some(session)) => Target::Session(session),
            (1, Some(session)) => Target::Except(session),
            (2, _) => Target::Principal(self.random.of(&["p", "q", "r"])),
            (3 | 4, Some(session)) => Target::Request(session, &id),
            _ => Target::All,
        };
        let mut raise = Raise::to(target);
        if self.random.one_in(4) {
            raise = raise.context(self.random.of(&[
                "{}",
                r#"{"c":1}"#,
                r#"{"c":{"d":"long enough to matter"}}"#,
            ]));
        }
        self.next_n += 1;
        let n = self.next_n;
        match self.random.below(12) {
            8..=10 => {
                let method = if self.random.one_in(3) { TASK_STATUS } else { TASK };
                let task = self.random.of(&TASKS);
                let status = self.random.of(&STATUSES);
                let fill = "x".repeat(self.random.of(&[0, 10, 300]));
                let params = serde_json::json!({
                    "taskId": task, "status": status, "n": n, "ofRequest": false, "fill": fill,
                });
                let raised = self.core.notify(method, Some(&params.to_string()), &raise);
                let key = (method, task.to_owned());
                match raised.map_err(|error| error.kind()) {
                    Ok(_) if matches!(status, "working" | "input_required") => {
                        self.over.remove(&key);
                    }
                    Ok(_) => drop(self.over.insert(key)),
                    // It may have been forgotten that it is over, but never the other way round.
                    Err(ErrorKind::State) if target_lives(&self.core, target) => {
                        assert!(self.over.contains(&key), "{task} is not over");
                    }
                    Err(_) => {}
                }
            }
            11 => {
                let id = serde_json::json!({ "elicitationId": self.random.of(&TASKS) });
                let _ = self.core.notify(ELICITED, Some(&id.to_string()), &raise);
            }
            0..=2 => {
                let uri = self.random.of(&URIS);
                let params = serde_json::json!({ "uri": uri }).to_string();
                if self.core.notify(UPDATED, Some(&params), &raise).is_ok() {
                    self.note_raised(uri, target);
                }
            }
            3 => {
                let method = self.random.of(&LISTS);
                if self.core.notify(method, None, &raise).is_ok() {
                    self.note_raised(method, target);
                }
            }
            4 => {
                let of = matches!(target, Target::Request(..));
                let params = format!(r#"{{"n":{n},"ofRequest":{of}}}"#);
                let _ = self.core.notify(EVENT, Some(&params), &raise);
            }
            5 => {
                let of = if let Target::Request(..) = target { id.as_str() } else { "null" };
                let params = format!(r#"{{"level":"error","data":{{"n":{n},"of":{of}}}}}"#);
                let _ = self.core.notify("notifications/message", Some(&params), &raise);
            }
            _ => {
                let amount = if self.random.one_in(5) { 0 } else { n };
                let params =
                    format!(r#"{{"progressToken":{id},"progress":{amount},"message":"m"}}"#);
                let _ = self.core.notify("notifications/progress", Some(&params), &raise);
            }
        }
    }

    /// What each listen that lives was granted.
    fn learn_listens(&mut self) {
        let core = &self.core;
        for &session in &self.sessions {
            let Some(ix) = core.sessions.resolve(session.0) else { continue };
            let peer = self.peers.get_mut(&session).unwrap();
            for sub in core.subs.of_session(&core.sessions[ix]) {
                let Some(id) = &core.subs[sub].id else { continue };
                let links = core.links_of(sub).into_iter();
                let heard = links.filter(|&slot| !core.out.slots[slot].is(WITHDRAWN));
                let names = {
                    let names = heard.map(|slot| {
                        let topic = &core.topics[core.out.slots[slot].link().topic];
                        match topic.kind {
                            NoticeKind::Resource => {
                                serde_json::from_str(&format!("\"{}\"", topic.name())).unwrap()
                            }
                            // An update is an event, which an overflow may lose.
                            NoticeKind::Task => String::new(),
                            kind => kind.method().to_owned(),
                        }
                    });
                    names.collect()
                };
                peer.granted.insert(id.as_json().to_owned(), names);
                peer.tasks.entry(id.as_json().to_owned()).or_insert_with(|| {
                    let topics = core.links_of(sub).into_iter();
                    let topics = topics.map(|slot| &core.topics[core.out.slots[slot].link().topic]);
                    topics
                        .filter(|topic| topic.kind == NoticeKind::Task)
                        .map(|topic| {
                            serde_json::from_str(&format!("\"{}\"", topic.name())).unwrap()
                        })
                        .collect()
                });
            }
        }
    }

    fn note_raised(&mut self, name: &str, target: Target<'_>) {
        for &session in &self.sessions {
            let is_meant = match target {
                Target::All => true,
                Target::Session(one) | Target::Request(one, _) => one == session,
                Target::Except(one) => one != session,
                Target::Principal(_) => false,
            };
            let peer = self.peers.get_mut(&session).unwrap();
            for (id, names) in &peer.granted {
                if is_meant && names.contains(name) {
                    peer.due.insert((id.clone(), name.to_owned()));
                }
            }
        }
    }

    // ---- the way out ----

    fn drain(&mut self) {
        let room = self.random.of(&[0, 1, 2, 5, 1000]);
        let max = self.random.of(&[1, 3, 1000]);
        let mut frames = Frames { taken: Vec::new(), room };
        match self.random.below(3) {
            0 => {
                self.core.drain(max, &mut frames);
            }
            1 => {
                let Some(session) = self.any() else { return };
                let ix = self.core.session_even_ending(session).unwrap();
                self.core.drain_session(ix, max, &mut frames);
            }
            _ => {
                let Some(session) = self.any() else { return };
                let Some(stream) = self.any_stream(session) else { return };
                let Ok(ix) = self.core.stream_ix(stream) else { return };
                self.core.drain_stream(ix, max, &mut frames);
            }
        }
        for taken in frames.taken {
            self.delivered(&taken);
        }
    }

    fn take_in_hand(&mut self) {
        let mut frames = Frames { taken: Vec::new(), room: 1 };
        if let Some(hand) = self.core.take_in_hand(&mut frames) {
            assert!(self.in_hand.iter().all(|(other, _)| other.session != hand.session));
            self.in_hand.push((hand, frames.taken.remove(0)));
        }
    }

    fn put_down(&mut self) {
        if self.in_hand.is_empty() {
            return;
        }
        let at = self.random.below(self.in_hand.len());
        let (hand, taken) = self.in_hand.remove(at);
        let verdict = self.random.below(8);
        // What went to a connection that was given up is sent again to the next one.
        let is_seen = !taken.text.starts_with("id: ") || self.core.stream_ix(taken.stream).is_ok();
        self.core.put_down(hand, verdict > 1, taken.text.len());
        match verdict {
            0 => self.core.pause_refused(hand.session),
            1 if self.random.one_in(4) => self.core.disconnect_handle(hand.session),
            1 => self.core.pause_refused(hand.session),
            _ if is_seen => self.delivered(&taken),
            _ => {}
        }
    }

    /// The message of a frame, unless it has none or the client has it already.
    fn message_of(&mut self, taken: &Taken) -> Option<String> {
        let text = &taken.text;
        if text == Framing::COMMENT || text.starts_with("retry: ") {
            return None;
        }
        let Some(rest) = text.strip_prefix("id: ") else { return Some(text.clone()) };
        let (id, rest) = rest.split_once('\n').unwrap();
        let data = rest.split_once("data: ").unwrap().1.strip_suffix(Framing::EVENT_TAIL).unwrap();
        let id = EventId::parse(id).unwrap();
        let peer = self.peers.get_mut(&taken.session).unwrap();
        assert!(!peer.is_modern, "R58: {text}");
        // R32: in order, without a gap, and what is sent again is what was sent before.
        match peer.reached.insert(id.stream, id.seq) {
            Some(last) => assert_eq!(id.seq, last + 1, "{text}"),
            None => assert!(id.seq <= 1, "{text}"),
        }
        match peer.sent.insert(id, data.to_owned()) {
            Some(before) => {
                assert_eq!(before, data, "sent again: {text}");
                None
            }
            None => (!data.is_empty()).then(|| data.to_owned()),
        }
    }

    /// What a frame says, against what its session was sent before.
    fn delivered(&mut self, taken: &Taken) {
        let Some(text) = &self.message_of(taken) else { return };
        let peer = self.peers.get_mut(&taken.session).expect("it has been opened");
        let frame: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let params = &frame["params"];
        let method = frame["method"].as_str().unwrap_or_default();
        let subscription = params["_meta"].get(SUBSCRIPTION_ID).map(Value::to_string);
        if let Some(id) = &subscription {
            let is_in_time = !peer.over.contains(id);
            assert!(is_in_time, "after its end: {text}");
            if method.ends_with("acknowledged") {
                assert!(peer.acknowledged.insert(id.clone()), "acknowledged twice: {text}");
            } else {
                assert!(peer.acknowledged.contains(id), "before its acknowledgment: {text}");
                let name = params["uri"].as_str().unwrap_or(method).to_owned();
                peer.due.remove(&(id.clone(), name));
            }
        } else if peer.is_modern {
            let is_notice = method == UPDATED || LISTS.contains(&method);
            let is_event = [EVENT, TASK, TASK_STATUS, ELICITED].contains(&method);
            assert!(!is_notice && !is_event, "not asked for: {text}");
        }
        if let Some(id) = frame.get("id").filter(|_| method.is_empty()) {
            let id = id.to_string();
            // A refusal that repeats an id that is in use is not its answer.
            if frame["error"]["code"] != -32600 {
                let is_listen = peer.acknowledged.contains(&id);
                assert!(!is_listen || peer.over.insert(id.clone()), "ended twice: {text}");
                peer.answered.insert(id);
            }
        }
        match method {
            "notifications/progress" => {
                let token = params["progressToken"].to_string();
                let amount = params["progress"].as_i64().unwrap_or_else(|| panic!("{text}"));
                if !params["_meta"]["io.modelcontextprotocol/related-task"].is_null() {
                    assert!(!peer.ended.contains(&token), "after the end of its task: {text}");
                }
                if peer.is_modern {
                    assert!(!peer.answered.contains(&token), "after the response: {text}");
                    let last = peer.progress.insert(token, amount);
                    assert!(last.is_none_or(|last| amount > last), "not above {last:?}: {text}");
                }
            }
            "notifications/message" => {
                let (n, of) = (
                    params["data"]["n"].as_i64().unwrap_or_else(|| panic!("{text}")),
                    &params["data"]["of"],
                );
                let sort = of.to_string();
                assert!(
                    of.is_null() || !peer.is_modern || !peer.answered.contains(&sort),
                    "{text}"
                );
                if !of.is_null() {
                    let last = peer.events.insert(sort, n);
                    assert!(last.is_none_or(|last| n > last), "after {last:?}: {text}");
                }
            }
            TASK if subscription.is_some() => {
                let (id, task) = (subscription.unwrap(), params["taskId"].as_str().unwrap());
                assert!(peer.tasks[&id].contains(task), "not asked for: {text}");
                let last =
                    peer.events.insert(format!("{id} {task}"), params["n"].as_i64().unwrap());
                assert!(last < params["n"].as_i64(), "after {last:?}: {text}");
            }
            ELICITED if !peer.is_open => {
                let id = params["elicitationId"].as_str().unwrap();
                let left = peer.elicited.get_mut(id).expect("an id that it was given");
                *left -= 1;
                assert!(*left >= 0, "told twice: {text}");
            }
            // Those of a request may overtake with its response.
            EVENT | TASK_STATUS if params["ofRequest"] == false => {
                let is_over = params["status"]
                    .as_str()
                    .is_some_and(|status| !matches!(status, "working" | "input_required"));
                if is_over && let Some(tokens) = peer.tokens.get(params["taskId"].as_str().unwrap())
                {
                    peer.ended.extend(tokens.iter().cloned());
                }
                let n = params["n"].as_i64().unwrap();
                let last = peer.events.insert(String::new(), n);
                assert!(last.is_none_or(|last| n > last), "after {last:?}: {text}");
            }
            _ => {}
        }
    }

    /// Whoever lives and reads learns the latest.
    fn finish(&mut self) {
        while !self.in_hand.is_empty() {
            self.put_down();
            self.check();
        }
        self.learn_listens();
        self.now_ms += 1000;
        self.core.advance(self.now_ms);
        let sessions = self.sessions.clone();
        for session in sessions {
            self.note_gone_if_there(session);
            let _ = self.core.pause(session, false);
            while let Ok(ix) = self.core.session_even_ending(session) {
                let mut frames = Frames { taken: Vec::new(), room: 1000 };
                if self.core.drain_session(ix, 1000, &mut frames) == 0 {
                    let is_ending = self.core.sessions[ix].is_ending();
                    assert!(!is_ending, "an ending session goes with its last frame");
                    break;
                }
                for taken in frames.taken {
                    self.delivered(&taken);
                }
                self.core.check(&[]);
            }
            if self.core.session(session).is_ok() {
                // What nobody can write out just now waits.
                let core = &self.core;
                let waits = |id: &str| {
                    let sub = core.subs.subs.resolve(core.subscription(session, id).unwrap());
                    core.out.streams[core.subs[sub.unwrap()].stream].is(DETACHED)
                };
                let due: Vec<_> =
                    self.peers[&session].due.iter().filter(|(id, _)| !waits(id)).collect();
                assert!(due.is_empty(), "never told: {due:?}");
            }
        }
        for session in self.core.sessions.indices() {
            let handle = SessionId(self.core.sessions.handle(session));
            self.core.close(handle).unwrap();
            self.core.check(&[]);
        }
        let stats = self.core.stats();
        let held = [stats.sessions, stats.streams, stats.subscriptions, stats.links, stats.topics];
        assert_eq!(held, [0; 5]);
        assert_eq!((stats.requests, stats.queued_frames, stats.queued_bytes), (0, 0, 0));
    }

    fn note_gone_if_there(&mut self, session: SessionId) {
        if self.core.session_even_ending(session).is_ok() {
            self.note_gone(session);
        }
    }
}
