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

#[expect(dead_code)]
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
