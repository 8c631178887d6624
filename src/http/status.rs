//! From JSON-RPC error codes to HTTP statuses (R54, G24).

use crate::protocol::code;

pub(super) const OK: u16 = 200;
pub(super) const ACCEPTED: u16 = 202;
pub(super) const NO_CONTENT: u16 = 204;
pub(super) const BAD_REQUEST: u16 = 400;
pub(super) const FORBIDDEN: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const METHOD_NOT_ALLOWED: u16 = 405;
pub(super) const NOT_ACCEPTABLE: u16 = 406;

/// By which rules an HTTP request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2025-03-26 to 2025-11-25: sessions that begin with `initialize`.
    Legacy,
    /// 2026-07-28: each request stands alone.
    Modern,
}

/// The statuses that the protocol leaves to the host (G24). Both are for 2026-07-28: in the older
/// revisions an error that answers a request is an ordinary answer, with status 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statuses {
    /// For -32602: 400 unless it is changed. A request without its metadata is 400 in any case.
    pub invalid_params: u16,
    /// For -32603, with which the engine answers where a limit would be exceeded: 200 unless it
    /// is changed.
    pub internal_error: u16,
}

impl Default for Statuses {
    fn default() -> Self {
        Self { invalid_params: BAD_REQUEST, internal_error: OK }
    }
}

impl Statuses {
    /// The status of a response that is an error with that code.
    ///
    /// In the legacy era 404 would say that the session is gone (R36), so an unknown method is
    /// 200 there; only what is no message at all is 400.
    pub fn of(&self, era: Era, code: i64) -> u16 {
        let Ok(code) = i32::try_from(code) else { return OK };
        match (era, code) {
            (_, code::PARSE_ERROR | code::INVALID_REQUEST) => BAD_REQUEST,
            (Era::Legacy, _) => OK,
            (Era::Modern, code::METHOD_NOT_FOUND) => NOT_FOUND,
            (Era::Modern, code::INVALID_PARAMS) => self.invalid_params,
            (Era::Modern, code::INTERNAL_ERROR) => self.internal_error,
            // The codes that 2026-07-28 defines itself, -32021 between them.
            (Era::Modern, code::UNSUPPORTED_PROTOCOL_VERSION..=code::HEADER_MISMATCH) => {
                BAD_REQUEST
            }
            (Era::Modern, _) => OK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_era_has_its_statuses() {
        let statuses = Statuses::default();
        for (code, legacy, modern) in [
            (-32700, 400, 400),
            (-32600, 400, 400),
            (-32601, 200, 404),
            (-32602, 200, 400),
            (-32603, 200, 200),
            (-32020, 200, 400),
            (-32021, 200, 400),
            (-32022, 200, 400),
            (-32019, 200, 200),
            (-32023, 200, 200),
            (-32002, 200, 200),
            (1, 200, 200),
            (i64::MIN, 200, 200),
            // Not what is left of it in 32 bits.
            (-32601 - (1 << 32), 200, 200),
        ] {
            assert_eq!(statuses.of(Era::Legacy, code), legacy, "{code}");
            assert_eq!(statuses.of(Era::Modern, code), modern, "{code}");
        }
    }

    #[test]
    fn what_is_left_to_the_host_is_its_choice_in_the_modern_era() {
        let statuses = Statuses { invalid_params: 422, internal_error: 503 };
        assert_eq!(statuses.of(Era::Modern, -32602), 422);
        assert_eq!(statuses.of(Era::Modern, -32603), 503);
        assert_eq!(statuses.of(Era::Legacy, -32602), 200);
        assert_eq!(statuses.of(Era::Legacy, -32603), 200);
    }
}
