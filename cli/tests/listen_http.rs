//! `fanfare listen --http` in 2026-07-28, and what both eras have in common: each step of the server
//! by hand.

#[path = "support/scripted.rs"]
mod scripted;
mod support;

use std::process::Command;

use rustix::process::Signal;
use scripted::{Listener, Server, Stream};
use serde_json::{Value, json};
use support::PROGRAM;

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

fn discovered() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": { "tools": { "listChanged": true }, "resources": { "subscribe": true } },
        "ttlMs": 0,
        "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "scripted", "version": "1" } },
    })
}

fn tagged(kind: &str, subscription: &Value, mut params: Value) -> Value {
    params["_meta"] = json!({ SUBSCRIPTION_ID: subscription });
    json!({ "jsonrpc": "2.0", "method": format!("notifications/{kind}"), "params": params })
}

fn updated(stream: &Stream, uri: &str) -> Value {
    tagged("resources/updated", stream.request.id(), json!({ "uri": uri }))
}

/// Takes the listen that comes, and acknowledges it.
#[track_caller]
fn accept_listen(server: &Server, listener: &Listener) -> Stream {
    let request = server.call("subscriptions/listen");
    assert_eq!(request.header("mcp-method"), Some("subscriptions/listen"));
    assert_eq!(request.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(request.header("last-event-id"), None);
    let (id, filter) = (request.id().clone(), request.body["params"]["notifications"].clone());
    let mut stream = request.stream(&[]);
    stream.message(&tagged("subscriptions/acknowledged", &id, json!({ "notifications": filter })));
    listener.assert_heard("subscriptions/acknowledged");
    stream
}

/// A listener of a file, and the stream on which it hears.
#[track_caller]
fn listening(server: &Server, options: &[&str]) -> (Listener, Stream) {
    let listener = Listener::start(&server.url(), &[&["--resource", "x:a"], options].concat());
    server.call("server/discover").result(&[], &discovered());
    let stream = accept_listen(server, &listener);
    listener.until_says("listening to scripted 1 in 2026-07-28");
    (listener, stream)
}

#[test]
fn a_listen_is_a_post_of_which_the_answer_lasts_until_its_result() {
    let server = Server::start();
    let listener = Listener::start(&server.url(), &["--resource", "x:a", "--tools"]);
    let probe = server.call("server/discover");
    assert_eq!(probe.path, "/mcp");
    for (name, value) in [
        ("content-type", Some("application/json")),
        ("accept", Some("application/json, text/event-stream")),
        ("mcp-protocol-version", Some("2026-07-28")),
        ("mcp-method", Some("server/discover")),
        ("mcp-name", None),
        ("mcp-session-id", None),
        ("authorization", None),
    ] {
        assert_eq!(probe.header(name), value, "{name}");
    }
    let meta = &probe.body["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
    // An answer may be an event stream too. A session is nothing to this era.
    let mut answer = probe.stream(&["Mcp-Session-Id: s"]);
    answer.text(": hello\n\n");
    answer.result(&discovered());
    answer.end();
    let mut stream = accept_listen(&server, &listener);
    assert_eq!(stream.request.header("mcp-session-id"), None);
    assert_eq!(
        stream.request.body["params"]["notifications"],
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["x:a"] })
    );
    let message = updated(&stream, "x:a").to_string();
    stream.text(": keep-alive\n\n");
    // Wherever the network cuts it.
    let (head, tail) = message.split_at(30);
    stream.text(&format!("event: message\r\ndata: {head}"));
    stream.text(&format!("{tail}\r\n\r"));
    stream.text("\nevent: other\ndata: {}\n\n");
    assert_eq!(listener.assert_heard("resources/updated")["params"]["uri"], "x:a");
    let foreign = tagged("resources/updated", &json!("other"), json!({ "uri": "x:a" }));
    stream.message(&foreign);
    stream.message(&tagged("tools/list_changed", stream.request.id(), json!({})));
    listener.assert_heard("tools/list_changed");
    stream.result(&json!({ "resultType": "complete" }));
    stream.end();
    let (code, printed, said) = listener.finish();
    assert_eq!((code, printed.len()), (Some(0), 0), "{said}");
    assert!(said.contains("subscription \"other\" that was not made"), "{said}");
    assert!(said.contains("the server ended the subscription"), "{said}");
    server.assert_no_more();
}

#[test]
fn ctrl_c_closes_the_connection_and_says_nothing_to_the_server() {
    let server = Server::start();
    for signal in [Signal::INT, Signal::TERM] {
        let (listener, stream) = listening(&server, &[]);
        listener.signal(signal);
        stream.assert_closed();
        let (code, printed, said) = listener.finish();
        assert_eq!((code, printed.len(), &*said), (Some(0), 0, ""));
    }
    server.assert_no_more();
}

#[test]
fn a_lost_connection_is_made_again_by_a_new_listen_and_the_gap_is_told() {
    let server = Server::start();
    let (listener, mut stream) = listening(&server, &[]);
    let mut ids = vec![];
    for round in 0..4 {
        ids.push(stream.request.id().as_u64().unwrap());
        // An id that the server should not give is not sent back (R58).
        stream.numbered("7", &updated(&stream, "x:a"));
        listener.assert_heard("resources/updated");
        if round % 2 == 0 {
            stream.cut();
        } else {
            // Without its result, that is no good end either.
            stream.end();
        }
        listener.until_says("trying again in");
        stream = accept_listen(&server, &listener);
        listener.until_says("listening again; something may have been missed");
    }
    ids.push(stream.request.id().as_u64().unwrap());
    // R84
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    listener.signal(Signal::INT);
    assert_eq!(listener.finish().0, Some(0));
}

#[test]
fn a_server_that_is_gone_is_tried_so_often_and_no_more() {
    for (retries, tries) in [("0", 0), ("3", 3)] {
        let server = Server::start();
        let (listener, stream) = listening(&server, &["--retries", retries]);
        stream.cut();
        for _ in 0..tries {
            server.call("subscriptions/listen").cut();
        }
        let (code, _, said) = listener.finish();
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(said.matches("trying again in").count(), tries, "{said}");
        assert_eq!(said.contains("gave up (--retries 3)"), tries == 3, "{said}");
        server.assert_no_more();
    }
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    let server = Server::start();
    let (listener, mut stream) = listening(&server, &["--retries", "3"]);
    stream.text("retry: 200\n\n");
    stream.message(&updated(&stream, "x:a"));
    listener.assert_heard("resources/updated");
    let cut = std::time::Instant::now();
    stream.cut();
    let request = server.call("subscriptions/listen");
    assert!(cut.elapsed().as_millis() >= 200);
    let asked = std::time::Instant::now();
    request.answer(503, &["Retry-After: 1"], "busy");
    let request = server.call("subscriptions/listen");
    assert!(asked.elapsed().as_millis() >= 1000);
    let said = listener.until_says("HTTP 503 Service Unavailable: busy; trying again in 1.000 s");
    assert!(said[0].contains("trying again in 0.200 s (1 of 3)"), "{said:?}");
    drop(request);
    listener.signal(Signal::INT);
    assert_eq!(listener.finish().0, Some(0));
}

#[test]
fn ctrl_c_does_not_wait_for_the_next_try() {
    let server = Server::start();
    let (listener, mut stream) = listening(&server, &[]);
    stream.text("retry: 86400000\n\n");
    stream.end();
    listener.until_says("trying again in 86400.000 s");
    listener.signal(Signal::INT);
    assert_eq!(listener.finish().0, Some(0));
}

#[test]
fn a_server_that_has_become_an_older_one_is_asked_again() {
    let server = Server::start();
    let (listener, stream) = listening(&server, &[]);
    stream.cut();
    server.call("subscriptions/listen").answer(404, &[], "no such thing");
    listener.until_says("asking again who the server is");
    server.call("server/discover").answer(400, &[], "no such thing");
    let request = server.call("initialize");
    assert_eq!(request.body["params"]["protocolVersion"], "2025-11-25");
    drop(request);
    listener.signal(Signal::INT);
    assert_eq!(listener.finish().0, Some(0));
}

#[test]
fn a_listen_that_is_refused_again_after_asking_is_given_up() {
    let server = Server::start();
    let (listener, stream) = listening(&server, &[]);
    stream.cut();
    let full = json!({ "jsonrpc": "2.0", "error": { "code": -32603, "message": "full" } });
    server.call("subscriptions/listen").json(500, &[], &full);
    server.call("server/discover").result(&[], &discovered());
    server.call("subscriptions/listen").json(500, &[], &full);
    let (code, _, said) = listener.finish();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("subscriptions/listen: the server refused: full (-32603)"), "{said}");
}

#[test]
fn whatever_an_older_server_says_to_the_probe_it_is_initialized() {
    let error = |code: i64, id: Value| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": "m" } });
    let server = Server::start();
    for (status, kind, body) in [
        (400, "application/json", error(-32600, json!("server-error")).to_string()),
        (400, "application/json", error(-32000, Value::Null).to_string()),
        (200, "application/json", error(-32601, json!(1)).to_string()),
        (404, "text/plain", "what?".to_owned()),
        (405, "text/html", "<p>no</p>".to_owned()),
        (500, "text/plain", String::new()),
        (202, "text/plain", String::new()),
        (200, "text/html", "<p>hello</p>".to_owned()),
        (200, "application/json", "{}".to_owned()),
    ] {
        let listener = Listener::start(&server.url(), &[]);
        let kind = format!("Content-Type: {kind}");
        server.call("server/discover").answer(status, &[&kind], &body);
        let request = server.call("initialize");
        assert_eq!(request.header("mcp-protocol-version"), None, "{status} {body}");
        assert_eq!(request.header("mcp-method"), None, "{status} {body}");
        request.answer(400, &[], "not today");
        let (code, _, said) = listener.finish();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("HTTP 400 Bad Request: not today"), "{said}");
    }
    server.assert_no_more();
}

#[test]
fn what_cannot_get_better_is_the_end_and_its_cause_is_said() {
    let server = Server::start();
    let error = |code: i64| json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": code, "message": "why not" } });
    for (status, headers, body, cause) in [
        (401, vec!["WWW-Authenticate: Bearer"], String::new(), "wants another token: HTTP 401"),
        (403, vec![], error(-32600).to_string(), "HTTP 403 Forbidden: why not"),
        (
            307,
            vec!["Location: http://other/mcp"],
            String::new(),
            "elsewhere: HTTP 307 Temporary Redirect to http://other/mcp",
        ),
        // Before it has listened once, nothing is tried again.
        (503, vec![], "busy".to_owned(), "HTTP 503 Service Unavailable: busy"),
        // An error that only 2026-07-28 has.
        (400, vec![], error(-32020).to_string(), "refused server/discover: why not (-32020)"),
    ] {
        let listener = Listener::start(&server.url(), &[]);
        server.call("server/discover").answer(status, &headers, &body);
        let (code, printed, said) = listener.finish();
        assert_eq!((code, printed.len()), (Some(1), 0), "{said}");
        assert!(said.contains(cause), "{said}");
    }
    server.assert_no_more();
    // Nobody is there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listener = Listener::start(&format!("http://127.0.0.1:{port}/"), &[]);
    let (code, _, said) = listener.finish();
    assert_eq!(code, Some(1));
    assert!(said.contains("refused") && said.lines().count() == 1, "{said}");
}

#[test]
fn an_event_beyond_the_bound_is_left_out_and_the_next_one_heard() {
    let server = Server::start();
    let (listener, mut stream) = listening(&server, &["--max-event", "2000"]);
    stream.message(&updated(&stream, &"x".repeat(2000)));
    stream.message(&updated(&stream, "x:a"));
    listener.assert_heard("resources/updated");
    listener.until_says("an event of more than 2000 bytes is left out");
    listener.signal(Signal::INT);
    listener.finish();
    // An answer that is no stream has the same bound.
    let listener = Listener::start(&server.url(), &["--max-event", "2000"]);
    let mut long = discovered();
    long["instructions"] = json!("x".repeat(2000));
    server.call("server/discover").result(&[], &long);
    server.call("initialize").cut();
    let (code, _, said) = listener.finish();
    assert_eq!(code, Some(1));
    assert!(said.contains("longer than 2000 bytes (--max-event)"), "{said}");
}

#[test]
fn a_reader_that_stops_makes_the_server_wait() {
    let server = Server::start();
    let mut child = Command::new(PROGRAM)
        .args(["listen", "--http", &server.url(), "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    server.call("server/discover").result(&[], &discovered());
    let request = server.call("subscriptions/listen");
    let id = request.id().clone();
    let mut stream = request.stream(&[]);
    stream.message(&tagged("subscriptions/acknowledged", &id, json!({ "notifications": {} })));
    // Far more than sockets, pipes and the queue hold; far less than a machine does.
    let sent = stream.flood(&tagged("x", &id, json!({ "x": "x".repeat(60_000) })));
    assert!(sent < 1000, "it took {sent} messages that nobody reads");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_token_is_shown_and_never_told() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "from-a-file\n").unwrap();
    let file = file.to_str().unwrap();
    for (options, shown) in [
        (["--token", "secret-1"], "Bearer secret-1"),
        (["--token-file", file], "Bearer from-a-file"),
    ] {
        let listener = Listener::start(&server.url(), &options);
        let request = server.call("server/discover");
        assert_eq!(request.header("authorization"), Some(shown));
        request.answer(401, &[], "");
        let (code, _, said) = listener.finish();
        assert_eq!(code, Some(1));
        assert!(!said.contains("secret-1") && !said.contains("from-a-file"), "{said}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    for (options, code, cause) in [
        (&["--http", "http://localhost/", "--", "x"][..], 2, "cannot be used with"),
        (&["--token", "x", "--", "x"], 2, "--http"),
        (&["--http", "http://x/", "--token", "x", "--token-file", "y"], 2, "cannot be used with"),
        (&["--http", "http://x/", "--max-event", "1"], 2, "1024"),
        (&["--http", "x/y"], 1, "x/y"),
        (&["--http", "http://x/", "--token", "ü"], 1, "visible ASCII"),
        (&["--http", "http://x/", "--token-file", "/none/such"], 1, "/none/such"),
        (&["--http", "http://x/", "--ca-cert", "/none/such"], 1, "no use"),
        (&["--http", "https://x/", "--ca-cert", "/none/such"], 1, "/none/such"),
        (&["--http", "https://x/", "--ca-cert", "/dev/null"], 1, "no certificate"),
    ] {
        let output = Command::new(PROGRAM).arg("listen").args(options).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{options:?}: {stderr}");
        assert!(stderr.contains(cause), "{options:?}: {stderr}");
    }
}
