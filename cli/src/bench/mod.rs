//! `fanfare bench`: how fast this machine fans out, and what a session costs.
//!
//! [`scenario`] says who listens and what is raised, [`via`] takes the frames out in one of three
//! ways and keeps the time, [`memory`] weighs the sessions, [`report`] prints.

mod memory;
mod report;
mod scenario;
mod via;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use fanfare::{Config, Engine};
use indicatif::{ProgressBar, ProgressStyle};

use memory::Resident;
use report::Report;
use scenario::{Crowd, Scenario};
use via::{Measured, Via};

/// Messages that are raised before the clock runs, so that buffers have grown and pages are there.
const WARM_UP: u64 = 16;

/// How many times the progress bar moves. Between two moves nothing but the work is done.
const STEPS: u64 = 200;

/// Measure the fan-out: deliveries per second, latencies, bytes per session.
///
/// Opens the sessions, then raises the messages one at a time; each is drained by all who may hear
/// it before the next is raised. The latency of a delivery is the time from just before the raising
/// to the moment its frame is in the hands of the host. Checks that every delivery that is due was
/// made, and fails if one was not. The times include the measuring itself: two looks at the clock
/// for each message, and one for each batch of frames or each callback.
///
/// Bytes per session is the growth of the process's resident memory (/proc/self/smaps_rollup) while the
/// sessions were opened, divided by their number. It counts whole pages and the allocator's own
/// overhead, so it is what a machine pays; with fewer than some thousand sessions it is coarse.
/// Where there is no /proc it is not given.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many sessions to open
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    sessions: u32,

    /// How many messages to raise (default: 1000, and for `point` 1000000)
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    messages: Option<u64>,

    /// Who listens, and what is raised
    #[arg(long, value_enum, default_value_t = Scenario::Fanout)]
    scenario: Scenario,

    /// How the frames come out
    #[arg(long, value_enum, default_value_t = Via::Engine)]
    via: Via,

    /// Print the numbers as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs one scenario and prints what was measured.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let messages = args.messages.unwrap_or_else(|| args.scenario.default_messages());
    let mut config = Config::default();
    config.set("engine.max_sessions", &args.sessions.to_string())?;
    let engine = Arc::new(Engine::new(config));
    let before = Resident::now();
    let mut crowd =
        Crowd::open(&engine, args.scenario, args.sessions).context("opening sessions")?;
    let grown = before.and_then(Resident::growth);
    let mut taker = args.via.taker(&engine)?;
    for message in 0..WARM_UP {
        taker.round(&mut crowd, message).context("warming up")?;
    }
    taker.forget();
    let bar = bar(messages);
    let mut message = 0;
    while message < messages {
        let step = (messages / STEPS).max(1).min(messages - message);
        for n in message..message + step {
            taker.round(&mut crowd, WARM_UP + n).with_context(|| format!("message {n}"))?;
        }
        message += step;
        bar.inc(step);
    }
    bar.finish_and_clear();
    let Measured { latencies, deliveries, busy } = taker.finish()?;
    ensure!(deliveries == latencies.len(), "a delivery was not timed");
    let report = Report {
        scenario: args.scenario,
        via: args.via,
        sessions: args.sessions,
        messages,
        deliveries,
        busy,
        latencies,
        grown,
        stats: engine.stats(),
    };
    if args.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text());
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar on stderr if that is a terminal, and nothing otherwise.
fn bar(messages: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} messages, {eta} left")
        .expect("the template is right");
    ProgressBar::new(messages).with_style(style)
}
