//! What a client's bytes read as, whoever it is.

use crate::protocol::code;
use crate::protocol::message::{Fault, Message};

/// A client's message as far as it reads without knowing whose it is. Reading takes time in
/// proportion to its size, so it is done before the engine is asked.
pub(crate) enum Incoming<'a> {
    One {
        text: &'a str,
        message: std::result::Result<Message<'a>, Fault>,
    },
    Batch(&'a str),
    NotText(Fault),
    /// Longer than the limit: its size, or the least that it can have.
    TooLong(usize),
}

impl<'a> Incoming<'a> {
    pub(crate) fn read(bytes: &'a [u8], max_bytes: usize, max_depth: u32) -> Self {
        if bytes.len() > max_bytes {
            return Self::TooLong(bytes.len());
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if text.trim_ascii_start().starts_with('[') => Self::Batch(text),
            Ok(text) => Self::One { text, message: Message::parse_within(text, max_depth) },
            Err(e) => {
                let text = format!("not UTF-8 at byte {}", e.valid_up_to());
                Self::NotText(Fault::new(code::PARSE_ERROR, text))
            }
        }
    }
}
