//! What the pump is told: by the engine's hooks, and by those who wait for frames.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use fanfare::{EndReason, Hooks, SessionEnd, SessionId, StreamEnd, StreamId};
use mio::{Poll, Token, Waker};
use tokio::sync::oneshot;

use super::lease::Lease;
use super::outlet::Conn;

/// What the engine tells the transport about its sessions. It is made first, its hooks are given
/// to the engine, and the server is bound with both.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    commands: Mutex<Vec<Command>>,
    waker: Waker,
    /// The other end of the waker, until the pump takes it.
    poll: Mutex<Option<Poll>>,
    /// Held for reading between the opening of a stream and the pump's being told of it.
    opening: RwLock<()>,
}

/// The token by which the pump's poll names the waker.
pub(super) const WAKE: Token = Token(usize::MAX);

/// What the pump is to do.
pub(super) enum Command {
    /// A stream was opened: keep what comes on it.
    Expect { session: SessionId, stream: StreamId, purpose: Purpose },
    /// The stream has a connection from now on.
    Attach(Box<Attach>),
    /// Nobody wants what comes on that stream.
    Forget(StreamId),
    /// A session ended without its transport's doing, or was ended by its client.
    SessionEnded(SessionId, EndReason),
    /// A stream is over with no frame to say so.
    StreamEnded(StreamId),
    /// Say goodbye to everybody.
    Drain,
    /// Return.
    Stop,
}

/// What a stream was opened for.
pub(super) enum Purpose {
    /// To answer a request: its first frames are wanted.
    Answer {
        first: oneshot::Sender<First>,
        /// The session is there for this request alone.
        owns_session: bool,
    },
    /// What the server says of its own accord.
    Standalone,
}

/// The first frames of a stream, which decide how the answer goes out.
#[derive(Debug, Default)]
pub(super) struct First {
    /// The frames, one after another.
    pub(super) bytes: Vec<u8>,
    /// Where the first of them ends.
    pub(super) first_len: usize,
    /// The last of them is the last of the stream.
    pub(super) is_last: bool,
}

/// A connection that becomes the outlet of a stream.
pub(super) struct Attach {
    pub(super) conn: Conn,
    pub(super) lease: Lease,
    /// The head of the response.
    pub(super) head: Vec<u8>,
    pub(super) first: First,
}

impl Feed {
    /// [`std::io::Error`] if the system has no descriptors to give.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        Ok(Self(Arc::new(Inner {
            commands: Mutex::default(),
            waker,
            poll: Mutex::new(Some(poll)),
            opening: RwLock::new(()),
        })))
    }

    /// Adds what the transport wants to hear to the hooks of an engine:
    /// [`Hooks::on_session_end`], [`Hooks::on_stream_end`] and [`Hooks::on_deadline`]. A server that
    /// has its own use for one of them sets it afterwards and calls
    /// [`session_ended`](Self::session_ended), [`stream_ended`](Self::stream_ended) and
    /// [`sooner`](Self::sooner) itself.
    pub fn hooks(&self, hooks: Hooks) -> Hooks {
        let (session, stream, deadline) = (self.clone(), self.clone(), self.clone());
        hooks
            .on_session_end(move |end| session.session_ended(end))
            .on_stream_end(move |end| stream.stream_ended(end))
            .on_deadline(move || deadline.sooner())
    }

    /// [`Hooks::on_session_end`] was called.
    pub fn session_ended(&self, end: &SessionEnd) {
        self.push(Command::SessionEnded(end.session, end.reason));
    }

    /// [`Hooks::on_stream_end`] was called.
    pub fn stream_ended(&self, end: &StreamEnd) {
        self.push(Command::StreamEnded(end.stream));
    }

    /// [`Hooks::on_deadline`] was called.
    pub fn sooner(&self) {
        self.wake();
    }

    /// Opens a stream, and has the pump keep what comes on it.
    pub(super) fn open(
        &self,
        session: SessionId,
        purpose: Purpose,
        open: impl FnOnce() -> fanfare::Result<StreamId>,
    ) -> fanfare::Result<StreamId> {
        let _opening = self.0.opening.read().unwrap_or_else(PoisonError::into_inner);
        let stream = open()?;
        self.push(Command::Expect { session, stream, purpose });
        Ok(stream)
    }

    /// Waits until the pump has been told of every stream that is open.
    pub(super) fn settle(&self) {
        drop(self.0.opening.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn push(&self, command: Command) {
        let mut commands = self.lock();
        commands.push(command);
        let is_first = commands.len() == 1;
        drop(commands);
        if is_first {
            self.wake();
        }
    }

    /// Everything that was pushed since.
    pub(super) fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.lock())
    }

    /// The poll that [`WAKE`]s; there is one.
    pub(super) fn take_poll(&self) -> io::Result<Poll> {
        let mut poll = self.0.poll.lock().unwrap_or_else(PoisonError::into_inner);
        poll.take().ok_or_else(|| io::Error::other("a feed is for one server"))
    }

    fn wake(&self) {
        // It fails where the counter of the descriptor is full, and then it wakes all the same.
        drop(self.0.waker.wake());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Command>> {
        self.0.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}
