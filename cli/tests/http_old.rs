//! The transport of 2024-11-05, over real sockets.

#[path = "support/http.rs"]
mod http;

use fanfare_cli::http::{Options, Tokens};
use http::*;
use serde_json::{Value, json};

const URI: &str = "file:///a.txt";

fn host() -> Host {
    Host::with(&[], |options| Options { has_old_transport: true, ..options })
}

/// A client with its stream and the path that it posts to.
struct Old {
    stream: Wire,
    path: String,
    headers: &'static str,
}

impl Old {
    #[track_caller]
    fn open(host: &Host, headers: &'static str) -> Self {
        let mut stream = Wire::open(host.address);
        let accept = "Accept: text/event-stream\r\n";
        stream.send(
            format!("GET /sse HTTP/1.1\r\nHost: localhost\r\n{accept}{headers}\r\n").as_bytes(),
        );
        let head = stream.head();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(head.header("mcp-session-id"), None);
        let first = stream.event();
        assert_eq!(first.name.as_deref(), Some("endpoint"));
        let path = first.data.unwrap();
        assert!(path.starts_with("/messages?session="), "{path}");
        Self { stream, path, headers }
    }

    #[track_caller]
    fn post(&self, message: &Value) -> u16 {
        self.post_as(message, self.headers)
    }

    #[track_caller]
    fn post_as(&self, message: &Value, headers: &str) -> u16 {
        let mut wire = Wire::open(self.stream.socket.peer_addr().unwrap());
        let (path, body) = (&self.path, message.to_string());
        let len = body.len();
        wire.send(
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len}\r\n\r\n{body}")
                .as_bytes(),
        );
        wire.answer().head.status
    }

    /// Shakes hands.
    #[track_caller]
    fn initialize(&mut self) {
        let params = json!({
            "protocolVersion": "2024-11-05",
            "capabilities": {},
            "clientInfo": { "name": "t", "version": "1" },
        });
        assert_eq!(self.post(&request(0, "initialize", params)), 202);
        assert_eq!(self.stream.message()["result"]["protocolVersion"], "2024-11-05");
        let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(self.post(&done), 202);
    }
}

#[test]
fn everything_comes_on_the_one_stream() {
    let host = host();
    let mut client = Old::open(&host, "");
    client.initialize();
    assert_eq!(client.post(&request(1, "resources/subscribe", json!({ "uri": URI }))), 202);
    let answer = client.stream.event();
    assert_eq!((answer.id.clone(), answer.retry), (None, None));
    assert_eq!(answer.json(), json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    host.app.update(URI);
    assert_eq!(client.stream.message()["params"]["uri"], URI);
    assert_eq!(client.post(&tool(2, "steps", json!({ "n": 2 }))), 202);
    let mut message = client.stream.message();
    while message["method"] == "notifications/progress" {
        message = client.stream.message();
    }
    assert_eq!(message["id"], 2);
    // What is no message is answered there, or not at all.
    assert_eq!(client.post(&json!(7)), 202);
    assert_eq!(client.post(&request(3, "ping", json!({}))), 202);
    while client.stream.message()["id"] != 3 {}
    // The session ends with its stream.
    assert_eq!(host.meter.read().sessions, 1);
    let Old { stream, path, headers } = client;
    drop(stream);
    host.settle();
    assert_eq!(host.app.gone.lock().unwrap().len(), 1);
    let late = Old { stream: Wire::open(host.address), path, headers };
    assert_eq!(late.post(&request(4, "ping", json!({}))), 404);
}

#[test]
fn it_is_its_principals_alone_and_not_streamable_http() {
    let host = Host::with(&[], |options| Options {
        has_old_transport: true,
        tokens: Tokens::parse("aaa alice\nbbb bob\n").unwrap(),
        ..options
    });
    let mut client = Old::open(&host, "Authorization: Bearer aaa\r\n");
    client.initialize();
    let ping = request(1, "ping", json!({}));
    assert_eq!(client.post_as(&ping, "Authorization: Bearer bbb\r\n"), 404);
    assert_eq!(client.post_as(&ping, ""), 401);
    // Its id is none at the other endpoint.
    let id = client.path.rsplit('=').next().unwrap();
    let mut wire = Wire::open(host.address);
    let pairs = [BOTH, ("Mcp-Session-Id", id), ("Authorization", "Bearer aaa")];
    wire.request("POST", &pairs, &ping.to_string());
    assert_eq!(wire.answer().head.status, 404);
    assert_eq!(client.post(&ping), 202);
    assert_eq!(client.stream.message()["id"], 1);
}

#[test]
fn it_is_there_only_where_it_is_asked_for_and_by_its_methods() {
    let host = Host::new();
    let mut wire = Wire::open(host.address);
    for path in ["/sse", "/messages?session=x"] {
        assert_eq!(wire.get(path, "").head.status, 404);
    }
    drop((wire, host));
    let mut host = self::host();
    let mut wire = Wire::open(host.address);
    let answer = wire.get("/messages?session=x", "");
    assert_eq!((answer.head.status, answer.head.header("allow")), (405, Some("POST")));
    wire.send(b"POST /sse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let answer = wire.answer();
    assert_eq!((answer.head.status, answer.head.header("allow")), (405, Some("GET")));
    assert_eq!(wire.get("/sse", "Origin: https://evil.example\r\n").head.status, 403);
    // It ends with the server.
    let mut client = Old::open(&host, "");
    client.initialize();
    host.stop();
    client.stream.end();
    host.join().unwrap();
}
