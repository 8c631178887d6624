//! `fanfare drive` where the transcript of docs/drive.md does not go: the letter of messages, the
//! lines themselves, names, the command line.

mod drive_program;

use std::process::{Command, Stdio};

use drive_program::Drive;
use serde_json::{Value, json};

#[test]
fn the_clock_cannot_pass_its_end() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "advance", "ms": u64::MAX - 1}));
    let text = drive.refused("INVALID_ARGUMENT", json!({"op": "advance", "ms": 2}));
    assert!(text.starts_with("ms: "), "{text}");
    let now = drive.ok(json!({"op": "advance", "ms": 1}));
    assert_eq!(now["now_ms"], u64::MAX);
}

#[test]
fn a_line_that_is_not_utf8_is_refused_and_the_next_one_is_read() {
    let mut drive = Drive::start(&[]);
    let answer: Value = serde_json::from_str(&drive.bytes(b"{\"op\":\"st\xffats\"}")).unwrap();
    assert_eq!(answer["error"]["code"], "UTF8", "{answer}");
    drive.ok(json!({"op": "stats"}));
}

#[test]
fn messages_keep_their_letter() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy"}));
    drive.ok(json!({"op": "open", "session": "o", "profile": "open"}));
    // 2^53 + 1 and 1.10 do not survive a reader that takes them for doubles.
    let call = r#"{"op":"receive","session":"l","message":{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"t"}}}"#;
    assert_eq!(drive.line(call), r#"{"ok":true,"disposition":"pass"}"#);
    let result = r#"{"op":"send","session":"l","message":{"jsonrpc":"2.0","id":9007199254740993,"result":{"n":1.10}}}"#;
    assert_eq!(drive.line(result), r#"{"ok":true}"#);
    let raise = r#"{"op":"notify","method":"notifications/x","params":{"b":18446744073709551617,"a":1.10},"to":{"session":"o"}}"#;
    assert_eq!(drive.line(raise), r#"{"ok":true,"matched":1}"#);
    assert_eq!(
        drive.line(r#"{"op":"drain","session":"l"}"#),
        r#"{"ok":true,"frames":[{"session":"l","stream":null,"data":"{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"result\":{\"n\":1.10}}"}]}"#
    );
    assert_eq!(
        drive.line(r#"{"op":"drain","session":"o"}"#),
        r#"{"ok":true,"frames":[{"session":"o","stream":null,"data":"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\",\"params\":{\"b\":18446744073709551617,\"a\":1.10}}"}]}"#
    );
}

/// What a client can do wrong is answered on the wire, never by an error of the command.
#[test]
fn whatever_a_client_sends_is_no_error_of_the_command() {
    let mut drive = Drive::start(&["--set", "message.max_bytes=1024"]);
    drive.ok(json!({"op": "open", "session": "m", "profile": "modern"}));
    let mut receive = |what: &str, value: Value| {
        let answer = drive.ok(json!({"op": "receive", "session": "m", what: value}));
        assert_eq!(answer["disposition"], "handled");
        let frames = drive.drained();
        let [(_, frame)] = frames.as_slice() else { panic!("one answer, not {frames:?}") };
        frame["error"].clone()
    };
    for text in ["", " ", "{", "nonsense", "{\"jsonrpc\":\"2.0\",}", "\u{0}", "{}{}"] {
        assert_eq!(receive("text", json!(text))["code"], -32700, "{text:?}");
    }
    assert_eq!(receive("hex", json!("7bff7D"))["code"], -32700, "not UTF-8");
    for message in [json!([]), json!(7), json!(null), json!({}), json!({"jsonrpc": "1.0", "id": 1})]
    {
        assert_eq!(receive("message", message.clone())["code"], -32600, "{message}");
    }
    let long = receive("text", json!("x".repeat(1025)));
    assert_eq!(long["code"], -32600);
    assert!(long["message"].as_str().unwrap().contains("1024"), "{long}");
}

#[test]
fn a_name_can_be_used_again_once_its_session_is_gone() {
    let mut drive = Drive::start(&[]);
    for round in 0..3 {
        drive.ok(json!({"op": "open", "session": "a", "profile": "legacy"}));
        drive.ok(json!({"op": "stream", "session": "a", "stream": "s", "kind": "standalone"}));
        drive.ok(json!({"op": "notify", "method": "notifications/tools/list_changed"}));
        if round == 1 {
            drive.ok(json!({"op": "close", "session": "a"}));
        } else {
            // Ended, but with something to drain: the name is not free yet.
            drive.ok(json!({"op": "end", "session": "a", "reason": "shutdown"}));
            drive.refused("STATE", json!({"op": "open", "session": "a", "profile": "open"}));
            let frames = drive.ok(json!({"op": "drain"}));
            assert_eq!(frames["frames"][0]["stream"], "s", "{frames}");
        }
        drive.refused("GONE", json!({"op": "drain", "session": "a"}));
    }
}

#[test]
fn drain_takes_at_most_max_frames_in_order() {
    let mut drive = Drive::start(&["--set", "session.max_queued_frames=5000"]);
    for name in ["a", "b"] {
        drive.ok(json!({"op": "open", "session": name, "profile": "open"}));
    }
    for n in 0..2000 {
        drive.ok(json!({"op": "notify", "method": "notifications/n", "params": {"n": n}}));
    }
    let take = |drive: &mut Drive, command: Value| -> Vec<(String, u64)> {
        let answer = drive.ok(command);
        let frames = answer["frames"].as_array().unwrap();
        let data = |frame: &Value| -> Value {
            serde_json::from_str(frame["data"].as_str().unwrap()).unwrap()
        };
        let of = |frame: &Value| frame["session"].as_str().unwrap().to_owned();
        frames.iter().map(|f| (of(f), data(f)["params"]["n"].as_u64().unwrap())).collect()
    };
    assert_eq!(take(&mut drive, json!({"op": "drain", "max": 0})), []);
    let some = take(&mut drive, json!({"op": "drain", "session": "a", "max": 1500}));
    let expected: Vec<_> = (0..1500).map(|n| ("a".to_owned(), n)).collect();
    assert_eq!(some, expected);
    let mut seen = [1500, 0];
    let mut rest = take(&mut drive, json!({"op": "drain", "max": 7}));
    assert_eq!(rest.len(), 7, "max counts all sessions together");
    rest.extend(take(&mut drive, json!({"op": "drain"})));
    for (session, n) in rest {
        let next = &mut seen[usize::from(session == "b")];
        assert_eq!(n, *next, "{session}");
        *next += 1;
    }
    assert_eq!(seen, [2000, 2000]);
}

#[test]
fn settings_are_tried_before_anything_is_read() {
    for (args, words) in [
        (["--set", "overflow"], "KEY=VALUE"),
        (["--set", "overflow=never"], "drop_newest"),
        (["--set", "max_queued_frames=1"], "session.max_queued_frames"),
        (["--log", "loud"], "emergency"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .arg("drive")
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_clock_that_runs_by_itself_cannot_be_moved() {
    let mut drive = Drive::start(&["--set", "clock=monotonic"]);
    drive.refused("STATE", json!({"op": "advance", "ms": 1}));
    drive.ok(json!({"op": "stats"}));
}

#[test]
fn empty_lines_and_an_unended_last_line_are_fine() {
    use std::io::Write as _;
    let mut child = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .arg("drive")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("stdin is piped");
    input
        .write_all(b"\n\r\n{\"op\":\"advance\",\"ms\":5}\r\n\n{\"op\":\"advance\",\"ms\":5}")
        .unwrap();
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let times: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["now_ms"].as_u64().unwrap())
        .collect();
    assert_eq!(times, [5, 10]);
}
