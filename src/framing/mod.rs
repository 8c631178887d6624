//! Framing: how one JSON-RPC message is delimited on its way out, and cut out on its way in.

mod lines;

pub use lines::{Line, Lines};

/// How the frames of a session are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Framing {
    /// The bare JSON text; the host delimits.
    Json,
    /// A line of JSON, ended by LF: stdio (R4).
    Ndjson,
    /// A Server-Sent Event of type `message`.
    Sse,
}

impl Framing {
    /// Every framing.
    pub const ALL: [Self; 3] = [Self::Json, Self::Ndjson, Self::Sse];

    /// The spelling in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Sse => "sse",
        }
    }

    /// The framing of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|framing| framing.as_str() == text)
    }

    /// What stands before the JSON text.
    pub(crate) fn head(self) -> &'static [u8] {
        match self {
            Self::Json | Self::Ndjson => b"",
            Self::Sse => b"event: message\ndata: ",
        }
    }

    /// What stands after it. The engine's JSON has no line break inside, so one data line does.
    pub(crate) fn tail(self) -> &'static [u8] {
        match self {
            Self::Json => b"",
            Self::Ndjson => b"\n",
            Self::Sse => b"\n\n",
        }
    }
}
