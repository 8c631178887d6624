//! Delivery by pull: wait for output, and take it out.

use std::time::{Duration, Instant};

use crate::dispatch::batch::Batch;
use crate::dispatch::engine::Engine;
use crate::dispatch::sinks::{Flat, Packed};
use crate::dispatch::vectored::VectoredBatch;
use crate::engine::Sink;
use crate::error::{Error, Result};
use crate::params::{SessionId, StreamId};

impl Engine {
    /// Waits until some session has output (`true`), or until somebody called
    /// [`wakeup`](Self::wakeup) or the time is over (`false`). `None` waits for as long as it
    /// takes. What falls due meanwhile is done.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            // A deadline that comes nearer after this is news for the wait below. With the host's
            // own clock nothing falls due by itself.
            let now_ms = self.clock_ms();
            let next_ms =
                now_ms.map(|now_ms| self.with(|core| core.advance(now_ms)).unwrap_or(u64::MAX));
            let next = next_ms.zip(now_ms).and_then(|(next_ms, now_ms)| {
                let left = Duration::from_millis(next_ms.saturating_sub(now_ms));
                Instant::now().checked_add(left)
            });
            let first = [until, next].into_iter().flatten().min();
            if let Some(has_output) = self.ready.wait(first, next_ms.unwrap_or(0)) {
                return has_output;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return false;
            }
        }
    }

    /// Makes one [`wait`](Self::wait), present or next, return at once.
    pub fn wakeup(&self) {
        self.ready.wake();
    }

    /// A file descriptor for a poll loop: readable exactly while some session has output. It is
    /// the engine's: do not read, write or close it. `None` where the system has none.
    pub fn fd(&self) -> Option<i32> {
        self.ready.fd().ok()
    }

    /// Puts up to `max` sessions that have output into `ready`, longest waiting first.
    pub fn ready_sessions(&self, max: usize, ready: &mut Vec<SessionId>) {
        ready.clear();
        self.lock().ready_sessions(max, ready);
    }

    /// Takes up to `max` frames into a batch: of one session, or of all that have no frame
    /// callback, in turns. Yields how many.
    pub fn recv(&self, session: Option<SessionId>, max: usize, batch: &mut Batch) -> Result<usize> {
        self.take(session, max, batch, Batch::clear)
    }

    /// As [`recv`](Self::recv), into a batch that lends the frames in parts, so that what they have
    /// in common is not copied for each: for hosts that write with vectored writes.
    pub fn recv_vectored(
        &self,
        session: Option<SessionId>,
        max: usize,
        batch: &mut VectoredBatch,
    ) -> Result<usize> {
        self.take(session, max, batch, VectoredBatch::clear)
    }

    #[inline]
    fn take<S: Sink>(
        &self,
        session: Option<SessionId>,
        max: usize,
        batch: &mut S,
        clear: impl FnOnce(&mut S),
    ) -> Result<usize> {
        self.with(|core| {
            // A call that fails leaves the batch as it was.
            let ix = session.map(|session| core.session_even_ending(session)).transpose()?;
            clear(batch);
            Ok(match ix {
                Some(ix) => core.drain_session(ix, max, batch),
                None => core.drain(max, batch),
            })
        })
    }

    /// Takes up to `max` frames of one stream into a batch.
    pub fn recv_stream(&self, stream: StreamId, max: usize, batch: &mut Batch) -> Result<usize> {
        self.with(|core| {
            let ix = core.stream_ix(stream)?;
            batch.clear();
            Ok(core.drain_stream(ix, max, batch).0)
        })
    }

    /// Copies as many whole frames of one session as fit into `buf`, and yields their bytes: 0 if
    /// nothing is queued. Fails with [`ErrorKind::Limit`](crate::ErrorKind::Limit) and
    /// [`Error::needed_bytes`] if the first one alone does not fit; it stays queued.
    ///
    /// For a session with one stream. If it has several, use
    /// [`recv_stream`](Self::recv_stream).
    pub fn read(&self, session: SessionId, buf: &mut [u8]) -> Result<usize> {
        let mut sink = Flat::new(buf);
        self.with(|core| {
            let ix = core.session_even_ending(session)?;
            let _only = core.default_stream(session)?;
            core.drain_session(ix, usize::MAX, &mut sink);
            Ok(())
        })?;
        written(sink.finish())
    }

    /// Packs as many whole frames of as many sessions as fit into `buf`, and yields the bytes
    /// used. Each record is a header (session `u64`, stream `u64`, flags `u32`, length `u32`, in
    /// the machine's byte order), the frame, and zeros up to a multiple of 8 bytes. What `buf` holds
    /// behind the bytes used is undefined afterwards. Fails with
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit) and [`Error::needed_bytes`] if the first
    /// record alone does not fit.
    pub fn drain(&self, buf: &mut [u8]) -> Result<usize> {
        let mut sink = Packed::new(buf);
        self.with(|core| core.drain(usize::MAX, &mut sink));
        written(sink.finish())
    }
}

fn written((used, needed): (usize, Option<usize>)) -> Result<usize> {
    match needed {
        Some(needed) if used == 0 => Err(Error::too_small(needed)),
        _ => Ok(used),
    }
}
