//! Everything that `fanfare drive` refuses, and that refusing changes nothing.

mod drive_program;

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
        "params.uri must be a string",
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
