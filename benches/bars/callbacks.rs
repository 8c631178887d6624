//! Delivery by callback: on the host's thread beside pull, on the engine's threads beside a bare
//! wake.

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use fanfare::{
    Config, Dispatcher, Engine, Framing, Profile, Raise, SessionParams, Target, Verdict,
};

use crate::boundary;
use crate::crowd::Crowd;
use crate::floors;
use crate::measure::{Pair, compare, median, time_once};
use crate::table::{Row, Table};

/// Bar 8, on the host's thread. Only the taking out is timed; raising is the same for both.
pub(crate) fn on_own_thread(table: &mut Table, n: usize, rounds: usize) {
    let called = Crowd::new(n, Framing::Json);
    let callback = |frame: &fanfare::Frame<'_>| {
        black_box(frame);
        Verdict::Accepted
    };
    called.engine.on_frame(None, Box::new(callback)).expect("it is registered");
    let mut pulled = Crowd::new(n, Framing::Json);
    let mut dispatch = || {
        assert_eq!(called.raise(), n);
        time_once(n, || assert_eq!(called.engine.dispatch(usize::MAX), Ok(n)))
    };
    let mut recv = || {
        assert_eq!(pulled.raise(), n);
        time_once(n, || assert_eq!(pulled.drain(), n))
    };
    let pair = compare(rounds, &mut dispatch, &mut recv);
    let scenario = ("callbacks on the host's thread", n);
    table.add(Row::difference(scenario, pair, "ns a frame", "the same pulled by recv", 5.0));
    boundary::callbacks(table, n, rounds);
    floors::callbacks(table, n, rounds);
}

/// Bar 8, on the engine's threads: from just before the raising to the first line of the callback,
/// of a dispatcher whose only thread sleeps; and the same of a thread that is parked, which on
/// Linux is one futex. The middle of so many of each.
pub(crate) fn on_a_sleeping_thread(table: &mut Table, wakes: usize) {
    let what = "a callback on a thread that sleeps";
    if fs::metadata("/proc/thread-self/stat").is_err() {
        return table.lacks(what, "without /proc nobody knows when a thread sleeps");
    }
    let told = Told::new();
    let (engine, dispatcher) = dispatcher(&told);
    let raise = || {
        let reached = engine.notify("app/saved", None, &Raise::to(Target::All));
        assert_eq!(reached, Ok(1));
    };
    let parked = Parked::start();
    // Once for nothing; and so both threads have said who they are.
    raise();
    told.wait();
    parked.wake();
    parked.told.wait();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..wakes {
        ours.push(told.wake_asleep(&raise));
        bare.push(parked.told.wake_asleep(&|| parked.wake()));
    }
    dispatcher.stop().expect("this is not one of its threads");
    parked.stop();
    let pair = Pair { ours: median(ours.into_iter()), peer: median(bare.into_iter()) };
    table.add(Row::ratio((what, 1), pair, "ns, p50", "unpark of a parked thread", 1.5));
}

/// An engine with one session, whose callback tells when it ran, and one thread.
fn dispatcher(told: &Arc<Told>) -> (Arc<Engine>, Dispatcher) {
    let engine = Arc::new(Engine::new(Config::default()));
    engine.open(SessionParams::new(Profile::Open)).expect("it opens");
    let telling = Arc::clone(told);
    let callback = move |_: &fanfare::Frame<'_>| {
        telling.tell();
        Verdict::Accepted
    };
    engine.on_frame(None, Box::new(callback)).expect("it is registered");
    let dispatcher = Dispatcher::start(Arc::clone(&engine), 1).expect("it starts");
    (engine, dispatcher)
}

/// When another thread was awake, and where the kernel tells what that thread does.
struct Told {
    /// What `at_ns` counts from.
    since: Instant,
    /// When it was awake last. 0: not since it was asked.
    at_ns: AtomicU64,
    thread: std::sync::OnceLock<String>,
}

impl Told {
    fn new() -> Arc<Self> {
        let since = Instant::now();
        Arc::new(Self { since, at_ns: AtomicU64::new(0), thread: std::sync::OnceLock::new() })
    }

    fn now_ns(&self) -> u64 {
        // Never 0, and never more than 500 years.
        self.since.elapsed().as_nanos() as u64 + 1
    }

    /// On the other thread: it is awake.
    fn tell(&self) {
        let at_ns = self.now_ns();
        self.thread.get_or_init(|| {
            // PID/task/TID, which names this thread for the others too.
            let this = fs::read_link("/proc/thread-self").expect("the kernel names the thread");
            format!("/proc/{}/stat", this.display())
        });
        self.at_ns.store(at_ns, Ordering::Release);
    }

    /// Waits until it has told, and yields when that was.
    fn wait(&self) -> u64 {
        loop {
            match self.at_ns.swap(0, Ordering::Acquire) {
                0 => thread::yield_now(),
                at_ns => return at_ns,
            }
        }
    }

    /// The ns from just before `wake` to when the other thread, asleep before, had been woken.
    fn wake_asleep(&self, wake: &dyn Fn()) -> f64 {
        self.wait_until_asleep();
        let begun = self.now_ns();
        wake();
        (self.wait() - begun) as f64
    }

    /// The thread has told of its last waking, so it was running after that; and nobody holds a
    /// lock that it could be waiting for meanwhile. So when the kernel says that it sleeps, it does
    /// until it is woken.
    fn wait_until_asleep(&self) {
        let stat = self.thread.get().expect("it has told before");
        loop {
            let stat = fs::read_to_string(stat).expect("the thread lives");
            // PID (NAME) STATE ..., where the name may have anything in it.
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
            if state == Some('S') {
                return;
            }
            thread::yield_now();
        }
    }
}

/// A thread that does nothing but sleep and say when it was woken.
struct Parked {
    told: Arc<Told>,
    is_woken: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Parked {
    fn start() -> Self {
        let told = Told::new();
        let (is_woken, is_over) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (telling, woken, over) =
            (Arc::clone(&told), Arc::clone(&is_woken), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !AtomicBool::load(&over, Ordering::Acquire) {
                // Parking may end by itself.
                while !woken.swap(false, Ordering::Acquire) {
                    thread::park();
                }
                telling.tell();
            }
        });
        Self { told, is_woken, is_over, thread }
    }

    fn wake(&self) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }

    fn stop(self) {
        self.is_over.store(true, Ordering::Release);
        self.wake();
        self.thread.join().expect("it did nothing that can fail");
    }
}
