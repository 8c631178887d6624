//! DESIGN's promises 1 (exact), 2 (ordered), 4 (bounded) and 5 (lossless where it matters), as a
//! naive reference that the engine is held against by random sequences over all profiles: each
//! outcome, each frame that comes out, each number and each piece of news.
//!
//! `FANFARE_MODEL_CASES` is how many sequences there are (10000), `FANFARE_SEED` makes others. A
//! failure prints the shortest sequence that still fails, as lines for `fanfare drive`.
//!
//! Where nothing is promised the sequences keep away, or either way is right: the order of notices
//! of one raising for several subscriptions of a stream, the order in which streams are drained,
//! which of several listens gets the last place for a resource in its container, and which of
//! those that one revocation ends comes first.
//!
//! What is left to other tests: streams that can be resumed (tests/resume_model.rs), frame
//! callbacks (tests/in_hand.rs), what is malformed (tests/bad_input.rs, tests/hostile.rs), the
//! engine's total of bytes (tests/queues.rs), of which the smallest is more than a sequence fills,
//! and tasks and elicitations that a session was told of before (tests/rules): here the sequences
//! have only those that nobody knows.

mod common;
#[path = "model/mod.rs"]
mod model;

use std::cell::RefCell;
use std::collections::HashSet;
use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use proptest::test_runner::{TestCaseError, TestError};

use common::schema;
use fanfare::Revision;
use model::queue::Seen;
use model::reference::Outcome;
use model::run::Watch;
use model::state::News;
use model::tally::Tally;
use model::{generate, run, script};

/// Sequences are made and done in so many threads, each with a seed of its own, so that they are
/// the same on every machine.
const THREADS: u64 = 4;

const DEFAULT_CASES: u64 = 10_000;

/// What sequences have to reach, by the words of `model::tally`.
const REACHED: &[&str] = &[
    "custom, with context",
    "elicitation/complete",
    "end: cancelled",
    "end: disconnected",
    "end: graceful",
    "end: lagged",
    "end: limit",
    "end: revoked",
    "end: shutdown",
    "error -32600",
    "error -32601",
    "error -32602",
    "error -32603",
    "lag: close",
    "lag: drop_newest",
    "lag: drop_oldest",
    "message, with context",
    "progress, with context",
    "prompts/list_changed, tagged, with context",
    "reached several",
    "refused: DENIED",
    "refused: GONE",
    "refused: INVALID_ARGUMENT",
    "refused: LIMIT",
    "refused: NOT_NEGOTIATED",
    "refused: STATE",
    "resources/list_changed, tagged, with context",
    "resources/updated",
    "resources/updated, tagged, with context",
    "result",
    "revoked: ended",
    "revoked: restored",
    "revoked: withdrawn",
    "subscriptions/acknowledged, tagged",
    "tasks/status",
    "the last of its stream",
    "tools/list_changed, tagged, with context",
    "x/y",
];

fn number(name: &str, default: u64) -> u64 {
    let set = env::var(name).ok();
    set.map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

#[test]
fn the_engine_does_what_the_reference_says() {
    let cases = number("FANFARE_MODEL_CASES", DEFAULT_CASES);
    let seed = number("FANFARE_SEED", 1);
    let each = u32::try_from(cases.div_ceil(THREADS)).expect("fewer than 2^32 sequences");
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads = (0..THREADS).map(|n| scope.spawn(move || search(seed * THREADS + n, each)));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().expect("it catches panics")).collect()
    });
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(seen) => tally.join(seen),
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "FANFARE_SEED={seed}: {}", failures.join("\n\n"));
    if cases < DEFAULT_CASES {
        return;
    }
    // What the sequences no longer reach, they no longer test.
    let rare: Vec<_> = REACHED
        .iter()
        .filter(|what| tally.0.get(**what).copied().unwrap_or_default() < 20)
        .collect();
    assert!(rare.is_empty(), "hardly ever seen: {rare:?} in {tally:#?}");
}

/// Tries so many sequences: what was seen, or the shortest one that goes wrong.
fn search(seed: u64, cases: u32) -> Result<Tally, String> {
    let eyes = RefCell::new(Eyes::default());
    let outcome = generate::runner(seed, cases).run(&generate::sequence(), |(setup, ops)| {
        run::follow(&setup, &ops, &mut *eyes.borrow_mut()).map_err(TestCaseError::fail)
    });
    let (setup, ops) = match outcome {
        Ok(()) => return Ok(eyes.into_inner().tally),
        Err(TestError::Fail(_, sequence)) => sequence,
        Err(TestError::Abort(why)) => return Err(why.to_string()),
    };
    let mut eyes = Eyes::default();
    let again = AssertUnwindSafe(|| run::follow(&setup, &ops, &mut eyes));
    let why = match panic::catch_unwind(again) {
        Ok(Err(why)) => why,
        Ok(Ok(())) => "it went wrong once, and not again".to_owned(),
        Err(_) => "the engine panicked, as told above".to_owned(),
    };
    Err(format!("{why}\n\n{}\n{}\n", script::command_line(&setup), eyes.lines.join("\n")))
}

/// Sees to it that each frame is one of its revision.
#[derive(Default)]
struct Eyes {
    lines: Vec<String>,
    tally: Tally,
    /// Most frames come again and again.
    checked: HashSet<(Revision, String)>,
}

impl Watch for Eyes {
    fn start(&mut self) {
        self.lines.clear();
    }

    fn line(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    fn frame(&mut self, revision: Option<Revision>, seen: &Seen) -> Result<(), String> {
        self.tally.frame(seen);
        let frame = revision.map(|revision| (revision, seen.text.clone()));
        let Some(frame) = frame.filter(|frame| !self.checked.contains(frame)) else {
            return Ok(());
        };
        schema::check(frame.0, &frame.1).map_err(|why| format!("{frame:?} is not of it: {why}"))?;
        self.checked.insert(frame);
        Ok(())
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.tally.outcome(outcome);
    }

    fn news(&mut self, news: &News) {
        self.tally.news(news);
    }
}
