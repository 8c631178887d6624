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
            let next_ms = now_ms
                .map(|now_ms| self.with_underway(|core| core.advance(now_ms)).unwrap_or(u64::MAX));
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
        let Some(session) = session else {
            clear(batch);
            return Ok(self.with_underway(|core| core.drain(max, batch)));
        };
        self.with(|core| {
            // A call that fails leaves the batch as it was.
            let ix = core.session_even_ending(session)?;
            clear(batch);
            Ok(core.drain_session(ix, max, batch))
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
        self.with_underway(|core| core.drain(usize::MAX, &mut sink));
        written(sink.finish())
    }
}

fn written((used, needed): (usize, Option<usize>)) -> Result<usize> {
    match needed {
        Some(needed) if used == 0 => Err(Error::too_small(needed)),
        _ => Ok(used),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use crate::config::Config;
    use crate::dispatch::batch::Batch;
    use crate::dispatch::engine::Engine;
    use crate::framing::Framing;
    use crate::params::{EndReason, Profile, Raise, SessionId, SessionParams, Verdict};
    use crate::protocol::Revision;

    /// One of two engines to which the same is done. The other one queues all of a raising at once.
    struct Twin {
        engine: Engine,
        sessions: Vec<SessionId>,
        /// Sessions by their numbers, which are the same in both.
        numbers: HashMap<SessionId, usize>,
        was_underway: bool,
        has_put_off: bool,
    }

    impl Twin {
        fn new(is_eager: bool, seed: u64) -> Self {
            let mut config = Config::default();
            config.set("clock", "manual").unwrap();
            if seed.is_multiple_of(2) {
                config.set("debounce.resource_ms", "5000").unwrap();
            }
            if seed.is_multiple_of(3) {
                config.set("sse.keep_alive_ms", "100").unwrap();
            }
            if seed.is_multiple_of(5) {
                config.set("resources.match", "segments").unwrap();
            }
            let engine = Engine::new(config);
            if is_eager {
                engine.lock().raise_at_once();
            }
            let (sessions, numbers) = (Vec::new(), HashMap::new());
            Self { engine, sessions, numbers, was_underway: false, has_put_off: false }
        }

        /// Does one thing, and yields what a host sees of it.
        fn act(&mut self, action: usize, n: usize) -> String {
            let seen = self.act_on(action, n);
            let core = self.engine.lock_underway();
            self.was_underway |= core.is_underway();
            self.has_put_off |= core.puts_off();
            format!("{seen} {} {}", core.is_ready(), core.is_push_ready())
        }

        fn act_on(&mut self, action: usize, n: usize) -> String {
            let engine = &self.engine;
            let one = self.sessions.get(n % self.sessions.len().max(1)).copied();
            let uri = format!("file:///{}", n % 3);
            let mut batch = Batch::new();
            match (action, one) {
                (0..5, _) => {
                    return format!("{:?}", engine.notify_resource_updated(&uri, &Raise::ALL));
                }
                (5, _) => return format!("{:?}", engine.notify_tool_list_changed(&Raise::ALL)),
                (6..10, _) => {
                    engine.recv(None, n % 6, &mut batch).unwrap();
                }
                (10..13, _) => {
                    engine.recv(None, 1000, &mut batch).unwrap();
                }
                (13, _) => return self.drain_packed(),
                (14, Some(one)) => {
                    if let Err(error) = engine.recv(Some(one), 1 + n % 4, &mut batch) {
                        return error.to_string();
                    }
                }
                (15, Some(one)) => {
                    let paused =
                        if n.is_multiple_of(8) { engine.pause(one) } else { engine.resume(one) };
                    return format!("{paused:?} {:?}", engine.session_stats(one));
                }
                (16, Some(one)) => return format!("{:?}", engine.unsubscribe(one, &uri)),
                (17, Some(one)) => return format!("{:?}", engine.subscribe(one, &uri)),
                (18, Some(one)) if n.is_multiple_of(4) => {
                    self.sessions.retain(|&session| session != one);
                    return format!("{:?}", engine.close(one));
                }
                (18, Some(one)) if n % 4 == 1 => {
                    return format!("{:?}", engine.end(one, EndReason::Graceful));
                }
                (18, Some(one)) if n.is_multiple_of(50) => {
                    let taken = engine.on_frame(Some(one), Box::new(|_| Verdict::Accepted));
                    return format!("{taken:?}");
                }
                (19, _) => {
                    return format!(
                        "{:?}",
                        engine.advance(engine.now_ms() + 4000 * (n % 4) as u64)
                    );
                }
                (20, _) => return format!("{}", engine.wait(Some(Duration::ZERO))),
                // Twice in a row: then who has been sent nothing is silent.
                (21, _) => {
                    let passed = [100, 200].map(|ms| engine.advance(engine.now_ms() + ms));
                    return format!("{passed:?}");
                }
                (22, _) if self.numbers.len() < 40 => self.open(n),
                _ => {}
            }
            let frames = batch.iter().map(|frame| {
                let text = String::from_utf8_lossy(frame.data);
                format!("{} {text}", self.numbers[&frame.session])
            });
            frames.collect::<Vec<_>>().join("\n")
        }

        fn drain_packed(&self) -> String {
            let mut buf = vec![0; 400];
            let used = self.engine.drain(&mut buf).unwrap();
            // Without the handles, which differ: whose each frame is, recv tells.
            let mut seen = String::new();
            let mut rest = &buf[..used];
            while let Some((header, behind)) = rest.split_first_chunk::<24>() {
                let len = u32::from_ne_bytes(header[20..].try_into().unwrap()) as usize;
                seen.push_str(std::str::from_utf8(&behind[..len]).unwrap());
                rest = &behind[len.next_multiple_of(8)..];
            }
            seen
        }

        fn open(&mut self, n: usize) {
            let revision = Revision::LATEST_LEGACY;
            let profile = match n % 3 {
                0 => Profile::Modern,
                1 => Profile::Legacy { revision, handshake: false },
                _ => Profile::Open,
            };
            let framing = if n.is_multiple_of(2) { Framing::Sse } else { Framing::Json };
            let session = self.engine.open(SessionParams::new(profile).framing(framing)).unwrap();
            if profile == Profile::Modern {
                let filter = r#"{"resourceSubscriptions":["file:///0","file:///1"],"toolsListChanged":true}"#;
                self.engine.listen(session, None, &n.to_string(), filter).unwrap();
            } else {
                self.engine.subscribe(session, "file:///0").unwrap();
                self.engine.subscribe(session, "file:///2").unwrap();
            }
            self.numbers.insert(session, self.numbers.len());
            self.sessions.push(session);
        }
    }

    #[test]
    fn nobody_can_tell_that_raisings_are_not_queued_yet() {
        let mut is_tried = (false, false);
        for seed in 1..=200_u64 {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut below = |n: usize| {
                random ^= random >> 12;
                random ^= random << 25;
                random ^= random >> 27;
                (random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
            };
            let mut twins = [false, true].map(|is_eager| Twin::new(is_eager, seed));
            for step in 0..300 {
                // First there are some to hear of anything.
                let (action, n) = (if step < 12 { 22 } else { below(23) }, below(1000));
                let [seen, expected] = twins.each_mut().map(|twin| twin.act(action, n));
                assert_eq!(seen, expected, "seed {seed}, step {step}: action {action} with {n}");
            }
            assert!(!twins[1].was_underway && !twins[1].has_put_off);
            is_tried.0 |= twins[0].was_underway;
            is_tried.1 |= twins[0].has_put_off;
            let [stats, expected] = twins.map(|twin| format!("{:?}", twin.engine.stats()));
            assert_eq!(stats, expected, "seed {seed}");
        }
        assert_eq!(is_tried, (true, true));
    }
}
