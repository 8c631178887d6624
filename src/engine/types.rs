//! The set of types that a session chose by `notifications/subscribe` (DESIGN 3, open profile).

use std::collections::HashSet;

use serde::Deserialize;

use crate::protocol::kind::NoticeKind;

const PREFIX: &str = "notifications/";

/// Method names without their `notifications/` prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Types(HashSet<Box<str>>);

impl Types {
    /// Reads the params of `notifications/subscribe`. The error names the field.
    pub(crate) fn parse(params: Option<&str>) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Params {
            types: Vec<String>,
        }
        let params: Params = serde_json::from_str(params.unwrap_or("{}"))
            .map_err(|e| format!("types must be an array of strings: {e}"))?;
        Ok(Self(params.types.iter().map(|name| short(name).into()).collect()))
    }

    pub(crate) fn admit(&self, name: &str) -> bool {
        self.0.contains(short(name))
    }

    pub(crate) fn admit_notice(&self, kind: NoticeKind) -> bool {
        self.admit(kind.method())
    }
}

/// Both spellings of a type name the same.
fn short(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::kind::method;

    #[test]
    fn both_spellings_are_one_type_and_an_empty_list_is_nothing() {
        let types =
            Types::parse(Some(r#"{"types":["resources/updated","notifications/progress","x"]}"#))
                .unwrap();
        for name in [method::RESOURCE_UPDATED, "progress", "x", "notifications/x"] {
            assert!(types.admit(name), "{name}");
        }
        assert!(!types.admit(method::TOOL_LIST_CHANGED));
        let nothing = Types::parse(Some(r#"{"types":[]}"#)).unwrap();
        assert!(!nothing.admit("x"));
        for wrong in [None, Some("{}"), Some(r#"{"types":"x"}"#), Some(r#"{"types":[1]}"#)] {
            assert!(Types::parse(wrong).is_err());
        }
    }
}
