//! What a POST of 2026-07-28 repeats of its body in its headers (R53).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::headers::{Field, Headers, One, decode_value};
use crate::protocol::code;
use crate::protocol::id::Id;
use crate::protocol::message::{self, Fault, Text};

/// The member of `params` that `Mcp-Name` repeats, by method. Other methods need no such header.
const NAMED: [(&str, &str); 6] = [
    ("tools/call", "name"),
    ("prompts/get", "name"),
    ("resources/read", "uri"),
    ("tasks/get", "taskId"),
    ("tasks/update", "taskId"),
    ("tasks/cancel", "taskId"),
];

/// Holds the headers against a request: `version` is what its `_meta` says.
pub(super) fn check(
    headers: &Headers<'_>,
    id: &Id,
    version: &str,
    method: &str,
    params: Option<&str>,
) -> Result<(), Fault> {
    let mismatch = |text: String| Fault::of(id, code::HEADER_MISMATCH, text);
    let once = |field: Field| match headers.one(field) {
        One::Once(value) => Ok(value),
        One::Absent => Err(mismatch(format!("{} is missing", field.name()))),
        One::Repeated => Err(mismatch(format!("{} is there more than once", field.name()))),
    };
    let differs = |field: Field, member: &str| {
        mismatch(format!("{} does not match {member} of the body", field.name()))
    };
    if once(Field::Version)? != version.as_bytes() {
        return Err(differs(Field::Version, "the version in params._meta"));
    }
    if once(Field::Method)? != method.as_bytes() {
        return Err(differs(Field::Method, "the method"));
    }
    let Some((_, member)) = NAMED.iter().find(|(one, _)| *one == method) else { return Ok(()) };
    let Some(name) = decode_value(once(Field::Name)?) else {
        let text = "Mcp-Name must be visible ASCII, or UTF-8 as =?base64?...?=";
        return Err(mismatch(text.to_owned()));
    };
    if text_member(params, member).as_deref() != Some(&*name) {
        return Err(differs(Field::Name, &format!("params.{member}")));
    }
    Ok(())
}

/// A member of params, if it is a string.
fn text_member<'a>(params: Option<&'a str>, member: &str) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow, default, deserialize_with = "message::present")]
        name: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "message::present")]
        uri: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "taskId", deserialize_with = "message::present")]
        task_id: Option<&'a RawValue>,
    }
    let params: Params<'a> = serde_json::from_str(params?).ok()?;
    let raw = match member {
        "name" => params.name,
        "uri" => params.uri,
        _ => params.task_id,
    };
    serde_json::from_str::<Text<'a>>(raw?.get()).ok().map(|text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(pairs: &[(&str, &str)], method: &str, params: &str) -> Result<(), String> {
        let headers = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let id = Id::parse("\"x\"").unwrap();
        check(&headers, &id, "2026-07-28", method, Some(params)).map_err(|fault| {
            assert_eq!((fault.code, fault.id), (-32020, Some(id)));
            fault.message
        })
    }

    const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

    #[test]
    fn each_named_method_repeats_its_own_member() {
        for (method, member) in NAMED {
            let of_method = [VERSION, ("mcp-method", method), ("mcp-name", "n")];
            let params = format!(r#"{{"{member}":"n"}}"#);
            assert_eq!(checked(&of_method, method, &params), Ok(()));
            for wrong in ["{}", r#"{"name":"m","uri":"m","taskId":"m"}"#, r#"{"name":7}"#] {
                let error = checked(&of_method, method, wrong).unwrap_err();
                assert_eq!(error, format!("Mcp-Name does not match params.{member} of the body"));
            }
            let error = checked(&of_method[..2], method, &params).unwrap_err();
            assert_eq!(error, "Mcp-Name is missing");
        }
        // Two of them could be read one way here and another way elsewhere.
        let call = [VERSION, ("mcp-method", "tools/call"), ("mcp-name", "n")];
        assert!(checked(&call, "tools/call", r#"{"name":"m","name":"n"}"#).is_err());
    }

    #[test]
    fn an_escaped_name_is_compared_by_what_it_says() {
        let call = [VERSION, ("mcp-method", "tools/call"), ("mcp-name", "=?base64?w6k=?=")];
        assert_eq!(checked(&call, "tools/call", r#"{"name":"\u00e9"}"#), Ok(()));
        assert!(checked(&call, "tools/call", r#"{"name":"=?base64?w6k=?="}"#).is_err());
    }

    #[test]
    fn values_have_case_and_other_methods_have_no_name() {
        let list = [VERSION, ("MCP-METHOD", "tools/list")];
        assert_eq!(checked(&list, "tools/list", "{}"), Ok(()));
        let error = checked(&list, "Tools/list", "{}").unwrap_err();
        assert_eq!(error, "Mcp-Method does not match the method of the body");
        let error = checked(&list[1..], "tools/list", "{}").unwrap_err();
        assert_eq!(error, "MCP-Protocol-Version is missing");
        let error = checked(&[VERSION, VERSION, list[1]], "tools/list", "{}").unwrap_err();
        assert_eq!(error, "MCP-Protocol-Version is there more than once");
    }
}
