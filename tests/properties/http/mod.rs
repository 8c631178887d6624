//! What holds of `http::Endpoint` whatever a client sends, as one function of a test input. A test
//! runs it with inputs from a fixed seed, and a fuzz target with what a fuzzer thinks of.
//!
//! An input looks like an HTTP request. Behind the method, in its first line, stand the choices of
//! the host; see `Case`.

mod oracle;

use std::cell::Cell;

use fanfare::Revision;
use fanfare::http::{
    Answer, Call, CallKind, Endpoint, Era, Headers, Hosts, Origins, Refusal, is_session_id,
};
use serde_json::Value;

/// The one session that there is.
const SESSION: &str = "s1";

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted(CallKind, Era, Option<Revision>),
    Refused(u16),
}

/// A request, and the host that it comes to.
#[derive(Debug, Default)]
struct Case<'a> {
    method: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    body: &'a [u8],
    only: Option<Era>,
    without_sessions: bool,
    without_get: bool,
    without_delete: bool,
    local_hosts: bool,
    no_origins: bool,
    null_origin: bool,
    /// Of the session, if it is settled; only the older ones have sessions.
    revision: Option<Revision>,
}

impl<'a> Case<'a> {
    fn read(input: &'a [u8]) -> Self {
        let (first, mut rest) = line(input);
        let mut words = std::str::from_utf8(first).unwrap_or_default().split(' ');
        let mut case = Self { method: words.next().unwrap_or_default(), ..Self::default() };
        for word in words {
            match word {
                "legacy" => case.only = Some(Era::Legacy),
                "modern" => case.only = Some(Era::Modern),
                "no-sessions" => case.without_sessions = true,
                "no-get" => case.without_get = true,
                "no-delete" => case.without_delete = true,
                "local-hosts" => case.local_hosts = true,
                "no-origins" => case.no_origins = true,
                "null-origin" => case.null_origin = true,
                other => {
                    let revision = Revision::parse(other).filter(|revision| revision.is_legacy());
                    case.revision = revision.or(case.revision);
                }
            }
        }
        while let (header, after) = line(rest)
            && !header.is_empty()
        {
            // The first byte is part of a name in any case: `:authority` is one.
            let colon = header.iter().skip(1).position(|byte| *byte == b':').map(|at| at + 1);
            if let Some(colon) = colon
                && let Ok(name) = std::str::from_utf8(&header[..colon])
            {
                case.headers.push((name, &header[colon + 1..]));
            }
            rest = after;
        }
        case.body = rest.strip_prefix(b"\n").unwrap_or(rest);
        case
    }

    fn endpoint(&self) -> Endpoint {
        let mut origins = if self.no_origins { Origins::none() } else { Origins::loopback() };
        if self.null_origin {
            origins = origins.allow("null").unwrap();
        }
        let hosts = if self.local_hosts { Hosts::loopback() } else { Hosts::any() };
        let mut endpoint = Endpoint::new().origins(origins).hosts(hosts);
        if let Some(era) = self.only {
            endpoint = endpoint.only(era);
        }
        for (is_chosen, choose) in [
            (self.without_sessions, Endpoint::without_sessions as fn(Endpoint) -> Endpoint),
            (self.without_get, Endpoint::without_get),
            (self.without_delete, Endpoint::without_delete),
        ] {
            if is_chosen {
                endpoint = choose(endpoint);
            }
        }
        endpoint
    }

    /// The methods that the host serves.
    fn allow(&self) -> String {
        let has_sessions = self.only != Some(Era::Modern) && !self.without_sessions;
        let get = if has_sessions && !self.without_get { "GET, " } else { "" };
        let delete = if has_sessions && !self.without_delete { ", DELETE" } else { "" };
        format!("{get}POST{delete}")
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body).ok()
    }
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

/// Checks everything.
pub(crate) fn check(input: &[u8]) -> Outcome {
    let case = Case::read(input);
    let endpoint = case.endpoint();
    let headers: Headers<'_> = case.headers.iter().copied().collect();
    let asked = Cell::new(0);
    let looked_up = |id: &str| {
        asked.set(asked.get() + 1);
        assert!(is_session_id(id.as_bytes()), "{id:?} is looked up");
        (id == SESSION).then_some(case.revision)
    };
    let checked = endpoint.check(case.method, &headers, case.body, looked_up);
    assert!(asked.get() <= 1, "the session is looked up {} times", asked.get());
    let outcome = match &checked {
        Ok(call) => Outcome::Accepted(call.kind, call.era, call.revision),
        Err(refusal) => Outcome::Refused(refusal.status),
    };
    if let Some(expected) = oracle::expected(&case) {
        assert_eq!(outcome, expected, "{checked:?}");
    }
    let is_forbidden = outcome == Outcome::Refused(403);
    assert_eq!(endpoint.check_origin(&headers).is_err(), is_forbidden);
    match &checked {
        Ok(call) => {
            match call.era {
                Era::Modern => check_modern(&case, call, asked.get()),
                Era::Legacy => check_legacy(&case, call, asked.get()),
            }
            check_refusal(&case, &call.session_gone());
            check_answers(&case, &endpoint, call);
        }
        Err(refusal) => check_refusal(&case, refusal),
    }
    outcome
}

/// A refusal has a status that the protocol names, and says why in JSON-RPC.
fn check_refusal(case: &Case<'_>, refusal: &Refusal) {
    let Refusal { status, body, allow } = refusal;
    let error: Value = serde_json::from_str(body).expect("an error is JSON");
    assert!(!body.contains(['\n', '\r']), "{body}");
    assert_eq!(error["jsonrpc"], "2.0");
    let code = error["error"]["code"].as_i64().expect("an error has a code");
    assert!(error["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    let known = ["jsonrpc", "id", "error"];
    assert!(error.as_object().unwrap().keys().all(|key| known.contains(&&**key)), "{body}");
    match status {
        400 => assert!([-32700, -32600, -32602, -32020, -32022].contains(&code), "{body}"),
        403..=406 => assert_eq!(code, -32600, "{body}"),
        _ => panic!("{refusal:?}"),
    }
    assert_eq!(*allow, (*status == 405).then_some(&*case.allow()));
    if matches!(status, 403 | 405) {
        assert_eq!(error.get("id"), None, "nothing was read yet");
    }
    if let Some(id) = error.get("id") {
        assert!(id.is_string() || id.is_number(), "{body}");
        // What has no room in a `Value` may still read.
        if let Some(request) = case.json().filter(|_| !id.is_f64()) {
            assert_eq!(*id, request["id"], "{body}");
        }
    }
}

/// What is served by the rules of 2026-07-28 has no session, and says so itself if it is a request.
fn check_modern(case: &Case<'_>, call: &Call<'_>, asked: u32) {
    assert_ne!(case.only, Some(Era::Legacy));
    assert_eq!(case.method, "POST");
    assert_eq!((asked, call.session_id, call.last_event_id), (0, None, None));
    assert_eq!((call.revision, call.is_batch), (Some(Revision::MODERN), false));
    assert!(matches!(call.kind, CallKind::Request | CallKind::OneWay), "{call:?}");
    // What has no room in a `Value` may still read.
    let Some(body) = case.json().filter(|_| call.kind == CallKind::Request) else { return };
    let meta = &body["params"]["_meta"];
    let version = meta["io.modelcontextprotocol/protocolVersion"].as_str();
    let version = version.expect("a modern request has a version");
    assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object(), "{body}");
    let method = body["method"].as_str().expect("a request has a method");
    for (name, value) in [("MCP-Protocol-Version", version), ("Mcp-Method", method)] {
        let of_name: Vec<_> =
            case.headers.iter().filter(|header| header.0.eq_ignore_ascii_case(name)).collect();
        let [(_, header)] = of_name[..] else { panic!("{name}: {of_name:?}") };
        let header = String::from_utf8_lossy(header);
        assert_eq!(header.trim_matches([' ', '\t']), value, "{name}");
    }
}

/// What is served by the older rules is in the session that was looked up, but for what begins one.
fn check_legacy(case: &Case<'_>, call: &Call<'_>, asked: u32) {
    assert_ne!(case.only, Some(Era::Modern));
    assert_ne!(call.revision, Some(Revision::MODERN));
    let is_in_session = call.kind != CallKind::Initialize && !case.without_sessions;
    assert_eq!((asked == 1, call.session_id.is_some()), (is_in_session, is_in_session));
    assert!(call.session_id.is_none_or(|id| id == SESSION), "{call:?}");
    let expected = match call.kind {
        CallKind::Get => "GET",
        CallKind::Delete => "DELETE",
        CallKind::Initialize | CallKind::Request | CallKind::OneWay => "POST",
    };
    assert_eq!(case.method, expected);
    assert!(call.last_event_id.is_none_or(|id| call.kind == CallKind::Get && !id.is_empty()));
    if let (Some(revision), Some(of_session), true) = (call.revision, case.revision, is_in_session)
    {
        assert_eq!(revision, of_session);
    }
    if call.is_batch {
        assert!(call.revision.is_none_or(|revision| revision == Revision::V2025_03_26));
    }
}

/// How it is answered, by each sort of first frame, what the client sent among them.
fn check_answers(case: &Case<'_>, endpoint: &Endpoint, call: &Call<'_>) {
    let legacy_or = |modern: u16| if call.era == Era::Legacy { 200 } else { modern };
    let error = |code: i64| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"m"}}}}"#)
    };
    for (code, status) in [
        (-32700, 400),
        (-32600, 400),
        (-32601, legacy_or(404)),
        (-32602, legacy_or(400)),
        (-32603, 200),
        (-32020, legacy_or(400)),
        (-32021, legacy_or(400)),
        (-32022, legacy_or(400)),
        (-32002, 200),
        (-32001, 200),
        (7, 200),
    ] {
        let message = error(code);
        check_answer(endpoint, call, message.as_bytes(), Some((message.as_bytes(), status, true)));
        let event = format!("id: 1-2\nevent: message\ndata: {message}\n\n");
        let first = Some((message.as_bytes(), status, true));
        check_answer(endpoint, call, event.as_bytes(), first);
    }
    let result = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    check_answer(endpoint, call, result, Some((result, 200, false)));
    for other in [&b""[..], b": alive\n\n", b"retry: 9\n\n", br#"{"jsonrpc":"2.0","method":"x"}"#] {
        check_answer(endpoint, call, other, None);
    }
    // It says anything, but none of it may matter beyond what an answer can be.
    if let Some(Answer::Json { status, body }) = endpoint.answer(call, Some(case.body)) {
        assert!([200, 400, 404].contains(&status), "{status}");
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok(), "{body:?}");
    }
    let waits = matches!(call.kind, CallKind::Initialize | CallKind::Request);
    assert_eq!(endpoint.answer(call, None).is_none(), waits);
}

/// `response` is the one in the frame, with its status, and whether it is an error.
fn check_answer(
    endpoint: &Endpoint,
    call: &Call<'_>,
    frame: &[u8],
    response: Option<(&[u8], u16, bool)>,
) {
    let expected = match (call.kind, response) {
        (CallKind::Get, _) => Answer::Stream,
        (CallKind::Delete, _) => Answer::Empty { status: 204 },
        (CallKind::OneWay, Some((body, status, true))) if status != 200 => {
            Answer::Json { status, body }
        }
        (CallKind::OneWay, _) => Answer::Empty { status: 202 },
        (_, Some((body, status, _))) if !call.is_batch => Answer::Json { status, body },
        _ => Answer::Stream,
    };
    assert_eq!(endpoint.answer(call, Some(frame)), Some(expected), "{call:?}");
}
