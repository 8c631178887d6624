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
