//! Three ways of getting frames out, each with its own clock.
//!
//! A round is one message: it is raised, and the round is over when every frame that is due for it
//! has come out. So rounds never mix, and the raising that a frame belongs to is always known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure};
use clap::ValueEnum;
use fanfare::{Batch, Engine, Verdict};
use hdrhistogram::Histogram;

use super::scenario::Crowd;

/// How many frames are taken at a time.
const BATCH: usize = 256;

/// How the frames come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// One thread raises and takes the frames in batches
    Engine,
    /// One thread raises, then dispatches: a frame callback is called for each frame
    Callback,
    /// One thread raises, another waits for output and takes it in batches
    Pull,
}

impl Via {
    pub(super) fn taker(self, engine: &Arc<Engine>) -> anyhow::Result<Taker> {
        let shared = Arc::new(Shared::new()?);
        let engine = Arc::clone(engine);
        let how = match self {
            Self::Engine => How::Engine(Batch::new()),
            Self::Callback => {
                let shared = Arc::clone(&shared);
                engine.on_frame(
                    None,
                    Box::new(move |_| {
                        shared.lock().took(1);
                        Verdict::Accepted
                    }),
                )?;
                How::Callback
            }
            Self::Pull => {
                let (engine, shared) = (Arc::clone(&engine), Arc::clone(&shared));
                How::Pull(Some(std::thread::spawn(move || pull(&engine, &shared))))
            }
        };
        Ok(Taker { engine, shared, how, busy: Duration::ZERO })
    }
}

/// What was measured.
pub(super) struct Measured {
    /// Of every delivery, in ns.
    pub(super) latencies: Histogram<u64>,
    pub(super) deliveries: u64,
    /// The time from each raising to the last frame of it, summed.
    pub(super) busy: Duration,
}

/// Takes frames out in one of the ways.
pub(super) struct Taker {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    how: How,
    busy: Duration,
}

enum How {
    Engine(Batch),
    Callback,
    Pull(Option<JoinHandle<()>>),
}

/// What the raising thread and the taking one have in common.
struct Shared {
    account: Mutex<Account>,
    /// Told when frames were taken by the other thread.
    taken: Condvar,
    over: AtomicBool,
}

struct Account {
    /// When the message of this round was raised.
    raised: Instant,
    deliveries: u64,
    latencies: Histogram<u64>,
}

impl Account {
    /// Frames came out, all at this moment.
    fn took(&mut self, frames: u64) {
        let ns = u64::try_from(self.raised.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.latencies.saturating_record_n(ns, frames);
        self.deliveries += frames;
    }
}

impl Shared {
    fn new() -> anyhow::Result<Self> {
        // From 1 ns to a minute, with three digits.
        let latencies = Histogram::new_with_bounds(1, 60_000_000_000, 3)?;
        let account = Account { raised: Instant::now(), deliveries: 0, latencies };
        Ok(Self {
            account: Mutex::new(account),
            taken: Condvar::new(),
            over: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taker {
    /// Raises one message and sees it delivered to all who are due to hear it.
    pub(super) fn round(&mut self, crowd: &mut Crowd<'_>, message: u64) -> anyhow::Result<()> {
        crowd.prepare(message)?;
        let before = {
            let mut account = self.shared.lock();
            account.raised = Instant::now();
            account.deliveries
        };
        let due = before + crowd.raise(message)?;
        match &mut self.how {
            How::Engine(batch) => {
                while let taken @ 1.. = self.engine.recv(None, BATCH, batch)? {
                    self.shared.lock().took(taken as u64);
                }
            }
            How::Callback => while self.engine.dispatch(BATCH)? > 0 {},
            How::Pull(_) => self.shared.wait_for(due)?,
        }
        let got = {
            let account = self.shared.lock();
            self.busy += account.raised.elapsed();
            account.deliveries
        };
        ensure!(got == due, "{} frames were due, and {} came", due - before, got - before);
        Ok(())
    }

    /// Begins to measure anew.
    pub(super) fn forget(&mut self) {
        let mut account = self.shared.lock();
        account.latencies.reset();
        account.deliveries = 0;
        self.busy = Duration::ZERO;
    }

    /// Stops, and gives what was measured.
    pub(super) fn finish(mut self) -> anyhow::Result<Measured> {
        self.stop()?;
        let account = self.shared.lock();
        let Account { ref latencies, deliveries, .. } = *account;
        Ok(Measured { latencies: latencies.clone(), deliveries, busy: self.busy })
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        let How::Pull(thread) = &mut self.how else { return Ok(()) };
        self.shared.over.store(true, Ordering::Release);
        self.engine.wakeup();
        let Some(thread) = thread.take() else { return Ok(()) };
        thread.join().map_err(|_| anyhow!("the pulling thread panicked"))
    }
}

impl Drop for Taker {
    /// An error on the way must not leave the other thread behind.
    fn drop(&mut self) {
        drop(self.stop());
    }
}

impl Shared {
    /// Waits until the other thread has taken that many frames in all.
    fn wait_for(&self, due: u64) -> anyhow::Result<()> {
        let patience = Duration::from_secs(60);
        let account = self.lock();
        let (account, waited) = self
            .taken
            .wait_timeout_while(account, patience, |account| account.deliveries < due)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            bail!("{} of {due} frames came within a minute", account.deliveries);
        }
        Ok(())
    }
}

/// The other thread of [`Via::Pull`].
fn pull(engine: &Engine, shared: &Shared) {
    let mut batch = Batch::new();
    while !shared.over.load(Ordering::Acquire) {
        engine.wait(None);
        while let Ok(taken @ 1..) = engine.recv(None, BATCH, &mut batch) {
            shared.lock().took(taken as u64);
            shared.taken.notify_one();
        }
    }
}
