//! Any number of clients over HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use fanfare::http::{Endpoint, Hosts, Origins};
use fanfare::{Config, Engine, Hooks, Level, SessionId, SessionParams, StreamId};
use fanfare_cli::http::{App, Feed, Options, Server as Transport, Tls, Tokens};

use super::admin;
use super::app::Server;
use super::catalog::Catalog;
use super::log::Log;
use crate::signals;

/// How it is served over HTTP.
#[derive(clap::Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpArgs {
    /// Serve over HTTP instead, at http://ADDR/mcp. Port 0 takes a free one. When it listens, one
    /// line on stderr says so: `listening on http://127.0.0.1:PORT/mcp`
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    pub(crate) http: Option<SocketAddr>,

    /// Speak the transport of 2024-11-05, too, at /sse and /messages
    #[arg(long, requires = "http")]
    legacy_sse: bool,

    /// Speak https, with the certificate (and those that lead from it to an authority) in FILE, PEM
    #[arg(long, value_name = "FILE", requires_all = ["http", "tls_key"])]
    tls_cert: Option<PathBuf>,

    /// The key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires_all = ["http", "tls_cert"])]
    tls_key: Option<PathBuf>,

    /// Let only those in who have a bearer token of FILE, which has `TOKEN PRINCIPAL` on each line
    #[arg(long, value_name = "FILE", requires = "http")]
    token_file: Option<PathBuf>,

    /// Let a web page of this origin call, as in https://app.example (more than once: several).
    /// Pages of this machine may
    #[arg(long, value_name = "ORIGIN", requires = "http")]
    allow_origin: Vec<String>,

    /// Answer to this name, too (more than once: several). A server that listens on this machine
    /// alone answers to localhost, 127.0.0.1 and [::1], any other one to every name
    #[arg(long, value_name = "HOST", requires = "http")]
    allow_host: Vec<String>,

    /// Accept no more than so many connections at once
    #[arg(long, value_name = "N", requires = "http", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,

    /// Let no principal have more than so many requests and streams open at once
    #[arg(long, value_name = "N", requires = "http", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    max_connections_per_principal: u32,

    /// Refuse a request whose head is longer than so many bytes
    #[arg(long, value_name = "BYTES", requires = "http", default_value_t = 64 << 10,
          value_parser = clap::value_parser!(u32).range(8192..))]
    max_head: u32,

    /// Wait so long for the head of a request
    #[arg(long, value_name = "SECONDS", requires = "http", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..))]
    head_timeout: u32,

    /// Wait so long for the body of a request
    #[arg(long, value_name = "SECONDS", requires = "http", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..))]
    body_timeout: u32,

    /// End a session of the revisions before 2026-07-28 that nobody has used for so long
    #[arg(long, value_name = "SECONDS", requires = "http", default_value_t = 30 * 60,
          value_parser = clap::value_parser!(u32).range(1..))]
    idle_timeout: u32,

    /// At the end, wait so long until everything is written
    #[arg(long, value_name = "SECONDS", requires = "http", default_value_t = 5)]
    drain_timeout: u32,

    /// Show a sign of life on a stream that has been silent for so long; 0: none
    #[arg(long, value_name = "MILLISECONDS", requires = "http", default_value_t = 15_000)]
    keep_alive: u32,
}

impl HttpArgs {
    fn options(&self, address: SocketAddr) -> anyhow::Result<Options> {
        let mut origins = Origins::loopback();
        for origin in &self.allow_origin {
            origins = origins.allow(origin).with_context(|| format!("--allow-origin {origin}"))?;
        }
        let is_local = address.ip().is_loopback();
        let mut hosts =
            if is_local || !self.allow_host.is_empty() { Hosts::loopback() } else { Hosts::any() };
        for host in &self.allow_host {
            hosts = hosts.allow(host).with_context(|| format!("--allow-host {host}"))?;
        }
        let tokens = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Tokens::parse(&text).map_err(|why| anyhow!("{}: {why}", path.display()))?
            }
            None => Tokens::default(),
        };
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => {
                Some(Tls::from_files(cert, key).map_err(|why| anyhow!(why))?)
            }
            _ => None,
        };
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Ok(Options {
            address,
            endpoint: Endpoint::new().origins(origins).hosts(hosts),
            has_old_transport: self.legacy_sse,
            tls,
            tokens,
            max_connections: self.max_connections as usize,
            max_connections_per_principal: self.max_connections_per_principal as usize,
            max_head_bytes: self.max_head as usize,
            head_timeout: seconds(self.head_timeout),
            body_timeout: seconds(self.body_timeout),
            idle_timeout: seconds(self.idle_timeout),
            drain_timeout: seconds(self.drain_timeout),
            ..Options::default()
        })
    }
}

impl App for Server {
    fn engine(&self) -> &Engine {
        Server::engine(self)
    }

    fn take(
        self: &Arc<Self>,
        session: SessionId,
        stream: Option<StreamId>,
        message: &[u8],
    ) -> fanfare::Result<()> {
        Server::take(self, session, stream, message)
    }

    fn session(&self, params: SessionParams, principal: Option<&str>) -> SessionParams {
        // By this number the calls of all sessions of one client are counted together.
        let caller = self.callers().number(principal);
        params.capabilities(Server::capabilities()).user_data(caller)
    }

    fn drained(&self) {
        self.room().drained();
    }

    fn gone(&self, session: SessionId) {
        self.calls().cancel_session(session);
        self.room().drained();
    }
}

/// Serves until a signal comes.
pub(crate) fn serve(
    catalog: Catalog,
    max_read: u64,
    log: &Log,
    address: SocketAddr,
    args: &HttpArgs,
    admin: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let options = args.options(address)?;
    let feed = Feed::new().context("cannot set up a poll")?;
    let hooks = feed.hooks(Hooks::new());
    let mut config = Config::default();
    config.set("sse.keep_alive_ms", &args.keep_alive.to_string()).context("--keep-alive")?;
    let running = Server::start_with(catalog, max_read, log.clone(), config, hooks)?;
    let transport = Transport::bind(Arc::clone(&running.server), &feed, options)
        .with_context(|| format!("cannot listen on {address}"))?;
    let meter = || Some(transport.meter());
    let _admin = admin.map(|path| admin::start(path, &running.server, meter())).transpose()?;
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    let (stopper, signal_log) = (transport.stopper(), log.clone());
    signals::on_stop(move |signal| {
        signal_log.say(Level::Info, signal);
        stopper.stop();
    })?;
    allow_descriptors();
    eprintln!("listening on {scheme}://{}/mcp", transport.local_addr());
    transport.run().context("cannot serve over HTTP")?;
    Ok(ExitCode::SUCCESS)
}

/// Takes as many descriptors as the system gives: each connection wants one. Where it gives no more
/// than there were, fewer connections are accepted at a time.
fn allow_descriptors() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}
