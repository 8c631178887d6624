//! What `http::Endpoint` says to random requests, the same each time, against a naive decision
//! table. `make fuzz` goes on where this stops.

#[path = "properties/mutate.rs"]
mod mutate;
#[path = "properties/http/mod.rs"]
mod properties;

use std::path::Path;

use fanfare::http::{CallKind, Era};
use mutate::Inputs;
use properties::Outcome;

#[test]
fn a_request_of_any_kind_is_what_the_decision_table_says_and_refused_in_a_way_that_is_known() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/http_check");
    let mut inputs = Inputs::of(&seeds, 20);
    for seed in inputs.seeds() {
        properties::check(seed);
    }
    let mut outcomes = Vec::new();
    for _ in 0..10_000 {
        let input = inputs.next();
        // Shown if it fails.
        println!("{}", input.escape_ascii());
        outcomes.push(properties::check(&input));
    }
    // They are not all of one sort.
    let accepted = |kind, era| {
        let is_one =
            |it: &&Outcome| matches!(it, Outcome::Accepted(a, b, _) if (*a, *b) == (kind, era));
        outcomes.iter().filter(is_one).count()
    };
    for (kind, era) in [
        (CallKind::Initialize, Era::Legacy),
        (CallKind::Request, Era::Legacy),
        (CallKind::OneWay, Era::Legacy),
        (CallKind::Get, Era::Legacy),
        (CallKind::Delete, Era::Legacy),
        (CallKind::Request, Era::Modern),
        (CallKind::OneWay, Era::Modern),
    ] {
        let count = accepted(kind, era);
        assert!(count > 20, "{kind:?} of {era:?}: {count}");
    }
    for status in [400, 403, 404, 405, 406] {
        let count = outcomes.iter().filter(|it| **it == Outcome::Refused(status)).count();
        assert!(count > 20, "{status}: {count}");
    }
}
