//! `fanfare drive` where the transcript of docs/drive.md does not go: every refusal, the letter of
//! messages, the lines themselves, the command line.

mod drive_program;

use std::process::{Command, Stdio};

use drive_program::Drive;
use serde_json::{Value, json};

/// A legacy session `l` with a subscription, an open one `o`, and a stale name `gone`.
fn furnished() -> Drive {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy", "principal": "p"}));
    drive.ok(json!({"op": "subscribe", "session": "l", "uri": "doc://1"}));
    drive.ok(json!({"op": "open", "session": "o", "profile": "open"}));
    drive.ok(json!({"op": "open", "session": "gone", "profile": "open"}));
    drive.ok(json!({"op": "close", "session": "gone"}));
    drive
}

/// Every way in which a command can be wrong, with its code and the words that the text must have.
const REFUSALS: &[(&str, &str, &str)] = &[
    // No command at all.
    ("nonsense", "JSON", "not a JSON object"),
    ("{", "JSON", "not a JSON object"),
    (r#"{"op":"stats"} {"op":"stats"}"#, "JSON", "not a JSON object"),
    ("[]", "JSON", "not a JSON object"),
    ("null", "JSON", "not a JSON object"),
    (r#""stats""#, "JSON", "not a JSON object"),
    ("{}", "INVALID_ARGUMENT", "op: missing"),
    (r#"{"op":7}"#, "INVALID_ARGUMENT", "op: must be a string, not 7"),
    (r#"{"op":"Stats"}"#, "INVALID_ARGUMENT", r#"op: no such command: "Stats"; known: open, "#),
    // Fields that nobody knows, and twins.
    (r#"{"op":"stats","x":1}"#, "INVALID_ARGUMENT", "x: no such field here; known: op, session"),
    (r#"{"op":"stats","session":"o","session":"l"}"#, "INVALID_ARGUMENT", "session: given twice"),
    (r#"{"op":"advance","ms":1,"op":"stats"}"#, "INVALID_ARGUMENT", "op: given twice"),
    (r#"{"op":"pause","session":"o","stream":"s"}"#, "INVALID_ARGUMENT", "stream: no such field"),
    (r#"{"op":"drain","session":"o","op2":0}"#, "INVALID_ARGUMENT", "op2: no such field"),
    // open
    (r#"{"op":"open","profile":"open"}"#, "INVALID_ARGUMENT", "session: missing"),
    (r#"{"op":"open","session":"n"}"#, "INVALID_ARGUMENT", "profile: missing"),
    (
        r#"{"op":"open","session":null,"profile":"open"}"#,
        "INVALID_ARGUMENT",
        "session: must be a string, not null",
    ),
    (
        r#"{"op":"open","session":"n","profile":"closed"}"#,
        "INVALID_ARGUMENT",
        "profile: must be one of open, legacy, modern, auto",
    ),
    (
        r#"{"op":"open","session":"n","profile":"legacy","revision":"2025-06-19"}"#,
        "INVALID_ARGUMENT",
        "revision: must be one of 2024-11-05, ",
    ),
    (
        r#"{"op":"open","session":"n","profile":"legacy","revision":"2026-07-28"}"#,
        "INVALID_ARGUMENT",
        "2026-07-28",
    ),
    (
        r#"{"op":"open","session":"n","profile":"modern","revision":"2025-06-18"}"#,
        "INVALID_ARGUMENT",
        "revision: profile modern does not go with 2025-06-18",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","revision":"2025-06-18"}"#,
        "INVALID_ARGUMENT",
        "revision: profile open",
    ),
    (
        r#"{"op":"open","session":"n","profile":"auto","revision":"2025-06-18"}"#,
        "INVALID_ARGUMENT",
        "revision: profile auto",
    ),
    (
        r#"{"op":"open","session":"n","profile":"modern","handshake":true}"#,
        "INVALID_ARGUMENT",
        "handshake: profile modern",
    ),
    (
        r#"{"op":"open","session":"n","profile":"legacy","handshake":"yes"}"#,
        "INVALID_ARGUMENT",
        "handshake: must be true or false, not a string",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","principal":{}}"#,
        "INVALID_ARGUMENT",
        "principal: must be a string, not an object",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","framing":"xml"}"#,
        "INVALID_ARGUMENT",
        "framing: must be one of json, ndjson, sse",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","capabilities":[]}"#,
        "INVALID_ARGUMENT",
        "capabilities: must be an object, not an array",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","capabilities":{"tools":{"listChanged":1}}}"#,
        "JSON",
        "capabilities",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","overflow":"drop"}"#,
        "INVALID_ARGUMENT",
        "overflow: must be one of drop_oldest, drop_newest, close",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","max_queued_frames":-1}"#,
        "INVALID_ARGUMENT",
        "max_queued_frames: must be a whole number from 0 to 4294967295",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","max_queued_frames":4294967296}"#,
        "INVALID_ARGUMENT",
        "max_queued_frames: must be a whole number from 0 to 4294967295",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","max_queued_frames":0}"#,
        "INVALID_ARGUMENT",
        "max_queued_frames must be at least 1",
    ),
    (
        r#"{"op":"open","session":"n","profile":"open","max_queued_bytes":1.5}"#,
        "INVALID_ARGUMENT",
        "max_queued_bytes: must be a whole number",
    ),
    (r#"{"op":"open","session":"o","profile":"open"}"#, "STATE", r#""o" is open already"#),
    // stream, close_stream
    (r#"{"op":"stream","session":"l","kind":"request"}"#, "INVALID_ARGUMENT", "stream: missing"),
    (r#"{"op":"stream","session":"l","stream":"s"}"#, "INVALID_ARGUMENT", "kind: missing"),
    (
        r#"{"op":"stream","session":"l","stream":"s","kind":"tcp"}"#,
        "INVALID_ARGUMENT",
        "kind: must be one of duplex, listen, request, standalone",
    ),
    (
        r#"{"op":"stream","session":"gone","stream":"s","kind":"request"}"#,
        "GONE",
        r#""gone" is gone (closed)"#,
    ),
    (r#"{"op":"close_stream","session":"l"}"#, "INVALID_ARGUMENT", "stream: missing"),
    (
        r#"{"op":"close_stream","session":"l","stream":"s"}"#,
        "GONE",
        r#"stream "s" of "l" was never opened"#,
    ),
    // receive, send
    (
        r#"{"op":"receive","session":"l"}"#,
        "INVALID_ARGUMENT",
        "message: give one of message, text and hex",
    ),
    (
        r#"{"op":"receive","session":"l","message":{},"text":""}"#,
        "INVALID_ARGUMENT",
        "message: give one of message, text and hex",
    ),
    (
        r#"{"op":"receive","session":"l","text":{}}"#,
        "INVALID_ARGUMENT",
        "text: must be a string, not an object",
    ),
    (
        r#"{"op":"receive","session":"l","text":"\ud800"}"#,
        "INVALID_ARGUMENT",
        "text: must be a string, not a string that is no Unicode text",
    ),
    (r#"{"op":"receive","session":"l","hex":"7"}"#, "INVALID_ARGUMENT", "hex: "),
    (r#"{"op":"receive","session":"l","hex":"7g"}"#, "INVALID_ARGUMENT", "hex: "),
    (r#"{"op":"receive","session":"l","stream":"s","message":{}}"#, "GONE", r#"stream "s" of "l""#),
    (
        r#"{"op":"receive","session":"l","stream":1,"message":{}}"#,
        "INVALID_ARGUMENT",
        "stream: must be a string or null, not 1",
    ),
    (r#"{"op":"receive","session":"gone","message":{}}"#, "GONE", r#""gone" is gone (closed)"#),
    (
        r#"{"op":"receive","session":"never","message":{}}"#,
        "GONE",
        r#"no session is called "never""#,
    ),
    (r#"{"op":"send","session":"l"}"#, "INVALID_ARGUMENT", "message: missing"),
    (r#"{"op":"send","session":"l","text":"{}"}"#, "INVALID_ARGUMENT", "message: missing"),
    (r#"{"op":"send","session":"l","message":7}"#, "JSON", ""),
    (r#"{"op":"send","session":"l","message":{"jsonrpc":"2.0"}}"#, "JSON", ""),
    (
        r#"{"op":"send","session":"gone","message":{"jsonrpc":"2.0","id":1,"result":{}}}"#,
        "GONE",
        "gone",
    ),
    // subscribe, unsubscribe, listen
    (r#"{"op":"subscribe","session":"l"}"#, "INVALID_ARGUMENT", "uri: missing"),
    (
        r#"{"op":"subscribe","session":"l","uri":["doc://1"]}"#,
        "INVALID_ARGUMENT",
        "uri: must be a string, not an array",
    ),
    (r#"{"op":"unsubscribe","uri":"doc://1"}"#, "INVALID_ARGUMENT", "session: missing"),
    (r#"{"op":"listen","session":"l","filter":{}}"#, "INVALID_ARGUMENT", "id: missing"),
    (r#"{"op":"listen","session":"l","id":1}"#, "INVALID_ARGUMENT", "filter: missing"),
    (
        r#"{"op":"listen","session":"l","id":1.5,"filter":{}}"#,
        "INVALID_ARGUMENT",
        "id: must be a string or an integer, not 1.5",
    ),
    (
        r#"{"op":"listen","session":"l","id":null,"filter":{}}"#,
        "INVALID_ARGUMENT",
        "id: must be a string or an integer, not null",
    ),
    (
        r#"{"op":"listen","session":"l","id":1,"filter":[]}"#,
        "INVALID_ARGUMENT",
        "filter: must be an object, not an array",
    ),
    (
        r#"{"op":"listen","session":"l","id":1,"filter":{"toolsListChanged":true}}"#,
        "NOT_NEGOTIATED",
        "",
    ),
    // notify
    (r#"{"op":"notify"}"#, "INVALID_ARGUMENT", "method: missing"),
    (r#"{"op":"notify","method":""}"#, "INVALID_ARGUMENT", "method"),
    (
        r#"{"op":"notify","method":"notifications/x","params":[]}"#,
        "INVALID_ARGUMENT",
        "params: must be an object, not an array",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","context":"c"}"#,
        "INVALID_ARGUMENT",
        "context: must be an object, not a string",
    ),
    (
        r#"{"op":"notify","method":"notifications/tools/list_changed","context":{"io.modelcontextprotocol/subscriptionId":1}}"#,
        "INVALID_ARGUMENT",
        "io.modelcontextprotocol/subscriptionId",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":"o"}"#,
        "INVALID_ARGUMENT",
        "to: must be an object, not a string",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{}}"#,
        "INVALID_ARGUMENT",
        "to: give one of session, except and principal",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{"session":"o","except":"l"}}"#,
        "INVALID_ARGUMENT",
        "to: give one of",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{"session":"o","session":"l"}}"#,
        "INVALID_ARGUMENT",
        "to.session: given twice",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{"request":1}}"#,
        "INVALID_ARGUMENT",
        "to.request: needs to.session",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{"session":"o","request":[]}}"#,
        "INVALID_ARGUMENT",
        "to.request: must be a string or an integer",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{"all":true}}"#,
        "INVALID_ARGUMENT",
        "to.all: no such field here; known: session, request, except, principal",
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{"session":"gone"}}"#,
        "GONE",
        r#""gone" is gone"#,
    ),
    (
        r#"{"op":"notify","method":"notifications/x","to":{"except":"never"}}"#,
        "GONE",
        r#"no session is called "never""#,
    ),
    (r#"{"op":"notify","method":"notifications/resources/updated"}"#, "JSON", "params.uri"),
    (
        r#"{"op":"notify","method":"notifications/resources/updated","params":{"uri":7}}"#,
        "JSON",
        "params of notifications/resources/updated",
    ),
    (
        r#"{"op":"notify","method":"notifications/progress","params":{"progressToken":[],"progress":1}}"#,
        "JSON",
        "params.progressToken",
    ),
    (
        r#"{"op":"notify","method":"notifications/progress","params":{"progressToken":1}}"#,
        "JSON",
        "params.progress",
    ),
    (
        r#"{"op":"notify","method":"notifications/message","params":{"level":"loud","data":1}}"#,
        "JSON",
        "level",
    ),
    (
        r#"{"op":"notify","method":"notifications/message","params":{"level":"info"}}"#,
        "JSON",
        "data",
    ),
    // drain, pause, resume, end, close
    (r#"{"op":"drain","stream":"s"}"#, "INVALID_ARGUMENT", "session: missing"),
    (r#"{"op":"drain","max":"all"}"#, "INVALID_ARGUMENT", "max: must be a whole number"),
    (r#"{"op":"drain","session":"gone"}"#, "GONE", r#""gone" is gone"#),
    (r#"{"op":"drain","session":"l","stream":"s"}"#, "GONE", r#"stream "s""#),
    (r#"{"op":"pause"}"#, "INVALID_ARGUMENT", "session: missing"),
    (r#"{"op":"pause","session":"gone"}"#, "GONE", "gone"),
    (r#"{"op":"resume","session":"never"}"#, "GONE", "never"),
    (r#"{"op":"resume","session":"l","stream":"s"}"#, "INVALID_ARGUMENT", "stream: no such field"),
    (
        r#"{"op":"resume","session":"l","last_event_id":"1-0"}"#,
        "INVALID_ARGUMENT",
        "stream: missing",
    ),
    (
        r#"{"op":"resume","session":"l","stream":"s","last_event_id":7}"#,
        "INVALID_ARGUMENT",
        "last_event_id: must be a string, not 7",
    ),
    (
        r#"{"op":"resume","session":"o","stream":"s","last_event_id":"1-0"}"#,
        "NOT_NEGOTIATED",
        "cannot resume: ",
    ),
    (
        r#"{"op":"resume","session":"l","stream":"s","last_event_id":"x"}"#,
        "INVALID_ARGUMENT",
        "cannot resume: ",
    ),
    (r#"{"op":"hang_up","session":"l","retry_ms":1}"#, "INVALID_ARGUMENT", "stream: missing"),
    (r#"{"op":"hang_up","session":"l","stream":"s"}"#, "INVALID_ARGUMENT", "retry_ms: missing"),
    (r#"{"op":"hang_up","session":"l","stream":"s","retry_ms":1}"#, "GONE", r#"stream "s""#),
    (
        r#"{"op":"end","session":"l","reason":"bored"}"#,
        "INVALID_ARGUMENT",
        "reason: must be one of graceful, cancelled, disconnected, lagged, limit, revoked, shutdown",
    ),
    (
        r#"{"op":"end","session":"l","subscription":true}"#,
        "INVALID_ARGUMENT",
        "subscription: must be a string or an integer, not true",
    ),
    (
        r#"{"op":"end","session":"l","subscription":"doc://2","reason":"revoked"}"#,
        "GONE",
        r#"no subscription "doc://2""#,
    ),
    (r#"{"op":"end","session":"l","subscription":1}"#, "GONE", "no subscription 1"),
    (r#"{"op":"end","session":"gone"}"#, "GONE", "gone"),
    (r#"{"op":"close","session":"gone"}"#, "GONE", "gone"),
    // advance, stats
    (r#"{"op":"advance"}"#, "INVALID_ARGUMENT", "ms: missing"),
    (r#"{"op":"advance","ms":-1}"#, "INVALID_ARGUMENT", "ms: must be a whole number"),
    (
        r#"{"op":"advance","ms":18446744073709551616}"#,
        "INVALID_ARGUMENT",
        "ms: must be a whole number",
    ),
    (r#"{"op":"stats","session":"never"}"#, "GONE", "never"),
];

#[test]
fn every_refusal_names_what_is_wrong_and_changes_nothing() {
    let mut drive = furnished();
    let numbers = |drive: &mut Drive| {
        let all = drive.ok(json!({"op": "stats"}));
        let own = ["l", "o"].map(|name| drive.ok(json!({"op": "stats", "session": name})));
        (all, own, drive.ok(json!({"op": "advance", "ms": 0})))
    };
    let before = numbers(&mut drive);
    let mut wrong = Vec::new();
    for (line, code, words) in REFUSALS {
        let answer: Value = serde_json::from_str(&drive.line(line)).expect("an answer is JSON");
        let text = answer["error"]["text"].as_str().unwrap_or_default();
        if answer["error"]["code"] != *code || !text.contains(words) || text.is_empty() {
            wrong.push(format!("{line}\n  expected {code} with {words:?}\n  answered {answer}"));
        }
        if numbers(&mut drive) != before {
            wrong.push(format!("{line}\n  was refused and changed the numbers"));
            break;
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REFUSALS.len(), wrong.join("\n"));
    // All that was there before still works.
    let raised = json!({"op": "notify", "method": "notifications/resources/updated", "params": {"uri": "doc://1"}});
    assert_eq!(drive.ok(raised)["matched"], 2);
    assert_eq!(drive.drained().len(), 2);
    assert!(drive.finish().success());
}

#[test]
fn the_clock_cannot_pass_its_end() {
    let mut drive = furnished();
    drive.ok(json!({"op": "advance", "ms": u64::MAX - 1}));
    let text = drive.refused("INVALID_ARGUMENT", json!({"op": "advance", "ms": 2}));
    assert!(text.starts_with("ms: "), "{text}");
    let now = drive.ok(json!({"op": "advance", "ms": 1}));
    assert_eq!(now["now_ms"], u64::MAX);
}

#[test]
fn a_line_that_is_not_utf8_is_refused_and_the_next_one_is_read() {
    let mut drive = furnished();
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
