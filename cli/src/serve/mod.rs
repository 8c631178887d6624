//! `fanfare serve`: an MCP server of the files of one folder.
//!
//! The way of the data: `watch` tells `catalog` to look at the folder (`tree`), and what changed
//! is raised on the engine by `app`. Bytes of a client come in through `stdio`, go through the
//! engine, and what the engine does not answer itself is answered by `app`, with `tools` and
//! `read` on threads of their own (`calls`). Bytes go out through the engine alone.

mod admin;
pub(crate) mod app;
mod callers;
mod calls;
pub(crate) mod catalog;
mod dialect;
mod http;
pub(crate) mod log;
mod read;
mod room;
mod stdio;
mod tools;
mod tree;
pub(crate) mod uri;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use fanfare::{Hooks, Level};

use app::Server;
use catalog::Catalog;
use log::Log;
use stdio::End;

/// Serve the files of a folder over stdin and stdout, or over HTTP, as an MCP server of every
/// revision.
///
/// Every regular file below DIR is a resource, file:///...; hidden files and folders are left out,
/// and so is what a .gitignore in DIR or below it ignores. DIR is watched: a write raises
/// notifications/resources/updated, a file that comes or goes
/// notifications/resources/list_changed as well, and a file that cannot be read any more an alert
/// (notifications/message, level error). Links that lead out of DIR are refused.
///
/// Tools: `checksum {path?}` and `wait {seconds}`; both report progress and can be cancelled.
///
/// Revisions 2024-11-05 to 2025-11-25 (a client that begins with initialize) and 2026-07-28 (all
/// others) are spoken on the same pipe; the first message decides. With --http, 2025-03-26 to
/// 2026-07-28 are spoken at http://ADDR/mcp.
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes:
  0  the client closed stdin or stdout, or SIGINT or SIGTERM came, and everything was said
  1  it failed (the cause is on stderr): no such folder, too many folders to watch,
     the client did not read what it was sent, the address or the admin socket is taken
  2  the command line was not understood

Try it:
  fanfare listen --resource file:///tmp/notes.txt -- fanfare serve /tmp
  fanfare serve /tmp --http 127.0.0.1:8080
  fanfare serve /tmp --http 127.0.0.1:8080 --admin /tmp/admin.sock &
  fanfare notify notifications/resources/list_changed --admin /tmp/admin.sock")]
pub(crate) struct Args {
    /// The folder to serve
    #[arg(default_value = ".")]
    dir: PathBuf,

    /// Serve no more than so many files (and watch no more than so many folders)
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_files: u32,

    /// Refuse to read a file of more than so many bytes at once
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20)]
    max_read: u64,

    /// Tell on stderr what is at least this serious
    #[arg(long, value_name = "LEVEL", default_value = "warning", value_parser = level_parser())]
    log_level: Level,

    /// Let `fanfare notify` and `fanfare stats` of this user in, by a Unix socket at PATH. A stale
    /// one is replaced; at the end it is taken away
    #[arg(long, value_name = "PATH", long_help = ADMIN_HELP)]
    admin: Option<PathBuf>,

    #[command(flatten)]
    http: http::HttpArgs,
}

const ADMIN_HELP: &str = "\
Let `fanfare notify` and `fanfare stats` of this user in, by a Unix socket at PATH (mode 0600). A \
stale one is replaced, anything else that is there is left alone and an error; at the end it is \
taken away. Beside it, PATH.fanfare-lock keeps others from serving there at the same time.

Other programs may speak to it, too: a JSON object a line each way, commands as of `fanfare drive`.
  {\"op\":\"notify\",\"method\":\"notifications/...\",\"params\":{},\"context\":{},\"to\":{}}
    -> {\"ok\":true,\"matched\":N}
    to: {\"session\":N}, {\"session\":N,\"request\":ID}, {\"except\":N} or {\"principal\":\"...\"};
    N is a session's number, or its Mcp-Session-Id as a string;
    params, context and to may be left out
  {\"op\":\"stats\"} -> {\"ok\":true,\"engine\":{...},\"http\":{...}}
  {\"op\":\"sessions\",\"max\":N} -> {\"ok\":true,\"sessions\":[...],\"more\":N}
What is refused is answered with {\"error\":{\"code\":\"...\",\"text\":\"...\"}}. A command has at most \
1 MiB, there are at most 8 connections, and one that is silent for 10 s is closed";

/// Reads a level by its name.
pub(crate) fn level_parser() -> impl clap::builder::TypedValueParser<Value = Level> {
    PossibleValuesParser::new(Level::ALL.map(Level::as_str))
        .try_map(|name| Level::parse(&name).ok_or("not a level"))
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let folder = args.dir.display();
    let catalog = Catalog::new(&args.dir, args.max_files as usize)
        .with_context(|| format!("cannot serve {folder}"))?;
    let log = Log::start(args.log_level)?;
    let admin = args.admin.as_deref();
    let done = match &args.http.http {
        Some(address) => http::serve(catalog, args.max_read, &log, *address, &args.http, admin),
        None => serve_stdio(catalog, args.max_read, &log, admin),
    };
    log.flush();
    done
}

fn serve_stdio(
    catalog: Catalog,
    max_read: u64,
    log: &Log,
    admin: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let (send, ends) = stdio::ends();
    let ended = send.clone();
    let hooks = Hooks::new().on_session_end(move |end| {
        // A graceful end was asked for, and the writer tells when it is over.
        if !end.reason.is_graceful() {
            drop(ended.send(End::Session(end.reason)));
        }
    });
    let running = Server::start(catalog, max_read, log.clone(), hooks)?;
    let _admin = admin.map(|path| admin::start(path, &running.server, None)).transpose()?;
    stdio::serve(&running, (send, ends))
}
