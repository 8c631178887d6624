//! The bars that the engine must clear, in one table. Exits with 1 if one is missed.
//!
//! Ours and the peer are measured in one process and in turn, round by round, and what counts is
//! the median of the rounds: so a machine that slows down slows both, and a ratio holds anywhere.
//! Without `--bench` (as `cargo test --benches` runs it) it only checks, with a small crowd, that
//! it still measures what it says.

#[path = "bars/allocated.rs"]
mod allocated;
mod crowd;
mod peers;

use std::process::ExitCode;
use std::time::Instant;

use allocated::allocated;
use fanfare::{Batch, Engine, Profile, Raise, Revision, SessionParams};
use peers::Broadcast;

/// How much is measured.
struct Size {
    sessions: usize,
    topics: usize,
    rounds: usize,
    /// How often a thing is done between two looks at the clock.
    repeats: usize,
}

const FULL: Size = Size { sessions: 10_000, topics: 100_000, rounds: 15, repeats: 20 };
const SMALL: Size = Size { sessions: 100, topics: 1000, rounds: 3, repeats: 2 };

/// One bar.
struct Bar {
    what: &'static str,
    measured: f64,
    unit: &'static str,
    limit: f64,
    /// How it came about.
    note: String,
}

fn main() -> ExitCode {
    let full = std::env::args().any(|arg| arg == "--bench");
    let size = if full { FULL } else { SMALL };
    let bars = [fan_out(&size), merge(&size), miss(&size), weight(&size)];
    println!("{:<44} {:>10} {:>10}  ", "", "measured", "at most");
    for bar in &bars {
        let verdict = match bar.measured <= bar.limit {
            // A debug build with a small crowd says nothing about the bars.
            _ if !full => "-",
            true => "ok",
            false => "MISSED",
        };
        let Bar { what, measured, unit, limit, note } = bar;
        println!("{what:<44} {measured:>10.2} {limit:>10.0}  {unit:<18} {verdict:<6}  {note}");
    }
    let missed = bars.iter().any(|bar| bar.measured > bar.limit);
    if full && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Raise and drain one notice to all, against a broadcast channel, which filters nothing.
fn fan_out(size: &Size) -> Bar {
    let count = size.sessions;
    let engine = crowd::engine();
    crowd::listeners(&engine, count);
    let mut batch = Batch::new();
    let mut ours = || {
        assert_eq!(crowd::raise(&engine), count);
        assert_eq!(crowd::drain(&engine, &mut batch), count);
    };
    let mut broadcast = Broadcast::new(count);
    let mut peer = || broadcast.round();
    let each = |ns: f64| ns / count as f64;
    let rounds = |_| (each(timed(size.repeats, &mut ours)), each(timed(size.repeats, &mut peer)));
    let rounds: Vec<_> = (0..size.rounds).map(rounds).collect();
    let ratio = median(rounds.iter().map(|(ours, peer)| ours / peer));
    let ours = median(rounds.iter().map(|round| round.0));
    let peer = median(rounds.iter().map(|round| round.1));
    Bar {
        what: "raise and drain, against tokio broadcast",
        measured: ratio,
        unit: "times",
        limit: 3.0,
        note: format!("{ours:.1} ns against {peer:.1} ns a delivery, {count} sessions"),
    }
}

/// Raise again while all are pending.
fn merge(size: &Size) -> Bar {
    let count = size.sessions;
    let engine = crowd::engine();
    crowd::listeners(&engine, count);
    assert_eq!(crowd::raise(&engine), count);
    let mut again = || assert_eq!(crowd::raise(&engine), count);
    let rounds = (0..size.rounds).map(|_| timed(size.repeats * 10, &mut again) / count as f64);
    let measured = median(rounds);
    let frames = crowd::drain(&engine, &mut Batch::new());
    assert_eq!(frames, count, "each session was told once");
    Bar {
        what: "raise again while all are pending",
        measured,
        unit: "ns a session",
        limit: 2.0,
        note: format!("{count} sessions"),
    }
}

/// Raise a topic that nobody holds.
fn miss(size: &Size) -> Bar {
    const ASKED: usize = 1024;
    let engine = crowd::engine();
    let profile = Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: false };
    // As many holders as a server of that size has.
    for first in (0..size.topics).step_by(100) {
        let session = engine.open(SessionParams::new(profile)).expect("it opens");
        for n in first..first + 100 {
            engine
                .subscribe(session, &format!("file:///srv/data/{n}.json"))
                .expect("it subscribes");
        }
    }
    // A legacy session holds the three lists too.
    assert_eq!(engine.stats().topics, size.topics as u64 + 3);
    let asked: Vec<_> = (0..ASKED).map(|n| format!("file:///srv/none/{n}.json")).collect();
    let mut all = || {
        for uri in &asked {
            assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(0));
        }
    };
    let measured = median((0..size.rounds).map(|_| timed(size.repeats, &mut all) / ASKED as f64));
    Bar {
        what: "raise a topic that nobody holds",
        measured,
        unit: "ns",
        limit: 300.0,
        note: format!("{} topics are held", size.topics),
    }
}

/// What an idle session with one subscription holds.
fn weight(size: &Size) -> Bar {
    let of = |fill: &dyn Fn(&Engine)| {
        let before = allocated();
        let engine = crowd::engine();
        fill(&engine);
        let held = allocated() - before;
        drop(engine);
        held / size.sessions as f64
    };
    let modern = of(&|engine| crowd::listeners(engine, size.sessions));
    let legacy = of(&|engine| {
        let profile = Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: false };
        for _ in 0..size.sessions {
            let session = engine.open(SessionParams::new(profile)).expect("it opens");
            engine.subscribe(session, crowd::SHARED).expect("it subscribes");
        }
    });
    Bar {
        what: "an idle session with one subscription",
        measured: modern.max(legacy),
        unit: "bytes",
        limit: 512.0,
        note: format!("modern {modern:.0}, legacy {legacy:.0}; as allocated, all included"),
    }
}

/// The ns that one of `repeats` calls took.
fn timed(repeats: usize, work: &mut dyn FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..repeats {
        work();
    }
    begun.elapsed().as_nanos() as f64 / repeats as f64
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
