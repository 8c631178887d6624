//! What a server advertises, as far as it decides who may hear what (3.1 of the digest).

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};

/// The server capabilities that gate notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// `logging`
    pub logging: bool,
    /// `tools.listChanged`
    pub tools_list_changed: bool,
    /// `prompts.listChanged`
    pub prompts_list_changed: bool,
    /// `resources.listChanged`
    pub resources_list_changed: bool,
    /// `resources.subscribe`
    pub resources_subscribe: bool,
    /// `tasks`, which only 2025-11-25 has.
    pub tasks: bool,
    /// `extensions["io.modelcontextprotocol/tasks"]`, which only 2026-07-28 has.
    pub tasks_extension: bool,
}

impl Capabilities {
    /// Everything that a server can advertise.
    pub fn all() -> Self {
        Self {
            logging: true,
            tools_list_changed: true,
            prompts_list_changed: true,
            resources_list_changed: true,
            resources_subscribe: true,
            tasks: true,
            tasks_extension: true,
        }
    }

    /// Nothing advertised.
    pub fn none() -> Self {
        Self {
            logging: false,
            tools_list_changed: false,
            prompts_list_changed: false,
            resources_list_changed: false,
            resources_subscribe: false,
            tasks: false,
            tasks_extension: false,
        }
    }

    /// What both advertise.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            logging: self.logging && other.logging,
            tools_list_changed: self.tools_list_changed && other.tools_list_changed,
            prompts_list_changed: self.prompts_list_changed && other.prompts_list_changed,
            resources_list_changed: self.resources_list_changed && other.resources_list_changed,
            resources_subscribe: self.resources_subscribe && other.resources_subscribe,
            tasks: self.tasks && other.tasks,
            tasks_extension: self.tasks_extension && other.tasks_extension,
        }
    }

    /// Reads a `ServerCapabilities` object, as in the result of `initialize` or
    /// `server/discover`. What it does not mention is not advertised.
    pub fn from_json(text: &str) -> Result<Self> {
        let wire: Wire = serde_json::from_str(text)
            .map_err(|e| Error::new(ErrorKind::Json, format!("capabilities: {e}")))?;
        let list = |list: &Option<List>| list.as_ref().is_some_and(|list| list.list_changed);
        Ok(Self {
            logging: wire.logging.is_some(),
            tools_list_changed: list(&wire.tools),
            prompts_list_changed: list(&wire.prompts),
            resources_list_changed: list(&wire.resources),
            resources_subscribe: wire.resources.is_some_and(|list| list.subscribe),
            tasks: wire.tasks.is_some(),
            tasks_extension: wire.extensions.is_some_and(|them| them.tasks.is_some()),
        })
    }
}

/// The same in one byte: every session has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedCapabilities(u8);

impl From<Capabilities> for PackedCapabilities {
    fn from(from: Capabilities) -> Self {
        let flags = [
            from.logging,
            from.tools_list_changed,
            from.prompts_list_changed,
            from.resources_list_changed,
            from.resources_subscribe,
            from.tasks,
            from.tasks_extension,
        ];
        Self(flags.into_iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(flag)))
    }
}

impl From<PackedCapabilities> for Capabilities {
    fn from(PackedCapabilities(bits): PackedCapabilities) -> Self {
        let has = |bit: u8| bits & 1 << bit != 0;
        Self {
            logging: has(0),
            tools_list_changed: has(1),
            prompts_list_changed: has(2),
            resources_list_changed: has(3),
            resources_subscribe: has(4),
            tasks: has(5),
            tasks_extension: has(6),
        }
    }
}

#[derive(Deserialize)]
struct Wire {
    logging: Option<serde::de::IgnoredAny>,
    tools: Option<List>,
    prompts: Option<List>,
    resources: Option<List>,
    tasks: Option<serde::de::IgnoredAny>,
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct List {
    #[serde(default, rename = "listChanged")]
    list_changed: bool,
    #[serde(default)]
    subscribe: bool,
}

#[derive(Deserialize)]
struct Extensions {
    #[serde(rename = "io.modelcontextprotocol/tasks")]
    tasks: Option<serde::de::IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_each_of_them_apart() {
        for bits in 0..128 {
            let unpacked = Capabilities::from(PackedCapabilities(bits));
            assert_eq!(PackedCapabilities::from(unpacked).0, bits);
            assert_eq!(unpacked.logging, bits & 1 != 0);
            assert_eq!(unpacked.tasks_extension, bits & 64 != 0);
        }
        assert_eq!(Capabilities::from(PackedCapabilities(127)), Capabilities::all());
    }

    #[test]
    fn only_what_is_said_is_advertised() {
        assert_eq!(Capabilities::from_json("{}").unwrap(), Capabilities::none());
        let some = r#"{"logging":{},"tools":{},"resources":{"subscribe":true},"x":[1]}"#;
        let expected =
            Capabilities { logging: true, resources_subscribe: true, ..Capabilities::none() };
        assert_eq!(Capabilities::from_json(some).unwrap(), expected);
        let tasks = Capabilities { tasks: true, ..Capabilities::none() };
        assert_eq!(Capabilities::from_json(r#"{"tasks":{"list":{}}}"#).unwrap(), tasks);
        let extension = r#"{"extensions":{"x/y":{},"io.modelcontextprotocol/tasks":{}}}"#;
        let expected = Capabilities { tasks_extension: true, ..Capabilities::none() };
        assert_eq!(Capabilities::from_json(extension).unwrap(), expected);
        for none in [r#"{"extensions":{}}"#, r#"{"extensions":{"x/y":{}}}"#] {
            assert_eq!(Capabilities::from_json(none).unwrap(), Capabilities::none());
        }
        let text = Capabilities::from_json("[]").unwrap_err().to_string();
        assert!(text.starts_with("JSON: capabilities"), "{text}");
    }
}
