//! An engine with sessions of all kinds, named by the order in which they came, so that engines
//! can be compared; and random steps, which mean the same to each engine that took the same before.

use std::cell::RefCell;
use std::fmt;

use fanfare::{
    Batch, EndReason, Engine, Error, ErrorKind, Framing, Level, Profile, Progress, Raise, Revision,
    SessionId, SessionParams, SessionStats, Stats, StreamId, StreamKind, Target, VectoredBatch,
};

use crate::IDS;
use crate::common::*;

/// A frame that came out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) session: usize,
    pub(crate) stream: usize,
    pub(crate) flags: u32,
    pub(crate) data: Vec<u8>,
}

impl Seen {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.data).expect("frames are UTF-8")
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, stream, flags, data } = self;
        write!(f, "s{session}/{stream} {flags} {:?}", String::from_utf8_lossy(data))
    }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) sessions: Vec<SessionId>,
    streams: Vec<StreamId>,
    /// Those whose streams have event ids.
    numbered: Vec<SessionId>,
    /// They are used again and again.
    batch: RefCell<Batch>,
    vectored: RefCell<VectoredBatch>,
}

/// A small generator of random numbers (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn throw(&mut self) -> [u32; 6] {
        std::array::from_fn(|_| {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut it = self.0;
            it = (it ^ it >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            it = (it ^ it >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (it ^ it >> 31) as u32
        })
    }
}

fn pick<T: Copy>(from: &[T], die: u32) -> T {
    from[die as usize % from.len()]
}

// ---- what comes out ----

impl World {
    pub(crate) fn new() -> Self {
        let engine = engine(&[("replay.max_frames", "8"), ("tasks.max_known", "4")]);
        Self {
            engine,
            sessions: Vec::new(),
            streams: Vec::new(),
            numbered: Vec::new(),
            batch: RefCell::default(),
            vectored: RefCell::default(),
        }
    }

    /// The number of a session.
    pub(crate) fn session(&self, handle: SessionId) -> usize {
        self.sessions.iter().position(|one| *one == handle).expect("it was opened")
    }

    fn stream(&self, handle: StreamId) -> usize {
        self.streams.iter().position(|one| *one == handle).expect("it was opened")
    }

    /// A session that is over has nothing to say.
    fn taken(&self, taken: Result<usize, Error>, seen: impl Iterator<Item = Seen>) -> Vec<Seen> {
        match taken {
            Ok(count) => {
                let seen: Vec<Seen> = seen.collect();
                assert_eq!(seen.len(), count);
                seen
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Gone);
                Vec::new()
            }
        }
    }

    pub(crate) fn recv(&self, session: Option<usize>, max: usize) -> Vec<Seen> {
        let batch = &mut *self.batch.borrow_mut();
        let taken = self.engine.recv(session.map(|s| self.sessions[s]), max, batch);
        let frames = batch.iter().map(|frame| Seen {
            session: self.session(frame.session),
            stream: self.stream(frame.stream),
            flags: frame.flags.bits(),
            data: frame.data.to_vec(),
        });
        self.taken(taken, frames)
    }

    pub(crate) fn recv_vectored(&self, session: Option<usize>, max: usize) -> Vec<Seen> {
        let batch = &mut *self.vectored.borrow_mut();
        let taken = self.engine.recv_vectored(session.map(|s| self.sessions[s]), max, batch);
        let frames = batch.iter().map(|frame| Seen {
            session: self.session(frame.session),
            stream: self.stream(frame.stream),
            flags: frame.flags.bits(),
            data: frame.parts.concat(),
        });
        self.taken(taken, frames)
    }

    /// What fits into a buffer of that size, or how many bytes the first record needs.
    pub(crate) fn drain(&self, size: usize) -> Result<Vec<Seen>, usize> {
        let mut buf = vec![0xaa; size];
        let used = self.engine.drain(&mut buf).map_err(needed)?;
        let mut rest = &buf[..used];
        let mut seen = Vec::new();
        while !rest.is_empty() {
            let (header, behind) = rest.split_at(24);
            let long = |at: usize| u64::from_ne_bytes(header[at..][..8].try_into().unwrap());
            let short = |at: usize| u32::from_ne_bytes(header[at..][..4].try_into().unwrap());
            let len = short(20) as usize;
            let (frame, behind) = behind.split_at(len.next_multiple_of(8));
            let (data, padding) = frame.split_at(len);
            assert!(padding.iter().all(|&byte| byte == 0), "{padding:?}");
            seen.push(Seen {
                session: self.session(SessionId::from_raw(long(0))),
                stream: self.stream(StreamId::from_raw(long(8))),
                flags: short(16),
                data: data.to_vec(),
            });
            rest = behind;
        }
        Ok(seen)
    }

    /// The bytes of a session that fit into a buffer of that size, or how many the first frame has.
    pub(crate) fn read(&self, session: usize, size: usize) -> Result<Vec<u8>, usize> {
        let mut buf = vec![0xaa; size];
        let used = self.engine.read(self.sessions[session], &mut buf).map_err(needed)?;
        assert!(buf[used..].iter().all(|&byte| byte == 0xaa));
        buf.truncate(used);
        Ok(buf)
    }

    /// The sessions that are offered: one that is paused has something to say only where it is asked.
    pub(crate) fn ready(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.engine.ready_sessions(usize::MAX, &mut found);
        found.into_iter().map(|session| self.session(session)).collect()
    }

    /// What the engine has counted, in all and of each session.
    pub(crate) fn numbers(&self) -> (Stats, Vec<Option<SessionStats>>) {
        let sessions = self.sessions.iter().map(|&it| self.engine.session_stats(it).ok());
        (self.engine.stats(), sessions.collect())
    }
}

fn needed(error: Error) -> usize {
    assert_eq!(error.kind(), ErrorKind::Limit);
    error.needed_bytes().expect("nothing else can go wrong")
}

// ---- what is said ----

const URIS: [&str; 4] = ["a:", "b:", "b:/long/enough/to/be/longer/than/any/id", "c:\u{e9}\"\\"];
const FILTERS: [&str; 5] = [
    r#"{"toolsListChanged":true,"resourceSubscriptions":["a:","b:"]}"#,
    r#"{"promptsListChanged":true,"resourcesListChanged":true,"toolsListChanged":true}"#,
    r#"{"resourceSubscriptions":["a:","b:/long/enough/to/be/longer/than/any/id"]}"#,
    r#"{"resourceSubscriptions":["c:\u00e9\"\\"],"toolsListChanged":true}"#,
    r#"{"toolsListChanged":true,"taskIds":["t0","t1","t2","t3"]}"#,
];
const MOST_SESSIONS: usize = 60;

impl World {
    pub(crate) fn open(&mut self, params: SessionParams) -> Result<usize, ErrorKind> {
        let session = self.engine.open(params).map_err(|error| error.kind())?;
        self.sessions.push(session);
        self.streams.push(self.engine.stream(session).expect("it has one"));
        Ok(self.sessions.len() - 1)
    }

    fn open_any(&mut self, dice: &[u32; 6]) -> Result<usize, ErrorKind> {
        let [_, who, framing, ..] = *dice;
        let framing = pick(&Framing::ALL, framing);
        let profile = match who % 8 {
            0 => Profile::Open,
            1 => legacy(Revision::V2024_11_05),
            2 => legacy(Revision::V2025_06_18),
            3 | 4 => legacy(Revision::V2025_11_25),
            _ => Profile::Modern,
        };
        let framing = if who % 8 == 4 { Framing::Sse } else { framing };
        let s = self.open(SessionParams::new(profile).framing(framing))?;
        let session = self.sessions[s];
        match who % 8 {
            // Numbered, with the ids of events.
            4 => {
                self.numbered.push(session);
                self.add_stream(session, StreamKind::Standalone)?;
            }
            5.. => {
                self.listen(session, None, dice)?;
                return Ok(s);
            }
            _ => {}
        }
        for &uri in URIS.iter().skip(dice[3] as usize % 4) {
            self.engine.subscribe(session, uri).map_err(|error| error.kind())?;
        }
        Ok(s)
    }

    fn add_stream(&mut self, session: SessionId, kind: StreamKind) -> Result<(), ErrorKind> {
        let stream = self.engine.open_stream(session, kind).map_err(|error| error.kind())?;
        if !self.streams.contains(&stream) {
            self.streams.push(stream);
        }
        Ok(())
    }

    fn listen(
        &self,
        session: SessionId,
        stream: Option<StreamId>,
        dice: &[u32; 6],
    ) -> Result<(), ErrorKind> {
        let (id, filter) = (pick(&IDS, dice[4]), pick(&FILTERS, dice[5]));
        let can_tasks =
            r#"clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
        let message = listen(id, filter).replace(r#"clientCapabilities":{}"#, can_tasks);
        let taken = self.engine.receive(session, stream, message.as_bytes());
        taken.map(|_| ()).map_err(|error| error.kind())
    }

    /// Does something; yields how many it reached, or why it was refused.
    pub(crate) fn step(&mut self, dice: &[u32; 6]) -> Result<usize, ErrorKind> {
        let [what, who, a, b, ..] = *dice;
        if self.sessions.is_empty() || what % 100 < 4 && self.sessions.len() < MOST_SESSIONS {
            return self.open_any(dice);
        }
        let session = pick(&self.sessions, who);
        let id = pick(&IDS, a);
        let raise = match b % 6 {
            0 => Raise::to(Target::Session(session)),
            1 => Raise::to(Target::Session(session)).context(r#"{"n":1}"#),
            2 => Raise::to(Target::Except(session)),
            3 => Raise::ALL.context(r#"{"n":1}"#),
            _ => Raise::ALL,
        };
        let engine = &self.engine;
        let done = match what % 100 {
            0..=11 => return self.listen(session, None, dice).map(|()| 0),
            12..=37 => engine.notify_resource_updated(pick(&URIS, a), &raise),
            38..=45 => engine.notify_tool_list_changed(&raise),
            46..=48 => engine.notify_prompt_list_changed(&raise),
            49..=52 => engine.notify_resource_list_changed(&raise),
            53..=58 => engine.notify("notifications/x", [None, Some("{}")][a as usize % 2], &raise),
            59..=62 => engine.notify_logging_message(Level::Error, None, "1", &raise),
            63..=66 => {
                let (task, status) = (a % 4, ["working", "completed"][usize::from(a % 29 == 0)]);
                let result = if status == "working" { "" } else { r#","result":{}"# };
                let params = format!(
                    r#"{{"taskId":"t{task}","status":"{status}","createdAt":"2026-08-01T00:00:00Z","lastUpdatedAt":"2026-08-01T00:00:01Z","ttlMs":null{result}}}"#
                );
                engine.notify_task(&params, &raise)
            }
            67..=70 => {
                let modern = modern_params(&format!(r#","progressToken":{id}"#), "");
                let older = format!(r#"{{"_meta":{{"progressToken":{id}}}}}"#);
                let is_modern = engine.revision(session).ok().flatten() == Some(Revision::MODERN);
                let call = request(id, "tools/call", if is_modern { &modern } else { &older });
                engine.receive(session, None, call.as_bytes()).map(|_| 0)
            }
            71..=75 => {
                let progress = f64::from(dice[4]);
                engine.notify_progress(
                    &Progress { token: id, progress, total: None, message: None },
                    &raise,
                )
            }
            76..=78 => engine.send(session, None, empty(id).as_bytes()).map(|()| 0),
            79..=80 => engine.receive(session, None, cancelled(id).as_bytes()).map(|_| 0),
            81..=83 => engine.subscription(session, id).and_then(|listen| {
                engine.end_subscription(listen, EndReason::Graceful).map(|()| 0)
            }),
            84 => engine.pause(session).map(|()| 0),
            85..=87 => engine.resume(session).map(|()| 0),
            88 => engine.end(session, EndReason::Shutdown).map(|()| 0),
            89 => {
                let kind = [StreamKind::Listen, StreamKind::Request, StreamKind::Standalone];
                self.add_stream(session, pick(&kind, a))?;
                let stream = self.streams.last().copied();
                return self.listen(session, stream, dice).map(|()| 0);
            }
            90 => engine.close_stream(pick(&self.streams, a)).map(|()| 0),
            // Whichever of its streams that may be.
            91 if self.numbered.is_empty() => Ok(0),
            91 => {
                let session = pick(&self.numbered, who);
                let latest = b % 32;
                let ids = (1..=30).flat_map(|stream| (0..=latest).map(move |seq| (stream, seq)));
                let stream = ids
                    .filter_map(|(stream, seq)| {
                        engine.resume_stream(session, &format!("{stream}-{seq}")).ok()
                    })
                    .next();
                self.streams.extend(stream);
                Ok(usize::from(stream.is_some()))
            }
            92 => engine.advance(engine.now_ms() + u64::from(a % 20_000)).map(|_| 0),
            93 => engine.subscribe(session, pick(&URIS, a)).map(|()| 0),
            94 => engine.unsubscribe(session, pick(&URIS, a)).map(|()| 0),
            95 if a % 3 == 0 => engine.close(session).map(|()| 0),
            _ => engine.receive(session, None, request(id, "ping", "").as_bytes()).map(|_| 0),
        };
        done.map_err(|error| error.kind())
    }
}
