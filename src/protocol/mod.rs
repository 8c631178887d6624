//! MCP as facts: revisions, methods, ids, levels, filters, how a message reads and how it is
//! written. Pure: no state, no I/O, nothing of the engine.

mod capabilities;
pub(crate) mod code;
pub(crate) mod elicitation;
pub(crate) mod encode;
pub(crate) mod event_id;
pub(crate) mod filter;
pub(crate) mod id;
pub(crate) mod kind;
mod level;
mod members;
pub(crate) mod message;
pub(crate) mod meta;
pub(crate) mod result;
mod revision;
pub(crate) mod task;
pub(crate) mod template;
pub(crate) mod uri;

pub use capabilities::Capabilities;
pub(crate) use capabilities::PackedCapabilities;
pub use level::Level;
pub use revision::Revision;
