//! Sessions of the revisions with a handshake: what they may be sent, subscribe to and ask
//! (R7, R8, R24 to R27, R79, R80).

use std::sync::Arc;

use fanfare::{Capabilities, ErrorKind, Framing, Level, Profile, Raise, Revision, SessionParams};

use crate::common::*;
use crate::race::Raiser;

const NONE: [&str; 0] = [];

#[test]
fn r07_notices_wait_for_initialized() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, Profile::Legacy { revision, handshake: true });
        let params = format!(
            r#"{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"c","version":"1"}}}}"#
        );
        passed(&engine, session, &request("0", "initialize", &params));
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        let result = format!(
            r#"{{"jsonrpc":"2.0","id":0,"result":{{"protocolVersion":"{revision}","capabilities":{{"logging":{{}},"tools":{{"listChanged":true}},"resources":{{"subscribe":true}}}},"serverInfo":{{"name":"s","version":"1"}}}}}}"#
        );
        engine.send(session, None, result.as_bytes()).unwrap();
        assert_eq!(frames(&engine, session), [result]);
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        assert_eq!(asked(&engine, session, &subscribe("1", "a:")), [empty("1")]);
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        assert_eq!(frames(&engine, session), NONE, "held");
        assert_eq!(asked(&engine, session, &request("2", "ping", "")), [empty("2")]);
        passed(&engine, session, &notification("notifications/initialized", ""));
        let tools = notification("notifications/tools/list_changed", "");
        assert_eq!(frames(&engine, session), [tools, updated("a:")], "{revision}");
    }
}

#[test]
fn r08_nothing_behind_a_capability_that_is_not_advertised() {
    let none = Capabilities::none();
    let each = [
        Capabilities { tools_list_changed: true, ..none },
        Capabilities { prompts_list_changed: true, ..none },
        Capabilities { resources_list_changed: true, ..none },
        Capabilities { resources_subscribe: true, ..none },
        Capabilities { logging: true, ..none },
    ];
    let wire = [
        notification("notifications/tools/list_changed", ""),
        notification("notifications/prompts/list_changed", ""),
        notification("notifications/resources/list_changed", ""),
        updated("a:"),
        notification("notifications/message", r#"{"level":"alert","data":1}"#),
    ];
    for revision in legacy_revisions() {
        for (at, capabilities) in each.into_iter().enumerate() {
            let engine = engine(&[]);
            let params = SessionParams::new(legacy(revision)).framing(Framing::Json);
            let session = open_with(&engine, params.capabilities(capabilities));
            asked(&engine, session, &subscribe("1", "a:"));
            engine.notify_tool_list_changed(&Raise::ALL).unwrap();
            engine.notify_prompt_list_changed(&Raise::ALL).unwrap();
            engine.notify_resource_list_changed(&Raise::ALL).unwrap();
            engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
            engine.notify_alert(Level::Alert, None, "1", &Raise::ALL).unwrap();
            assert_eq!(frames(&engine, session), [wire[at].clone()], "{revision}");
        }
    }
}

#[test]
fn r24_updates_go_to_those_who_subscribed_to_that_uri() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let [one, other] = [0, 1].map(|_| open(&engine, legacy(revision)));
        asked(&engine, one, &subscribe("1", "file:///a"));
        asked(&engine, other, &subscribe("1", "file:///b"));
        for unheard in ["file:///a/b", "file:///", "file:///A", "file:///a?"] {
            assert_eq!(engine.notify_resource_updated(unheard, &Raise::ALL), Ok(0));
        }
        assert_eq!(engine.notify_resource_updated("file:///a", &Raise::ALL), Ok(1));
        assert_eq!(frames(&engine, one), [updated("file:///a")]);
        assert_eq!(frames(&engine, other), NONE);
    }
}

/// A thread raises without pause; once `unsubscribe` is answered there is silence.
#[test]
fn r25_no_update_follows_the_answer_to_unsubscribe() {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, legacy(Revision::V2025_11_25));
    let raiser = Raiser::start(&engine, |engine| {
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    });
    let unsubscribe = request("2", "resources/unsubscribe", r#"{"uri":"a:"}"#);
    let wrong = raiser.until(100, |_| {
        let mut got = asked(&engine, session, &subscribe("1", "a:"));
        got.extend(frames(&engine, session));
        let last = asked(&engine, session, &unsubscribe);
        let late = frames(&engine, session);
        let is_right = got[0] == empty("1") && last == [empty("2")] && late.is_empty();
        if is_right { Ok(got.len() - 1) } else { Err((got, last, late)) }
    });
    assert_eq!(wrong, None);
}

#[test]
fn r26_results_are_empty_to_the_byte() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        for (message, id) in [
            (subscribe("1", "a:"), "1"),
            (request("\"\"", "logging/setLevel", r#"{"level":"info"}"#), "\"\""),
            (request("\"u\"", "resources/unsubscribe", r#"{"uri":"a:"}"#), "\"u\""),
            (request("0", "ping", ""), "0"),
            (request("-7", "ping", r#"{"_meta":{}}"#), "-7"),
        ] {
            let expected = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
            assert_eq!(asked(&engine, session, &message), [expected], "{revision}");
        }
    }
}

#[test]
fn r27_subscribing_where_it_is_not_advertised_is_no_method() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let some = Capabilities { resources_subscribe: false, ..Capabilities::all() };
        let params = SessionParams::new(legacy(revision)).framing(Framing::Json);
        let session = open_with(&engine, params.capabilities(some));
        for method in ["resources/subscribe", "resources/unsubscribe"] {
            let got = asked(&engine, session, &request("1", method, r#"{"uri":"a:"}"#));
            assert_eq!(code_of(&got[0], "1"), -32601);
        }
        let stats = engine.session_stats(session).unwrap();
        assert_eq!((stats.subscriptions, engine.subscriber_count("a:")), (0, 0));
        assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(0));
        let by_hand = engine.subscribe(session, "a:").unwrap_err();
        assert_eq!(by_hand.kind(), ErrorKind::NotNegotiated);
    }
}

#[test]
fn r36_an_ended_session_is_gone_with_what_it_held() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        asked(&engine, session, &subscribe("1", "a:"));
        engine.close(session).unwrap();
        // What a host answers with 404.
        let received = engine.receive(session, None, request("2", "ping", "").as_bytes());
        assert_eq!(received.unwrap_err().kind(), ErrorKind::Gone);
        let opened = engine.open_stream(session, fanfare::StreamKind::Standalone);
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Gone);
        assert_eq!(engine.subscriber_count("a:"), 0);
        let stats = engine.stats();
        assert_eq!(
            (stats.sessions, stats.subscriptions, stats.links, stats.requests),
            (0, 0, 0, 0)
        );
    }
}

#[test]
fn r79_a_server_cancels_only_what_it_asked_and_nobody_answered() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let [session, other] = [0, 1].map(|_| open(&engine, legacy(revision)));
        let cancel = |session, id: &str| {
            engine.send(session, None, cancelled(id).as_bytes()).map_err(|error| error.kind())
        };
        passed(&engine, session, &request("1", "tools/call", ""));
        assert_eq!(cancel(session, "1"), Err(ErrorKind::State), "the client's own request");
        for id in ["\"1\"", "2"] {
            let ask = request(id, "roots/list", "");
            engine.send(session, None, ask.as_bytes()).unwrap();
            assert_eq!(frames(&engine, session), [ask]);
            assert_eq!(cancel(other, id), Err(ErrorKind::State), "asked of somebody else");
        }
        assert_eq!(cancel(session, "\"1\""), Ok(()));
        assert_eq!(frames(&engine, session), [cancelled("\"1\"")]);
        assert_eq!(cancel(session, "\"1\""), Err(ErrorKind::State), "once is enough");
        passed(&engine, session, r#"{"jsonrpc":"2.0","id":2,"result":{"roots":[]}}"#);
        assert_eq!(cancel(session, "2"), Err(ErrorKind::State), "answered");
        let nothing = notification("notifications/cancelled", "{}");
        let error = engine.send(session, None, nothing.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Json);
        assert_eq!(frames(&engine, session), NONE, "{revision}");
    }
}

#[test]
fn r80_initialize_cannot_be_cancelled() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, Profile::Legacy { revision, handshake: true });
        let params = format!(r#"{{"protocolVersion":"{revision}"}}"#);
        passed(&engine, session, &request("0", "initialize", &params));
        assert_eq!(asked(&engine, session, &cancelled("0")), NONE);
        let error = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no"}}"#;
        engine.send(session, None, error.as_bytes()).unwrap();
        assert_eq!(frames(&engine, session), [error]);
    }
}

#[test]
fn r80_a_cancelled_call_is_silent_from_then_on() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        passed(&engine, session, &call("1", "1"));
        report(&engine, "1", "1");
        passed(&engine, session, &cancelled("1"));
        assert_eq!(report(&engine, "1", "2"), 0);
        let of_call = Raise::to(fanfare::Target::Request(session, "1"));
        assert_eq!(engine.notify_alert(Level::Alert, None, "1", &of_call), Ok(0));
        let late = engine.send(session, None, empty("1").as_bytes()).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::State);
        assert_eq!(frames(&engine, session), NONE, "{revision}");
    }
}
