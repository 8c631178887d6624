//! Where the protocol leaves a choice: what the engine chose (G1 to G35 of docs/CONFORMANCE.md).

use fanfare::{
    EndReason, ErrorKind, Framing, Level, Profile, Raise, Revision, SessionParams, StreamKind,
    Target,
};

use crate::common::*;

const NONE: [&str; 0] = [];
const TOOLS: &str = r#"{"toolsListChanged":true}"#;

#[test]
fn g01_the_result_alone_ends_a_listen() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    asked(&engine, session, &listen("1", TOOLS));
    let subscription = engine.subscription(session, "1").unwrap();
    engine.end_subscription(subscription, EndReason::Graceful).unwrap();
    assert_eq!(frames(&engine, session), [complete("1")], "and no notifications/cancelled");
}

#[test]
fn g01_a_cancellation_comes_first_if_the_host_says_so() {
    for (framing, reason) in [
        (Framing::Json, EndReason::Graceful),
        (Framing::Ndjson, EndReason::Shutdown),
        (Framing::Json, EndReason::Revoked),
        (Framing::Sse, EndReason::Graceful),
        (Framing::Json, EndReason::Cancelled),
    ] {
        for ends_session in [false, true] {
            let engine = engine(&[("listen.send_cancelled", "yes")]);
            let params = SessionParams::new(Profile::Modern).framing(framing);
            let session = open_with(&engine, params);
            asked(&engine, session, &listen("\"a\"", TOOLS));
            engine.notify_tool_list_changed(&Raise::ALL).unwrap();
            if ends_session {
                engine.end(session, reason).unwrap();
            } else {
                let subscription = engine.subscription(session, "\"a\"").unwrap();
                engine.end_subscription(subscription, reason).unwrap();
            }
            let got = match engine.user_data(session) {
                Ok(_) => frames(&engine, session),
                Err(_) => Vec::new(),
            };
            let says: Vec<bool> = got.iter().map(|it| it.contains("/cancelled")).collect();
            let expected = match (framing, reason) {
                (_, EndReason::Cancelled) => vec![],
                (Framing::Sse, _) => vec![false, false],
                _ => vec![false, true, false],
            };
            assert_eq!(says, expected, "{framing:?} {reason:?}: {got:?}");
            if says.contains(&true) {
                // R49: it names the listen, to the letter.
                assert_eq!(got[1].trim_end(), cancelled("\"a\""));
                assert!(got[2].contains(r#""id":"a""#), "{got:?}");
            }
        }
    }
    // The client's own cancellation is not answered by another one.
    let engine = engine(&[("listen.send_cancelled", "yes")]);
    let session = open(&engine, Profile::Modern);
    asked(&engine, session, &listen("1", TOOLS));
    assert_eq!(asked(&engine, session, &cancelled("1")), NONE);
}

#[test]
fn g02_a_subscription_covers_what_lies_below_if_the_host_says_so() {
    for (setting, covers) in [("exact", false), ("segments", true)] {
        let engine = engine(&[("resources.match", setting)]);
        let modern = open(&engine, Profile::Modern);
        let old = open(&engine, legacy(Revision::V2025_11_25));
        asked(&engine, modern, &listen("1", r#"{"resourceSubscriptions":["file:///a"]}"#));
        asked(&engine, old, &subscribe("1", "file:///a/"));
        for uri in ["file:///ab", "file:///a/b", "file:///"] {
            engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
        }
        // The URI that changed, under the id of the listen that covers it.
        let below = if covers { vec!["file:///a/b"] } else { Vec::new() };
        let as_tagged: Vec<String> = below.iter().map(|uri| tagged("1", uri)).collect();
        let as_told: Vec<String> = below.iter().map(|uri| updated(uri)).collect();
        assert_eq!((frames(&engine, modern), frames(&engine, old)), (as_tagged, as_told));
    }
}

#[test]
fn g03_uris_are_compared_byte_by_byte_and_count_once() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let filter = r#"{"resourceSubscriptions":["http://h/%7Ea","HTTP://H/~a","http://h/%7Ea","http://h/a/"]}"#;
    let once = r#"{"resourceSubscriptions":["http://h/%7Ea","HTTP://H/~a","http://h/a/"]}"#;
    assert_eq!(asked(&engine, session, &listen("1", filter)), [ack("1", once)]);
    for unheard in ["http://h/~a", "http://h/%7ea", "http://h/a"] {
        assert_eq!(engine.notify_resource_updated(unheard, &Raise::ALL), Ok(0));
    }
    assert_eq!(engine.notify_resource_updated("http://h/%7Ea", &Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session), [tagged("1", "http://h/%7Ea")]);
}

#[test]
fn g04_a_template_on_the_wire_is_a_plain_uri() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        let first = if revision.is_legacy() {
            subscribe("1", "file:///{x}")
        } else {
            listen("1", r#"{"resourceSubscriptions":["file:///{x}"]}"#)
        };
        asked(&engine, session, &first);
        assert_eq!(engine.notify_resource_updated("file:///a", &Raise::ALL), Ok(0));
        assert_eq!(engine.notify_resource_updated("file:///{x}", &Raise::ALL), Ok(1));
        assert_eq!(frames(&engine, session).len(), 1, "{revision}");
    }
}

#[test]
fn g04_a_host_can_subscribe_a_session_to_a_template() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        let subscribed = engine.subscribe_template(session, "file:///{x}");
        if !revision.is_legacy() {
            // A listen is sent what it asked for and nothing else (R43).
            assert_eq!(subscribed.unwrap_err().kind(), ErrorKind::NotNegotiated);
            continue;
        }
        subscribed.unwrap();
        for uri in ["file:///a", "file:///{x}", "file:///a/b"] {
            engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
        }
        assert_eq!(frames(&engine, session), [updated("file:///a")], "{revision}");
    }
}

#[test]
fn g05_waiting_notices_merge_and_the_last_is_kept() {
    for revision in Revision::ALL {
        let engine = engine(&[]);
        let session = open(&engine, settled(revision));
        let (first, notice) = if revision.is_legacy() {
            (subscribe("1", "a:"), updated("a:"))
        } else {
            (listen("1", r#"{"resourceSubscriptions":["a:"]}"#), tagged("1", "a:"))
        };
        asked(&engine, session, &first);
        for _ in 0..3 {
            for _ in 0..100 {
                engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
            }
            assert_eq!(frames(&engine, session), [notice.as_str()], "{revision}");
        }
    }
}

#[test]
fn g05_an_interval_merges_too_and_keeps_the_last() {
    let engine = engine(&[("debounce.tool_list_ms", "100")]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    let tools = notification("notifications/tools/list_changed", "");
    engine.advance(1000).unwrap();
    let mut told_at = Vec::new();
    for now_ms in 1000..1300 {
        engine.advance(now_ms).unwrap();
        if now_ms <= 1150 {
            engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        }
        let got = frames(&engine, session);
        assert!(got.iter().all(|frame| *frame == tools), "{got:?}");
        told_at.extend(got.iter().map(|_| now_ms));
    }
    assert_eq!(told_at, [1000, 1100, 1200], "at once, by the interval, and the last");
}

#[test]
fn g06_what_is_raised_first_leaves_first_and_answers_may_overtake() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.notify("notifications/custom", None, &Raise::ALL).unwrap();
    engine.notify_prompt_list_changed(&Raise::ALL).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let got = asked(&engine, session, &request("1", "ping", ""));
    let in_order = [
        empty("1"),
        notification("notifications/tools/list_changed", ""),
        notification("notifications/custom", ""),
        notification("notifications/prompts/list_changed", ""),
    ];
    assert_eq!(got, in_order);
}

#[test]
fn g08_a_uri_that_nobody_knows_is_taken() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let filter = r#"{"resourceSubscriptions":["no-such:thing"]}"#;
    assert_eq!(asked(&engine, session, &listen("1", filter)), [ack("1", filter)]);
    let old = open(&engine, legacy(Revision::V2025_06_18));
    assert_eq!(asked(&engine, old, &subscribe("1", "no-such:thing")), [empty("1")]);
}

#[test]
fn g09_subscribing_twice_is_once_and_unsubscribing_is_never_wrong() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        let unsubscribe = request("2", "resources/unsubscribe", r#"{"uri":"a:"}"#);
        assert_eq!(asked(&engine, session, &unsubscribe), [empty("2")]);
        for _ in 0..2 {
            assert_eq!(asked(&engine, session, &subscribe("1", "a:")), [empty("1")]);
        }
        assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(1));
        assert_eq!(frames(&engine, session), [updated("a:")]);
        assert_eq!(asked(&engine, session, &unsubscribe), [empty("2")]);
        assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(0));
        assert_eq!(asked(&engine, session, &unsubscribe), [empty("2")]);
    }
}

#[test]
fn g11_a_listen_to_nothing_ends_at_once_unless_it_is_held() {
    for (setting, is_held) in [("end", false), ("hold", true)] {
        let engine = engine(&[("listen.empty", setting)]);
        let session = open(&engine, Profile::Modern);
        let got = asked(&engine, session, &listen("1", "{}"));
        assert_eq!(got[0], ack("1", "{}"));
        let rest = if is_held { Vec::new() } else { vec![complete("1")] };
        assert_eq!(got[1..], rest);
        assert_eq!(engine.subscription(session, "1").is_ok(), is_held);
        engine.end(session, EndReason::Shutdown).unwrap();
        if is_held {
            assert_eq!(frames(&engine, session), [complete("1")]);
        }
    }
}

#[test]
fn g12_a_listen_beyond_a_limit_is_refused_before_any_acknowledgment() {
    let settings =
        [("session.max_subscriptions", "2"), ("filter.max_uris", "2"), ("uri.max_bytes", "64")];
    let engine = engine(&settings);
    let session = open(&engine, Profile::Modern);
    let long = format!(r#"{{"resourceSubscriptions":["a:{}"]}}"#, "x".repeat(64));
    for (filter, key) in [
        (r#"{"resourceSubscriptions":["a:","b:","c:"]}"#, "filter.max_uris"),
        (long.as_str(), "uri.max_bytes"),
    ] {
        let got = asked(&engine, session, &listen("1", filter));
        assert_eq!(got.len(), 1, "{got:?}");
        assert!(code_of(&got[0], "1") == -32602 && got[0].contains(key), "{got:?}");
    }
    for id in ["1", "2"] {
        assert_eq!(asked(&engine, session, &listen(id, TOOLS)), [ack(id, TOOLS)]);
    }
    let got = asked(&engine, session, &listen("3", TOOLS));
    assert_eq!((got.len(), code_of(&got[0], "3")), (1, -32603));
    assert!(got[0].contains("session.max_subscriptions"), "{got:?}");
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(2));
    assert_eq!(asked(&engine, session, &cancelled("1")), [tagged_list("2", "tools")]);
    assert_eq!(asked(&engine, session, &listen("3", TOOLS)), [ack("3", TOOLS)]);
}

#[test]
fn g14_nothing_is_missed_from_the_acknowledgment_on() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    engine.receive(session, None, listen("1", TOOLS).as_bytes()).unwrap();
    // The acknowledgment has not even left.
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [ack("1", TOOLS), tagged_list("1", "tools")]);
}

#[test]
fn g16_an_id_in_use_is_refused_and_the_first_goes_on() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    asked(&engine, session, &listen("1", TOOLS));
    passed(&engine, session, &call_in(Revision::MODERN, "2", r#","progressToken":2"#));
    for message in [
        listen("1", r#"{"promptsListChanged":true}"#),
        call_in(Revision::MODERN, "1", ""),
        listen("2", TOOLS),
        call_in(Revision::MODERN, "2", ""),
    ] {
        let got = asked(&engine, session, &message);
        let id = if message.contains("\"id\":1") { "1" } else { "2" };
        assert_eq!(code_of(&got[0], id), -32600, "{message}");
    }
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(engine.notify_prompt_list_changed(&Raise::ALL), Ok(0));
    report(&engine, "2", "1");
    assert_eq!(frames(&engine, session), [tagged_list("1", "tools"), progressed("2", "1")]);
}

#[test]
fn g17_a_level_is_a_sessions_own_and_begins_as_configured() {
    let engine = engine(&[("logging.default_level", "error")]);
    let [one, other] = [0, 1].map(|_| open(&engine, legacy(Revision::V2025_11_25)));
    asked(&engine, one, &request("1", "logging/setLevel", r#"{"level":"info"}"#));
    let log = |level| engine.notify_logging_message(level, None, "1", &Raise::ALL).unwrap();
    assert_eq!([Level::Debug, Level::Info, Level::Warning, Level::Error].map(log), [0, 1, 1, 2]);
    assert_eq!([one, other].map(|session| frames(&engine, session).len()), [3, 1]);
}

#[test]
fn g18_each_session_has_its_own_copy() {
    for revision in legacy_revisions() {
        let engine = engine(&[]);
        let sessions: Vec<_> = (0..3).map(|_| open(&engine, legacy(revision))).collect();
        assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(3));
        for session in sessions {
            let tools = notification("notifications/tools/list_changed", "");
            assert_eq!(frames(&engine, session), [tools], "{revision}");
        }
    }
}

#[test]
fn g20_what_is_unrelated_waits_for_the_standalone_stream() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let post = engine.open_stream(session, StreamKind::Request).unwrap();
    let message = call("1", "1");
    engine.receive(session, Some(post), message.as_bytes()).unwrap();
    for _ in 0..3 {
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    }
    assert_eq!(frames_of(&engine, post), NONE);
    let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
    let tools = notification("notifications/tools/list_changed", "");
    assert_eq!(frames_of(&engine, get), [tools]);
}

#[test]
fn g20_what_is_unrelated_rides_an_open_request_if_the_host_says_so() {
    let tools = notification("notifications/tools/list_changed", "");
    let custom = notification("notifications/x", "");
    let raise = |engine: &fanfare::Engine| {
        for _ in 0..3 {
            engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        }
        engine.notify("notifications/x", None, &Raise::ALL).unwrap();
    };
    for revision in legacy_revisions().skip(1) {
        let engine = engine(&[("streams.unrelated", "request")]);
        let session = open(&engine, legacy(revision));
        let [one, two] = ["1", "2"].map(|id| {
            let post = engine.open_stream(session, StreamKind::Request).unwrap();
            engine.receive(session, Some(post), call(id, id).as_bytes()).unwrap();
            post
        });
        raise(&engine);
        report(&engine, "1", "1");
        // R28: on one of them, and what is its own first.
        let told = [tools.clone(), custom.clone()];
        assert_eq!(frames_of(&engine, one), [[progressed("1", "1")].as_slice(), &told].concat());
        assert_eq!(frames_of(&engine, two), NONE);
        // The response is the last on its stream (R78); the rest goes out on another one.
        respond(&engine, session, "1");
        raise(&engine);
        let mut batch = fanfare::Batch::new();
        engine.recv_stream(one, 10, &mut batch).unwrap();
        assert_eq!(texts(&engine, &batch), [empty("1")]);
        assert!(batch.iter().all(|frame| frame.flags.is_last()));
        engine.recv(Some(session), 10, &mut batch).unwrap();
        assert!(batch.iter().all(|frame| frame.stream == two && !frame.flags.is_last()));
        assert_eq!(texts(&engine, &batch), told);
        // Without a stream it waits, and a standalone one has it all.
        respond(&engine, session, "2");
        raise(&engine);
        assert_eq!(frames_of(&engine, two), [empty("2")]);
        let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
        let post = engine.open_stream(session, StreamKind::Request).unwrap();
        engine.receive(session, Some(post), call("3", "3").as_bytes()).unwrap();
        assert_eq!((frames_of(&engine, post), frames_of(&engine, get)), (vec![], told.to_vec()));
        engine.close_stream(get).unwrap();
        raise(&engine);
        assert_eq!(frames_of(&engine, post), told);
    }
}

#[test]
fn g20_what_rides_a_stream_that_can_be_resumed_has_its_ids() {
    let engine = engine(&[("streams.unrelated", "request")]);
    let params = SessionParams::new(legacy(Revision::V2025_06_18)).framing(Framing::Sse);
    let session = open_with(&engine, params);
    let post = engine.open_stream(session, StreamKind::Request).unwrap();
    engine.receive(session, Some(post), call("1", "1").as_bytes()).unwrap();
    report(&engine, "1", "1");
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let got = frames_of(&engine, post);
    assert!(
        got.len() == 2 && got[1].contains("-2\n") && got[1].contains("list_changed"),
        "{got:?}"
    );
    let first = got[0].strip_prefix("id: ").and_then(|it| it.split('\n').next()).unwrap();
    engine.close_stream(post).unwrap();
    engine.notify_prompt_list_changed(&Raise::ALL).unwrap();
    let post = engine.resume_stream(session, first).unwrap();
    let again = frames_of(&engine, post);
    assert_eq!((again.len(), &again[0]), (2, &got[1]), "{again:?}");
    assert!(again[1].contains("-3\n") && again[1].contains("prompts/list_changed"), "{again:?}");
}

#[test]
fn g23_a_host_can_end_a_listen_and_the_client_can_come_again() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    asked(&engine, session, &listen("1", TOOLS));
    let subscription = engine.subscription(session, "1").unwrap();
    engine.end_subscription(subscription, EndReason::Revoked).unwrap();
    let got = frames(&engine, session);
    assert!(got.len() == 1 && got[0].contains("revoked"), "{got:?}");
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(asked(&engine, session, &listen("1", TOOLS)), [ack("1", TOOLS)]);
}

#[test]
fn g28_a_value_that_is_not_greater_is_not_sent_whatever_it_says() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &call("1", "1"));
    report(&engine, "1", "1");
    let same = r#"{"progressToken":1,"progress":1,"message":"still going"}"#;
    assert_eq!(engine.notify("notifications/progress", Some(same), &Raise::ALL), Ok(0));
    assert_eq!(frames(&engine, session), [progressed("1", "1")]);
    assert_eq!(engine.stats().progress_refused, 1);
}

#[test]
fn g34_a_change_can_be_told_to_those_whom_it_concerns() {
    let engine = engine(&[]);
    let of = |principal: &str| {
        let params = SessionParams::new(Profile::Modern).framing(Framing::Json);
        open_with(&engine, params.principal(principal))
    };
    let [alice, bob] = ["alice", "bob"].map(of);
    for session in [alice, bob] {
        asked(&engine, session, &listen("1", TOOLS));
    }
    let raise = Raise::to(Target::Principal("alice"));
    assert_eq!(engine.notify_tool_list_changed(&raise), Ok(1));
    assert_eq!(frames(&engine, alice), [tagged_list("1", "tools")]);
    assert_eq!(frames(&engine, bob), NONE);
}
