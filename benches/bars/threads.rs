//! Two threads at one engine: both raising, or one raising and one draining, beside one thread that
//! does all of it.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fanfare::{Batch, Engine, Raise};

use crate::crowd;
use crate::floors;
use crate::holding;
use crate::measure::{compare, time_once};
use crate::table::{Row, Table};

/// How many frames are taken at a time.
const BATCH: usize = 256;
/// How many topics a single thread raises before it drains.
pub(crate) const CHUNK: usize = 64;

/// Bar 9. As many sessions as topics, each topic held by ten sessions at random.
pub(crate) fn two_threads(table: &mut Table, n: usize, rounds: usize) {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return table.lacks("two threads at one engine", "the machine has one processor");
    }
    let engine = holding::engine(n);
    let uris: Vec<_> = (0..n).map(holding::uri).collect();
    let due = raise(&engine, &uris);
    assert_eq!(drain(&engine), due, "each of them once");

    let (mine, others) = uris.split_at(n / 2);
    let mut two = || {
        let taken = together(n, &|| raise(&engine, mine), &|| raise(&engine, others));
        assert_eq!(drain(&engine), due);
        taken
    };
    let mut one = || {
        let taken = time_once(n, || assert_eq!(raise(&engine, &uris), due));
        assert_eq!(drain(&engine), due);
        taken
    };
    let pair = compare(rounds, &mut two, &mut one);
    // So many raisings in two thirds of the time are one and a half times as many.
    let scenario = ("two threads raise, each its own topics", n);
    let bar = 1.0 / 1.5;
    table.add(Row::ratio(scenario, pair, "ns a raise", "one thread", bar));
    floors::two_raise(table, (n, rounds), &mut one, bar);

    let wait_and_drain = || {
        let (mut batch, mut frames) = (Batch::new(), 0);
        while frames < due {
            engine.wait(None);
            frames += crowd::drain(&engine, BATCH, &mut batch);
        }
        frames
    };
    let mut two = || together(due, &|| raise(&engine, &uris), &wait_and_drain);
    let mut batch = Batch::new();
    let mut one = || {
        time_once(due, || {
            let mut frames = 0;
            for chunk in uris.chunks(CHUNK) {
                raise(&engine, chunk);
                frames += crowd::drain(&engine, BATCH, &mut batch);
            }
            assert_eq!(frames, due);
        })
    };
    // Who raises is ahead of who drains, as far as it is let. One thread that raises all of it
    // before it drains has no lock to wait for, and finds what it drains no longer at hand.
    let mut batch = Batch::new();
    let mut ahead = || {
        time_once(due, || {
            raise(&engine, &uris);
            assert_eq!(crowd::drain(&engine, BATCH, &mut batch), due);
        })
    };
    let scenario = ("one thread raises, another drains", n);
    for (peer_name, peer) in [
        ("one thread, 64 raises a turn", &mut one as &mut dyn FnMut() -> f64),
        ("one thread, all raised first", &mut ahead),
    ] {
        let pair = compare(rounds, &mut two, peer);
        table.add(Row::ratio(scenario, pair, "ns a frame", peer_name, 1.0));
    }
    floors::raise_and_drain(table, (n, rounds), &mut one, 1.0);
}

/// Raises each, and gives how many subscriptions that reached.
fn raise(engine: &Engine, uris: &[String]) -> usize {
    let raised =
        uris.iter().map(|uri| engine.notify_resource_updated(uri, &Raise::ALL).expect("raised"));
    let reached = raised.sum();
    // What was put off is a part of it: whoever asks for anything has it done.
    black_box(engine.stats());
    reached
}

fn drain(engine: &Engine) -> usize {
    crowd::drain(engine, BATCH, &mut Batch::new())
}

/// The ns that both take, begun at once and until the later one is done, for each of `units`.
/// The second has a thread of its own.
pub(crate) fn together(
    units: usize,
    here: &(dyn Fn() -> usize + Sync),
    there: &(dyn Fn() -> usize + Sync),
) -> f64 {
    // A thread is slow to start and to wake, which is not what is measured: so it is there before
    // the beginning, and both look at a number until it says so.
    const STARTING: usize = 0;
    const READY: usize = 1;
    const GO: usize = 2;
    const DONE: usize = 3;
    let state = AtomicUsize::new(STARTING);
    let until = |wanted: usize| {
        while state.load(Ordering::Acquire) < wanted {
            spin_loop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            state.store(READY, Ordering::Release);
            until(GO);
            // Also if it fails: nobody is to wait for what does not come.
            let _done = SetAtEnd(&state, DONE);
            there();
        });
        until(READY);
        time_once(units, || {
            state.store(GO, Ordering::Release);
            here();
            until(DONE);
        })
    })
}

/// Sets a number when it goes.
struct SetAtEnd<'a>(&'a AtomicUsize, usize);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::Release);
    }
}
