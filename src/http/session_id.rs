//! Session ids of legacy HTTP: visible ASCII that nobody can guess (R37).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorKind, Result};

/// The header that carries a session's id: a host puts it on the answer to `initialize`, and a
/// client on everything after. The name is spelt as 2025-11-25 does; case does not matter.
pub const SESSION_ID_HEADER: &str = "MCP-Session-Id";

/// 192 bits: half as much again as what is called unguessable, and no padding in base64.
const RANDOM_BYTES: usize = 24;

/// A new session id: 32 characters of base64url, from 192 random bits of the operating system's.
///
/// [`ErrorKind::Os`] if the system has none to give.
pub fn new_session_id() -> Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::new(ErrorKind::Os, format!("session id: no random bytes: {e}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether that can be a session id: one character or more, all of them visible ASCII (0x21 to
/// 0x7E).
pub fn is_session_id(id: &[u8]) -> bool {
    !id.is_empty() && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_visible_ascii_and_long_enough() {
        let id = new_session_id().unwrap();
        assert_eq!(id.len(), 32);
        assert!(is_session_id(id.as_bytes()));
        assert_eq!(URL_SAFE_NO_PAD.decode(&id).unwrap().len() * 8, 192);
    }

    #[test]
    fn the_bounds_of_visible_ascii_are_exact() {
        for byte in 0..=u8::MAX {
            let is_visible = (0x21..=0x7E).contains(&byte);
            assert_eq!(is_session_id(&[b'a', byte]), is_visible, "{byte:#x}");
        }
        assert!(!is_session_id(b""));
    }
}
