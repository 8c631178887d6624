//! What happens while a frame callback has a frame in hand: it is sent once, and what comes
//! meanwhile keeps its order (promises 1 and 2, R18, R48).

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use fanfare::{
    EndReason, Engine, Level, Profile, Progress, Raise, Revision, SessionId, Target, Verdict,
};

/// Delivers everything of a session by callback, and does `work` while the frame that contains
/// `at` is in hand for the first time.
fn delivered(
    engine: &Arc<Engine>,
    session: SessionId,
    at: &'static str,
    verdict: Verdict,
    work: impl Fn(&Engine) + Send + Sync + 'static,
) -> Vec<String> {
    let seen = Arc::new(Mutex::new((Vec::new(), false)));
    let (told, host) = (seen.clone(), Arc::downgrade(engine));
    let callback = move |frame: &fanfare::Frame<'_>| {
        let text = String::from_utf8(frame.data.to_vec()).unwrap();
        let is_first = text.contains(at) && !std::mem::replace(&mut told.lock().unwrap().1, true);
        if is_first {
            work(&host.upgrade().unwrap());
            if verdict != Verdict::Accepted {
                return verdict;
            }
        }
        told.lock().unwrap().0.push(text);
        Verdict::Accepted
    };
    engine.on_frame(Some(session), Box::new(callback)).unwrap();
    engine.dispatch(usize::MAX).unwrap();
    if verdict == Verdict::NotNow {
        engine.resume(session).unwrap();
        engine.dispatch(usize::MAX).unwrap();
    }
    std::mem::take(&mut seen.lock().unwrap().0)
}

fn report(engine: &Engine, session: SessionId, progress: f64) {
    let progress = Progress { token: "7", progress, total: None, message: None };
    assert_eq!(engine.notify_progress(&progress, &to(session)), Ok(1));
}

fn progress(amount: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":7,"progress":{amount}}}}}"#
    )
}

fn calling() -> (Arc<Engine>, SessionId) {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, legacy(Revision::V2025_11_25));
    passed(&engine, session, &request("1", "tools/call", r#"{"_meta":{"progressToken":7}}"#));
    (engine, session)
}

fn listening() -> (Arc<Engine>, SessionId) {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, Profile::Modern);
    let filter = r#"{"resourceSubscriptions":["a:","b:"]}"#;
    assert_eq!(asked(&engine, session, &listen("1", filter)).len(), 1);
    (engine, session)
}

#[test]
fn a_response_repeats_nothing_of_its_request() {
    for verdict in [Verdict::Accepted, Verdict::NotNow] {
        let (engine, session) = calling();
        report(&engine, session, 1.0);
        let seen = delivered(&engine, session, "progress", verdict, move |engine| {
            engine.send(session, None, empty("1").as_bytes()).unwrap();
        });
        assert_eq!(seen, [progress(1), empty("1")], "{verdict:?}");
        assert_eq!(engine.stats().delivered, 2);
    }
}

#[test]
fn progress_made_meanwhile_keeps_its_place() {
    for is_answered in [false, true] {
        let (engine, session) = calling();
        report(&engine, session, 1.0);
        let seen = delivered(&engine, session, "progress", Verdict::Accepted, move |engine| {
            let its = Raise::to(Target::Request(session, "1"));
            engine.notify_logging_message(Level::Error, None, "1", &its).unwrap();
            report(engine, session, 2.0);
            if is_answered {
                engine.send(session, None, empty("1").as_bytes()).unwrap();
            }
        });
        let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":1}}"#;
        let mut expected = vec![progress(1), log.to_owned(), progress(2)];
        if is_answered {
            expected.push(empty("1"));
        }
        assert_eq!(seen, expected);
    }
}

/// The response comes after the second frame was put back, and finds the events in the order in
/// which they were raised.
#[test]
fn a_later_response_finds_the_order_of_raising() {
    let (engine, session) = calling();
    report(&engine, session, 1.0);
    let host = engine.clone();
    let mut seen = delivered(&engine, session, "progress", Verdict::Accepted, move |engine| {
        let its = Raise::to(Target::Request(session, "1"));
        engine.notify_logging_message(Level::Error, None, "1", &its).unwrap();
        report(engine, session, 2.0);
        engine.pause(session).unwrap();
    });
    assert_eq!(seen, [progress(1)]);
    host.send(session, None, empty("1").as_bytes()).unwrap();
    seen = frames(&host, session);
    assert!(seen[0].contains("notifications/message"), "{seen:?}");
    assert_eq!(seen[1..], [progress(2), empty("1")]);
}

#[test]
fn a_graceful_end_of_a_listen_repeats_nothing_and_comes_last() {
    for is_raised_again in [false, true] {
        let (engine, session) = listening();
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        let seen = delivered(&engine, session, "a:", Verdict::Accepted, move |engine| {
            engine.notify_resource_updated("b:", &Raise::ALL).unwrap();
            if is_raised_again {
                engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
            }
            let listen = engine.subscription(session, "1").unwrap();
            engine.end_subscription(listen, EndReason::Graceful).unwrap();
        });
        let mut expected = vec![tagged("1", "a:"), tagged("1", "b:")];
        if is_raised_again {
            expected.push(tagged("1", "a:"));
        }
        expected.push(complete("1"));
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_graceful_end_of_a_session_comes_last_too() {
    for is_raised_again in [false, true] {
        let (engine, session) = listening();
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        let seen = delivered(&engine, session, "a:", Verdict::Accepted, move |engine| {
            engine.notify_resource_updated("b:", &Raise::ALL).unwrap();
            if is_raised_again {
                engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
            }
            engine.end(session, EndReason::Shutdown).unwrap();
        });
        let mut expected = vec![tagged("1", "a:"), tagged("1", "b:")];
        if is_raised_again {
            expected.push(tagged("1", "a:"));
        }
        expected.push(complete("1"));
        assert_eq!(seen, expected);
        assert_eq!(engine.stats().sessions, 0);
    }
}
