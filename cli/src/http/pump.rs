//! The one thread that takes frames out of the engine and writes them to the sockets.
//!
//! Invariants: an outlet whose socket has taken all is offered its session's output, and one whose
//! socket has not is not: the session is paused as long as one of its outlets is stalled. Of a
//! session that is paused for one outlet the others are looked after by name, for what they have
//! is not the stalled one's. What an outlet holds is at most what was taken out of the engine in
//! one turn.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fanfare::{Batch, EndReason, ErrorKind, SessionId, StreamId};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use tokio::sync::oneshot;

use super::feed::{Attach, Command, First, Purpose, WAKE};
use super::hub::Hub;
use super::lease::Lease;
use super::outlet::Conn;

/// The token of the engine's descriptor.
const ENGINE: Token = Token(usize::MAX - 1);

/// How many frames are taken out at once.
const FRAMES: usize = 1024;

/// How often frames are taken out before the sockets get their turn.
const TURNS: usize = 16;

/// When clients are asked to come back: not all at once.
const RETRY_MS: u64 = 1_000;
const RETRY_SPREAD_MS: u64 = 2_000;

pub(super) struct Pump {
    hub: Arc<Hub>,
    poll: Poll,
    /// By token. What is free is listed in `free`.
    outlets: Vec<Option<Outlet>>,
    free: Vec<usize>,
    by_stream: HashMap<StreamId, usize>,
    sessions: HashMap<SessionId, Members>,
    /// Sessions that are paused for one outlet while others of theirs are open.
    mixed: HashSet<SessionId>,
    /// Outlets that are to be closed when all is written, and when that has taken too long.
    closing: HashMap<usize, Instant>,
    batch: Batch,
    /// Frames of one stream, and then as they go over the wire.
    run: Vec<u8>,
    wire: Vec<u8>,
    scratch: Box<[u8]>,
    is_draining: bool,
    is_stopped: bool,
}

/// One stream, as long as somebody wants what comes on it.
struct Outlet {
    session: SessionId,
    stream: StreamId,
    state: State,
    /// The session is there for its request alone.
    owns_session: bool,
    /// It answers no request.
    is_standalone: bool,
    /// Its session is paused for it.
    is_stalled: bool,
    /// The poll tells when its socket takes more.
    waits_for_room: bool,
}

enum State {
    /// Its answer has not begun.
    Waiting { first: Option<oneshot::Sender<First>>, early: First },
    /// Dropped in this order: the connection's place is free when its session is.
    Open { lease: Lease, conn: Conn },
}

/// The outlets of a session.
#[derive(Default)]
struct Members {
    outlets: Vec<usize>,
    stalled: usize,
}

impl Pump {
    /// [`std::io::Error`] if the feed has a server already, or the engine no descriptor.
    pub(super) fn new(hub: Arc<Hub>) -> io::Result<Self> {
        let poll = hub.feed.take_poll()?;
        let fd = hub.engine().fd().ok_or(io::ErrorKind::Unsupported)?;
        poll.registry().register(&mut SourceFd(&fd), ENGINE, Interest::READABLE)?;
        Ok(Self {
            hub,
            poll,
            outlets: Vec::new(),
            free: Vec::new(),
            by_stream: HashMap::new(),
            sessions: HashMap::new(),
            mixed: HashSet::new(),
            closing: HashMap::new(),
            batch: Batch::new(),
            run: Vec::new(),
            wire: Vec::new(),
            scratch: vec![0; 16 << 10].into(),
            is_draining: false,
            is_stopped: false,
        })
    }

    /// Until it is stopped; whatever is open then is cut off.
    pub(super) fn run(mut self) -> io::Result<()> {
        let done = self.serve();
        (0..self.outlets.len()).for_each(|ix| self.remove(ix));
        done
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut has_more = false;
        loop {
            let timeout = if has_more { Some(Duration::ZERO) } else { self.timeout() };
            self.arm()?;
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if event.token() != WAKE && event.token() != ENGINE {
                    self.ready(event.token().0, event.is_readable() || event.is_read_closed());
                }
            }
            self.obey();
            has_more = self.turn();
            self.sweep();
            self.cut_late();
            if self.is_stopped {
                return Ok(());
            }
        }
    }

    /// Has the next poll tell of the engine's output however long it has been there: the poll
    /// tells of changes, and that there is some again after all was taken may be none.
    fn arm(&self) -> io::Result<()> {
        let fd = self.hub.engine().fd().ok_or(io::ErrorKind::Unsupported)?;
        self.poll.registry().reregister(&mut SourceFd(&fd), ENGINE, Interest::READABLE)
    }

    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let closing = self.closing.values().min().map(|late| late.saturating_duration_since(now));
        // Nothing tells of output of a session that is paused. Looking is kept to a small share
        // of the time.
        let mixed = u64::try_from(self.mixed.len()).unwrap_or(u64::MAX);
        let mixed = (mixed != 0).then(|| Duration::from_micros(5_000 + mixed.min(5_000) * 20));
        [self.hub.engine().tick(), closing, mixed].into_iter().flatten().min()
    }

    // ---- what is told ----

    /// Does what was pushed to the feed.
    fn obey(&mut self) {
        for command in self.hub.feed.take() {
            match command {
                Command::Expect { session, stream, purpose } => {
                    self.expect(session, stream, purpose);
                }
                Command::Attach(attach) => self.attach(*attach),
                Command::Forget(stream) => {
                    if let Some(&ix) = self.by_stream.get(&stream) {
                        self.remove(ix);
                    }
                }
                Command::SessionEnded(session, reason) => self.session_ended(session, reason),
                Command::StreamEnded(stream) => {
                    if let Some(&ix) = self.by_stream.get(&stream) {
                        self.finish(ix, &[]);
                    }
                }
                Command::Drain => {
                    self.is_draining = true;
                    (0..self.outlets.len()).for_each(|ix| self.say_goodbye(ix));
                }
                Command::Stop => self.is_stopped = true,
            }
        }
    }

    fn expect(&mut self, session: SessionId, stream: StreamId, purpose: Purpose) {
        let (first, owns_session, is_standalone) = match purpose {
            Purpose::Answer { first, owns_session } => (Some(first), owns_session, false),
            Purpose::Standalone => (None, false, true),
        };
        let outlet = Outlet {
            session,
            stream,
            state: State::Waiting { first, early: First::default() },
            owns_session,
            is_standalone,
            is_stalled: false,
            waits_for_room: false,
        };
        let ix = self.free.pop().unwrap_or_else(|| {
            self.outlets.push(None);
            self.outlets.len() - 1
        });
        self.outlets[ix] = Some(outlet);
        self.by_stream.insert(stream, ix);
        self.sessions.entry(session).or_default().outlets.push(ix);
        self.settle_mixed(session);
    }

    fn attach(&mut self, attach: Attach) {
        let Attach { mut conn, mut lease, head, first } = attach;
        lease.handed_over();
        let Some(&ix) = lease.stream.and_then(|stream| self.by_stream.get(&stream)) else {
            // It ended in between; that the answer breaks off says so.
            return;
        };
        let registry = self.poll.registry();
        if registry.register(conn.source(), Token(ix), Interest::READABLE).is_err() {
            return self.remove(ix);
        }
        self.hub.counts.streams.fetch_add(1, Ordering::Relaxed);
        self.close_superseded(ix);
        let outlet = self.outlets[ix].as_mut().expect("an outlet that is listed is there");
        let state = std::mem::replace(&mut outlet.state, State::Open { lease, conn });
        let State::Waiting { early, .. } = state else { unreachable!("attached twice") };
        let State::Open { conn, .. } = &mut outlet.state else { unreachable!("it was made so") };
        self.wire.clear();
        self.wire.extend_from_slice(&head);
        let is_last = first.is_last || early.is_last;
        conn.encode(&[first.bytes, early.bytes].concat(), is_last, &mut self.wire);
        let written = conn.write(&self.wire);
        self.written(ix, written, is_last);
        if self.is_draining {
            self.say_goodbye(ix);
        }
    }

    /// The server ends. A listen ends with its result (R48); a client of 2025-11-25 is asked to come
    /// back later, each at a time of its own (R33); who waits for an answer has it if it comes in
    /// time.
    fn say_goodbye(&mut self, ix: usize) {
        let Some(Some(outlet)) = self.outlets.get(ix) else { return };
        let engine = self.hub.engine();
        if outlet.owns_session {
            let has_listen =
                engine.session_stats(outlet.session).is_ok_and(|stats| stats.subscriptions != 0);
            if has_listen {
                drop(engine.end(outlet.session, EndReason::Shutdown));
            }
        } else if outlet.is_standalone {
            let spread = RandomState::new().hash_one(ix) % RETRY_SPREAD_MS;
            let retry_ms = u32::try_from(RETRY_MS + spread).unwrap_or(u32::MAX);
            if engine.hang_up(outlet.stream, retry_ms).is_err() {
                self.finish(ix, &[]);
            }
        }
    }

    /// Of a stream that was resumed, the connection that it had is nobody's any more.
    fn close_superseded(&mut self, ix: usize) {
        let session = self.outlets[ix].as_ref().map(|outlet| outlet.session);
        let Some(members) = session.and_then(|session| self.sessions.get(&session)) else { return };
        let others: Vec<_> = members.outlets.iter().copied().filter(|&one| one != ix).collect();
        let mut none = Batch::new();
        for other in others {
            let Some(Outlet { stream, state: State::Open { .. }, .. }) = &self.outlets[other]
            else {
                continue;
            };
            let looked = self.hub.engine().recv_stream(*stream, 0, &mut none);
            if !self.closing.contains_key(&other)
                && looked.is_err_and(|error| error.kind() == ErrorKind::Gone)
            {
                self.finish(other, &[]);
            }
        }
    }

    fn session_ended(&mut self, session: SessionId, reason: EndReason) {
        let outlets = self.sessions.get(&session).map(|members| members.outlets.clone());
        for ix in outlets.into_iter().flatten() {
            let is_standalone = self.outlets[ix].as_ref().is_some_and(|one| one.is_standalone);
            if self.closing.contains_key(&ix) {
                // Its last frame is on its way.
            } else if reason.is_graceful() || reason == EndReason::Cancelled && is_standalone {
                // Nothing was owed on it any more: a client that has ended its session is told
                // that this is all.
                self.finish(ix, &[]);
            } else {
                // That the answer breaks off is how the client learns that it was not all.
                self.remove(ix);
            }
        }
        self.hub.session_ended(session);
    }

    // ---- sockets ----

    fn ready(&mut self, ix: usize, is_readable: bool) {
        let Some(Some(outlet)) = self.outlets.get_mut(ix) else { return };
        let State::Open { conn, .. } = &mut outlet.state else { return };
        if is_readable && !conn.hear(&mut self.scratch) {
            return self.remove(ix);
        }
        if !conn.is_drained() {
            let written = conn.flush();
            let is_last = self.closing.contains_key(&ix);
            self.written(ix, written, is_last);
        }
    }

    /// Something was written, or not: the outlet is stalled, or goes on, or is done.
    fn written(&mut self, ix: usize, written: io::Result<()>, is_last: bool) {
        let Some(Some(outlet)) = self.outlets.get_mut(ix) else { return };
        let State::Open { conn, .. } = &mut outlet.state else { return };
        if written.is_err() || is_last && conn.is_drained() {
            return self.remove(ix);
        }
        let has_rest = !conn.is_drained();
        if outlet.waits_for_room != has_rest {
            outlet.waits_for_room = has_rest;
            let interest = match has_rest {
                true => Interest::READABLE | Interest::WRITABLE,
                false => Interest::READABLE,
            };
            if self.poll.registry().reregister(conn.source(), Token(ix), interest).is_err() {
                return self.remove(ix);
            }
        }
        self.stall(ix, has_rest);
        if is_last {
            let late = Instant::now() + self.hub.options.linger_timeout;
            self.closing.entry(ix).or_insert(late);
        }
    }

    /// Pauses the session of an outlet for it, or no more.
    fn stall(&mut self, ix: usize, is_stalled: bool) {
        let Some(Some(outlet)) = self.outlets.get_mut(ix) else { return };
        if outlet.is_stalled == is_stalled {
            return;
        }
        outlet.is_stalled = is_stalled;
        let session = outlet.session;
        let Some(members) = self.sessions.get_mut(&session) else { return };
        let engine = self.hub.engine();
        // Where the session has ended there is nothing to hold back.
        if is_stalled {
            members.stalled += 1;
            if members.stalled == 1 {
                drop(engine.pause(session));
            }
        } else {
            members.stalled -= 1;
            if members.stalled == 0 {
                drop(engine.resume(session));
            }
        }
        self.settle_mixed(session);
    }

    fn settle_mixed(&mut self, session: SessionId) {
        let is_mixed = self
            .sessions
            .get(&session)
            .is_some_and(|members| members.stalled != 0 && members.stalled < members.outlets.len());
        if is_mixed {
            self.mixed.insert(session);
        } else {
            self.mixed.remove(&session);
        }
    }

    /// Nothing follows on that outlet but those frames: it is closed when they are written.
    fn finish(&mut self, ix: usize, frames: &[u8]) {
        let Some(Some(outlet)) = self.outlets.get_mut(ix) else { return };
        match &mut outlet.state {
            // Nobody is told anything, where there was no frame to tell it by.
            State::Waiting { first: Some(_), .. } => self.remove(ix),
            State::Waiting { first: None, early } => early.is_last = true,
            State::Open { conn, .. } => {
                self.wire.clear();
                conn.encode(frames, true, &mut self.wire);
                let written = conn.write(&self.wire);
                self.written(ix, written, true);
            }
        }
    }

    /// Those that were said to their end and are not read.
    fn cut_late(&mut self) {
        if self.closing.is_empty() {
            return;
        }
        let now = Instant::now();
        let is_late = |(&ix, &late): (&usize, &Instant)| (late <= now).then_some(ix);
        let late: Vec<_> = self.closing.iter().filter_map(is_late).collect();
        for ix in late {
            self.remove(ix);
        }
    }

    fn remove(&mut self, ix: usize) {
        let Some(outlet) = self.outlets.get_mut(ix).and_then(Option::take) else { return };
        self.free.push(ix);
        self.closing.remove(&ix);
        self.by_stream.remove(&outlet.stream);
        let session = outlet.session;
        if let Some(members) = self.sessions.get_mut(&session) {
            members.outlets.retain(|&one| one != ix);
            members.stalled -= usize::from(outlet.is_stalled);
            let (is_free, is_empty) = (members.stalled == 0, members.outlets.is_empty());
            if is_empty {
                self.sessions.remove(&session);
            }
            if outlet.is_stalled && is_free {
                drop(self.hub.engine().resume(session));
            }
        }
        self.settle_mixed(session);
        if let State::Open { lease, mut conn } = outlet.state {
            self.hub.counts.streams.fetch_sub(1, Ordering::Relaxed);
            drop(self.poll.registry().deregister(conn.source()));
            conn.close();
            drop(lease);
        }
    }

    // ---- frames ----

    /// Takes out what the engine has; says whether there may be more.
    fn turn(&mut self) -> bool {
        for _ in 0..TURNS {
            let taken = self.hub.engine().recv(None, FRAMES, &mut self.batch);
            if !taken.is_ok_and(|taken| taken != 0) {
                return false;
            }
            self.deliver_batch();
        }
        true
    }

    /// Of the sessions that are paused for one outlet, the others.
    fn sweep(&mut self) {
        if self.mixed.is_empty() {
            return;
        }
        let mixed: Vec<_> = self.mixed.iter().copied().collect();
        for session in mixed {
            let outlets = self.sessions.get(&session).map(|members| members.outlets.clone());
            for ix in outlets.into_iter().flatten() {
                let Some(Some(outlet)) = self.outlets.get(ix) else { continue };
                if outlet.is_stalled {
                    continue;
                }
                let engine = self.hub.engine();
                let taken = engine.recv_stream(outlet.stream, FRAMES, &mut self.batch);
                if taken.is_ok_and(|taken| taken != 0) {
                    self.deliver_batch();
                }
            }
        }
    }

    /// Writes the frames that were taken: those of one stream that stand together, at once.
    fn deliver_batch(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let mut run = std::mem::take(&mut self.run);
        let mut frames = batch.iter().peekable();
        while let Some(frame) = frames.next() {
            run.clear();
            run.extend_from_slice(frame.data);
            let mut is_last = frame.flags.is_last();
            while let Some(next) = frames.next_if(|next| next.stream == frame.stream) {
                run.extend_from_slice(next.data);
                is_last |= next.flags.is_last();
            }
            if let Some(ix) = self.find(frame.stream) {
                self.deliver(ix, &run, frame.data.len(), is_last);
            }
        }
        drop(frames);
        (self.batch, self.run) = (batch, run);
        self.hub.app.drained();
    }

    /// The outlet of a stream. None: nobody wants what comes on it any more.
    fn find(&mut self, stream: StreamId) -> Option<usize> {
        if let Some(&ix) = self.by_stream.get(&stream) {
            return Some(ix);
        }
        // It may have been opened since the feed was looked at.
        self.hub.feed.settle();
        self.obey();
        self.by_stream.get(&stream).copied()
    }

    fn deliver(&mut self, ix: usize, frames: &[u8], first_len: usize, is_last: bool) {
        let Some(Some(outlet)) = self.outlets.get_mut(ix) else { return };
        match &mut outlet.state {
            State::Open { conn, .. } => {
                self.wire.clear();
                conn.encode(frames, is_last, &mut self.wire);
                let written = conn.write(&self.wire);
                self.written(ix, written, is_last);
            }
            State::Waiting { first, early } => {
                if let Some(first) = first.take() {
                    let bytes = frames.to_vec();
                    // If nobody waits, the stream is about to be forgotten.
                    drop(first.send(First { bytes, first_len, is_last }));
                } else {
                    early.bytes.extend_from_slice(frames);
                    early.is_last |= is_last;
                }
                // No more of it until there is a socket.
                self.stall(ix, true);
            }
        }
    }
}
