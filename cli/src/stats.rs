//! `fanfare stats`: the numbers of a server that runs.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::admin;

/// Print the numbers of a server that runs.
///
/// The server was started with `fanfare serve --admin PATH`; only the same user may do this. It
/// prints the engine's counters and gauges (since the server began, and now), and over HTTP how
/// much is open: connections that are answered on, connections that are streams, and sessions of
/// the revisions before 2026-07-28. Then how many requests were answered, by the class of their
/// status, and how many of those the transport refused, by its reasons: origin (and Host), token,
/// path (and method), principal (too much open), body, protocol, engine (a limit of it) and
/// stopping. With --sessions, the sessions instead, the oldest first, by the
/// numbers that `fanfare notify --to` takes. Over HTTP each request of 2026-07-28 is a session of
/// its own.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Exit codes:
  0  they were printed
  1  they were not (the cause is on stderr): no server is there
  2  the command line was not understood

Try it:
  fanfare serve /tmp --http 127.0.0.1:8080 --admin /tmp/admin.sock &
  fanfare stats --admin /tmp/admin.sock
  fanfare stats --admin /tmp/admin.sock --json")]
pub(crate) struct Args {
    /// The server's admin socket
    #[arg(long, value_name = "PATH")]
    admin: PathBuf,

    /// Print one JSON object: {"engine":{...},"http":{...}}, or {"sessions":[...],"more":N}
    #[arg(long)]
    json: bool,

    /// Print the sessions that have said something and are still there, no more than N
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1000",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sessions: Option<u32>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let command = match args.sessions {
        None => json!({ "op": "stats" }),
        Some(max) => json!({ "op": "sessions", "max": max }),
    };
    let answer = admin::ask(&args.admin, &command)?;
    let text = match args.sessions {
        _ if args.json => format!("{}\n", Value::Object(answer)),
        None => groups(&answer),
        Some(_) => table(&answer).context("the server's answer has no sessions")?,
    };
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.context("cannot write to stdout").map(|()| ExitCode::SUCCESS),
    }
}

/// Each group of numbers under its name.
fn groups(answer: &Map<String, Value>) -> String {
    let groups = answer.iter().filter_map(|(name, group)| Some((name, group.as_object()?)));
    let groups: Vec<_> = groups.collect();
    let names = groups.iter().flat_map(|(_, group)| group.keys());
    let width = names.map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (name, group) in groups {
        text += &format!("{name}\n");
        for (name, value) in group {
            text += &format!("  {name:width$}  {value:>12}\n");
        }
    }
    text
}

/// The columns of a session's numbers.
const COLUMNS: [&str; 7] = [
    "subscriptions",
    "requests",
    "queued_frames",
    "queued_bytes",
    "delivered",
    "merged",
    "dropped",
];

fn table(answer: &Map<String, Value>) -> Option<String> {
    let mut text = format!("{:>20}  {:10}", "session", "revision");
    COLUMNS.iter().for_each(|column| text += &format!("  {column}"));
    text.push('\n');
    for row in answer.get("sessions")?.as_array()? {
        let revision = row["revision"].as_str().unwrap_or("-");
        text += &format!("{:>20}  {revision:10}", row["session"].as_u64()?);
        for column in COLUMNS {
            text += &format!("  {:>1$}", row["stats"][column].as_u64()?, column.len());
        }
        text.push('\n');
    }
    match answer.get("more")?.as_u64()? {
        0 => {}
        more => text += &format!("and {more} more\n"),
    }
    Some(text)
}
