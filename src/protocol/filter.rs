//! The filter of `subscriptions/listen`. Its fields are a table: each maps to a kind of topic, is
//! either a flag or a list of names, and may be of an extension.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::protocol::Capabilities;
use crate::protocol::kind::NoticeKind;
use crate::protocol::task;

struct Field {
    name: &'static str,
    kind: NoticeKind,
    /// Whether the field lists names (URIs, task ids), rather than being true or false.
    lists_names: bool,
    /// The extension that it is of: the client must declare that in the very request.
    extension: Option<&'static str>,
    advertised: fn(&Capabilities) -> bool,
}

static FIELDS: [Field; 5] = [
    Field {
        name: "toolsListChanged",
        kind: NoticeKind::ToolList,
        lists_names: false,
        extension: None,
        advertised: |capabilities| capabilities.tools_list_changed,
    },
    Field {
        name: "promptsListChanged",
        kind: NoticeKind::PromptList,
        lists_names: false,
        extension: None,
        advertised: |capabilities| capabilities.prompts_list_changed,
    },
    Field {
        name: "resourcesListChanged",
        kind: NoticeKind::ResourceList,
        lists_names: false,
        extension: None,
        advertised: |capabilities| capabilities.resources_list_changed,
    },
    Field {
        name: "resourceSubscriptions",
        kind: NoticeKind::Resource,
        lists_names: true,
        extension: None,
        advertised: |capabilities| capabilities.resources_subscribe,
    },
    Field {
        name: "taskIds",
        kind: NoticeKind::Task,
        lists_names: true,
        extension: Some(task::EXTENSION),
        advertised: |capabilities| capabilities.tasks_extension,
    },
];

/// What a listen asks for, or, once narrowed, what it was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Pairs of (kind, name), in the order of the fields and of their lists, none twice. Lists of
    /// the server have no name.
    pub(crate) topics: Vec<(NoticeKind, String)>,
}

impl Filter {
    /// Reads a `SubscriptionFilter`. Fields that are not known are passed over, and those of an
    /// extension that is not advertised are not known (G30); names that stand twice count once
    /// (G3). The error names the field.
    pub(crate) fn parse(text: &str, capabilities: &Capabilities) -> Result<Self, String> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|_| "notifications must be an object".to_owned())?;
        let mut topics = Vec::new();
        for field in &FIELDS {
            if field.extension.is_some() && !(field.advertised)(capabilities) {
                continue;
            }
            match object.get(field.name) {
                None => {}
                Some(value) if field.lists_names => {
                    let names =
                        serde_json::from_value::<Vec<String>>(value.clone()).map_err(|_| {
                            format!("notifications.{} must be an array of strings", field.name)
                        })?;
                    let mut seen = HashSet::new();
                    topics.extend(
                        names
                            .into_iter()
                            .filter(|name| seen.insert(name.clone()))
                            .map(|name| (field.kind, name)),
                    );
                }
                Some(serde_json::Value::Bool(true)) => topics.push((field.kind, String::new())),
                Some(serde_json::Value::Bool(false)) => {}
                Some(_) => return Err(format!("notifications.{} must be a boolean", field.name)),
            }
        }
        Ok(Self { topics })
    }

    /// The names that its lists have, with what they are names of.
    pub(crate) fn names(&self) -> impl Iterator<Item = (NoticeKind, &str)> {
        self.topics
            .iter()
            .filter(|(kind, _)| kind.is_named())
            .map(|(kind, name)| (*kind, name.as_str()))
    }

    /// An extension that it needs and that the client does not declare (R64).
    pub(crate) fn undeclared(&self, declares: impl Fn(&str) -> bool) -> Option<&'static str> {
        let asks = |field: &&Field| self.topics.iter().any(|(kind, _)| *kind == field.kind);
        let mut needed = FIELDS.iter().filter(asks).filter_map(|field| field.extension);
        needed.find(|extension| !declares(extension))
    }

    /// What of it a server with those capabilities honours (R44).
    pub(crate) fn narrow(mut self, capabilities: &Capabilities) -> Self {
        self.topics.retain(|(kind, _)| {
            FIELDS.iter().any(|field| field.kind == *kind && (field.advertised)(capabilities))
        });
        self
    }

    /// The filter as it stands in an acknowledgment: no false, no empty list (G29).
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::from("{");
        for field in &FIELDS {
            let mut names = self.topics.iter().filter(|(kind, _)| *kind == field.kind).peekable();
            if names.peek().is_none() {
                continue;
            }
            let comma = if out.len() > 1 { "," } else { "" };
            if field.lists_names {
                let names: Vec<&str> = names.map(|(_, name)| name.as_str()).collect();
                let names = serde_json::to_string(&names).expect("strings serialise");
                write!(out, "{comma}\"{}\":{names}", field.name)
            } else {
                write!(out, "{comma}\"{}\":true", field.name)
            }
            .expect("writing to a String cannot fail");
        }
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_honoured_is_what_was_asked_and_is_advertised() {
        let text = r#"{"toolsListChanged":true,"promptsListChanged":false,"later":[1],
            "resourceSubscriptions":["b:","a:","b:"]}"#;
        let filter = Filter::parse(text, &Capabilities::all()).unwrap();
        let all = filter.clone().narrow(&Capabilities::all());
        assert_eq!(
            all.to_json(),
            r#"{"toolsListChanged":true,"resourceSubscriptions":["b:","a:"]}"#
        );
        let some = Capabilities { resources_subscribe: true, ..Capabilities::none() };
        assert_eq!(
            filter.clone().narrow(&some).to_json(),
            r#"{"resourceSubscriptions":["b:","a:"]}"#
        );
        let names: Vec<&str> = filter.names().map(|(_, name)| name).collect();
        assert_eq!(names, ["b:", "a:"]);
        assert_eq!(filter.narrow(&Capabilities::none()).to_json(), "{}");
    }

    #[test]
    fn a_field_of_an_extension_is_known_where_that_is_advertised() {
        let text = r#"{"taskIds":["b","a","b"],"resourceSubscriptions":["a"]}"#;
        let all = Filter::parse(text, &Capabilities::all()).unwrap();
        assert_eq!(all.names().count(), 3);
        assert_eq!(all.undeclared(|_| false), Some("io.modelcontextprotocol/tasks"));
        assert_eq!(all.undeclared(|extension| extension == "io.modelcontextprotocol/tasks"), None);
        let expected = r#"{"resourceSubscriptions":["a"],"taskIds":["b","a"]}"#;
        assert_eq!(all.narrow(&Capabilities::all()).to_json(), expected);
        let without = Capabilities { tasks_extension: false, ..Capabilities::all() };
        for text in [text, r#"{"taskIds":7,"resourceSubscriptions":["a"]}"#] {
            let filter = Filter::parse(text, &without).unwrap();
            assert_eq!(filter.undeclared(|_| false), None);
            assert_eq!(filter.to_json(), r#"{"resourceSubscriptions":["a"]}"#);
        }
        // Nothing is asked for, so nothing is needed.
        let nothing = Filter::parse(r#"{"taskIds":[]}"#, &Capabilities::all()).unwrap();
        assert_eq!(nothing.undeclared(|_| false), None);
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named() {
        for (text, field) in [
            ("[]", "notifications must be an object"),
            (r#"{"toolsListChanged":1}"#, "toolsListChanged"),
            (r#"{"resourceSubscriptions":"a:"}"#, "resourceSubscriptions"),
            (r#"{"resourceSubscriptions":[1]}"#, "resourceSubscriptions"),
            (r#"{"taskIds":"a"}"#, "taskIds"),
        ] {
            let error = Filter::parse(text, &Capabilities::all()).unwrap_err();
            assert!(error.contains(field), "{text}: {error}");
        }
    }
}
