//! Debounce per kind: at once, then at most one per interval, and the last one never lost.

mod common;

use common::*;
use fanfare::{Batch, Engine, Profile, Raise, Revision, SessionId};

fn listening(engine: &Engine) -> SessionId {
    let session = open(engine, Profile::Modern);
    asked(engine, session, &listen("1", r#"{"resourceSubscriptions":["a:","b:"]}"#));
    session
}

fn raise(engine: &Engine, uri: &str) -> usize {
    engine.notify_resource_updated(uri, &Raise::ALL).unwrap()
}

#[test]
fn the_first_goes_at_once_and_the_rest_as_one() {
    let engine = engine(&[("debounce.resource_ms", "100")]);
    let session = listening(&engine);
    engine.advance(1000).unwrap();
    assert_eq!(raise(&engine, "a:"), 1);
    assert_eq!(frames(&engine, session), [tagged("1", "a:")]);
    for now in [1010, 1050, 1099] {
        engine.advance(now).unwrap();
        assert_eq!(raise(&engine, "a:"), 1);
        assert_eq!(frames(&engine, session), [""; 0]);
    }
    // Another topic has an interval of its own.
    raise(&engine, "b:");
    assert_eq!(frames(&engine, session), [tagged("1", "b:")]);
    assert_eq!(engine.next_deadline_ms(), Some(1100));
    engine.advance(1100).unwrap();
    assert_eq!(frames(&engine, session), [tagged("1", "a:")]);
    // The one that waited began an interval too.
    raise(&engine, "a:");
    assert_eq!(frames(&engine, session), [""; 0]);
    engine.advance(1200).unwrap();
    assert_eq!(frames(&engine, session), [tagged("1", "a:")]);
    engine.advance(1300).unwrap();
    assert_eq!(engine.next_deadline_ms(), None, "nothing is left behind");
    raise(&engine, "a:");
    assert_eq!(frames(&engine, session), [tagged("1", "a:")]);
}

#[test]
fn a_steady_stream_of_changes_is_told_once_per_interval() {
    let engine = engine(&[("debounce.tool_list_ms", "100")]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let mut told = Vec::new();
    for now in 0..1000 {
        engine.advance(now).unwrap();
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        told.extend(frames(&engine, session).iter().map(|_| now));
    }
    assert_eq!(told, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
}

#[test]
fn kinds_without_an_interval_are_not_held_back() {
    let engine = engine(&[("debounce.tool_list_ms", "100")]);
    let session = listening(&engine);
    for _ in 0..3 {
        raise(&engine, "a:");
        assert_eq!(frames(&engine, session), [tagged("1", "a:")]);
    }
    assert_eq!(engine.next_deadline_ms(), None);
}

#[test]
fn targets_and_contexts_wait_side_by_side() {
    let engine = engine(&[("debounce.resource_ms", "100")]);
    let [a, b, c] = [0, 1, 2].map(|_| listening(&engine));
    raise(&engine, "a:");
    let mut batch = Batch::new();
    assert_eq!(engine.recv(None, 10, &mut batch), Ok(3));
    let with = |session, context| {
        engine.notify_resource_updated("a:", &to(session).context(context)).unwrap()
    };
    assert_eq!(with(a, r#"{"n":1}"#), 1);
    assert_eq!(with(a, r#"{"n":2}"#), 1);
    assert_eq!(with(b, r#"{"n":3}"#), 1);
    engine.advance(100).unwrap();
    assert!(frames(&engine, a)[0].contains(r#""n":2"#), "the latest raising counts");
    assert!(frames(&engine, b)[0].contains(r#""n":3"#));
    assert_eq!(frames(&engine, c), [""; 0], "and nobody hears who was not meant");
}

#[test]
fn more_targets_than_can_wait_go_out_early() {
    let engine = engine(&[("debounce.resource_ms", "100")]);
    let sessions: Vec<_> = (0..40).map(|_| listening(&engine)).collect();
    raise(&engine, "a:");
    let mut batch = Batch::new();
    engine.recv(None, 100, &mut batch).unwrap();
    for &session in &sessions {
        engine.notify_resource_updated("a:", &to(session)).unwrap();
    }
    engine.close(sessions[39]).unwrap();
    engine.advance(100).unwrap();
    assert_eq!(engine.recv(None, 100, &mut batch), Ok(39), "each once, and nothing is lost");
}
