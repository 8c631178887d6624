//! The rules of the protocol's revisions, each with a test that is named after it: `r41_ack_is_first`
//! proves rule R41. docs/CONFORMANCE.md is the table of them all.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod ambiguities;
mod envelope;
mod handshake;
mod http;
mod http_host;
mod keep_alive;
mod listen;
mod logging;
mod modern;
mod page;
mod progress;
mod race;
mod resume;
mod schema_check;
mod streams;
mod table;
mod tasks;
mod tasks_core;
