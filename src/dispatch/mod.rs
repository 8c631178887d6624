//! The engine as a host holds it: the lock around the state machine, readiness, and callbacks.

mod batch;
mod engine;
mod hooks;
mod stats;

pub use batch::{Batch, Frame, FrameFlags};
pub use engine::Engine;
pub use hooks::{Hooks, LogRecord, SessionEnd};
pub use stats::{SessionStats, Stats};
