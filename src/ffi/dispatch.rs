//! Delivery by callbacks: on the host's own thread, or on threads of the engine.

use std::ffi::c_void;
use std::sync::Arc;
#[cfg(feature = "dispatch")]
use std::sync::PoisonError;

use super::callback::{Context, fanfare_drop_fn, fanfare_frame_fn, not_inside};
use super::delivery::as_frame;
use super::engine::{engine, fanfare_engine};
use super::guard::{Failure, guard};
use super::output::Out;
use super::session::fanfare_session;
use super::status::fanfare_status::{self, *};
use crate::dispatch::Frame;
use crate::params::{SessionId, Verdict};

/// It took the frame.
pub const FANFARE_VERDICT_ACCEPTED: i32 = 0;
/// Not now: the frame and all that follow stay queued until fanfare_session_resume(). One that came
/// while the callback ran counts: the frame is then offered again at once.
pub const FANFARE_VERDICT_NOT_NOW: i32 = 1;
/// The peer is gone: the session is closed.
pub const FANFARE_VERDICT_GONE: i32 = 2;

/// Registers who takes the frames of every session that has no callback of its own. It replaces
/// the one before. From then on those sessions are delivered inside fanfare_dispatch() or on
/// dispatcher threads, and no longer by fanfare_drain() and fanfare_recv() of all sessions.
///
/// Any thread. Ownership: ctx, until drop is called with it: when the registration is replaced
/// and its last call has returned, or when the engine is freed.
/// FANFARE_OK; FANFARE_E_NULL: engine or fn. On an error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_on_frame(
    engine: *mut fanfare_engine,
    r#fn: fanfare_frame_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { register(engine, None, r#fn, ctx, drop) })
}

/// Registers who takes the frames of one session, as fanfare_engine_on_frame() does for all. It
/// replaces the one before.
///
/// Any thread. Ownership: ctx, until drop is called with it: when the registration is replaced or
/// the session is gone, and its last call has returned, or when the engine is freed.
/// FANFARE_OK; FANFARE_E_NULL: engine or fn; FANFARE_E_GONE. On an error ctx stays yours, and drop
/// is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_on_frame(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    r#fn: fanfare_frame_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { register(engine, Some(SessionId::from_raw(session)), r#fn, ctx, drop) })
}

/// # Safety
/// The engine is as [`engine`] asks, and `function` may be called with `ctx`, from any thread,
/// until `drop` was.
unsafe fn register(
    engine: *mut fanfare_engine,
    session: Option<SessionId>,
    function: fanfare_frame_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> Result<(), Failure> {
    // SAFETY: passed on.
    let engine = unsafe { self::engine(engine)? };
    let function = function.ok_or_else(|| Failure::null("fn"))?;
    let context = Arc::new(Context::new(ctx, drop));
    let (id, kept) = (engine.id, Arc::clone(&context));
    engine.engine.on_frame(
        session,
        Box::new(move |frame: &Frame<'_>| {
            let frame = as_frame(frame);
            // SAFETY: the host registered the function for this context.
            verdict(kept.call(id, |ctx| unsafe { function(ctx, &frame) }))
        }),
    )?;
    context.own();
    Ok(())
}

fn verdict(number: i32) -> Verdict {
    match number {
        FANFARE_VERDICT_ACCEPTED => Verdict::Accepted,
        FANFARE_VERDICT_GONE => Verdict::Gone,
        FANFARE_VERDICT_NOT_NOW => Verdict::NotNow,
        // A mistake must not lose frames.
        _ => Verdict::NotNow,
    }
}

/// Runs the frame callbacks on this thread for up to max frames. *out_n says how many frames were
/// accepted. Frames of a session without any callback stay queued, to be pulled.
///
/// Any thread, several at once: for one session callbacks never overlap and never reorder.
/// FANFARE_OK; FANFARE_EMPTY: no frame was queued and accepted, *out_n is 0; FANFARE_E_NULL;
/// FANFARE_E_REENTRANT: from inside a callback of this engine; FANFARE_E_STATE: the engine is
/// being freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_dispatch(
    engine: *mut fanfare_engine,
    max: usize,
    out_n: *mut usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) = unsafe { (self::engine(engine)?, Out::required("out_n", out_n)?) };
        not_inside(engine.id, "fanfare_dispatch")?;
        let guest = engine.enter()?;
        let accepted = engine.engine.dispatch(max)?;
        drop(guest);
        out.set(accepted);
        Ok(if accepted == 0 { FANFARE_EMPTY } else { FANFARE_OK })
    })
}

/// Starts threads that deliver by themselves: they wait for output and run the frame callbacks,
/// with the same promises as fanfare_dispatch().
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_INVALID_ARGUMENT: threads is 0 or too many;
/// FANFARE_E_STATE: they are running already, or the library was built without them; FANFARE_E_OS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_dispatcher_start(
    engine: *mut fanfare_engine,
    threads: u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        engine.start_dispatcher(threads)
    })
}

/// Stops them. When it returns, none of their callbacks is running and none will start. What is
/// queued stays queued.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_STATE: they are not running; FANFARE_E_REENTRANT: from
/// inside a callback of this engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_dispatcher_stop(engine: *mut fanfare_engine) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        not_inside(engine.id, "fanfare_dispatcher_stop")?;
        if !engine.stop_dispatcher()? {
            return Err(Failure::new(FANFARE_E_STATE, "no dispatcher threads are running"));
        }
        Ok(())
    })
}

/// More threads than this are a mistake: each is a real one.
#[cfg(feature = "dispatch")]
const MAX_THREADS: u32 = 1024;

#[cfg(feature = "dispatch")]
impl fanfare_engine {
    fn start_dispatcher(&self, threads: u32) -> Result<(), Failure> {
        if !(1..=MAX_THREADS).contains(&threads) {
            let detail = format!("threads is {threads}; it takes 1 to {MAX_THREADS}");
            return Err(Failure::invalid(detail));
        }
        // Freeing closes the gate first, and then looks for a dispatcher under this lock.
        let mut running = self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        let _guest = self.enter()?;
        if running.is_some() {
            return Err(Failure::new(FANFARE_E_STATE, "dispatcher threads are running already"));
        }
        let engine = Arc::clone(&self.engine);
        *running = Some(crate::dispatch::Dispatcher::start(engine, threads as usize)?);
        Ok(())
    }

    /// Stops the dispatcher, if there is one; yields whether there was. The lock is not held while it stops: its callbacks may call
    /// anything of this engine.
    pub(super) fn stop_dispatcher(&self) -> Result<bool, Failure> {
        let running = self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            Some(dispatcher) => Ok(dispatcher.stop().map(|()| true)?),
            None => Ok(false),
        }
    }
}

#[cfg(not(feature = "dispatch"))]
impl fanfare_engine {
    fn start_dispatcher(&self, _threads: u32) -> Result<(), Failure> {
        Err(Failure::new(FANFARE_E_STATE, "this library was built without dispatcher threads"))
    }

    pub(super) fn stop_dispatcher(&self) -> Result<bool, Failure> {
        Ok(false)
    }
}
