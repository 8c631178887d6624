//! The bars that the engine must clear, each beside its peer in the same process and run, in one
//! table. Exits with 1 if one falls short by more than a tenth in the median of five runs.
//!
//! Without `--bench` (as `cargo test --benches` runs it) everything is small and done once, to see
//! that it still measures what it says; nothing is held against a bar then. Words on the command
//! line choose scenarios; `--runs N` says how often, `--n N` how many sessions a fan-out has, and
//! `--rounds N` how often ours and its peer take turns in a run (many of them suit a profiler).

mod allocated;
mod boundary;
mod callbacks;
mod cold;
mod crowd;
mod fanout;
mod floors;
mod growth;
mod holding;
mod lookup;
mod measure;
#[path = "../peers/mod.rs"]
mod peers;
mod python;
mod table;
mod threads;
mod zmq;

use std::process::ExitCode;

use table::Table;

/// What a scenario is to measure.
struct Size {
    /// Whether bars are held against it.
    full: bool,
    /// How many sessions, if not as many as usual.
    only: Option<usize>,
    rounds: usize,
}

impl Size {
    fn of(&self, full: usize, small: usize) -> usize {
        if self.full { full } else { small }
    }
}

type Scenario = (&'static str, fn(&mut Table, &Size));

static SCENARIOS: [Scenario; 14] = [
    ("fanout", |table, size| {
        let sizes: &[usize] = if size.full { &[1000, 10_000, 100_000, 1_000_000] } else { &[100] };
        let only = size.only.map(|n| [n]);
        let sizes = only.as_ref().map_or(sizes, |only| only);
        fanout::fan_out(table, sizes, size.rounds);
    }),
    ("zmq", |table, size| fanout::zero_mq(table, size.of(1000, 100), size.rounds)),
    ("rendered", |table, size| fanout::rendered(table, size.of(10_000, 100), size.rounds)),
    ("merge", |table, size| fanout::merge(table, size.of(100_000, 100), size.rounds)),
    ("lookup", |table, size| lookup::lookup(table, size.of(1_000_000, 2000), size.rounds)),
    ("weight", |table, size| holding::weight(table, size.of(1_000_000, 1000))),
    ("events", |table, size| fanout::events(table, size.of(10_000, 100), size.rounds)),
    ("callbacks", |table, size| {
        callbacks::on_own_thread(table, size.of(10_000, 100), size.rounds);
    }),
    ("wakes", |table, size| callbacks::on_a_sleeping_thread(table, size.of(4000, 20))),
    ("threads", |table, size| threads::two_threads(table, size.of(10_000, 200), size.rounds)),
    ("churn", |table, size| {
        holding::come_and_go(table, size.of(1_000_000, 1000), size.rounds);
        let (topics, crowd) = (size.of(1000, 10), size.of(100_000, 100));
        holding::leave_crowds(table, topics, crowd);
    }),
    ("boundary", |table, size| boundary::in_c(table, size.of(10_000, 100), size.rounds)),
    ("python", |table, size| python::in_python(table, size.of(1000, 10), size.rounds)),
    ("growth", |table, size| growth::growth(table, size.of(1000, 100), size.of(10, 2))),
];

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let full = args.iter().any(|arg| arg == "--bench");
    let runs = number(&mut args, "--runs").unwrap_or(if full { 5 } else { 1 });
    let only = number(&mut args, "--n");
    let rounds = number(&mut args, "--rounds").unwrap_or(if full { 7 } else { 1 });
    let size = Size { full, only, rounds };
    args.retain(|arg| !arg.starts_with('-'));
    let mut table = Table::default();
    for run in 1..=runs {
        for (name, measure) in &SCENARIOS {
            if args.is_empty() || args.iter().any(|wanted| wanted == name) {
                eprintln!("run {run} of {runs}: {name}");
                measure(&mut table, &size);
            }
        }
    }
    let all_hold = table.print(full);
    if full && !all_hold { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Takes an option with a number out of the arguments.
fn number(args: &mut Vec<String>, name: &str) -> Option<usize> {
    let at = args.iter().position(|arg| arg == name)?;
    let number = args.get(at + 1).and_then(|n| n.parse().ok());
    args.drain(at..(at + 2).min(args.len()));
    Some(number.unwrap_or_else(|| panic!("{name} takes a number")))
}
