//! What every message is like: its envelope, its line, its direction, its batch (R1 to R6).

use fanfare::{Batch, Disposition, ErrorKind, Framing, Profile, Raise, Revision, SessionParams};
use serde_json::Value;

use crate::common::*;

/// Opens a session of a revision that may hear of everything that an engine can raise, raises it,
/// and yields what came out. Each frame has been held against the revision's schema (R1).
fn everything(revision: Revision) -> Vec<String> {
    let engine = engine(&[]);
    let session = open(&engine, settled(revision));
    let mut got = Vec::new();
    if revision.is_legacy() {
        got.extend(asked(&engine, session, &subscribe("1", "file:///a")));
    } else {
        let filter = r#"{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["file:///a"]}"#;
        got.extend(asked(&engine, session, &listen("1", filter)));
    }
    let meta = if revision.is_legacy() {
        r#","progressToken":"p""#
    } else {
        r#","progressToken":"p","io.modelcontextprotocol/logLevel":"debug""#
    };
    passed(&engine, session, &call_in(revision, "2", meta));
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.notify_prompt_list_changed(&Raise::ALL.context(r#"{"why":"new"}"#)).unwrap();
    engine.notify_resource_list_changed(&Raise::ALL).unwrap();
    engine.notify_resource_updated("file:///a", &Raise::ALL).unwrap();
    let progress = r#"{"progressToken":"p","progress":0.5,"total":1,"message":"half"}"#;
    engine.notify("notifications/progress", Some(progress), &Raise::ALL).unwrap();
    let of_call = Raise::to(fanfare::Target::Request(session, "2"));
    engine.notify_alert(fanfare::Level::Error, Some("db"), "null", &of_call).unwrap();
    engine.notify("notifications/custom", Some(r#"{"x":[1]}"#), &Raise::ALL).unwrap();
    got.extend(frames(&engine, session));
    engine.send(session, None, called_in(revision, "2").as_bytes()).unwrap();
    got.extend(frames(&engine, session));
    got.extend(asked(&engine, session, r#"{"jsonrpc":"2.0","id":3,"method":7}"#));
    if !revision.is_legacy() {
        engine.end(session, fanfare::EndReason::Shutdown).unwrap();
        got.extend(frames(&engine, session));
    }
    got
}

#[test]
fn r01_every_frame_is_a_message_of_its_revision() {
    for revision in Revision::ALL {
        let got = everything(revision);
        // An answer or an ack, four notices, progress, log, the call's result, an error; custom
        // notifications in the older revisions, the end of the listen in the newest.
        assert_eq!(got.len(), 10, "{revision}: {got:#?}");
        let mut notifications = 0;
        for frame in &got {
            let message: Value = serde_json::from_str(frame).unwrap();
            assert_eq!(message["jsonrpc"], "2.0", "{frame}");
            if message.get("method").is_some() {
                notifications += 1;
                assert!(message.get("id").is_none(), "{frame}");
                assert!(message.get("params").is_none_or(Value::is_object), "{frame}");
            }
        }
        assert_eq!(notifications, 7, "{revision}: {got:#?}");
    }
}

#[test]
fn r01_params_of_the_host_are_an_object_or_refused() {
    let engine = engine(&[]);
    for params in ["[1]", "7", "\"x\"", "null", "{"] {
        let error = engine.notify("notifications/x", Some(params), &Raise::ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Json, "{params}");
    }
}

#[test]
fn r02_a_notification_is_never_answered() {
    let wrong = [
        r#"{"jsonrpc":"2.0","method":7}"#,
        r#"{"jsonrpc":"2.0","method":"x","params":[]}"#,
        r#"{"jsonrpc":"2.0","method":"x","params":7}"#,
        r#"{"jsonrpc":"1.0","method":"x"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":null}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/subscribe","params":{"types":7}}"#,
        r#"{"jsonrpc":"2.0","method":"subscriptions/listen"}"#,
        r#"{"jsonrpc":"2.0","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/no/such"}"#,
    ];
    let settled = Revision::ALL.map(settled);
    for profile in settled.into_iter().chain([Profile::Open, Profile::Auto]) {
        let engine = engine(&[]);
        let session = open(&engine, profile);
        for message in wrong {
            engine.receive(session, None, message.as_bytes()).unwrap();
            assert_eq!(frames(&engine, session), [""; 0], "{profile:?}: {message}");
        }
    }
}

/// What a host may raise by name, with params that the protocol takes, and the revisions that
/// have it when it is aimed at one session.
const RAISED: [(&str, &str, [bool; 5]); 9] = [
    ("notifications/tools/list_changed", "{}", [true, true, true, true, false]),
    ("notifications/prompts/list_changed", "{}", [true, true, true, true, false]),
    ("notifications/resources/list_changed", "{}", [true, true, true, true, false]),
    ("notifications/resources/updated", r#"{"uri":"a:"}"#, [true, true, true, true, false]),
    ("notifications/message", r#"{"level":"error","data":1}"#, [true, true, true, true, false]),
    (
        "notifications/elicitation/complete",
        r#"{"elicitationId":"e"}"#,
        [false, false, false, true, false],
    ),
    (
        "notifications/tasks/status",
        r#"{"taskId":"t","status":"working","ttl":null,"createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z"}"#,
        [false, false, false, true, false],
    ),
    ("notifications/tasks", r#"{"taskId":"t","status":"working"}"#, [false; 5]),
    ("notifications/custom", "{}", [true, true, true, true, false]),
];

#[test]
fn r03_a_method_goes_where_its_revision_has_it() {
    for (at, revision) in Revision::ALL.into_iter().enumerate() {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        if revision.is_legacy() {
            asked(&engine, session, &subscribe("1", "a:"));
            let elicitation = r#"{"mode":"url","elicitationId":"e"}"#;
            let elicitation = request("2", "elicitation/create", elicitation);
            engine.send(session, None, elicitation.as_bytes()).unwrap();
            frames(&engine, session);
        }
        for (method, params, has_it) in RAISED {
            let reached = engine.notify(method, Some(params), &to(session)).unwrap();
            let got = frames(&engine, session);
            assert_eq!(
                (reached, got.len()),
                (usize::from(has_it[at]), reached),
                "{revision}: {method}"
            );
            assert!(got.iter().all(|frame| frame.contains(method)), "{got:?}");
        }
    }
}

#[test]
fn r03_a_method_that_is_not_a_servers_is_refused() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        for method in [
            "notifications/initialized",
            "notifications/roots/list_changed",
            "notifications/subscriptions/acknowledged",
        ] {
            let raised = engine.notify(method, None, &to(session)).unwrap_err();
            assert_eq!(raised.kind(), ErrorKind::NotNegotiated, "{revision}: {method}");
            let sent = engine.send(session, None, notification(method, "").as_bytes()).unwrap_err();
            assert_eq!(sent.kind(), ErrorKind::NotNegotiated, "{revision}: {method}");
        }
        assert_eq!(frames(&engine, session), [""; 0]);
    }
}

#[test]
fn r04_one_line_for_one_message() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open_with(&engine, SessionParams::new(settled(revision)));
        let meta = r#","progressToken":1,"io.modelcontextprotocol/logLevel":"debug""#;
        passed(&engine, session, &call_in(revision, "1", meta));
        let of_call = Raise::to(fanfare::Target::Request(session, "1"));
        let mut expected = Vec::new();
        for data in [
            "{\n \"a\":\r\n [1,\n2]}",
            r#""line\nfeed\r""#,
            "\"\u{2028}\u{2029}\u{85}\"",
            r#""\ud83d\ude00""#,
            "\"\u{1f600}\"",
        ] {
            let text = engine.notify_logging_message(fanfare::Level::Error, None, data, &of_call);
            assert_eq!(text, Ok(1), "{data:?}");
            let data = data.replace(['\n', '\r'], " ");
            let params = format!(r#"{{"level":"error","data":{data}}}"#);
            expected.push(notification("notifications/message", &params) + "\n");
        }
        let result = called_in(revision, "1").replace("[]", "[\n\r\n]");
        engine.send(session, None, result.as_bytes()).unwrap();
        expected.push(result.replace(['\n', '\r'], " ") + "\n");
        assert_eq!(frames(&engine, session), expected);
    }
}

/// Half a surrogate is grammatical JSON, though no text: it must not become bytes that are not
/// UTF-8, nor cost the client the line.
#[test]
fn r04_half_a_surrogate_does_not_break_the_line() {
    let engine = engine(&[]);
    let session = open_with(&engine, SessionParams::new(legacy(Revision::V2025_06_18)));
    let params = r#"{"x":"\ud800"}"#;
    let reached = engine.notify("notifications/custom", Some(params), &Raise::ALL);
    let mut batch = Batch::new();
    engine.recv(Some(session), 10, &mut batch).unwrap();
    let got: Vec<&str> = batch.iter().map(|f| std::str::from_utf8(f.data).unwrap()).collect();
    match reached {
        Ok(_) => assert_eq!(got, [notification("notifications/custom", params) + "\n"]),
        Err(error) => assert_eq!((error.kind(), got.len()), (ErrorKind::Json, 0)),
    }
}

#[test]
fn r04_server_sent_events_hold_one_message_each() {
    let engine = engine(&[]);
    let params = SessionParams::new(legacy(Revision::V2025_06_18)).framing(Framing::Sse);
    let session = open_with(&engine, params);
    engine.notify("notifications/custom", Some("{\"a\":\n1}"), &Raise::ALL).unwrap();
    assert_eq!(
        frames(&engine, session),
        [
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/custom\",\"params\":{\"a\": 1}}\n\n"
        ]
    );
}

#[test]
fn r05_arrays_are_refused_where_the_revision_has_none() {
    let batch = format!("[{},{}]", request("1", "ping", ""), request("2", "ping", ""));
    for revision in Revision::ALL.into_iter().filter(|&r| r != Revision::V2025_03_26) {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        for array in [batch.as_str(), "[]", r#"[{"jsonrpc":"2.0","method":"x"}]"#] {
            let got = asked(&engine, session, array);
            // Before 2025-11-25 every error needs an id, and an array has none to give.
            let answers = usize::from(revision >= Revision::V2025_11_25);
            assert_eq!(got.len(), answers, "{revision}: {got:?}");
            for frame in got {
                let head = r#"{"jsonrpc":"2.0","error":{"code":-32600,"#;
                assert!(frame.starts_with(head), "{frame}");
            }
        }
    }
}

#[test]
fn r05_no_array_is_emitted() {
    for revision in Revision::ALL {
        let got = everything(revision);
        assert!(got.iter().all(|frame| frame.starts_with('{')), "{got:?}");
    }
}

#[test]
fn r06_a_batch_is_taken_in_2025_03_26() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_03_26));
    let pings = format!("[{},{}]", request("1", "ping", ""), request("\"2\"", "ping", ""));
    assert_eq!(asked(&engine, session, &pings), [empty("1"), empty("\"2\"")]);

    let notes = format!("[{},{}]", notification("notifications/a", ""), cancelled("9"));
    let mut given = Vec::new();
    let disposition = engine
        .receive_each(session, None, notes.as_bytes(), |text| given.push(text.to_owned()))
        .unwrap();
    assert_eq!(disposition, Disposition::Pass);
    assert_eq!(given, [notification("notifications/a", "")]);
    assert_eq!(frames(&engine, session), [""; 0], "nothing answers a batch of notifications");
}

/// Of an empty array and an `initialize` in a batch; neither changes anything.
#[test]
fn r06_a_batch_that_may_not_be_is_refused() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_03_26));
    // An empty array is one -32600; 2025-03-26 has no error without an id, so there is no answer.
    assert_eq!(asked(&engine, session, "[]"), [""; 0]);
    assert_eq!(engine.stats().rejected, 1);
    let greeting = request("5", "initialize", r#"{"protocolVersion":"2025-03-26"}"#);
    let got = asked(&engine, session, &format!("[{greeting},{}]", request("6", "ping", "")));
    assert_eq!(code_of(&got[0], "5"), -32600);
    assert_eq!(got[1..], [empty("6")]);
}
