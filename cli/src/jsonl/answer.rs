//! What a command is answered with.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// One answer: `{"ok":true,...}` with the command's own members behind it, or `{"error":{...}}`.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The command was done.
    Done(Vec<(String, Box<RawValue>)>),
    /// The command was refused and changed nothing.
    Refused(Failure),
}

impl Answer {
    /// Done, with nothing more to say.
    pub(crate) fn ok() -> Self {
        Self::Done(Vec::new())
    }

    /// Done, and with one more member; those added first are written first.
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        if let Self::Done(members) = &mut self {
            let text = to_raw_value(&value).expect("texts and numbers always serialise");
            members.push((name.into(), text));
        }
        self
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

impl From<Result<Self, Failure>> for Answer {
    fn from(outcome: Result<Self, Failure>) -> Self {
        outcome.unwrap_or_else(Self::Refused)
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Done(members) => {
                map.serialize_entry("ok", &true)?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
            }
            Self::Refused(failure) => map.serialize_entry("error", failure)?,
        }
        map.end()
    }
}

/// Why a command was refused: one of the engine's stable codes, and a text for a person.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    code: &'static str,
    text: String,
}

impl Failure {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// A field that the command cannot work with; the text begins with its name.
    pub(crate) fn field(name: &str, why: impl std::fmt::Display) -> Self {
        Self::new("INVALID_ARGUMENT", format!("{name}: {why}"))
    }
}

impl From<fanfare::Error> for Failure {
    fn from(error: fanfare::Error) -> Self {
        Self::new(error.kind().code(), error.detail())
    }
}
