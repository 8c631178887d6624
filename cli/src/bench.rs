//! x
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}
pub(crate) fn run(_args: Args) -> anyhow::Result<std::process::ExitCode> {
    todo!()
}
