//! [`Engine`]: the public face.

use std::time::Duration;

use crate::config::Config;
use crate::dispatch::{Batch, Frame, Hooks, SessionStats, Stats};
use crate::error::Result;
use crate::params::{
    Disposition, EndReason, Progress, Raise, SessionId, SessionParams, StreamId, StreamKind,
    SubscriptionId, Verdict,
};
use crate::protocol::{Level, Revision};

/// The engine.
#[derive(Debug)]
pub struct Engine {}

#[expect(unused_variables, missing_docs)]
impl Engine {
    pub fn new(config: Config) -> Self { todo!() }
    pub fn with_hooks(config: Config, hooks: Hooks) -> Self { todo!() }

    // -- time: with config key clock=manual only these move it; with clock=monotonic (default)
    // every call reads the machine's clock by itself and advance(now) is refused (State).
    /// Moves time; returns the next deadline (in the same ms) at which advance should be called again.
    pub fn advance(&self, now_ms: u64) -> Result<Option<u64>> { todo!() }
    /// clock=monotonic: does what is due, returns ms until the next deadline from now.
    pub fn tick(&self) -> Option<Duration> { todo!() }
    pub fn now_ms(&self) -> u64 { todo!() }
    pub fn next_deadline_ms(&self) -> Option<u64> { todo!() }

    // -- sessions
    pub fn open(&self, params: SessionParams) -> Result<SessionId> { todo!() }
    pub fn open_stream(&self, session: SessionId, kind: StreamKind) -> Result<StreamId> { todo!() }
    pub fn close_stream(&self, stream: StreamId) -> Result<()> { todo!() }
    /// The stream a session has implicitly (errors State if it has several).
    pub fn stream(&self, session: SessionId) -> Result<StreamId> { todo!() }
    /// Say goodbye: queued frames and closing frames can still be drained, then the session is gone.
    pub fn end(&self, session: SessionId, reason: EndReason) -> Result<()> { todo!() }
    /// Peer is gone: handle stale at once.
    pub fn close(&self, session: SessionId) -> Result<()> { todo!() }
    /// Stop offering this session's output (its socket is full); it is not "ready" meanwhile.
    pub fn pause(&self, session: SessionId) -> Result<()> { todo!() }
    pub fn resume(&self, session: SessionId) -> Result<()> { todo!() }
    /// None until negotiated (Profile::Auto / handshake) and for open sessions.
    pub fn revision(&self, session: SessionId) -> Result<Option<Revision>> { todo!() }
    pub fn user_data(&self, session: SessionId) -> Result<u64> { todo!() }

    // -- messages. stream: None = the session's only / home stream
    pub fn receive(&self, session: SessionId, stream: Option<StreamId>, message: &[u8]) -> Result<Disposition> { todo!() }
    /// Tells the engine that an incoming message was longer than message.max_bytes and was skipped
    /// by the transport; the engine refuses it on the wire where the revision allows.
    pub fn receive_too_long(&self, session: SessionId, stream: Option<StreamId>) -> Result<Disposition> { todo!() }
    /// The host's (or its SDK's) own response, request or notification, as JSON text.
    pub fn send(&self, session: SessionId, stream: Option<StreamId>, message: &[u8]) -> Result<()> { todo!() }

    // -- subscriptions without a wire message
    pub fn subscribe(&self, session: SessionId, uri: &str) -> Result<()> { todo!() }
    pub fn unsubscribe(&self, session: SessionId, uri: &str) -> Result<()> { todo!() }
    pub fn listen(&self, session: SessionId, stream: Option<StreamId>, id: &str, filter: &str) -> Result<SubscriptionId> { todo!() }
    /// The handle of the listen with that request id (JSON text).
    pub fn subscription(&self, session: SessionId, id: &str) -> Result<SubscriptionId> { todo!() }
    pub fn end_subscription(&self, subscription: SubscriptionId, reason: EndReason) -> Result<()> { todo!() }
    pub fn subscriber_count(&self, uri: &str) -> usize { todo!() }

    // -- raising; each returns how many subscriptions (events: sessions) were reached, merged included
    pub fn notify(&self, method: &str, params: Option<&str>, raise: &Raise<'_>) -> Result<usize> { todo!() }
    pub fn notify_tool_list_changed(&self, raise: &Raise<'_>) -> Result<usize> { todo!() }
    pub fn notify_prompt_list_changed(&self, raise: &Raise<'_>) -> Result<usize> { todo!() }
    pub fn notify_resource_list_changed(&self, raise: &Raise<'_>) -> Result<usize> { todo!() }
    pub fn notify_resource_updated(&self, uri: &str, raise: &Raise<'_>) -> Result<usize> { todo!() }
    pub fn notify_progress(&self, progress: &Progress<'_>, raise: &Raise<'_>) -> Result<usize> { todo!() }
    /// `data` is JSON text.
    pub fn notify_logging_message(&self, level: Level, logger: Option<&str>, data: &str, raise: &Raise<'_>) -> Result<usize> { todo!() }
    /// As notify_logging_message, but refuses levels below warning.
    pub fn notify_alert(&self, level: Level, logger: Option<&str>, data: &str, raise: &Raise<'_>) -> Result<usize> { todo!() }

    // -- delivery by pull
    /// Waits until some session has output (true), `wakeup` was called or the time is over (false).
    /// None: for ever. Does what time demands meanwhile.
    pub fn wait(&self, timeout: Option<Duration>) -> bool { todo!() }
    /// Fills `ready` with up to `max` sessions that have output now.
    pub fn ready_sessions(&self, max: usize, ready: &mut Vec<SessionId>) { todo!() }
    pub fn wakeup(&self) { todo!() }
    /// Level-triggered fd: readable exactly while some session has output. None where unsupported.
    pub fn fd(&self) -> Option<i32> { todo!() }
    /// Takes up to max frames of every session (None) or one.
    pub fn recv(&self, session: Option<SessionId>, max: usize, batch: &mut Batch) -> Result<usize> { todo!() }
    /// Takes frames of one stream.
    pub fn recv_stream(&self, stream: StreamId, max: usize, batch: &mut Batch) -> Result<usize> { todo!() }
    /// Copies as many whole frames of one session as fit into buf; Ok(n bytes), 0 = nothing queued;
    /// Limit error (naming the needed size) if the first frame alone does not fit.
    pub fn read(&self, session: SessionId, buf: &mut [u8]) -> Result<usize> { todo!() }

    // -- delivery by callbacks
    /// Registers the frame callback of one session, or (None) of all sessions without their own.
    pub fn on_frame(&self, session: Option<SessionId>, callback: Box<dyn Fn(&Frame<'_>) -> Verdict + Send + Sync>) -> Result<()> { todo!() }
    /// Runs frame callbacks on this thread for up to max frames; Ok(n) frames accepted.
    pub fn dispatch(&self, max: usize) -> Result<usize> { todo!() }

    pub fn stats(&self) -> Stats { todo!() }
    pub fn session_stats(&self, session: SessionId) -> Result<SessionStats> { todo!() }
}
