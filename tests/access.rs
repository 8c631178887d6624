//! Where authorization meets limits, ends and intervals.

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use fanfare::{
    Access, Engine, ErrorKind, Framing, Hooks, Profile, Raise, SessionId, SessionParams, Topic,
};

/// What the host does not allow, by URI.
type Table = Arc<Mutex<Vec<(&'static str, Access)>>>;

/// An engine whose host looks into a table.
fn host(settings: &[(&str, &str)]) -> (Engine, Table) {
    let table = Table::default();
    let rules = table.clone();
    let hooks = Hooks::new().authorize(move |request| {
        let rules = rules.lock().unwrap();
        let rule = rules.iter().find(|(uri, _)| request.topic == Topic::Resource(uri));
        rule.map_or(Access::Allow, |rule| rule.1)
    });
    (Engine::with_hooks(config(settings), hooks), table)
}

fn listening(engine: &Engine, filter: &str) -> SessionId {
    let params = SessionParams::new(Profile::Modern).framing(Framing::Json).principal("p");
    let session = open_with(engine, params);
    asked(engine, session, &listen("1", filter));
    session
}

/// Of two resources that are lost at once, the end of a listen for the one lets nothing out of
/// what is queued of the other, in whichever order they were subscribed.
#[test]
fn an_end_lets_nothing_out_of_what_else_is_lost() {
    for (refused, left_out) in [("a:", "b:"), ("b:", "a:")] {
        let (engine, table) = host(&[]);
        let session = listening(&engine, r#"{"resourceSubscriptions":["a:","b:"]}"#);
        engine.notify_resource_updated(left_out, &Raise::ALL).unwrap();
        engine.notify_resource_updated(refused, &Raise::ALL).unwrap();
        *table.lock().unwrap() = vec![(refused, Access::Refuse), (left_out, Access::Omit)];
        let revoked = engine.revoke(None, None).unwrap();
        assert_eq!((revoked.asked, revoked.withdrawn, revoked.ended), (2, 2, 1));
        let got = frames(&engine, session);
        assert_eq!(got.len(), 1, "{got:?}");
        assert_eq!(code_of(&got[0], "1"), -32603);
    }
}

/// A listen beyond a limit is told of the limit, by a client's message and by the host's call.
#[test]
fn a_limit_is_not_told_as_a_denial() {
    let (engine, _) = host(&[("session.max_subscriptions", "1")]);
    let session = listening(&engine, r#"{"resourceSubscriptions":["a:"]}"#);
    let again = listen("2", r#"{"resourceSubscriptions":["a:"]}"#);
    let got = asked(&engine, session, &again);
    assert_eq!(code_of(&got[0], "2"), -32603);
    assert!(got[0].contains("session.max_subscriptions"), "{got:?}");
    let refused = engine.listen(session, None, "3", r#"{"resourceSubscriptions":["a:"]}"#);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Limit);
}

/// How many a raising would reach that waits is how many it reaches.
#[test]
fn who_lost_a_resource_is_not_counted_by_its_container() {
    let settings = [("resources.match", "segments"), ("debounce.resource_ms", "10")];
    let (engine, table) = host(&settings);
    listening(&engine, r#"{"resourceSubscriptions":["file:///a/","file:///a/b"]}"#);
    *table.lock().unwrap() = vec![("file:///a/b", Access::Omit)];
    engine.revoke(None, None).unwrap();
    for _ in ["at once", "that waits"] {
        assert_eq!(engine.notify_resource_updated("file:///a/b", &Raise::ALL), Ok(0));
    }
}
