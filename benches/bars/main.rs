//! The bars that the engine must clear, each beside its peer in the same process and run, in one
//! table. Exits with 1 if one falls short by more than a tenth in the median of five runs.
//!
//! Without `--bench` (as `cargo test --benches` runs it) everything is small and done once, to see
//! that it still measures what it says; nothing is held against a bar then. Words on the command
//! line choose scenarios; `--runs N` says how often, `--n N` how many sessions a fan-out has.

mod allocated;
mod fanout;
mod holding;
mod measure;
mod table;

use std::process::ExitCode;

use table::Table;

type Scenario = (&'static str, fn(&mut Table, bool, Option<usize>));

/// Each takes the table, whether it is to be large, and of which size if not of the usual ones.
static SCENARIOS: [Scenario; 7] = [
    ("fanout", |table, full, only| {
        let sizes: &[usize] = if full { &[1000, 10_000, 100_000, 1_000_000] } else { &[100] };
        let only = only.map(|n| [n]);
        let sizes = only.as_ref().map_or(sizes, |only| only);
        fanout::fan_out(table, sizes, if full { 7 } else { 1 });
    }),
    ("rendered", |table, full, _| fanout::rendered(table, [100, 10_000][usize::from(full)], 7)),
    ("merge", |table, full, _| fanout::merge(table, [100, 100_000][usize::from(full)], 7)),
    ("events", |table, full, _| fanout::events(table, [100, 10_000][usize::from(full)], 7)),
    ("lookup", |table, full, _| holding::lookup(table, [2000, 1_000_000][usize::from(full)], 7)),
    ("weight", |table, full, _| holding::weight(table, [1000, 1_000_000][usize::from(full)])),
    ("churn", |table, full, _| {
        holding::come_and_go(table, [1000, 1_000_000][usize::from(full)], 7)
    }),
];

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let full = args.iter().any(|arg| arg == "--bench");
    let mut runs = if full { 5 } else { 1 };
    if let Some(at) = args.iter().position(|arg| arg == "--runs") {
        runs = args.get(at + 1).and_then(|n| n.parse().ok()).expect("--runs takes a number");
        args.drain(at..=at + 1);
    }
    let mut only = None;
    if let Some(at) = args.iter().position(|arg| arg == "--n") {
        only = args.get(at + 1).and_then(|n| n.parse().ok());
        assert!(only.is_some(), "--n takes a number");
        args.drain(at..=at + 1);
    }
    args.retain(|arg| !arg.starts_with('-'));
    let mut table = Table::default();
    for run in 1..=runs {
        for (name, measure) in &SCENARIOS {
            if args.is_empty() || args.iter().any(|wanted| wanted == name) {
                eprintln!("run {run} of {runs}: {name}");
                measure(&mut table, full, only);
            }
        }
    }
    let all_hold = table.print(full);
    if full && !all_hold { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
