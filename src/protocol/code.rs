//! JSON-RPC error codes that the engine answers with (2.8 of the digest).

pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
pub(crate) const INVALID_PARAMS: i32 = -32602;
pub(crate) const INTERNAL_ERROR: i32 = -32603;
/// 2026-07-28 only: headers that disagree with the body (R53).
pub(crate) const HEADER_MISMATCH: i32 = -32020;
/// 2026-07-28 only.
pub(crate) const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32022;
