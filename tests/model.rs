//! DESIGN's promises 1 (exact), 2 (ordered), 4 (bounded) and 5 (lossless where it matters), as a
//! naive reference that the engine is held against by random sequences over all profiles: each
//! outcome, each frame that comes out, each number and each piece of news.
//!
//! `FANFARE_MODEL_CASES` is how many sequences there are (10000), `FANFARE_SEED` makes others. A
//! failure prints the shortest sequence that still fails, as lines for `fanfare drive`.
//!
//! What is left to other tests: streams that can be resumed (tests/resume_model.rs), frame
//! callbacks (tests/in_hand.rs), what is malformed (tests/bad_input.rs, tests/hostile.rs), and the
//! engine's total of bytes (tests/queues.rs), of which the smallest is more than a sequence fills.

mod common;
#[path = "model/mod.rs"]
mod model;

use std::collections::HashSet;
use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use proptest::test_runner::{TestCaseError, TestError};

use common::schema;
use fanfare::Revision;
use model::queue::Seen;
use model::{generate, run, script};

/// Sequences are made and done in so many threads, each with a seed of its own, so that they are
/// the same on every machine.
const THREADS: u64 = 4;

fn number(name: &str, default: u64) -> u64 {
    let set = env::var(name).ok();
    set.map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

#[test]
fn the_engine_does_what_the_reference_says() {
    let cases = number("FANFARE_MODEL_CASES", 10_000).div_ceil(THREADS);
    let seed = number("FANFARE_SEED", 1);
    let cases = u32::try_from(cases).expect("fewer than 2^32 sequences");
    let failures: Vec<String> = thread::scope(|scope| {
        let threads = (0..THREADS).map(|n| scope.spawn(move || first_failure(seed * THREADS + n, cases)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("it catches panics")).collect()
    });
    assert!(failures.is_empty(), "FANFARE_SEED={seed}: {}", failures.join("\n\n"));
}

/// The shortest sequence of a seed that goes wrong, if one does.
fn first_failure(seed: u64, cases: u32) -> Option<String> {
    let mut checked = HashSet::new();
    let mut look = |revision: Option<Revision>, seen: &Seen| {
        // Most frames come again and again.
        let frame = revision.map(|revision| (revision, seen.text.clone()));
        let Some(frame) = frame.filter(|frame| !checked.contains(frame)) else { return Ok(()) };
        schema::check(frame.0, &frame.1).map_err(|why| format!("{frame:?} is not of it: {why}"))?;
        checked.insert(frame);
        Ok(())
    };
    let look = std::cell::RefCell::new(&mut look);
    let outcome = generate::runner(seed, cases).run(&generate::sequence(), |(setup, ops)| {
        run::follow(&setup, &ops, &mut Vec::new(), *look.borrow_mut()).map_err(TestCaseError::fail)
    });
    let (setup, ops) = match outcome {
        Ok(()) => return None,
        Err(TestError::Fail(_, sequence)) => sequence,
        Err(TestError::Abort(why)) => return Some(why.to_string()),
    };
    let mut lines = Vec::new();
    let again = AssertUnwindSafe(|| run::follow(&setup, &ops, &mut lines, *look.borrow_mut()));
    let why = match panic::catch_unwind(again) {
        Ok(Err(why)) => why,
        Ok(Ok(())) => "it went wrong once, and not again".to_owned(),
        Err(_) => "the engine panicked, as told above".to_owned(),
    };
    Some(format!("{why}\n\n{}\n{}\n", script::command_line(&setup), lines.join("\n")))
}
