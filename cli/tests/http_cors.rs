//! What a browser is told about the pages that may call, over real sockets.

#[path = "support/http.rs"]
mod http;

use fanfare::http::{Endpoint, Hosts, Origins};
use fanfare_cli::http::{Options, Tokens};
use http::*;
use serde_json::json;

const PAGE: &str = "https://app.example";

fn host() -> Host {
    let origins = Origins::loopback().allow(PAGE).unwrap();
    Host::with(&[], |options| Options {
        endpoint: Endpoint::new().origins(origins).hosts(Hosts::loopback()),
        tokens: Tokens::parse("t alice").unwrap(),
        has_old_transport: true,
        ..options
    })
}

/// That its page may read this answer.
#[track_caller]
fn assert_readable(head: &Head, page: &str) {
    assert_eq!(head.header("access-control-allow-origin"), Some(page), "{head:?}");
    assert_eq!(head.header("vary"), Some("Origin"));
    let exposed = head.header("access-control-expose-headers").unwrap();
    for name in ["Mcp-Session-Id", "WWW-Authenticate"] {
        assert!(exposed.split(", ").any(|one| one == name), "{exposed}");
    }
}

#[track_caller]
fn assert_unreadable(head: &Head) {
    let is_cors = |(name, _): &&(String, String)| name.starts_with("access-control-");
    assert_eq!(head.headers.iter().find(is_cors), None);
}

/// What the answer to that browser is, which shows no token.
fn preflight(host: &Host, path: &str, origin: &str, method: &str, headers: &str) -> Answer {
    let mut wire = Wire::open(host.address);
    let asked = format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: {headers}\r\n\r\n"
    );
    wire.send(asked.as_bytes());
    wire.answer()
}

#[test]
fn a_page_that_may_call_is_told_beforehand() {
    let host = host();
    for page in [PAGE, "http://localhost:6274", "http://127.0.0.1", "https://[::1]:8443"] {
        for path in ["/mcp", "/messages", "/sse", "/healthz"] {
            let asked = "content-type,mcp-protocol-version, mcp-param-city,x-evil, mcp-param-é";
            let answer = preflight(&host, path, page, "POST", asked);
            assert_eq!((answer.head.status, &*answer.body), (204, ""));
            assert_readable(&answer.head, page);
            let methods = answer.head.header("access-control-allow-methods").unwrap();
            assert_eq!(methods, "GET, POST, DELETE");
            let allowed = answer.head.header("access-control-allow-headers").unwrap();
            let allowed = allowed.to_ascii_lowercase();
            let allowed: Vec<_> = allowed.split(", ").collect();
            for name in [
                "accept",
                "authorization",
                "content-type",
                "last-event-id",
                "mcp-method",
                "mcp-name",
                "mcp-param-city",
                "mcp-protocol-version",
                "mcp-session-id",
            ] {
                assert!(allowed.contains(&name), "{name} is not in {allowed:?}");
            }
            assert_eq!(allowed.len(), 9, "{allowed:?}");
            let is_number = |age: &str| age.parse::<u32>().is_ok_and(|age| age > 0);
            assert!(answer.head.header("access-control-max-age").is_some_and(is_number));
        }
    }
    // On a connection that goes on.
    let mut wire = Wire::open(host.address);
    let asked = format!(
        "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: {PAGE}\r\n\
         Access-Control-Request-Method: POST\r\n\r\n"
    );
    for _ in 0..2 {
        wire.send(asked.as_bytes());
        assert_eq!(wire.answer().head.status, 204);
    }
}

#[test]
fn no_other_page_is() {
    let host = host();
    for page in ["https://evil.example", "http://app.example", "null", "https://app.example.evil"] {
        let answer = preflight(&host, "/mcp", page, "POST", "content-type");
        assert_eq!(answer.head.status, 403);
        assert_unreadable(&answer.head);
        let call = Modern::new(1, "tools/list", json!({})).header("Origin", page);
        let answer = call.header("Authorization", "Bearer t").call(host.address);
        assert_eq!(answer.head.status, 403);
        assert_unreadable(&answer.head);
    }
    // Under a name of elsewhere nobody may, though the page were one of ours.
    let mut wire = Wire::open(host.address);
    wire.send(
        format!(
            "OPTIONS /mcp HTTP/1.1\r\nHost: evil.example\r\nOrigin: {PAGE}\r\n\
             Access-Control-Request-Method: POST\r\n\r\n"
        )
        .as_bytes(),
    );
    let answer = wire.answer();
    assert_eq!(answer.head.status, 403);
    assert_unreadable(&answer.head);
    // OPTIONS that is no browser's question is a method as any other.
    let token = "Authorization: Bearer t\r\n";
    for asked in [token.to_owned(), format!("{token}Origin: {PAGE}\r\n")] {
        let mut wire = Wire::open(host.address);
        wire.send(format!("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n{asked}\r\n").as_bytes());
        assert_eq!(wire.answer().head.status, 405);
    }
}

#[test]
fn whatever_is_answered_the_page_may_read() {
    let host = host();
    let call = |method: &str| Modern::new(1, method, json!({})).header("Origin", PAGE);
    let with_token = |call: Modern| call.header("Authorization", "Bearer t").call(host.address);
    for (answer, status) in [
        (with_token(call("tools/list")), 200),
        (with_token(call("nothing")), 404),
        (with_token(call("tools/list").header("Mcp-Method", "x")), 400),
        (call("tools/list").call(host.address), 401),
    ] {
        assert_eq!(answer.head.status, status);
        assert_readable(&answer.head, PAGE);
    }
    assert_eq!(
        call("tools/list").call(host.address).head.header("www-authenticate"),
        Some("Bearer")
    );
    // Who is no page is told nothing of it.
    let plain = Modern::new(1, "tools/list", json!({})).header("Authorization", "Bearer t");
    assert_unreadable(&plain.call(host.address).head);
}

#[test]
fn streams_are_for_the_page_too() {
    let host = host();
    let filter = json!({ "resourceSubscriptions": ["file:///a"] });
    let listen = Modern::listen(1, filter).header("Authorization", "Bearer t");
    let mut wire = listen.clone().header("Origin", PAGE).send(host.address);
    let head = wire.head();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_readable(&head, PAGE);
    assert_eq!(wire.message()["method"], "notifications/subscriptions/acknowledged");
    host.app.update("file:///a");
    assert_eq!(wire.message()["params"]["uri"], "file:///a");
    let mut other = listen.send(host.address);
    assert_unreadable(&other.head());

    let extra = [("Authorization", "Bearer t"), ("Origin", PAGE)];
    let client = Legacy::open_with(host.address, "2025-11-25", &extra);
    let (head, stream) = client.get(&[]);
    assert_eq!(head.status, 200);
    assert_readable(&head, PAGE);
    let mut old = Wire::open(host.address);
    old.send(
        format!(
            "GET /sse HTTP/1.1\r\nHost: localhost\r\nOrigin: {PAGE}\r\nAuthorization: Bearer t\r\n\r\n"
        )
        .as_bytes(),
    );
    assert_readable(&old.head(), PAGE);
    assert_eq!(client.delete(), 204);
    drop((wire, other, stream, old));
    host.settle();
}
