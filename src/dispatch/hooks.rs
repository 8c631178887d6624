//! What the engine tells the host unasked: log lines, sessions that lag or ended, output that
//! waits, deadlines that come nearer.

use std::fmt;

use crate::engine::{AccessRequest, Lag, LogRecord, SessionEnd, StreamEnd};
use crate::params::Access;

type LogHook = Box<dyn Fn(&LogRecord) + Send + Sync>;
type LagHook = Box<dyn Fn(&Lag) + Send + Sync>;
type EndHook = Box<dyn Fn(&SessionEnd) + Send + Sync>;
type AuthorizeHook = Box<dyn Fn(&AccessRequest<'_>) -> Access + Send + Sync>;
type StreamEndHook = Box<dyn Fn(&StreamEnd) + Send + Sync>;
type WakeHook = Box<dyn Fn() + Send + Sync>;

/// Functions of the host that the engine calls, on the thread of whoever caused the news, with no
/// lock held. They may call the engine.
#[derive(Default)]
pub struct Hooks {
    pub(crate) log: Option<LogHook>,
    pub(crate) lag: Option<LagHook>,
    pub(crate) session_end: Option<EndHook>,
    pub(crate) stream_end: Option<StreamEndHook>,
    pub(crate) wake: Option<WakeHook>,
    pub(crate) deadline: Option<WakeHook>,
    pub(crate) authorize: Option<AuthorizeHook>,
}

impl Hooks {
    /// No hooks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called with each log line.
    pub fn on_log(mut self, hook: impl Fn(&LogRecord) + Send + Sync + 'static) -> Self {
        self.log = Some(Box::new(hook));
        self
    }

    /// Called when a session's queue overflows: with the first event that is dropped, and not again
    /// before its queue of events has been empty; if the session ends for it, before
    /// [`on_session_end`](Self::on_session_end) is called.
    pub fn on_lag(mut self, hook: impl Fn(&Lag) + Send + Sync + 'static) -> Self {
        self.lag = Some(Box::new(hook));
        self
    }

    /// Called once for each session that ends by anything but the host's own
    /// [`close`](crate::Engine::close): an end whose last frame has been drained, an overflow.
    pub fn on_session_end(mut self, hook: impl Fn(&SessionEnd) + Send + Sync + 'static) -> Self {
        self.session_end = Some(Box::new(hook));
        self
    }

    /// Called once for each stream of a request or a listen that is over with no frame to say so, for
    /// what was queued was withdrawn: the request was cancelled, say. Its connection can be closed.
    /// Otherwise [`FrameFlags::is_last`](crate::FrameFlags::is_last) says so, and where the whole
    /// session ends [`on_session_end`](Self::on_session_end).
    pub fn on_stream_end(mut self, hook: impl Fn(&StreamEnd) + Send + Sync + 'static) -> Self {
        self.stream_end = Some(Box::new(hook));
        self
    }

    /// Called each time the engine, idle before, has output again.
    pub fn on_wake(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.wake = Some(Box::new(hook));
        self
    }

    /// Called each time something is due sooner than all that was planned before: a host that polls
    /// [`Engine::fd`](crate::Engine::fd) with the time that [`Engine::tick`](crate::Engine::tick)
    /// yielded must ask again, or what was held back for a while (progress, say) leaves late.
    /// [`Engine::wait`](crate::Engine::wait) and dispatcher threads need no such call.
    pub fn on_deadline(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.deadline = Some(Box::new(hook));
        self
    }

    /// Asked whether a principal may hear of a topic (R69): when one of its sessions subscribes
    /// to it by `subscriptions/listen` or `resources/subscribe`, or through the host; when the
    /// handshake of a legacy session is done, about the lists of which it hears unasked; and by
    /// [`Engine::revoke`](crate::Engine::revoke). The answer [`Access::Allow`] holds for all
    /// sessions of the principal as long as one of them holds the topic, or until it is revoked;
    /// the others are asked for each time.
    ///
    /// Not asked about: what an open session hears because it named nothing, and single resources
    /// within a container that was allowed (`resources.match`).
    ///
    /// The call that caused the question waits for the answer, other threads do not. If the hook
    /// panics the panic is the caller's, and nobody has been subscribed.
    pub fn authorize(
        mut self,
        hook: impl Fn(&AccessRequest<'_>) -> Access + Send + Sync + 'static,
    ) -> Self {
        self.authorize = Some(Box::new(hook));
        self
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("log", &self.log.is_some())
            .field("lag", &self.lag.is_some())
            .field("session_end", &self.session_end.is_some())
            .field("stream_end", &self.stream_end.is_some())
            .field("wake", &self.wake.is_some())
            .field("deadline", &self.deadline.is_some())
            .field("authorize", &self.authorize.is_some())
            .finish()
    }
}
