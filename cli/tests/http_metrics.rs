//! What a monitor asks, over real sockets.

#[path = "support/http.rs"]
mod http;

use fanfare_cli::http::{Options, Tokens};
use http::*;
use serde_json::json;

/// The value of a metric.
#[track_caller]
fn value(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = lines.next().unwrap_or_else(|| panic!("{name} is not in {text}"));
    assert_eq!(lines.next(), None);
    value.parse().unwrap()
}

#[test]
fn the_numbers_are_those_of_what_is_open() {
    let host = Host::new();
    let mut wire = listen(host.address, 1, "file:///a");
    let client = Legacy::open(host.address, "2025-11-25");
    let _stream = client.listen();
    host.app.update("file:///a");
    assert_eq!(wire.message()["params"]["uri"], "file:///a");
    let bad = Modern::new(1, "nothing", json!({})).call(host.address);
    assert_eq!(bad.head.status, 404);
    until("both are open", || host.meter.read().streams == 2);
    let mut monitor = Wire::open(host.address);
    let answer = monitor.get("/metrics", "");
    assert_eq!(answer.head.status, 200);
    assert_eq!(
        answer.head.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = answer.body;
    assert_eq!(value(&text, "fanfare_http_streams"), 2);
    assert_eq!(value(&text, "fanfare_http_sessions"), 1);
    assert!(value(&text, "fanfare_http_connections") >= 1);
    assert_eq!(value(&text, "fanfare_subscriptions"), 1);
    assert_eq!(value(&text, "fanfare_raised_total"), 1);
    assert_eq!(value(&text, r#"fanfare_http_answers_total{status="404"}"#), 1);
    assert_eq!(value(&text, r#"fanfare_http_answers_total{status="202"}"#), 1);
    for reason in ["origin", "token", "path", "principal", "body", "engine", "stopping"] {
        let name = format!(r#"fanfare_http_refused_total{{reason="{reason}"}}"#);
        assert_eq!(value(&text, &name), 0);
    }
    // Each has its type and its help once.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split([' ', '{']).next().unwrap();
        for comment in ["HELP", "TYPE"] {
            let mark = format!("# {comment} {name} ");
            assert_eq!(text.lines().filter(|line| line.starts_with(&mark)).count(), 1, "{mark}");
        }
    }
    let again = monitor.get("/metrics", "").body;
    assert_eq!(
        value(&again, r#"fanfare_http_answers_total{status="200"}"#),
        value(&text, r#"fanfare_http_answers_total{status="200"}"#) + 1
    );
}

/// Each refusal has its reason, and the same numbers are there for the program.
#[test]
fn what_is_refused_is_counted_by_its_reason() {
    let keys = [("session.max_streams", "2")];
    let host = Host::with(&keys, |options| Options {
        tokens: Tokens::parse("t alice\nu bob").unwrap(),
        max_connections_per_principal: 2,
        max_body_bytes: 1_000,
        has_old_transport: true,
        ..options
    });
    let call = |token: &str| {
        let token = format!("Bearer {token}");
        Modern::new(1, "tools/list", json!({})).header("Authorization", &token)
    };
    let status = |call: &Modern| call.call(host.address).head.status;
    assert_eq!(status(&call("t")), 200);
    assert_eq!(status(&call("t").header("Origin", "https://evil.example")), 403);
    assert_eq!(status(&call("t").header("Host", "evil.example")), 403);
    assert_eq!(status(&call("x")), 401);
    assert_eq!(status(&call("t").header("Mcp-Method", "tools/call")), 400);
    let large = Modern::new(1, "tools/list", json!({ "x": "y".repeat(1_000) }));
    assert_eq!(status(&large.header("Authorization", "Bearer t")), 413);
    let mut wire = Wire::open(host.address);
    let header = "Authorization: Bearer t\r\n";
    assert_eq!(wire.get("/nothing", header).head.status, 404);
    assert_eq!(wire.get("/messages", header).head.status, 405);
    // One session that asks for more streams than it may.
    let extra = [("Authorization", "Bearer t")];
    let client = Legacy::open_with(host.address, "2025-11-25", &extra);
    let held = client.send(&tool(1, "hold", json!({})));
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    let refused = client.post(&tool(2, "hold", json!({}))).head.status;
    assert_eq!(refused, 503);
    // Somebody who has as much open as may be.
    let open = [(); 2].map(|()| {
        let filter = json!({ "toolsListChanged": true });
        Modern::listen(1, filter).header("Authorization", "Bearer u").stream(host.address)
    });
    assert_eq!(status(&call("u")), 429);

    let answered = host.meter.answered();
    let refused = answered.refused;
    let by_reason = [refused.origin, refused.token, refused.path, refused.principal];
    assert_eq!(by_reason, [2, 1, 2, 1], "{answered:?}");
    let by_reason = [refused.body, refused.protocol, refused.engine, refused.stopping];
    assert_eq!(by_reason, [1, 1, 1, 0], "{answered:?}");
    // A call, initialize and what follows it, a call that goes on, and two listens.
    assert_eq!((answered.success, answered.client_error, answered.server_error), (6, 8, 1));
    let text = wire.get("/metrics", header).body;
    for (reason, count) in [("origin", 2), ("path", 2), ("engine", 1), ("stopping", 0)] {
        let name = format!(r#"fanfare_http_refused_total{{reason="{reason}"}}"#);
        assert_eq!(value(&text, &name), count);
    }
    drop((held, open, wire));
    assert_eq!(client.delete(), 204);
    host.settle();
}

#[test]
fn it_is_well_until_it_stops() {
    let mut host =
        Host::with(&[], |options| Options { tokens: Tokens::parse("t alice").unwrap(), ..options });
    let mut monitor = Wire::open(host.address);
    let answer = monitor.get("/healthz", "");
    assert_eq!((answer.head.status, answer.body.as_str()), (200, "ok\n"));
    // The numbers are for those who may call.
    assert_eq!(monitor.get("/metrics", "").head.status, 401);
    assert_eq!(monitor.get("/metrics", "Authorization: Bearer t\r\n").head.status, 200);
    // And not for pages of elsewhere, nor under a name of theirs.
    assert_eq!(monitor.get("/healthz", "Origin: https://evil.example\r\n").head.status, 403);
    assert_eq!(monitor.get("/healthz", "Host: evil.example\r\n").head.status, 403);
    monitor.send(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let answer = monitor.answer();
    assert_eq!((answer.head.status, answer.head.header("allow")), (405, Some("GET, HEAD")));
    host.stop();
    host.join().unwrap();
}
