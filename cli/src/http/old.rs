//! The transport of 2024-11-05, for clients that know no other: one event stream for everything
//! that the server says, and beside it a path to post messages to.
//!
//! The session is the stream's: it has its end with it. Its id stands in the path that the stream
//! begins with, so it is as secret as the stream.

use std::sync::Arc;

use fanfare::{Framing, Profile, Revision, SessionParams, StreamKind};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::exchange::{self, Because as _, Outcome, Reply, error_body, json, text};
use super::feed::{First, Purpose};
use super::hub::Hub;
use super::lease::Lease;
use super::metrics::Reason;

/// What stands before the id.
const QUERY: &str = "session=";

/// `/sse`: a session, and the stream of all that is said to it.
pub(super) fn open(
    hub: &Arc<Hub>,
    head: &Parts,
    principal: Option<Arc<str>>,
) -> fanfare::Result<Outcome> {
    if head.method != Method::GET {
        return Ok(Outcome::Reply(exchange::not_allowed("GET")));
    }
    // What is agreed on may be newer than the transport.
    let profile = Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: true };
    let mut params = SessionParams::new(profile).framing(Framing::Sse);
    if let Some(principal) = &principal {
        params = params.principal(&**principal);
    }
    let engine = hub.engine();
    let mut lease = Lease::own(hub, engine.open(hub.app.session(params, principal.as_deref()))?);
    let session = lease.session;
    let stream = hub
        .feed
        .open(session, Purpose::Standalone, || engine.open_stream(session, StreamKind::Duplex))?;
    lease.expected(stream);
    let (id, visit) = hub.old_sessions.insert(session, principal)?;
    lease.use_session(visit);
    let bytes = format!("event: endpoint\ndata: /messages?{QUERY}{id}\n\n").into_bytes();
    let first = First { first_len: bytes.len(), bytes, is_last: false };
    Ok(Outcome::Stream { lease, session_id: None, first })
}

/// `/messages`: a message of the client. The answer goes out on its stream.
pub(super) async fn message(
    hub: &Hub,
    head: &Parts,
    body: Incoming,
    principal: Option<&Arc<str>>,
) -> Reply {
    if head.method != Method::POST {
        return exchange::not_allowed("POST");
    }
    let mut fields = head.uri.query().into_iter().flat_map(|query| query.split('&'));
    let id = fields.find_map(|field| field.strip_prefix(QUERY)).unwrap_or_default();
    let Some(visit) = hub.old_sessions.find(id, principal) else {
        let reply = json(StatusCode::NOT_FOUND, error_body("there is no such session"));
        return reply.because(Reason::Protocol);
    };
    let body = match exchange::collect(hub, body).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let session = visit.session();
    let taken =
        hub.engine().stream(session).and_then(|stream| hub.app.take(session, stream, &body));
    match taken {
        Ok(()) => text(StatusCode::ACCEPTED, "accepted\n"),
        Err(error) => {
            json(StatusCode::NOT_FOUND, error_body(error.detail())).because(Reason::Protocol)
        }
    }
}
