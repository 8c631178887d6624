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
