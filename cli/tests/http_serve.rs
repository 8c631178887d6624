//! `fanfare serve --http`, as a process.

#[path = "support/http.rs"]
mod http;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use http::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// A server of a folder.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(folder: &std::path::Path, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .arg("serve")
            .arg(folder)
            .args(["--http", "127.0.0.1:0"])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.and_then(|it| it.strip_suffix("/mcp"));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        std::thread::spawn(move || stderr.lines().for_each(|line| eprintln!("{line:?}")));
        Self { child, address }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

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
    let mut status = None;
    until("it has ended", || {
        status = program.child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
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
    until("it has ended", || program.child.try_wait().unwrap().is_some());
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}
