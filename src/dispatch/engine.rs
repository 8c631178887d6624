//! [`Engine`]: the state machine behind a lock, with a clock, readiness and the host's hooks.
//!
//! Every call does the same three things: take the lock and let [`Core`] work, note the readiness
//! before the lock is released, and only then tell the outside (wake-ups, hooks). So no lock is
//! held while the host is called, and any call may be made from any hook.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::dispatch::callbacks::Callbacks;
use crate::dispatch::hooks::Hooks;
use crate::dispatch::loan::Loans;
use crate::dispatch::ready::{Owed, Ready};
use crate::engine::{Core, Incoming, News, Outgoing, SessionStats, Stats};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{
    Disposition, EndReason, SessionId, SessionParams, StreamId, StreamKind, SubscriptionId,
};
use crate::protocol::Revision;
use crate::sync::{AtomicU64, Condvar, Mutex, MutexGuard};

/// A notification engine. Every method may be called from any thread.
///
/// ```
/// use fanfare::{Batch, Config, Engine, Profile, Raise, SessionParams};
///
/// let engine = Engine::new(Config::default());
/// let session = engine.open(SessionParams::new(Profile::Open))?;
/// engine.notify_resource_updated("file:///a.txt", &Raise::ALL)?;
///
/// let mut batch = Batch::new();
/// engine.recv(Some(session), 10, &mut batch)?;
/// let frame = batch.iter().next().expect("an open session hears everything");
/// assert!(frame.data.starts_with(br#"{"jsonrpc":"2.0","method":"notifications/resources/updated""#));
/// # Ok::<(), fanfare::Error>(())
/// ```
pub struct Engine {
    pub(crate) core: Mutex<Core>,
    pub(crate) ready: Ready,
    pub(crate) callbacks: Callbacks,
    /// Which of the frames that are lent have been begun.
    pub(super) loans: Loans,
    /// A callback has put its frame down: for a close that waits for it.
    pub(super) put_down: Condvar,
    /// How many wait for that. Only under the lock.
    pub(super) closing: AtomicU64,
    pub(super) hooks: Hooks,
    clock: Clock,
    max_message_bytes: usize,
    max_depth: u32,
}

/// Where the time comes from.
enum Clock {
    /// Milliseconds since then.
    Monotonic { since: Instant, is_needed: bool },
    /// What the host says.
    Manual,
}

/// Numbers the engines of a process, so that their handles differ.
static ENGINES: AtomicU32 = AtomicU32::new(1);

impl Engine {
    /// An engine without hooks.
    pub fn new(config: Config) -> Self {
        Self::with_hooks(config, Hooks::new())
    }

    /// An engine that tells the host what happens.
    pub fn with_hooks(config: Config, hooks: Hooks) -> Self {
        let clock = if config.monotonic_clock {
            let is_needed = config.needs_time();
            Clock::Monotonic { since: Instant::now(), is_needed }
        } else {
            Clock::Manual
        };
        let max_message_bytes = config.max_message_bytes as usize;
        let max_depth = config.max_depth;
        let mut core = Core::new(config, ENGINES.fetch_add(1, Ordering::Relaxed));
        if hooks.authorize.is_some() {
            core.ask_for_access();
        }
        Self {
            core: Mutex::new(core),
            ready: Ready::new(),
            callbacks: Callbacks::default(),
            loans: Loans::default(),
            put_down: Condvar::new(),
            closing: AtomicU64::new(0),
            hooks,
            clock,
            max_message_bytes,
            max_depth,
        }
    }

    // ---- time ----

    /// Moves the time of an engine whose `clock` is `manual`, does what is due, and yields the
    /// time at which to come again. A time before the present one leaves it as it is.
    ///
    /// [`ErrorKind::State`] if the engine reads the machine's clock.
    pub fn advance(&self, now_ms: u64) -> Result<Option<u64>> {
        match self.clock {
            Clock::Manual => Ok(self.with_underway(|core| core.advance(now_ms))),
            Clock::Monotonic { .. } => Err(Error::new(
                ErrorKind::State,
                "the engine reads the machine's clock; set clock=manual to pass the time in",
            )),
        }
    }

    /// Does what is due by the machine's clock, and yields how long nothing will be. `None`:
    /// nothing is planned. [`wait`](Self::wait) does this by itself; a host with a poll loop of
    /// its own calls it when the time it yielded has passed.
    pub fn tick(&self) -> Option<Duration> {
        let now_ms = self.clock_ms()?;
        let next = self.with_underway(|core| core.advance(now_ms))?;
        Some(Duration::from_millis(next.saturating_sub(now_ms)))
    }

    /// The engine's time, in milliseconds since its making or as the host passed it in.
    pub fn now_ms(&self) -> u64 {
        self.clock_ms().unwrap_or_else(|| self.lock().now_ms())
    }

    /// The time, as [`now_ms`](Self::now_ms) counts it, at which something is due.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.lock().next_deadline_ms()
    }

    pub(super) fn clock_ms(&self) -> Option<u64> {
        match self.clock {
            Clock::Monotonic { since, .. } => {
                Some(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
            }
            Clock::Manual => None,
        }
    }

    // ---- sessions and streams ----

    /// Opens a session. Fails with [`ErrorKind::InvalidArgument`] if the parameters contradict
    /// each other, and with [`ErrorKind::Limit`] beyond `engine.max_sessions`.
    pub fn open(&self, params: SessionParams) -> Result<SessionId> {
        self.with_limits(|core| core.open(&params)).map(SessionId)
    }

    /// Opens a stream of a session. Every session has a duplex one from the start, which needs no
    /// opening; a host opens streams if its transport has several ways out for one session
    /// (legacy HTTP). What belongs to no request then waits for a [`StreamKind::Standalone`] one.
    ///
    /// [`ErrorKind::State`] if the session cannot have another of that kind;
    /// [`ErrorKind::Limit`] beyond `session.max_streams`.
    pub fn open_stream(&self, session: SessionId, kind: StreamKind) -> Result<StreamId> {
        self.with_limits(|core| core.open_stream(session, kind)).map(StreamId)
    }

    /// The connection of a stream is gone. For a duplex stream that is the session's end. For a
    /// session of 2026-07-28 it cancels what the stream was opened for; for older ones it does
    /// not (R35): a stream with event ids waits for [`resume_stream`](Self::resume_stream). In
    /// any case the handle of a stream for a request is stale from now on.
    pub fn close_stream(&self, stream: StreamId) -> Result<()> {
        self.with(|core| core.close_stream(stream))
    }

    /// The client of a legacy HTTP session (2025-03-26 to 2025-11-25) is back, and has every event
    /// of a stream up to that id (its `Last-Event-ID`). The stream is attached again: it offers
    /// what followed that id, in order and no other stream's (R32), and then goes on where it is,
    /// the response that it owes included (R30). The handle is a new one. If the stream had a
    /// connection still, that one is superseded, and its handle stale.
    ///
    /// Streams can be resumed that were opened by name for a session with
    /// [`Framing::Sse`](crate::Framing::Sse) of such a revision, if `replay.max_frames` is not 0.
    ///
    /// [`ErrorKind::Gone`] if what followed is not kept any more, or nothing can follow;
    /// [`ErrorKind::InvalidArgument`] if the id is none that this session was given;
    /// [`ErrorKind::NotNegotiated`] if the session has no event ids (R58). The text begins with
    /// `cannot resume: `, and nothing has changed.
    pub fn resume_stream(&self, session: SessionId, last_event_id: &str) -> Result<StreamId> {
        self.with(|core| core.resume_stream(session, last_event_id)).map(StreamId)
    }

    /// Ends the connection of a stream of 2025-11-25, not the stream (R33): the next frame asks
    /// the client to wait `retry_ms` and is the last one
    /// ([`FrameFlags::is_last`](crate::FrameFlags::is_last)). What is queued waits for
    /// [`resume_stream`](Self::resume_stream).
    ///
    /// [`ErrorKind::NotNegotiated`] if the stream has no event ids, or an older revision.
    pub fn hang_up(&self, stream: StreamId, retry_ms: u32) -> Result<()> {
        self.with(|core| core.hang_up(stream, retry_ms))
    }

    /// The stream that a session has without naming it. [`ErrorKind::State`] if it has several,
    /// or none that is open.
    pub fn stream(&self, session: SessionId) -> Result<StreamId> {
        self.lock().default_stream(session).map(StreamId)
    }

    /// Says goodbye to a client: what is queued and the closing frames of its listens can still be
    /// drained. Those are results if the reason is a graceful one, and errors that name the
    /// reason if not. For [`EndReason::Cancelled`], [`EndReason::Disconnected`] and
    /// [`EndReason::Lagged`] what is queued is dropped. When the last frame is out the session is gone, and
    /// [`Hooks::on_session_end`] is called.
    pub fn end(&self, session: SessionId, reason: EndReason) -> Result<()> {
        self.with(|core| core.end(session, reason))
    }

    /// The peer is gone: nothing more is rendered, the handle is stale at once. Waits for a frame
    /// callback of the session that is running on another thread, unless this is called from a
    /// callback itself; the session's own callback is dropped before this returns.
    pub fn close(&self, session: SessionId) -> Result<()> {
        let mut core = self.lock();
        if !self.callbacks.is_inside(self) {
            core = self.wait_until_put_down(core, session);
        }
        let closed = core.close(session);
        self.release(core);
        if closed.is_ok() {
            self.callbacks.forget(session);
        }
        closed
    }

    /// Stops offering a session's output, because its connection takes no more just now. Nothing
    /// is lost that its bounds do not lose.
    pub fn pause(&self, session: SessionId) -> Result<()> {
        self.with(|core| core.pause(session, true))
    }

    /// Offers a session's output again.
    pub fn resume(&self, session: SessionId) -> Result<()> {
        self.with(|core| core.pause(session, false))
    }

    /// The revision that a session speaks: `None` before it is settled, and for open sessions.
    pub fn revision(&self, session: SessionId) -> Result<Option<Revision>> {
        self.lock().revision(session)
    }

    /// The number that the host gave with the session.
    pub fn user_data(&self, session: SessionId) -> Result<u64> {
        self.lock().user_data(session)
    }

    // ---- messages ----

    /// Takes in one JSON-RPC message of a client, as bytes. [`Disposition::Handled`]: the engine
    /// has dealt with it, and an answer is queued if one is due. [`Disposition::Pass`]: the host
    /// must act on it. What is wrong with a message is answered, counted and logged; it is no
    /// error of this call.
    ///
    /// `stream` is the stream that the message belongs to: its answer goes out there. `None`: the
    /// only one there is.
    ///
    /// [`ErrorKind::State`] for a batch (2025-03-26) of which the host must act on a part: that
    /// takes [`receive_each`](Self::receive_each). Nothing has been done then.
    pub fn receive(
        &self,
        session: SessionId,
        stream: Option<StreamId>,
        message: &[u8],
    ) -> Result<Disposition> {
        let incoming = Incoming::read(message, self.max_message_bytes, self.max_depth);
        let questions =
            |core: &Core, incoming: &Incoming<'_>| core.questions_of_message(session, incoming);
        self.with_access(incoming, questions, |core, incoming| {
            if core.is_mixed_batch(session, &incoming)? {
                return Err(Error::new(
                    ErrorKind::State,
                    "the batch has messages for the engine and for the host: use receive_each",
                ));
            }
            core.receive(session, stream, incoming, &mut |_| {})
        })
    }

    /// As [`receive`](Self::receive), and calls `pass` with the JSON text of each message that
    /// the host must act on: the message itself, or those elements of a batch.
    pub fn receive_each(
        &self,
        session: SessionId,
        stream: Option<StreamId>,
        message: &[u8],
        mut pass: impl FnMut(&str),
    ) -> Result<Disposition> {
        let mut passed = Vec::new();
        let incoming = Incoming::read(message, self.max_message_bytes, self.max_depth);
        let questions =
            |core: &Core, incoming: &Incoming<'_>| core.questions_of_message(session, incoming);
        let disposition = self.with_access(incoming, questions, |core, incoming| {
            core.receive(session, stream, incoming, &mut |text| passed.push(text.to_owned()))
        })?;
        passed.iter().for_each(|text| pass(text));
        Ok(disposition)
    }

    /// Says that a message was longer than `message.max_bytes` and that the transport skipped it.
    /// It is refused where the revision has an answer for it.
    pub fn receive_too_long(
        &self,
        session: SessionId,
        stream: Option<StreamId>,
    ) -> Result<Disposition> {
        let incoming = Incoming::TooLong(self.max_message_bytes + 1);
        self.with(|core| core.receive(session, stream, incoming, &mut |_| {}))
    }

    /// Queues a message of the host's own (or of its SDK), as JSON text. A response goes out
    /// after everything that is queued of its request, on the stream that the request came by;
    /// it fails with [`ErrorKind::State`] if no such request is in flight, because it was
    /// cancelled for example, and with [`ErrorKind::Gone`] if the stream is gone: the request is over
    /// then all the same. A result gets the `resultType` that 2026-07-28 wants if it has none,
    /// and loses it where an older revision has none (R60): [`ErrorKind::Json`] if it is no string
    /// or the result no object, [`ErrorKind::NotNegotiated`] if it says to an older client anything
    /// but `complete`. If the result is a `CreateTaskResult` of 2025-11-25, progress of the request
    /// goes on until the task is over (R23), on the session's own stream and with the name of the
    /// task (R67); the request itself has been answered. A notification is admitted as if it had
    /// been raised for this session alone. A request fails with [`ErrorKind::NotNegotiated`] for
    /// 2026-07-28 (R56).
    ///
    /// The ids of elicitations by URL are learned here: from an `elicitation/create`, and from an
    /// error -32042. `notifications/elicitation/complete` reaches the sessions that were given its
    /// id, once (R68).
    pub fn send(&self, session: SessionId, stream: Option<StreamId>, message: &[u8]) -> Result<()> {
        let outgoing = Outgoing::read(message);
        self.with_limits(|core| core.send(session, stream, outgoing))
    }

    // ---- subscriptions without a message ----

    /// Subscribes an open or legacy session to a URI, as `resources/subscribe` does. Subscribing
    /// twice is subscribing once (G9). [`ErrorKind::Limit`] beyond `session.max_subscriptions`,
    /// `principal.max_subscriptions`, `engine.max_subscriptions`, `session.max_filter_bytes` or
    /// `uri.max_bytes`;
    /// [`ErrorKind::Denied`] if [`Hooks::authorize`] refuses.
    pub fn subscribe(&self, session: SessionId, uri: &str) -> Result<()> {
        let questions = |core: &Core, _: &()| core.questions_of_subscribe(session, uri);
        self.with_access((), questions, |core, ()| {
            core.subscribe(session, uri).inspect_err(|error| core.count_limited(error))
        })
    }

    /// Undoes [`subscribe`](Self::subscribe); what is queued of that URI is dropped.
    /// [`ErrorKind::Gone`] if there was no such subscription.
    pub fn unsubscribe(&self, session: SessionId, uri: &str) -> Result<()> {
        self.with(|core| core.unsubscribe(session, uri))
    }

    /// Subscribes an open or legacy session to every URI that a template matches: one of level 1 of
    /// RFC 6570, as in `file:///{dir}/{name}`, of which each expression matches one run of
    /// unreserved or percent-encoded characters (G4). Twice is once. Clients cannot do this: a URI
    /// on the wire that looks like a template is a plain URI. Nor can a listen, which is sent
    /// nothing but what it named.
    ///
    /// Each URI that is raised takes a place of the session's bound while it waits, as an event
    /// does, and its overflow policy decides where there is none; one that waits is not dropped
    /// for another, so with [`Overflow::DropOldest`](crate::Overflow::DropOldest) events make room,
    /// and where there are none the new one is not queued.
    /// [`Hooks::authorize`](crate::Hooks::authorize) is not asked.
    ///
    /// [`ErrorKind::InvalidArgument`] if it is no such template; the text names the place.
    /// [`ErrorKind::Limit`] as for [`subscribe`](Self::subscribe).
    pub fn subscribe_template(&self, session: SessionId, template: &str) -> Result<()> {
        self.with_limits(|core| core.subscribe_template(session, template))
    }

    /// Undoes [`subscribe_template`](Self::subscribe_template); what is queued of URIs that
    /// nothing else of the session covers is dropped. [`ErrorKind::Gone`] if there was no such
    /// subscription.
    pub fn unsubscribe_template(&self, session: SessionId, template: &str) -> Result<()> {
        self.with(|core| core.unsubscribe_template(session, template))
    }

    /// Starts a listen, as a `subscriptions/listen` with that request id (JSON text) and that
    /// filter (the JSON text of its `notifications`) does. The acknowledgment is queued. Who lists
    /// `taskIds` vouches for the client, that it declares the extension (R64).
    /// [`ErrorKind::Limit`] and [`ErrorKind::Denied`] as for [`subscribe`](Self::subscribe), and
    /// beyond `filter.max_uris` or `filter.max_bytes`.
    pub fn listen(
        &self,
        session: SessionId,
        stream: Option<StreamId>,
        id: &str,
        filter: &str,
    ) -> Result<SubscriptionId> {
        let questions = |core: &Core, _: &()| core.questions_of_listen(session, filter);
        self.with_access((), questions, |core, ()| {
            let listened = core.listen(session, stream, id, filter);
            core.settle_lagging();
            listened.inspect_err(|error| core.count_limited(error))
        })
        .map(SubscriptionId)
    }

    /// The listen with that request id (JSON text).
    pub fn subscription(&self, session: SessionId, id: &str) -> Result<SubscriptionId> {
        self.lock().subscription(session, id).map(SubscriptionId)
    }

    /// Ends a listen. What is queued of it goes out, then its result if the reason is a graceful
    /// one (R48), and an error that names the reason if not. With [`EndReason::Cancelled`] or
    /// [`EndReason::Disconnected`] nothing more does, and with [`EndReason::Lagged`] the error
    /// only.
    pub fn end_subscription(&self, subscription: SubscriptionId, reason: EndReason) -> Result<()> {
        self.with(|core| core.end_subscription(subscription, reason))
    }

    /// How many subscriptions would hear of an update of that URI: a host may spare itself work
    /// for which there is no audience.
    pub fn subscriber_count(&self, uri: &str) -> usize {
        self.lock().subscriber_count(uri)
    }

    // ---- numbers ----

    /// What the engine has done and holds.
    pub fn stats(&self) -> Stats {
        self.lock().stats()
    }

    /// What one session has had and holds.
    pub fn session_stats(&self, session: SessionId) -> Result<SessionStats> {
        self.lock().session_stats(session)
    }

    // ---- the three steps of every call ----

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        self.with_locked(self.lock(), work)
    }

    /// The same for what may find a raising under way, or some put off: raising, draining whichever
    /// streams are ready, and letting time pass.
    pub(super) fn with_underway<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        self.with_locked(self.lock_underway(), work)
    }

    #[inline]
    fn with_locked<'a, T>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        work: impl FnOnce(&mut Core) -> T,
    ) -> T {
        self.pass_time(&mut core);
        let result = work(&mut core);
        self.release(core);
        result
    }

    /// The same for a call that a limit may refuse, which is counted then.
    pub(super) fn with_limits<T>(&self, work: impl FnOnce(&mut Core) -> Result<T>) -> Result<T> {
        self.with(|core| work(core).inspect_err(|error| core.count_limited(error)))
    }

    /// Reads the machine's clock where time makes a difference.
    pub(crate) fn pass_time(&self, core: &mut Core) {
        if let Clock::Monotonic { since, is_needed } = self.clock
            && (is_needed || core.needs_time())
        {
            core.advance(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
        }
    }

    /// The second and the third step, for a caller that has taken the lock itself.
    pub(crate) fn release(&self, mut core: MutexGuard<'_, Core>) {
        let news = if core.has_news() { core.take_news() } else { Vec::new() };
        let owed = self.ready.note(core.is_ready(), core.is_push_ready(), core.next_deadline_ms());
        drop(core);
        self.show(owed);
        for item in news {
            self.tell(&item);
        }
    }

    /// Shows what is owed to the outside. Called with no lock held.
    #[inline]
    pub(super) fn show(&self, owed: Owed) {
        if self.ready.settle(owed)
            && let Some(wake) = &self.hooks.wake
        {
            wake();
        }
        if owed.is_nearer()
            && let Some(deadline) = &self.hooks.deadline
        {
            deadline();
        }
    }

    pub(super) fn tell(&self, news: &News) {
        match news {
            News::Log(record) => {
                if let Some(log) = &self.hooks.log {
                    log(record);
                }
            }
            News::Lists(session, raised) => self.grant_lists(*session, *raised),
            News::Lag(lag) => {
                if let Some(hook) = &self.hooks.lag {
                    hook(lag);
                }
            }
            News::StreamEnd(end) => {
                if let Some(stream_end) = &self.hooks.stream_end {
                    stream_end(end);
                }
            }
            News::End(end) => {
                self.callbacks.forget(end.session);
                if let Some(session_end) = &self.hooks.session_end {
                    session_end(end);
                }
            }
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.whole(self.lock_underway())
    }

    /// For raising, draining whichever streams are ready, and letting time pass: some of earlier
    /// raisings may still have to be queued.
    pub(super) fn lock_underway(&self) -> MutexGuard<'_, Core> {
        // A panic of the core's own under the lock: what it left is not to be trusted.
        let core =
            self.core.lock().expect("an earlier panic has left the engine in an unknown state");
        self.unlent(core)
    }

    /// The core with nothing lent and all raisings finished: whoever takes the lock for more than
    /// raising and draining finds it so.
    #[inline]
    pub(super) fn whole<'a>(&'a self, core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        let mut core = self.unlent(core);
        core.finish_raising();
        core
    }

    /// The core with nothing lent: whoever takes the lock, in whatever way, takes back what is.
    #[inline]
    fn unlent<'a>(&'a self, core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        if core.has_lent() { self.recall(core) } else { core }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("ready", &self.ready).finish_non_exhaustive()
    }
}
