//! Streamable HTTP of 2026-07-28, over real sockets.

#[path = "support/http.rs"]
mod http;

use fanfare::{Progress, Raise, Target};
use http::*;
use serde_json::json;

const URI: &str = "file:///a.txt";

#[test]
fn a_call_is_answered_with_json() {
    let host = Host::new();
    let answer = Modern::new(1, "tools/list", json!({})).call(host.address);
    assert_eq!(answer.head.status, 200);
    assert_eq!(answer.head.header("content-type"), Some("application/json"));
    assert_eq!(answer.head.header("mcp-session-id"), None);
    assert_eq!(
        answer.json(),
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "complete" } })
    );
    host.settle();
    assert_eq!(host.app.gone.lock().unwrap().len(), 1);
}

#[test]
fn several_calls_go_over_one_connection() {
    let host = Host::new();
    let mut wire = Wire::open(host.address);
    for id in 1..=20 {
        let call = Modern::new(id, "tools/list", json!({}));
        wire.request("POST", &call.pairs(), &call.body);
        let answer = wire.answer();
        assert_eq!((answer.head.status, &answer.json()["id"]), (200, &json!(id)));
    }
    assert_eq!(host.meter.read().connections, 1);
    drop(wire);
    host.settle();
}

#[test]
fn a_call_with_progress_is_a_stream_that_ends_with_the_result() {
    let host = Host::new();
    let mut wire = Modern::tool("x", "steps", json!({ "n": 100 })).send(host.address);
    let head = wire.head();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    // The latest stands for those that were still queued.
    let mut last = 0;
    while last < 100 {
        let event = wire.event();
        assert_eq!((&event.id, event.retry), (&None, None));
        let message = event.json();
        assert_eq!(message["params"]["progressToken"], "p");
        let step = message["params"]["progress"].as_u64().unwrap();
        assert!(last < step, "{step} after {last}");
        last = step;
    }
    assert_eq!(wire.message()["result"]["resultType"], "complete");
    wire.end();
    assert!(wire.is_closed());
    host.settle();
}

#[test]
fn a_listen_is_acknowledged_and_hears() {
    let host = Host::new();
    let mut wire =
        Modern::listen(7, json!({ "resourceSubscriptions": [URI] })).stream(host.address);
    let first = wire.message();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    for _ in 0..50 {
        host.app.update("file:///other.txt");
        host.app.update(URI);
        let heard = wire.message();
        assert_eq!(heard["method"], "notifications/resources/updated");
        assert_eq!(heard["params"]["uri"], URI);
        assert_eq!(heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
    }
    assert_eq!(
        host.meter.read(),
        fanfare_cli::http::Gauges { connections: 0, streams: 1, sessions: 0 }
    );
    drop(wire);
    host.settle();
}

#[test]
fn a_listen_that_is_refused_is_json_with_its_status() {
    let host = Host::new();
    let answer = Modern::listen(1, json!({ "resourceSubscriptions": 7 })).call(host.address);
    assert_eq!((answer.head.status, &answer.json()["error"]["code"]), (400, &json!(-32602)));
    host.settle();
}

#[test]
fn a_client_that_goes_has_cancelled() {
    let host = Host::new();
    // While it waits for the first frame, and while it is a stream.
    let waiting = Modern::tool(1, "hold", json!({})).send(host.address);
    let listening = listen(host.address, 2, URI);
    until("both are in flight", || host.engine().stats().requests == 2 - 1);
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    assert_eq!(host.engine().stats().subscriptions, 1);
    drop((waiting, listening));
    host.settle();
    assert_eq!(host.app.gone.lock().unwrap().len(), 2);
}

#[test]
fn a_client_that_closes_its_half_is_gone() {
    let host = Host::new();
    let mut wire = listen(host.address, 1, URI);
    wire.half_close();
    assert!(wire.is_closed());
    host.settle();
}

#[test]
fn an_old_client_of_http_1_0_gets_a_stream_without_chunks() {
    let host = Host::new();
    let call = Modern::listen(1, json!({ "resourceSubscriptions": [URI] }));
    let mut wire = Wire::open(host.address);
    let mut text = "POST /mcp HTTP/1.0\r\nHost: localhost\r\n".to_owned();
    for (name, value) in call.pairs() {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{}", call.body.len(), call.body));
    wire.send(text.as_bytes());
    let head = wire.head();
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    assert_eq!(wire.message()["method"], "notifications/subscriptions/acknowledged");
    host.app.update(URI);
    assert_eq!(wire.message()["params"]["uri"], URI);
}

/// Nothing but the passing of time sends what was held back.
#[test]
fn progress_that_was_held_back_leaves_at_its_time() {
    let keys = [("progress.min_interval_ms", "300"), ("sse.keep_alive_ms", "0")];
    let host = Host::with(&keys, |options| options);
    let mut wire = Modern::tool(1, "hold", json!({})).send(host.address);
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    let (session, _, id) = host.app.held.lock().unwrap()[0].clone();
    let report = |progress: f64| {
        let progress = Progress { token: r#""p""#, progress, total: None, message: None };
        let to = Raise::to(Target::Request(session, &id));
        host.engine().notify_progress(&progress, &to).unwrap();
    };
    report(1.0);
    assert_eq!(wire.head().status, 200);
    assert_eq!(wire.message()["params"]["progress"], 1.0);
    report(2.0);
    assert_eq!(host.engine().stats().queued_frames, 0, "it is held back");
    assert_eq!(wire.message()["params"]["progress"], 2.0);
    host.app.answer_held("{}");
    assert_eq!(wire.message()["id"], 1);
    wire.end();
}

#[test]
fn statuses_are_those_of_the_revision() {
    let host = Host::new();
    let address = host.address;
    let status = |call: Modern| {
        let answer = call.call(address);
        (answer.head.status, answer.json()["error"]["code"].as_i64())
    };
    let list = || Modern::new(1, "tools/list", json!({}));
    assert_eq!(status(Modern::new(1, "nothing", json!({}))), (404, Some(-32601)));
    assert_eq!(status(list().header("Mcp-Method", "tools/call")), (400, Some(-32020)));
    assert_eq!(status(list().header("MCP-Protocol-Version", "2025-11-25")), (400, Some(-32020)));
    assert_eq!(status(list().header("Accept", "text/html")), (406, Some(-32600)));
    assert_eq!(status(list().header("Origin", "https://evil.example")), (403, Some(-32600)));
    let renamed = list().header("Mcp-Method", "tools/list").header("Host", "evil.example");
    let mut wire = Wire::open(address);
    let mut text = "POST /mcp HTTP/1.1\r\n".to_owned();
    for (name, value) in renamed.pairs() {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{}", renamed.body.len(), renamed.body));
    wire.send(text.as_bytes());
    assert_eq!(wire.answer().head.status, 403);
    // A notification is accepted, and that is all.
    let note = r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    wire.request("POST", &[BOTH], note);
    let answer = wire.answer();
    assert_eq!((answer.head.status, answer.body.as_str()), (202, ""));
    // Elsewhere there is nothing.
    wire.send(b"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(wire.answer().head.status, 404);
    wire.request("PUT", &[BOTH], "");
    let answer = wire.answer();
    assert_eq!((answer.head.status, answer.head.header("allow")), (405, Some("GET, POST, DELETE")));
    drop(wire);
    host.settle();
}
