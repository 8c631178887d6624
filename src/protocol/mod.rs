//! MCP as facts: revisions, methods, ids, levels, filters, how a message reads and how it is
//! written. Pure: no state, no I/O, nothing of the engine.

mod capabilities;
mod level;
mod revision;

pub use capabilities::Capabilities;
pub use level::Level;
pub use revision::Revision;
