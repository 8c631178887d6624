//! Framing: how one JSON-RPC message is delimited on its way out, and cut out on its way in.

mod lines;

use std::fmt::Write as _;

pub use lines::{Line, Lines};

/// How the frames of a session are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Framing {
    /// The bare JSON text; the host delimits.
    Json,
    /// A line of JSON, ended by LF: stdio (R4).
    Ndjson,
    /// A Server-Sent Event of type `message`. A stream that is open and silent is sent a comment
    /// now and then (`sse.keep_alive_ms`, R59): a frame like any other, which clients pass over.
    Sse,
}

impl Framing {
    /// What stands after an SSE event.
    pub(crate) const EVENT_TAIL: &'static str = "\n\n";

    /// Every framing.
    pub const ALL: [Self; 3] = [Self::Json, Self::Ndjson, Self::Sse];

    /// What stands on an SSE stream to show that it lives: clients pass over it (R59).
    pub(crate) const COMMENT: &'static str = ":\n\n";

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

    /// Writes what stands before the JSON text of an SSE event that has an id.
    pub(crate) fn head_with_id(write_id: impl FnOnce(&mut String), out: &mut String) {
        out.push_str("id: ");
        write_id(out);
        out.push_str("\nevent: message\ndata: ");
    }

    /// The same of an event with an id and no message, from which a client can resume already
    /// (R33).
    pub(crate) fn priming_head(write_id: impl FnOnce(&mut String), out: &mut String) {
        out.push_str("id: ");
        write_id(out);
        out.push_str("\ndata: ");
    }

    /// The same of an event that only says how long to wait before coming back (R33).
    pub(crate) fn retry_head(ms: u32, out: &mut String) {
        write!(out, "retry: {ms}").expect("a String takes all");
    }

    /// What stands after it. The engine's JSON has no line break inside, so one data line does.
    pub(crate) fn tail(self) -> &'static [u8] {
        match self {
            Self::Json => b"",
            Self::Ndjson => b"\n",
            Self::Sse => Self::EVENT_TAIL.as_bytes(),
        }
    }
}
