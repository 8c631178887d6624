//! The HTTP transport of the `fanfare` program, for whoever has an MCP server to put behind it.
//!
//! It is built on the published items of the `fanfare` library and on nothing else of it.

pub mod http;
