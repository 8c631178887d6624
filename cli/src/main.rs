//! The `fanfare` program.
mod bench;
mod drive;

use clap::Parser as _;

#[derive(clap::Parser)]
enum Cli {
    Drive(drive::Args),
    Bench(bench::Args),
}

fn main() -> anyhow::Result<std::process::ExitCode> {
    match Cli::parse() {
        Cli::Drive(args) => drive::run(args),
        Cli::Bench(args) => bench::run(args),
    }
}
