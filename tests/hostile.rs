//! What one client does, another must not feel, and no client grows for ever (promises 4 and 6).

mod common;

use common::*;
use fanfare::http::{Endpoint, Era, Headers};
use fanfare::{
    EndReason, ErrorKind, Framing, Hooks, Profile, Progress, Revision, SessionParams, StreamKind,
};
use std::sync::{Arc, Mutex};

const REPLIES: (&str, &str) = ("session.max_reply_bytes", "1024");

/// Reads nothing while `step` goes on: it must be ended, and soon.
#[track_caller]
fn is_ended(mut step: impl FnMut(usize) -> fanfare::Result<()>) {
    for n in 0..200 {
        if let Err(error) = step(n) {
            assert!(matches!(error.kind(), ErrorKind::State | ErrorKind::Gone), "{error}");
            return;
        }
    }
    panic!("it was never ended");
}

#[test]
fn whoever_sends_too_much_and_reads_nothing_is_ended() {
    let engine = engine(&[REPLIES, ("message.max_bytes", "1024")]);
    let session = open(&engine, Profile::Open);
    is_ended(|_| engine.receive(session, None, &[b' '; 2000]).map(drop));
    assert_eq!(engine.stats().lagged, 1);
}

#[test]
fn a_session_that_lagged_is_not_mistaken_for_the_one_in_its_place() {
    let engine = engine(&[REPLIES, ("message.max_bytes", "1024")]);
    let hostile = open(&engine, Profile::Open);
    for _ in 0..200 {
        let _ = engine.receive(hostile, None, &[b' '; 2000]);
    }
    let _ = engine.close(hostile);
    let innocent = open(&engine, Profile::Open);
    assert_eq!(asked(&engine, innocent, &request("1", "ping", "")), [empty("1")]);
    assert!(engine.session_stats(innocent).is_ok());
}

#[test]
fn progress_of_many_requests_does_not_pile_up_for_ever() {
    let engine = engine(&[REPLIES]);
    let caller = open(&engine, legacy(Revision::V2025_11_25));
    is_ended(|n| {
        let params = format!(r#"{{"_meta":{{"progressToken":{n}}}}}"#);
        engine.receive(caller, None, request(&n.to_string(), "tools/call", &params).as_bytes())?;
        let token = n.to_string();
        let progress = Progress { token: &token, progress: 1.0, total: None, message: None };
        engine.notify_progress(&progress, &to(caller)).map(drop)
    });
    assert_eq!(engine.stats().lagged, 1);
}

/// What an undecided session chose says nothing about a session of 2026-07-28 (R57).
#[test]
fn types_chosen_before_the_era_is_known_do_not_outlive_it() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Auto);
    let types = r#"{"jsonrpc":"2.0","method":"notifications/subscribe","params":{"types":[]}}"#;
    assert!(asked(&engine, session, types).is_empty());
    let params = modern_params(r#","progressToken":1"#, "");
    passed(&engine, session, &request("1", "tools/call", &params));
    let progress = Progress { token: "1", progress: 1.0, total: None, message: None };
    assert_eq!(engine.notify_progress(&progress, &to(session)), Ok(1));
}

/// The handler of an old connection may come late with its close.
#[test]
fn a_standalone_stream_that_was_reopened_has_a_handle_of_its_own() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    let first = engine.open_stream(session, StreamKind::Standalone).unwrap();
    engine.close_stream(first).unwrap();
    engine.notify_tool_list_changed(&to(session)).unwrap();
    let second = engine.open_stream(session, StreamKind::Standalone).unwrap();
    assert_ne!(first, second);
    assert_eq!(engine.close_stream(first).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(frames_of(&engine, second).len(), 1, "what waited for it");
}

#[test]
fn an_ending_session_does_not_wait_for_a_stream_that_nobody_can_open() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = ends.clone();
    let hooks = Hooks::new().on_session_end(move |end| told.lock().unwrap().push(end.reason));
    let engine = fanfare::Engine::with_hooks(config(&[]), hooks);
    let params = SessionParams::new(legacy(Revision::V2025_11_25)).framing(Framing::Json);
    let session = engine.open(params).unwrap();
    let stream = engine.open_stream(session, StreamKind::Standalone).unwrap();
    engine.notify_tool_list_changed(&to(session)).unwrap();
    engine.end(session, EndReason::Graceful).unwrap();
    assert!(ends.lock().unwrap().is_empty(), "something waits");
    engine.close_stream(stream).unwrap();
    assert_eq!(*ends.lock().unwrap(), [EndReason::Graceful]);
    assert_eq!(engine.stats().sessions, 0);
}

/// Bodies that are nested without end, cut anywhere, or not text, under headers that are no better.
#[test]
fn an_http_request_of_any_shape_is_read_or_refused() {
    let meta = modern_params("", r#","name":"=?base64?w6k=?=","arguments":{"a":[1,"x",null]}"#);
    let call = request("\"c\"", "tools/call", &meta);
    let deep = |open: &str, close: &str| {
        let params = format!(r#"{{"_meta":{}1{}}}"#, open.repeat(200_000), close.repeat(200_000));
        request("1", "tools/call", &params)
    };
    let mut bodies: Vec<Vec<u8>> = [
        deep("[", "]"),
        deep(r#"{"a":"#, "}"),
        "[".repeat(400_000),
        format!("[{}]", vec![&*call; 1000].join(",")),
    ]
    .map(String::into_bytes)
    .into();
    bodies.extend((0..call.len()).map(|end| call.as_bytes()[..end].to_vec()));
    bodies.extend((0..call.len()).map(|at| {
        let mut bent = call.clone().into_bytes();
        bent[at] ^= 0x80 >> (at % 8);
        bent
    }));
    bodies.extend(vec![call.into_bytes(); 200]);
    let right = [
        ("Accept", "*/*"),
        ("Origin", "http://localhost"),
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "=?base64?PT9iYXNlNjQ/dzZrPT89?="),
        ("Mcp-Session-Id", "s"),
    ];
    let wrong = ["", "[::1]:9", ",;=/", "=?base64?w6k=?=", "2025-03-26", "http://[", "*/*;q=;"];
    let endpoints = [
        Endpoint::new(),
        Endpoint::new().only(Era::Modern),
        Endpoint::new().only(Era::Legacy).without_sessions(),
    ];
    let (mut read, mut refused) = (0, 0);
    for (n, body) in bodies.iter().enumerate() {
        for (at, endpoint) in endpoints.iter().enumerate() {
            // One of them is not what it should be, or none.
            let pairs = right.iter().enumerate().map(|(i, (name, value))| {
                let is_bent = i == (n + at) % (right.len() + 3);
                (*name, if is_bent { wrong[n % wrong.len()] } else { value }.as_bytes())
            });
            for http_method in ["POST", "GET"] {
                let headers: Headers<'_> = pairs.clone().collect();
                match endpoint.check(http_method, &headers, body, |_| Some(None)) {
                    Ok(call) => {
                        read += 1;
                        let answer = endpoint.answer(&call, Some(body));
                        assert!((200..600).contains(&answer.unwrap().status()));
                    }
                    Err(refusal) => {
                        refused += 1;
                        assert!((400..500).contains(&refusal.status), "{refusal:?}");
                        assert!(refusal.body.len() < 1000, "{refusal:?}");
                    }
                }
            }
        }
    }
    assert!(read > 20 && refused > 1000, "{read} {refused}");
}
