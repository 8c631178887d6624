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

/// The response to a request whose connection is gone has nowhere to go. That is an error, and with
/// it the request is over: the host has done its part.
#[test]
fn a_response_without_a_stream_is_refused_and_ends_its_request() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy"}));
    drive.ok(json!({"op": "stream", "session": "l", "stream": "post", "kind": "request"}));
    let mut call = call("l", 1);
    call["stream"] = json!("post");
    drive.ok(call);
    drive.ok(json!({"op": "close_stream", "session": "l", "stream": "post"}));
    let mut before = drive.ok(json!({"op": "stats"}));
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    let send = json!({"op": "send", "session": "l", "message": message});
    assert_eq!(before["requests"], 1);
    drive.refused("GONE", send.clone());
    before["requests"] = json!(0);
    assert_eq!(drive.ok(json!({"op": "stats"})), before);
    drive.refused("STATE", send);
}

/// Progress aimed at a request is that request's, or nobody's.
#[test]
fn progress_for_a_request_needs_the_token_of_that_request() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy"}));
    drive.ok(call("l", 1));
    drive.ok(call("l", 2));
    let to = |id: u64| {
        let mut raise = progress(1, 1);
        raise["to"] = json!({"session": "l", "request": id});
        raise
    };
    assert_eq!(drive.ok(to(2))["matched"], 0);
    assert_eq!(drive.ok(to(99))["matched"], 0);
    assert_eq!(drive.ok(to(1))["matched"], 1);
}

/// An event that would not even fit into an empty queue does not empty it.
#[test]
fn an_event_that_can_never_fit_drops_itself_only() {
    let mut drive = Drive::start(&[]);
    let open = json!({"op": "open", "session": "o", "profile": "open", "overflow": "drop_oldest", "max_queued_bytes": 1024});
    drive.ok(open);
    let raise =
        |data: &str| json!({"op": "notify", "method": "notifications/n", "params": {"data": data}});
    drive.ok(raise("a"));
    drive.ok(raise("b"));
    assert_eq!(drive.ok(raise(&"x".repeat(2000)))["matched"], 0);
    assert_eq!(drive.ok(json!({"op": "stats"}))["dropped"], 1);
    assert_eq!(drive.drained().len(), 2);
}

/// R8: what was not advertised is not sent, whoever asked for it.
#[test]
fn the_host_cannot_subscribe_a_session_to_what_was_not_advertised() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy", "capabilities": {"resources": {}}}));
    drive.refused("NOT_NEGOTIATED", json!({"op": "subscribe", "session": "l", "uri": "doc://1"}));
}

/// R22 takes the message out of progress for 2024-11-05, and nothing else, to the letter (R19).
#[test]
fn progress_without_its_message_keeps_its_numbers() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "l", "profile": "legacy", "revision": "2024-11-05"}));
    let call = r#"{"op":"receive","session":"l","message":{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":123456789012345678901234567890}}}}"#;
    drive.line(call);
    let raise = r#"{"op":"notify","method":"notifications/progress","params":{"progressToken":123456789012345678901234567890,"progress":1.10,"message":"half"}}"#;
    assert_eq!(drive.line(raise), r#"{"ok":true,"matched":1}"#);
    let answer = drive.ok(json!({"op": "drain"}));
    let data = answer["frames"][0]["data"].as_str().unwrap();
    assert!(data.contains(r#""progressToken":123456789012345678901234567890"#), "{data}");
    assert!(data.contains(r#""progress":1.10"#) && !data.contains("half"), "{data}");
}

/// R57: a modern session has no state beside its listens and requests.
#[test]
fn a_modern_session_has_no_types() {
    let mut drive = Drive::start(&[]);
    drive.ok(json!({"op": "open", "session": "m", "profile": "modern"}));
    let params = json!({"types": []});
    let message = json!({"jsonrpc": "2.0", "method": "notifications/subscribe", "params": params});
    let answer = drive.ok(json!({"op": "receive", "session": "m", "message": message}));
    assert_eq!(answer["disposition"], "handled", "and passed over");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    });
    let message =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"_meta": meta}});
    drive.ok(json!({"op": "receive", "session": "m", "message": message}));
    assert_eq!(drive.ok(progress(1, 1))["matched"], 1);
}

/// R48: each listen gets its end, in the order in which they were opened, and behind what is queued.
#[test]
fn the_ends_of_listens_come_in_their_order() {
    let mut drive = Drive::start(&[]);
    for reason in ["shutdown", "revoked"] {
        drive.ok(json!({"op": "open", "session": "m", "profile": "modern"}));
        for id in [5, 3, 9] {
            let filter = json!({"toolsListChanged": true});
            drive.ok(json!({"op": "listen", "session": "m", "id": id, "filter": filter}));
        }
        assert_eq!(drive.drained().len(), 3);
        drive.ok(json!({"op": "notify", "method": "notifications/tools/list_changed"}));
        drive.ok(json!({"op": "end", "session": "m", "reason": reason}));
        let frames = drive.drained();
        let end = if reason == "shutdown" { "result" } else { "error" };
        let ends = &frames[3..];
        assert!(ends.iter().all(|(_, frame)| frame.get(end).is_some()), "{frames:?}");
        let ids: Vec<_> = ends.iter().map(|(_, frame)| frame["id"].as_u64()).collect();
        assert_eq!(ids, [Some(5), Some(3), Some(9)]);
    }
}

/// R44: where the engine answers `server/discover`, a listen is honoured as far as that answer goes.
#[test]
fn what_discover_does_not_advertise_is_not_acknowledged() {
    let capabilities = r#"server.capabilities={"tools":{"listChanged":true}}"#;
    let mut drive = Drive::start(&["--set", "initialize.answer=engine", "--set", capabilities]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let filter = json!({"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["a:"]});
    let params = json!({"_meta": meta, "notifications": filter});
    for profile in ["modern", "auto"] {
        drive.ok(json!({"op": "open", "session": profile, "profile": profile}));
        let listen =
            json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params});
        drive.ok(json!({"op": "receive", "session": profile, "message": listen}));
        let frames = drive.drained();
        let honoured = &frames[0].1["params"]["notifications"];
        assert_eq!(*honoured, json!({"toolsListChanged": true}), "{profile}");
    }
}

/// Progress that replaces what is queued of its token keeps to the bound in bytes all the same.
#[test]
fn progress_that_grows_in_place_keeps_to_the_bound() {
    let raise = |text: String| {
        let params = json!({"progressToken": 1, "progress": 2, "message": text});
        json!({"op": "notify", "method": "notifications/progress", "params": params})
    };
    for (policy, values) in [("drop_oldest", vec![900]), ("drop_newest", vec![0, 500])] {
        let mut drive = Drive::start(&[]);
        let open = json!({"op": "open", "session": "o", "profile": "open", "overflow": policy, "max_queued_bytes": 1024});
        drive.ok(open);
        drive.ok(json!({"op": "notify", "method": "notifications/n", "params": {"message": ""}}));
        drive.ok(raise("x".repeat(500)));
        // Too much beside the first event, and then too much for any queue.
        drive.ok(raise("x".repeat(900)));
        assert_eq!(drive.ok(raise("x".repeat(2000)))["matched"], 0, "{policy}");
        assert_eq!(drive.ok(json!({"op": "stats"}))["dropped"], 2, "{policy}");
        let frames = drive.drained();
        let length = |frame: &Value| frame["params"]["message"].as_str().unwrap().len();
        let lengths: Vec<_> = frames.iter().map(|(_, frame)| length(frame)).collect();
        assert_eq!(lengths, values, "{policy}");
    }
    let mut drive = Drive::start(&[]);
    let open = json!({"op": "open", "session": "o", "profile": "open", "overflow": "close", "max_queued_bytes": 1024});
    drive.ok(open);
    drive.ok(raise("x".repeat(500)));
    drive.ok(raise("x".repeat(2000)));
    drive.refused("GONE", json!({"op": "drain", "session": "o"}));
}
