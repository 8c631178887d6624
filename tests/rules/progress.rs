//! Progress of requests (R16 to R22).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanfare::{Engine, ErrorKind, Hooks, Profile, Progress, Raise, Revision};

use crate::common::*;
use crate::race::Raiser;

const NONE: [&str; 0] = [];

fn token(text: &str) -> String {
    format!(r#","progressToken":{text}"#)
}

#[test]
fn r16_only_for_the_token_of_an_active_request() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        let other = open(&engine, settled(revision));
        assert_eq!(report(&engine, "1", "1"), 0, "unknown");
        passed(&engine, session, &call_in(revision, "7", &token("1")));
        passed(&engine, other, &call_in(revision, "8", &token("2")));
        assert_eq!(report(&engine, "1", "1"), 1);
        let params = r#"{"progressToken":1,"progress":2}"#;
        let foreign = engine.notify("notifications/progress", Some(params), &to(other));
        assert_eq!(foreign, Ok(0), "another session's");
        engine.send(session, None, called_in(revision, "7").as_bytes()).unwrap();
        assert_eq!(report(&engine, "1", "3"), 0, "finished");
        let expected = [progressed("1", "1"), called_in(revision, "7")];
        assert_eq!(frames(&engine, session), expected, "{revision}");
        assert_eq!(frames(&engine, other), NONE);
    }
}

#[test]
fn r16_a_token_that_can_be_none_is_none() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    for wrong in ["1.5", "true", "[1]", "{}"] {
        passed(&engine, session, &call(&format!("{wrong:?}"), wrong));
        let params = format!(r#"{{"progressToken":{wrong},"progress":1}}"#);
        let raised = engine.notify("notifications/progress", Some(&params), &to(session));
        assert_eq!(raised.unwrap_err().kind(), ErrorKind::Json, "{wrong}");
    }
    assert_eq!(frames(&engine, session), NONE);
}

#[test]
fn r17_each_value_is_greater_than_the_one_before() {
    let cases: [&[(&str, bool)]; 5] = [
        &[("0", true), ("0", false), ("-0.0", false), ("0.1", true)],
        &[("1", true), ("0.5", false), ("1.0", false), ("1.0000001", true)],
        &[("-5", true), ("-5.5", false), ("-4.5", true)],
        &[("9007199254740992", true), ("9007199254740992", false), ("9007199254740993", true)],
        &[("1e308", true), ("9e307", false), ("1.7e308", true)],
    ];
    for revision in Revision::ALL {
        for case in cases {
            let engine = engine(&[]);
            let session = open(&engine, settled(revision));
            passed(&engine, session, &call_in(revision, "1", &token("1")));
            for &(value, is_above) in case {
                assert_eq!(report(&engine, "1", value), usize::from(is_above), "{value}");
                let expected = if is_above { vec![progressed("1", value)] } else { Vec::new() };
                assert_eq!(frames(&engine, session), expected, "{revision}: {value}");
            }
        }
    }
}

#[test]
fn r17_what_is_no_number_is_refused() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    passed(&engine, session, &call("1", "1"));
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let progress = Progress { token: "1", progress: value, total: None, message: None };
        let error = engine.notify_progress(&progress, &Raise::ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    for value in ["1e999", "\"1\"", "null", "NaN"] {
        let params = format!(r#"{{"progressToken":1,"progress":{value}}}"#);
        let error = engine.notify("notifications/progress", Some(&params), &Raise::ALL);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Json, "{value}");
    }
    assert_eq!(frames(&engine, session), NONE);
}

/// One thread reports progress of whatever request is in flight while another answers it. Of some
/// requests the one waits for the other, so that there has been a report before the response, or
/// after it.
#[test]
fn r18_nothing_after_the_response_whoever_is_faster() {
    const ROUNDS: usize = 2000;
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let current = Arc::new(AtomicUsize::new(0));
    let reports = Arc::new(AtomicUsize::new(0));
    let (token, count) = (current.clone(), reports.clone());
    let reporter = Raiser::start(&engine, move |engine| {
        let value = count.load(Ordering::SeqCst).to_string();
        report(engine, &token.load(Ordering::SeqCst).to_string(), &value);
        count.fetch_add(1, Ordering::SeqCst);
    });
    let two_more_reports = || {
        // Two, because the first may have begun before.
        let seen = reports.load(Ordering::SeqCst);
        let start = Instant::now();
        while reports.load(Ordering::SeqCst) < seen + 2 {
            assert!(start.elapsed() < Duration::from_secs(60), "the reporter has stopped");
            std::thread::yield_now();
        }
    };
    let wrong = reporter.until(ROUNDS, |n| {
        let id = (n + 1).to_string();
        passed(&engine, session, &call(&id, &id));
        current.store(n + 1, Ordering::SeqCst);
        if n % 10 == 0 {
            two_more_reports();
        }
        respond(&engine, session, &id);
        if n % 10 == 5 {
            two_more_reports();
        }
        let got = frames(&engine, session);
        let (last, before) = got.split_last().expect("there is a response");
        let token = format!(r#""progressToken":{id},"#);
        let is_right = *last == empty(&id)
            && before.iter().all(|frame| frame.contains(&token))
            && (n % 10 != 0 || before.len() == 1);
        if is_right { Ok(1) } else { Err(got) }
    });
    assert_eq!(wrong, None);
    assert!(engine.stats().progress_refused > 0, "some came too late");
}

#[test]
fn r18_nothing_after_an_error_a_cancellation_or_input_required() {
    for revision in Revision::ALL {
        let mut ends =
            vec![Some(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#), None];
        if !revision.is_legacy() {
            ends.push(Some(
                r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{}}}"#,
            ));
        }
        for end in ends {
            let engine = engine(&[("progress.min_interval_ms", "100")]);
            let session = open(&engine, settled(revision));
            passed(&engine, session, &call_in(revision, "1", &token("1")));
            report(&engine, "1", "1");
            report(&engine, "1", "2");
            match end {
                Some(response) => engine.send(session, None, response.as_bytes()).unwrap(),
                None => passed(&engine, session, &cancelled("1")),
            }
            assert_eq!(report(&engine, "1", "3"), 0);
            engine.advance(1000).unwrap();
            let got = frames(&engine, session);
            match end {
                Some(response) => assert_eq!(got, [progressed("1", "2"), response.to_owned()]),
                None => assert_eq!(got, NONE, "what was queued goes with the cancellation"),
            }
        }
    }
}

#[test]
fn r19_a_token_keeps_its_type() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        passed(&engine, session, &call_in(revision, "1", &token("1")));
        passed(&engine, session, &call_in(revision, "2", &token("\"1\"")));
        assert_eq!(report(&engine, "\"1\"", "5"), 1);
        assert_eq!(report(&engine, "1", "6"), 1);
        assert_eq!(frames(&engine, session), [progressed("\"1\"", "5"), progressed("1", "6")]);
        engine.send(session, None, called_in(revision, "1").as_bytes()).unwrap();
        assert_eq!((report(&engine, "\"1\"", "7"), report(&engine, "1", "7")), (1, 0));
    }
}

#[test]
fn r20_a_token_that_is_taken_is_told_and_the_first_goes_on() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let hooks = Hooks::new().on_log(move |record| log.lock().unwrap().push(record.message.clone()));
    let engine = Engine::with_hooks(config(&[]), hooks);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "\"t\""));
    assert_eq!(told.lock().unwrap().len(), 0);
    passed(&engine, session, &call("2", "\"t\""));
    let said = told.lock().unwrap().join("\n");
    assert!(said.contains("request 2") && said.contains("\"t\""), "{said}");
    respond(&engine, session, "2");
    assert_eq!(report(&engine, "\"t\"", "1"), 1);
    respond(&engine, session, "1");
    assert_eq!(frames(&engine, session), [empty("2"), progressed("\"t\"", "1"), empty("1")]);
    // Free again.
    passed(&engine, session, &call("3", "\"t\""));
    assert_eq!(report(&engine, "\"t\"", "1"), 1);
}

#[test]
fn r21_a_flood_is_one_frame_with_the_last_value() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    for n in 1..=100_000 {
        assert_eq!(report(&engine, "1", &n.to_string()), 1);
    }
    assert_eq!(frames(&engine, session), [progressed("1", "100000")]);
}

#[test]
fn r21_an_interval_bounds_the_rate_and_keeps_the_last_value() {
    let engine = engine(&[("progress.min_interval_ms", "100")]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    let mut got = Vec::new();
    for now_ms in 0..1000 {
        engine.advance(now_ms).unwrap();
        report(&engine, "1", &now_ms.to_string());
        got.extend(frames(&engine, session));
    }
    // What was held comes due with the tick, and the report of that tick takes its place.
    let expected: Vec<String> = (0..10).map(|n| progressed("1", &(100 * n).to_string())).collect();
    assert_eq!(got, expected);
    respond(&engine, session, "1");
    assert_eq!(frames(&engine, session), [progressed("1", "999"), empty("1")]);
}

#[test]
fn r22_the_oldest_revision_has_no_message() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        passed(&engine, session, &call_in(revision, "1", &token("\"p\"")));
        let message = Some("half");
        let progress = Progress { token: "\"p\"", progress: 0.5, total: Some(1.0), message };
        assert_eq!(engine.notify_progress(&progress, &Raise::ALL), Ok(1));
        let got = frames(&engine, session).remove(0);
        let got: serde_json::Value = serde_json::from_str(&got).unwrap();
        let has_message = revision != Revision::V2024_11_05;
        let mut expected = serde_json::json!({ "progressToken": "p", "progress": 0.5, "total": 1 });
        if has_message {
            expected["message"] = "half".into();
        }
        assert_eq!(got["params"], expected, "{revision}");
    }
}

/// What a host sends by itself is held to the same rules as what it raises.
#[test]
fn r16_progress_that_the_host_sends_is_admitted_alike() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let send = |value: &str| {
        engine.send(session, None, progressed("1", value).as_bytes()).unwrap();
        frames(&engine, session)
    };
    assert_eq!(send("1"), NONE);
    passed(&engine, session, &call_in(Revision::MODERN, "1", &token("1")));
    assert_eq!(send("1"), [progressed("1", "1")]);
    assert_eq!(send("1"), NONE);
}
