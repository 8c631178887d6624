//! Progress of requests (R16 to R22) and log messages of requests (R12, R13).

mod common;

use common::*;
use fanfare::{ErrorKind, Level, Profile, Progress, Raise, Revision, Target};

#[test]
fn only_for_the_token_of_a_request_in_flight() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    assert_eq!(report(&engine, "\"p\"", "1"), 0);
    passed(&engine, session, &call("1", "\"p\""));
    assert_eq!(report(&engine, "\"p\"", "1"), 1);
    assert_eq!(report(&engine, "\"q\"", "1"), 0);
    respond(&engine, session, "1");
    assert_eq!(report(&engine, "\"p\"", "2"), 0);
    assert_eq!(frames(&engine, session), [progressed("\"p\"", "1"), empty("1")]);
    assert_eq!(engine.stats().progress_refused, 3);
}

#[test]
fn a_token_keeps_its_type() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    passed(&engine, session, &call("2", "\"1\""));
    assert_eq!(report(&engine, "1", "5"), 1);
    assert_eq!(report(&engine, "\"1\"", "6"), 1);
    assert_eq!(frames(&engine, session), [progressed("1", "5"), progressed("\"1\"", "6")]);
}

#[test]
fn values_only_go_up() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    let steps = [
        ("0", 1),
        ("0", 0),
        ("-1", 0),
        ("0.5", 1),
        ("0.50", 0),
        ("9007199254740992", 1),
        ("9007199254740992", 0),
        ("9007199254740993", 1),
        ("9007199254740992", 0),
        ("1e300", 1),
    ];
    for (value, reached) in steps {
        assert_eq!(report(&engine, "1", value), reached, "{value}");
        let expected = if reached == 1 { vec![progressed("1", value)] } else { Vec::new() };
        assert_eq!(frames(&engine, session), expected);
    }
    for wrong in [
        r#"{"progressToken":1}"#,
        r#"{"progressToken":1,"progress":"2"}"#,
        r#"{"progressToken":1,"progress":1e999}"#,
        r#"{"progressToken":1.5,"progress":2}"#,
        r#"{"progressToken":1,"progress":2,"total":"x"}"#,
        r#"{"progressToken":1,"progress":2,"message":3}"#,
    ] {
        let error = engine.notify("notifications/progress", Some(wrong), &Raise::ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Json, "{wrong}");
    }
    for wrong in [f64::NAN, f64::INFINITY] {
        let progress = Progress { token: "1", progress: wrong, total: None, message: None };
        let error = engine.notify_progress(&progress, &Raise::ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn the_last_value_takes_the_place_of_one_that_waits() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    passed(&engine, session, &call("2", "2"));
    for n in 1..=1000 {
        assert_eq!(report(&engine, "1", &n.to_string()), 1);
        assert_eq!(report(&engine, "2", &n.to_string()), 1);
    }
    assert_eq!(engine.session_stats(session).unwrap().merged, 1998);
    assert_eq!(frames(&engine, session), [progressed("1", "1000"), progressed("2", "1000")]);
}

#[test]
fn an_interval_holds_back_but_never_loses_the_last_value() {
    let engine = engine(&[("progress.min_interval_ms", "100")]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    engine.advance(1000).unwrap();
    report(&engine, "1", "1");
    assert_eq!(frames(&engine, session), [progressed("1", "1")]);
    report(&engine, "1", "2");
    report(&engine, "1", "3");
    assert_eq!(frames(&engine, session), [""; 0]);
    assert_eq!(engine.next_deadline_ms(), Some(1100));
    assert_eq!(engine.advance(1099), Ok(Some(1100)));
    assert_eq!(frames(&engine, session), [""; 0]);
    assert_eq!(engine.advance(1100), Ok(None));
    assert_eq!(frames(&engine, session), [progressed("1", "3")]);
    // The response does not wait for it.
    report(&engine, "1", "4");
    respond(&engine, session, "1");
    assert_eq!(frames(&engine, session), [progressed("1", "4"), empty("1")]);
    assert_eq!(engine.advance(9999), Ok(None));
    assert_eq!(frames(&engine, session), [""; 0]);
}

#[test]
fn nothing_follows_a_cancellation() {
    for profile in [legacy(Revision::V2025_06_18), Profile::Modern] {
        let engine = engine(&[("progress.min_interval_ms", "100")]);
        let session = open(&engine, profile);
        let params = modern_params(r#","progressToken":1"#, "");
        let params = if profile == Profile::Modern {
            params
        } else {
            r#"{"_meta":{"progressToken":1}}"#.to_owned()
        };
        passed(&engine, session, &request("1", "tools/call", &params));
        report(&engine, "1", "1");
        report(&engine, "1", "2");
        passed(&engine, session, &cancelled("1"));
        assert_eq!(report(&engine, "1", "3"), 0);
        let late = engine.send(session, None, empty("1").as_bytes()).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::State);
        engine.advance(9999).unwrap();
        assert_eq!(frames(&engine, session), [""; 0]);
        assert_eq!(engine.stats().requests, 0);
    }
}

#[test]
fn initialize_cannot_be_cancelled() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Auto);
    passed(&engine, session, &request("0", "initialize", r#"{"protocolVersion":"2025-06-18"}"#));
    assert_eq!(asked(&engine, session, &cancelled("0")), [""; 0]);
    engine.send(session, None, empty("0").as_bytes()).unwrap();
    assert_eq!(frames(&engine, session), [empty("0")]);
}

#[test]
fn a_token_that_is_taken_does_not_disturb_the_first_one() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    passed(&engine, session, &call("2", "1"));
    report(&engine, "1", "1");
    respond(&engine, session, "2");
    assert_eq!(report(&engine, "1", "2"), 1);
    respond(&engine, session, "1");
    assert_eq!(frames(&engine, session), [empty("2"), progressed("1", "2"), empty("1")]);
}

#[test]
fn a_token_of_two_sessions_must_be_aimed() {
    let engine = engine(&[]);
    let [a, b] = [0, 1].map(|_| open(&engine, legacy(Revision::V2025_06_18)));
    passed(&engine, a, &call("1", "1"));
    passed(&engine, b, &call("1", "1"));
    let params = r#"{"progressToken":1,"progress":1}"#;
    let error = engine.notify("notifications/progress", Some(params), &Raise::ALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.detail().contains("2 sessions"), "{error}");
    assert_eq!(engine.notify("notifications/progress", Some(params), &to(b)), Ok(1));
    assert_eq!(frames(&engine, a), [""; 0]);
    assert_eq!(frames(&engine, b), [progressed("1", "1")]);
}

#[test]
fn the_oldest_revision_has_no_message() {
    for revision in [Revision::V2024_11_05, Revision::V2025_03_26] {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        passed(&engine, session, &call("1", "\"p\""));
        let progress =
            Progress { token: "\"p\"", progress: 0.5, total: Some(1.0), message: Some("half") };
        assert_eq!(engine.notify_progress(&progress, &Raise::ALL), Ok(1));
        let message = if revision == Revision::V2024_11_05 { "" } else { r#","message":"half""# };
        let got = frames(&engine, session).remove(0);
        assert_eq!(got.contains("half"), !message.is_empty(), "{got}");
        assert!(got.contains(r#""progress":0.5"#) && got.contains(r#""total":1"#), "{got}");
    }
}

#[test]
fn an_open_session_hears_of_any_progress_and_of_the_last_value_at_least() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    for n in [3, 1, 2] {
        assert_eq!(report(&engine, "\"p\"", &n.to_string()), 1);
    }
    report(&engine, "\"q\"", "1");
    assert_eq!(frames(&engine, session), [progressed("\"p\"", "2"), progressed("\"q\"", "1")]);
    report(&engine, "\"p\"", "5");
    assert_eq!(frames(&engine, session), [progressed("\"p\"", "5")]);
}

#[test]
fn logs_of_a_modern_request_need_its_level_and_go_before_its_response() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let level = |level: &str| {
        modern_params(&format!(r#","io.modelcontextprotocol/logLevel":"{level}""#), "")
    };
    passed(&engine, session, &request("1", "tools/call", &level("warning")));
    passed(&engine, session, &request("2", "tools/call", &modern_params("", "")));
    let log = |id, level| {
        let raise = Raise::to(Target::Request(session, id));
        engine.notify_logging_message(level, None, "1", &raise).unwrap()
    };
    assert_eq!(log("1", Level::Notice), 0);
    assert_eq!(log("1", Level::Warning), 1);
    assert_eq!(log("2", Level::Emergency), 0);
    assert_eq!(log("3", Level::Emergency), 0);
    // Named by its session only, it belongs to the request that admits it.
    assert_eq!(engine.notify_alert(Level::Error, None, "2", &to(session)), Ok(1));
    assert_eq!(engine.notify_alert(Level::Error, None, "2", &Raise::ALL), Ok(0));
    respond(&engine, session, "1");
    assert_eq!(log("1", Level::Emergency), 0);
    let got = frames(&engine, session);
    assert_eq!(got.len(), 3, "{got:?}");
    assert_eq!(got[2], r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}"#);
}
