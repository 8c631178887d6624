//! `fanfare serve` and its pipe: what is no message, what comes to an end, and who does not read.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Folder, PROGRAM, Process, Server, initialize_params, message, parse};

/// Lines that are no JSON-RPC messages, and the code that says what is wrong with each.
const BAD: [(&[u8], i64); 9] = [
    (b"nonsense", -32700),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":", -32700),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\xff\"}", -32700),
    (b"\xff\xfe\x00", -32700),
    (b"[]", -32600),
    (b"1", -32600),
    (b"null", -32600),
    (b"{}", -32600),
    (b"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", -32600),
];

#[test]
fn a_bad_line_is_refused_and_the_next_one_is_served() {
    let folder = Folder::new(&[]);
    let mut server = Server::legacy(&folder, "2025-11-25");
    for (line, code) in BAD {
        server.process.write(&[line, b"\n"].concat());
        let refused = server.next();
        assert_eq!(refused["error"]["code"], code, "{}: {refused}", String::from_utf8_lossy(line));
        assert_eq!(refused["jsonrpc"], "2.0");
        assert_eq!(server.call("ping", Value::Null), json!({}));
    }
}

#[test]
fn a_bad_line_gets_no_answer_where_none_is_possible() {
    // Before 2025-11-25 an error must have an id, and there is none to give.
    let folder = Folder::new(&[]);
    for revision in ["2024-11-05", "2025-06-18"] {
        let mut server = Server::legacy(&folder, revision);
        server.process.write(b"nonsense\n\xff\n\r\n\n{}\n");
        assert_eq!(server.call("ping", Value::Null), json!({}));
        for kept in server.kept() {
            assert!(kept.get("method").is_none(), "{revision}: {kept}");
            assert!(kept.get("id").is_some_and(|id| !id.is_null()), "{revision}: {kept}");
        }
    }
}

#[test]
fn a_line_of_ten_mebibytes_is_refused_with_the_limit() {
    let folder = Folder::new(&[]);
    let mut server = Server::legacy(&folder, "2025-11-25");
    let mut line =
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":\"".to_vec();
    line.resize(10 << 20, b'x');
    line.extend_from_slice(b"\"}}\n");
    server.process.write(&line);
    let refused = server.next();
    let error = &refused["error"];
    assert!(error["code"].is_i64(), "{refused}");
    assert!(error["message"].as_str().unwrap().contains(&(4 << 20).to_string()), "{refused}");
    assert_eq!(server.call("ping", Value::Null), json!({}));
}

#[test]
fn a_batch_is_served_where_the_revision_has_them() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let batch = json!([
        message(Some(json!("ping")), "ping", Value::Null),
        message(Some(json!("list")), "resources/list", json!({})),
        message(None, "notifications/cancelled", json!({ "requestId": 5 })),
        message(Some(json!("sub")), "resources/subscribe", json!({ "uri": folder.uri("a.txt") })),
        message(Some(json!("sum")), "tools/call", json!({ "name": "checksum", "arguments": {} })),
    ]);
    // R6
    let mut server = Server::legacy(&folder, "2025-03-26");
    server.send(&batch);
    let mut ids = vec![];
    while ids.len() < 4 {
        // The checksum may log in between.
        ids.extend(server.next()["id"].as_str().map(str::to_owned));
    }
    ids.sort_unstable();
    assert_eq!(ids, ["list", "ping", "sub", "sum"]);
    folder.write("a.txt", b"22");
    server.until_update(&folder.uri("a.txt"));
    // R5
    let mut server = Server::legacy(&folder, "2025-11-25");
    server.send(&batch);
    assert_eq!(server.next()["error"]["code"], -32600);
    assert_eq!(server.call("ping", Value::Null), json!({}));
}

#[test]
fn lines_may_come_in_any_pieces() {
    let folder = Folder::new(&[]);
    let mut server = Server::start(&folder);
    let hello = message(Some(json!("a")), "initialize", initialize_params("2025-06-18"));
    let ping = message(Some(json!("b")), "ping", Value::Null);
    for byte in format!("{hello}\r\n").bytes() {
        server.process.write(&[byte]);
    }
    assert_eq!(server.next()["id"], "a");
    server.process.write(format!("{ping}\n{ping}\n").replace("\"b\"", "7").as_bytes());
    assert_eq!([server.next()["id"].clone(), server.next()["id"].clone()], [7, 7]);
}

#[test]
fn at_the_end_of_input_all_that_was_asked_is_answered() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::start(&folder);
    let requests = [
        message(Some(json!(1)), "initialize", initialize_params("2025-11-25")),
        message(None, "notifications/initialized", Value::Null),
        message(Some(json!(2)), "tools/call", json!({ "name": "checksum", "arguments": {} })),
        message(
            Some(json!(3)),
            "tools/call",
            json!({ "name": "wait", "arguments": { "seconds": 0.1 } }),
        ),
        message(Some(json!(4)), "resources/list", json!({})),
    ];
    let lines: Vec<String> = requests.iter().map(Value::to_string).collect();
    // The last line without an end.
    server.process.write(lines.join("\n").as_bytes());
    server.process.close_stdin();
    let rest = server.rest();
    let mut ids: Vec<_> = rest.iter().filter_map(|message| message["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4], "{rest:?}");
    assert!(rest.iter().all(|message| message.get("error").is_none()), "{rest:?}");
    assert!(server.process.wait().success());
}

#[test]
fn a_call_without_an_end_does_not_hold_up_the_end() {
    let folder = Folder::new(&[]);
    for signal in [None, Some(Signal::TERM), Some(Signal::INT)] {
        let mut server = Server::legacy(&folder, "2025-11-25");
        let id =
            server.ask("tools/call", json!({ "name": "wait", "arguments": { "seconds": 3600 } }));
        server.call("ping", Value::Null);
        match signal {
            None => server.process.close_stdin(),
            Some(signal) => server.process.signal(signal),
        }
        assert!(server.rest().iter().all(|message| message["id"] != id));
        assert!(server.process.wait().success(), "{signal:?}");
    }
}

#[test]
fn who_asks_and_does_not_read_is_not_served_out_of_memory() {
    let big = vec![b'x'; 256 << 10];
    let folder = Folder::new(&[("big.txt", &big)]);
    let root = folder.root().to_str().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["serve", root])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let stdout = child.stdout.take().unwrap();
    let hello = message(Some(json!(0)), "initialize", initialize_params("2025-11-25"));
    writeln!(stdin, "{hello}").unwrap();

    // Asks for a quarter of a mebibyte, again and again, until it is told to stop.
    let (asked, stop) = (AtomicU64::new(1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            // Long lines, so that not many of them wait in the pipe.
            let read = json!({ "uri": folder.uri("big.txt"), "padding": "x".repeat(16 << 10) });
            while !stop.load(Ordering::Relaxed) {
                let id = asked.fetch_add(1, Ordering::Relaxed);
                writeln!(stdin, "{}", message(Some(json!(id)), "resources/read", read.clone()))
                    .unwrap();
            }
            stdin
        });
        // The server must stop listening at some point, for nobody listens to it.
        let (mut before, mut since) = (0, Instant::now());
        let start = Instant::now();
        while since.elapsed() < Duration::from_secs(3) {
            let now = asked.load(Ordering::Relaxed);
            if now != before {
                (before, since) = (now, Instant::now());
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{now} requests were taken");
            std::thread::sleep(Duration::from_millis(10));
        }
        let highest = highest_memory(child.id());
        assert!(highest < 200 << 10, "{highest} KiB for {before} requests");

        // And all is answered once somebody reads.
        stop.store(true, Ordering::Relaxed);
        let mut lines = BufReader::new(stdout).lines();
        let mut answers = 0;
        while !asker.is_finished() || answers < asked.load(Ordering::Relaxed) {
            let answer = parse(&lines.next().expect("the server closed its output").unwrap());
            assert!(answer["id"].is_u64());
            answers += 1;
        }
        drop(asker.join().unwrap());
    });
    assert!(child.wait().unwrap().success());
}

/// The most memory that a process ever had, in KiB.
fn highest_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn who_does_not_read_stderr_holds_up_nothing() {
    let folder = Folder::new(&[]);
    let root = folder.root().to_str().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["serve", root])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let hello = message(Some(json!("hello")), "initialize", initialize_params("2025-11-25"));
    writeln!(stdin, "{hello}").unwrap();
    // Each of these is worth a line on stderr, and all of them more than a pipe holds.
    for _ in 0..5000 {
        writeln!(stdin, "nonsense").unwrap();
        let refused = parse(&lines.next().unwrap().unwrap());
        assert!(refused["id"] == "hello" || refused["error"]["code"] == -32700, "{refused}");
    }
    drop(stdin);
    assert_eq!(lines.count(), 1);
    let stderr = child.stderr.take().unwrap();
    let said = BufReader::new(stderr).lines().map_while(Result::ok).collect::<Vec<_>>();
    assert!(said[0].starts_with("fanfare: warning: refused (-32700)"), "{}", said[0]);
    assert!(said.len() < 5000, "a pipe of this size proves nothing");
    assert!(child.wait().unwrap().success());
}

#[test]
fn who_does_not_read_the_last_words_does_not_hold_up_the_end() {
    let big = vec![b'x'; 1 << 20];
    let folder = Folder::new(&[("big.txt", &big)]);
    let root = folder.root().to_str().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["serve", root])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let hello = message(Some(json!(0)), "initialize", initialize_params("2025-11-25"));
    let read = message(Some(json!(1)), "resources/read", json!({ "uri": folder.uri("big.txt") }));
    writeln!(stdin, "{hello}\n{read}").unwrap();
    drop(stdin);
    let status = child.wait().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("stdout is not read"), "{stderr}");
}

#[test]
fn a_reader_that_leaves_ends_the_server() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let root = folder.root().to_str().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["serve", root])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let hello = message(Some(json!(0)), "initialize", initialize_params("2025-11-25"));
    writeln!(stdin, "{hello}").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_cannot_be_served_is_said_with_its_cause() {
    let file = Folder::new(&[("a.txt", b"1")]);
    for (path, cause) in
        [(file.path("none"), "No such file or directory"), (file.path("a.txt"), "Not a directory")]
    {
        let output = Command::new(PROGRAM).arg("serve").arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(cause) && stderr.contains(path.to_str().unwrap()), "{stderr}");
        assert_eq!(output.stdout, b"");
    }
    let output = Command::new(PROGRAM).args(["serve", "--max-files", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn more_files_than_allowed_are_left_out_and_that_is_said() {
    let folder = Folder::new(&[("a", b"1"), ("b", b"1"), ("c", b"1")]);
    let mut server = Server::start_with(&folder, &["--max-files", "2", "--max-read", "3"]);
    server.call("initialize", initialize_params("2025-11-25"));
    let list = server.call("resources/list", json!({}));
    assert_eq!(list["resources"].as_array().unwrap().len(), 2);
    folder.write("a", b"4444");
    let refused = server.refusal("resources/read", json!({ "uri": folder.uri("a") }));
    assert!(refused["message"].as_str().unwrap().contains("(3)"), "{refused}");
}

#[test]
fn help_tells_a_stranger_what_to_do() {
    for (command, parts) in [
        (
            &["--help"][..],
            &["serve", "listen", "notify", "stats", "drive", "bench", "demo", "Exit codes"][..],
        ),
        (&["serve", "--help"], &["[DIR]", "--max-files", "Exit codes", "resources/updated"]),
        (&["serve", "--help"], &["--admin", "0600", "{\"op\":\"sessions\"", "fanfare notify"]),
        (&["notify", "--help"], &["METHOD", "principal:NAME", "--context", "Exit codes", "Try it"]),
        (&["stats", "--help"], &["--json", "--sessions", "Exit codes", "Try it"]),
        (&["listen", "--help"], &["--revision", "--resource", "COMMAND", "Exit codes"]),
        (&["demo", "--help"], &["Exit codes"]),
    ] {
        let process = Process::start(command);
        let mut help = String::new();
        while let Some(line) = process.line() {
            help += &line;
            help.push('\n');
        }
        for part in parts {
            assert!(help.contains(part), "{command:?} lacks {part}: {help}");
        }
    }
}
