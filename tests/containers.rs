//! Sub-resources (G2): a subscription to a container hears of what is in it, if the host says so.

mod common;

use common::*;
use fanfare::{Engine, Framing, Level, Profile, Raise, Revision, SessionId, SessionParams, Target};

fn segments() -> Engine {
    engine(&[("resources.match", "segments")])
}

fn listening(engine: &Engine, filter: &str) -> SessionId {
    let session = open(engine, Profile::Modern);
    asked(engine, session, &listen("1", filter));
    session
}

#[test]
fn exact_is_the_default() {
    let engine = engine(&[]);
    listening(&engine, r#"{"resourceSubscriptions":["file:///a/"]}"#);
    assert_eq!(engine.notify_resource_updated("file:///a/b", &Raise::ALL), Ok(0));
}

#[test]
fn a_container_hears_of_its_segments_and_of_nothing_beside_it() {
    for container in ["file:///a", "file:///a/"] {
        let engine = segments();
        let session =
            listening(&engine, &format!(r#"{{"resourceSubscriptions":["{container}"]}}"#));
        let inside = ["file:///a/b", "file:///a/b/c?d", "file:///a/%C3%A9"];
        for uri in inside {
            assert_eq!(engine.subscriber_count(uri), 1);
            assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(1), "{uri}");
            // It merges like any other.
            assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(1), "{uri}");
        }
        for uri in ["file:///ab", "file:///", "file:///b/a", "file://a/b", "file:///a?x/y"] {
            assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(0), "{uri}");
        }
        assert_eq!(frames(&engine, session), inside.map(|uri| tagged("1", uri)));
        assert_eq!(engine.stats().topics, 1, "only the container is held");
    }
}

#[test]
fn each_subscription_hears_once_however_it_is_covered() {
    let engine = segments();
    let filter = r#"{"resourceSubscriptions":["file:///a","file:///a/b","file:///a/b/c"]}"#;
    let session = listening(&engine, filter);
    asked(&engine, session, &listen("2", r#"{"resourceSubscriptions":["file:///a"]}"#));
    let open_one = open(&engine, Profile::Open);
    let uri = "file:///a/b/c";
    assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(3));
    assert_eq!(frames(&engine, session), [tagged("1", uri), tagged("2", uri)]);
    assert_eq!(frames(&engine, open_one), [updated(uri)]);
    let uri = "file:///a/b/d";
    assert_eq!(engine.notify_resource_updated(uri, &to(session)), Ok(2));
    assert_eq!(frames(&engine, session).len(), 2);
    assert_eq!(frames(&engine, open_one), [""; 0]);
}

#[test]
fn a_session_that_does_not_read_learns_of_the_container_at_least() {
    let engine = segments();
    let params = SessionParams::new(Profile::Modern).framing(Framing::Json).max_queued_frames(2);
    let session = engine.open(params).unwrap();
    asked(&engine, session, &listen("1", r#"{"resourceSubscriptions":["file:///a"]}"#));
    for n in 0..100 {
        let uri = format!("file:///a/{n}");
        assert_eq!(engine.notify_resource_updated(&uri, &Raise::ALL), Ok(1));
    }
    assert_eq!(
        frames(&engine, session),
        [tagged("1", "file:///a/0"), tagged("1", "file:///a/1"), tagged("1", "file:///a")]
    );
    let stats = engine.stats();
    assert_eq!((stats.dropped, stats.lagged, stats.topics), (0, 0, 1));
}

#[test]
fn what_is_queued_of_a_container_goes_with_its_subscription() {
    let engine = segments();
    let session = open(&engine, legacy(Revision::V2025_11_25));
    for uri in ["file:///a", "file:///a/b"] {
        asked(&engine, session, &subscribe("1", uri));
    }
    for uri in ["file:///a/x", "file:///a/b/y"] {
        assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(1));
    }
    let unsubscribe = request("2", "resources/unsubscribe", r#"{"uri":"file:///a"}"#);
    // The one that the other container covers stays.
    assert_eq!(asked(&engine, session, &unsubscribe), [empty("2"), updated("file:///a/b/y")]);
    assert_eq!(engine.notify_resource_updated("file:///a/x", &Raise::ALL), Ok(0));
}

/// An open session that makes room drops the notice of the container, with which the container
/// itself is no longer held by anybody.
#[test]
fn making_room_for_what_is_contained_may_drop_the_container() {
    let engine = engine(&[
        ("resources.match", "segments"),
        ("overflow", "drop_oldest"),
        ("session.max_queued_frames", "1"),
    ]);
    let session = open(&engine, Profile::Open);
    assert_eq!(engine.notify_resource_updated("e:/f", &Raise::ALL), Ok(1));
    assert_eq!(engine.notify_resource_updated("e:/f/g", &Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session), [updated("e:/f/g")]);
}

/// Only events overflow: they make no room at the cost of a notice that was subscribed to.
#[test]
fn an_event_does_not_displace_the_notice_of_what_is_contained() {
    let engine = engine(&[
        ("resources.match", "segments"),
        ("overflow", "drop_oldest"),
        ("session.max_queued_frames", "1"),
    ]);
    let session = listening(&engine, r#"{"resourceSubscriptions":["e:/f"]}"#);
    let level = r#","io.modelcontextprotocol/logLevel":"debug""#;
    passed(&engine, session, &request("2", "tools/call", &modern_params(level, "")));
    assert_eq!(engine.notify_resource_updated("e:/f/g", &Raise::ALL), Ok(1));
    let its = Raise::to(Target::Request(session, "2"));
    assert_eq!(engine.notify_logging_message(Level::Error, None, "1", &its), Ok(0));
    assert_eq!(engine.session_stats(session).unwrap().dropped, 1);
    assert_eq!(frames(&engine, session), [tagged("1", "e:/f/g")]);
}

/// What is unsubscribed by name but lies in a container that is still held stays queued: the
/// client wants to hear of it.
#[test]
fn what_a_container_still_covers_outlives_its_own_subscription() {
    let engine = segments();
    let session = open(&engine, legacy(Revision::V2025_06_18));
    for uri in ["file:///a/", "file:///a/b"] {
        engine.subscribe(session, uri).unwrap();
    }
    assert_eq!(engine.notify_resource_updated("file:///a/b", &Raise::ALL), Ok(1));
    engine.unsubscribe(session, "file:///a/b").unwrap();
    assert_eq!(engine.notify_resource_updated("file:///a/b", &Raise::ALL), Ok(1), "it merges");
    assert_eq!(frames(&engine, session), [updated("file:///a/b")]);
    // Nothing is left of it that could be drained twice.
    engine.unsubscribe(session, "file:///a/").unwrap();
    assert_eq!(engine.notify_resource_updated("file:///a/b", &Raise::ALL), Ok(0));
    assert_eq!(engine.stats().topics, 3, "the lists");
}

/// The same where no place is left: the container says as much in a place of its own.
#[test]
fn what_a_container_still_covers_is_told_by_it_where_no_place_is_left() {
    let engine = engine(&[
        ("resources.match", "segments"),
        ("overflow", "drop_newest"),
        ("session.max_queued_frames", "1"),
    ]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    for uri in ["file:///a/", "file:///a/b"] {
        engine.subscribe(session, uri).unwrap();
    }
    engine.notify("x", None, &Raise::ALL).unwrap();
    engine.notify_resource_updated("file:///a/b", &Raise::ALL).unwrap();
    engine.unsubscribe(session, "file:///a/b").unwrap();
    assert_eq!(frames(&engine, session), [notification("x", ""), updated("file:///a/")]);
}

/// A subscription that holds two containers of a URI is told once, by the nearer one.
#[test]
fn two_containers_without_a_place_tell_once() {
    let engine = engine(&[
        ("resources.match", "segments"),
        ("overflow", "drop_newest"),
        ("session.max_queued_frames", "1"),
    ]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    for uri in ["file:///a", "file:///a/"] {
        engine.subscribe(session, uri).unwrap();
    }
    engine.notify("x", None, &Raise::ALL).unwrap();
    assert_eq!(engine.notify_resource_updated("file:///a/b", &Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session), [notification("x", ""), updated("file:///a/")]);
}
