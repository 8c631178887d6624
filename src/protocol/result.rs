//! `resultType`: every result of 2026-07-28 has one, and none of the revisions before it (R60).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::members::Members;
use crate::protocol::message::{self, Text};

const NAME: &str = "resultType";

/// What a result without a type is taken for.
pub(crate) const COMPLETE: &str = "complete";

/// The type of a result, if it has one. The error names the field.
pub(crate) fn kind(result: &str) -> Result<Option<Cow<'_, str>>, String> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default, rename = "resultType", deserialize_with = "message::present")]
        kind: Option<&'a RawValue>,
    }
    if !result.starts_with('{') {
        return Err("result must be an object".to_owned());
    }
    // It is JSON already, and to find that a name is not in it is quick. A name may be escaped.
    if !result.contains(NAME) && !result.contains("\\u") {
        return Ok(None);
    }
    let wire: Wire<'_> = serde_json::from_str(result).map_err(|e| format!("result: {e}"))?;
    let Some(kind) = wire.kind else { return Ok(None) };
    let kind = serde_json::from_str::<Text<'_>>(kind.get());
    kind.map(|kind| Some(kind.0)).map_err(|_| format!("result.{NAME} must be a string"))
}

/// An object with the type that a result without one is taken for.
pub(crate) fn completed(result: &str) -> String {
    let rest = &result[1..];
    let comma = if rest.trim_ascii_start().starts_with('}') { "" } else { "," };
    format!(r#"{{"{NAME}":"{COMPLETE}"{comma}{rest}"#)
}

/// An object without a type; its other members stay as they are written.
pub(crate) fn untyped(result: &str) -> String {
    let members = Members::of(result).expect("it has been read as an object");
    let rest = members.behind(NAME);
    format!("{{{}}}", rest.strip_prefix(',').unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_found_put_in_and_taken_out() {
        for (result, expected) in [
            ("{}", None),
            (r#"{"content":"resultType"}"#, None),
            (r#"{"content":{"resultType":"inner"}}"#, None),
            (r#"{"resultType":"complete"}"#, Some("complete")),
            (r#"{"a":1,"result\u0054ype":"t\u0061sk"}"#, Some("task")),
        ] {
            assert_eq!(kind(result).unwrap().as_deref(), expected, "{result}");
        }
        for (wrong, part) in [
            ("[]", "result must be an object"),
            ("null", "result must be an object"),
            (r#"{"resultType":null}"#, "result.resultType"),
            (r#"{"resultType":7}"#, "result.resultType"),
            (r#"{"resultType":"a","resultType":"a"}"#, "resultType"),
        ] {
            let why = kind(wrong).unwrap_err();
            assert!(why.contains(part), "{wrong}: {why}");
        }
        assert_eq!(completed("{ }"), r#"{"resultType":"complete" }"#);
        assert_eq!(completed(r#"{"a":1}"#), r#"{"resultType":"complete","a":1}"#);
        let typed = r#"{"z":1e400, "result\u0054ype":"complete","a\n":[ 1 ]}"#;
        assert_eq!(untyped(typed), r#"{"z":1e400,"a\n":[ 1 ]}"#);
        assert_eq!(untyped(r#"{"resultType":"complete"}"#), "{}");
    }
}
