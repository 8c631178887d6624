//! Whatever a client sends: an answer where its revision has one, never an end, and nobody else
//! notices (promises 6 and 7).

mod common;

use common::*;
use fanfare::{Disposition, ErrorKind, Profile, Raise, Revision, SessionId, StreamId};

const NOT_MESSAGES: [(&[u8], &str); 9] = [
    (b"", "-32700"),
    (b"{", "-32700"),
    (b"nonsense", "-32700"),
    (b"\xff\xfe", "-32700"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc3\x28\"}", "-32700"),
    (b"7", "-32600"),
    (b"{}", "-32600"),
    (b"{\"jsonrpc\":\"1.0\",\"id\":null}", "-32600"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", "-32600"),
];

#[test]
fn what_is_no_message_is_answered_where_the_revision_has_an_answer() {
    let engine = engine(&[]);
    let witness = open(&engine, Profile::Open);
    let profiles = [
        (legacy(Revision::V2024_11_05), None),
        (legacy(Revision::V2025_03_26), None),
        (legacy(Revision::V2025_06_18), None),
        (legacy(Revision::V2025_11_25), Some(r#"{"jsonrpc":"2.0","error""#)),
        (Profile::Modern, Some(r#"{"jsonrpc":"2.0","error""#)),
        (Profile::Open, Some(r#"{"jsonrpc":"2.0","id":null,"error""#)),
        (Profile::Auto, Some(r#"{"jsonrpc":"2.0","id":null,"error""#)),
    ];
    for (profile, head) in profiles {
        let session = open(&engine, profile);
        for (bytes, code) in NOT_MESSAGES {
            assert_eq!(engine.receive(session, None, bytes), Ok(Disposition::Handled));
            let got = frames(&engine, session);
            match head {
                None => assert_eq!(got, [""; 0], "{profile:?}"),
                Some(head) => {
                    assert_eq!(got.len(), 1, "{profile:?}");
                    assert!(got[0].starts_with(head), "{profile:?}: {}", got[0]);
                    assert!(got[0].contains(&format!(r#""code":{code}"#)), "{}", got[0]);
                }
            }
        }
    }
    assert_eq!(engine.stats().rejected, 7 * NOT_MESSAGES.len() as u64);
    assert_eq!(frames(&engine, witness), [""; 0]);
}

#[test]
fn an_error_whose_request_has_an_id_is_answered_in_every_revision() {
    for revision in Revision::ALL.into_iter().filter(|revision| revision.is_legacy()) {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        let answer = asked(&engine, session, r#"{"jsonrpc":"2.0","id":"x","method":7}"#).remove(0);
        assert!(answer.starts_with(r#"{"jsonrpc":"2.0","id":"x","error":{"code":-32600"#));
    }
}

#[test]
fn a_notification_is_never_answered() {
    let engine = engine(&[]);
    for profile in [Profile::Open, Profile::Modern, legacy(Revision::V2025_11_25)] {
        let session = open(&engine, profile);
        for message in [
            r#"{"jsonrpc":"2.0","method":7}"#,
            r#"{"jsonrpc":"2.0","method":"x","params":[]}"#,
            r#"{"jsonrpc":"1.0","method":"x"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":null}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/subscribe","params":{"types":7}}"#,
        ] {
            assert_eq!(asked(&engine, session, message), [""; 0], "{message}");
        }
        passed(&engine, session, r#"{"jsonrpc":"2.0","method":"notifications/unknown"}"#);
        assert_eq!(frames(&engine, session), [""; 0]);
    }
}

#[test]
fn unknown_methods_and_responses_pass_to_the_host() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &request("1", "tools/call", ""));
    passed(&engine, session, &request("2", "no/such", ""));
    passed(&engine, session, r#"{"jsonrpc":"2.0","id":"s1","result":{}}"#);
    passed(&engine, session, r#"{"jsonrpc":"2.0","id":"s1","error":{"code":1,"message":""}}"#);
    assert_eq!(engine.stats().requests, 2);
}

#[test]
fn a_message_beyond_the_limit_is_refused_by_name_and_the_next_one_works() {
    let engine = engine(&[("message.max_bytes", "1024")]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    let long = request("1", "ping", &format!(r#"{{"x":"{}"}}"#, "y".repeat(2000)));
    let answer = asked(&engine, session, &long).remove(0);
    for part in ["-32600", "message.max_bytes", "1024"] {
        assert!(answer.contains(part), "{answer} lacks {part}");
    }
    assert_eq!(engine.receive_too_long(session, None), Ok(Disposition::Handled));
    assert!(frames(&engine, session)[0].contains("1025 bytes or more"));
    assert_eq!(asked(&engine, session, &request("1", "ping", "")), [empty("1")]);
}

#[test]
fn deep_nesting_is_harmless() {
    let engine = engine(&[("message.max_depth", "10000")]);
    let session = open(&engine, Profile::Modern);
    let deep = "[".repeat(200_000);
    let open_end = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{deep}"#);
    assert!(asked(&engine, session, &open_end)[0].contains("-32700"));
    // Beyond the limit, and within the highest that there can be.
    for (depth, code) in [(200_000, "-32600"), (9000, "-32602")] {
        let closed = format!("{{\"a\":{}{}}}", &deep[..depth], "]".repeat(depth));
        let params = modern_params("", &format!(r#","notifications":{closed}"#));
        let listen = request("1", "subscriptions/listen", &params);
        let answer = asked(&engine, session, &listen).remove(0);
        assert!(answer.contains(code), "{answer}");
    }
}

#[test]
fn batches_are_of_one_revision_only() {
    let batch = format!("[{},{}]", request("1", "ping", ""), request("2", "ping", ""));
    for profile in [legacy(Revision::V2025_06_18), Profile::Open, Profile::Modern] {
        let engine = engine(&[]);
        let session = open(&engine, profile);
        let got = asked(&engine, session, &batch);
        assert!(got.iter().all(|frame| frame.contains("-32600")), "{got:?}");
    }
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_03_26));
    assert_eq!(asked(&engine, session, &batch), [empty("1"), empty("2")]);
    let notes = r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]"#;
    passed(&engine, session, notes);
    let mixed = format!("[{},{}]", request("3", "ping", ""), request("4", "tools/list", ""));
    let error = engine.receive(session, None, mixed.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    assert_eq!(frames(&engine, session), [""; 0]);
    let mut given = Vec::new();
    let disposition = engine
        .receive_each(session, None, mixed.as_bytes(), |text| given.push(text.to_owned()))
        .unwrap();
    assert_eq!(disposition, Disposition::Pass);
    assert_eq!(given, [request("4", "tools/list", "")]);
    assert_eq!(frames(&engine, session), [empty("3")]);
    let greeting = format!("[{}]", request("5", "initialize", "{}"));
    assert!(asked(&engine, session, &greeting)[0].contains("-32600"));
}

#[test]
fn stale_and_foreign_handles_are_errors() {
    let engine = engine(&[]);
    let other = common::engine(&[]);
    let session = open(&engine, Profile::Open);
    let stream = engine.stream(session).unwrap();
    let foreign = open(&other, Profile::Open);
    engine.close(session).unwrap();
    let reopened = open(&engine, Profile::Open);
    assert_ne!(session, reopened);
    for handle in [session, foreign, SessionId::from_raw(0), SessionId::from_raw(u64::MAX)] {
        let kinds = [
            engine.close(handle).unwrap_err().kind(),
            engine.receive(handle, None, b"{}").unwrap_err().kind(),
            engine.send(handle, None, b"{}").unwrap_err().kind(),
            engine.subscribe(handle, "a:").unwrap_err().kind(),
            engine.session_stats(handle).unwrap_err().kind(),
            engine.notify_tool_list_changed(&to(handle)).unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::Gone; 6], "{handle:?}");
    }
    for handle in [stream, StreamId::from_raw(reopened.to_raw())] {
        assert_eq!(engine.close_stream(handle).unwrap_err().kind(), ErrorKind::Gone);
    }
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
}

#[test]
fn what_the_host_sends_is_checked() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    for (message, kind) in [
        (&b"\xff"[..], ErrorKind::Utf8),
        (b"{", ErrorKind::Json),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", ErrorKind::State),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}", ErrorKind::NotNegotiated),
        (
            b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}",
            ErrorKind::NotNegotiated,
        ),
    ] {
        assert_eq!(engine.send(session, None, message).unwrap_err().kind(), kind);
    }
    for (params, kind) in [("[]", ErrorKind::Json), ("{", ErrorKind::Json), ("7", ErrorKind::Json)]
    {
        assert_eq!(engine.notify("x", Some(params), &Raise::ALL).unwrap_err().kind(), kind);
    }
    let updated = "notifications/resources/updated";
    for params in [None, Some("{}"), Some(r#"{"uri":7}"#), Some(r#"{"uri":"a:","title":"x"}"#)] {
        let error = engine.notify(updated, params, &Raise::ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Json, "{params:?}");
    }
    assert_eq!(
        engine.notify("", None, &Raise::ALL).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(frames(&engine, session), [""; 0]);
}
