//! How outgoing messages are written. Notices are written in pieces that are shared by everyone
//! who hears of them; only the pieces between differ (DESIGN 4.3).

use crate::protocol::id::Id;
use crate::protocol::kind::{NoticeKind, method};
use crate::protocol::message::Fault;
use crate::protocol::meta::SUBSCRIPTION_ID;

/// A message as the pieces of text that make it up, in order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pieces<'a> {
    pieces: [&'a str; 8],
    count: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) fn one(text: &'a str) -> Self {
        let mut pieces = Self::default();
        pieces.push(text);
        pieces
    }

    fn push(&mut self, text: &'a str) {
        self.pieces[self.count] = text;
        self.count += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.iter().map(str::len).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.pieces[..self.count].iter().copied()
    }

    pub(crate) fn to_text(self) -> String {
        self.iter().collect()
    }
}

macro_rules! notice_head {
    ($method:literal) => {
        concat!(r#"{"jsonrpc":"2.0","method":""#, $method, '"')
    };
}

/// A notice: which kind, of which URI (already escaped, without quotes), for which subscription
/// id, with which context members.
pub(crate) fn notice<'a>(
    kind: NoticeKind,
    uri: &'a str,
    subscription: Option<&'a str>,
    context: Option<&'a str>,
) -> Pieces<'a> {
    let mut pieces = Pieces::one(match kind {
        NoticeKind::ToolList => notice_head!("notifications/tools/list_changed"),
        NoticeKind::PromptList => notice_head!("notifications/prompts/list_changed"),
        NoticeKind::ResourceList => notice_head!("notifications/resources/list_changed"),
        NoticeKind::Resource => notice_head!("notifications/resources/updated"),
    });
    let has_uri = kind == NoticeKind::Resource;
    let context = context.filter(|members| !members.is_empty());
    match (subscription, context) {
        (None, None) if has_uri => pieces.push(r#","params":{"uri":""#),
        (None, None) => {
            pieces.push("}");
            return pieces;
        }
        (None, Some(members)) => {
            pieces.push(r#","params":{"_meta":{"#);
            pieces.push(members);
        }
        (Some(id), context) => {
            pieces.push(concat!(
                r#","params":{"_meta":{""#,
                "io.modelcontextprotocol/subscriptionId",
                r#"":"#
            ));
            pieces.push(id);
            if let Some(members) = context {
                pieces.push(",");
                pieces.push(members);
            }
        }
    }
    match (has_uri, subscription.is_some() || context.is_some()) {
        (true, true) => pieces.push(r#"},"uri":""#),
        (true, false) => {}
        (false, _) => {
            pieces.push("}}}");
            return pieces;
        }
    }
    pieces.push(uri);
    pieces.push("\"}}");
    pieces
}

/// A notification with params that are JSON text already.
pub(crate) fn notification(method: &str, params: Option<&str>) -> String {
    let method = string(method);
    match params {
        Some(params) => format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{params}}}"#),
        None => format!(r#"{{"jsonrpc":"2.0","method":{method}}}"#),
    }
}

/// A response with a result that is JSON text already.
pub(crate) fn result(id: &Id, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// A response that is an error. Without an id of its own it gets `id: null` or none at all.
pub(crate) fn error(fault: &Fault, null_id: bool) -> String {
    let message = string(&fault.message);
    let data = fault.data.as_ref().map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    let id = match &fault.id {
        Some(id) => format!(r#""id":{id},"#),
        None if null_id => r#""id":null,"#.to_owned(),
        None => String::new(),
    };
    format!(
        r#"{{"jsonrpc":"2.0",{id}"error":{{"code":{},"message":{message}{data}}}}}"#,
        fault.code
    )
}

/// The first frame of a subscription (R41).
pub(crate) fn acknowledged(id: &Id, honoured: &str) -> String {
    let method = method::ACKNOWLEDGED;
    format!(
        r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"_meta":{{"{SUBSCRIPTION_ID}":{id}}},"notifications":{honoured}}}}}"#
    )
}

/// The last frame of a subscription that ends gracefully (R48).
pub(crate) fn listen_result(id: &Id) -> String {
    result(id, &format!(r#"{{"resultType":"complete","_meta":{{"{SUBSCRIPTION_ID}":{id}}}}}"#))
}

/// A JSON string.
pub(crate) fn string(text: &str) -> String {
    serde_json::to_string(text).expect("a string serialises")
}

/// A JSON string without its quotes, borrowed where nothing needs an escape.
pub(crate) fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    let is_plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if is_plain {
        return text.into();
    }
    let quoted = string(text);
    quoted[1..quoted.len() - 1].to_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_read_as_the_wire_wants_them() {
        let cases = [
            (
                NoticeKind::ToolList,
                None,
                None,
                r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
            ),
            (
                NoticeKind::ToolList,
                None,
                Some(r#""a":1"#),
                r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"a":1}}}"#,
            ),
            (
                NoticeKind::PromptList,
                Some("7"),
                None,
                r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#,
            ),
            (
                NoticeKind::Resource,
                None,
                None,
                r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:"}}"#,
            ),
            (
                NoticeKind::Resource,
                None,
                Some(r#""a":1"#),
                r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"a":1},"uri":"a:"}}"#,
            ),
            (
                NoticeKind::Resource,
                Some("\"x\""),
                Some(""),
                r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"x"},"uri":"a:"}}"#,
            ),
            (
                NoticeKind::Resource,
                Some("0"),
                Some(r#""a":1"#),
                r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":0,"a":1},"uri":"a:"}}"#,
            ),
        ];
        for (kind, subscription, context, expected) in cases {
            let pieces = notice(kind, "a:", subscription, context);
            assert_eq!(pieces.to_text(), expected);
            assert_eq!(pieces.len(), expected.len());
        }
    }

    #[test]
    fn escaping_is_that_of_json() {
        for text in ["file:///a", "a\"b\\c\n\u{1}", "\u{2028}é"] {
            assert_eq!(format!("\"{}\"", escaped(text)), string(text));
        }
    }
}
