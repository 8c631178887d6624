//! The members of a JSON object in the order and the spelling in which they were written, so that
//! one can be added or left out and the rest stays as it is.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::protocol::encode;
use crate::protocol::message::Text;

/// Pairs of a key and the text of its value.
#[derive(Debug)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads an object; `None` for anything else.
    pub(crate) fn of(object: &'a str) -> Option<Self> {
        serde_json::from_str(object).ok()
    }

    /// A key that stands twice: nobody can say which of the two a reader takes.
    pub(crate) fn twin(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.0.iter().map(|(key, _)| &**key).collect();
        keys.sort_unstable();
        keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    pub(crate) fn find(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.get())
    }

    /// The members but for that one, each with a comma before it.
    pub(crate) fn behind(&self, but: &str) -> String {
        let mut out = String::new();
        for (key, value) in self.0.iter().filter(|(key, _)| key != but) {
            write!(out, ",{}:{value}", encode::string(key)).expect("a String takes all");
        }
        out
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some((Text(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_spelling_stay() {
        let members = Members::of(r#" {"b": 1.50 ,"\u0061":{"x":[]},"c\"":"\u00e9"} "#).unwrap();
        assert_eq!(members.find("a"), Some(r#"{"x":[]}"#));
        assert_eq!(members.find("d"), None);
        assert_eq!(members.behind("a"), r#","b":1.50,"c\"":"\u00e9""#);
        assert_eq!(Members::of("{}").unwrap().behind("a"), "");
        for wrong in ["[]", "7", "", "{"] {
            assert!(Members::of(wrong).is_none(), "{wrong}");
        }
        let twins = r#"{"a":1,"\u0061":2,"b":3}"#;
        assert_eq!(Members::of(twins).unwrap().behind("b"), r#","a":1,"a":2"#);
        assert_eq!(Members::of(twins).unwrap().twin(), Some("a"));
        assert_eq!(Members::of(r#"{"a":1,"b":1}"#).unwrap().twin(), None);
    }
}
