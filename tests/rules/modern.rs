//! 2026-07-28, request by request: nothing is remembered, and everything is said (R52, R55 to
//! R58, R60 to R62, R81); and the bounds that hold for all (R76).

use std::collections::BTreeSet;

use fanfare::{
    EndReason, ErrorKind, Framing, Overflow, Profile, Raise, Revision, SessionParams, StreamKind,
    Target,
};
use serde_json::Value;

use crate::common::*;

const NONE: [&str; 0] = [];
const TOOLS: &str = r#"{"toolsListChanged":true}"#;
const VERSION: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
const CAPABILITIES: &str = r#""io.modelcontextprotocol/clientCapabilities":{}"#;

/// What a modern request may lack or have wrong, and the code that says so.
fn wrong_metas() -> Vec<(String, i64)> {
    let foreign = VERSION.replace("2026-07-28", "1900-01-01");
    vec![
        (String::new(), -32602),
        (r#""_meta":null"#.to_owned(), -32602),
        (r#""_meta":[]"#.to_owned(), -32602),
        (r#""_meta":{}"#.to_owned(), -32602),
        (format!(r#""_meta":{{{VERSION}}}"#), -32602),
        (format!(r#""_meta":{{{CAPABILITIES}}}"#), -32602),
        (
            format!(r#""_meta":{{{},{CAPABILITIES}}}"#, VERSION.replace("\"2026-07-28\"", "7")),
            -32602,
        ),
        (format!(r#""_meta":{{{VERSION},{}}}"#, CAPABILITIES.replace("{}", "[]")), -32602),
        (format!(r#""_meta":{{{foreign},{CAPABILITIES}}}"#), -32022),
        (
            format!(
                r#""_meta":{{{},{CAPABILITIES}}}"#,
                VERSION.replace("2026-07-28", "2025-11-25")
            ),
            -32022,
        ),
    ]
}

#[test]
fn r52_a_request_without_its_metadata_is_refused_before_anything() {
    for framing in [Framing::Json, Framing::Ndjson, Framing::Sse] {
        for (meta, code) in wrong_metas() {
            for method in ["subscriptions/listen", "tools/call", "no/such"] {
                let engine = engine(&[]);
                let session =
                    open_with(&engine, SessionParams::new(Profile::Modern).framing(framing));
                let comma = if meta.is_empty() { "" } else { "," };
                let params = format!(r#"{{{meta}{comma}"notifications":{TOOLS}}}"#);
                let got = asked(&engine, session, &request("1", method, &params));
                assert_eq!(got.len(), 1, "{params}: {got:?}");
                let json = got[0].trim_start_matches("event: message\ndata: ").trim_end();
                assert_eq!(code_of(json, "1"), code, "{params}: {json}");
                assert_eq!((engine.stats().subscriptions, engine.stats().requests), (0, 0));
                if code == -32022 {
                    let error: Value = serde_json::from_str(json).unwrap();
                    let data = &error["error"]["data"];
                    assert_eq!(data["supported"], serde_json::json!(["2026-07-28"]));
                    assert!(data["requested"].is_string(), "{data}");
                }
            }
        }
    }
}

#[test]
fn r54_the_codes_that_a_host_turns_into_a_status_are_exact() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let removed = request("1", "ping", &modern_params("", ""));
    let foreign = listen("2", TOOLS).replace("2026-07-28", "1900-01-01");
    for (message, id, code) in [
        (removed, "1", -32601),
        (foreign, "2", -32022),
        (request("3", "subscriptions/listen", ""), "3", -32602),
    ] {
        assert_eq!(code_of(&asked(&engine, session, &message)[0], id), code);
    }
}

/// Everything that the engine can be brought to refuse in this revision.
#[test]
fn r55_no_code_that_the_revision_forbids() {
    let engine = engine(&[("session.max_reply_bytes", "4096")]);
    let session = open(&engine, Profile::Modern);
    let mut got = Vec::new();
    for (meta, _) in wrong_metas() {
        got.extend(asked(&engine, session, &request("1", "x", &format!("{{{meta}}}"))));
    }
    for method in ["ping", "initialize", "logging/setLevel", "resources/subscribe"] {
        got.extend(asked(&engine, session, &request("1", method, &modern_params("", ""))));
    }
    for wrong in ["{", "[]", "7", r#"{"jsonrpc":"2.0","id":1,"method":7}"#] {
        got.extend(asked(&engine, session, wrong));
    }
    got.extend(asked(&engine, session, &listen("1", "null")));
    asked(&engine, session, &listen("1", TOOLS));
    got.extend(asked(&engine, session, &listen("1", TOOLS)));
    for (id, reason) in
        [("1", EndReason::Lagged), ("2", EndReason::Revoked), ("3", EndReason::Limit)]
    {
        engine.receive(session, None, listen(id, TOOLS).as_bytes()).unwrap();
        let subscription = engine.subscription(session, id).unwrap();
        engine.end_subscription(subscription, reason).unwrap();
        got.extend(frames(&engine, session).into_iter().filter(|frame| frame.contains("error")));
    }
    let codes: BTreeSet<i64> = got
        .iter()
        .map(|frame| {
            let frame: Value = serde_json::from_str(frame).unwrap();
            frame["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {frame}"))
        })
        .collect();
    let allowed: BTreeSet<i64> = [-32700, -32603, -32602, -32601, -32600, -32022].into();
    assert_eq!(codes, allowed);
}

#[test]
fn r56_a_server_sends_no_requests() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    asked(&engine, session, &listen("1", TOOLS));
    for method in ["ping", "roots/list", "sampling/createMessage", "x"] {
        for id in ["1", "\"s\"", "0"] {
            let error = engine.send(session, None, request(id, method, "{}").as_bytes());
            assert_eq!(error.unwrap_err().kind(), ErrorKind::NotNegotiated);
        }
    }
    assert_eq!(frames(&engine, session), NONE);
}

#[test]
fn r57_no_request_inherits_from_another() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let level = r#","progressToken":"p","io.modelcontextprotocol/logLevel":"debug""#;
    passed(&engine, session, &call_in(Revision::MODERN, "1", level));
    passed(&engine, session, &call_in(Revision::MODERN, "2", ""));
    let of = |id| Raise::to(Target::Request(session, id));
    assert_eq!(engine.notify_alert(fanfare::Level::Alert, None, "1", &of("2")), Ok(0));
    let progress = r#"{"progressToken":"p","progress":1}"#;
    assert_eq!(engine.notify("notifications/progress", Some(progress), &of("2")), Ok(0));
    // A second listen asks for something else, and gets that alone.
    asked(&engine, session, &listen("3", TOOLS));
    let uris = r#"{"resourceSubscriptions":["a:"]}"#;
    assert_eq!(asked(&engine, session, &listen("4", uris)), [ack("4", uris)]);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [tagged_list("3", "tools")]);
    // Nor does a request go without its metadata because an earlier one had it.
    let got = asked(&engine, session, &request("5", "tools/call", ""));
    assert_eq!(code_of(&got[0], "5"), -32602);
    // Nor does choosing types once last beyond it.
    let choose = notification("notifications/subscribe", r#"{"types":[]}"#);
    assert_eq!(asked(&engine, session, &choose), NONE);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [tagged_list("3", "tools")]);
}

#[test]
fn r58_events_have_no_id() {
    let engine = engine(&[]);
    let session = open_with(&engine, SessionParams::new(Profile::Modern).framing(Framing::Sse));
    let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
    engine.receive(session, Some(stream), listen("1", TOOLS).as_bytes()).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let subscription = engine.subscription(session, "1").unwrap();
    engine.end_subscription(subscription, EndReason::Graceful).unwrap();
    let event = |json: String| format!("event: message\ndata: {json}\n\n");
    assert_eq!(
        frames_of(&engine, stream),
        [ack("1", TOOLS), tagged_list("1", "tools"), complete("1")].map(event)
    );
}

/// An SDK that knows one era answers clients of both.
#[test]
fn r60_a_result_of_the_host_is_completed_or_freed_of_its_type() {
    let typed = |kind: &str, rest: &str| format!(r#"{{"resultType":"{kind}"{rest}}}"#);
    for (given, modern, old) in [
        ("{}".to_owned(), typed("complete", ""), "{}".to_owned()),
        ("{ \n}".to_owned(), typed("complete", "  "), "{  }".to_owned()),
        (r#"{"a":1}"#.to_owned(), typed("complete", r#","a":1"#), r#"{"a":1}"#.to_owned()),
        (typed("complete", ""), typed("complete", ""), "{}".to_owned()),
        (
            r#"{"z":[1.50],"resultType":"complete","a":{"resultType":"x"}}"#.to_owned(),
            r#"{"z":[1.50],"resultType":"complete","a":{"resultType":"x"}}"#.to_owned(),
            r#"{"z":[1.50],"a":{"resultType":"x"}}"#.to_owned(),
        ),
    ] {
        for revision in Revision::ALL {
            let engine = engine(&[]);
            let session = open(&engine, settled(revision));
            passed(&engine, session, &call_in(revision, "\"i\"", ""));
            let response =
                |result: &str| format!(r#"{{"jsonrpc":"2.0","id":"i","result":{result}}}"#);
            engine.send(session, None, response(&given).as_bytes()).unwrap();
            let expected = if revision.is_legacy() { &old } else { &modern };
            assert_eq!(frames(&engine, session), [response(expected)], "{revision}");
        }
    }
    // An error has none, and neither has what is not of MCP.
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    passed(&engine, session, &call_in(Revision::MODERN, "1", ""));
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#;
    engine.send(session, None, error.as_bytes()).unwrap();
    assert_eq!(frames(&engine, session), [error]);
    let session = open(&engine, Profile::Open);
    for result in ["{}", r#"{"resultType":7}"#, "null"] {
        passed(&engine, session, &request("1", "anything", ""));
        let response = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        engine.send(session, None, response.as_bytes()).unwrap();
        assert_eq!(frames(&engine, session), [response]);
    }
}

#[test]
fn r60_a_type_that_cannot_be_mended_is_refused() {
    let engine = engine(&[]);
    let wrong = [
        (Revision::MODERN, r#"{"resultType":null}"#, ErrorKind::Json, "result.resultType"),
        (Revision::MODERN, r#"{"resultType":7}"#, ErrorKind::Json, "result.resultType"),
        (Revision::MODERN, r#"{"resultType":"a","resultType":"b"}"#, ErrorKind::Json, "resultType"),
        (Revision::MODERN, "[]", ErrorKind::Json, "result must be an object"),
        (Revision::MODERN, "null", ErrorKind::Json, "result must be an object"),
        // It would look like a result that is complete.
        (
            Revision::V2025_11_25,
            r#"{"resultType":"input_required"}"#,
            ErrorKind::NotNegotiated,
            "result.resultType",
        ),
    ];
    for (revision, result, kind, part) in wrong {
        let session = open(&engine, settled(revision));
        passed(&engine, session, &call_in(revision, "1", ""));
        let response = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let error = engine.send(session, None, response.as_bytes()).unwrap_err();
        assert!(error.kind() == kind && error.detail().contains(part), "{result}: {error}");
        // The request goes on.
        assert!(frames(&engine, session).is_empty());
        engine.send(session, None, called_in(revision, "1").as_bytes()).unwrap();
        assert_eq!(frames(&engine, session), [called_in(revision, "1")]);
    }
}

#[test]
fn r60_a_result_of_the_engine_has_its_type_in_this_era_only() {
    let settings = [
        ("initialize.answer", "engine"),
        ("server.info", r#"{"name":"s","version":"1"}"#),
        (
            "server.capabilities",
            r#"{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{}}"#,
        ),
    ];
    let engine = engine(&settings);
    let session = open(&engine, Profile::Modern);
    let discover = request("1", "server/discover", &modern_params("", ""));
    let mut got = asked(&engine, session, &discover);
    asked(&engine, session, &listen("2", TOOLS));
    engine.end(session, EndReason::Graceful).unwrap();
    got.extend(frames(&engine, session));
    assert_eq!(got.len(), 2, "{got:?}");
    for frame in got {
        let frame: Value = serde_json::from_str(&frame).unwrap();
        assert_eq!(frame["result"]["resultType"], "complete", "{frame}");
    }
    for revision in legacy_revisions() {
        let session = open(&engine, Profile::Auto);
        let hello = format!(r#"{{"protocolVersion":"{revision}"}}"#);
        let mut got = asked(&engine, session, &request("0", "initialize", &hello));
        passed(&engine, session, &notification("notifications/initialized", ""));
        got.extend(asked(&engine, session, &request("1", "ping", "")));
        got.extend(asked(&engine, session, &subscribe("2", "a:")));
        got.extend(asked(
            &engine,
            session,
            &request("3", "logging/setLevel", r#"{"level":"info"}"#),
        ));
        assert_eq!(got.len(), 4);
        assert!(got.iter().all(|frame| frame.contains("result")), "{got:?}");
        assert!(got.iter().all(|frame| !frame.contains("resultType")), "{revision}: {got:?}");
    }
}

#[test]
fn r61_what_the_era_took_away_is_no_method() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    for (method, rest) in [
        ("ping", ""),
        ("initialize", r#","protocolVersion":"2026-07-28","capabilities":{}"#),
        ("logging/setLevel", r#","level":"info""#),
        ("resources/subscribe", r#","uri":"a:""#),
        ("resources/unsubscribe", r#","uri":"a:""#),
    ] {
        let got = asked(&engine, session, &request("1", method, &modern_params("", rest)));
        assert_eq!(code_of(&got[0], "1"), -32601, "{method}");
    }
    assert_eq!((engine.stats().subscriptions, engine.stats().requests), (0, 0));
}

#[test]
fn r62_two_eras_side_by_side_keep_to_themselves() {
    let engine = engine(&[]);
    let older = legacy_revisions().map(|revision| {
        let session = open(&engine, Profile::Auto);
        let hello = format!(r#"{{"protocolVersion":"{revision}"}}"#);
        passed(&engine, session, &request("0", "initialize", &hello));
        let result = format!(
            r#"{{"jsonrpc":"2.0","id":0,"result":{{"protocolVersion":"{revision}","capabilities":{{"tools":{{"listChanged":true}},"resources":{{"subscribe":true}}}},"serverInfo":{{"name":"s","version":"1"}}}}}}"#
        );
        engine.send(session, None, result.as_bytes()).unwrap();
        passed(&engine, session, &notification("notifications/initialized", ""));
        frames(&engine, session);
        asked(&engine, session, &subscribe("1", "a:"));
        session
    });
    let older: Vec<_> = older.collect();
    let modern = open(&engine, Profile::Auto);
    let filter = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:"]}"#;
    assert_eq!(asked(&engine, modern, &listen("1", filter)), [ack("1", filter)]);
    for _ in 0..3 {
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        let tools = notification("notifications/tools/list_changed", "");
        for &session in &older {
            assert_eq!(frames(&engine, session), [tools.clone(), updated("a:")]);
        }
        assert_eq!(frames(&engine, modern), [tagged_list("1", "tools"), tagged("1", "a:")]);
    }
    // Neither can change over.
    for &session in &older {
        let got = asked(&engine, session, &listen("7", filter));
        assert_eq!(code_of(&got[0], "7"), -32600);
    }
    let hello = request("8", "initialize", r#"{"protocolVersion":"2025-06-18"}"#);
    assert_eq!(code_of(&asked(&engine, modern, &hello)[0], "8"), -32022);
}

#[test]
fn r76_a_reader_that_stalls_costs_no_more_after_a_while() {
    for revision in Revision::ALL {
        for policy in Overflow::ALL {
            let engine =
                engine(&[("session.max_queued_frames", "16"), ("overflow", policy.as_str())]);
            let session = open(&engine, settled(revision));
            let witness = open(&engine, settled(revision));
            if revision.is_legacy() {
                asked(&engine, session, &subscribe("1", "a:"));
            } else {
                asked(
                    &engine,
                    session,
                    &listen("1", r#"{"toolsListChanged":true,"resourceSubscriptions":["a:"]}"#),
                );
            }
            let level = r#","progressToken":1,"io.modelcontextprotocol/logLevel":"debug""#;
            passed(&engine, session, &call_in(revision, "2", level));
            let mut most = 0;
            for n in 0..2000 {
                engine.notify_tool_list_changed(&Raise::to(Target::Except(witness))).unwrap();
                engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
                let at = Target::Request(session, "2");
                // Fails once the policy has ended the session.
                let logged = engine.notify_alert(fanfare::Level::Alert, None, "1", &Raise::to(at));
                assert!(logged.is_ok() || policy == Overflow::Close, "{logged:?}");
                engine
                    .notify(
                        "notifications/progress",
                        Some(&format!(r#"{{"progressToken":1,"progress":{n}}}"#)),
                        &Raise::ALL,
                    )
                    .unwrap();
                most = most.max(engine.stats().queued_frames);
            }
            assert!(most <= 16 + 3, "{revision}, {policy:?}: {most}");
            let stats = engine.stats();
            assert!(stats.queued_bytes < 16 * 1024, "{stats:?}");
            let is_counted = if policy == Overflow::Close { stats.lagged } else { stats.dropped };
            assert!(is_counted > 0, "{stats:?}");
            assert!(engine.session_stats(witness).is_ok(), "nobody else notices");
        }
    }
}

#[test]
fn r81_notices_carry_nothing_of_other_requests() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let meta = r#","progressToken":"p","io.modelcontextprotocol/logLevel":"debug""#;
    passed(&engine, session, &call_in(Revision::MODERN, "1", meta));
    asked(&engine, session, &listen("2", TOOLS));
    passed(&engine, session, &call_in(Revision::MODERN, "3", &meta.replace("\"p\"", "\"q\"")));
    report(&engine, "\"p\"", "1");
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    report(&engine, "\"q\"", "1");
    let expected = [progressed("\"p\"", "1"), tagged_list("2", "tools"), progressed("\"q\"", "1")];
    assert_eq!(frames(&engine, session), expected);
    // A host cannot smuggle it in either.
    for reserved in [
        r#"{"progressToken":"p"}"#,
        r#"{"io.modelcontextprotocol/logLevel":"debug"}"#,
        r#"{"io.modelcontextprotocol/subscriptionId":1}"#,
    ] {
        let refused = engine.notify_tool_list_changed(&Raise::ALL.context(reserved));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
