//! How an incoming JSON-RPC message reads.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::code;
use crate::protocol::id::Id;

/// A message, with its params left as text.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    Request { id: Id, method: Cow<'a, str>, params: Option<&'a str> },
    Notification { method: Cow<'a, str>, params: Option<&'a str> },
    Response { id: Option<Id>, result: Option<&'a str> },
}

/// What is wrong with a message, as the error that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: i32,
    pub(crate) message: String,
    /// `error.data`, as JSON text.
    pub(crate) data: Option<String>,
    /// Whom to answer, where the message says.
    pub(crate) id: Option<Id>,
    /// It has the look of a notification, which is never answered (R2).
    pub(crate) is_notification: bool,
    /// Nothing is wrong with it but that a limit would be exceeded.
    pub(crate) is_limit: bool,
}

impl Fault {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
            id: None,
            is_notification: false,
            is_limit: false,
        }
    }

    pub(crate) fn of(id: &Id, code: i32, message: impl Into<String>) -> Self {
        Self { id: Some(id.clone()), ..Self::new(code, message) }
    }

    /// A limit that would be exceeded: a client may tell it from a failure by its data (G12).
    pub(crate) fn limit(code: i32, message: impl Into<String>, limit: u64) -> Self {
        let data = format!(r#"{{"reason":"limit","limit":{limit}}}"#);
        Self { data: Some(data), is_limit: true, ..Self::new(code, message) }
    }
}

impl<'a> Message<'a> {
    /// Reads one message that is not a batch.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        if !text.trim_ascii_start().starts_with('{') {
            return match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => Err(Fault::new(code::INVALID_REQUEST, "a message must be an object")),
                Err(e) => Err(Fault::new(code::PARSE_ERROR, format!("not JSON: {e}"))),
            };
        }
        let wire: Wire<'a> = serde_json::from_str(text).map_err(|e| {
            let code = match e.classify() {
                serde_json::error::Category::Data => code::INVALID_REQUEST,
                _ => code::PARSE_ERROR,
            };
            Fault::new(code, format!("not a JSON-RPC message: {e}"))
        })?;
        wire.read()
    }

    /// Reads one that comes from a client, and may not be nested so deeply that whoever reads it
    /// later runs out of stack. It is read without recursion here.
    pub(crate) fn parse_within(text: &'a str, max_depth: u32) -> Result<Self, Fault> {
        let message = Self::parse(text)?;
        // Few messages have so many braces at all, and to count those is quick.
        let openings = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
        if openings <= max_depth as usize {
            return Ok(message);
        }
        let depth = depth(text);
        if depth <= max_depth as usize {
            return Ok(message);
        }
        let text = format!("message is {depth} levels deep; message.max_depth allows {max_depth}");
        let fault = Fault::limit(code::INVALID_REQUEST, text, max_depth.into());
        Err(match message {
            Self::Request { id, .. } => Fault { id: Some(id), ..fault },
            // Neither a notification nor a response is ever answered.
            Self::Notification { .. } | Self::Response { .. } => {
                Fault { is_notification: true, ..fault }
            }
        })
    }
}

/// How many objects and arrays of a JSON text stand in one another, at most.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The members of a message. Raw, so that each can be faulted on its own.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Keeps an explicit null apart from a member that is not there.
pub(crate) fn present<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl<'a> Wire<'a> {
    fn read(self) -> Result<Message<'a>, Fault> {
        let id = self.id.map(|raw| Id::parse(raw.get()));
        let is_notification = self.id.is_none() && self.method.is_some();
        let fault = |code, text: &str| Fault {
            id: id.clone().flatten(),
            is_notification,
            ..Fault::new(code, text)
        };
        if self.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
            return Err(fault(code::INVALID_REQUEST, "jsonrpc must be \"2.0\""));
        }
        let Some(method) = self.method else {
            return match (self.result, self.error) {
                (Some(_), None) | (None, Some(_)) => match id {
                    Some(id) => {
                        Ok(Message::Response { id, result: self.result.map(RawValue::get) })
                    }
                    None => Ok(Message::Response { id: None, result: None }),
                },
                _ => Err(fault(
                    code::INVALID_REQUEST,
                    "a message must have a method, a result or an error",
                )),
            };
        };
        if matches!(id, Some(None)) {
            return Err(fault(code::INVALID_REQUEST, "id must be a string or an integer"));
        }
        let Ok(method) = serde_json::from_str::<Text<'a>>(method.get()) else {
            return Err(fault(code::INVALID_REQUEST, "method must be a string"));
        };
        let params = self.params.map(RawValue::get);
        if params.is_some_and(|params| !params.starts_with('{')) {
            return Err(fault(code::INVALID_PARAMS, "params must be an object"));
        }
        Ok(match id.flatten() {
            Some(id) => Message::Request { id, method: method.0, params },
            None => Message::Notification { method: method.0, params },
        })
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The request that the params of a `notifications/cancelled` name, if they name one.
pub(crate) fn cancelled_id(params: Option<&str>) -> Option<Id> {
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow, rename = "requestId")]
        id: &'a RawValue,
    }
    let params: Params<'_> = serde_json::from_str(params?).ok()?;
    Id::parse(params.id.get())
}

/// The filter that the params of a `subscriptions/listen` have, as JSON text.
pub(crate) fn listen_filter(params: Option<&str>) -> Option<&str> {
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        notifications: Option<&'a RawValue>,
    }
    let params: Params<'_> = serde_json::from_str(params?).ok()?;
    params.notifications.map(RawValue::get)
}

/// The URI that the params of a `resources/subscribe` or `unsubscribe` name, if they name one.
pub(crate) fn subscribed_uri(params: Option<&str>) -> Option<String> {
    #[derive(Deserialize)]
    struct Params {
        uri: String,
    }
    let params: Params = serde_json::from_str(params?).ok()?;
    Some(params.uri).filter(|uri| !uri.is_empty())
}

/// The version that an `initialize` asks for.
pub(crate) fn requested_version(params: Option<&str>) -> Option<String> {
    #[derive(Deserialize)]
    struct Params {
        #[serde(rename = "protocolVersion")]
        version: String,
    }
    serde_json::from_str::<Params>(params?).ok().map(|params| params.version)
}

/// The code of a response that is an error.
pub(crate) fn error_code(text: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Response {
        error: Code,
    }
    #[derive(Deserialize)]
    struct Code {
        code: i64,
    }
    serde_json::from_str::<Response>(text).ok().map(|response| response.error.code)
}

/// The elements of a batch.
pub(crate) fn batch(text: &str) -> Result<Vec<&str>, Fault> {
    let elements: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|e| Fault::new(code::PARSE_ERROR, format!("not a JSON-RPC batch: {e}")))?;
    if elements.is_empty() {
        return Err(Fault::new(code::INVALID_REQUEST, "a batch must not be empty"));
    }
    Ok(elements.into_iter().map(RawValue::get).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_notifications_and_responses_are_told_apart() {
        let request = r#"{"jsonrpc":"2.0","id":"a","method":"m\u0041","params":{"x":1}}"#;
        let Ok(Message::Request { id, method, params }) = Message::parse(request) else { panic!() };
        assert_eq!((id.as_json(), &*method, params), ("\"a\"", "mA", Some(r#"{"x":1}"#)));
        let note = r#" {"method":"n","jsonrpc":"2.0"}"#;
        assert!(matches!(Message::parse(note), Ok(Message::Notification { params: None, .. })));
        let response = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
        let Ok(Message::Response { id, result }) = Message::parse(response) else { panic!() };
        assert_eq!((id.unwrap().as_json(), result), ("1", Some("null")));
    }

    #[test]
    fn a_fault_names_what_is_wrong_and_whom_to_answer() {
        let cases = [
            ("{", code::PARSE_ERROR, None, false),
            ("", code::PARSE_ERROR, None, false),
            ("7", code::INVALID_REQUEST, None, false),
            ("{}", code::INVALID_REQUEST, None, false),
            (r#"{"id":1,"method":"m"}"#, code::INVALID_REQUEST, Some("1"), false),
            (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, code::INVALID_REQUEST, None, false),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, code::INVALID_REQUEST, None, false),
            (r#"{"jsonrpc":"2.0","id":1,"method":2}"#, code::INVALID_REQUEST, Some("1"), false),
            (r#"{"jsonrpc":"2.0","method":2}"#, code::INVALID_REQUEST, None, true),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#,
                code::INVALID_PARAMS,
                Some("1"),
                false,
            ),
            (r#"{"jsonrpc":"2.0","method":"m","params":3}"#, code::INVALID_PARAMS, None, true),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}"#, code::INVALID_REQUEST, None, false),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":1,"error":1}"#,
                code::INVALID_REQUEST,
                Some("1"),
                false,
            ),
        ];
        for (text, code, id, is_notification) in cases {
            let fault = Message::parse(text).unwrap_err();
            let got = (fault.code, fault.id.as_ref().map(Id::as_json), fault.is_notification);
            assert_eq!(got, (code, id, is_notification), "{text}: {}", fault.message);
        }
    }

    #[test]
    fn depth_counts_what_stands_in_one_another_and_not_in_strings() {
        for (json, expected) in [
            ("7", 0),
            ("{}", 1),
            (r#"{"a":[{}],"b":[[]]}"#, 3),
            (r#"{"[[[":"{{{\"[[","b":["\\"]}"#, 2),
            ("[[],[],[[]],[]]", 3),
        ] {
            assert_eq!(depth(json), expected, "{json}");
        }
    }

    #[test]
    fn a_message_too_deep_is_answered_if_it_is_a_request() {
        let params = format!(r#"{{"a":{}{}}}"#, "[".repeat(7), "]".repeat(7));
        let request = format!(r#"{{"jsonrpc":"2.0","id":"x","method":"m","params":{params}}}"#);
        assert!(Message::parse_within(&request, 9).is_ok());
        let fault = Message::parse_within(&request, 8).unwrap_err();
        assert_eq!((fault.code, fault.id.unwrap().as_json()), (code::INVALID_REQUEST, "\"x\""));
        assert_eq!(fault.message, "message is 9 levels deep; message.max_depth allows 8");
        for silent in [
            format!(r#"{{"jsonrpc":"2.0","method":"m","params":{params}}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{params}}}"#),
        ] {
            let fault = Message::parse_within(&silent, 8).unwrap_err();
            assert!(fault.is_limit && fault.is_notification && fault.id.is_none(), "{silent}");
        }
    }

    #[test]
    fn an_error_has_a_code_and_a_result_has_none() {
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"m"}}"#;
        assert_eq!(error_code(error), Some(-32601));
        for other in [r#"{"jsonrpc":"2.0","id":1,"result":{"error":{"code":1}}}"#, "{", "[]", "7"] {
            assert_eq!(error_code(other), None, "{other}");
        }
    }

    #[test]
    fn a_batch_is_cut_into_its_elements() {
        assert_eq!(batch("[{}, 1]").unwrap(), ["{}", "1"]);
        assert_eq!(batch("[]").unwrap_err().code, code::INVALID_REQUEST);
        assert_eq!(batch("[{}").unwrap_err().code, code::PARSE_ERROR);
    }
}
