//! Clients whose connections break at random, against what they ought to have in the end: on each
//! stream every message of it once, in order, and none of another (R28, R31, R32, R35).

mod common;

use common::*;
use fanfare::{
    Batch, Engine, ErrorKind, Framing, Raise, Revision, SessionId, SessionParams, StreamId,
    StreamKind, Target,
};

/// A small generator (xorshift64), so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// A client's side of one stream.
struct Stream {
    session: SessionId,
    /// The request whose response it is; none for the GET stream.
    request: Option<u32>,
    /// The connection, if there is one.
    handle: Option<StreamId>,
    last_id: Option<String>,
    seen: Vec<String>,
    expected: Vec<String>,
    is_answered: bool,
}

impl Stream {
    fn has_all(&self) -> bool {
        self.is_answered && self.seen == self.expected
    }

    /// Takes up to `max` frames, of which the last `lost` never reach the client.
    fn read(&mut self, engine: &Engine, max: usize, lost: usize) {
        let Some(handle) = self.handle else { return };
        let mut batch = Batch::new();
        let taken = engine.recv_stream(handle, max, &mut batch).unwrap();
        let got = if self.last_id.is_some() { taken.saturating_sub(lost) } else { taken };
        for frame in texts(engine, &batch).into_iter().take(got) {
            if frame.starts_with("retry: ") {
                continue;
            }
            let (id, rest) = frame[4..].split_once('\n').unwrap();
            if let Some(last) = &self.last_id {
                let number = |id: &str| id.split_once('-').unwrap().0.to_owned();
                assert_eq!(number(id), number(last), "an id of another stream");
                assert_ne!(id, last);
            }
            self.last_id = Some(id.to_owned());
            match rest.strip_prefix("event: message\ndata: ") {
                Some(text) => self.seen.push(text.trim_end().to_owned()),
                None => assert_eq!(rest, "data: \n\n"),
            }
        }
        let is_over = batch.iter().last().is_some_and(|frame| frame.flags.is_last());
        if is_over || got < taken {
            self.handle = None;
        }
    }

    fn resume(&mut self, engine: &Engine) {
        let Some(id) = &self.last_id else { return };
        match engine.resume_stream(self.session, id) {
            Ok(handle) => self.handle = Some(handle),
            Err(error) => {
                assert!(self.has_all(), "{error}, but it has {:?}", self.seen);
                assert_eq!(error.kind(), ErrorKind::Gone);
            }
        }
    }
}

fn walk(seed: u64) -> usize {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let engine = engine(&[
        ("replay.max_frames", "10000"),
        ("replay.max_streams", "100"),
        ("session.max_queued_frames", "10000"),
    ]);
    let revisions = [Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2025_11_25];
    let sessions: Vec<_> = (0..3)
        .map(|_| {
            let profile = legacy(revisions[dice.roll(3)]);
            engine.open(SessionParams::new(profile).framing(Framing::Sse)).unwrap()
        })
        .collect();
    let mut streams: Vec<Stream> = Vec::new();
    let open = |session, kind, request| Stream {
        session,
        request,
        handle: Some(engine.open_stream(session, kind).unwrap()),
        last_id: None,
        seen: Vec::new(),
        expected: Vec::new(),
        is_answered: false,
    };
    for &session in &sessions {
        streams.push(open(session, StreamKind::Standalone, None));
    }
    let mut calls = 0;
    for n in 0..400 {
        let at = dice.roll(streams.len());
        let what = dice.roll(12);
        if what == 0 && streams.len() < 15 {
            calls += 1;
            let session = sessions[dice.roll(3)];
            let stream = open(session, StreamKind::Request, Some(calls));
            let call = request(&calls.to_string(), "tools/call", "");
            engine.receive(session, stream.handle, call.as_bytes()).unwrap();
            streams.push(stream);
            continue;
        }
        let stream = &mut streams[at];
        match (what, stream.request) {
            (1..=4, _) if !stream.is_answered => {
                let params = format!(r#"{{"level":"info","data":{n}}}"#);
                let id = stream.request.map(|id| id.to_string());
                let target = match &id {
                    Some(id) => Target::Request(stream.session, id),
                    None => Target::Session(stream.session),
                };
                let method = "notifications/message";
                assert_eq!(engine.notify(method, Some(&params), &Raise::to(target)), Ok(1));
                stream
                    .expected
                    .push(format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#));
            }
            (5, Some(id)) if !stream.is_answered && stream.last_id.is_some() => {
                let answer = empty(&id.to_string());
                engine.send(stream.session, None, answer.as_bytes()).unwrap();
                stream.expected.push(answer);
                stream.is_answered = true;
            }
            (6, _) if stream.last_id.is_some() => {
                if let Some(handle) = stream.handle.take() {
                    engine.close_stream(handle).unwrap();
                }
            }
            (7, _) if stream.last_id.is_some() => {
                if let Some(handle) = stream.handle
                    && engine.hang_up(handle, 1).is_ok()
                {
                    stream.read(&engine, 1, 0);
                    assert_eq!(stream.handle, None);
                }
            }
            (8 | 9, _) => stream.resume(&engine),
            _ => {
                let (max, lost) = (dice.roll(6), dice.roll(3));
                stream.read(&engine, max, lost);
            }
        }
        // An id of one session is of no use to another.
        let stream = &streams[at];
        let stranger = sessions[dice.roll(3)];
        if stranger != stream.session
            && let Some(id) = &stream.last_id
        {
            assert!(engine.resume_stream(stranger, id).is_err());
        }
    }
    let mut messages = 0;
    for stream in &mut streams {
        if stream.last_id.is_some() && !stream.has_all() {
            stream.resume(&engine);
        }
        stream.read(&engine, usize::MAX, 0);
        assert_eq!(stream.seen, stream.expected, "seed {seed}");
        messages += stream.seen.len();
    }
    for session in sessions {
        engine.close(session).unwrap();
    }
    let stats = engine.stats();
    assert_eq!((stats.streams, stats.queued_bytes, stats.queued_frames), (0, 0, 0), "seed {seed}");
    messages
}

#[test]
fn every_stream_is_whole_in_the_end() {
    let messages: usize = (1..=400).map(walk).sum();
    assert!(messages > 10_000, "only {messages} messages: too little happened");
}
