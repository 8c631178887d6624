//! One change to many sessions: raised and taken out, from populations that came in order and from
//! those that came and went.

use std::hint::black_box;

use fanfare::{Batch, Engine, Framing, Profile, Raise, SessionParams};

use crate::crowd::{self, Crowd};
use crate::floors;
use crate::measure::{compare, in_turn, time};
use crate::peers::{Broadcast, Channels, Sinks};
use crate::table::{Row, Table};
use crate::zmq::Sockets;

const UNIT: &str = "ns each";

/// Bar 1.
pub(crate) fn fan_out(table: &mut Table, sizes: &[usize], rounds: usize) {
    for &n in sizes {
        let scenario = ("raise and drain", n);
        let mut crowd = Crowd::new(n, Framing::Json);
        let mut peer = Broadcast::new(n);
        let pair = in_turn(rounds, n, &mut || crowd.round(), &mut || peer.round());
        let bar = if n >= 1_000_000 { 1.0 } else { 0.8 };
        let name = "tokio broadcast, try_recv";
        table.add(Row::ratio(scenario, pair, UNIT, name, bar));
        floors::fan_out(table, (n, rounds), (name, &mut || peer.round()), bar);
        drop(peer);
        if n >= 10_000 {
            let mut peer = Channels::new(n);
            let pair = in_turn(rounds, n, &mut || crowd.round(), &mut || peer.round());
            table.add(Row::ratio(scenario, pair, UNIT, "tokio mpsc each, Arc", 0.2));
        }
        if n == 10_000 {
            let mut peer = Sinks::new(n);
            let pair = in_turn(rounds, n, &mut || crowd.round(), &mut || peer.round());
            table.add(Row::ratio(scenario, pair, UNIT, "serde_json for each sink", 0.1));
        }
        let mut churned = Crowd::churned(n);
        let pair = in_turn(rounds, n, &mut || churned.round(), &mut || crowd.round());
        let scenario = ("raise and drain after churn", n);
        table.add(Row::ratio(scenario, pair, UNIT, "the same, fresh", 2.0));
    }
}

/// Bar 1, beside a message queue.
pub(crate) fn zero_mq(table: &mut Table, n: usize, rounds: usize) {
    let mut peer = match Sockets::new(n) {
        Ok(peer) => peer,
        Err(why) => return table.lacks("ZeroMQ PUB/SUB", &why),
    };
    let mut crowd = Crowd::new(n, Framing::Json);
    let pair = in_turn(rounds, n, &mut || crowd.round(), &mut || peer.round());
    // No number is asked for but that nobody is ahead.
    table.add(Row::ratio(("raise and drain", n), pair, UNIT, "ZeroMQ PUB/SUB, inproc", 1.0));
}

/// Bar 2.
pub(crate) fn rendered(table: &mut Table, n: usize, rounds: usize) {
    for (framing, scenario) in [
        (Framing::Ndjson, "drained as NDJSON into a buffer"),
        (Framing::Sse, "drained as SSE into a buffer"),
    ] {
        let crowd = Crowd::new(n, framing);
        let mut buf = vec![0; 1 << 20];
        let mut fill = |to: &mut dyn FnMut(&[u8])| {
            crowd.raise();
            while let used @ 1.. = crowd.engine.drain(&mut buf).expect("it drains") {
                to(&buf[..used]);
            }
        };
        let mut bytes = Vec::new();
        fill(&mut |part| bytes.extend_from_slice(part));
        let mut copy = vec![0; bytes.len()];
        let mut ours = || {
            fill(&mut |part| {
                black_box(part);
            });
        };
        let mut bare = || copy.copy_from_slice(black_box(&bytes));
        let pair = compare(rounds, &mut || time(n, &mut ours), &mut || time(n, &mut bare));
        let peer = "memcpy of the same bytes";
        table.add(Row::difference((scenario, n), pair, "ns a frame", peer, 12.0));
    }
}

/// Bar 3.
pub(crate) fn merge(table: &mut Table, n: usize, rounds: usize) {
    let mut crowd = Crowd::new(n, Framing::Json);
    let mut peer = Broadcast::new(n);
    assert_eq!(crowd.raise(), n);
    let mut again = || {
        black_box(crowd.raise());
        // What was put off is a part of it: whoever asks for anything has it done.
        black_box(crowd.engine.stats());
    };
    let pair = in_turn(rounds, n, &mut again, &mut || peer.round());
    let scenario = ("raise again while all are pending", n);
    table.add(Row::ratio(scenario, pair, UNIT, "tokio broadcast, try_recv", 0.1));
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
        assert_eq!(crowd::drain(&engine, 1024, &mut batch), n);
    };
    let mut peer = Channels::new(n);
    let pair = in_turn(rounds, n, &mut ours, &mut || peer.round());
    let scenario = ("an event of 200 bytes to all", n);
    table.add(Row::ratio(scenario, pair, UNIT, "tokio mpsc each, Arc", 0.5));
}
