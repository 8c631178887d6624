//! The parser of event streams, held against a naive reference by random streams, the same each
//! time. `make fuzz` goes on where this stops.

#[path = "../../tests/properties/mutate.rs"]
mod mutate;
#[path = "properties/sse.rs"]
mod properties;

use std::path::Path;

use fanfare_cli::sse;
use mutate::Inputs;

#[test]
fn a_stream_means_what_the_reference_says_wherever_it_is_cut_and_however_it_is_bounded() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/sse_parser");
    let mut inputs = Inputs::of(&seeds, 20);
    for seed in inputs.seeds() {
        properties::check(seed);
    }
    let (mut with_events, mut with_too_long, mut with_both) = (0, 0, 0);
    for _ in 0..5000 {
        let input = inputs.next();
        // Shown if it fails.
        println!("{}", input.escape_ascii());
        let outcome = properties::check(&input);
        with_events += usize::from(outcome.events > 0);
        with_too_long += usize::from(outcome.too_long > 0);
        with_both += usize::from(outcome.events > outcome.too_long && outcome.too_long > 0);
    }
    // They are not all of one sort.
    assert!(with_events > 2500, "{with_events}");
    assert!(with_too_long > 500, "{with_too_long}");
    assert!(with_both > 250, "{with_both}");
}
