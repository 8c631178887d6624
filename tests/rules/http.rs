//! A host that speaks Streamable HTTP, over what the library lends it (R36 to R40, R52 to R54, R58,
//! R59, R82, R83; G24, G25, G33). What it sends is all that is looked at.

use std::collections::BTreeSet;

use fanfare::http::{
    Answer, CallKind, EVENT_STREAM_HEADERS, Endpoint, Era, Hosts, Origins, Statuses, decode_value,
    is_session_id, new_session_id,
};
use fanfare::{Disposition, Profile, Raise, Revision};
use serde_json::Value;

use crate::common::*;
use crate::http_host::*;

fn ping() -> String {
    request("1", "ping", "")
}

/// A `tools/call` of 2026-07-28.
fn modern_call(id: &str, name: &str) -> String {
    request(id, "tools/call", &modern_params("", &format!(r#","name":{name}"#)))
}

#[test]
fn r36_a_terminated_session_is_404_for_everything() {
    for revision in legacy_revisions().filter(|revision| *revision != Revision::V2024_11_05) {
        let mut host = Host::new(Endpoint::new());
        let id = host.session(revision);
        let other = host.session(revision);
        let of = |id| [BOTH, ("MCP-Session-Id", id)];
        assert_eq!(host.serve("POST", &of(&id), &ping()).status, 200);
        assert_eq!(host.serve("DELETE", &of(&id)[1..], "").status, 204);
        let gone = [
            ("GET", String::new()),
            ("DELETE", String::new()),
            ("POST", ping()),
            ("POST", notification("notifications/x", "")),
            ("POST", format!("[{}]", ping())),
            ("POST", "{".to_owned()),
        ];
        for pairs in [&of(&id)[..], &of(&id)[1..], &of("never-one")] {
            for (http_method, body) in &gone {
                let reply = host.serve(http_method, pairs, body);
                assert_eq!(reply.status, 404, "{revision}: {http_method} {body}");
            }
        }
        // The request is told by its id; and the other session is what it was.
        let id_of = host.serve("POST", &of(&id), &ping()).error().2;
        assert_eq!(id_of, Some(Value::from(1)));
        assert_eq!(host.serve("POST", &of(&other), &ping()).status, 200);
    }
}

/// It may end between the check and the engine.
#[test]
fn r36_a_session_that_ends_meanwhile_is_404_too() {
    let mut host = Host::new(Endpoint::new());
    let id = host.session(Revision::V2025_11_25);
    let pairs = [BOTH, ("MCP-Session-Id", &id)];
    let (headers, body) = (headers(&pairs), ping());
    let call = host.endpoint.check("POST", &headers, body.as_bytes(), |_| Some(None)).unwrap();
    host.engine.close(host.sessions[&id]).unwrap();
    let error = host.engine.receive(host.sessions[&id], None, body.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), fanfare::ErrorKind::Gone);
    let reply = Reply::refused(call.session_gone());
    assert_eq!(reply.error(), (404, -32600, Some(Value::from(1))));
}

#[test]
fn r37_session_ids_are_visible_and_unlike_one_another() {
    let mut seen = BTreeSet::new();
    let mut bits = [[0_u32; 2]; 6];
    for _ in 0..100_000 {
        let id = new_session_id().unwrap();
        assert!(is_session_id(id.as_bytes()) && id.bytes().all(|b| (0x21..=0x7E).contains(&b)));
        // 6 bits in each of its characters: 192 in all.
        assert_eq!(id.len(), 32);
        for byte in id.bytes() {
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                .iter()
                .position(|one| *one == byte)
                .unwrap();
            bits.iter_mut().enumerate().for_each(|(n, counts)| counts[value >> n & 1] += 1);
        }
        assert!(seen.insert(id));
    }
    // No bit of a character is fixed or leans: 3.2 million of each, give or take 0.2 per cent.
    for [zeros, ones] in bits {
        assert!(zeros.abs_diff(ones) < 12_800, "{zeros} {ones}");
    }
    for wrong in ["", " ", "a b", "a\tb", "é", "a\u{7f}", "a\0"] {
        assert!(!is_session_id(wrong.as_bytes()), "{wrong:?}");
        let mut host = Host::new(Endpoint::new());
        let pairs = [BOTH, ("MCP-Session-Id", wrong)];
        assert_eq!(host.serve("POST", &pairs, &ping()).status, 400, "{wrong:?}");
    }
}

#[test]
fn r38_a_request_without_its_session_is_400() {
    let mut host = Host::new(Endpoint::new());
    let body = notification("notifications/x", "");
    for version in [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")] {
        let mut pairs = vec![BOTH];
        pairs.extend(version.map(|version| ("mcp-protocol-version", version)));
        assert_eq!(host.serve("POST", &pairs, &ping()).error(), (400, -32600, Some(1.into())));
        assert_eq!(host.serve("POST", &pairs, &body).error(), (400, -32600, None));
        assert_eq!(host.serve("GET", &pairs, "").status, 400);
        assert_eq!(host.serve("DELETE", &pairs, "").status, 400);
    }
    assert!(host.is_untouched());
    // Two of them are as good as none.
    let [one, two] = [0, 1].map(|_| host.session(Revision::V2025_06_18));
    let pairs = [BOTH, ("MCP-Session-Id", &one), ("mcp-session-id", &two)];
    assert_eq!(host.serve("POST", &pairs, &ping()).status, 400);
    // A host that gives out none asks for none.
    let mut host = Host::new(Endpoint::new().without_sessions());
    assert_eq!(host.serve("POST", &[BOTH], &ping()).status, 200);
}

#[test]
fn r39_a_foreign_origin_is_403_and_begins_nothing() {
    let origins = Origins::loopback().allow("https://app.example").unwrap();
    let mut host = Host::new(Endpoint::new().origins(origins.clone()));
    let listen = listen("1", TOOLS);
    for origin in ["https://evil.example", "null", "", "http://localhost.evil.example", "x"] {
        for (http_method, body) in
            [("POST", &*listen), ("POST", &*ping()), ("GET", ""), ("PUT", "")]
        {
            let pairs = [BOTH, VERSION, LISTEN, ("Origin", origin)];
            let reply = host.serve(http_method, &pairs, body);
            // What it may not do, it is not told by the id of a request either.
            assert_eq!(reply.error(), (403, -32600, None), "{http_method} {origin}");
        }
    }
    let twice = [BOTH, ("Origin", "http://localhost"), ("origin", "https://evil.example")];
    assert_eq!(host.serve("POST", &twice, &ping()).status, 403);
    assert!(host.is_untouched());
    for origin in ["https://app.example", "HTTPS://App.Example:443", "http://localhost:6274"] {
        let pairs = [BOTH, VERSION, LISTEN, ("Origin", origin)];
        assert_eq!(host.serve("POST", &pairs, &listen).status, 200, "{origin}");
    }
    assert_eq!(host.serve("POST", &[BOTH, VERSION, LISTEN], &listen).status, 200, "no page");
    // The same of names that were made to point here.
    let mut host = Host::new(Endpoint::new().origins(origins).hosts(Hosts::loopback()));
    let of = |name| [BOTH, VERSION, LISTEN, ("Host", name)];
    assert_eq!(host.serve("POST", &of("evil.example:8080"), &listen).status, 403);
    assert_eq!(host.serve("GET", &of("evil.example:8080"), "").status, 403);
    assert!(host.is_untouched());
    assert_eq!(host.serve("POST", &of("localhost:8080"), &listen).status, 200);
}

#[test]
fn r40_the_version_header_is_that_of_the_session_or_400() {
    for revision in [Revision::V2025_06_18, Revision::V2025_11_25, Revision::V2025_03_26] {
        let mut host = Host::new(Endpoint::new());
        let id = host.session(revision);
        let received = host.engine.stats().received;
        let of = |version| [BOTH, ("MCP-Session-Id", &*id), ("mcp-protocol-version", version)];
        for wrong in Revision::ALL
            .map(Revision::as_str)
            .into_iter()
            .filter(|other| *other != revision.as_str())
            .chain(["", "1900-01-01", "latest", "2025-11-25, 2025-11-25", "\u{e9}"])
        {
            for (http_method, body) in [("POST", &*ping()), ("GET", ""), ("DELETE", "")] {
                let status = host.serve(http_method, &of(wrong), body).status;
                assert_eq!(status, 400, "{revision}: {http_method} {wrong:?}");
            }
        }
        let twice = [&of(revision.as_str())[..], &of(revision.as_str())[2..]].concat();
        assert_eq!(host.serve("POST", &twice, &ping()).status, 400);
        assert_eq!(host.engine.stats().received, received, "the engine saw none of it");
        assert_eq!(host.serve("POST", &of(revision.as_str()), &ping()).status, 200);
        assert_eq!(host.serve("POST", &of("")[..2], &ping()).status, 200, "the session knows it");
    }
}

#[test]
fn r40_without_a_header_and_a_session_it_is_2025_03_26() {
    let endpoint = Endpoint::new().without_sessions();
    let revision_of = |pairs: Pairs<'_>| {
        let body = ping();
        let call = endpoint.check("POST", &headers(pairs), body.as_bytes(), |_| None);
        call.map(|call| call.revision.unwrap()).map_err(|refusal| refusal.status)
    };
    assert_eq!(revision_of(&[BOTH]), Ok(Revision::V2025_03_26));
    let newer = [BOTH, ("MCP-Protocol-Version", "2025-11-25")];
    assert_eq!(revision_of(&newer), Ok(Revision::V2025_11_25));
    assert_eq!(revision_of(&[BOTH, ("MCP-Protocol-Version", "1900-01-01")]), Err(400));
    // So a batch is taken there, and only there (R5, R6).
    let mut host = Host::new(endpoint.clone());
    let batch = format!("[{},{}]", ping(), request("2", "ping", ""));
    let reply = host.serve("POST", &[BOTH], &batch);
    assert_eq!((reply.status, reply.is_stream), (200, true));
    assert_eq!(reply.body.matches("\"result\":{}").count(), 2);
    assert_eq!(host.serve("POST", &newer, &batch).error(), (400, -32600, None));
}

#[test]
fn r52_over_http_it_is_400_before_anything() {
    let mut host = Host::new(Endpoint::new());
    let right = listen("1", TOOLS);
    let (version, capabilities) =
        ("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities");
    for wrong in [
        right.replace("_meta", "meta"),
        right.replace(version, "x"),
        right.replace(capabilities, "x"),
        right.replace(r#""2026-07-28""#, "7"),
        right.replace(":{},", ":[],").replace(":{}}", ":[]}"),
    ] {
        assert_ne!(wrong, right);
        let reply = host.serve("POST", &[BOTH, VERSION, LISTEN], &wrong);
        assert_eq!(reply.error(), (400, -32602, Some(1.into())), "{wrong}");
        // Before the headers are compared: what they should repeat is not there.
        let reply = host.serve("POST", &[BOTH, VERSION], &wrong);
        assert_eq!(reply.error().1, -32602, "{wrong}");
    }
    assert!(host.is_untouched());
    let foreign = right.replace("2026-07-28", "2026-07-29");
    let pairs = [BOTH, ("MCP-Protocol-Version", "2026-07-29"), LISTEN];
    let reply = host.serve("POST", &pairs, &foreign);
    assert_eq!((reply.is_stream, reply.error()), (false, (400, -32022, Some(1.into()))));
    assert_eq!(host.engine.stats().subscriptions, 0);
}

#[test]
fn r53_headers_that_disagree_with_the_body_are_400_before_anything() {
    let mut host = Host::new(Endpoint::new());
    let listen = listen("\"l\"", TOOLS);
    let call = modern_call("\"l\"", r#""search""#);
    let name = ("Mcp-Name", "search");
    let read = request("\"l\"", "resources/read", &modern_params("", r#","uri":"a:\u00e9""#));
    let of_read = ("Mcp-Method", "resources/read");
    let old = ("MCP-Protocol-Version", "2025-11-25");
    let wrong: [(Vec<(&str, &str)>, &str); 18] = [
        (vec![LISTEN], &listen),
        (vec![VERSION], &listen),
        (vec![old, LISTEN], &listen),
        (vec![("MCP-Protocol-Version", "2026-07-29"), LISTEN], &listen),
        (vec![VERSION, VERSION, LISTEN], &listen),
        (vec![VERSION, old, LISTEN], &listen),
        (vec![VERSION, LISTEN, LISTEN], &listen),
        (vec![VERSION, CALL], &listen),
        (vec![VERSION, ("Mcp-Method", "Subscriptions/Listen")], &listen),
        (vec![VERSION, ("Mcp-Method", "")], &listen),
        (vec![VERSION, CALL], &call),
        (vec![VERSION, CALL, ("Mcp-Name", "Search")], &call),
        (vec![VERSION, CALL, name, name], &call),
        (vec![VERSION, CALL, ("Mcp-Name", "=?base64?c2VhcmNo")], &call),
        (vec![VERSION, CALL, ("Mcp-Name", "=?base64?c2VhcmN?=")], &call),
        (vec![VERSION, of_read, ("Mcp-Name", "a:\u{e9}")], &read),
        (vec![VERSION, of_read, ("Mcp-Name", "=?base64?YTrDqA==?=")], &read),
        (vec![VERSION, of_read, name], &read),
    ];
    for (pairs, body) in wrong {
        let reply = host.serve("POST", &[&[BOTH], &pairs[..]].concat(), body);
        assert_eq!(reply.error(), (400, -32020, Some("l".into())), "{pairs:?}: {body}");
    }
    assert!(host.is_untouched());
    let right: [(Vec<(&str, &str)>, &str); 6] = [
        (vec![VERSION, LISTEN], &listen),
        (vec![("mcp-PROTOCOL-version", "2026-07-28"), ("MCP-METHOD", LISTEN.1)], &listen),
        (vec![VERSION, LISTEN, ("Mcp-Session-Id", "ignored"), ("Mcp-Name", "ignored")], &listen),
        (vec![VERSION, CALL, name], &call),
        (vec![VERSION, CALL, ("Mcp-Name", "=?base64?c2VhcmNo?=")], &call),
        (vec![VERSION, of_read, ("Mcp-Name", "=?base64?YTrDqQ==?=")], &read),
    ];
    for (pairs, body) in right {
        let reply = host.serve("POST", &[&[BOTH], &pairs[..]].concat(), body);
        assert_eq!((reply.status, reply.session_id), (200, None), "{pairs:?}: {body}");
    }
    // What it mirrors of a tool's arguments, the host has to compare; it is read in the same way.
    assert_eq!(decode_value(b"=?base64?w6k=?=").as_deref(), Some("é"));
}

/// The first question is whose rules a request is under (3.4 of the digest).
#[test]
fn r53_the_era_is_decided_by_how_the_client_opens() {
    let modern = request("1", "server/discover", &modern_params("", ""));
    let discover = ("Mcp-Method", "server/discover");
    let hello = request("1", "initialize", r#"{"protocolVersion":"2025-11-25"}"#);
    let modern_hello = request("1", "initialize", &modern_params("", ""));
    let note = notification("notifications/x", "");
    let session = ("Mcp-Session-Id", "s");
    let old = ("MCP-Protocol-Version", "2025-06-18");
    let decided = |endpoint: &Endpoint, pairs: Pairs<'_>, body: &str| {
        let known = |_: &str| Some(Some(Revision::V2025_06_18));
        let call = endpoint.check("POST", &headers(pairs), body.as_bytes(), known);
        call.map(|call| (call.era, call.kind)).map_err(|refusal| {
            let reply = Reply::refused(refusal);
            (reply.error().0, reply.error().1)
        })
    };
    let (legacy, stands_alone) = (Era::Legacy, Era::Modern);
    let dual = Endpoint::new();
    for (pairs, body, expected) in [
        (vec![BOTH, VERSION, discover], &modern, Ok((stands_alone, CallKind::Request))),
        (vec![BOTH, session, old, discover], &modern, Err((400, -32020))),
        (vec![BOTH], &hello, Ok((legacy, CallKind::Initialize))),
        // Left over from an attempt in the other era, or from an older session.
        (vec![BOTH, VERSION, session], &hello, Ok((legacy, CallKind::Initialize))),
        (
            vec![BOTH, VERSION, ("Mcp-Method", "initialize")],
            &modern_hello,
            Ok((stands_alone, CallKind::Request)),
        ),
        (vec![BOTH, session], &ping(), Ok((legacy, CallKind::Request))),
        (vec![BOTH, session, old], &ping(), Ok((legacy, CallKind::Request))),
        (vec![BOTH, VERSION], &ping(), Err((400, -32602))),
        (vec![BOTH, VERSION, session], &ping(), Err((400, -32602))),
        (vec![session], &note, Ok((legacy, CallKind::OneWay))),
        (vec![VERSION], &note, Ok((stands_alone, CallKind::OneWay))),
    ] {
        assert_eq!(decided(&dual, &pairs, body), expected, "{pairs:?}: {body}");
    }
    // Those who serve one era alone.
    let newer = Endpoint::new().only(Era::Modern);
    assert_eq!(decided(&newer, &[BOTH], &hello), Err((400, -32022)));
    assert_eq!(decided(&newer, &[BOTH, session, old], &ping()), Err((400, -32602)));
    assert_eq!(
        decided(&newer, &[BOTH, VERSION, discover], &modern),
        Ok((stands_alone, CallKind::Request))
    );
    let older = Endpoint::new().only(Era::Legacy);
    assert_eq!(decided(&older, &[BOTH, VERSION, discover], &modern), Err((400, -32600)));
    assert_eq!(decided(&older, &[BOTH], &hello), Ok((legacy, CallKind::Initialize)));
}

#[test]
fn r54_every_answer_has_its_status() {
    let mut host = Host::new(Endpoint::new().only(Era::Modern));
    let method = |name| [BOTH, VERSION, ("Mcp-Method", name)];
    let gone = request("1", "resources/subscribe", &modern_params("", r#","uri":"a:""#));
    let reply = host.serve("POST", &method("resources/subscribe"), &gone);
    assert_eq!(reply.error(), (404, -32601, Some(1.into())));
    let foreign = listen("1", TOOLS).replace("2026-07-28", "1900-01-01");
    let pairs = [BOTH, ("MCP-Protocol-Version", "1900-01-01"), LISTEN];
    let reply = host.serve("POST", &pairs, &foreign);
    assert_eq!(reply.error(), (400, -32022, Some(1.into())));
    assert!(reply.body.contains(r#""supported":["2026-07-28"]"#), "{reply:?}");
    let bare = request("1", "tools/list", r#"{"_meta":{}}"#);
    assert_eq!(host.serve("POST", &method("tools/list"), &bare).error().0, 400);
    assert_eq!(host.serve("POST", &[], &notification("notifications/x", "")).status, 202);
    for http_method in ["GET", "DELETE"] {
        assert_eq!(host.serve(http_method, &[BOTH, VERSION], "").status, 405);
    }
    // What is no request or notification of this revision.
    for (body, code) in [
        ("{", -32700),
        ("\u{e9}", -32700),
        ("7", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, -32600),
        (r#"[{"jsonrpc":"2.0","method":"notifications/x"}]"#, -32600),
    ] {
        assert_eq!(host.serve("POST", &method("x"), body).error(), (400, code, None), "{body}");
    }
    // The codes one by one; -32021 is an answer of the host's.
    for (code, modern) in [
        (-32601, 404),
        (-32020, 400),
        (-32021, 400),
        (-32022, 400),
        (-32700, 400),
        (-32600, 400),
        (-32000, 200),
    ] {
        assert_eq!(host.endpoint.status(Era::Modern, code), modern, "{code}");
    }
}

/// 404 means something else there (R36).
#[test]
fn r54_in_the_older_era_an_error_is_an_ordinary_answer() {
    let mut host = Host::new(Endpoint::new());
    let id = host.session(Revision::V2025_06_18);
    let pairs = [BOTH, ("MCP-Session-Id", &*id)];
    // `resources.subscribe` is not advertised: -32601.
    let reply = host.serve("POST", &pairs, &subscribe("1", "a:"));
    assert_eq!(reply.error(), (200, -32601, Some(1.into())));
    for code in [-32601, -32602, -32603, -32021, -32002] {
        assert_eq!(host.endpoint.status(Era::Legacy, code), 200, "{code}");
    }
    assert_eq!(host.endpoint.status(Era::Legacy, -32700), 400);
}

#[test]
fn r58_no_event_id_is_asked_for_and_none_is_heeded() {
    let mut host = Host::new(Endpoint::new());
    let last = ("Last-Event-ID", "1-7");
    let pairs = [BOTH, VERSION, LISTEN, last];
    let listen = listen("1", TOOLS);
    let reply = host.serve("POST", &pairs, &listen);
    assert_eq!((reply.status, reply.is_stream), (200, true));
    assert!(!reply.body.contains("id: "), "{}", reply.body);
    let headers = headers(&pairs);
    let call = host.endpoint.check("POST", &headers, listen.as_bytes(), |_| None).unwrap();
    assert_eq!((call.last_event_id, call.session_id), (None, None));
    // Where there are event ids, it is heeded.
    let id = host.session(Revision::V2025_11_25);
    let stream = ("Accept", "text/event-stream");
    let reply = host.serve("GET", &[stream, ("MCP-Session-Id", &id)], "");
    assert!(reply.body.starts_with("id: "), "{}", reply.body);
    let first = reply.body.lines().next().unwrap().strip_prefix("id: ").unwrap();
    host.engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    frames_of(&host.engine, reply.stream.unwrap());
    host.engine.close_stream(reply.stream.unwrap()).unwrap();
    let again = [stream, ("MCP-Session-Id", &*id), ("last-event-id", first)];
    let reply = host.serve("GET", &again, "");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body.matches("tools/list_changed").count(), 1, "{}", reply.body);
}

#[test]
fn r59_nobody_between_is_to_hold_a_stream_back() {
    let mut host = Host::new(Endpoint::new());
    let reply = host.serve("POST", &[BOTH, VERSION, LISTEN], &listen("1", TOOLS));
    assert!(reply.is_stream);
    assert_eq!(Answer::Stream.headers(), EVENT_STREAM_HEADERS);
    let value = |name: &str| {
        let found = EVENT_STREAM_HEADERS.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    };
    assert_eq!(value("x-accel-buffering"), Some("no"));
    assert_eq!(value("content-type"), Some("text/event-stream"));
    assert_eq!(value("cache-control"), Some("no-cache, no-transform"));
}

#[test]
fn r82_what_needs_no_answer_is_202_and_empty() {
    let note = notification("notifications/roots/list_changed", "");
    let response = r#"{"jsonrpc":"2.0","id":"s","result":{}}"#.to_owned();
    for revision in legacy_revisions().filter(|revision| *revision != Revision::V2024_11_05) {
        let mut host = Host::new(Endpoint::new());
        let id = host.session(revision);
        let pairs = [BOTH, ("MCP-Session-Id", &*id)];
        let get = host.serve("GET", &pairs, "").stream.unwrap();
        let streams = host.engine.stats().streams;
        let mut bodies = vec![note.clone(), response.clone(), cancelled("7")];
        if revision.has_batches() {
            bodies.extend([format!("[{note},{note}]"), format!("[{response},{response}]")]);
        }
        for body in bodies {
            let reply = host.serve("POST", &pairs, &body);
            assert_eq!((reply.status, &*reply.body), (202, ""), "{revision}: {body}");
        }
        assert_eq!(host.engine.stats().streams, streams, "nothing is left of them");
        // What cannot be accepted is an error, without an id.
        let malformed = host.serve("POST", &pairs, r#"{"jsonrpc":"2.0","method":7}"#);
        assert_eq!(malformed.error(), (400, -32600, None));
        let batch = host.serve("POST", &pairs, &format!("[{note}]"));
        assert_eq!(batch.status, if revision.has_batches() { 202 } else { 400 }, "{revision}");
        assert_eq!(frames_of(&host.engine, get), [""; 0], "nor is anything said elsewhere");
    }
}

#[test]
fn r83_a_get_opens_a_stream_or_is_405() {
    let mut host = Host::new(Endpoint::new());
    let id = host.session(Revision::V2025_06_18);
    let of = |accept| [("Accept", accept), ("MCP-Session-Id", &*id)];
    for without in ["application/json", "text/html", "", "text/event-stream;q=0"] {
        assert_eq!(host.serve("GET", &of(without), "").status, 406, "{without}");
    }
    assert_eq!(host.serve("GET", &of("")[1..], "").status, 406);
    let reply = host.serve("GET", &of("text/event-stream"), "");
    assert_eq!((reply.status, reply.is_stream), (200, true));
    host.engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames_of(&host.engine, reply.stream.unwrap()).len(), 1);
    // A host that has none says so, and which methods it has.
    host.endpoint = Endpoint::new().without_get();
    let refusal =
        host.endpoint.check("GET", &headers(&of("text/event-stream")), b"", |_| None).unwrap_err();
    assert_eq!((refusal.status, refusal.allow), (405, Some("POST, DELETE")));
    assert_eq!(host.serve("POST", &[BOTH, of("")[1]], &ping()).status, 200);
}

#[test]
fn g24_the_status_of_an_error_without_one_is_the_hosts_choice() {
    let bad_filter = listen("1", "7");
    let pairs = [BOTH, VERSION, LISTEN];
    let statuses = Statuses { invalid_params: 200, internal_error: 503 };
    for (endpoint, invalid, internal) in
        [(Endpoint::new(), 400, 200), (Endpoint::new().statuses(statuses), 200, 503)]
    {
        let mut host = Host::new(endpoint);
        assert_eq!(
            host.serve("POST", &pairs, &bad_filter).error(),
            (invalid, -32602, Some(1.into()))
        );
        host.engine = engine(&[("engine.max_subscriptions", "1")]);
        assert_eq!(host.serve("POST", &pairs, &listen("1", TOOLS)).status, 200);
        let limited = host.serve("POST", &pairs, &listen("2", TOOLS));
        assert_eq!(limited.error(), (internal, -32603, Some(2.into())));
        // A request without its metadata is 400 whatever the host has chosen (R54).
        let bare = request("1", "subscriptions/listen", r#"{"notifications":{}}"#);
        assert_eq!(host.serve("POST", &pairs, &bare).error(), (400, -32602, Some(1.into())));
    }
}

#[test]
fn g25_a_listen_is_a_stream_and_its_error_is_json() {
    let mut host = Host::new(Endpoint::new());
    let pairs = [BOTH, VERSION, LISTEN];
    let reply = host.serve("POST", &pairs, &listen("1", TOOLS));
    let acknowledged = format!("event: message\ndata: {}\n\n", ack("1", TOOLS));
    assert_eq!((reply.status, reply.is_stream, reply.body), (200, true, acknowledged));
    let reply = host.serve("POST", &pairs, &listen("1", "[]"));
    assert_eq!((reply.is_stream, reply.error()), (false, (400, -32602, Some(1.into()))));
    // So a client must take both.
    for accept in ["application/json", "text/event-stream"] {
        let pairs = [("Accept", accept), VERSION, LISTEN];
        let reply = host.serve("POST", &pairs, &listen("1", TOOLS));
        assert_eq!(reply.error(), (406, -32600, Some(1.into())), "{accept}");
    }
    // A result that comes first is one JSON text as well.
    let name = ("Mcp-Name", "t");
    let reply = host.serve("POST", &[BOTH, VERSION, CALL, name], &modern_call("2", "\"t\""));
    assert_eq!((reply.status, reply.is_stream), (200, false));
    assert_eq!(reply.body, called_in(Revision::MODERN, "2"));
    // Of what was answered, nothing is left; the one listen goes on.
    assert_eq!((host.engine.stats().sessions, host.engine.stats().subscriptions), (1, 1));
}

#[test]
fn g33_a_notification_needs_no_headers_and_may_have_them() {
    let mut host = Host::new(Endpoint::new().only(Era::Modern));
    let note = notification("notifications/cancelled", r#"{"requestId":1}"#);
    for pairs in [
        &[][..],
        &[VERSION],
        &[BOTH, VERSION, ("Mcp-Method", "notifications/cancelled")],
        &[("Mcp-Method", "another")],
    ] {
        let reply = host.serve("POST", pairs, &note);
        assert_eq!((reply.status, &*reply.body), (202, ""), "{pairs:?}");
    }
    let mut host = Host::new(Endpoint::new());
    assert_eq!(host.serve("POST", &[VERSION], &note).status, 202);
    assert!(host.is_untouched());
    let disposition = {
        let session = open(&host.engine, Profile::Modern);
        host.engine.receive(session, None, note.as_bytes()).unwrap()
    };
    assert_eq!(disposition, Disposition::Handled, "and the engine makes nothing of it");
}
