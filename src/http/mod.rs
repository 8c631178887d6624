//! What a host that speaks Streamable HTTP needs to know, as facts: which requests to refuse, and
//! with which status; what a request is; how the answer to it begins.
//!
//! Nothing here opens a socket. The host reads a request with the HTTP library that it has and
//! shows its parts to [`Endpoint::check`], which comes before the engine: what is refused here has
//! started nothing (R53). When the engine, or the host itself, has the first frame of the answer,
//! [`Endpoint::answer`] says with which status it goes out, and as what.
//!
//! ```
//! use fanfare::http::{Answer, CallKind, Endpoint, Headers};
//!
//! let endpoint = Endpoint::new();
//! let headers = Headers::from_iter([
//!     ("accept", &b"application/json, text/event-stream"[..]),
//!     ("mcp-session-id", b"gone"),
//! ]);
//! let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
//!
//! // No such session.
//! let refusal = endpoint.check("POST", &headers, ping, |_| None).unwrap_err();
//! assert_eq!(refusal.status, 404);
//!
//! // One that there is; its revision is what `Engine::revision` says.
//! let call = endpoint.check("POST", &headers, ping, |_| Some(None)).unwrap();
//! assert_eq!((call.kind, call.session_id), (CallKind::Request, Some("gone")));
//! let frame = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
//! let answer = endpoint.answer(&call, Some(frame)).unwrap();
//! assert_eq!(answer, Answer::Json { status: 200, body: frame });
//! ```
//!
//! What is left to the host: who the client is (authentication comes before all of this), and the
//! `Mcp-Param-…` headers, since only the host knows which arguments of its tools they mirror;
//! [`decode_value`] reads their values. The 2024-11-05 transport with its two endpoints is not
//! covered.

mod answer;
mod check;
mod endpoint;
mod headers;
mod mirror;
mod origin;
mod session_id;
mod status;

pub use answer::{Answer, EVENT_STREAM_HEADERS, JSON_HEADERS};
pub(crate) use check::ALLOWED;
pub use check::{Call, CallKind, Refusal};
pub use endpoint::Endpoint;
pub use headers::{Headers, decode_value};
pub use origin::{Hosts, Origins};
pub use session_id::{SESSION_ID_HEADER, is_session_id, new_session_id};
pub use status::{Era, Statuses};
