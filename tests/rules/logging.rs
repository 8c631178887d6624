//! Log messages (R9 to R15, R70).

use fanfare::{Capabilities, Framing, Level, Profile, Raise, Revision, SessionParams, Target};

use crate::common::*;

fn with_level(id: &str, level: &str) -> String {
    let key = format!(r#","io.modelcontextprotocol/logLevel":{level}"#);
    call_in(Revision::MODERN, id, &key)
}

fn line(level: Level, data: &str) -> String {
    notification("notifications/message", &format!(r#"{{"level":"{level}","data":{data}}}"#))
}

#[test]
fn r09_no_log_without_the_capability() {
    for revision in Revision::ALL {
        for logging in [false, true] {
            let engine = engine(&[]);
            let capabilities = Capabilities { logging, ..Capabilities::all() };
            let params = SessionParams::new(settled(revision)).framing(Framing::Json);
            let session = open_with(&engine, params.capabilities(capabilities));
            let level = r#","io.modelcontextprotocol/logLevel":"debug""#;
            passed(&engine, session, &call_in(revision, "1", level));
            let of_call = Raise::to(Target::Request(session, "1"));
            let reached = engine.notify_logging_message(Level::Emergency, None, "1", &of_call);
            assert_eq!(reached, Ok(usize::from(logging)), "{revision}");
            let expected = if logging { vec![line(Level::Emergency, "1")] } else { Vec::new() };
            assert_eq!(frames(&engine, session), expected);
        }
    }
}

#[test]
fn r10_only_the_level_asked_for_and_above() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        for lowest in Level::ALL {
            let params = format!(r#"{{"level":"{lowest}"}}"#);
            let set = request("1", "logging/setLevel", &params);
            assert_eq!(asked(&engine, session, &set), [empty("1")]);
            for level in Level::ALL {
                engine.notify_logging_message(level, None, "{}", &Raise::ALL).unwrap();
                let is_heard = level >= lowest;
                let expected = if is_heard { vec![line(level, "{}")] } else { Vec::new() };
                assert_eq!(frames(&engine, session), expected, "{revision}: {level} at {lowest}");
            }
        }
    }
}

#[test]
fn r11_a_level_that_is_none_changes_nothing() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        asked(&engine, session, &request("1", "logging/setLevel", r#"{"level":"error"}"#));
        for wrong in [
            r#"{"level":"verbose"}"#,
            r#"{"level":"ERROR"}"#,
            r#"{"level":5}"#,
            r#"{"level":null}"#,
            "{}",
            "",
        ] {
            let got = asked(&engine, session, &request("2", "logging/setLevel", wrong));
            assert_eq!(code_of(&got[0], "2"), -32602, "{revision}: {wrong}");
            engine.notify_logging_message(Level::Warning, None, "1", &Raise::ALL).unwrap();
            engine.notify_logging_message(Level::Error, None, "1", &Raise::ALL).unwrap();
            assert_eq!(frames(&engine, session), [line(Level::Error, "1")]);
        }
    }
}

#[test]
fn r12_no_log_for_a_request_that_asked_for_none() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    passed(&engine, session, &call_in(Revision::MODERN, "1", ""));
    let of_call = Raise::to(Target::Request(session, "1"));
    assert_eq!(engine.notify_alert(Level::Emergency, None, "1", &of_call), Ok(0));
    assert_eq!(engine.notify_alert(Level::Emergency, None, "1", &to(session)), Ok(0));
    assert_eq!(engine.notify_alert(Level::Emergency, None, "1", &Raise::ALL), Ok(0));
    let by_name = r#"{"level":"emergency","data":1}"#;
    let sent = notification("notifications/message", by_name);
    engine.send(session, None, sent.as_bytes()).unwrap();
    assert_eq!(frames(&engine, session), [""; 0]);
}

#[test]
fn r13_each_request_has_its_own_level_and_an_end() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    passed(&engine, session, &with_level("1", "\"error\""));
    passed(&engine, session, &with_level("2", "\"debug\""));
    let log = |id, level, data| {
        let raise = Raise::to(Target::Request(session, id));
        engine.notify_logging_message(level, None, data, &raise).unwrap()
    };
    assert_eq!(log("1", Level::Info, "1"), 0);
    assert_eq!(log("2", Level::Info, "2"), 1);
    assert_eq!(log("1", Level::Critical, "3"), 1);
    engine.send(session, None, called_in(Revision::MODERN, "1").as_bytes()).unwrap();
    assert_eq!(log("1", Level::Emergency, "4"), 0);
    assert_eq!(log("2", Level::Emergency, "5"), 1);
    // Of request 1 before its response; what is of request 2 stays in its own order.
    let got = frames(&engine, session);
    let at = |frame: &str| got.iter().position(|it| it == frame);
    assert_eq!(got.len(), 4, "{got:?}");
    assert!(at(&line(Level::Critical, "3")) < at(&called_in(Revision::MODERN, "1")), "{got:?}");
    assert!(at(&line(Level::Info, "2")) < at(&line(Level::Emergency, "5")), "{got:?}");
}

#[test]
fn r13_a_log_rides_the_stream_of_its_own_request() {
    use fanfare::StreamKind;
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let streams = [0, 1].map(|_| engine.open_stream(session, StreamKind::Request).unwrap());
    for (stream, id) in streams.into_iter().zip(["1", "2"]) {
        let message = with_level(id, "\"info\"");
        engine.receive(session, Some(stream), message.as_bytes()).unwrap();
    }
    let raise = Raise::to(Target::Request(session, "2"));
    assert_eq!(engine.notify_logging_message(Level::Info, None, "2", &raise), Ok(1));
    assert_eq!(frames_of(&engine, streams[0]), [""; 0]);
    assert_eq!(frames_of(&engine, streams[1]), [line(Level::Info, "2")]);
}

#[test]
fn r14_a_listen_carries_neither_log_nor_progress() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let meta = r#","progressToken":"p","io.modelcontextprotocol/logLevel":"debug""#;
    let filter = r#"{"toolsListChanged":true}"#;
    let params = modern_params(meta, &format!(r#","notifications":{filter}"#));
    let got = asked(&engine, session, &request("1", "subscriptions/listen", &params));
    assert_eq!(got, [ack("1", filter)]);
    assert_eq!(report(&engine, "\"p\"", "1"), 0);
    for target in [Target::All, Target::Session(session), Target::Request(session, "1")] {
        assert_eq!(engine.notify_alert(Level::Alert, None, "1", &Raise::to(target)), Ok(0));
    }
    assert_eq!(frames(&engine, session), [""; 0]);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [tagged_list("1", "tools")]);
}

#[test]
fn r15_a_level_that_is_none_refuses_that_request_only() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    for level in ["\"verbose\"", "7", "null", "[]"] {
        let got = asked(&engine, session, &with_level("1", level));
        assert_eq!(code_of(&got[0], "1"), -32602, "{level}");
        let raise = Raise::to(Target::Request(session, "1"));
        assert_eq!(engine.notify_alert(Level::Alert, None, "1", &raise), Ok(0));
        let key = format!(r#","io.modelcontextprotocol/logLevel":{level}"#);
        let params = modern_params(&key, r#","notifications":{"toolsListChanged":true}"#);
        let got = asked(&engine, session, &request("2", "subscriptions/listen", &params));
        assert_eq!(code_of(&got[0], "2"), -32602, "{level}");
    }
    assert_eq!((engine.stats().requests, engine.stats().subscriptions), (0, 0));
    passed(&engine, session, &with_level("1", "\"alert\""));
}
