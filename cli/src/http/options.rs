//! The choices of whoever runs a server.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare::http::{Endpoint, Hosts};

use super::auth::Tokens;
use super::tls::Tls;

/// How a server is run. Everything has a default; the bounds are there so that no client can cost
/// more than they say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one: [`Server::local_addr`](super::Server::local_addr).
    pub address: SocketAddr,
    /// Which eras are served, and who may call, by `Origin` and `Host`.
    pub endpoint: Endpoint,
    /// Whether the transport of 2024-11-05 is there too, at `/sse` and `/messages`.
    pub has_old_transport: bool,
    /// With it `https` is spoken, without it `http`.
    pub tls: Option<Tls>,
    /// Who may call. None: everybody who can reach it.
    pub tokens: Tokens,
    /// How many connections there may be at once. Beyond it nobody is accepted until one goes.
    pub max_connections: usize,
    /// How many requests and streams one principal may have open at once: 429 beyond it.
    pub max_connections_per_principal: usize,
    /// The longest head of a request, in bytes: 431 beyond it. At least 8,192.
    pub max_head_bytes: usize,
    /// The largest body of a request, in bytes: 413 beyond it. The engine's `message.max_bytes`
    /// should not be smaller.
    pub max_body_bytes: usize,
    /// How long a client may take for the head of a request, and how long a connection may be
    /// kept without one: it is closed then.
    pub head_timeout: Duration,
    /// How long a client may take for a body: 408 then.
    pub body_timeout: Duration,
    /// How long a client may leave an answer unread that is no stream, before its connection is
    /// closed.
    pub write_timeout: Duration,
    /// How long a session of the legacy era may go without a request and without an open stream
    /// before it ends.
    pub idle_timeout: Duration,
    /// How long what is queued at the end may take to be written.
    pub drain_timeout: Duration,
    /// How long a stream that has been said to its end may take to be written before it is cut.
    pub linger_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            endpoint: Endpoint::new().hosts(Hosts::loopback()),
            has_old_transport: false,
            tls: None,
            tokens: Tokens::default(),
            max_connections: 10_000,
            max_connections_per_principal: 1_000,
            max_head_bytes: 64 << 10,
            max_body_bytes: 4 << 20,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30 * 60),
            drain_timeout: Duration::from_secs(5),
            linger_timeout: Duration::from_secs(30),
        }
    }
}
