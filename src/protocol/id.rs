//! Request ids and progress tokens: a string or an integer, told apart by type and kept to the
//! letter (R19, R42).

use std::fmt;

/// A request id or a progress token, as its JSON text. Two are equal if they are the same JSON
/// value: integers of any size compare by their digits, strings by their characters, and an
/// integer never equals a string.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Id(Text);

/// Most ids are short: those stand where they belong, and nobody follows a pointer to them.
///
/// Invariant: the bytes are UTF-8, and those behind the length are 0.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    Short { len: u8, bytes: [u8; SHORT] },
    // A pointer to a pointer, so that the rare case does not make the other one larger.
    Long(Box<Box<str>>),
}

const SHORT: usize = 14;

/// The JSON text of an id that is short, by value: two are equal if their texts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShortId {
    /// The text from the front, zeros behind it.
    text: u128,
    len: u8,
}

impl ShortId {
    /// No text: where there is no id.
    pub(crate) const EMPTY: Self = Self { text: 0, len: 0 };
    /// How many bytes [`padded`](Self::padded) has.
    pub(crate) const PADDED: usize = size_of::<u128>();

    #[inline]
    pub(crate) fn len(self) -> usize {
        usize::from(self.len)
    }

    /// The text and zeros behind it.
    #[inline]
    pub(crate) fn padded(self) -> [u8; Self::PADDED] {
        self.text.to_ne_bytes()
    }
}
const _: () = assert!(size_of::<Option<Id>>() == 16);

impl Id {
    /// Reads the JSON text of an id. `None` for anything but a string or an integer: null,
    /// floats, booleans and text that is not JSON.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        if text.starts_with('"') {
            let value: String = serde_json::from_str(text).ok()?;
            // One spelling for each value, so that an escaped id equals the same id in plain.
            let canonical = serde_json::to_string(&value).expect("a string serialises");
            return Some(Self::of(&canonical));
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_integer = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        is_integer.then(|| Self::of(text))
    }

    fn of(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        Self(match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Text::Short { len: text.len() as u8, bytes }
            }
            None => Text::Long(Box::new(text.into())),
        })
    }

    /// The JSON text.
    pub(crate) fn as_json(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("it was made of a text")
    }

    /// The JSON text by value, if it is short.
    #[inline]
    pub(crate) fn short(&self) -> Option<ShortId> {
        match &self.0 {
            Text::Short { len, bytes } => {
                let mut padded = [0; ShortId::PADDED];
                padded[..SHORT].copy_from_slice(bytes);
                Some(ShortId { text: u128::from_ne_bytes(padded), len: *len })
            }
            Text::Long(_) => None,
        }
    }

    /// The bytes of the JSON text.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Short { len, bytes } => &bytes[..usize::from(*len)],
            Text::Long(text) => text.as_bytes(),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_digits_are_kept() {
        for text in [
            "0",
            "-1",
            "9007199254740993",
            "123456789012345678901234567890",
            "\"\"",
            "\"1\"",
            "12345678901234",
            "123456789012345",
            "\"é23456789ab\"",
            "\"é23456789abc\"",
        ] {
            assert_eq!(Id::parse(text).unwrap().as_json(), text);
        }
        assert_ne!(Id::parse("1"), Id::parse("\"1\""));
        assert_eq!(Id::parse("\"\\u0061\""), Id::parse("\"a\""));
    }

    #[test]
    fn nothing_else_is_an_id() {
        for text in ["null", "1.0", "1e3", "true", "[]", "{}", "", "-", "01", "\"open", "1 2"] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
