//! `fanfare bench`: how fast this machine fans out, and what a session costs.
//!
//! [`scenario`] says who listens and what is raised, [`via`] takes the frames out in one of three
//! ways and keeps the time, [`memory`] weighs the sessions, [`report`] prints. [`compare`] measures
//! the fan-out beside its [`peers`] with more and more sessions, and [`plot`] draws that.

mod compare;
mod memory;
mod peers;
mod plot;
mod report;
mod scenario;
mod via;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::error::ErrorKind;
use fanfare::{Config, Engine};
use indicatif::{ProgressBar, ProgressStyle};

use compare::Comparison;
use memory::Resident;
use plot::Plot;
use report::Report;
use scenario::{Crowd, Scenario};
use via::{Measured, Via};

/// How many sessions one scenario has if nothing is said.
const SESSIONS: u32 = 10_000;

/// How many sessions are compared if nothing is said.
const COMPARED: [u32; 3] = [1000, 10_000, 100_000];

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
///
/// With --peers, --plot or several numbers of sessions, the fan-out is measured beside other means of
/// telling many of one change, with each of these numbers: tokio's broadcast channel, a channel of
/// tokio for each receiver, and a loop that serialises the message for each client. The channels do
/// less: they filter nothing and hand out what is shared. Here each session listens to four resources
/// under an id of its own. Each of the others takes turns with fanfare on one thread; what is given is
/// the median of seven rounds.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many sessions to open (default: 10000, and to compare 1000,10000,100000)
    #[arg(long, value_name = "N[,N]...", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    sessions: Vec<u32>,

    /// How many messages to raise (default: 1000, and for `point` 1000000; to compare, in each
    /// round as many as fill 10 ms)
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..))]
    messages: Option<u64>,

    /// Who listens, and what is raised
    #[arg(long, value_enum, default_value_t = Scenario::Fanout)]
    scenario: Scenario,

    /// How the frames come out
    #[arg(long, value_enum, default_value_t = Via::Engine)]
    via: Via,

    /// Compare the fan-out with other means
    #[arg(long)]
    peers: bool,

    /// Compare, and draw ns per delivery against sessions
    #[arg(long, value_name = "FILE.svg", value_parser = svg_file)]
    plot: Option<PathBuf>,

    /// Print the numbers as one JSON object
    #[arg(long)]
    json: bool,
}

/// Measures what was asked for, and prints it.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.peers || args.plot.is_some() || args.sessions.len() > 1 {
        if (args.scenario, args.via) != (Scenario::Fanout, Via::Engine) {
            let text = "--peers, --plot and several --sessions compare only `--scenario fanout --via engine`\n";
            clap::Error::raw(ErrorKind::ArgumentConflict, text).exit();
        }
        return run_comparison(args);
    }
    run_scenario(args)
}

/// Measures the fan-out and its peers, with each number of sessions.
fn run_comparison(args: Args) -> anyhow::Result<ExitCode> {
    // Before anything is measured: that takes long.
    let plot = args.plot.as_deref().map(Plot::create).transpose()?;
    let sessions = if args.sessions.is_empty() { &COMPARED } else { &args.sessions[..] };
    let comparison = Comparison::measure(sessions, args.messages)?;
    if args.json {
        println!("{}", comparison.json());
    } else {
        print!("{}", comparison.text());
    }
    if let Some(plot) = plot {
        plot.write(&comparison)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs one scenario with one number of sessions.
fn run_scenario(args: Args) -> anyhow::Result<ExitCode> {
    let sessions = args.sessions.first().copied().unwrap_or(SESSIONS);
    let messages = args.messages.unwrap_or_else(|| args.scenario.default_messages());
    let mut config = Config::default();
    config.set("engine.max_sessions", &sessions.to_string())?;
    let engine = Arc::new(Engine::new(config));
    let before = Resident::now();
    let mut crowd = Crowd::open(&engine, args.scenario, sessions).context("opening sessions")?;
    let grown = before.and_then(Resident::growth);
    let mut taker = args.via.taker(&engine)?;
    for message in 0..WARM_UP {
        taker.round(&mut crowd, message).context("warming up")?;
    }
    taker.forget();
    let bar = bar(messages, "messages");
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
        sessions,
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
fn bar(steps: u64, of_what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left")
        .expect("the template is right");
    ProgressBar::new(steps).with_style(style).with_message(of_what)
}

/// A file name that says what will be in it.
fn svg_file(name: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(name);
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("svg") => Ok(path),
        _ => Err("what is drawn is SVG, so the name has to end in .svg"),
    }
}
