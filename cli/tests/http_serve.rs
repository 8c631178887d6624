//! `fanfare serve --http`, as a process.

#[path = "support/http.rs"]
mod http;

use std::process::Command;

use http::*;
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_write_is_heard_in_both_eras() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::write(root.join("a.txt"), "one").unwrap();
    let uri = format!("file://{}/a.txt", root.display());
    let program = Program::start(&root, &[]);

    let mut modern = listen(program.address, 1, &uri);
    let client = Legacy::open(program.address, "2025-11-25");
    client.call(1, "resources/subscribe", json!({ "uri": uri }));
    let mut legacy = client.listen();

    std::fs::write(root.join("a.txt"), "two").unwrap();
    assert_eq!(modern.message()["params"]["uri"], json!(uri));
    assert_eq!(legacy.message()["params"]["uri"], json!(uri));
    let read = Modern::new(2, "resources/read", json!({ "uri": uri })).call(program.address);
    assert_eq!(read.json()["result"]["contents"][0]["text"], "two");

    let sum =
        Modern::tool(3, "checksum", json!({ "path": "a.txt" })).send(program.address).answer();
    assert_eq!(sum.head.status, 200);
    assert!(sum.body.contains(r#""resultType":"complete""#), "{sum:?}");
}

#[test]
fn it_ends_by_sigterm_with_exit_code_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), &[]);
    program.signal(Signal::TERM);
    assert_eq!(program.wait(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), &[]);
    let output = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .arg("serve")
        .arg(folder.path())
        .args(["--http", &program.address.to_string()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("cannot listen on {}", program.address)), "{said}");
}

#[test]
fn tokens_names_and_pages_are_as_the_options_say() {
    let folder = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret alice\n").unwrap();
    let path = file.path().to_str().unwrap();
    let options = ["--token-file", path, "--allow-origin", "https://app.example"];
    let program = Program::start(folder.path(), &options);
    let list = || Modern::new(1, "tools/list", json!({}));
    let token = || list().header("Authorization", "Bearer secret");
    assert_eq!(list().call(program.address).head.status, 401);
    assert_eq!(token().call(program.address).head.status, 200);
    let from = |origin| token().header("Origin", origin).call(program.address).head.status;
    assert_eq!(from("https://app.example"), 200);
    assert_eq!(from("https://evil.example"), 403);

    std::fs::write(file.path(), "secret\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .arg("serve")
        .arg(folder.path())
        .args(["--http", "127.0.0.1:0", "--token-file", path])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("line 1: it takes TOKEN PRINCIPAL"), "{said}");
    // Without --http they mean nothing.
    let output = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .args(["serve", "--token-file", path])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// The calls of one client are bounded on their own, so that they leave room for others'.
#[test]
fn a_client_that_has_used_up_its_share_blocks_no_other() {
    const SHARE: u64 = 32;
    const REFUSED: &str = "32 calls of this client are running, and it may have no more";
    let folder = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a alice\nb bob\n").unwrap();
    // It reports when a tenth of that has passed, and so that it has begun.
    let (long, short) = (json!({ "seconds": 60 }), json!({ "seconds": 0 }));
    let named = Program::start(folder.path(), &["--token-file", file.path().to_str().unwrap()]);
    let nameless = Program::start(folder.path(), &[]);

    // Principals share, whatever sessions they have, and without names sessions.
    let call = |token: &str, id: u64, arguments: &serde_json::Value| {
        let call = Modern::tool(id, "wait", arguments.clone()).header("Authorization", token);
        call.send(named.address)
    };
    let extra = [("Authorization", "Bearer a")];
    let alice = Legacy::open_with(named.address, "2025-11-25", &extra);
    let of_alice = (0..SHARE).map(|id| match id % 2 {
        0 => call("Bearer a", id, &long),
        _ => alice.send(&tool_of(id, &long)),
    });
    let clients = [(); 2].map(|()| Legacy::open(nameless.address, "2025-11-25"));
    let of_one = (0..SHARE).map(|id| clients[0].send(&tool_of(id, &long)));
    let running = all_begun(of_alice.chain(of_one).collect());

    let answer = call("Bearer a", 100, &short).answer();
    assert_eq!(answer.json()["error"]["message"], REFUSED);
    assert!(alice.post(&tool_of(101, &short)).body.contains(REFUSED));
    let complete = r#""resultType":"complete""#;
    assert!(call("Bearer b", 1, &short).answer().body.contains(complete));

    assert!(clients[0].post(&tool_of(100, &short)).body.contains(REFUSED));
    let answer = clients[1].post(&tool_of(1, &short));
    assert!(answer.body.contains("waited 0 s"), "{answer:?}");
    let answer = Modern::tool(1, "wait", short.clone()).call(nameless.address);
    assert!(answer.body.contains(complete), "{answer:?}");

    // What is given up is free again.
    drop(running);
    until("there is room", || call("Bearer a", 102, &short).answer().body.contains(complete));
}

/// Waits until all these calls report.
fn all_begun(mut wires: Vec<Wire>) -> Vec<Wire> {
    for wire in &mut wires {
        assert_eq!(wire.head().status, 200);
        assert_eq!(wire.message()["method"], "notifications/progress");
    }
    wires
}

/// A call of `wait`, with a token of its own.
fn tool_of(id: u64, arguments: &serde_json::Value) -> serde_json::Value {
    let meta = json!({ "progressToken": id });
    request(id, "tools/call", json!({ "name": "wait", "arguments": arguments, "_meta": meta }))
}

/// What is wrong with params is said by its name.
#[test]
fn a_uri_that_is_no_string_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), &[]);
    let client = Legacy::open(program.address, "2025-11-25");
    for (uri, what) in [
        (json!({ "uri": 7 }), "params.uri must be a string, not 7"),
        (json!({ "uri": { "a": 1 } }), "params.uri must be a string, not an object"),
        (json!({}), "params.uri is missing"),
    ] {
        assert_eq!(client.call(1, "resources/read", uri)["error"]["message"], what);
    }
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let error = &client.call(2, method, json!({ "uri": 7 }))["error"];
        assert_eq!(*error, json!({ "code": -32602, "message": "params.uri must be a URI" }));
    }
}

#[test]
fn sigterm_ends_a_listen_with_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), &[]);
    let mut wire = listen(program.address, "l", "file:///a.txt");
    program.signal(Signal::INT);
    assert_eq!(wire.message()["id"], "l");
    wire.end();
    assert_eq!(program.wait(), Some(0));
}
