//! One HTTP request, from its head to the beginning of its answer.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use fanfare::http::{
    Answer, Call, CallKind, EVENT_STREAM_HEADERS, Era, Headers, JSON_HEADERS, Refusal,
    SESSION_ID_HEADER,
};
use fanfare::{Error, ErrorKind, Framing, Profile, Revision, SessionParams, StreamKind};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::sync::oneshot;

use super::auth::Place;
use super::cors::{self, Page};
use super::feed::{First, Purpose};
use super::hub::Hub;
use super::lease::Lease;
use super::listener::Slot;
use super::metrics::Reason;
use super::sessions::Visit;
use super::{metrics, old};

pub(super) type Reply = Response<Full<Bytes>>;

/// What makes a connection a stream's.
pub(super) struct Takeover {
    pub(super) lease: Lease,
    /// The head of the response.
    pub(super) head: Vec<u8>,
    pub(super) first: First,
    pub(super) is_chunked: bool,
}

/// How a request is answered.
pub(super) enum Outcome {
    Reply(Reply),
    /// By a stream: with this head, beginning with these frames.
    Stream {
        lease: Lease,
        session_id: Option<Arc<str>>,
        first: First,
    },
}

impl Outcome {
    /// A stream counts as long as it is open.
    fn at(self, place: Place) -> Self {
        match self {
            Self::Stream { mut lease, session_id, first } => {
                lease.keep_place(place);
                Self::Stream { lease, session_id, first }
            }
            reply => reply,
        }
    }
}

/// The service of a connection: answers, or leaves in the slot what the connection becomes, and
/// then never does.
pub(super) async fn answer(
    hub: Arc<Hub>,
    slot: Arc<Slot>,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let is_chunked = request.version() == Version::HTTP_11;
    let (head, body) = request.into_parts();
    let admitted = hub.options.endpoint.check_origin(&headers(&head.headers));
    let page = admitted.is_ok().then(|| Page::of(&head.headers)).flatten();
    let outcome = match admitted {
        Ok(()) => outcome(&hub, &head, body).await,
        Err(refusal) => Outcome::Reply(refused(refusal).because(Reason::Origin)),
    };
    match outcome {
        Outcome::Reply(mut reply) => {
            hub.counts.answered(reply.status());
            if let Some(reason) = reply.extensions().get() {
                hub.counts.refused(*reason);
            }
            reply.headers_mut().extend(page.iter().flat_map(Page::headers));
            if !reply.headers().contains_key(CONNECTION) {
                return Ok(reply);
            }
            slot.note_unread();
            Ok(reply)
        }
        Outcome::Stream { lease, session_id, first } => {
            hub.counts.answered(StatusCode::OK);
            let head = stream_head(session_id.as_deref(), page.as_ref(), is_chunked);
            let takeover = Takeover { lease, head, first, is_chunked };
            slot.leave(takeover);
            std::future::pending().await
        }
    }
}

async fn outcome(hub: &Arc<Hub>, head: &Parts, body: Incoming) -> Outcome {
    if let Some(reply) = cors::preflight(head) {
        return Outcome::Reply(reply);
    }
    let path = head.uri.path();
    // Who asks whether it is well need not be known.
    let is_open = path == "/healthz";
    let principal = match hub.options.tokens.who(&head.headers) {
        Ok(principal) => principal,
        Err(_) if is_open => None,
        Err(stranger) => {
            let mut reply = json(StatusCode::UNAUTHORIZED, error_body("no valid bearer token"));
            let challenge = HeaderValue::from_static(stranger.challenge());
            reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            return Outcome::Reply(reply.because(Reason::Token));
        }
    };
    let is_read = head.method == Method::GET || head.method == Method::HEAD;
    match path {
        "/mcp" => mcp(hub, head, body, principal).await,
        "/healthz" if is_read => Outcome::Reply(metrics::health(hub)),
        "/metrics" if is_read => Outcome::Reply(metrics::metrics(hub)),
        "/healthz" | "/metrics" => Outcome::Reply(not_allowed("GET, HEAD")),
        "/sse" | "/messages" if hub.options.has_old_transport => {
            old_transport(hub, head, body, principal).await
        }
        _ => {
            let reply = text(StatusCode::NOT_FOUND, "there is nothing here; MCP is at /mcp\n");
            Outcome::Reply(reply.because(Reason::Path))
        }
    }
}

async fn old_transport(
    hub: &Arc<Hub>,
    head: &Parts,
    body: Incoming,
    principal: Option<Arc<str>>,
) -> Outcome {
    let Some(place) = place(hub, principal.as_ref()) else {
        return Outcome::Reply(too_many(hub));
    };
    if hub.is_stopping() {
        return Outcome::Reply(stopping());
    }
    if head.uri.path() == "/messages" {
        return Outcome::Reply(old::message(hub, head, body, principal.as_ref()).await);
    }
    match old::open(hub, head, principal) {
        Ok(outcome) => outcome.at(place),
        Err(error) => Outcome::Reply(declined(&error)),
    }
}

/// What a request counts against, if there is room for it.
fn place(hub: &Hub, principal: Option<&Arc<str>>) -> Option<Place> {
    hub.places.take(principal, hub.options.max_connections_per_principal)
}

async fn mcp(hub: &Arc<Hub>, head: &Parts, body: Incoming, principal: Option<Arc<str>>) -> Outcome {
    let headers = headers(&head.headers);
    let Some(place) = place(hub, principal.as_ref()) else {
        return Outcome::Reply(too_many(hub));
    };
    let body = match head.method {
        Method::POST => match collect(hub, body).await {
            Ok(body) => body,
            Err(reply) => return Outcome::Reply(reply),
        },
        _ => Bytes::new(),
    };
    let mut visit = None;
    let lookup = |id: &str| {
        let found = hub.sessions.find(id, principal.as_ref())?;
        let revision = hub.engine().revision(found.session()).ok()?;
        visit = Some(found);
        Some(revision)
    };
    let call = match hub.options.endpoint.check(head.method.as_str(), &headers, &body, lookup) {
        Ok(call) => call,
        Err(refusal) => return Outcome::Reply(refused(refusal)),
    };
    if hub.is_stopping() {
        return Outcome::Reply(stopping());
    }
    match go_on(hub, &call, &body, principal, visit).await {
        Ok(outcome) => outcome.at(place),
        Err(error) => Outcome::Reply(failed(&call, &error)),
    }
}

/// The body, within its bounds.
pub(super) async fn collect(hub: &Hub, body: Incoming) -> Result<Bytes, Reply> {
    let limit = hub.options.max_body_bytes;
    let too_large = || {
        let text = error_body(&format!("the body is larger than {limit} bytes"));
        close(json(StatusCode::PAYLOAD_TOO_LARGE, text)).because(Reason::Body)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(hub.options.body_timeout, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => {
            let reply = text(StatusCode::BAD_REQUEST, "the body cannot be read\n");
            Err(close(reply).because(Reason::Body))
        }
        Err(_) => {
            let reply = text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n");
            Err(close(reply).because(Reason::Body))
        }
    }
}

/// What was checked goes to the engine, by what it is.
async fn go_on(
    hub: &Arc<Hub>,
    call: &Call<'_>,
    body: &[u8],
    principal: Option<Arc<str>>,
    visit: Option<Visit>,
) -> fanfare::Result<Outcome> {
    let engine = hub.engine();
    match (call.kind, visit) {
        // No notification of a client matters to a later request.
        (CallKind::OneWay, None) => {}
        (CallKind::OneWay, Some(visit)) => {
            let stream = engine.open_stream(visit.session(), StreamKind::Request)?;
            let taken = hub.app.take(visit.session(), stream, body);
            drop(engine.close_stream(stream));
            taken?;
        }
        (CallKind::Delete, visit) => {
            if let Some(visit) = visit {
                hub.end_session(visit.session());
            }
        }
        (CallKind::Get, Some(visit)) => {
            let mut lease = Lease::visit(hub, visit);
            let session = lease.session;
            let stream =
                hub.feed.open(session, Purpose::Standalone, || match call.last_event_id {
                    Some(id) => engine.resume_stream(session, id),
                    None => engine.open_stream(session, StreamKind::Standalone),
                })?;
            lease.expected(stream);
            return Ok(Outcome::Stream { lease, session_id: None, first: First::default() });
        }
        (CallKind::Get, None) => {}
        (CallKind::Initialize | CallKind::Request, visit) => {
            let lease = match visit.filter(|_| call.kind == CallKind::Request) {
                Some(visit) => Lease::visit(hub, visit),
                None => open(hub, call, principal.as_deref())?,
            };
            return ask(hub, call, body, principal, lease).await;
        }
    }
    let answer = hub.options.endpoint.answer(call, None);
    Ok(Outcome::Reply(answer.map_or_else(internal_error, |answer| as_reply(&answer))))
}

/// A session for one request, or one that begins with it.
fn open(hub: &Arc<Hub>, call: &Call<'_>, principal: Option<&str>) -> fanfare::Result<Lease> {
    let profile = match call.era {
        Era::Modern => Profile::Modern,
        Era::Legacy => Profile::Legacy {
            revision: call.revision.unwrap_or(Revision::LATEST_LEGACY),
            handshake: call.kind == CallKind::Initialize,
        },
    };
    let mut params = SessionParams::new(profile).framing(Framing::Sse);
    if let Some(principal) = principal {
        params = params.principal(principal);
    }
    let session = hub.engine().open(hub.app.session(params, principal))?;
    Ok(Lease::own(hub, session))
}

/// A request, and what comes first in answer to it.
async fn ask(
    hub: &Arc<Hub>,
    call: &Call<'_>,
    body: &[u8],
    principal: Option<Arc<str>>,
    mut lease: Lease,
) -> fanfare::Result<Outcome> {
    let session = lease.session;
    let (send, first) = oneshot::channel();
    let open = || hub.engine().open_stream(session, StreamKind::Request);
    let purpose = Purpose::Answer { first: send, owns_session: lease.owns_session };
    let stream = hub.feed.open(session, purpose, open)?;
    lease.expected(stream);
    hub.app.take(session, stream, body)?;
    let Ok(first) = first.await else {
        // It ended with nothing said: the whole session, or this alone, as where it was cancelled.
        return Ok(match hub.engine().revision(session) {
            Ok(_) => Outcome::Reply(with_headers(StatusCode::OK, EVENT_STREAM_HEADERS, "".into())),
            Err(_) => Outcome::Reply(refused(call.session_gone())),
        });
    };
    let mut session_id = None;
    if call.kind == CallKind::Initialize
        && hub.engine().revision(session).is_ok_and(|revision| revision.is_some())
    {
        let (id, visit) = hub.sessions.insert(session, principal)?;
        lease.keep_session(visit);
        session_id = Some(id);
    }
    let Some(answer) = hub.options.endpoint.answer(call, Some(&first.bytes[..first.first_len]))
    else {
        return Ok(Outcome::Reply(internal_error()));
    };
    if answer == Answer::Stream {
        return Ok(Outcome::Stream { lease, session_id, first });
    }
    let mut reply = as_reply(&answer);
    if let Some(id) = session_id {
        let id = id.parse().expect("session ids are visible ASCII");
        reply.headers_mut().insert(SESSION_ID_HEADER, id);
    }
    Ok(Outcome::Reply(reply))
}

// ---- answers ----

fn headers(map: &HeaderMap) -> Headers<'_> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// The head of a response that is a stream; hyper writes all others.
fn stream_head(session_id: Option<&str>, page: Option<&Page>, is_chunked: bool) -> Vec<u8> {
    let mut head = String::with_capacity(320);
    let version = if is_chunked { "HTTP/1.1" } else { "HTTP/1.0" };
    let mut line = |line: std::fmt::Arguments<'_>| {
        write!(head, "{line}\r\n").expect("a String takes all");
    };
    line(format_args!("{version} 200 OK"));
    for (name, value) in EVENT_STREAM_HEADERS {
        line(format_args!("{name}: {value}"));
    }
    if let Some(id) = session_id {
        line(format_args!("{SESSION_ID_HEADER}: {id}"));
    }
    for (name, value) in page.iter().flat_map(|page| page.headers()) {
        // An origin that may call is ASCII.
        line(format_args!("{name}: {}", value.to_str().unwrap_or_default()));
    }
    line(format_args!("Date: {}", httpdate::fmt_http_date(SystemTime::now())));
    if is_chunked {
        line(format_args!("Transfer-Encoding: chunked"));
    }
    line(format_args!("Connection: close"));
    line(format_args!(""));
    head.into_bytes()
}

fn as_reply(answer: &Answer<'_>) -> Reply {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::OK);
    let body = match answer {
        Answer::Json { body, .. } => Bytes::copy_from_slice(body),
        _ => Bytes::new(),
    };
    with_headers(status, answer.headers(), body)
}

pub(super) fn refused(refusal: Refusal) -> Reply {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut reply = json(status, refusal.body);
    if let Some(allow) = refusal.allow {
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    }
    reply.because(Reason::Protocol)
}

/// The engine declined.
fn failed(call: &Call<'_>, error: &Error) -> Reply {
    match error.kind() {
        // What a resumption is told when what it asks for is kept no more: the session goes on.
        ErrorKind::Gone if call.last_event_id.is_some() => {
            json(StatusCode::BAD_REQUEST, error_body(error.detail())).because(Reason::Protocol)
        }
        ErrorKind::Gone => refused(call.session_gone()),
        _ => declined(error),
    }
}

fn declined(error: &Error) -> Reply {
    let status = match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::NotNegotiated => StatusCode::BAD_REQUEST,
        // A second standalone stream.
        ErrorKind::State => StatusCode::CONFLICT,
        ErrorKind::Limit => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json(status, error_body(error.detail())).because(Reason::Engine)
}

fn too_many(hub: &Hub) -> Reply {
    let most = hub.options.max_connections_per_principal;
    let text = error_body(&format!("{most} requests are open, and no more may be"));
    json(StatusCode::TOO_MANY_REQUESTS, text).because(Reason::Principal)
}

fn stopping() -> Reply {
    let text = error_body("the server is shutting down");
    json(StatusCode::SERVICE_UNAVAILABLE, text).because(Reason::Stopping)
}

pub(super) fn not_allowed(allow: &'static str) -> Reply {
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "the method is not allowed here\n");
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    reply.because(Reason::Path)
}

fn internal_error() -> Reply {
    let text = error_body("the server has no answer to that");
    json(StatusCode::INTERNAL_SERVER_ERROR, text).because(Reason::Engine)
}

/// A JSON-RPC error that answers no message in particular.
pub(super) fn error_body(text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":{text}}}}}"#)
}

pub(super) fn json(status: StatusCode, body: String) -> Reply {
    with_headers(status, JSON_HEADERS, body.into())
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Reply {
    with_headers(status, &[("Content-Type", "text/plain; charset=utf-8")], body.into())
}

pub(super) fn with_headers(
    status: StatusCode,
    headers: &'static [(&str, &str)],
    body: Bytes,
) -> Reply {
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(body)).expect("status and headers are ours, and right")
}

/// A reply that says no, and why, for the one who counts.
pub(super) trait Because {
    fn because(self, reason: Reason) -> Self;
}

impl Because for Reply {
    /// The last one that says so is right: it knows more.
    fn because(mut self, reason: Reason) -> Self {
        self.extensions_mut().insert(reason);
        self
    }
}

/// The rest of the request is not read, so nothing more can be.
fn close(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}
