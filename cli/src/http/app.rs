//! What stands behind the transport.

use std::sync::Arc;

use fanfare::{Engine, SessionId, SessionParams, StreamId};

/// An MCP server behind the transport. Its methods are called from any of the transport's threads,
/// several at a time.
pub trait App: Send + Sync + 'static {
    /// The engine that holds its sessions. It was made with the hooks of the
    /// [`Feed`](super::Feed) that the server was bound with.
    fn engine(&self) -> &Engine;

    /// A message of a client, which may be a batch: to be given to
    /// [`Engine::receive_each`](fanfare::Engine::receive_each) with the same session and stream,
    /// and what that passes on is the server's to act on. Answers are queued by
    /// [`Engine::send`](fanfare::Engine::send), now or later, from any thread. It must not block
    /// for long: other connections wait for the thread that it is called on.
    ///
    /// An error says that the session or the stream is gone.
    fn take(
        self: &Arc<Self>,
        session: SessionId,
        stream: Option<StreamId>,
        message: &[u8],
    ) -> fanfare::Result<()>;

    /// How a session is opened, over what the transport says of it (profile, framing, principal):
    /// the place to say which capabilities are advertised. `principal` is whose token the client
    /// has shown, if the server asks for one.
    fn session(&self, params: SessionParams, principal: Option<&str>) -> SessionParams {
        let _ = principal;
        params
    }

    /// Output was taken out of the engine: who waits for room may look again. Called on the thread
    /// that writes to all clients, so it must return at once.
    fn drained(&self) {}

    /// A session is over: nobody waits for what is still being worked on for it (R47, R80). Its
    /// handle may be stale by now.
    fn gone(&self, session: SessionId) {
        let _ = session;
    }
}

/// The same, without its type.
pub(super) trait Served: Send + Sync {
    fn engine(&self) -> &Engine;
    fn take(&self, session: SessionId, stream: StreamId, message: &[u8]) -> fanfare::Result<()>;
    fn session(&self, params: SessionParams, principal: Option<&str>) -> SessionParams;
    fn drained(&self);
    fn gone(&self, session: SessionId);
}

pub(super) struct Held<A>(pub(super) Arc<A>);

impl<A: App> Served for Held<A> {
    fn engine(&self) -> &Engine {
        self.0.engine()
    }

    fn take(&self, session: SessionId, stream: StreamId, message: &[u8]) -> fanfare::Result<()> {
        self.0.take(session, Some(stream), message)
    }

    fn session(&self, params: SessionParams, principal: Option<&str>) -> SessionParams {
        self.0.session(params, principal)
    }

    fn drained(&self) {
        self.0.drained();
    }

    fn gone(&self, session: SessionId) {
        self.0.gone(session);
    }
}
