//! The engine as a host holds it: the lock around the state machine, its clock, readiness, and
//! delivery by pull, by callback and by threads.

mod access;
mod barrier;
mod batch;
mod callbacks;
mod engine;
mod hooks;
mod level;
mod loan;
#[cfg(all(test, fanfare_loom))]
mod models;
mod pattern;
mod pull;
mod raise;
mod ready;
mod sinks;
#[cfg(feature = "dispatch")]
mod threads;
mod vectored;
mod whole;

pub use batch::{Batch, Frame, FrameFlags};
pub use callbacks::FrameCallback;
pub use engine::Engine;
pub use hooks::Hooks;
#[cfg(feature = "dispatch")]
pub use threads::Dispatcher;
pub use vectored::{VectoredBatch, VectoredFrame};
