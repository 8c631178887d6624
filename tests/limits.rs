//! The limits on what a client, or a host for it, can make the engine hold: each has a key, a text
//! that names the key, the limit and the size, and changes nothing when it refuses (promises 4
//! and 6).

mod common;

use common::*;
use fanfare::{
    EndReason, Engine, Error, ErrorKind, Framing, Profile, Raise, Revision, SessionId,
    SessionParams, StreamKind,
};

/// The error of a call that a limit refused; its text has all of those parts.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, parts: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    for part in parts {
        assert!(error.detail().contains(part), "{error} lacks {part:?}");
    }
}

/// What answers a request that a limit refused.
fn limit_error(id: &str, code: i32, text: &str, limit: u64) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{text}","data":{{"reason":"limit","limit":{limit}}}}}}}"#
    )
}

fn of(engine: &Engine, principal: &str, profile: Profile) -> SessionId {
    let params = SessionParams::new(profile).framing(Framing::Json).principal(principal);
    engine.open(params).unwrap()
}

/// A request that the host has to answer.
fn call(id: &str, profile: Profile) -> String {
    let params = if profile == Profile::Modern { modern_params("", "") } else { String::new() };
    request(id, "tools/call", &params)
}

const TOOLS: &str = r#"{"toolsListChanged":true}"#;

#[test]
fn sessions_are_limited_and_one_that_leaves_makes_room() {
    let engine = engine(&[("engine.max_sessions", "2")]);
    let first = open(&engine, Profile::Open);
    let second = open(&engine, Profile::Modern);
    let third = engine.open(SessionParams::new(Profile::Open));
    refused(third, &["Session limit reached", "2 sessions", "engine.max_sessions allows 2"]);
    assert_eq!((engine.stats().sessions, engine.stats().limited), (2, 1));
    engine.close(first).unwrap();
    let third = open(&engine, Profile::Open);
    // One that is ending still takes its room, until its last frame is out.
    engine.listen(second, None, "1", TOOLS).unwrap();
    engine.end(second, EndReason::Graceful).unwrap();
    refused(engine.open(SessionParams::new(Profile::Open)), &["engine.max_sessions"]);
    assert_eq!(frames(&engine, second).len(), 2);
    open(&engine, Profile::Open);
    assert_eq!(engine.notify("x", None, &to(third)), Ok(1));
}

#[test]
fn streams_of_a_session_are_limited_and_a_closed_one_makes_room() {
    let engine = engine(&[("session.max_streams", "3")]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let home = engine.open_stream(session, StreamKind::Standalone).unwrap();
    let one = engine.open_stream(session, StreamKind::Request).unwrap();
    let two = engine.open_stream(session, StreamKind::Request).unwrap();
    let parts = ["Stream limit reached", "3 streams", "session.max_streams allows 3"];
    refused(engine.open_stream(session, StreamKind::Request), &parts);
    assert_eq!((engine.stats().streams, engine.stats().limited), (3, 1));
    // Another session has its own.
    let other = open(&engine, legacy(Revision::V2025_06_18));
    engine.open_stream(other, StreamKind::Request).unwrap();
    // By its connection, or because its last response has been drained.
    engine.close_stream(one).unwrap();
    let one = engine.open_stream(session, StreamKind::Request).unwrap();
    engine.receive(session, Some(two), request("1", "ping", "").as_bytes()).unwrap();
    assert_eq!(frames_of(&engine, two), [empty("1")]);
    engine.open_stream(session, StreamKind::Request).unwrap();
    refused(engine.open_stream(session, StreamKind::Request), &parts);
    // The standalone one comes and goes without another place.
    engine.close_stream(home).unwrap();
    engine.open_stream(session, StreamKind::Standalone).unwrap();
    engine.close_stream(one).unwrap();
}

/// However many listens a client may have, and however large each filter may be.
#[test]
fn what_the_filters_of_a_session_hold_in_all_is_limited() {
    let limit = 10_000;
    let engine = engine(&[("session.max_filter_bytes", "10000")]);
    let session = open(&engine, Profile::Modern);
    let filter = |n: usize| {
        let uris: Vec<String> = (0..10).map(|m| format!("\"{:0>40}\"", n * 10 + m)).collect();
        format!(r#"{{"resourceSubscriptions":[{}]}}"#, uris.join(","))
    };
    let mut held = 0;
    let refusal = loop {
        let got = asked(&engine, session, &listen(&held.to_string(), &filter(held)));
        if got[0].contains("error") {
            break got;
        }
        held += 1;
    };
    // The text of each URI and a record for each link, and not much more.
    assert!((limit / 1200..limit / 800).contains(&held), "{held}");
    assert_eq!(code_of(&refusal[0], &held.to_string()), -32603);
    let parts =
        ["Filter limit reached", "session.max_filter_bytes allows 10000", r#""limit":10000"#];
    assert!(parts.iter().all(|part| refusal[0].contains(part)), "{refusal:?}");
    let stats = engine.stats();
    assert_eq!((stats.links, stats.limited), (held as u64 * 10, 1), "nothing of it is left");
    // That others hold a URI too makes it no lighter; an id counts; and what ends makes room.
    assert!(asked(&engine, session, &listen("\"x\"", &filter(0)))[0].contains("error"));
    let long_id = format!("\"{}\"", "i".repeat(2000));
    assert!(asked(&engine, session, &listen(&long_id, TOOLS))[0].contains("error"));
    asked(&engine, session, &cancelled("0"));
    assert_eq!(asked(&engine, session, &listen("\"x\"", &filter(0))).len(), 1);
    assert!(engine.subscription(session, "\"x\"").is_ok());
    // Another session has its own, and one by one is no other way.
    let other = open(&engine, legacy(Revision::V2025_11_25));
    let refused_at = (0..1000).find(|n| engine.subscribe(other, &format!("{n:0>40}")).is_err());
    let refused_at = refused_at.expect("there is an end to it");
    assert!((limit / 120..limit / 80).contains(&refused_at), "{refused_at}");
    let template = format!("f:/{{x}}{}", "y".repeat(60));
    refused(engine.subscribe_template(other, &template), &parts[..2]);
    for n in 0..2 {
        engine.unsubscribe(other, &format!("{n:0>40}")).unwrap();
    }
    engine.subscribe_template(other, &template).unwrap();
}

#[test]
fn a_listen_too_many_is_refused_before_any_acknowledgment_and_the_others_go_on() {
    let engine = engine(&[("session.max_subscriptions", "2")]);
    let session = open(&engine, Profile::Modern);
    for id in ["1", "2"] {
        assert_eq!(asked(&engine, session, &listen(id, TOOLS)), [ack(id, TOOLS)]);
    }
    let text = "Subscription limit reached: the session holds 2 subscriptions; session.max_subscriptions allows 2";
    let answer = limit_error("3", -32603, text, 2);
    assert_eq!(asked(&engine, session, &listen("3", TOOLS)), [answer]);
    refused(engine.listen(session, None, "3", TOOLS), &[text]);
    let stats = engine.stats();
    assert_eq!((stats.subscriptions, stats.links, stats.rejected), (2, 2, 1));
    assert_eq!(stats.limited, 2);
    assert_eq!(engine.session_stats(session).unwrap().subscriptions, 2);
    // The refused id is free, and the first two hear of the change.
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(2));
    assert_eq!(frames(&engine, session).len(), 2);
    // Each way in which a listen ends makes room for one.
    asked(&engine, session, &cancelled("1"));
    assert_eq!(asked(&engine, session, &listen("3", TOOLS)), [ack("3", TOOLS)]);
    let third = engine.subscription(session, "3").unwrap();
    engine.end_subscription(third, EndReason::Graceful).unwrap();
    assert_eq!(frames(&engine, session), [complete("3")]);
    // One of which nothing is honoured has ended at once.
    for id in ["4", "5", "6"] {
        assert_eq!(asked(&engine, session, &listen(id, "{}")), [ack(id, "{}"), complete(id)]);
    }
    assert_eq!(asked(&engine, session, &listen("3", TOOLS)), [ack("3", TOOLS)]);
    assert_eq!(asked(&engine, session, &listen("4", TOOLS)).len(), 1);
    assert_eq!(engine.session_stats(session).unwrap().subscriptions, 2);
}

#[test]
fn a_stream_that_goes_gives_its_listens_back() {
    let engine = engine(&[("session.max_subscriptions", "1")]);
    let session = open(&engine, Profile::Modern);
    for id in ["1", "2", "3"] {
        let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
        engine.receive(session, Some(stream), listen(id, TOOLS).as_bytes()).unwrap();
        assert_eq!(frames_of(&engine, stream), [ack(id, TOOLS)]);
        engine.close_stream(stream).unwrap();
        assert_eq!(engine.session_stats(session).unwrap().subscriptions, 0);
    }
}

#[test]
fn a_uri_too_many_is_refused_and_one_that_is_held_never_is() {
    let engine = engine(&[("session.max_subscriptions", "2")]);
    for profile in [Profile::Open, legacy(Revision::V2025_11_25)] {
        let session = open(&engine, profile);
        // Those of an open session may be queued already when it asks for them.
        engine.notify_resource_updated("b:", &Raise::ALL).unwrap();
        for uri in ["a:", "b:", "a:"] {
            engine.receive(session, None, subscribe("1", uri).as_bytes()).unwrap();
        }
        frames(&engine, session);
        engine.subscribe(session, "b:").unwrap();
        let topics = engine.stats().topics;
        let text = "Subscription limit reached: the session holds 2 subscriptions; session.max_subscriptions allows 2";
        let answer = limit_error("1", -32603, text, 2);
        assert_eq!(asked(&engine, session, &subscribe("1", "c:")), [answer]);
        refused(engine.subscribe(session, "c:"), &[text]);
        assert_eq!(engine.stats().topics, topics, "a topic of a refused subscription stays");
        assert_eq!(engine.subscriber_count("c:"), 0);
        assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(1));
        assert_eq!(frames(&engine, session), [updated("a:")]);
        engine.unsubscribe(session, "a:").unwrap();
        assert_eq!(asked(&engine, session, &subscribe("1", "c:")), [empty("1")]);
        assert_eq!(engine.session_stats(session).unwrap().subscriptions, 2);
        engine.close(session).unwrap();
    }
    assert_eq!(engine.stats().subscriptions, 0);
}

#[test]
fn the_sessions_of_a_principal_share_its_limit() {
    let engine = engine(&[("principal.max_subscriptions", "3")]);
    let [a, b] = [of(&engine, "alice", Profile::Modern), of(&engine, "alice", Profile::Open)];
    let bob = of(&engine, "bob", Profile::Open);
    asked(&engine, a, &listen("1", TOOLS));
    asked(&engine, a, &listen("2", TOOLS));
    engine.subscribe(b, "a:").unwrap();
    let text = "Subscription limit reached: the principal holds 3 subscriptions; principal.max_subscriptions allows 3";
    let answer = limit_error("1", -32603, text, 3);
    assert_eq!(asked(&engine, b, &subscribe("1", "b:")), [answer]);
    refused(engine.listen(a, None, "3", TOOLS), &[text]);
    // Neither another principal nor a session of none is touched.
    for session in [bob, open(&engine, Profile::Open)] {
        for uri in ["a:", "b:", "c:"] {
            engine.subscribe(session, uri).unwrap();
        }
    }
    refused(engine.subscribe(bob, "d:"), &[text]);
    // Every way out gives back: an end, a close, an unsubscription.
    engine.end(a, EndReason::Revoked).unwrap();
    engine.subscribe(b, "b:").unwrap();
    engine.unsubscribe(b, "b:").unwrap();
    engine.subscribe(b, "b:").unwrap();
    engine.subscribe(b, "c:").unwrap();
    refused(engine.subscribe(b, "d:"), &[text]);
    engine.close(b).unwrap();
    frames(&engine, a);
    assert_eq!(engine.stats().sessions, 2);
    // Nobody of that name is left, and the next one begins anew.
    let again = of(&engine, "alice", Profile::Open);
    for uri in ["a:", "b:", "c:"] {
        engine.subscribe(again, uri).unwrap();
    }
    refused(engine.subscribe(again, "d:"), &[text]);
}

#[test]
fn a_principal_without_a_limit_of_its_own_has_that_of_its_sessions() {
    let settings = [("principal.max_subscriptions", "0"), ("session.max_subscriptions", "2")];
    let engine = engine(&settings);
    for _ in 0..3 {
        let session = of(&engine, "alice", Profile::Open);
        engine.subscribe(session, "a:").unwrap();
        engine.subscribe(session, "b:").unwrap();
        refused(engine.subscribe(session, "c:"), &["session.max_subscriptions"]);
    }
    assert_eq!(engine.stats().subscriptions, 6);
}

#[test]
fn the_subscriptions_of_an_engine_are_limited() {
    let engine = engine(&[("engine.max_subscriptions", "2")]);
    let [modern, open] = [open(&engine, Profile::Modern), open(&engine, Profile::Open)];
    engine.subscribe(open, "a:").unwrap();
    asked(&engine, modern, &listen("1", TOOLS));
    let text = "Subscription limit reached: the engine holds 2 subscriptions; engine.max_subscriptions allows 2";
    let answer = limit_error("2", -32603, text, 2);
    assert_eq!(asked(&engine, modern, &listen("2", TOOLS)), [answer]);
    refused(engine.subscribe(open, "b:"), &[text]);
    engine.close(modern).unwrap();
    engine.subscribe(open, "b:").unwrap();
    assert_eq!(engine.stats().limited, 2);
}

#[test]
fn a_filter_too_large_is_a_fault_of_the_params_and_takes_no_id() {
    let settings = [("filter.max_uris", "3"), ("filter.max_bytes", "256"), ("uri.max_bytes", "64")];
    let engine = engine(&settings);
    let session = open(&engine, Profile::Modern);
    let of = |uris: &[&str]| format!(r#"{{"resourceSubscriptions":["{}"]}}"#, uris.join("\",\""));
    let [longest, too_long] = [62, 63].map(|size| format!("x:{}", "x".repeat(size)));
    // JSON text of 256 and 257 bytes: what is not known takes room too.
    let padded =
        |size: usize| format!(r#"{{"toolsListChanged":true,"x":"{}"}}"#, "y".repeat(size - 32));
    let refusals = [
        (of(&["a:", "b:", "c:", "d:"]), "the filter has 4 URIs; filter.max_uris allows 3", 3),
        (padded(257), "the filter is 257 bytes; filter.max_bytes allows 256", 256),
        (of(&["a:", &too_long]), "the URI is 65 bytes; uri.max_bytes allows 64", 64),
    ];
    for (filter, text, limit) in &refusals {
        let answer = limit_error("1", -32602, text, *limit);
        assert_eq!(asked(&engine, session, &listen("1", filter)), [answer]);
        refused(engine.listen(session, None, "1", filter), &[text]);
    }
    let stats = engine.stats();
    assert_eq!((stats.limited, stats.rejected, stats.subscriptions), (6, 3, 0));
    assert_eq!((stats.links, stats.topics), (0, 0));
    // What just fits is honoured; names that stand twice count once (G3).
    let fits = of(&["a:", "b:", "a:", &longest]);
    let honoured = of(&["a:", "b:", &longest]);
    assert_eq!(asked(&engine, session, &listen("1", &fits)), [ack("1", &honoured)]);
    assert_eq!(asked(&engine, session, &listen("2", &padded(256))), [ack("2", TOOLS)]);
    assert_eq!(engine.notify_resource_updated(&longest, &Raise::ALL), Ok(1));
}

#[test]
fn a_uri_too_long_is_neither_subscribed_to_nor_raised() {
    let engine = engine(&[("uri.max_bytes", "64")]);
    let [longest, too_long] = [62, 63].map(|size| format!("x:{}", "x".repeat(size)));
    let text = "the URI is 65 bytes; uri.max_bytes allows 64";
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let witness = open(&engine, Profile::Open);
    let answer = limit_error("1", -32602, text, 64);
    assert_eq!(asked(&engine, session, &subscribe("1", &too_long)), [answer]);
    refused(engine.subscribe(session, &too_long), &[text]);
    refused(engine.notify_resource_updated(&too_long, &Raise::ALL), &[text]);
    let params = format!(r#"{{"uri":"{too_long}"}}"#);
    let updated_method = "notifications/resources/updated";
    refused(engine.notify(updated_method, Some(&params), &Raise::ALL), &[text]);
    assert_eq!(engine.stats().limited, 4);
    assert_eq!(frames(&engine, witness), [""; 0]);
    // Nobody holds it, so it can be given up by anybody.
    assert_eq!(
        asked(&engine, session, &request("2", "resources/unsubscribe", &params)),
        [empty("2")]
    );
    assert_eq!(asked(&engine, session, &subscribe("3", &longest)), [empty("3")]);
    assert_eq!(engine.notify_resource_updated(&longest, &Raise::ALL), Ok(2));
    assert_eq!(frames(&engine, session), [updated(&longest)]);
}

#[test]
fn a_request_too_many_is_answered_and_the_host_never_sees_it() {
    let engine = engine(&[("session.max_requests", "2")]);
    let text = "Request limit reached: 2 requests of the session are in flight; session.max_requests allows 2";
    for profile in [Profile::Open, legacy(Revision::V2024_11_05), Profile::Modern] {
        let session = open(&engine, profile);
        let call = |id: &str| call(id, profile);
        passed(&engine, session, &call("1"));
        passed(&engine, session, &call("2"));
        let answer = limit_error("3", -32603, text, 2);
        assert_eq!(asked(&engine, session, &call("3")), [answer]);
        let stats = engine.session_stats(session).unwrap();
        assert_eq!((stats.requests, stats.queued_frames), (2, 0));
        // What the engine answers itself is never in flight, nor is a notification.
        if profile != Profile::Modern {
            assert_eq!(asked(&engine, session, &request("3", "ping", "")), [empty("3")]);
        }
        passed(&engine, session, r#"{"jsonrpc":"2.0","method":"notifications/x"}"#);
        // A response makes room, and so does a cancellation.
        engine.send(session, None, empty("1").as_bytes()).unwrap();
        assert_eq!(frames(&engine, session).len(), 1);
        passed(&engine, session, &call("3"));
        passed(&engine, session, &cancelled("2"));
        passed(&engine, session, &call("2"));
        assert_eq!(asked(&engine, session, &call("4")).len(), 1);
        assert_eq!(frames(&engine, session), [""; 0]);
        // Another session has its own.
        let other = open(&engine, profile);
        passed(&engine, other, &call("1"));
        engine.close(other).unwrap();
        engine.close(session).unwrap();
    }
    let stats = engine.stats();
    assert_eq!((stats.limited, stats.rejected, stats.requests), (6, 6, 0));
}

#[test]
fn a_batch_is_limited_request_by_request() {
    let engine = engine(&[("session.max_requests", "1")]);
    let session = open(&engine, legacy(Revision::V2025_03_26));
    let batch = format!("[{},{}]", request("1", "a", ""), request("2", "b", ""));
    let mut given = Vec::new();
    engine
        .receive_each(session, None, batch.as_bytes(), |text| given.push(text.to_owned()))
        .unwrap();
    assert_eq!(given, [request("1", "a", "")]);
    let got = frames(&engine, session);
    assert!(got.len() == 1 && got[0].contains(r#""id":2,"error":{"code":-32603"#), "{got:?}");
}

#[test]
fn requests_that_outlive_their_stream_are_in_flight_still() {
    let engine = engine(&[("session.max_requests", "1")]);
    for (profile, left) in [(legacy(Revision::V2025_11_25), 1), (Profile::Modern, 0)] {
        let session = open(&engine, profile);
        let stream = engine.open_stream(session, StreamKind::Request).unwrap();
        let call = call("1", profile);
        engine.receive(session, Some(stream), call.as_bytes()).unwrap();
        assert_eq!(engine.session_stats(session).unwrap().requests, 1);
        engine.close_stream(stream).unwrap();
        assert_eq!(engine.session_stats(session).unwrap().requests, left);
    }
}

#[test]
fn a_message_too_deep_is_refused_before_it_does_anything() {
    let engine = engine(&[("message.max_depth", "16")]);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let text = "message is 17 levels deep; message.max_depth allows 16";
    for profile in [Profile::Open, legacy(Revision::V2024_11_05), Profile::Modern] {
        let session = open(&engine, profile);
        let deep = |depth: usize| {
            let params = match profile {
                Profile::Modern => modern_params("", &format!(r#","a":{}"#, nested(depth - 2))),
                _ => format!(r#"{{"a":{}}}"#, nested(depth - 2)),
            };
            request("1", "tools/call", &params)
        };
        assert_eq!(asked(&engine, session, &deep(17)), [limit_error("1", -32600, text, 16)]);
        assert_eq!(engine.session_stats(session).unwrap().requests, 0);
        passed(&engine, session, &deep(16));
        // What is never answered is not answered now.
        let note = format!(r#"{{"jsonrpc":"2.0","method":"x","params":{{"a":{}}}}}"#, nested(15));
        assert_eq!(asked(&engine, session, &note), [""; 0]);
        let response = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":{}}}}}"#, nested(15));
        assert_eq!(asked(&engine, session, &response), [""; 0]);
        assert_eq!(engine.session_stats(session).unwrap().requests, 1);
    }
    assert_eq!((engine.stats().limited, engine.stats().rejected), (9, 9));
    // An element of a batch counts for itself.
    let session = open(&engine, legacy(Revision::V2025_03_26));
    let ping =
        |id: &str, depth: usize| request(id, "ping", &format!(r#"{{"a":{}}}"#, nested(depth)));
    let batch = format!("[{},{}]", ping("1", 14), ping("2", 15));
    let answers = [empty("1"), limit_error("2", -32600, text, 16)];
    assert_eq!(asked(&engine, session, &batch), answers);
}

#[test]
fn a_message_too_large_is_limited_too() {
    let engine = engine(&[("message.max_bytes", "1024")]);
    let session = open(&engine, Profile::Modern);
    let answers = asked(&engine, session, &"x".repeat(1025));
    assert_eq!(answers.len(), 1);
    assert!(answers[0].ends_with(r#""data":{"reason":"limit","limit":1024}}}"#), "{answers:?}");
    assert_eq!(engine.stats().limited, 1);
}

#[test]
fn the_limited_are_counted_in_both_texts() {
    let engine = engine(&[("engine.max_sessions", "1"), ("params.max_bytes", "256")]);
    let session = open(&engine, Profile::Open);
    refused(engine.open(SessionParams::new(Profile::Open)), &[]);
    let heavy = format!(r#"{{"x":"{}"}}"#, "y".repeat(300));
    refused(engine.notify("x", Some(&heavy), &to(session)), &["params.max_bytes"]);
    let stats = engine.stats();
    assert!(stats.to_json().contains(r#""limited":2"#), "{}", stats.to_json());
    assert!(stats.to_prometheus().contains("\nfanfare_limited_total 2\n"));
}
