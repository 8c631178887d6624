//! What the engine does most, small, for callgrind to count the instructions of. Everything that
//! is made ready beforehand, and everything that is put away afterwards, is not counted.
//!
//! The scenarios are those of the bars whose peers are hash tables and channels; here they stand
//! alone, because a count needs no peer to be compared on another day. How to run them and what
//! they are held against: docs/PERFORMANCE.md, "Instruction counts".

#![expect(missing_docs, reason = "the macros of gungraun make public items")]

use std::hint::black_box;

use fanfare::{
    Capabilities, Config, Engine, Framing, Profile, Raise, Revision, SessionId, SessionParams,
    VectoredBatch,
};
use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};

/// What every session of a crowd listens to, beside three resources of its own choice.
const SHARED: &str = "file:///srv/data/shared.json";

/// How many sessions a crowd has.
const CROWD: usize = 1000;

/// How many resources a crowd holds beside the shared one.
const OTHERS: usize = 1000;

/// How many sessions and topics there are where each topic has ten holders.
const TOPICS: usize = 5000;

/// How many topics of those, or of others, are raised: enough that chance evens out.
const ASKED: usize = 500;

/// How many frames are taken at a time.
const BATCH: usize = 1024;

/// Modern sessions with four subscriptions each, of which one is to [`SHARED`].
struct Crowd {
    engine: Engine,
    sessions: Vec<SessionId>,
    batch: VectoredBatch,
    /// How many listens there were.
    made: usize,
}

impl Crowd {
    fn new(count: usize) -> Self {
        let engine = Engine::new(Config::default());
        let mut crowd = Self { engine, sessions: Vec::new(), batch: VectoredBatch::new(), made: 0 };
        crowd.sessions = (0..count).map(|_| crowd.open()).collect();
        for at in 0..count {
            crowd.listen(crowd.sessions[at]);
        }
        assert_eq!(crowd.drain(), count, "one acknowledgment each");
        crowd
    }

    fn open(&self) -> SessionId {
        let params = SessionParams::new(Profile::Modern).framing(Framing::Json);
        self.engine.open(params).expect("it opens")
    }

    fn listen(&mut self, session: SessionId) {
        let id = self.made.to_string();
        let [a, b, c] = [0, 1, 2].map(|n| (self.made * 3 + n) % OTHERS);
        let filter = format!(
            r#"{{"resourceSubscriptions":["file:///srv/other/{a}","{SHARED}","file:///srv/other/{b}","file:///srv/other/{c}"]}}"#
        );
        self.engine.listen(session, None, &id, &filter).expect("it listens");
        self.made += 1;
    }

    fn raise(&self) {
        let reached = self.engine.notify_resource_updated(black_box(SHARED), &Raise::ALL);
        assert_eq!(reached, Ok(self.sessions.len()));
    }

    fn drain(&mut self) -> usize {
        let mut frames = 0;
        while let taken @ 1.. =
            self.engine.recv_vectored(None, BATCH, &mut self.batch).expect("it drains")
        {
            frames += taken;
            black_box(&self.batch);
        }
        frames
    }

    fn round(&mut self) {
        self.raise();
        assert_eq!(self.drain(), self.sessions.len());
    }
}

/// A crowd that has been told once, so that what grows has grown.
fn crowd() -> Crowd {
    let mut crowd = Crowd::new(CROWD);
    crowd.round();
    crowd
}

/// A crowd of which ten times as many sessions have gone and come.
fn churned() -> Crowd {
    let mut crowd = Crowd::new(CROWD);
    for at in Mixer::new(CROWD).take(10 * CROWD) {
        crowd.engine.close(crowd.sessions[at]).expect("it is open");
        let session = crowd.open();
        crowd.listen(session);
        crowd.sessions[at] = session;
    }
    crowd.drain();
    crowd.round();
    crowd
}

/// A crowd that has been told and did not listen yet.
fn told() -> Crowd {
    let crowd = crowd();
    crowd.raise();
    crowd
}

/// Many topics with ten holders each, and those that are to be raised.
struct Held {
    engine: Engine,
    asked: Vec<String>,
}

impl Held {
    fn new(asked: impl Iterator<Item = usize>) -> Self {
        let mut config = Config::default();
        config.set("session.max_subscriptions", "1000").expect("it is in range");
        let engine = Engine::new(config);
        let resources = Capabilities { resources_subscribe: true, ..Capabilities::none() };
        let legacy = Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: false };
        let open = |_| {
            let params = SessionParams::new(legacy).framing(Framing::Json).capabilities(resources);
            engine.open(params).expect("it opens")
        };
        let sessions: Vec<SessionId> = (0..TOPICS).map(open).collect();
        let mut random = Mixer::new(TOPICS);
        for topic in 0..TOPICS {
            // Ten in a row from a random one on are ten different ones.
            let first = random.next().expect("it does not end");
            for at in first..first + 10 {
                engine.subscribe(sessions[at % TOPICS], &uri(topic)).expect("it subscribes");
            }
        }
        Self { engine, asked: asked.map(uri).collect() }
    }

    fn raise_all(&self, holders: usize) {
        for uri in &self.asked {
            let reached = self.engine.notify_resource_updated(black_box(uri), &Raise::ALL);
            assert_eq!(reached, Ok(holders));
        }
    }
}

/// 61 bytes, as long as real ones are.
fn uri(n: usize) -> String {
    format!("file:///srv/projects/data/records/and/more/of/them/{n:07}.js")
}

fn held() -> Held {
    Held::new(Mixer::new(TOPICS).take(ASKED))
}

fn not_held() -> Held {
    Held::new(TOPICS..TOPICS + ASKED)
}

/// Numbers below a bound in no order, the same each time.
struct Mixer {
    state: u64,
    bound: usize,
}

impl Mixer {
    fn new(bound: usize) -> Self {
        Self { state: 7, bound }
    }
}

impl Iterator for Mixer {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Some((self.state >> 33) as usize % self.bound)
    }
}

// Bar 1: one notice, raised and taken out.
#[library_benchmark]
#[bench::fresh(setup = crowd)]
#[bench::churned(setup = churned)]
fn raise_and_drain(mut crowd: Crowd) -> Crowd {
    crowd.round();
    crowd
}

// Bar 3: all are told again of what they have not read yet.
#[library_benchmark]
#[bench::pending(setup = told)]
fn raise_again(crowd: Crowd) -> Crowd {
    crowd.raise();
    // What was put off is a part of it: whoever asks for anything has it done.
    black_box(crowd.engine.stats());
    crowd
}

// Bar 4: topics that nobody holds, among many that are held.
#[library_benchmark]
#[bench::nobody(setup = not_held)]
fn raise_for_nobody(held: Held) -> Held {
    held.raise_all(0);
    held
}

// Bar 5: topics of ten holders each, among many sessions and topics.
#[library_benchmark]
#[bench::ten(setup = held)]
fn raise_for_ten(held: Held) -> Held {
    held.raise_all(10);
    black_box(held.engine.stats());
    held
}

library_benchmark_group!(
    name = bars,
    benchmarks = [raise_and_drain, raise_again, raise_for_nobody, raise_for_ten]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = bars
);
