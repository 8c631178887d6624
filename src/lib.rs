//! A notification engine for MCP servers.

mod config;
mod dispatch;
mod error;
pub mod framing;
mod params;
mod protocol;

pub use config::Config;
pub use dispatch::{
    Batch, Engine, Frame, FrameFlags, Hooks, LogRecord, SessionEnd, SessionStats, Stats,
};
pub use error::{Error, ErrorKind, Result};
pub use framing::Framing;
pub use params::{
    Disposition, EndReason, Overflow, Profile, Progress, Raise, SessionId, SessionParams, StreamId,
    StreamKind, SubscriptionId, Target, Verdict,
};
pub use protocol::{Capabilities, Level, Revision};
