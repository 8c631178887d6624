//! The headers of one HTTP request, as far as MCP gives them a meaning.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A header that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Accept,
    Host,
    LastEventId,
    Method,
    Name,
    Origin,
    SessionId,
    Version,
}

impl Field {
    const NAMES: [(&'static str, Self); 9] = [
        ("accept", Self::Accept),
        ("host", Self::Host),
        // What HTTP/2 has in its place.
        (":authority", Self::Host),
        ("last-event-id", Self::LastEventId),
        ("mcp-method", Self::Method),
        ("mcp-name", Self::Name),
        ("origin", Self::Origin),
        ("mcp-session-id", Self::SessionId),
        ("mcp-protocol-version", Self::Version),
    ];

    fn of(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        found.map(|(_, field)| *field)
    }

    /// As the protocol spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accept => "Accept",
            Self::Host => "Host",
            Self::LastEventId => "Last-Event-ID",
            Self::Method => "Mcp-Method",
            Self::Name => "Mcp-Name",
            Self::Origin => "Origin",
            Self::SessionId => super::SESSION_ID_HEADER,
            Self::Version => "MCP-Protocol-Version",
        }
    }
}

/// The headers of one HTTP request, collected from pairs of a name and a value as the host's HTTP
/// library has them. Names are compared without regard to case, values are not; a header that
/// stands there twice is two pairs. What MCP gives no meaning to is passed over.
///
/// ```
/// let pairs = [("Accept", "text/event-stream"), ("User-Agent", "x")];
/// let headers: fanfare::http::Headers =
///     pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Headers<'a> {
    fields: Vec<(Field, &'a [u8])>,
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Headers<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a [u8])>>(pairs: T) -> Self {
        let fields = pairs.into_iter().filter_map(|(name, value)| {
            // Blanks around a value are no part of it.
            Field::of(name).map(|field| (field, without_blanks(value)))
        });
        Self { fields: fields.collect() }
    }
}

/// How often a header stands there that may stand there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum One<'a> {
    Absent,
    Once(&'a [u8]),
    Repeated,
}

impl<'a> Headers<'a> {
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(one, _)| *one == field).map(|(_, value)| *value)
    }

    pub(super) fn one(&self, field: Field) -> One<'a> {
        let mut values = self.all(field);
        match (values.next(), values.next()) {
            (None, _) => One::Absent,
            (Some(value), None) => One::Once(value),
            (Some(_), Some(_)) => One::Repeated,
        }
    }

    /// Whether `Accept` lists that media type, or a range that it is in. What is listed with a
    /// weight of 0 is not accepted, and the most specific entry decides.
    pub(super) fn accepts(&self, kind: &str, subtype: &str) -> bool {
        let mut best = None;
        for entry in self.all(Field::Accept).flat_map(|value| value.split(|byte| *byte == b',')) {
            let Ok(entry) = std::str::from_utf8(entry) else { continue };
            let mut parts = entry.split(';').map(str::trim_ascii);
            let Some((one_kind, one_subtype)) = parts.next().and_then(|it| it.split_once('/'))
            else {
                continue;
            };
            let specificity = match (one_kind, one_subtype) {
                ("*", "*") => 0,
                (one, "*") if one.eq_ignore_ascii_case(kind) => 1,
                (one, sub)
                    if one.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) =>
                {
                    2
                }
                _ => continue,
            };
            let weight = parts
                .find_map(|part| part.strip_prefix(['q', 'Q'])?.strip_prefix('='))
                .map_or(Ok(1.0), str::parse::<f32>);
            let is_wanted = weight.is_ok_and(|weight| weight > 0.0);
            best = best.max(Some((specificity, is_wanted)));
        }
        best.is_some_and(|(_, is_wanted)| is_wanted)
    }
}

const ENCODED_HEAD: &[u8] = b"=?base64?";
const ENCODED_TAIL: &[u8] = b"?=";

/// The text that the value of a mirrored header stands for: `Mcp-Name`, and a host's `Mcp-Param-…`
/// of 2026-07-28. What is not plain ASCII stands in base64 between `=?base64?` and `?=`.
///
/// `None` if it has characters that a header must not have, or is not base64 of UTF-8 where it
/// says so.
pub fn decode_value(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = without_blanks(value);
    let encoded = value.strip_prefix(ENCODED_HEAD).and_then(|rest| rest.strip_suffix(ENCODED_TAIL));
    if let Some(encoded) = encoded {
        return String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned);
    }
    let is_plain = value.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E));
    if !is_plain {
        return None;
    }
    std::str::from_utf8(value).ok().map(Cow::Borrowed)
}

/// A value without the blanks before and behind it, which HTTP does not count to it.
fn without_blanks(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'a>(pairs: &[(&'a str, &'a str)]) -> Headers<'a> {
        pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
    }

    #[test]
    fn names_have_no_case_and_values_no_blanks_around_them() {
        let headers = headers(&[("MCP-SESSION-ID", " \tAb "), ("x", "y"), ("origin", "o")]);
        assert_eq!(headers.one(Field::SessionId), One::Once(b"Ab"));
        assert_eq!(headers.one(Field::Origin), One::Once(b"o"));
        assert_eq!(headers.one(Field::Name), One::Absent);
        for (name, field) in Field::NAMES {
            assert!(field.name().eq_ignore_ascii_case(name) || name == ":authority");
        }
    }

    #[test]
    fn twice_the_same_is_still_twice() {
        let headers = headers(&[("Mcp-Name", "a"), ("mcp-name", "a")]);
        assert_eq!(headers.one(Field::Name), One::Repeated);
    }

    #[test]
    fn accept_is_a_list_of_ranges_with_weights() {
        let accepts = |value: &str| headers(&[("accept", value)]).accepts("text", "event-stream");
        for yes in [
            "text/event-stream",
            "application/json, text/event-stream",
            "application/json,TEXT/Event-Stream;charset=utf-8",
            "text/*",
            "*/*",
            "text/event-stream; q=0.1",
            "*/*;q=0, text/event-stream",
        ] {
            assert!(accepts(yes), "{yes}");
        }
        for no in [
            "",
            "application/json",
            "text/event",
            "text/event-streams",
            "text",
            "*",
            "*/event-stream",
            "text/event-stream;q=0",
            "text/event-stream;q=0.000, */*",
            "text/*;q=0, */*",
            "text/event-stream;q=x",
            "xtext/event-stream",
        ] {
            assert!(!accepts(no), "{no}");
        }
        let two = headers(&[("Accept", "application/json"), ("accept", "text/event-stream")]);
        assert!(two.accepts("text", "event-stream") && two.accepts("application", "json"));
        assert!(!headers(&[]).accepts("text", "event-stream"));
    }

    #[test]
    fn a_value_is_decoded_only_where_it_says_so_exactly() {
        let decoded = |value: &str| decode_value(value.as_bytes()).map(Cow::into_owned);
        for (value, text) in [
            ("us-west1", "us-west1"),
            ("", ""),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
            ("=?base64?IHBhZGRlZCA=?=", " padded "),
            ("=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
            ("=?base64??=", ""),
            // Not the marks: the text itself.
            ("=?BASE64?YQ==?=", "=?BASE64?YQ==?="),
            ("=?base64?YQ==", "=?base64?YQ=="),
            ("=?base64?=", "=?base64?="),
            ("a =?base64?YQ==?=", "a =?base64?YQ==?="),
        ] {
            assert_eq!(decoded(value).as_deref(), Some(text), "{value}");
        }
        for wrong in [
            "=?base64?%%%?=",
            "=?base64?YQ?=",
            "=?base64?YQ= =?=",
            "=?base64?/w==?=",
            "é",
            "a\u{7f}b",
            "a\nb",
            "\na",
            "a\0",
        ] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }
}
