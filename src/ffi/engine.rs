//! The engine: its life, its time, and waiting for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::callback::{not_dropping, not_inside};
use super::config::fanfare_config;
use super::guard::{Failure, guard, guard_value};
use super::output::Out;
use super::session::fanfare_session;
use super::status::fanfare_status::{self, *};
use crate::config::Config;
#[cfg(feature = "dispatch")]
use crate::dispatch::Dispatcher;
use crate::dispatch::Engine;

/// Says that there is no deadline.
pub const FANFARE_NEVER: u64 = 0xffff_ffff_ffff_ffff;

/// Everything: sessions, what they want, and what waits to be sent to them. All functions on it
/// may be called from any thread at any time, except that nothing may be called any more once
/// fanfare_engine_free() has been.
pub struct fanfare_engine {
    pub(super) engine: Arc<Engine>,
    /// Tells engines apart in the marks of the threads that are inside their callbacks.
    pub(super) id: u64,
    gate: Arc<Gate>,
    #[cfg(feature = "dispatch")]
    pub(super) dispatcher: Mutex<Option<Dispatcher>>,
}

/// The engine of a pointer from C.
///
/// # Safety
/// If it is not NULL, it came from fanfare_engine_new and has not been freed.
pub(super) unsafe fn engine<'a>(ptr: *const fanfare_engine) -> Result<&'a fanfare_engine, Failure> {
    not_dropping()?;
    // SAFETY: passed on.
    unsafe { ptr.as_ref() }.ok_or_else(|| Failure::null("engine"))
}

/// Counts the threads that are inside a call which waits or runs callbacks, so that the engine can
/// be freed under them: they are made to leave, and nobody enters any more.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    left: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    guests: usize,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread inside. It has a hold of its own on the gate: the engine may go the moment it leaves.
pub(super) struct Guest(Arc<Gate>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.state().guests -= 1;
        self.0.left.notify_all();
    }
}

impl fanfare_engine {
    /// Enters a call that waits or runs callbacks.
    pub(super) fn enter(&self) -> Result<Guest, Failure> {
        let mut state = self.gate.state();
        if state.closed {
            return Err(Failure::new(FANFARE_E_STATE, "the engine is being freed"));
        }
        state.guests += 1;
        Ok(Guest(Arc::clone(&self.gate)))
    }

    /// Has every guest leave. One that waits takes the wakeup; when it is out, the next one gets
    /// another.
    fn turn_out_guests(&self) {
        let mut state = self.gate.state();
        while state.guests > 0 {
            self.engine.wakeup();
            state = self.gate.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Makes an engine. config is borrowed for the call; NULL means every default. It starts no
/// thread and opens one file descriptor (where there are such).
///
/// Any thread. Ownership: *out is yours; give it to fanfare_engine_free().
/// FANFARE_OK; FANFARE_E_NULL: out; FANFARE_E_OS.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_new(
    config: *const fanfare_config,
    out: *mut *mut fanfare_engine,
) -> fanfare_status {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    guard(|| {
        not_dropping()?;
        // SAFETY: the caller's promise.
        let (config, out) = unsafe { (config.as_ref(), Out::required("out", out)?) };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let engine = match config {
            Some(config) => Engine::with_hooks(config.config.clone(), config.hooks(id)),
            None => Engine::new(Config::default()),
        };
        out.set(Box::into_raw(Box::new(fanfare_engine {
            engine: Arc::new(engine),
            id,
            gate: Arc::default(),
            #[cfg(feature = "dispatch")]
            dispatcher: Mutex::new(None),
        })));
        Ok(())
    })
}

/// Frees an engine with everything in it; NULL is fine. Threads that are in fanfare_engine_wait()
/// or fanfare_dispatch() are made to leave, dispatcher threads are stopped, and callbacks that
/// are running are waited for. When it returns, no callback is running, none will start, and each
/// drop function has run once (that of a callback set on a configuration which still lives
/// excepted: it runs with the configuration's end). Batches stay valid.
///
/// Any thread, once; all other calls on the engine must have been made before.
/// FANFARE_OK; FANFARE_E_REENTRANT: from inside a callback of this engine: it lives on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_free(engine: *mut fanfare_engine) -> fanfare_status {
    guard(|| {
        if engine.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let inner = unsafe { self::engine(engine)? };
        not_inside(inner.id, "fanfare_engine_free")?;
        inner.gate.state().closed = true;
        inner.stop_dispatcher()?;
        inner.turn_out_guests();
        // SAFETY: it came from fanfare_engine_new, the caller gives it up, and every thread that
        // was inside of it is out. The drop functions of the host's callbacks run in here; they
        // cannot come back in, because their thread is marked.
        drop(unsafe { Box::from_raw(engine) });
        Ok(())
    })
}

/// Moves the time of an engine configured with clock=manual, does what has become due, and gives
/// in *out_next_ms the time at which it wants to be called again, or FANFARE_NEVER. A time before
/// the present one leaves it as it is.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_STATE: the engine has clock=monotonic.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_advance(
    engine: *mut fanfare_engine,
    now_ms: u64,
    out_next_ms: *mut u64,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) =
            unsafe { (self::engine(engine)?, Out::required("out_next_ms", out_next_ms)?) };
        out.set(engine.engine.advance(now_ms)?.unwrap_or(FANFARE_NEVER));
        Ok(())
    })
}

/// Does what has become due by the machine's clock (clock=monotonic, the default), and gives in
/// *out_wait_ms how many milliseconds may pass until it wants to be called again, or
/// FANFARE_NEVER. fanfare_engine_wait() does it by itself; who uses the file descriptor or the
/// wake callback instead calls this after each round, and when fanfare_config_set_deadline() says
/// that something is due sooner.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_tick(
    engine: *mut fanfare_engine,
    out_wait_ms: *mut u64,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) =
            unsafe { (self::engine(engine)?, Out::required("out_wait_ms", out_wait_ms)?) };
        let wait = engine.engine.tick().map_or(FANFARE_NEVER, |wait| {
            // Rounded up: a wait that ends too early finds nothing due and spins.
            wait.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(FANFARE_NEVER - 1)
        });
        out.set(wait);
        Ok(())
    })
}

/// The engine's time in milliseconds, counted from its own beginning (clock=monotonic) or as the
/// host last said (clock=manual).
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_now(
    engine: *const fanfare_engine,
    out_now_ms: *mut u64,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) =
            unsafe { (self::engine(engine)?, Out::required("out_now_ms", out_now_ms)?) };
        out.set(engine.engine.now_ms());
        Ok(())
    })
}

/// The time at which something will be due, on the same scale, or FANFARE_NEVER.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_next_deadline(
    engine: *const fanfare_engine,
    out_next_ms: *mut u64,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) =
            unsafe { (self::engine(engine)?, Out::required("out_next_ms", out_next_ms)?) };
        out.set(engine.engine.next_deadline_ms().unwrap_or(FANFARE_NEVER));
        Ok(())
    })
}

/// A file descriptor for poll, select or an event loop: readable exactly while some session has
/// output. Do not read from it and do not close it; it is the engine's. -1 where the platform has
/// none (use the wake callback there), and for NULL.
///
/// Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_fd(engine: *const fanfare_engine) -> i32 {
    guard_value(-1, || {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        Ok(engine.engine.fd().unwrap_or(-1))
    })
}

/// Waits until some session has output, fanfare_engine_wakeup() is called, or timeout_ms is over
/// (negative: no bound; 0: do not wait). Writes up to cap ready sessions to ready, and how many to
/// *out_n. A session stays ready until its output has been taken, so what does not fit comes with
/// the next call. ready may be NULL when cap is 0.
///
/// Any thread.
/// FANFARE_OK: there is output (with cap 0, out_n is 0 all the same); FANFARE_EMPTY: there is
/// none, *out_n is 0; FANFARE_E_NULL; FANFARE_E_STATE: the engine is being freed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_wait(
    engine: *mut fanfare_engine,
    timeout_ms: i32,
    ready: *mut fanfare_session,
    cap: usize,
    out_n: *mut usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out_n) = unsafe { (self::engine(engine)?, Out::required("out_n", out_n)?) };
        if ready.is_null() && cap > 0 {
            return Err(Failure::null("ready"));
        }
        let guest = engine.enter()?;
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let output = engine.engine.wait(timeout);
        let mut sessions = Vec::new();
        if output {
            engine.engine.ready_sessions(cap, &mut sessions);
        }
        drop(guest);
        for (at, session) in sessions.iter().enumerate() {
            // SAFETY: the caller promises room for `cap`, and there are at most as many.
            unsafe { ready.add(at).write_unaligned(session.to_raw()) };
        }
        out_n.set(sessions.len());
        let found = output && (cap == 0 || !sessions.is_empty());
        Ok(if found { FANFARE_OK } else { FANFARE_EMPTY })
    })
}

/// Makes the fanfare_engine_wait() that is waiting now, or else the next one, return at once.
///
/// Any thread, but not a signal handler.
/// FANFARE_OK; FANFARE_E_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_wakeup(engine: *mut fanfare_engine) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { self::engine(engine)? }.engine.wakeup();
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::dispatch::fanfare_dispatch;
    use super::*;
    use crate::params::{Profile, SessionParams, Verdict};

    fn new_engine() -> *mut fanfare_engine {
        let mut out = std::ptr::null_mut();
        // SAFETY: `out` is a place for a pointer.
        assert_eq!(unsafe { fanfare_engine_new(std::ptr::null(), &mut out) }, FANFARE_OK);
        out
    }

    /// A pointer that the test hands to its threads.
    #[derive(Clone, Copy)]
    struct Shared(*mut fanfare_engine);
    // SAFETY: an engine may be used from any thread.
    unsafe impl Send for Shared {}

    #[test]
    fn a_callback_that_panics_is_a_status_and_the_engine_goes_on() {
        let ptr = new_engine();
        // SAFETY: it was made above, and is freed below.
        let engine = unsafe { &*ptr };
        engine.engine.open(SessionParams::new(Profile::Open)).unwrap();
        engine.engine.on_frame(None, Box::new(|_| panic!("the callback broke"))).unwrap();
        engine.engine.notify("notifications/x", None, &crate::Raise::ALL).unwrap();
        let mut n = 77;
        // SAFETY: the engine is alive, and `n` a place for a number.
        assert_eq!(unsafe { fanfare_dispatch(ptr, 1, &mut n) }, FANFARE_E_PANIC);
        let text = super::super::guard::with_last_error(str::to_owned).unwrap();
        assert_eq!((text.as_str(), n), ("internal failure: the callback broke", 77));

        let session = engine.engine.open(SessionParams::new(Profile::Open)).unwrap();
        engine.engine.on_frame(None, Box::new(|_| Verdict::Accepted)).unwrap();
        engine.engine.notify("notifications/y", None, &crate::Raise::ALL).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { fanfare_dispatch(ptr, usize::MAX, &mut n) }, FANFARE_OK);
        assert_eq!(engine.engine.session_stats(session).unwrap().delivered, 1);
        // SAFETY: nobody uses it any more.
        assert_eq!(unsafe { fanfare_engine_free(ptr) }, FANFARE_OK);
    }

    #[test]
    fn freeing_turns_out_every_thread_that_waits() {
        let engine = Shared(new_engine());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                std::thread::spawn(move || {
                    let engine = engine;
                    let mut n = 77;
                    // SAFETY: the engine is alive until this thread is seen inside of it.
                    let status = unsafe {
                        fanfare_engine_wait(engine.0, -1, std::ptr::null_mut(), 0, &mut n)
                    };
                    (status, n)
                })
            })
            .collect();
        // SAFETY: it is freed below only.
        while unsafe { &*engine.0 }.gate.state().guests < 3 {
            std::thread::yield_now();
        }
        // SAFETY: all that are to come are inside.
        assert_eq!(unsafe { fanfare_engine_free(engine.0) }, FANFARE_OK);
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), (FANFARE_EMPTY, 0));
        }
    }
}
