//! `subscriptions/listen` (R41 to R51, R63).

use std::sync::Arc;

use fanfare::{
    Capabilities, EndReason, Engine, ErrorKind, Framing, Profile, Raise, Revision, SessionId,
    SessionParams, StreamKind, Target,
};

use crate::common::*;
use crate::race::Raiser;

const NONE: [&str; 0] = [];
const TOOLS: &str = r#"{"toolsListChanged":true}"#;
const IDS: [&str; 7] =
    ["0", "\"\"", "1", "\"1\"", "9007199254740992", "9007199254740993", "\"é\\n\""];

fn modern(engine: &Engine) -> SessionId {
    open(engine, Profile::Modern)
}

/// The id that a frame of a subscription is tagged with, or that a response answers.
fn subscription_of(frame: &str) -> Option<serde_json::Value> {
    let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
    let meta = |of: &str| frame[of]["_meta"].get("io.modelcontextprotocol/subscriptionId").cloned();
    meta("params").or_else(|| meta("result"))
}

#[test]
fn r41_ack_is_first() {
    let engine = Arc::new(engine(&[]));
    let session = modern(&engine);
    let raiser = Raiser::start(&engine, |engine| {
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    });
    let filter = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:"]}"#;
    let wrong = raiser.until(200, |n| {
        let id = n.to_string();
        let mut got = asked(&engine, session, &listen(&id, filter));
        got.extend(frames(&engine, session));
        engine.receive(session, None, cancelled(&id).as_bytes()).unwrap();
        frames(&engine, session);
        if got[0] == ack(&id, filter) { Ok(got.len() - 1) } else { Err(got) }
    });
    assert_eq!(wrong, None);
}

/// Also where responses overtake: on one pipe, behind a queue of other subscriptions' notices.
#[test]
fn r41_ack_is_first_behind_a_queue() {
    let engine = engine(&[]);
    let session = modern(&engine);
    asked(&engine, session, &listen("1", TOOLS));
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.receive(session, None, listen("2", TOOLS).as_bytes()).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let got = frames(&engine, session);
    let of_second: Vec<&String> =
        got.iter().filter(|f| subscription_of(f) == Some(2.into())).collect();
    assert_eq!(of_second, [&ack("2", TOOLS), &tagged_list("2", "tools")], "{got:?}");
}

#[test]
fn r42_every_frame_bears_the_id_to_the_letter() {
    let filter = r#"{"promptsListChanged":true,"resourceSubscriptions":["a:"]}"#;
    for by_host in [false, true] {
        let engine = engine(&[]);
        let session = modern(&engine);
        for id in IDS {
            let mut got = if by_host {
                engine.listen(session, None, id, filter).unwrap();
                frames(&engine, session)
            } else {
                asked(&engine, session, &listen(id, filter))
            };
            engine.notify_prompt_list_changed(&Raise::to(Target::Session(session))).unwrap();
            engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
            got.extend(frames(&engine, session));
            let subscription = engine.subscription(session, id).unwrap();
            engine.end_subscription(subscription, EndReason::Graceful).unwrap();
            got.extend(frames(&engine, session));
            let expected =
                [ack(id, filter), tagged_list(id, "prompts"), tagged(id, "a:"), complete(id)];
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn r42_ids_of_two_types_are_two_subscriptions() {
    let engine = engine(&[]);
    let session = modern(&engine);
    for id in IDS {
        assert_eq!(asked(&engine, session, &listen(id, TOOLS)), [ack(id, TOOLS)]);
    }
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), IDS.map(|id| tagged_list(id, "tools")));
}

/// The four fields of a filter, and what each lets through.
const FIELDS: [(&str, &str); 4] = [
    (r#""toolsListChanged":true"#, "tools"),
    (r#""promptsListChanged":true"#, "prompts"),
    (r#""resourcesListChanged":true"#, "resources"),
    (r#""resourceSubscriptions":["a:"]"#, ""),
];

fn filter_of(bits: usize) -> String {
    let fields = FIELDS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
    format!("{{{}}}", fields.map(|(_, (field, _))| *field).collect::<Vec<_>>().join(","))
}

fn raise_all(engine: &Engine) {
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.notify_prompt_list_changed(&Raise::ALL).unwrap();
    engine.notify_resource_list_changed(&Raise::ALL).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify_resource_updated("b:", &Raise::ALL).unwrap();
}

fn notices_of(bits: usize, id: &str) -> Vec<String> {
    let kinds = FIELDS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
    kinds
        .map(
            |(_, (_, list))| if list.is_empty() { tagged(id, "a:") } else { tagged_list(id, list) },
        )
        .collect()
}

#[test]
fn r43_only_what_the_filter_names_and_r44_only_what_is_advertised() {
    for requested in 0..16 {
        for advertised in 0..16 {
            let engine = engine(&[("listen.empty", "hold")]);
            let capabilities = Capabilities {
                logging: false,
                tools_list_changed: advertised & 1 != 0,
                prompts_list_changed: advertised & 2 != 0,
                resources_list_changed: advertised & 4 != 0,
                resources_subscribe: advertised & 8 != 0,
                ..Capabilities::none()
            };
            let params = SessionParams::new(Profile::Modern).framing(Framing::Json);
            let session = open_with(&engine, params.capabilities(capabilities));
            let honoured = requested & advertised;
            let got = asked(&engine, session, &listen("1", &filter_of(requested)));
            assert_eq!(got, [ack("1", &filter_of(honoured))]);
            raise_all(&engine);
            assert_eq!(frames(&engine, session), notices_of(honoured, "1"));
        }
    }
}

#[test]
fn r43_only_the_uris_that_are_named() {
    let engine = engine(&[]);
    let session = modern(&engine);
    let filter = r#"{"resourceSubscriptions":["file:///a","file:///b"]}"#;
    asked(&engine, session, &listen("1", filter));
    for uri in ["file:///a/c", "file:///", "file:///A", "file:///a", "file:///%61"] {
        engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
    }
    assert_eq!(frames(&engine, session), [tagged("1", "file:///a")]);
}

#[test]
fn r44_false_and_empty_are_not_honoured() {
    let engine = engine(&[]);
    let session = modern(&engine);
    let filter = r#"{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":[],"later":{"x":1}}"#;
    assert_eq!(asked(&engine, session, &listen("1", filter)), [ack("1", TOOLS)]);
}

#[test]
fn r45_silence_without_a_listen() {
    for kind in [None, Some(StreamKind::Request), Some(StreamKind::Standalone)] {
        let engine = engine(&[]);
        let session = modern(&engine);
        let stream = kind.map(|kind| engine.open_stream(session, kind).unwrap());
        let message = call_in(Revision::MODERN, "1", "");
        engine.receive(session, stream, message.as_bytes()).unwrap();
        raise_all(&engine);
        engine.notify("notifications/custom", None, &Raise::ALL).unwrap();
        engine.notify_alert(fanfare::Level::Alert, None, "1", &Raise::ALL).unwrap();
        assert_eq!(frames(&engine, session), NONE);
        assert_eq!(engine.stats().queued_frames, 0);
    }
}

#[test]
fn r46_each_listen_has_its_own_copy() {
    let engine = engine(&[]);
    let session = modern(&engine);
    for id in ["1", "\"1\""] {
        asked(&engine, session, &listen(id, TOOLS));
    }
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    // What is queued of the one goes, what is queued of the other stays.
    engine.receive(session, None, cancelled("1").as_bytes()).unwrap();
    assert_eq!(frames(&engine, session), [tagged_list("\"1\"", "tools")]);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [tagged_list("\"1\"", "tools")]);
}

#[test]
fn r47_silence_after_a_cancellation_under_load() {
    let engine = Arc::new(engine(&[]));
    let session = modern(&engine);
    let raiser = Raiser::start(&engine, |engine| {
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    });
    let wrong = raiser.until(200, |n| {
        let id = n.to_string();
        let heard = asked(&engine, session, &listen(&id, TOOLS)).len() - 1;
        let heard = heard + frames(&engine, session).len();
        let mut late = asked(&engine, session, &cancelled(&id));
        late.extend(frames(&engine, session));
        if late.is_empty() { Ok(heard) } else { Err(late) }
    });
    assert_eq!(wrong, None);
    assert_eq!(engine.stats().subscriptions, 0);
}

#[test]
fn r47_silence_after_the_stream_is_closed() {
    let engine = engine(&[]);
    let session = modern(&engine);
    let [first, second] = [0, 1].map(|_| engine.open_stream(session, StreamKind::Listen).unwrap());
    for (stream, id) in [(first, "1"), (second, "2")] {
        engine.receive(session, Some(stream), listen(id, TOOLS).as_bytes()).unwrap();
    }
    engine.close_stream(first).unwrap();
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
    assert_eq!(frames_of(&engine, second), [ack("2", TOOLS), tagged_list("2", "tools")]);
    let gone = engine.subscription(session, "1").unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone);
}

#[test]
fn r48_a_graceful_end_says_so_last() {
    for ends_session in [false, true] {
        let engine = engine(&[]);
        let session = modern(&engine);
        for id in ["1", "2", "3"] {
            asked(&engine, session, &listen(id, TOOLS));
        }
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        if ends_session {
            engine.end(session, EndReason::Shutdown).unwrap();
        } else {
            for id in ["1", "2", "3"] {
                let subscription = engine.subscription(session, id).unwrap();
                engine.end_subscription(subscription, EndReason::Graceful).unwrap();
            }
        }
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        let got = frames(&engine, session);
        assert_eq!(got.len(), 6, "{got:?}");
        for id in ["1", "2", "3"] {
            let number: serde_json::Value = id.parse::<u32>().unwrap().into();
            let of_it: Vec<&String> =
                got.iter().filter(|f| subscription_of(f).as_ref() == Some(&number)).collect();
            assert_eq!(of_it, [&tagged_list(id, "tools"), &complete(id)], "{got:?}");
        }
    }
}

#[test]
fn r48_a_graceful_end_ends_each_stream() {
    let engine = engine(&[]);
    let session = modern(&engine);
    let streams = ["1", "2"].map(|id| {
        let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
        engine.receive(session, Some(stream), listen(id, TOOLS).as_bytes()).unwrap();
        (id, stream)
    });
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.end(session, EndReason::Shutdown).unwrap();
    for (id, stream) in streams {
        let mut batch = fanfare::Batch::new();
        engine.recv_stream(stream, 10, &mut batch).unwrap();
        let last: Vec<bool> = batch.iter().map(|frame| frame.flags.is_last()).collect();
        assert_eq!(last, [false, false, true]);
        let expected = [ack(id, TOOLS), tagged_list(id, "tools"), complete(id)];
        assert_eq!(texts(&engine, &batch), expected);
    }
    assert_eq!(engine.stats().sessions, 0);
}

#[test]
fn r48_an_end_that_is_not_graceful_never_looks_like_one() {
    for reason in EndReason::ALL.into_iter().filter(|reason| !reason.is_graceful()) {
        let engine = engine(&[]);
        let session = modern(&engine);
        asked(&engine, session, &listen("1", TOOLS));
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        let subscription = engine.subscription(session, "1").unwrap();
        engine.end_subscription(subscription, reason).unwrap();
        let mut got = frames(&engine, session);
        if matches!(reason, EndReason::Cancelled | EndReason::Disconnected) {
            assert_eq!(got, NONE, "{reason:?}");
            continue;
        }
        let end = got.pop().expect("the end is told");
        assert_eq!(code_of(&end, "1"), -32603);
        assert!(end.contains(&format!(r#""data":{{"reason":"{}"}}"#, reason.as_str())), "{end}");
        // A client that lags could not take what is queued.
        let rest = match reason {
            EndReason::Lagged => Vec::new(),
            _ => vec![tagged_list("1", "tools")],
        };
        assert_eq!(got, rest, "{reason:?}");
    }
}

#[test]
fn r49_the_host_cannot_send_a_cancellation() {
    let engine = engine(&[]);
    let session = modern(&engine);
    asked(&engine, session, &listen("1", TOOLS));
    passed(&engine, session, &call_in(Revision::MODERN, "2", ""));
    for id in ["1", "2", "3"] {
        let sent = engine.send(session, None, cancelled(id).as_bytes()).unwrap_err();
        assert_eq!(sent.kind(), ErrorKind::NotNegotiated);
        let params = format!(r#"{{"requestId":{id}}}"#);
        let raised = engine.notify("notifications/cancelled", Some(&params), &to(session));
        assert_eq!(raised.unwrap_err().kind(), ErrorKind::NotNegotiated);
    }
    assert_eq!(frames(&engine, session), NONE);
}

#[test]
fn r50_a_cancellation_of_nothing_is_passed_over() {
    let params = [
        "",
        "{}",
        "[]",
        r#"{"requestId":null}"#,
        r#"{"requestId":99}"#,
        r#"{"requestId":"1"}"#,
        r#"{"requestId":1.0}"#,
        r#"{"requestId":{"x":1}}"#,
        r#"{"requestId":true}"#,
        r#"{"requestId":1e400}"#,
        r#"{"requestId":-99999999999999999999999999}"#,
        r#"{"reason":"why"}"#,
    ];
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        passed(&engine, session, &call_in(revision, "1", r#","progressToken":1"#));
        for params in params {
            let message = notification("notifications/cancelled", params);
            assert_eq!(asked(&engine, session, &message), NONE, "{revision}: {params}");
        }
        assert_eq!(report(&engine, "1", "1"), 1, "the call goes on");
        engine.send(session, None, called_in(revision, "1").as_bytes()).unwrap();
        // Too late.
        let late = asked(&engine, session, &cancelled("1"));
        assert_eq!(late, [progressed("1", "1"), called_in(revision, "1")]);
    }
}

/// The client cancels while the host answers: one of the two wins, and the loser is told.
#[test]
fn r50_a_cancellation_races_the_response() {
    const ROUNDS: usize = 2000;
    let engine = Arc::new(engine(&[]));
    let session = modern(&engine);
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let canceller = std::thread::spawn({
        let (engine, barrier) = (engine.clone(), barrier.clone());
        move || {
            for n in 0..ROUNDS {
                barrier.wait();
                let message = cancelled(&n.to_string());
                engine.receive(session, None, message.as_bytes()).unwrap();
                barrier.wait();
            }
        }
    });
    let mut wrong = None;
    for n in 0..ROUNDS {
        let id = n.to_string();
        passed(&engine, session, &call_in(Revision::MODERN, &id, ""));
        let response = called_in(Revision::MODERN, &id);
        barrier.wait();
        let sent = engine.send(session, None, response.as_bytes());
        barrier.wait();
        let got = frames(&engine, session);
        let is_right = match &sent {
            Ok(()) => got == [response],
            Err(error) => error.kind() == ErrorKind::State && got.is_empty(),
        };
        if !is_right {
            wrong = Some((sent, got));
        }
    }
    canceller.join().unwrap();
    assert_eq!(wrong, None);
    assert_eq!(engine.stats().requests, 0);
}

#[test]
fn r51_a_listen_without_a_filter_is_refused() {
    let engine = engine(&[]);
    let session = modern(&engine);
    let with = |rest: &str| request("1", "subscriptions/listen", &modern_params("", rest));
    let wrong = [
        with(""),
        with(r#","notifications":null"#),
        with(r#","notifications":[]"#),
        with(r#","notifications":"tools""#),
        with(r#","notifications":{"toolsListChanged":1}"#),
        with(r#","notifications":{"resourceSubscriptions":"a:"}"#),
        with(r#","notifications":{"resourceSubscriptions":[1]}"#),
    ];
    for message in wrong {
        let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
        engine.receive(session, Some(stream), message.as_bytes()).unwrap();
        let mut batch = fanfare::Batch::new();
        engine.recv_stream(stream, 10, &mut batch).unwrap();
        let got = texts(&engine, &batch);
        assert_eq!(got.len(), 1, "{message}: {got:?}");
        assert_eq!(code_of(&got[0], "1"), -32602, "{message}");
        assert!(batch.iter().all(|frame| frame.flags.is_last()), "the stream is over");
    }
    assert_eq!(engine.stats().subscriptions, 0);
}

#[test]
fn r63_every_stream_that_opted_in_is_told() {
    let engine = engine(&[]);
    let sessions: Vec<SessionId> = (0..50).map(|_| modern(&engine)).collect();
    for &session in &sessions {
        asked(&engine, session, &listen("1", &filter_of(7)));
    }
    raise_all(&engine);
    for session in sessions {
        assert_eq!(frames(&engine, session), notices_of(7, "1"));
    }
}
