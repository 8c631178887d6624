//! One raising, three kinds of listener: what each profile gets (DESIGN 3).

mod common;

use common::*;
use fanfare::{
    Capabilities, Disposition, EndReason, ErrorKind, Framing, Level, Profile, Raise, Revision,
    SessionParams, Target,
};

const TOOLS: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
const PROMPTS: &str = r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#;

#[test]
fn an_open_session_hears_everything_until_it_chooses() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    assert_eq!(engine.notify_resource_updated("doc://7", &Raise::ALL), Ok(1));
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
    let progress = r#"{"task_id":"abc","progress":0.1}"#;
    assert_eq!(engine.notify("notifications/progress", Some(progress), &Raise::ALL), Ok(1));
    let done = r#"{"task_id":"abc","result":"success"}"#;
    assert_eq!(engine.notify("notifications/complete", Some(done), &Raise::ALL), Ok(1));
    assert_eq!(
        frames(&engine, session),
        [
            updated("doc://7"),
            TOOLS.to_owned(),
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{progress}}}"#),
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/complete","params":{done}}}"#),
        ]
    );

    // As a request it is answered, as a notification it is not.
    let types = r#"{"types":["resources/updated","notifications/progress"]}"#;
    let answer = asked(&engine, session, &request("1", "notifications/subscribe", types));
    assert_eq!(answer, [empty("1")]);
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(engine.notify("notifications/complete", Some(done), &Raise::ALL), Ok(0));
    assert_eq!(engine.notify_resource_updated("doc://7", &Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session), [updated("doc://7")]);

    let nothing = r#"{"jsonrpc":"2.0","method":"notifications/subscribe","params":{"types":[]}}"#;
    assert_eq!(asked(&engine, session, nothing), [""; 0]);
    assert_eq!(engine.notify_resource_updated("doc://7", &Raise::ALL), Ok(0));

    let back = r#"{"jsonrpc":"2.0","method":"notifications/unsubscribe"}"#;
    assert_eq!(asked(&engine, session, back), [""; 0]);
    assert_eq!(engine.notify_prompt_list_changed(&Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session), [PROMPTS]);
}

#[test]
fn choosing_types_withdraws_what_is_queued_of_the_others() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    let types = r#"{"types":["prompts/list_changed"]}"#;
    let answer = asked(&engine, session, &request("1", "notifications/subscribe", types));
    assert_eq!(answer, [empty("1")]);
    assert_eq!(engine.stats().queued_frames, 0);
}

#[test]
fn an_open_session_that_names_uris_hears_of_those() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    engine.subscribe(session, "a:").unwrap();
    assert_eq!(engine.notify_resource_updated("b:", &Raise::ALL), Ok(0));
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session), [updated("a:")]);
    engine.unsubscribe(session, "a:").unwrap();
    assert_eq!(engine.unsubscribe(session, "a:").unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(engine.notify_resource_updated("b:", &Raise::ALL), Ok(1));
}

#[test]
fn a_legacy_session_hears_of_lists_unasked_and_of_uris_it_subscribed_to() {
    for revision in Revision::ALL.into_iter().filter(|revision| revision.is_legacy()) {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        assert_eq!(asked(&engine, session, &subscribe("\"s\"", "file:///a")), [empty("\"s\"")]);
        assert_eq!(engine.notify_resource_updated("file:///b", &Raise::ALL), Ok(0));
        assert_eq!(engine.notify_resource_updated("file:///a", &Raise::ALL), Ok(1));
        assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
        assert_eq!(frames(&engine, session), [updated("file:///a"), TOOLS.to_owned()]);

        // R25: what is queued goes with the subscription.
        engine.notify_resource_updated("file:///a", &Raise::ALL).unwrap();
        let unsubscribe = request("2", "resources/unsubscribe", r#"{"uri":"file:///a"}"#);
        assert_eq!(asked(&engine, session, &unsubscribe), [empty("2")]);
        assert_eq!(engine.notify_resource_updated("file:///a", &Raise::ALL), Ok(0));
        assert_eq!(asked(&engine, session, &request("3", "ping", "")), [empty("3")]);
    }
}

#[test]
fn capabilities_that_are_not_advertised_are_not_used() {
    let engine = engine(&[]);
    let params = SessionParams::new(legacy(Revision::V2025_06_18)).framing(Framing::Json);
    let session = engine.open(params.capabilities(Capabilities::none())).unwrap();
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(engine.notify_alert(Level::Alert, None, "1", &Raise::ALL), Ok(0));
    for message in [
        subscribe("1", "a:"),
        request("1", "resources/unsubscribe", r#"{"uri":"a:"}"#),
        request("1", "logging/setLevel", r#"{"level":"info"}"#),
    ] {
        let answer = asked(&engine, session, &message).remove(0);
        assert!(answer.contains(r#""id":1,"error":{"code":-32601"#), "{answer}");
    }
    assert_eq!(engine.subscriber_count("a:"), 0);
}

#[test]
fn a_level_gates_log_messages_of_a_legacy_session() {
    let engine = engine(&[("logging.default_level", "error")]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    let log = |level| engine.notify_logging_message(level, Some("db"), r#"{"n":1}"#, &Raise::ALL);
    assert_eq!(log(Level::Warning), Ok(0));
    for lowest in Level::ALL {
        let set = request("1", "logging/setLevel", &format!(r#"{{"level":"{lowest}"}}"#));
        assert_eq!(asked(&engine, session, &set), [empty("1")]);
        for level in Level::ALL {
            let is_admitted = level >= lowest;
            assert_eq!(log(level), Ok(usize::from(is_admitted)), "{level} at {lowest}");
            let expected = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","logger":"db","data":{{"n":1}}}}}}"#
            );
            let expected = if is_admitted { vec![expected] } else { Vec::new() };
            assert_eq!(frames(&engine, session), expected);
        }
    }
    // R11: the level stays what it was.
    for wrong in [r#"{"level":"verbose"}"#, r#"{"level":5}"#, r#"{"level":null}"#, ""] {
        let answer = asked(&engine, session, &request("2", "logging/setLevel", wrong)).remove(0);
        assert!(answer.contains("-32602"), "{answer}");
        assert_eq!(log(Level::Alert), Ok(0));
    }
}

#[test]
fn an_alert_is_a_warning_at_least() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    let error = engine.notify_alert(Level::Notice, None, "1", &Raise::ALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.detail().contains("warning") && error.detail().contains("notice"), "{error}");
    assert_eq!(frames(&engine, session), [""; 0]);
    assert_eq!(engine.notify_alert(Level::Warning, None, r#""disk full""#, &Raise::ALL), Ok(1));
    assert_eq!(
        frames(&engine, session),
        [
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","data":"disk full"}}"#
        ]
    );
}

#[test]
fn a_modern_session_hears_what_its_listens_ask_for_and_nothing_else() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify("notifications/custom", None, &Raise::ALL).unwrap();
    engine.notify_alert(Level::Emergency, None, "1", &Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [""; 0]);

    let both = r#"{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["a:","b:"],"unknown":1}"#;
    let honoured = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:","b:"]}"#;
    assert_eq!(asked(&engine, session, &listen("7", both)), [ack("7", honoured)]);
    let one = r#"{"resourceSubscriptions":["a:"]}"#;
    assert_eq!(asked(&engine, session, &listen("\"7\"", one)), [ack("\"7\"", one)]);

    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(2));
    assert_eq!(engine.notify_resource_updated("b:", &Raise::ALL), Ok(1));
    assert_eq!(engine.notify_prompt_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(
        frames(&engine, session),
        [tagged("7", "a:"), tagged("\"7\"", "a:"), tagged("7", "b:")]
    );

    // R46, R47: the other one goes on, and the cancelled one is silent for good.
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    assert_eq!(asked(&engine, session, &cancelled("7")), [tagged("\"7\"", "a:")]);
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(asked(&engine, session, &cancelled("7")), [""; 0]);
}

#[test]
fn ids_are_kept_to_the_letter() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let filter = r#"{"resourceSubscriptions":["a:"]}"#;
    for id in ["0", "\"\"", "1", "\"1\"", "9007199254740993", "-5", "\"é\\n\""] {
        assert_eq!(asked(&engine, session, &listen(id, filter)), [ack(id, filter)]);
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        assert_eq!(frames(&engine, session), [tagged(id, "a:")]);
        let subscription = engine.subscription(session, id).unwrap();
        engine.end_subscription(subscription, EndReason::Graceful).unwrap();
        assert_eq!(frames(&engine, session), [complete(id)]);
        let again = engine.end_subscription(subscription, EndReason::Graceful).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Gone);
    }
}

#[test]
fn a_duplicate_id_is_refused_and_the_first_listen_goes_on() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let filter = r#"{"resourceSubscriptions":["a:"]}"#;
    asked(&engine, session, &listen("1", filter));
    let answer = asked(&engine, session, &listen("1", filter)).remove(0);
    assert!(answer.contains(r#""id":1,"error":{"code":-32600"#), "{answer}");
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session), [tagged("1", "a:")]);
}

#[test]
fn a_listen_is_narrowed_to_what_is_advertised() {
    let engine = engine(&[]);
    let some = Capabilities { tools_list_changed: true, ..Capabilities::none() };
    let params = SessionParams::new(Profile::Modern).framing(Framing::Json).capabilities(some);
    let session = engine.open(params).unwrap();
    let filter = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:"]}"#;
    assert_eq!(
        asked(&engine, session, &listen("1", filter)),
        [ack("1", r#"{"toolsListChanged":true}"#)]
    );
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(0));
    // Nothing honoured: acknowledged, and ended at once (G11).
    let nothing = r#"{"resourceSubscriptions":["a:"]}"#;
    assert_eq!(asked(&engine, session, &listen("2", nothing)), [ack("2", "{}"), complete("2")]);
    assert_eq!(engine.stats().subscriptions, 1);
}

#[test]
fn an_empty_listen_can_be_held() {
    let engine = engine(&[("listen.empty", "hold")]);
    let session = open(&engine, Profile::Modern);
    assert_eq!(asked(&engine, session, &listen("2", "{}")), [ack("2", "{}")]);
    engine.end(session, EndReason::Shutdown).unwrap();
    assert_eq!(frames(&engine, session), [complete("2")]);
}

#[test]
fn a_modern_request_must_say_who_it_is() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let cases = [
        (request("1", "tools/list", ""), "-32602"),
        (request("1", "tools/list", r#"{"_meta":{}}"#), "-32602"),
        (listen("1", "null"), "-32602"),
        (listen("1", "[]"), "-32602"),
        (listen("1", r#"{"toolsListChanged":"yes"}"#), "-32602"),
        (listen("1", "{}").replace("2026-07-28", "1900-01-01"), "-32022"),
        (request("1", "ping", &modern_params("", "")), "-32601"),
        (request("1", "resources/subscribe", &modern_params("", r#","uri":"a:""#)), "-32601"),
        (request("1", "logging/setLevel", &modern_params("", r#","level":"info""#)), "-32601"),
        (
            request(
                "1",
                "tools/call",
                &modern_params(r#","io.modelcontextprotocol/logLevel":"verbose""#, ""),
            ),
            "-32602",
        ),
    ];
    for (message, code) in cases {
        let answer = asked(&engine, session, &message).remove(0);
        assert!(
            answer.contains(&format!(r#""id":1,"error":{{"code":{code}"#)),
            "{message}: {answer}"
        );
    }
    assert_eq!(engine.stats().subscriptions, 0);
}

#[test]
fn the_first_request_chooses_the_era_for_good() {
    let engine = engine(&[]);
    let initialize = request("0", "initialize", r#"{"protocolVersion":"2025-06-18"}"#);

    let modern = open(&engine, Profile::Auto);
    let wrong = listen("9", "{}").replace("2026-07-28", "2031-01-01");
    let answer = asked(&engine, modern, &wrong).remove(0);
    assert!(answer.contains("-32022") && answer.contains("2025-11-25"), "{answer}");
    assert_eq!(engine.revision(modern), Ok(None));
    asked(&engine, modern, &listen("1", r#"{"toolsListChanged":true}"#));
    assert_eq!(engine.revision(modern), Ok(Some(Revision::V2026_07_28)));
    let answer = asked(&engine, modern, &initialize).remove(0);
    assert!(answer.contains("-32022"), "{answer}");

    let legacy = open(&engine, Profile::Auto);
    passed(&engine, legacy, &initialize);
    let answer = asked(&engine, legacy, &listen("1", "{}")).remove(0);
    assert!(answer.contains("-32600"), "{answer}");
}

#[test]
fn notices_wait_for_the_end_of_the_handshake() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Auto);
    passed(&engine, session, &request("0", "initialize", r#"{"protocolVersion":"2025-03-26"}"#));
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(0));
    let result = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-03-26","capabilities":{"tools":{"listChanged":true},"prompts":{}},"serverInfo":{"name":"s","version":"1"}}}"#;
    engine.send(session, None, result.as_bytes()).unwrap();
    assert_eq!(frames(&engine, session), [result]);
    assert_eq!(engine.revision(session), Ok(Some(Revision::V2025_03_26)));
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
    assert_eq!(engine.notify_prompt_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(frames(&engine, session), [""; 0]);
    assert_eq!(asked(&engine, session, &request("1", "ping", "")), [empty("1")]);
    passed(&engine, session, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!(frames(&engine, session), [TOOLS]);
}

#[test]
fn the_engine_can_answer_the_handshake() {
    let capabilities = r#"{"tools":{"listChanged":true}}"#;
    let settings = [
        ("initialize.answer", "engine"),
        ("server.info", r#"{"name":"s","version":"1"}"#),
        ("server.capabilities", capabilities),
        ("server.instructions", "be \"kind\""),
    ];
    let engine = engine(&settings);
    let session = open(&engine, Profile::Auto);
    let answer = asked(
        &engine,
        session,
        &request("\"i\"", "initialize", r#"{"protocolVersion":"2024-11-05"}"#),
    );
    assert_eq!(
        answer,
        [
            r#"{"jsonrpc":"2.0","id":"i","result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"s","version":"1"},"instructions":"be \"kind\""}}"#
        ]
    );
    passed(&engine, session, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
    assert_eq!(engine.notify_prompt_list_changed(&Raise::ALL), Ok(0));

    let modern = open(&engine, Profile::Auto);
    let answer = asked(&engine, modern, &request("1", "server/discover", &modern_params("", "")));
    assert_eq!(
        answer,
        [
            r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"instructions":"be \"kind\"","ttlMs":0,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}"#
        ]
    );
}

#[test]
fn a_target_narrows_and_never_widens() {
    let engine = engine(&[]);
    let of = |profile, principal: &str| {
        let params = SessionParams::new(profile).framing(Framing::Json).principal(principal);
        engine.open(params).unwrap()
    };
    let a = of(legacy(Revision::V2025_06_18), "alice");
    let b = of(legacy(Revision::V2025_06_18), "bob");
    let c = of(Profile::Open, "alice");
    let d = of(Profile::Modern, "alice");
    asked(&engine, a, &subscribe("1", "x:"));
    asked(&engine, b, &subscribe("1", "x:"));
    asked(&engine, d, &listen("1", r#"{"resourceSubscriptions":["x:"]}"#));
    let heard = || [a, b, c, d].map(|session| frames(&engine, session).len());
    for (target, expected) in [
        (Target::All, [1, 1, 1, 1]),
        (Target::Session(a), [1, 0, 0, 0]),
        (Target::Session(c), [0, 0, 1, 0]),
        (Target::Except(a), [0, 1, 1, 1]),
        (Target::Except(c), [1, 1, 0, 1]),
        (Target::Principal("alice"), [1, 0, 1, 1]),
        (Target::Principal("nobody"), [0, 0, 0, 0]),
    ] {
        let reached = engine.notify_resource_updated("x:", &Raise::to(target)).unwrap();
        assert_eq!(heard(), expected, "{target:?}");
        assert_eq!(reached, expected.iter().sum::<usize>(), "{target:?}");
    }
    for (target, expected) in [
        (Target::All, [1, 1, 1, 0]),
        (Target::Session(d), [0, 0, 0, 0]),
        (Target::Except(b), [1, 0, 1, 0]),
        (Target::Principal("alice"), [1, 0, 1, 0]),
    ] {
        let reached = engine.notify("custom", Some("{}"), &Raise::to(target)).unwrap();
        assert_eq!(heard(), expected, "{target:?}");
        assert_eq!(reached, expected.iter().sum::<usize>(), "{target:?}");
    }
    assert_eq!(engine.notify_resource_updated("y:", &Raise::to(Target::Session(a))), Ok(0));
    engine.close(a).unwrap();
    let stale = engine.notify_resource_updated("x:", &Raise::to(Target::Session(a))).unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Gone);
    assert_eq!(engine.notify_resource_updated("x:", &Raise::to(Target::Except(a))), Ok(3));
}

#[test]
fn a_method_goes_only_where_its_revision_has_it() {
    let engine = engine(&[]);
    let sessions = Revision::ALL.map(|revision| {
        let is_legacy = revision.is_legacy();
        open(&engine, if is_legacy { legacy(revision) } else { Profile::Modern })
    });
    let task = r#"{"taskId":"t","status":"working","ttl":null,"createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z"}"#;
    let task = Some(task);
    assert_eq!(engine.notify("notifications/tasks/status", task, &Raise::ALL), Ok(1));
    assert_eq!(sessions.map(|s| frames(&engine, s).len()), [0, 0, 0, 1, 0]);
    let elicitation = "notifications/elicitation/complete";
    let params = Some(r#"{"elicitationId":"e"}"#);
    assert_eq!(engine.notify(elicitation, params, &Raise::ALL), Ok(0));
    let unknown = engine.notify(elicitation, params, &to(sessions[3])).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::State);
    let asking = r#"{"mode":"url","elicitationId":"e"}"#;
    let asking = request("1", "elicitation/create", asking);
    engine.send(sessions[3], None, asking.as_bytes()).unwrap();
    assert_eq!(engine.notify(elicitation, params, &to(sessions[3])), Ok(1));
    assert_eq!(engine.notify(elicitation, params, &to(sessions[2])), Ok(0));
    for method in [
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/roots/list_changed",
        "notifications/subscriptions/acknowledged",
        "ping",
        "tools/call",
        "subscriptions/listen",
    ] {
        let refused = engine.notify(method, None, &Raise::ALL).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotNegotiated, "{method}");
    }
}

#[test]
fn the_tag_of_a_listen_is_the_engines_to_write() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    let params = r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}"#;
    let refused = engine.notify("x", Some(params), &Raise::ALL).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    let allowed = r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#;
    assert_eq!(engine.notify("x", Some(allowed), &Raise::ALL), Ok(1));
    assert_eq!(frames(&engine, session).len(), 1);
}

#[test]
fn a_legacy_session_can_only_narrow_its_types() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let types = r#"{"types":["resources/updated","prompts/list_changed"]}"#;
    assert_eq!(
        engine.receive(
            session,
            None,
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/subscribe","params":{types}}}"#)
                .as_bytes()
        ),
        Ok(Disposition::Handled)
    );
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(0));
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(engine.notify_prompt_list_changed(&Raise::ALL), Ok(1));
    asked(&engine, session, &subscribe("1", "a:"));
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(1));
}

/// What a session was advertised is not known before its handshake says it, to whomever a log
/// message is raised.
#[test]
fn no_log_message_comes_before_the_handshake() {
    let engine = engine(&[]);
    let revision = Revision::V2025_06_18;
    let profile = Profile::Legacy { revision, handshake: true };
    let session = open_with(&engine, SessionParams::new(profile).principal("p"));
    for target in [Target::All, Target::Session(session), Target::Principal("p")] {
        let reached = engine.notify_logging_message(Level::Error, None, "1", &Raise::to(target));
        assert_eq!(reached, Ok(0), "{target:?}");
    }
    assert_eq!(engine.session_stats(session).unwrap().queued_frames, 0);
}

/// A client whose era is not known may turn out to speak 2026-07-28, to which a server sends no
/// requests (R56).
#[test]
fn no_request_goes_out_before_the_era_is_known() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Auto);
    let refused = engine.send(session, None, request("1", "ping", "").as_bytes()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotNegotiated);
    passed(&engine, session, &request("1", "initialize", "{}"));
    engine.send(session, None, request("1", "ping", "").as_bytes()).unwrap();
}
