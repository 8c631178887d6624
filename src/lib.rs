//! A notification engine for MCP servers.

mod config;
mod dispatch;
mod engine;
mod error;
mod ffi;
pub mod framing;
pub mod http;
mod params;
mod protocol;
mod sync;

pub use config::Config;
#[cfg(feature = "dispatch")]
pub use dispatch::Dispatcher;
pub use dispatch::{
    Batch, Engine, Frame, FrameCallback, FrameFlags, Hooks, VectoredBatch, VectoredFrame,
};
pub use engine::{
    AccessRequest, Lag, LogRecord, Revoked, SessionEnd, SessionStats, Stats, StreamEnd,
};
pub use error::{Error, ErrorKind, Result};
pub use framing::Framing;
pub use params::{
    Access, Disposition, EndReason, Overflow, Profile, Progress, Raise, SessionId, SessionParams,
    StreamId, StreamKind, SubscriptionId, Target, Topic, Verdict,
};
pub use protocol::{Capabilities, Level, Revision};
