//! How outgoing messages are written. Notices are written in pieces that are shared by everyone
//! who hears of them; only the pieces between differ (DESIGN 4.3).

use crate::protocol::id::Id;
use crate::protocol::kind::{NoticeKind, method};
use crate::protocol::message::Fault;
use crate::protocol::meta::SUBSCRIPTION_ID;

const MOST_PIECES: usize = 5;

/// A message as the pieces of text that make it up, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces<'a> {
    pieces: [&'a [u8]; MOST_PIECES],
    count: usize,
}

impl<'a> Pieces<'a> {
    #[inline]
    fn of<const N: usize>(given: [&'a [u8]; N]) -> Self {
        let mut pieces: [&[u8]; MOST_PIECES] = [b""; MOST_PIECES];
        pieces[..N].copy_from_slice(&given);
        Self { pieces, count: N }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        self.pieces[..self.count].iter().copied()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }
}

/// What a message says. It is cut into pieces where it is written, and not before: most that are
/// like the one before are not written at all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    /// JSON text as it stands.
    Whole(&'a str),
    /// A notice: its kind, its tail, the subscription id it is tagged with, its context members.
    Notice {
        kind: NoticeKind,
        tail: &'a str,
        subscription: Option<&'a Id>,
        context: Option<&'a str>,
    },
    /// A `notifications/tasks`: the subscription id it is tagged with, and what follows that.
    Task { subscription: &'a Id, tail: &'a str },
}

impl<'a> Text<'a> {
    #[inline]
    pub(crate) fn pieces(self) -> Pieces<'a> {
        match self {
            Self::Whole(text) => Pieces::of([text.as_bytes()]),
            Self::Notice { kind, tail, subscription, context } => {
                notice(kind, tail, subscription, context)
            }
            Self::Task { subscription, tail } => {
                Pieces::of([TASK.as_bytes(), subscription.as_bytes(), tail.as_bytes()])
            }
        }
    }

    /// The subscription id it is tagged with, which is its second piece then.
    #[inline]
    pub(crate) fn subscription(&self) -> Option<&'a Id> {
        match *self {
            Self::Whole(_) => None,
            Self::Notice { subscription, .. } => subscription,
            Self::Task { subscription, .. } => Some(subscription),
        }
    }

    pub(crate) fn to_text(self) -> String {
        let pieces = self.pieces();
        let mut bytes = Vec::with_capacity(pieces.len());
        pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
        String::from_utf8(bytes).expect("it is made of texts")
    }

    /// Whether it says just that.
    pub(crate) fn is(self, text: &str) -> bool {
        let mut rest = Some(text.as_bytes());
        for piece in self.pieces().iter() {
            rest = rest.and_then(|rest| rest.strip_prefix(piece));
        }
        rest.is_some_and(<[u8]>::is_empty)
    }
}

/// How a `notifications/tasks` begins, with a subscription id to follow.
const TASK: &str = r#"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"#;

macro_rules! head {
    ($rest:literal) => {
        [
            concat!(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed""#, $rest),
            concat!(r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed""#, $rest),
            concat!(r#"{"jsonrpc":"2.0","method":"notifications/resources/list_changed""#, $rest),
            concat!(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated""#, $rest),
        ]
    };
}

/// How a notice begins, by kind: with a subscription id to follow, with context members to
/// follow, with a URI to follow, or whole.
static TAGGED: [&str; 4] =
    head!(r#","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"#);
static WITH_CONTEXT: [&str; 4] = head!(r#","params":{"_meta":{"#);
static WITH_URI: [&str; 4] = head!(r#","params":{"#);
static WHOLE: [&str; 4] = head!("}");

/// What follows `_meta` in a notice of a list.
pub(crate) const LIST_TAIL: &str = "}}}";
const URI_TAIL: &str = r#"},"uri":""#;
const URI_END: &str = r#""}}"#;

/// What follows `_meta` in a notice of a URI (given as it stands in a JSON string).
pub(crate) fn uri_tail(escaped: &str) -> String {
    [URI_TAIL, escaped, URI_END].concat()
}

/// How long that is.
pub(crate) fn uri_tail_len(escaped: &str) -> usize {
    URI_TAIL.len() + escaped.len() + URI_END.len()
}

/// The URI of such a tail.
#[inline]
pub(crate) fn uri_of_tail(tail: &str) -> &str {
    &tail[URI_TAIL.len()..tail.len() - URI_END.len()]
}

#[inline]
fn notice<'a>(
    kind: NoticeKind,
    tail: &'a str,
    subscription: Option<&'a Id>,
    context: Option<&'a str>,
) -> Pieces<'a> {
    let at = kind as usize;
    let tail = tail.as_bytes();
    match (subscription.map(Id::as_bytes), context.map(str::as_bytes)) {
        (Some(id), None) => Pieces::of([TAGGED[at].as_bytes(), id, tail]),
        (Some(id), Some(members)) => Pieces::of([TAGGED[at].as_bytes(), id, b",", members, tail]),
        (None, Some(members)) => Pieces::of([WITH_CONTEXT[at].as_bytes(), members, tail]),
        // Without a `_meta` to close.
        (None, None) if kind == NoticeKind::Resource => {
            Pieces::of([WITH_URI[at].as_bytes(), &tail[2..]])
        }
        (None, None) => Pieces::of([WHOLE[at].as_bytes()]),
    }
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

/// The word that the server ends a listen (R49).
pub(crate) fn cancelled(id: &Id) -> String {
    let method = method::CANCELLED;
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"requestId":{id}}}}}"#)
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
    // All of it in any case: a look that may end early goes byte by byte.
    let is_plain = |b: u8| (b >= 0x20) & (b != b'"') & (b != b'\\');
    if text.bytes().fold(true, |all, b| all & is_plain(b)) {
        return text.into();
    }
    let quoted = string(text);
    quoted[1..quoted.len() - 1].to_owned().into()
}

/// Undoes [`escaped`].
pub(crate) fn unescaped(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).expect("it was made by escaping")
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
                None,
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
            let tail = uri_tail("a:");
            assert_eq!(uri_of_tail(&tail), "a:");
            let tail = if kind == NoticeKind::Resource { &tail } else { LIST_TAIL };
            let id = subscription.and_then(Id::parse);
            let text = Text::Notice { kind, tail, subscription: id.as_ref(), context };
            let method = format!("\"method\":\"{}\"", kind.method());
            assert!(expected.contains(&method), "{expected}");
            assert_eq!(text.to_text(), expected);
            assert_eq!(text.pieces().len(), expected.len());
        }
    }

    #[test]
    fn escaping_is_that_of_json() {
        for text in ["file:///a", "a\"b\\c\n\u{1}", "\u{2028}é"] {
            assert_eq!(format!("\"{}\"", escaped(text)), string(text));
            assert_eq!(unescaped(&escaped(text)), text);
        }
    }
}
