//! The `fanfare` program: one module for each of its commands.

mod admin;
mod bench;
mod demo;
mod drive;
mod jsonl;
mod listen;
mod manual;
mod notify;
mod serve;
mod signals;
mod stats;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Notifications for MCP: files that change, work that progresses, alerts, and who hears of them.
#[derive(Parser)]
#[command(name = "fanfare", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Listen(listen::Args),
    Notify(notify::Args),
    Stats(stats::Args),
    Demo(demo::Args),
    Drive(drive::Args),
    Bench(bench::Args),
    Man(manual::ManArgs),
    Completions(manual::CompletionsArgs),
}

/// What the exit codes of every command mean.
const EXIT_CODES: &str = "\
Exit codes:
  0  done, or stopped by the other side or by Ctrl-C in the way that was meant
  1  it failed; the cause is on stderr
  2  the command line was not understood";

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Listen(args) => listen::run(args),
        Command::Notify(args) => notify::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Drive(args) => drive::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Man(args) => manual::man(args, Cli::command()),
        Command::Completions(args) => manual::completions(args, Cli::command()),
    };
    done.unwrap_or_else(|cause| {
        eprintln!("fanfare: {cause:#}");
        ExitCode::FAILURE
    })
}
