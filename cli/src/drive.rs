//! `fanfare drive`.

use std::process::ExitCode;

/// The engine by hand: JSON commands in, JSON answers out.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("drive is not part of this build")
}
