//! What the `fanfare` program is made of that others can use: the HTTP transport of a server, for
//! whoever has an MCP server to put behind it, and what reads event streams on the other side.
//!
//! It is built on the published items of the `fanfare` library and on nothing else of it.

pub mod http;
pub mod sse;
