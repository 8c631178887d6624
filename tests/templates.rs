//! Templates that a host subscribes a session to (G4): what they match, what they cost, and how
//! they go together with everything else that covers a URI.

mod common;

use common::*;
use fanfare::{
    Engine, ErrorKind, Framing, Overflow, Profile, Raise, Revision, SessionId, SessionParams,
    Target,
};

fn old(engine: &Engine) -> SessionId {
    open(engine, legacy(Revision::V2025_11_25))
}

#[track_caller]
fn raise(engine: &Engine, uri: &str) -> usize {
    let counted = engine.subscriber_count(uri);
    let reached = engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
    assert_eq!(counted, reached, "{uri}: what is counted is what is reached");
    reached
}

#[test]
fn each_session_hears_once_however_a_uri_is_covered() {
    let engine = engine(&[("resources.match", "segments")]);
    let (session, other, hears_all) = (old(&engine), old(&engine), open(&engine, Profile::Open));
    for template in ["f:/{a}/{b}", "f:/x/{b}", "{s}:/x/{b}", "f:/{a}/{b}"] {
        engine.subscribe_template(session, template).unwrap();
    }
    engine.subscribe(session, "f:/x").unwrap();
    engine.subscribe(session, "f:/x/y").unwrap();
    engine.subscribe_template(other, "f:/x/{b}").unwrap();
    assert_eq!(engine.session_stats(session).unwrap().subscriptions, 5);
    for uri in ["f:/x/y", "f:/x/z", "f:/x/z"] {
        assert_eq!(raise(&engine, uri), 3, "{uri}");
    }
    assert_eq!(raise(&engine, "f:/q/z"), 2);
    assert_eq!(raise(&engine, "f:/q"), 1);
    let each = ["f:/x/y", "f:/x/z"].map(updated);
    assert_eq!(frames(&engine, other), each);
    assert_eq!(frames(&engine, session), [&each[..], &[updated("f:/q/z")]].concat());
    assert_eq!(frames(&engine, hears_all).len(), 4);
    assert_eq!(engine.stats().topics, 5 + 3, "templates, URIs, and the lists of all sessions");
}

#[test]
fn unsubscribing_drops_what_nothing_else_covers() {
    let engine = engine(&[]);
    let session = old(&engine);
    for template in ["f:/{a}", "f:/x{a}"] {
        engine.subscribe_template(session, template).unwrap();
    }
    for uri in ["f:/y", "f:/xy", "f:/x"] {
        assert_eq!(raise(&engine, uri), 1);
    }
    engine.subscribe(session, "f:/y").unwrap();
    engine.unsubscribe_template(session, "f:/{a}").unwrap();
    assert_eq!(frames(&engine, session), [updated("f:/y"), updated("f:/xy")]);
    let gone = engine.unsubscribe_template(session, "f:/{a}").unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone);
    assert_eq!((raise(&engine, "f:/z"), raise(&engine, "f:/xz")), (0, 1));
    engine.close(session).unwrap();
    assert_eq!((raise(&engine, "f:/xz"), engine.stats().topics), (0, 0));
}

/// An open session hears of every URI until it names some, and again when it names none.
#[test]
fn an_open_session_with_a_template_hears_of_what_it_matches() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    engine.subscribe_template(session, "f:/{a}").unwrap();
    assert_eq!((raise(&engine, "f:/x"), raise(&engine, "g:/x")), (1, 0));
    // Types still choose.
    let types = notification("notifications/subscribe", r#"{"types":["x"]}"#);
    engine.receive(session, None, types.as_bytes()).unwrap();
    assert_eq!(raise(&engine, "f:/x"), 0);
    assert_eq!(frames(&engine, session), [""; 0]);
    let types = notification("notifications/unsubscribe", "");
    engine.receive(session, None, types.as_bytes()).unwrap();
    assert_eq!(raise(&engine, "f:/x"), 1);
    engine.unsubscribe_template(session, "f:/{a}").unwrap();
    assert_eq!((raise(&engine, "f:/x"), raise(&engine, "g:/x")), (1, 1));
    assert_eq!(frames(&engine, session), ["f:/x", "g:/x"].map(updated));
}

#[test]
fn targets_contexts_and_intervals_go_for_templates_too() {
    let engine = engine(&[("debounce.resource_ms", "100")]);
    let [one, two] = [0, 1].map(|_| old(&engine));
    for session in [one, two] {
        engine.subscribe_template(session, "f:/{a}").unwrap();
    }
    assert_eq!(engine.stats().topics, 1 + 3, "they share it, as they share the lists");
    let with = Raise::to(Target::Except(one)).context(r#"{"c":1}"#);
    assert_eq!(engine.notify_resource_updated("f:/x", &with), Ok(1));
    assert_eq!(frames(&engine, one), [""; 0]);
    let told = frames(&engine, two);
    assert!(told.len() == 1 && told[0].contains(r#""_meta":{"c":1}"#), "{told:?}");
    // The interval of that URI runs; another one's does not.
    assert_eq!((raise(&engine, "f:/x"), raise(&engine, "f:/y")), (2, 2));
    assert_eq!(frames(&engine, two), [updated("f:/y")]);
    engine.advance(100).unwrap();
    assert_eq!(frames(&engine, two), [updated("f:/x")]);
    assert_eq!(frames(&engine, one), ["f:/y", "f:/x"].map(updated));
}

/// No notice stands for all that a template matches: the policy decides, and what is lost is told.
#[test]
fn a_full_queue_overflows_by_its_policy() {
    let kept: [(Overflow, &[&str]); 3] = [
        (Overflow::DropNewest, &["f:/1", "f:/2"]),
        // There is no event to make room, and a notice that waits stays.
        (Overflow::DropOldest, &["f:/1", "f:/2"]),
        (Overflow::Close, &[]),
    ];
    for (overflow, kept) in kept {
        let engine = engine(&[("session.max_queued_frames", "2")]);
        let params = SessionParams::new(legacy(Revision::V2025_11_25)).framing(Framing::Json);
        let session = open_with(&engine, params.overflow(overflow));
        engine.subscribe_template(session, "f:/{a}").unwrap();
        for uri in ["f:/1", "f:/2", "f:/1", "f:/3"] {
            engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
        }
        assert_eq!(engine.stats().dropped, 1, "{overflow:?}");
        if overflow == Overflow::Close {
            assert_eq!(engine.user_data(session).unwrap_err().kind(), ErrorKind::Gone);
            continue;
        }
        let kept: Vec<String> = kept.iter().map(|uri| updated(uri)).collect();
        assert_eq!(frames(&engine, session), kept, "{overflow:?}");
        assert_eq!(raise(&engine, "f:/4"), 1, "there is room again");
    }
}

#[test]
fn a_template_that_is_none_or_too_many_is_refused_and_changes_nothing() {
    let engine = engine(&[("session.max_subscriptions", "1"), ("uri.max_bytes", "64")]);
    let session = old(&engine);
    let refused = |template: &str, kind, part: &str| {
        let error = engine.subscribe_template(session, template).unwrap_err();
        assert!(error.kind() == kind && error.detail().contains(part), "{error}");
        assert_eq!(engine.session_stats(session).unwrap().subscriptions, 0);
    };
    refused("f:/{a", ErrorKind::InvalidArgument, "template: at byte 3");
    refused("", ErrorKind::InvalidArgument, "template: must not be empty");
    refused(&format!("{{a}}{}", "b".repeat(62)), ErrorKind::Limit, "uri.max_bytes allows 64");
    engine.subscribe_template(session, "f:/{a}").unwrap();
    engine.subscribe_template(session, "f:/{a}").unwrap();
    let error = engine.subscribe_template(session, "f:/{b}").unwrap_err();
    assert!(error.detail().contains("session.max_subscriptions allows 1"), "{error}");
    // A plain URI of the same text is another topic.
    assert_eq!(engine.unsubscribe(session, "f:/{a}").unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(raise(&engine, "f:/{a}"), 0);
    let waiting =
        open(&engine, Profile::Legacy { revision: Revision::V2025_11_25, handshake: true });
    let error = engine.subscribe_template(waiting, "f:/{a}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotNegotiated);
}

/// What a session does not hear of is not counted.
#[test]
fn who_chose_other_types_is_not_counted() {
    let engine = engine(&[]);
    let session = old(&engine);
    engine.subscribe(session, "a:").unwrap();
    assert_eq!(raise(&engine, "a:"), 1);
    let types = notification("notifications/subscribe", r#"{"types":["progress"]}"#);
    engine.receive(session, None, types.as_bytes()).unwrap();
    assert_eq!(raise(&engine, "a:"), 0);
}
