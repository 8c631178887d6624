//! What a delivery over HTTP costs the server, side by side with its peers: the bars of Streamable
//! HTTP, in one table. `make bench-http` runs it; it exits with 1 if a bar falls short by more than
//! a tenth in the median of the rounds.
//!
//! Every server is a process of its own and runs on one processor, this client on another. In a
//! scenario the servers take turns, round by round, so that a machine that slows down slows all.
//! Microseconds are those that the server was on its processor, as the scheduler counts them, with
//! what the kernel did for it.
//!
//! Options: `--n N[,N…]` says how many connections, `--rounds N` how often the servers take turns,
//! `--millis N` how long a turn is, `--era listen|get` which era alone, `--only PART[,PART…]` which
//! scenarios alone: `idle`, `one`, `burst`, `merged`, `paced`, `stalled`. `serve NAME` is what a
//! server's process is started with.
//!
//! The servers of SDKs are programs of `peers`, which `make bench-http` builds, and names in
//! variables of the environment. They stand in the table for comparison, without a bar.

mod dial;
mod fleet;
mod machine;
mod scenarios;
mod serve;
mod server;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use machine::Cores;
use scenarios::{Era, Part, Plan};
use table::Table;

/// The different events: of as many resources.
const URIS: usize = 32;

/// Begins an event's number, and is nowhere else in what a server sends: so events are counted
/// without looking for where they begin and end.
const MARK: u8 = b'~';

fn uri(number: usize) -> String {
    format!("file:///bench/{}{number:02}", char::from(MARK))
}

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, name] = args.as_slice()
        && word == "serve"
    {
        serve::serve(name)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (plan, sizes) = plan(&args)?;
    machine::raise_descriptors()?;
    let mut table = Table::default();
    let cores = Cores::choose()?;
    if let Some(why) = cores.shared() {
        table.lacks("with a processor for each side", why);
    }
    cores.client()?;
    for era in &plan.eras {
        for &n in &sizes {
            eprintln!("{era}, {n} connections");
            if let Some(why) = machine::lacks_descriptors(3 * n) {
                table.lacks(&format!("{era} with {n} connections"), &why);
                continue;
            }
            scenarios::measure(&mut table, &plan, &cores, *era, n)
                .with_context(|| format!("{era} with {n} connections"))?;
        }
    }
    let all_hold = table.print();
    Ok(if all_hold || plan.is_trial { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plan(args: &[String]) -> anyhow::Result<(Plan, Vec<usize>)> {
    let mut sizes = vec![100, 1000, 5000];
    let mut plan = Plan {
        rounds: 5,
        turn: Duration::from_millis(400),
        eras: vec![Era::Listen, Era::Get],
        parts: Part::ALL.to_vec(),
        is_trial: false,
    };
    let mut args = args.iter();
    while let Some(option) = args.next() {
        let mut value = || args.next().with_context(|| format!("{option} takes a value"));
        match option.as_str() {
            "--n" => sizes = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--rounds" => plan.rounds = value()?.parse()?,
            "--millis" => plan.turn = Duration::from_millis(value()?.parse()?),
            "--era" => plan.eras = vec![Era::parse(value()?).context("there are listen and get")?],
            "--only" => {
                let parts = value()?.split(',').map(Part::parse).collect::<Option<_>>();
                plan.parts = parts.with_context(|| format!("the parts are {}", Part::names()))?;
            }
            // Whether everything works; nothing is held against a bar.
            "--trial" => plan.is_trial = true,
            _ => bail!("there is no option {option}"),
        }
    }
    Ok((plan, sizes))
}
