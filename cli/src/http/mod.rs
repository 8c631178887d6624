//! Streamable HTTP of every revision on one endpoint, in front of any MCP server that keeps its
//! sessions in a [`fanfare::Engine`].
//!
//! The way of a request: `listener` accepts a connection and lets hyper speak HTTP on it;
//! `exchange` takes one request, asks [`fanfare::http::Endpoint`] what it is, gives it to the
//! [`App`] and waits for the first frame of the answer. If that is a response, hyper sends it. If
//! it begins a stream, the connection is taken from hyper and becomes an outlet of the `pump`:
//! one thread that takes frames out of the engine and writes them to the sockets, so that an open
//! stream costs neither a task nor a buffer. A socket that takes no more stops its session in the
//! engine, where the bounds are; nothing is kept here but what one write has left over.
//!
//! ```no_run
//! # struct Mine { engine: fanfare::Engine }
//! # impl fanfare_cli::http::App for Mine {
//! #     fn engine(&self) -> &fanfare::Engine { &self.engine }
//! #     fn take(
//! #         self: &std::sync::Arc<Self>, session: fanfare::SessionId,
//! #         stream: Option<fanfare::StreamId>, message: &[u8],
//! #     ) -> fanfare::Result<()> { Ok(()) }
//! # }
//! use std::sync::Arc;
//! use fanfare_cli::http::{Feed, Options, Server};
//!
//! let feed = Feed::new()?;
//! let hooks = feed.hooks(fanfare::Hooks::new());
//! let engine = fanfare::Engine::with_hooks(fanfare::Config::default(), hooks);
//! let app = Arc::new(Mine { engine });
//! let server = Server::bind(app, &feed, Options::default())?;
//! println!("listening on http://{}/mcp", server.local_addr());
//! server.run()?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod app;
mod auth;
mod cors;
mod exchange;
mod feed;
mod hub;
mod lease;
mod listener;
mod metrics;
mod old;
mod options;
mod outlet;
mod pump;
mod server;
mod sessions;
mod socket;
mod tls;

pub use app::App;
pub use auth::Tokens;
pub use feed::Feed;
pub use metrics::{Answered, Refused};
pub use options::Options;
pub use server::{Gauges, Meter, Server, Stopper};
pub use tls::Tls;
