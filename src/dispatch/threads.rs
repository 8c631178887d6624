//! Dispatcher threads: a tokio runtime of the engine's own that runs the frame callbacks.
//!
//! Each worker registers for wake-ups *before* it looks for work, so that output which comes
//! between the look and the sleep wakes it. A worker sleeps only after it has seen that no
//! session with a callback has output, and that this is shown: any output after that is an edge
//! that wakes all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

use crate::dispatch::engine::Engine;
use crate::error::{Error, ErrorKind, Result};

/// Frames that a worker takes before it lets others on its thread run.
const BUDGET: usize = 256;

/// Threads that deliver an engine's frames to its callbacks until they are stopped.
#[derive(Debug)]
pub struct Dispatcher {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    name: u64,
}

#[derive(Debug)]
struct Shared {
    engine: Arc<Engine>,
    news: Arc<Notify>,
    is_stopping: AtomicBool,
}

impl Dispatcher {
    /// Starts that many threads. They also do what falls due by the machine's clock.
    ///
    /// [`ErrorKind::InvalidArgument`] for no thread, [`ErrorKind::Os`] if the system gives none.
    pub fn start(engine: Arc<Engine>, threads: usize) -> Result<Self> {
        if threads == 0 {
            return Err(Error::invalid("threads must be at least 1"));
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("fanfare-dispatch")
            .enable_time()
            .build()
            .map_err(|e| Error::new(ErrorKind::Os, format!("dispatcher threads: {e}")))?;
        let news = Arc::new(Notify::new());
        let waker = news.clone();
        let name = engine.ready.add_dispatcher(Arc::new(move || waker.notify_waiters()));
        let shared = Arc::new(Shared { engine, news, is_stopping: AtomicBool::new(false) });
        for _ in 0..threads {
            runtime.spawn(work(shared.clone()));
        }
        Ok(Self { runtime: Some(runtime), shared, name })
    }

    /// Stops the threads: when it returns, no callback is running on them and none will start.
    /// What is queued stays queued. Must not be called from a frame callback, nor from a hook that
    /// runs on one of them; that is [`ErrorKind::Reentrant`], and the threads go on.
    pub fn stop(mut self) -> Result<()> {
        if self.shared.engine.callbacks.is_inside(&self.shared.engine) || self.is_own_thread() {
            // A thread cannot wait for itself, so they are left to run.
            std::mem::forget(self);
            return Err(Error::new(
                ErrorKind::Reentrant,
                "the dispatcher was stopped from inside a frame callback or one of its own threads",
            ));
        }
        self.shut_down();
        Ok(())
    }

    /// Whether this is one of its threads: they also tell the news, and so run hooks.
    fn is_own_thread(&self) -> bool {
        let own = self.runtime.as_ref().map(|runtime| runtime.handle().id());
        Handle::try_current().is_ok_and(|current| Some(current.id()) == own)
    }

    fn shut_down(&mut self) {
        self.shared.engine.ready.remove_dispatcher(self.name);
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.shared.news.notify_waiters();
        // Waits for the callbacks that are running: workers never block elsewhere. On a thread of
        // some other runtime (a callback of another engine may be ending this one) tokio refuses
        // to wait, so a thread of its own does.
        let is_own_thread = self.is_own_thread();
        let Some(runtime) = self.runtime.take() else { return };
        if is_own_thread {
            // Dropped by a hook: the others end when they have seen that they are to, and so does
            // this one.
            runtime.shutdown_background();
        } else if Handle::try_current().is_err() {
            drop(runtime);
        } else if let Ok(thread) = thread::Builder::new().spawn(move || drop(runtime)) {
            let _ = thread.join();
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        if self.runtime.is_some() {
            self.shut_down();
        }
    }
}

impl Engine {
    /// Whether a worker that found nothing to do would be woken by whatever comes.
    fn may_sleep(&self) -> bool {
        self.show(self.ready.owe());
        self.ready.shows_nothing_pushed()
    }
}

async fn work(shared: Arc<Shared>) {
    loop {
        let news = shared.news.notified();
        let mut news = std::pin::pin!(news);
        news.as_mut().enable();
        if shared.is_stopping.load(Ordering::SeqCst) {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| shared.engine.dispatch(BUDGET))) {
            Ok(Ok(BUDGET)) => {
                tokio::task::yield_now().await;
                continue;
            }
            Ok(_) => {}
            // A callback panicked: its session is paused, the others must not suffer. If it was
            // the engine itself, nothing more can be delivered.
            Err(_) if shared.engine.core.is_poisoned() => return,
            Err(_) => continue,
        }
        let left = shared.engine.tick();
        if !shared.engine.may_sleep() {
            continue;
        }
        match left {
            Some(left) => {
                // At least a moment, so that a deadline that is due but not done cannot spin.
                let left = left.max(Duration::from_millis(1));
                let _ = tokio::time::timeout(left, news).await;
            }
            None => news.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::config::Config;
    use crate::params::{Profile, Raise, SessionParams, Target, Verdict};

    #[test]
    fn a_callback_that_panics_takes_no_thread_with_it() {
        let engine = Arc::new(Engine::new(Config::default()));
        let broken = engine.open(SessionParams::new(Profile::Open)).unwrap();
        let sound = engine.open(SessionParams::new(Profile::Open)).unwrap();
        let (sender, receiver) = mpsc::channel();
        let told = sender.clone();
        engine
            .on_frame(
                Some(broken),
                Box::new(move |_| {
                    told.send("broken").unwrap();
                    panic!("the callback broke")
                }),
            )
            .unwrap();
        engine
            .on_frame(
                Some(sound),
                Box::new(move |_| {
                    sender.send("sound").unwrap();
                    Verdict::Accepted
                }),
            )
            .unwrap();
        let dispatcher = Dispatcher::start(engine.clone(), 1).unwrap();
        let one = |session| {
            engine.notify("notifications/x", None, &Raise::to(Target::Session(session))).unwrap();
            receiver.recv().unwrap()
        };
        assert_eq!(one(broken), "broken");
        assert_eq!(one(sound), "sound");
        // The frame that it choked on is still there, and the session waits to be resumed.
        engine.resume(broken).unwrap();
        assert_eq!(receiver.recv().unwrap(), "broken");
        assert_eq!(one(sound), "sound");
        dispatcher.stop().unwrap();
    }

    /// The end of a session is told on the thread that took its last frame.
    #[test]
    fn a_hook_on_a_thread_of_the_dispatcher_cannot_stop_it() {
        use std::sync::Mutex;

        use crate::dispatch::Hooks;
        use crate::params::EndReason;

        let dispatcher: Arc<Mutex<Option<Dispatcher>>> = Arc::default();
        let (sender, receiver) = mpsc::channel();
        let stopping = dispatcher.clone();
        let hooks = Hooks::new().on_session_end(move |_| {
            let dispatcher = stopping.lock().unwrap().take().unwrap();
            sender.send(dispatcher.stop().unwrap_err().kind()).unwrap();
        });
        let engine = Arc::new(Engine::with_hooks(Config::default(), hooks));
        let session = engine.open(SessionParams::new(Profile::Open)).unwrap();
        engine.on_frame(Some(session), Box::new(|_| Verdict::Accepted)).unwrap();
        engine.pause(session).unwrap();
        engine.notify("notifications/x", None, &Raise::ALL).unwrap();
        engine.end(session, EndReason::Graceful).unwrap();
        *dispatcher.lock().unwrap() = Some(Dispatcher::start(engine.clone(), 1).unwrap());
        engine.resume(session).unwrap();
        assert_eq!(receiver.recv().unwrap(), ErrorKind::Reentrant);
    }
}
