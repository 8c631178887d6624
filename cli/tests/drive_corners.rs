//! Corners of the engine's rules that are easy to get wrong, each in the fewest commands.

mod drive_program;

use drive_program::Drive;
use serde_json::{Value, json};

/// A request in flight whose progress token is its id.
fn call(session: &str, id: u64) -> Value {
    let params = json!({"name": "t", "_meta": {"progressToken": id}});
    let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    json!({"op": "receive", "session": session, "message": message})
}

fn progress(token: u64, progress: u64) -> Value {
    let params = json!({"progressToken": token, "progress": progress});
    json!({"op": "notify", "method": "notifications/progress", "params": params})
}

fn methods(frames: &[(String, Value)]) -> Vec<&str> {
    frames.iter().map(|(_, frame)| frame["method"].as_str().unwrap_or("response")).collect()
}

/// A batch on a stream of its own: the answer to its first element does not finish the stream
/// while another one is in flight.
#[test]
fn a_stream_is_finished_by_its_last_answer_only() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "b", "profile": "legacy", "revision": "2025-03-26"}));
    drive.ok(json!({"op": "stream", "session": "b", "stream": "post", "kind": "request"}));
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]);
    drive.ok(json!({"op": "receive", "session": "b", "stream": "post", "message": batch}));
    assert_eq!(drive.drained().len(), 1, "the answer to ping");
    let result = json!({"jsonrpc": "2.0", "id": 2, "result": {}});
    drive.ok(json!({"op": "send", "session": "b", "message": result}));
    let answer = drive.ok(json!({"op": "drain", "session": "b", "stream": "post"}));
    assert_eq!(answer["frames"].as_array().unwrap().len(), 1, "{answer}");
    drive.refused("GONE", json!({"op": "drain", "session": "b", "stream": "post"}));
}

#[test]
fn intervals_hold_up_to_the_end_of_time() {
    let mut drive = Drive::start(&["--set", "progress.min_interval_ms=500"]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy"}));
    drive.ok(call("l", 1));
    drive.ok(json!({"op": "advance", "ms": u64::MAX - 5}));
    drive.ok(progress(1, 1));
    assert_eq!(drive.drained().len(), 1);
    drive.ok(progress(1, 2));
    assert_eq!(drive.drained().len(), 0);
    let now = drive.ok(json!({"op": "advance", "ms": 5}));
    assert_eq!(now["next_deadline_ms"], Value::Null);
    assert_eq!(drive.drained().len(), 1);
}

/// What is queued when a session ends gracefully can still be drained, progress included, and what
/// was held back for its time comes with it.
#[test]
fn a_graceful_end_keeps_progress() {
    let mut drive = Drive::start(&["--set", "progress.min_interval_ms=500"]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy"}));
    drive.ok(call("l", 1));
    drive.ok(call("l", 2));
    drive.ok(progress(1, 1));
    assert_eq!(drive.drained().len(), 1);
    drive.ok(progress(1, 2));
    drive.ok(progress(2, 1));
    drive.ok(json!({"op": "notify", "method": "notifications/tools/list_changed"}));
    drive.ok(json!({"op": "end", "session": "l", "reason": "shutdown"}));
    let frames = drive.drained();
    let progress = "notifications/progress";
    assert_eq!(methods(&frames), [progress, "notifications/tools/list_changed", progress]);
    assert_eq!(frames[2].1["params"], json!({"progressToken": 1, "progress": 2}));
    drive.refused("GONE", json!({"op": "drain", "session": "l"}));
}

#[test]
fn what_is_refused_was_not_heavy() {
    let mut drive = Drive::start(&["--log", "emergency"]);
    let text = "x".repeat(5000);
    let message = |level: &str| {
        let params = json!({"level": level, "data": text});
        json!({"op": "notify", "method": "notifications/message", "params": params})
    };
    drive.refused("JSON", message("loud"));
    assert_eq!(drive.ok(json!({"op": "stats"}))["heavy"], 0);
    drive.ok(message("error"));
    assert_eq!(drive.ok(json!({"op": "stats"}))["heavy"], 1);
}

/// An open session that hears of every URI has room for so many; the one too many ends it at once,
/// not with the next call.
#[test]
fn an_overflow_by_changes_ends_the_session_at_once() {
    let mut drive = Drive::start(&[]);
    let open = json!({"op": "open", "session": "o", "profile": "open", "overflow": "close", "max_queued_frames": 2});
    drive.ok(open);
    for n in 0..3 {
        let params = json!({"uri": format!("doc://{n}")});
        drive.ok(
            json!({"op": "notify", "method": "notifications/resources/updated", "params": params}),
        );
    }
    let text = drive.refused("GONE", json!({"op": "stats", "session": "o"}));
    assert!(text.contains("lagged"), "{text}");
}
