//! `fanfare bench`.

use std::process::ExitCode;

/// Measures fan-out throughput.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("bench is not part of this build")
}
