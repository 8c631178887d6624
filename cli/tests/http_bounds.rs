//! Who may call, how much, how slowly, and what is wrong with what they send: over real sockets.

#[path = "support/http.rs"]
mod http;

use std::io::Write as _;
use std::time::Duration;

use fanfare::http::{Endpoint, Hosts, Origins};
use fanfare_cli::http::{Options, Tokens};
use http::*;
use serde_json::json;

const URI: &str = "file:///a.txt";

fn tokens() -> Tokens {
    Tokens::parse("aaa alice\nbbb bob\n").unwrap()
}

#[test]
fn without_a_token_it_is_401() {
    let host = Host::with(&[], |options| Options { tokens: tokens(), ..options });
    let list = || Modern::new(1, "tools/list", json!({}));
    let none = list().call(host.address);
    assert_eq!(none.head.status, 401);
    assert_eq!(none.head.header("www-authenticate"), Some("Bearer"));
    let wrong = list().header("Authorization", "Bearer aab").call(host.address);
    assert_eq!(wrong.head.status, 401);
    assert_eq!(wrong.head.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
    let right = list().header("Authorization", "Bearer aaa").call(host.address);
    assert_eq!(right.head.status, 200);
    // Before the body is read, and whatever it is.
    let mut wire = Wire::open(host.address);
    wire.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
    assert_eq!(wire.answer().head.status, 401);
    assert_eq!(host.engine().stats().received, 1);
}

#[test]
fn a_session_is_its_principals_alone() {
    let host = Host::with(&[], |options| Options { tokens: tokens(), ..options });
    let alice = Legacy::open_with(host.address, "2025-11-25", &[("Authorization", "Bearer aaa")]);
    let extra = vec![("Authorization".to_owned(), "Bearer bbb".to_owned())];
    let eve = Legacy { extra, ..alice.clone() };
    assert_eq!(eve.post(&request(1, "ping", json!({}))).head.status, 404);
    assert_eq!(eve.get(&[]).0.status, 404);
    assert_eq!(eve.delete(), 404);
    assert_eq!(alice.call(1, "ping", json!({}))["result"], json!({}));
    // What is for one principal reaches nobody else.
    let mut hers = alice.listen();
    let bob = Legacy::open_with(host.address, "2025-11-25", &[("Authorization", "Bearer bbb")]);
    let mut his = bob.listen();
    let to = fanfare::Raise::to(fanfare::Target::Principal("alice"));
    host.engine().notify_tool_list_changed(&to).unwrap();
    host.engine().notify_resource_list_changed(&fanfare::Raise::ALL).unwrap();
    assert_eq!(hers.message()["method"], "notifications/tools/list_changed");
    assert_eq!(hers.message()["method"], "notifications/resources/list_changed");
    assert_eq!(his.message()["method"], "notifications/resources/list_changed");
}

#[test]
fn a_principal_has_so_much_and_no_more() {
    let host = Host::with(&[], |options| Options {
        tokens: tokens(),
        max_connections_per_principal: 2,
        ..options
    });
    let as_alice = |call: Modern| call.header("Authorization", "Bearer aaa");
    let filter = || json!({ "resourceSubscriptions": [URI] });
    let first = as_alice(Modern::listen(1, filter())).stream(host.address);
    let _second = as_alice(Modern::listen(2, filter())).stream(host.address);
    let list = || Modern::new(3, "tools/list", json!({}));
    assert_eq!(as_alice(list()).call(host.address).head.status, 429);
    let bob = list().header("Authorization", "Bearer bbb").call(host.address);
    assert_eq!(bob.head.status, 200);
    drop(first);
    until("her place is free", || as_alice(list()).call(host.address).head.status == 200);
}

#[test]
fn beyond_the_limit_of_connections_nobody_is_accepted_until_one_goes() {
    let host = Host::with(&[], |options| Options { max_connections: 2, ..options });
    let first = listen(host.address, 1, URI);
    let _second = listen(host.address, 2, URI);
    let mut third = Modern::new(3, "tools/list", json!({})).send(host.address);
    third.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut piece = [0; 1];
    assert!(std::io::Read::read(&mut third.socket, &mut piece).is_err());
    third.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(first);
    assert_eq!(third.answer().head.status, 200);
}

#[test]
fn pages_and_names_are_those_that_are_allowed() {
    let endpoint = Endpoint::new()
        .origins(Origins::none().allow("https://app.example").unwrap())
        .hosts(Hosts::loopback().allow("mcp.example").unwrap());
    let host = Host::with(&[], |options| Options { endpoint, ..options });
    let status = |host_header: &str, origin: &str| {
        let call = Modern::new(1, "tools/list", json!({})).header("Origin", origin);
        let mut wire = Wire::open(host.address);
        let mut text = format!("POST /mcp HTTP/1.1\r\nHost: {host_header}\r\n");
        call.pairs()
            .iter()
            .for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        wire.send(
            format!("{text}Content-Length: {}\r\n\r\n{}", call.body.len(), call.body).as_bytes(),
        );
        wire.answer().head.status
    };
    assert_eq!(status("localhost", "https://app.example"), 200);
    assert_eq!(status("mcp.example", "https://app.example"), 200);
    assert_eq!(status("mcp.example:80", "https://app.example"), 200);
    assert_eq!(status("evil.example", "https://app.example"), 403);
    assert_eq!(status("localhost", "https://evil.example"), 403);
    assert_eq!(status("localhost", "http://app.example"), 403);
    assert_eq!(status("localhost", "null"), 403);
}

#[test]
fn who_is_slow_is_not_waited_for() {
    let host = Host::with(&[], |options| Options {
        head_timeout: Duration::from_millis(100),
        body_timeout: Duration::from_millis(100),
        write_timeout: Duration::from_millis(100),
        ..options
    });
    let mut other = listen(host.address, 1, URI);
    // Nothing, half a head, half a body, a head a byte at a time.
    let silent = Wire::open(host.address);
    let mut half = Wire::open(host.address);
    half.send(b"POST /mcp HTTP/1.1\r\nHost: loc");
    let mut body = Wire::open(host.address);
    body.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    let mut slow = Wire::open(host.address);
    let mut left =
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: ".iter().chain([b'x'; 10_000].iter());
    until("it is given up", || slow.socket.write_all(&[*left.next().unwrap()]).is_err());
    for mut wire in [silent, half] {
        assert!(wire.try_head().is_none_or(|head| head.status == 408));
    }
    let answer = body.answer();
    assert_eq!((answer.head.status, answer.head.header("connection")), (408, Some("close")));
    // A connection that is kept open without asking for anything.
    let mut idle = Wire::open(host.address);
    let call = Modern::new(1, "tools/list", json!({}));
    idle.request("POST", &call.pairs(), &call.body);
    assert_eq!(idle.answer().head.status, 200);
    assert!(idle.is_closed());
    // An answer that is not read.
    let unread = Modern::tool(2, "hold", json!({})).send(host.address).narrow();
    host.app.answer_held(&too_much());
    until("only the listen is left", || {
        let open = host.meter.read();
        (open.connections, open.streams) == (0, 1)
    });
    drop(unread);
    host.app.update(URI);
    assert_eq!(other.message()["params"]["uri"], URI);
}

#[test]
fn what_is_malformed_has_its_status_and_nobody_else_notices() {
    let host = Host::with(&[], |options| Options { max_body_bytes: 100_000, ..options });
    let mut other = listen(host.address, 1, URI);
    let session = Legacy::open(host.address, "2025-06-18");
    let head =
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\n";
    let with_body = |body: &[u8]| {
        let mut bytes = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        bytes
    };
    let in_session = |body: &str| {
        let mut bytes = with_body(body.as_bytes());
        let id = format!("Mcp-Session-Id: {}\r\n", session.session_id);
        drop(bytes.splice(head.len()..head.len(), id.into_bytes()));
        bytes
    };
    let many: String = (0..100_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let deep = format!("{}{}", "[".repeat(40_000), "]".repeat(40_000));
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("no HTTP", b"hello\r\n\r\n".to_vec(), 400),
        ("a version of tomorrow", b"POST /mcp HTTP/9.9\r\n\r\n".to_vec(), 400),
        ("a header without a name", format!("{head}: x\r\n\r\n").into_bytes(), 400),
        ("a NUL in a header", format!("{head}X: a\0b\r\n\r\n").into_bytes(), 400),
        (
            "two lengths",
            format!("{head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x").into_bytes(),
            400,
        ),
        ("a negative length", format!("{head}Content-Length: -1\r\n\r\n").into_bytes(), 400),
        ("a length that is none", format!("{head}Content-Length: x\r\n\r\n").into_bytes(), 400),
        (
            "a length beyond all numbers",
            format!("{head}Content-Length: 99999999999999999999\r\n\r\n").into_bytes(),
            400,
        ),
        (
            "chunks that are none",
            format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
            400,
        ),
        (
            "a coding that is unknown",
            format!("{head}Transfer-Encoding: gzip\r\n\r\n").into_bytes(),
            400,
        ),
        (
            "1 GiB announced",
            format!("{head}Content-Length: 1073741824\r\n\r\n{{").into_bytes(),
            413,
        ),
        (
            "a chunk of 1 GiB",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n40000000\r\n{}", "x".repeat(200_000))
                .into_bytes(),
            413,
        ),
        ("too much", with_body(&vec![b' '; 100_001]), 413),
        ("100,000 headers", format!("{head}{many}\r\n").into_bytes(), 431),
        (
            "a header of 1 MiB",
            format!("{head}X: {}\r\n\r\n", "y".repeat(1 << 20)).into_bytes(),
            431,
        ),
        ("129 headers", format!("{head}{}\r\n", "X: y\r\n".repeat(129)).into_bytes(), 431),
        (
            "a path of 100 kB",
            format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(100_000)).into_bytes(),
            414,
        ),
        ("no body", with_body(b""), 400),
        ("no JSON", with_body(b"{"), 400),
        ("no UTF-8", with_body(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}"), 400),
        ("a byte order mark", with_body("\u{feff}{}".as_bytes()), 400),
        ("no object", with_body(b"7"), 400),
        ("deep", with_body(deep.as_bytes()), 400),
        ("no method", with_body(br#"{"jsonrpc":"2.0","id":1}"#), 400),
        ("an id that is null", with_body(br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#), 400),
        (
            "an id that is an object",
            with_body(br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#),
            400,
        ),
        ("no session", with_body(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), 400),
        ("no JSON in a session", in_session("{"), 400),
        ("a batch in a session that has none", in_session("[]"), 400),
        (
            "a name that is two",
            format!("{head}Host: evil.example\r\nContent-Length: 0\r\n\r\n").into_bytes(),
            403,
        ),
    ];
    let mut wrong = Vec::new();
    for (what, bytes, status) in cases {
        let mut wire = Wire::open(host.address);
        // The server may have said enough before all is sent.
        drop(wire.socket.write_all(&bytes));
        let seen = wire.try_head().map(|head| head.status);
        if seen != Some(status) {
            wrong.push((what, seen, status));
        }
        host.app.update(URI);
        assert_eq!(other.message()["params"]["uri"], URI, "{what}");
        assert_eq!(session.call(1, "ping", json!({}))["result"], json!({}), "{what}");
    }
    assert_eq!(wrong, [], "what, its status, what it should be");
    // Who speaks HTTP/2 would understand no answer.
    let mut wire = Wire::open(host.address);
    wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(wire.try_head().is_none());
    // Half-open: the client breaks off in the middle of everything.
    for bytes in [&b"POST"[..], head.as_bytes(), &with_body(b"{}")[..head.len() + 21]] {
        let mut wire = Wire::open(host.address);
        wire.send(bytes);
        wire.half_close();
        assert!(wire.try_head().is_none_or(|head| head.status == 400));
    }
    assert_eq!(session.delete(), 204);
    drop(other);
    host.settle();
}
