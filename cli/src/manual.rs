//! What a package of the program has besides: manual pages, and completions for shells.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap_complete::Shell;

/// Writes the manual pages of the program and of each of its commands into a folder.
#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// The folder, made if there is none; pages in it are replaced
    dir: PathBuf,
}

/// Prints what a shell needs to complete command lines.
#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

pub(crate) fn man(args: ManArgs, program: clap::Command) -> anyhow::Result<ExitCode> {
    let dir = args.dir;
    let made = DirBuilder::new().recursive(true).create(&dir);
    made.and_then(|()| clap_mangen::generate_to(program, &dir))
        .with_context(|| format!("cannot write manual pages into {}", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn completions(
    args: CompletionsArgs,
    mut program: clap::Command,
) -> anyhow::Result<ExitCode> {
    // All at once, so that a reader that goes away is an error and not a panic.
    let mut text = Vec::new();
    let name = program.get_name().to_owned();
    clap_complete::generate(args.shell, &mut program, name, &mut text);
    io::stdout().write_all(&text).context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}
