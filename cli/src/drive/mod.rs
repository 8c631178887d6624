//! `fanfare drive`: the engine by hand. One JSON command a line on stdin, one JSON answer a line
//! on stdout, in virtual time: the same script gives the same bytes, always. docs/drive.md has
//! every command.
//!
//! The way of a line: [`jsonl`](crate::jsonl) reads it strictly, [`commands`] does what it says,
//! with [`names`] between the script's names and the engine's handles, and `jsonl` writes the
//! outcome.

mod access;
mod commands;
mod names;

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use fanfare::framing::{Line, Lines};
use fanfare::{Config, Level};

use crate::jsonl::{Answer, Failure};
use commands::Driver;

/// The longest command that is read. It bounds what a script without line ends can make us hold.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Drive the engine by hand: JSON commands on stdin, JSON answers on stdout.
///
/// Reads one command a line and answers each with one line, in order: {"ok":true,...}, or
/// {"error":{"code":"...","text":"..."}}, which means that the command changed nothing
/// (but for a response whose stream is gone: its request is over all the same). A line
/// that is no command is answered with an error, and the next one is read.
///
/// Time is virtual: it begins at 0 and only the command "advance" moves it, so that a script
/// gives the same answers each time it runs. Exits with 0 at the end of its input.
///
/// Commands, by their "op": open, stream, close_stream, receive, send, subscribe, unsubscribe,
/// subscribe_template, unsubscribe_template,
/// listen, notify, authorize, revoke, drain, pause, resume, end, close, advance, stats. docs/drive.md shows each.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    printf '%s\\n' '{\"op\":\"open\",\"session\":\"a\",\"profile\":\"open\"}' \\\n    \
    '{\"op\":\"notify\",\"method\":\"notifications/tools/list_changed\"}' \\\n    \
    '{\"op\":\"drain\"}' | fanfare drive")]
pub(crate) struct Args {
    /// Sets a configuration key of the engine, as in session.max_queued_frames=64. May be given
    /// several times; the last one of a key counts. The clock is manual unless set otherwise
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,

    /// The least severe of the engine's own log lines that are printed to stderr
    #[arg(long, value_name = "LEVEL", default_value = "warning", value_parser = level)]
    log: Level,
}

/// Splits `key=value`, and tries it, so that a wrong one is refused before anything is read.
fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it must be KEY=VALUE")?;
    Config::default().set(key, value).map_err(|e| e.detail().to_owned())?;
    Ok((key.to_owned(), value.to_owned()))
}

fn level(text: &str) -> Result<Level, String> {
    let known = || Level::ALL.map(Level::as_str).join(", ");
    Level::parse(text).ok_or_else(|| format!("the levels are {}", known()))
}

/// Answers commands until the input ends, or nobody reads the answers any more.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut config = Config::default();
    config.set("clock", "manual").context("making the clock manual")?;
    for (key, value) in &args.settings {
        config.set(key, value).with_context(|| format!("--set {key}"))?;
    }
    match converse(&mut Driver::new(config, args.log)) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        outcome => outcome.context("between stdin and stdout").map(|()| ExitCode::SUCCESS),
    }
}

fn converse(driver: &mut Driver) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut lines = Lines::new(MAX_LINE_BYTES);
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = match input.read(&mut piece) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        // The end of the input is also the end of its last line.
        lines.feed(if read == 0 { b"\n" } else { &piece[..read] });
        while let Some(line) = lines.next() {
            let answer = match line {
                Line::Message(line) => driver.answer(line),
                Line::TooLong => Answer::from(Failure::new(
                    "LIMIT",
                    format!("a command may have at most {MAX_LINE_BYTES} bytes"),
                )),
            };
            serde_json::to_writer(&mut output, &answer)?;
            output.write_all(b"\n")?;
        }
        // Whoever waits for an answer gets it before the next command is waited for.
        output.flush()?;
        if read == 0 {
            return Ok(());
        }
    }
}
