//! `fanfare serve --admin`, `fanfare notify` and `fanfare stats`, as processes and over the socket.

#[path = "support/http.rs"]
mod http;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use http::{Legacy, Modern, Program, Raw, Wire, listen, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Folder, PROGRAM, Server, initialize_params, parse, tool};

/// A folder for sockets, which a server does not see.
struct Sockets(tempfile::TempDir);

impl Sockets {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("admin")
    }

    /// What is in it, by name.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A server over HTTP, with an admin socket.
fn start(folder: &Folder, admin: &Path, options: &[&str]) -> Program {
    let admin = admin.to_str().unwrap();
    Program::start(folder.root(), &[&["--admin", admin], options].concat())
}

fn serve(folder: &Folder, admin: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("serve").arg(folder.root()).args(["--http", "127.0.0.1:0", "--admin"]).arg(admin);
    command.stderr(Stdio::piped());
    command
}

fn run(admin: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).arg("--admin").arg(admin).output().unwrap()
}

/// How many a notification reached.
#[track_caller]
fn notify(admin: &Path, arguments: &[&str]) -> usize {
    let output = run(admin, &[&["notify"], arguments].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    let told = String::from_utf8(output.stdout).unwrap();
    let reached = told.strip_prefix("reached ").and_then(|it| it.strip_suffix('\n'));
    reached.unwrap_or_else(|| panic!("{told:?}")).parse().unwrap()
}

/// Why a command is not done.
#[track_caller]
fn refusal(admin: &Path, code: i32, arguments: &[&str]) -> String {
    let output = run(admin, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{said}");
    said
}

#[track_caller]
fn stats(admin: &Path, options: &[&str]) -> Value {
    let output = run(admin, &[&["stats", "--json"], options].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    parse(std::str::from_utf8(&output.stdout).unwrap())
}

/// The numbers of all sessions.
#[track_caller]
fn sessions(admin: &Path) -> Vec<u64> {
    let answer = stats(admin, &["--sessions"]);
    assert_eq!(answer["more"], 0);
    let rows = answer["sessions"].as_array().unwrap();
    rows.iter().map(|row| row["session"].as_u64().unwrap()).collect()
}

const UPDATED: &str = "notifications/resources/updated";

fn about(uri: &str) -> String {
    json!({ "uri": uri }).to_string()
}

#[test]
fn what_is_raised_is_heard_over_http_by_those_who_asked() {
    let (folder, sockets) = (Folder::new(&[("a", b"1"), ("b", b"1")]), Sockets::new());
    let admin = sockets.path();
    let program = start(&folder, &admin, &[]);
    let uri = folder.uri("a");
    let mut modern = listen(program.address, 1, &uri);
    let mut elsewhere = listen(program.address, 1, &folder.uri("b"));
    let client = Legacy::open(program.address, "2025-11-25");
    client.call(1, "resources/subscribe", json!({ "uri": uri }));
    let mut legacy = client.listen();

    assert_eq!(notify(&admin, &[UPDATED, &about(&uri)]), 2);
    assert_eq!(modern.message()["params"]["uri"], *uri);
    assert_eq!(legacy.message()["params"]["uri"], *uri);
    assert_eq!(notify(&admin, &[UPDATED, &about("file:///nobody's")]), 0);
    // Of the other file nothing was said before this.
    let context = ["--context", r#"{"x/size":7}"#];
    assert_eq!(notify(&admin, &[&[UPDATED, &about(&folder.uri("b"))], &context[..]].concat()), 1);
    let heard = elsewhere.message();
    assert_eq!(
        (&heard["params"]["uri"], &heard["params"]["_meta"]["x/size"]),
        (&json!(folder.uri("b")), &json!(7))
    );

    let numbers = stats(&admin, &[]);
    assert_eq!(
        (&numbers["engine"]["raised"], &numbers["engine"]["matched"]),
        (&json!(3), &json!(3))
    );
    until("the streams alone are open", || {
        let http = &stats(&admin, &[])["http"];
        [&http["connections"], &http["sessions"], &http["streams"]] == [0, 1, 3]
    });
    // Three streams, a session that was opened and has subscribed; and what was done in vain.
    let nothing = Modern::new(1, "nothing", json!({}));
    assert_eq!(nothing.call(program.address).head.status, 404);
    assert_eq!(Wire::open(program.address).get("/nothing", "").head.status, 404);
    let elsewhere = "Origin: https://evil.example\r\n";
    assert_eq!(Wire::open(program.address).get("/healthz", elsewhere).head.status, 403);
    let mut http = stats(&admin, &[])["http"].take();
    let counters = http.as_object_mut().unwrap();
    counters.retain(|name, value| {
        !["connections", "sessions", "streams"].contains(&&**name) && value != 0
    });
    let expected =
        json!({ "answers_2xx": 6, "answers_4xx": 3, "refused_origin": 1, "refused_path": 1 });
    assert_eq!(http, expected);
    let output = run(&admin, &["stats"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let mut words = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(words.any(|words| words == ["answers_4xx", "3"]), "{told}");
}

/// An operator may name a session as its client does, which the engine's numbers do not show.
#[test]
fn a_session_may_be_named_by_its_id() {
    let (folder, sockets) = (Folder::new(&[("a", b"1")]), Sockets::new());
    let (admin, uri) = (sockets.path(), folder.uri("a"));
    let program = start(&folder, &admin, &["--legacy-sse"]);
    let clients = [(); 2].map(|()| Legacy::open(program.address, "2025-06-18"));
    let mut wires = clients.each_ref().map(|client| {
        client.call(1, "resources/subscribe", json!({ "uri": uri }));
        client.listen()
    });
    let raise = |number: u32, to: &str| {
        let context = format!(r#"{{"x/n":{number}}}"#);
        notify(&admin, &[UPDATED, &about(&uri), "--to", to, "--context", &context])
    };
    let number = |wire: &mut Wire| wire.message()["params"]["_meta"]["x/n"].clone();
    assert_eq!(raise(1, &format!("session:{}", clients[0].session_id)), 1);
    assert_eq!(raise(2, &format!("except:{}", clients[0].session_id)), 1);
    assert_eq!(raise(3, "all"), 2);
    assert_eq!(wires.each_mut().map(number), [json!(1), json!(2)]);
    assert_eq!(wires.each_mut().map(number), [json!(3), json!(3)]);
    // So may one of the old transport.
    let mut old = Wire::open(program.address);
    old.send(format!("GET /sse HTTP/1.1\r\nHost: {}\r\n\r\n", program.address).as_bytes());
    assert_eq!(old.head().status, 200);
    let path = old.event().data.unwrap();
    let (_, id) = path.split_once("session=").unwrap();
    assert_eq!(raise(4, &format!("session:{id}")), 0);

    assert_eq!(clients[0].delete(), 204);
    for to in [clients[0].session_id.clone(), "x".repeat(32)] {
        let to = format!("session:{to}");
        let said = refusal(&admin, 1, &["notify", UPDATED, &about(&uri), "--to", &to]);
        assert!(said.contains("GONE: no session has that Mcp-Session-Id"), "{said}");
        assert!(!said.contains(&to), "{said}");
    }
}

#[test]
fn a_target_narrows_who_hears() {
    let (folder, sockets) = (Folder::new(&[("a", b"1")]), Sockets::new());
    let (admin, uri) = (sockets.path(), folder.uri("a"));
    let tokens = tempfile::NamedTempFile::new().unwrap();
    fs::write(tokens.path(), "one alice\ntwo bob\n").unwrap();
    let program = start(&folder, &admin, &["--token-file", tokens.path().to_str().unwrap()]);
    let of = |token: &str| {
        let filter = json!({ "resourceSubscriptions": [uri] });
        let token = format!("Bearer {token}");
        let mut wire =
            Modern::listen(1, filter).header("Authorization", &token).stream(program.address);
        assert_eq!(wire.message()["method"], "notifications/subscriptions/acknowledged");
        wire
    };
    let mut alice = of("one");
    let [first] = sessions(&admin)[..] else { panic!("there is one session") };
    let mut bob = of("two");
    let [_, second] = sessions(&admin)[..] else { panic!("there are two sessions") };

    // Each raising has a number, so that what was not meant for one shows as a gap.
    let raise = |number: u32, to: &str| {
        let context = format!(r#"{{"x/n":{number}}}"#);
        notify(&admin, &[UPDATED, &about(&uri), "--to", to, "--context", &context])
    };
    let number = |wire: &mut Wire| wire.message()["params"]["_meta"]["x/n"].clone();
    assert_eq!(raise(1, "principal:bob"), 1);
    assert_eq!(number(&mut bob), 1);
    assert_eq!(raise(2, &format!("session:{first}")), 1);
    assert_eq!(number(&mut alice), 2);
    assert_eq!(raise(3, &format!("except:{first}")), 1);
    assert_eq!(number(&mut bob), 3);
    assert_eq!(raise(4, "principal:carol"), 0);
    assert_eq!(raise(5, "all"), 2);
    assert_eq!((number(&mut alice), number(&mut bob)), (json!(5), json!(5)));

    drop(bob);
    until("bob has gone", || sessions(&admin) == [first]);
    let gone = format!("session:{second}");
    let said = refusal(&admin, 1, &["notify", UPDATED, &about(&uri), "--to", &gone]);
    assert!(said.contains("GONE: the session is gone"), "{said}");
}

#[test]
fn a_server_on_a_pipe_has_one_too() {
    let (folder, sockets) = (Folder::new(&[("a", b"1")]), Sockets::new());
    let (admin, uri) = (sockets.path(), folder.uri("a"));
    let mut server = Server::start_with(&folder, &["--admin", admin.to_str().unwrap()]);
    let result = server.call("initialize", initialize_params("2025-06-18"));
    assert_eq!(result["protocolVersion"], "2025-06-18");
    server.notify("notifications/initialized", Value::Null);
    server.call("resources/subscribe", json!({ "uri": uri }));
    // Params may have more than one line.
    assert_eq!(notify(&admin, &[UPDATED, &format!("{{\n  \"uri\":\r\n \"{uri}\"}}\n")]), 1);
    server.until_update(&uri);
    let alert = r#"{"level":"alert","data":{"disk":"nearly full"}}"#;
    assert_eq!(notify(&admin, &["notifications/message", alert]), 1);
    let (_, heard) = server.until("notifications/message");
    assert_eq!(heard["params"]["data"]["disk"], "nearly full");
    // What the server does not advertise, nobody hears.
    assert_eq!(notify(&admin, &["notifications/tools/list_changed"]), 0);

    let answer = stats(&admin, &["--sessions"]);
    let [row] = &answer["sessions"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(
        (&row["revision"], &row["stats"]["subscriptions"]),
        (&json!("2025-06-18"), &json!(1))
    );
    assert!(stats(&admin, &[]).get("http").is_none());

    server.process.close_stdin();
    assert_eq!(server.process.wait().code(), Some(0));
    assert_eq!(sockets.names(), [""; 0]);
}

#[test]
fn a_request_that_is_waited_for_can_be_told() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let mut server = Server::start_with(&folder, &["--admin", admin.to_str().unwrap()]);
    server.call("initialize", initialize_params("2025-11-25"));
    server.notify("notifications/initialized", Value::Null);
    let id = server.ask("tools/call", tool("wait", json!({ "seconds": 600 }), json!("t")));
    server.call("ping", Value::Null);
    let [session] = sessions(&admin)[..] else { panic!("there is one session") };
    let progress = r#"{"progressToken":"t","progress":9.5,"message":"from outside"}"#;
    let to = format!("request:{session}:{id}");
    assert_eq!(notify(&admin, &["notifications/progress", progress, "--to", &to]), 1);
    let (_, heard) = server.until_matches(|it| it["params"]["message"] == "from outside");
    assert_eq!(heard["params"]["progress"], 9.5);
    // An id that is a string is another one.
    let to = format!("request:{session}:\"{id}\"");
    let again = r#"{"progressToken":"t","progress":9.6}"#;
    assert_eq!(notify(&admin, &["notifications/progress", again, "--to", &to]), 0);
}

#[test]
fn what_cannot_be_done_is_said() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let _program = start(&folder, &admin, &[]);
    let long = json!({ "uri": "x".repeat(70_000) }).to_string();
    for (arguments, cause) in [
        (&["resources/updated"][..], "method: begins with notifications/"),
        (&["notifications/initialized"], "NOT_NEGOTIATED"),
        (&[UPDATED], "params"),
        (&[UPDATED, r#"{"uri":7}"#], "params.uri must be a string"),
        (&[UPDATED, &long], "params.max_bytes"),
        (&["notifications/message", r#"{"level":"loud","data":1}"#], "level"),
        (&[UPDATED, r#"{"uri":"x"}"#, "--to", "session:12345"], "GONE"),
        (&[UPDATED, r#"{"uri":"x"}"#, "--to", "request:1:{}"], "to.request: must be a string"),
        (&[UPDATED, r#"{"uri":"x"}"#, "--context", r#"{"progressToken":1}"#], "progressToken"),
    ] {
        let said = refusal(&admin, 1, &[&["notify"], arguments].concat());
        assert!(said.contains(cause), "{arguments:?}: {said}");
    }
    for (arguments, cause) in [
        (&["notify"][..], "METHOD"),
        (&["notify", UPDATED, "{"], "no JSON"),
        (&["notify", UPDATED, "[1]"], "no JSON object"),
        (&["notify", UPDATED, "--to", "everybody"], "session:N"),
        (&["notify", UPDATED, "--to", "session:alice"], "session:N"),
        (&["notify", UPDATED, "--to", "request:1:a"], "is JSON"),
        (&["notify", UPDATED, "--context", "7"], "no JSON object"),
        (&["stats", "--sessions=0"], "--sessions"),
    ] {
        let said = refusal(&admin, 2, arguments);
        assert!(said.contains(cause), "{arguments:?}: {said}");
    }
    // Nothing of that was raised.
    assert_eq!(stats(&admin, &[])["engine"]["raised"], 0);
}

#[test]
fn params_may_come_from_stdin() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let _program = start(&folder, &admin, &[]);
    for (text, code, told) in [("{\"uri\":\n\"x\"}", 0, "reached 0\n"), ("{\"uri\"", 1, "")] {
        let mut child = Command::new(PROGRAM)
            .args(["notify", UPDATED, "-", "--admin"])
            .arg(&admin)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(code), told.as_bytes()));
    }
}

#[test]
fn where_no_server_is_that_is_said() {
    let sockets = Sockets::new();
    let admin = sockets.path();
    for command in [&["stats"][..], &["notify", "notifications/x"]] {
        let said = refusal(&admin, 1, command);
        assert!(said.contains("no server is there: nothing has that name"), "{said}");
    }
    drop(UnixListener::bind(&admin).unwrap());
    let said = refusal(&admin, 1, &["stats"]);
    assert!(said.contains("no server is there: nobody listens"), "{said}");
    // Something that hangs up, and something that speaks of other things.
    for (words, cause) in [("", "went away"), ("SSH-2.0-server\n", "no JSON object")] {
        let path = sockets.0.path().join(format!("other{}", words.len()));
        let listener = UnixListener::bind(&path).unwrap();
        let other = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(words.as_bytes()).unwrap();
        });
        let said = refusal(&path, 1, &["stats"]);
        assert!(said.contains(cause), "{said}");
        other.join().unwrap();
    }
}

#[test]
fn the_socket_is_this_users_alone_and_goes_with_the_server() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let mut program = start(&folder, &admin, &[]);
    let there = fs::symlink_metadata(&admin).unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.permissions().mode() & 0o7777, 0o600);
    assert_eq!(sockets.names(), ["admin", "admin.fanfare-lock"]);
    let lock = fs::metadata(sockets.0.path().join("admin.fanfare-lock")).unwrap();
    assert_eq!(lock.permissions().mode() & 0o7777, 0o600);
    // Whoever is still connected does not hold up the end.
    let mut idle = Raw::open(&admin);
    assert_eq!(idle.ask(r#"{"op":"stats"}"#)["ok"], true);
    program.signal(Signal::TERM);
    assert_eq!(program.wait(), Some(0));
    assert_eq!(idle.answer(), None);
    assert_eq!(sockets.names(), [""; 0]);
}

#[test]
fn what_lives_at_the_path_is_left_alone() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let refused = |cause: &str| {
        let mut child = serve(&folder, &admin).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        // One that serves after all does not end by itself.
        drop(child.kill());
        let path = admin.to_str().unwrap();
        assert!(said.contains(cause) && said.contains(path), "{said}");
        child.wait().unwrap();
    };
    let end = || serve(&folder, &admin).output().unwrap().status.code();
    let first = start(&folder, &admin, &[]);
    refused("a server serves there already");
    assert_eq!(stats(&admin, &[])["ok"], Value::Null);
    assert_eq!(end(), Some(1));
    drop(first);

    // A server that was killed leaves a socket, which the next one replaces.
    assert_eq!(sockets.names(), ["admin", "admin.fanfare-lock"]);
    let second = start(&folder, &admin, &[]);
    assert_eq!(stats(&admin, &[])["engine"]["sessions"], 0);
    drop(second);
    fs::remove_file(&admin).unwrap();

    let other = UnixListener::bind(&admin).unwrap();
    refused("somebody listens there already");
    drop(other);
    fs::remove_file(&admin).unwrap();
    fs::write(&admin, "precious").unwrap();
    refused("is no socket");
    assert_eq!(fs::read(&admin).unwrap(), b"precious");
    fs::remove_file(&admin).unwrap();
    std::os::unix::fs::symlink(folder.root(), &admin).unwrap();
    refused("is no socket");
    // And nothing of ours is left.
    assert_eq!(sockets.names(), ["admin"]);
}

#[test]
fn what_has_taken_the_place_meanwhile_is_left_alone() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let mut program = start(&folder, &admin, &[]);
    fs::remove_file(&admin).unwrap();
    let _other = UnixListener::bind(&admin).unwrap();
    program.signal(Signal::TERM);
    assert_eq!(program.wait(), Some(0));
    assert_eq!(sockets.names(), ["admin"]);
    drop(UnixStream::connect(&admin).unwrap());
}

#[test]
fn of_many_that_begin_at_once_one_is_the_server() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    drop(UnixListener::bind(&admin).unwrap());
    let mut children: Vec<_> = (0..4)
        .map(|_| {
            let mut child = serve(&folder, &admin).spawn().unwrap();
            let stderr = BufReader::new(child.stderr.take().unwrap());
            (child, stderr)
        })
        .collect();
    let said: Vec<_> = children
        .iter_mut()
        .map(|(_, stderr)| {
            let mut line = String::new();
            stderr.read_line(&mut line).unwrap();
            line
        })
        .collect();
    let answer = run(&admin, &["stats"]);
    for (mut child, _) in children {
        drop(child.kill());
        child.wait().unwrap();
    }
    let (serving, refused): (Vec<_>, Vec<_>) =
        said.iter().partition(|line| line.starts_with("listening on"));
    assert_eq!(serving.len(), 1, "{said:?}");
    assert!(refused.iter().all(|line| line.contains("a server serves there already")), "{said:?}");
    assert_eq!(answer.status.code(), Some(0));
}

#[test]
fn the_wire_is_read_strictly_and_bounded() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let _program = start(&folder, &admin, &[]);
    let mut raw = Raw::open(&admin);
    for (line, text) in [
        ("hello", "the command is not a JSON object"),
        ("[]", "the command is not a JSON object"),
        ("{}", "op: missing"),
        (r#"{"op":"shutdown"}"#, "op: no such command"),
        (r#"{"op":"stats","session":1}"#, "session: no such field"),
        (r#"{"op":"stats","op":"stats"}"#, "op: given twice"),
        (r#"{"op":"notify"}"#, "method: missing"),
        (r#"{"op":"notify","method":7}"#, "method: must be a string"),
        (r#"{"op":"notify","method":"notifications/x","params":[]}"#, "params: must be an object"),
        (r#"{"op":"notify","method":"notifications/x","to":{}}"#, "to: give one of"),
        (
            r#"{"op":"notify","method":"notifications/x","to":{"session":-1}}"#,
            "to.session: must be",
        ),
        (r#"{"op":"notify","method":"notifications/x","to":{"request":1}}"#, "to.request: needs"),
        (r#"{"op":"notify","method":"notifications/x","to":{"all":1}}"#, "to.all: no such field"),
        (r#"{"op":"sessions","max":10001}"#, "max: must be a whole number from 0 to 10000"),
    ] {
        let answer = raw.ask(line);
        let said = answer["error"]["text"].as_str().unwrap_or_else(|| panic!("{line}: {answer}"));
        assert!(said.contains(text), "{line}: {said}");
    }
    raw.send(b"\xff\n");
    assert_eq!(raw.answer().unwrap()["error"]["code"], "UTF8");
    let long = vec![b' '; (1 << 20) + 1];
    raw.send(&long);
    raw.send(b"\n{\"op\":\"stats\"}\n");
    assert_eq!(raw.answer().unwrap()["error"]["code"], "LIMIT");
    assert_eq!(raw.answer().unwrap()["ok"], true);
    // Several at once are answered in order, and the last one needs no end.
    raw.send(b"{\"op\":\"sessions\"}\r\n\n{\"op\":\"stats\"}");
    raw.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(raw.answer().unwrap()["sessions"], json!([]));
    assert!(raw.answer().unwrap()["engine"].is_object());
    assert_eq!(raw.answer(), None);
}

#[test]
fn more_connections_than_allowed_are_told_so() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let _program = start(&folder, &admin, &[]);
    let mut all: Vec<_> = (0..8).map(|_| Raw::open(&admin)).collect();
    all.iter_mut().for_each(|raw| assert_eq!(raw.ask(r#"{"op":"stats"}"#)["ok"], true));
    let said = refusal(&admin, 1, &["stats"]);
    assert!(said.contains("LIMIT: 8 connections are open"), "{said}");
    // Those that have a place keep it, and one that goes makes room.
    all.iter_mut().for_each(|raw| assert_eq!(raw.ask(r#"{"op":"stats"}"#)["ok"], true));
    drop(all.pop());
    until("there is room", || run(&admin, &["stats"]).status.success());
}

#[test]
fn numbers_and_sessions_are_shown_to_a_person() {
    let (folder, sockets) = (Folder::new(&[("a", b"1")]), Sockets::new());
    let admin = sockets.path();
    let program = start(&folder, &admin, &[]);
    let _client = Legacy::open(program.address, "2025-03-26");
    let _modern = listen(program.address, 1, &folder.uri("a"));
    let shown = |options: &[&str]| {
        let output = run(&admin, &[&["stats"], options].concat());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = shown(&[]);
    let value = |name: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {text}"));
        line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    assert!(text.starts_with("engine\n") && text.contains("\nhttp\n"), "{text}");
    assert_eq!((value("subscriptions "), value("rejected ")), (1, 0));
    let text = shown(&["--sessions"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].contains("2025-03-26") && lines[2].contains("2026-07-28"), "{text}");
    let text = shown(&["--sessions", "1"]);
    assert_eq!(text.lines().last(), Some("and 1 more"), "{text}");
}

#[test]
fn a_client_that_reads_nothing_holds_up_neither_others_nor_the_end() {
    let (folder, sockets) = (Folder::new(&[]), Sockets::new());
    let admin = sockets.path();
    let mut program = start(&folder, &admin, &[]);
    let mut greedy = Raw::open(&admin);
    greedy.0.get_ref().set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let many = b"{\"op\":\"stats\"}\n".repeat(1000);
    let stuck = (0..1000).any(|_| greedy.0.get_mut().write_all(&many).is_err());
    assert!(stuck, "the server takes commands whose answers nobody reads");
    assert_eq!(stats(&admin, &[])["engine"]["sessions"], 0);
    program.signal(Signal::TERM);
    assert_eq!(program.wait(), Some(0));
    let mut rest = Vec::new();
    drop(greedy.0.read_to_end(&mut rest));
    assert!(rest.len() < 4 << 20, "{}", rest.len());
}
