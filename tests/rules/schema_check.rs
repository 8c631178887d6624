//! The check itself: what is wrong is caught, by the official schema and by the types alike.

use fanfare::Revision;

use crate::common::*;

#[test]
fn a_wrong_frame_is_caught() {
    use Revision::{V2024_11_05 as A, V2025_06_18 as C, V2025_11_25 as D, V2026_07_28 as E};
    let wrong = [
        (C, "7".to_owned()),
        (C, "[]".to_owned()),
        (C, updated("a:").replace("2.0", "1.0")),
        (C, updated("a:").replace("uri", "url")),
        (C, notification("notifications/resources/updated", "")),
        (A, progressed("1.5", "1")),
        (D, progressed("1", "\"1\"")),
        (E, progressed("null", "1")),
        (D, notification("notifications/message", r#"{"level":"verbose","data":1}"#)),
        (E, notification("notifications/message", r#"{"data":1}"#)),
        (C, notification("notifications/custom", "[]")),
        (D, notification("notifications/initialized", "")),
        (C, notification("notifications/elicitation/complete", r#"{"elicitationId":"e"}"#)),
        (D, notification("notifications/elicitation/complete", "{}")),
        (D, notification("notifications/tasks/status", r#"{"taskId":"t"}"#)),
        (E, request("1", "roots/list", "")),
        (E, ack("true", "{}")),
        (E, ack("1", r#"{"toolsListChanged":1}"#)),
        (E, ack("1", "{}").replace(r#","notifications":{}"#, "")),
        (E, complete("1").replace("complete", "").replace(r#""resultType":"","#, "")),
        (E, tagged_list("true", "tools")),
        (D, ack("1", "{}")),
        (C, empty("null")),
        (C, r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":""}}"#.to_owned()),
        (D, r#"{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}"#.to_owned()),
        (C, r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}"#.to_owned()),
    ];
    for (revision, frame) in &wrong {
        assert!(schema::check_types(*revision, frame).is_err(), "{revision} takes {frame}");
        let is_caught = !schema::has_schemas() || schema::check_schema(*revision, frame).is_err();
        assert!(is_caught, "the schema of {revision} takes {frame}");
    }
    // The types take null for nothing; the schema does not.
    let null = ack("null", "{}");
    assert_eq!(schema::check(E, &null).is_err(), schema::has_schemas());
}

#[test]
fn a_wrong_frame_of_the_extension_is_caught() {
    let right = r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"taskId":"t","status":"failed","createdAt":"c","lastUpdatedAt":"u","ttlMs":null,"error":{}}"#;
    let check = |revision, params: &str| {
        schema::check_extension(revision, &notification("notifications/tasks", params))
    };
    assert_eq!(check(Revision::MODERN, right), Ok(()));
    for revision in legacy_revisions() {
        assert!(check(revision, right).is_err());
    }
    for (part, wrong) in [
        ("subscriptionId\":1", "subscriptionId\":null"),
        (r#""_meta":{"io.modelcontextprotocol/subscriptionId":1},"#, ""),
        (r#""taskId":"t","#, ""),
        ("failed", "done"),
        ("null", "\"never\""),
        (r#","error":{}"#, ""),
    ] {
        let params = right.replace(part, wrong);
        assert_ne!(params, right);
        assert!(check(Revision::MODERN, &params).is_err(), "{params}");
    }
}

#[test]
fn a_right_frame_is_taken() {
    for revision in Revision::ALL {
        let right = [
            notification("notifications/tools/list_changed", ""),
            updated("file:///a"),
            progressed("\"p\"", "0.5"),
            notification("notifications/message", r#"{"level":"info","data":null}"#),
            notification("notifications/custom", r#"{"x":1}"#),
            r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32603,"message":"m","data":[1]}}"#
                .to_owned(),
            called_in(revision, "0"),
        ];
        for frame in right {
            assert_eq!(schema::check(revision, &frame), Ok(()), "{revision}: {frame}");
        }
    }
}
