//! Any number of clients over HTTP.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use fanfare::{Engine, Hooks, Level, SessionId, SessionParams, StreamId};
use fanfare_cli::http::{App, Feed, Options, Server as Transport};

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
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
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

    fn session(&self, params: SessionParams) -> SessionParams {
        params.capabilities(Server::capabilities())
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
    _args: &HttpArgs,
) -> anyhow::Result<ExitCode> {
    let feed = Feed::new().context("cannot set up a poll")?;
    let hooks = feed.hooks(Hooks::new());
    let running = Server::start(catalog, max_read, log.clone(), hooks)?;
    let options = Options { address, ..Options::default() };
    let transport = Transport::bind(Arc::clone(&running.server), &feed, options)
        .with_context(|| format!("cannot listen on {address}"))?;
    let (stopper, signal_log) = (transport.stopper(), log.clone());
    signals::on_stop(move |signal| {
        signal_log.say(Level::Info, signal);
        stopper.stop();
    })?;
    eprintln!("listening on http://{}/mcp", transport.local_addr());
    transport.run().context("cannot serve over HTTP")?;
    Ok(ExitCode::SUCCESS)
}
