//! One change to many sessions: raised and taken out, from populations that came in order and from
//! those that came and went.

use std::hint::black_box;
use std::sync::Arc;

use fanfare::{Batch, Engine, Framing, Profile, Raise, SessionId, SessionParams};
use tokio::sync::{broadcast, mpsc};

use crate::measure::{Pair, Random, in_turn, median, time};
use crate::table::{Row, Table};

const SHARED: &str = "file:///srv/data/shared.json";
const BODY: &str = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///srv/data/shared.json"}}"#;
/// How many resources the sessions hold beside the shared one, three each.
const OTHERS: usize = 1000;
const BATCH: usize = 1024;

/// An engine with listeners to four resources each, one of which all of them hold.
pub(crate) struct Crowd {
    pub(crate) engine: Engine,
    sessions: Vec<SessionId>,
    batch: Batch,
    made: usize,
    framing: Framing,
}

impl Crowd {
    pub(crate) fn new(count: usize, framing: Framing) -> Self {
        let engine = Engine::new(fanfare::Config::default());
        let mut crowd =
            Self { engine, sessions: Vec::new(), batch: Batch::new(), made: 0, framing };
        for _ in 0..count {
            let session = crowd.open();
            crowd.listen(session);
            crowd.sessions.push(session);
        }
        assert_eq!(crowd.drain(), count, "one acknowledgment each");
        crowd
    }

    fn open(&self) -> SessionId {
        let params = SessionParams::new(Profile::Modern).framing(self.framing);
        self.engine.open(params).expect("it opens")
    }

    /// Ids are numbers that go round, as those of real clients: mostly different, and short.
    fn listen(&mut self, session: SessionId) {
        let id = (self.made % 10_000).to_string();
        let other = |n: usize| (self.made * 3 + n) % OTHERS;
        let filter = format!(
            r#"{{"resourceSubscriptions":["file:///srv/other/{}","{SHARED}","file:///srv/other/{}","file:///srv/other/{}"]}}"#,
            other(0),
            other(1),
            other(2)
        );
        self.engine.listen(session, None, &id, &filter).expect("it listens");
        self.made += 1;
    }

    /// A population that came and went: subscribed in random order, then ten times as many
    /// closings and openings as there are sessions.
    fn churned(count: usize) -> Self {
        let mut crowd = Self::new(0, Framing::Json);
        let mut random = Random::new(7);
        crowd.sessions = (0..count).map(|_| crowd.open()).collect();
        let mut order = crowd.sessions.clone();
        for at in (1..count).rev() {
            order.swap(at, random.below(at + 1));
        }
        for session in order {
            crowd.listen(session);
        }
        for _ in 0..10 * count {
            let at = random.below(count);
            crowd.engine.close(crowd.sessions[at]).expect("it is open");
            let session = crowd.open();
            crowd.listen(session);
            crowd.sessions[at] = session;
            if random.below(64) == 0 {
                crowd.drain();
            }
        }
        crowd.drain();
        crowd
    }

    pub(crate) fn raise(&self) -> usize {
        self.engine.notify_resource_updated(SHARED, &Raise::ALL).expect("it is raised")
    }

    pub(crate) fn drain(&mut self) -> usize {
        let mut frames = 0;
        while let taken @ 1.. = self.engine.recv(None, BATCH, &mut self.batch).expect("it drains") {
            frames += taken;
            black_box(&self.batch);
        }
        frames
    }

    pub(crate) fn round(&mut self) {
        let count = self.sessions.len();
        assert_eq!(self.raise(), count);
        assert_eq!(self.drain(), count);
    }
}

/// Many receivers of one channel, which filters nothing and hands out what is shared.
pub(crate) struct Broadcast {
    sender: broadcast::Sender<Arc<str>>,
    receivers: Vec<broadcast::Receiver<Arc<str>>>,
    body: Arc<str>,
}

impl Broadcast {
    pub(crate) fn new(count: usize) -> Self {
        let (sender, first) = broadcast::channel(16);
        let mut receivers: Vec<_> = (1..count).map(|_| sender.subscribe()).collect();
        receivers.push(first);
        Self { sender, receivers, body: BODY.into() }
    }

    pub(crate) fn round(&mut self) {
        self.sender.send(Arc::clone(&self.body)).expect("somebody receives");
        for receiver in &mut self.receivers {
            black_box(receiver.try_recv().expect("one message"));
        }
    }
}

/// A channel for each receiver: what most servers do by hand.
pub(crate) struct Channels {
    senders: Vec<mpsc::Sender<Arc<str>>>,
    receivers: Vec<mpsc::Receiver<Arc<str>>>,
    body: Arc<str>,
}

impl Channels {
    pub(crate) fn new(count: usize) -> Self {
        let (senders, receivers) = (0..count).map(|_| mpsc::channel(16)).unzip();
        Self { senders, receivers, body: BODY.into() }
    }

    pub(crate) fn round(&mut self) {
        for sender in &self.senders {
            sender.try_send(Arc::clone(&self.body)).expect("room for one");
        }
        for receiver in &mut self.receivers {
            black_box(receiver.try_recv().expect("one message"));
        }
    }
}

/// The loop that hosts write: a message for each client, serialised for it.
struct Sinks {
    sinks: Vec<Vec<Vec<u8>>>,
}

impl Sinks {
    fn new(count: usize) -> Self {
        Self { sinks: vec![Vec::new(); count] }
    }

    fn round(&mut self) {
        for sink in &mut self.sinks {
            let message = serde_json::json!({
                "jsonrpc": "2.0",
                "method": "notifications/resources/updated",
                "params": { "uri": SHARED },
            });
            sink.push(serde_json::to_vec(&message).expect("it serialises"));
        }
        for sink in &mut self.sinks {
            black_box(sink.pop().expect("one message"));
        }
    }
}

/// Bar 1.
pub(crate) fn fan_out(table: &mut Table, sizes: &[usize], rounds: usize) {
    for &n in sizes {
        let mut crowd = Crowd::new(n, Framing::Json);
        let mut peer = Broadcast::new(n);
        let pair = in_turn(rounds, n, &mut || crowd.round(), &mut || peer.round());
        let bar = if n >= 1_000_000 { 1.0 } else { 0.8 };
        table.add(row("raise and drain", n, pair, "tokio broadcast, try_recv", bar));
        drop(peer);
        if n >= 10_000 {
            let mut peer = Channels::new(n);
            let pair = in_turn(rounds, n, &mut || crowd.round(), &mut || peer.round());
            table.add(row("raise and drain", n, pair, "tokio mpsc each, Arc", 0.2));
        }
        if n == 10_000 {
            let mut peer = Sinks::new(n);
            let pair = in_turn(rounds, n, &mut || crowd.round(), &mut || peer.round());
            table.add(row("raise and drain", n, pair, "serde_json for each sink", 0.1));
        }
        let mut churned = Crowd::churned(n);
        let pair = in_turn(rounds, n, &mut || churned.round(), &mut || crowd.round());
        table.add(row("raise and drain after churn", n, pair, "the same, fresh", 2.0));
    }
}

/// Bar 2.
pub(crate) fn rendered(table: &mut Table, n: usize, rounds: usize) {
    for (framing, scenario) in [
        (Framing::Ndjson, "drained as NDJSON into a buffer"),
        (Framing::Sse, "drained as SSE into a buffer"),
    ] {
        let mut crowd = Crowd::new(n, framing);
        let mut buf = vec![0; 1 << 20];
        let mut fill = |crowd: &mut Crowd, to: &mut dyn FnMut(&[u8])| {
            crowd.raise();
            while let used @ 1.. = crowd.engine.drain(&mut buf).expect("it drains") {
                to(&buf[..used]);
            }
        };
        let mut bytes = Vec::new();
        fill(&mut crowd, &mut |part| bytes.extend_from_slice(part));
        let mut copy = vec![0; bytes.len()];
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(time(n, &mut || {
                fill(&mut crowd, &mut |part| {
                    black_box(part);
                })
            }));
            bare.push(time(n, &mut || copy.copy_from_slice(black_box(&bytes))));
        }
        let (ours, peer) = (median(ours.into_iter()), median(bare.into_iter()));
        let measured = ours - peer;
        table.add(Row {
            scenario,
            n,
            ours,
            peer_name: "memcpy of the same bytes",
            peer,
            unit: "ns a frame",
            measured,
            bar: 12.0,
        });
    }
}

/// Bar 3.
pub(crate) fn merge(table: &mut Table, n: usize, rounds: usize) {
    let mut crowd = Crowd::new(n, Framing::Json);
    let mut peer = Broadcast::new(n);
    assert_eq!(crowd.raise(), n);
    let pair = in_turn(
        rounds,
        n,
        &mut || {
            black_box(crowd.raise());
        },
        &mut || peer.round(),
    );
    table.add(row("raise again while all are pending", n, pair, "tokio broadcast, try_recv", 0.1));
    assert_eq!(crowd.drain(), n, "each session was told once");
}

/// Bar 7.
pub(crate) fn events(table: &mut Table, n: usize, rounds: usize) {
    let engine = Engine::new(fanfare::Config::default());
    for _ in 0..n {
        let params = SessionParams::new(Profile::Open).framing(Framing::Json);
        engine.open(params).expect("it opens");
    }
    let params = format!(r#"{{"text":"{}"}}"#, "x".repeat(189));
    assert_eq!(params.len(), 200);
    let mut batch = Batch::new();
    let mut ours = || {
        assert_eq!(engine.notify("app/saved", Some(&params), &Raise::ALL), Ok(n));
        while let 1.. = engine.recv(None, BATCH, &mut batch).expect("it drains") {
            black_box(&batch);
        }
    };
    let mut peer = Channels::new(n);
    let pair = in_turn(rounds, n, &mut ours, &mut || peer.round());
    table.add(row("an event of 200 bytes to all", n, pair, "tokio mpsc each, Arc", 0.5));
}

fn row(scenario: &'static str, n: usize, pair: Pair, peer_name: &'static str, bar: f64) -> Row {
    Row {
        scenario,
        n,
        ours: pair.ours,
        peer_name,
        peer: pair.peer,
        unit: "ns each",
        measured: pair.ratio(),
        bar,
    }
}
