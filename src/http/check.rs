//! Whether an HTTP request may go on to the engine, and what it then is: the decisions in the order
//! in which a server has to make them.

use super::endpoint::Endpoint;
use super::headers::{Field, Headers, One};
use super::mirror;
use super::session_id::is_session_id;
use super::status::{BAD_REQUEST, Era, FORBIDDEN, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, NOT_FOUND};
use crate::protocol::id::Id;
use crate::protocol::kind::method;
use crate::protocol::message::{self, Fault, Message};
use crate::protocol::meta::{self, RequestMeta};
use crate::protocol::{Revision, code, encode};

/// What an HTTP request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// A POST of `initialize`, which begins a session of the legacy era: the answer, if it is a
    /// success, carries the new session id.
    Initialize,
    /// A POST that is answered: a request, or a batch with one in it.
    Request,
    /// A POST of notifications and responses alone, which is accepted and not answered (R82).
    OneWay,
    /// A GET: the client wants the standalone stream of its session, or resumes another.
    Get,
    /// A DELETE: the client ends its session.
    Delete,
}

/// An HTTP request that may go on to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// What it is.
    pub kind: CallKind,
    /// By whose rules it is served: as [`Profile::Legacy`](crate::Profile::Legacy) in its session,
    /// or as [`Profile::Modern`](crate::Profile::Modern) in a session of its own.
    pub era: Era,
    /// The revision that it is in. In the legacy era that of its session, or else what its header
    /// says, or else 2025-03-26 (R40). `None` for `initialize`, which negotiates it, and while the
    /// session's is not settled.
    pub revision: Option<Revision>,
    /// The session that it belongs to, as its id stands in the header; `lookup` has found it.
    pub session_id: Option<&'a str>,
    /// The event after which a GET goes on, for
    /// [`Engine::resume_stream`](crate::Engine::resume_stream).
    pub last_event_id: Option<&'a str>,
    /// Whether the body is a batch (2025-03-26).
    pub is_batch: bool,
    /// The request in it, to be answered.
    pub(crate) id: Option<Id>,
}

impl Call<'_> {
    /// The answer where the session has gone since it was looked up (R36): the engine says
    /// [`ErrorKind::Gone`](crate::ErrorKind::Gone).
    pub fn session_gone(&self) -> Refusal {
        Refusal::new(NOT_FOUND, SESSION_GONE, self.id.clone())
    }
}

/// The answer to an HTTP request that does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// A JSON-RPC error that says why, with the id of the request if there is one: the body, with
    /// [`JSON_HEADERS`](super::JSON_HEADERS).
    pub body: String,
    /// For 405: the value of the header `Allow`, which HTTP wants then.
    pub allow: Option<&'static str>,
}

impl Refusal {
    fn new(status: u16, text: &str, id: Option<Id>) -> Self {
        Self::of(status, &Fault { id, ..Fault::new(code::INVALID_REQUEST, text) })
    }

    fn of(status: u16, fault: &Fault) -> Self {
        // Over HTTP an error without an id may go without one in every revision.
        Self { status, body: encode::error(fault, false), allow: None }
    }
}

/// What an endpoint can allow: without and with GET, and the same with DELETE.
pub(crate) const ALLOWED: [&str; 4] = ["POST", "GET, POST", "POST, DELETE", "GET, POST, DELETE"];

const SESSION_GONE: &str = "MCP-Session-Id: there is no such session; initialize again";

impl Endpoint {
    /// Looks at an HTTP request: its method, its headers, and its body (empty for anything but
    /// POST), and says what it is, or how to refuse it. Nothing has been started then, and no
    /// state touched.
    ///
    /// `lookup` is asked for the session of an id, at most once: `None` if there is none (any
    /// more), else its revision, which is `None` too while it is not settled. With the host's own
    /// table from ids to sessions it is
    /// `|id| engine.revision(*table.get(id)?).ok()`.
    /// Whether the session is this client's, `lookup` has to know.
    ///
    /// The body is read once here and once by the engine; the host bounds its size before, by
    /// `message.max_bytes` (413).
    pub fn check<'a>(
        &self,
        http_method: &str,
        headers: &Headers<'a>,
        body: &'a [u8],
        lookup: impl FnOnce(&str) -> Option<Option<Revision>>,
    ) -> Result<Call<'a>, Refusal> {
        self.check_origin(headers)?;
        match http_method {
            "POST" => self.check_post(headers, body, lookup),
            "GET" if self.has_get() => {
                let call = self.in_session(CallKind::Get, headers, None, lookup)?;
                if !headers.accepts("text", "event-stream") {
                    let text = "Accept must list text/event-stream";
                    return Err(Refusal::new(NOT_ACCEPTABLE, text, None));
                }
                Ok(Call { last_event_id: last_event_id(headers)?, ..call })
            }
            "DELETE" if self.has_delete() => {
                self.in_session(CallKind::Delete, headers, None, lookup)
            }
            _ => Err(self.method_not_allowed()),
        }
    }

    /// The part of [`check`](Self::check) that needs no body: whether the request may come from
    /// where it comes from, by the name that it uses (R39). For a host that wants to know before
    /// it reads one.
    pub fn check_origin(&self, headers: &Headers<'_>) -> Result<(), Refusal> {
        if !headers.all(Field::Origin).all(|origin| self.origins.admits(origin)) {
            return Err(Refusal::new(FORBIDDEN, "Origin is not one that may call", None));
        }
        let mut hosts = headers.all(Field::Host).peekable();
        let is_absent = hosts.peek().is_none();
        if is_absent && !self.hosts.admits_absence() || !hosts.all(|host| self.hosts.admits(host)) {
            return Err(Refusal::new(FORBIDDEN, "Host is not a name of this server", None));
        }
        Ok(())
    }

    /// R54, R83.
    fn method_not_allowed(&self) -> Refusal {
        let allow = ALLOWED[usize::from(self.has_get()) + 2 * usize::from(self.has_delete())];
        let text = format!("the methods of this endpoint are {allow}");
        Refusal { allow: Some(allow), ..Refusal::new(METHOD_NOT_ALLOWED, &text, None) }
    }

    fn check_post<'a>(
        &self,
        headers: &Headers<'a>,
        body: &'a [u8],
        lookup: impl FnOnce(&str) -> Option<Option<Revision>>,
    ) -> Result<Call<'a>, Refusal> {
        let body = Body::read(body);
        if self.is_modern(headers, &body) {
            return check_modern(headers, body);
        }
        if let Body::Message(Message::Request { id, method: name, .. }) = &body
            && name == method::INITIALIZE
        {
            // What it may have of an older session's headers means nothing for the new one.
            check_accept(headers, Some(id))?;
            return Ok(Call { id: body.id(), ..call(CallKind::Initialize, Era::Legacy, None) });
        }
        if let Body::Fault(fault) = &body
            && headers.one(Field::SessionId) == One::Absent
        {
            return Err(Refusal::of(BAD_REQUEST, fault));
        }
        let in_session = self.in_session(CallKind::Request, headers, body.id(), lookup)?;
        let is_answered = match &body {
            Body::Fault(fault) => return Err(Refusal::of(BAD_REQUEST, fault)),
            Body::Message(message) => matches!(message, Message::Request { .. }),
            Body::Batch(text) => {
                // R5: while the revision is not settled, the engine decides.
                if in_session.revision.is_some_and(|revision| !revision.has_batches()) {
                    return Err(no_batch());
                }
                has_request(text).map_err(|fault| Refusal::of(BAD_REQUEST, &fault))?
            }
        };
        if is_answered {
            check_accept(headers, body.id().as_ref())?;
        }
        let kind = if is_answered { CallKind::Request } else { CallKind::OneWay };
        Ok(Call { kind, is_batch: matches!(body, Body::Batch(_)), ..in_session })
    }

    /// How the client opens decides by which rules it is served (3.4 of the digest).
    fn is_modern(&self, headers: &Headers<'_>, body: &Body<'_>) -> bool {
        if !self.modern || !self.legacy {
            return self.modern;
        }
        let params = match body {
            Body::Message(
                Message::Request { params, .. } | Message::Notification { params, .. },
            ) => *params,
            _ => None,
        };
        if RequestMeta::of(params).is_modern() {
            return true;
        }
        let is_initialize = matches!(
            body, Body::Message(Message::Request { method: name, .. }) if name == method::INITIALIZE
        );
        let modern = Revision::MODERN.as_str().as_bytes();
        !is_initialize && headers.all(Field::Version).any(|version| version == modern)
    }

    /// What every request of the legacy era but `initialize` must say: its session (R36, R38) and
    /// a revision that is that session's (R40).
    fn in_session<'a>(
        &self,
        kind: CallKind,
        headers: &Headers<'a>,
        id: Option<Id>,
        lookup: impl FnOnce(&str) -> Option<Option<Revision>>,
    ) -> Result<Call<'a>, Refusal> {
        let bad = |text: &str| Err(Refusal::new(BAD_REQUEST, text, id.clone()));
        let (session_id, negotiated) = if self.sessions {
            let session_id = match headers.one(Field::SessionId) {
                One::Absent => return bad("MCP-Session-Id is missing"),
                One::Repeated => return bad("MCP-Session-Id is there more than once"),
                One::Once(session_id) => session_id,
            };
            let Some(session_id) =
                std::str::from_utf8(session_id).ok().filter(|it| is_session_id(it.as_bytes()))
            else {
                return bad("MCP-Session-Id must be visible ASCII");
            };
            let Some(negotiated) = lookup(session_id) else {
                return Err(Refusal::new(NOT_FOUND, SESSION_GONE, id));
            };
            (Some(session_id), negotiated)
        } else {
            (None, None)
        };
        let revision = match headers.one(Field::Version) {
            // The header is younger than 2025-03-26, which is what its absence stands for where
            // no session knows better.
            One::Absent if self.sessions => negotiated,
            One::Absent => Some(Revision::V2025_03_26),
            One::Repeated => return bad("MCP-Protocol-Version is there more than once"),
            One::Once(version) => {
                let revision = std::str::from_utf8(version).ok().and_then(Revision::parse);
                let Some(revision) = revision.filter(|revision| revision.is_legacy()) else {
                    return bad("MCP-Protocol-Version is not a revision that is served here");
                };
                if let Some(negotiated) = negotiated.filter(|negotiated| *negotiated != revision) {
                    return bad(&format!(
                        "MCP-Protocol-Version is {revision}, and the session has {negotiated}"
                    ));
                }
                Some(revision)
            }
        };
        Ok(Call { revision, session_id, id, ..call(kind, Era::Legacy, None) })
    }
}

/// R52, R53. A notification needs none of the headers (G33).
fn check_modern<'a>(headers: &Headers<'a>, body: Body<'a>) -> Result<Call<'a>, Refusal> {
    let (id, name, params) = match body {
        Body::Fault(fault) => return Err(Refusal::of(BAD_REQUEST, &fault)),
        Body::Batch(_) => return Err(no_batch()),
        Body::Message(Message::Response { .. }) => {
            let text = "a client of 2026-07-28 sends no responses";
            return Err(Refusal::new(BAD_REQUEST, text, None));
        }
        Body::Message(Message::Notification { .. }) => {
            return Ok(call(CallKind::OneWay, Era::Modern, Some(Revision::MODERN)));
        }
        Body::Message(Message::Request { id, method, params }) => (id, method, params),
    };
    let refused = |fault: Fault| Refusal::of(BAD_REQUEST, &fault);
    let request_meta = RequestMeta::of(params);
    if name == method::INITIALIZE && !request_meta.is_modern() {
        // An older client, which is to learn what is served here.
        let requested = message::requested_version(params).unwrap_or_default();
        return Err(refused(meta::unsupported_version(&id, &requested, &[Revision::MODERN])));
    }
    check_accept(headers, Some(&id))?;
    let version = request_meta.check_required(&id).map_err(refused)?;
    mirror::check(headers, &id, &version, &name, params).map_err(refused)?;
    let modern = call(CallKind::Request, Era::Modern, Some(Revision::MODERN));
    Ok(Call { id: Some(id), ..modern })
}

/// An answer may be one JSON text or a stream, and a client must take both (R83, G25).
fn check_accept(headers: &Headers<'_>, id: Option<&Id>) -> Result<(), Refusal> {
    if headers.accepts("application", "json") && headers.accepts("text", "event-stream") {
        return Ok(());
    }
    let text = "Accept must list application/json and text/event-stream";
    Err(Refusal::new(NOT_ACCEPTABLE, text, id.cloned()))
}

fn last_event_id<'a>(headers: &Headers<'a>) -> Result<Option<&'a str>, Refusal> {
    let bad = |text: &str| Err(Refusal::new(BAD_REQUEST, text, None));
    match headers.one(Field::LastEventId) {
        One::Absent => Ok(None),
        One::Repeated => bad("Last-Event-ID is there more than once"),
        One::Once(id) => match std::str::from_utf8(id) {
            // What a client says that has seen no id.
            Ok("") => Ok(None),
            Ok(id) => Ok(Some(id)),
            Err(_) => bad("Last-Event-ID is not UTF-8"),
        },
    }
}

fn no_batch() -> Refusal {
    Refusal::new(BAD_REQUEST, "batches are not of this revision", None)
}

fn call<'a>(kind: CallKind, era: Era, revision: Option<Revision>) -> Call<'a> {
    Call { kind, era, revision, session_id: None, last_event_id: None, is_batch: false, id: None }
}

/// The body of a POST, as far as it reads without knowing the revision.
enum Body<'a> {
    Message(Message<'a>),
    Batch(&'a str),
    Fault(Fault),
}

impl<'a> Body<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_ascii_start().starts_with('[') => Self::Batch(text),
            Ok(text) => match Message::parse(text) {
                Ok(message) => Self::Message(message),
                Err(fault) => Self::Fault(fault),
            },
            Err(e) => {
                let text = format!("not UTF-8 at byte {}", e.valid_up_to());
                Self::Fault(Fault::new(code::PARSE_ERROR, text))
            }
        }
    }

    fn id(&self) -> Option<Id> {
        match self {
            Self::Message(Message::Request { id, .. }) => Some(id.clone()),
            Self::Fault(fault) => fault.id.clone(),
            _ => None,
        }
    }
}

/// Whether something in a batch is to be answered. One with nothing in it that reads is refused
/// whole.
fn has_request(text: &str) -> Result<bool, Fault> {
    let (mut is_answered, mut reads, mut first) = (false, false, None);
    for element in message::batch(text)? {
        match Message::parse(element) {
            Ok(message) => {
                reads = true;
                is_answered |= matches!(message, Message::Request { .. });
            }
            Err(fault) => {
                is_answered |= fault.id.is_some();
                first = first.or(Some(fault));
            }
        }
    }
    match first {
        Some(fault) if !reads && !is_answered => Err(fault),
        _ => Ok(is_answered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Hosts, Origins};

    const BOTH: (&str, &str) = ("Accept", "application/json, text/event-stream");
    const SESSION: (&str, &str) = ("Mcp-Session-Id", "s");
    const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;

    fn headers<'a>(pairs: &[(&'a str, &'a str)]) -> Headers<'a> {
        pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
    }

    /// The status of a refusal, or what it is.
    fn checked(
        endpoint: &Endpoint,
        http_method: &str,
        pairs: &[(&str, &str)],
        body: &str,
    ) -> Result<CallKind, u16> {
        let known = |id: &str| (id == "s").then_some(Some(Revision::V2025_03_26));
        let call = endpoint.check(http_method, &headers(pairs), body.as_bytes(), known);
        call.map(|call| call.kind).map_err(|refusal| refusal.status)
    }

    #[test]
    fn allow_names_what_there_is() {
        let no_get = || Endpoint::new().without_get();
        for (endpoint, allow) in [
            (Endpoint::new(), "GET, POST, DELETE"),
            (no_get(), "POST, DELETE"),
            (Endpoint::new().without_delete(), "GET, POST"),
            (no_get().without_delete(), "POST"),
            (Endpoint::new().without_sessions(), "POST"),
            (Endpoint::new().only(Era::Modern), "POST"),
        ] {
            for http_method in ["GET", "POST", "DELETE"] {
                let is_allowed = allow.split(", ").any(|one| one == http_method);
                let checked = checked(&endpoint, http_method, &[BOTH, SESSION], NOTE);
                assert_eq!(checked != Err(405), is_allowed, "{http_method} of {allow}");
            }
            for other in ["HEAD", "OPTIONS", "PUT", "post", ""] {
                let refusal = endpoint.check(other, &headers(&[]), b"", |_| None).unwrap_err();
                assert_eq!((refusal.status, refusal.allow), (405, Some(allow)));
                assert!(refusal.body.contains(allow), "{}", refusal.body);
            }
        }
    }

    #[test]
    fn where_it_comes_from_is_looked_at_before_anything_else() {
        let endpoint = Endpoint::new().hosts(Hosts::loopback()).origins(Origins::none());
        let localhost = ("Host", "localhost:3000");
        for http_method in ["GET", "POST", "DELETE", "HEAD"] {
            for pairs in [
                vec![BOTH, SESSION],
                vec![BOTH, SESSION, ("host", "evil.example")],
                vec![BOTH, SESSION, localhost, ("Origin", "http://localhost")],
                vec![BOTH, SESSION, localhost, ("host", "evil.example")],
                vec![BOTH, SESSION, (":authority", "evil.example")],
            ] {
                assert_eq!(checked(&endpoint, http_method, &pairs, PING), Err(403), "{pairs:?}");
            }
        }
        let known = checked(&endpoint, "POST", &[BOTH, SESSION, localhost], PING);
        assert_eq!(known, Ok(CallKind::Request));
        let known = checked(&endpoint, "POST", &[BOTH, SESSION, (":authority", "[::1]")], PING);
        assert_eq!(known, Ok(CallKind::Request));
    }

    #[test]
    fn a_batch_is_what_is_in_it() {
        let endpoint = Endpoint::new();
        let wrong = r#"{"jsonrpc":"2.0","method":7}"#;
        let wrong_request = r#"{"jsonrpc":"2.0","id":2,"method":7}"#;
        for (elements, expected) in [
            (vec![NOTE, PING], Ok(CallKind::Request)),
            (vec![NOTE, NOTE], Ok(CallKind::OneWay)),
            (vec![wrong, NOTE], Ok(CallKind::OneWay)),
            (vec![wrong_request], Ok(CallKind::Request)),
            (vec![wrong], Err(400)),
            (vec![], Err(400)),
        ] {
            let body = format!("[{}]", elements.join(","));
            assert_eq!(checked(&endpoint, "POST", &[BOTH, SESSION], &body), expected, "{body}");
        }
        assert_eq!(checked(&endpoint, "POST", &[BOTH, SESSION], "[{}"), Err(400));
    }

    #[test]
    fn one_way_needs_no_accept_and_a_request_does() {
        let endpoint = Endpoint::new();
        assert_eq!(checked(&endpoint, "POST", &[SESSION], NOTE), Ok(CallKind::OneWay));
        for accept in ["application/json", "text/event-stream", "text/html", ""] {
            let pairs = [SESSION, ("Accept", accept)];
            assert_eq!(checked(&endpoint, "POST", &pairs, PING), Err(406), "{accept}");
        }
        assert_eq!(
            checked(&endpoint, "POST", &[SESSION, ("Accept", "*/*")], PING),
            Ok(CallKind::Request)
        );
    }
}
