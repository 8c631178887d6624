//! Functions of the host: how they are held, called and dropped, and which thread is inside one.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use super::guard::Failure;
use super::input::fanfare_str;
use super::session::fanfare_session;
use super::status::fanfare_status::FANFARE_E_REENTRANT;
use super::stream::fanfare_stream;

/// Called once for each registration that succeeded, after its last call: the place to free ctx.
/// It may call nothing of fanfare on the same thread (FANFARE_E_REENTRANT). May be NULL wherever
/// it is taken.
pub type fanfare_drop_fn = Option<unsafe extern "C" fn(ctx: *mut c_void)>;

/// Takes one frame. The frame is valid during the call only. Returns one of FANFARE_VERDICT_...;
/// any other value counts as FANFARE_VERDICT_NOT_NOW, so that nothing is lost by a mistake.
///
/// It may call everything but fanfare_engine_free, fanfare_dispatch and fanfare_dispatcher_stop
/// of its own engine (FANFARE_E_REENTRANT); closing its own session is fine.
pub type fanfare_frame_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, frame: *const fanfare_frame) -> i32>;

/// Called each time the engine, idle before, has output again; on the thread whose call caused
/// it, with no lock held. A hint to go and drain: keep it short.
pub type fanfare_wake_fn = Option<unsafe extern "C" fn(ctx: *mut c_void)>;

/// Called each time something is due sooner than all that was planned before: who polls the file
/// descriptor with the time that fanfare_engine_tick gave must ask it again. On the thread whose call
/// caused it, with no lock held; keep it short.
pub type fanfare_deadline_fn = Option<unsafe extern "C" fn(ctx: *mut c_void)>;

/// Called with each line for the log, on the thread whose call caused it, with no lock held;
/// from several threads at once, if several are in calls. The record is valid during the call.
pub type fanfare_log_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, record: *const fanfare_log_record)>;

/// Called when a session's queue overflows: with the first event that is dropped, and not again
/// before its queue of events has been empty; if the session ends for it, before the
/// fanfare_session_end_fn, and then its handle may be stale. On the thread whose call caused it,
/// with no lock held. The struct is valid during the call.
pub type fanfare_lag_fn = Option<unsafe extern "C" fn(ctx: *mut c_void, lag: *const fanfare_lag)>;

/// Called once for each session that ended by anything but the host's own fanfare_session_close:
/// its last frame was drained after fanfare_session_end, it lagged, its callback said "gone". The
/// handle is stale by then. reason is one of FANFARE_END_..., user_data what the session was
/// opened with. On the thread whose call caused it, with no lock held.
pub type fanfare_session_end_fn = Option<
    unsafe extern "C" fn(
        ctx: *mut c_void,
        session: fanfare_session,
        reason: u32,
        user_data: *mut c_void,
    ),
>;

/// Called once for each stream of a request or a listen that is over with no frame to say so
/// (FANFARE_FRAME_LAST), for what was queued was withdrawn: the request was cancelled, say. Its
/// connection can be closed; the handle is stale by then. user_data is what the session was opened
/// with. On the thread whose call caused it, with no lock held.
pub type fanfare_stream_end_fn = Option<
    unsafe extern "C" fn(
        ctx: *mut c_void,
        session: fanfare_session,
        stream: fanfare_stream,
        user_data: *mut c_void,
    ),
>;

/// One frame, ready to be written to its stream as it is. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_frame {
    /// Whose it is.
    pub session: fanfare_session,
    /// On which of the session's streams it must go.
    pub stream: fanfare_stream,
    /// Its bytes, framing included.
    pub data: fanfare_str,
    /// FANFARE_FRAME_LAST or 0. Further bits may come: ignore what you do not know.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}

/// A session that does not keep up. Later versions may append fields.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_lag {
    /// Whose client does not read.
    pub session: fanfare_session,
    /// What the session was opened with.
    pub user_data: *mut c_void,
    /// Frames that were queued on all its streams just then, notices included.
    pub queued_frames: u64,
    /// Bytes of its queued events and replies just then.
    pub queued_bytes: u64,
    /// One of FANFARE_OVERFLOW_..., but never FANFARE_OVERFLOW_DEFAULT: events are dropped, or the
    /// session ends.
    pub policy: u32,
    /// 0.
    pub reserved: u32,
}

/// One line for the host's log. Later versions may append fields.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_log_record {
    /// How serious it is: one of FANFARE_LEVEL_...
    pub level: u32,
    /// 0.
    pub reserved: u32,
    /// The part of the engine that says it, as in "fanfare::receive".
    pub target: fanfare_str,
    /// The line, without a line end.
    pub message: fanfare_str,
}

thread_local! {
    /// The engine whose callback this thread is inside of, the innermost; 0 if it is in none.
    static INSIDE: Cell<u64> = const { Cell::new(0) };
    /// The others, outermost first. Apart, so that most calls need not touch it.
    static OUTER: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// How many drop functions this thread is inside of.
    static DROPPING: Cell<u32> = const { Cell::new(0) };
}

/// Fails when this thread is inside a callback of that engine.
pub(super) fn not_inside(engine: u64, call: &str) -> Result<(), Failure> {
    if INSIDE.get() == engine || OUTER.with_borrow(|outer| outer.contains(&engine)) {
        let detail = format!("{call} was called from inside a callback of its own engine");
        return Err(Failure::new(FANFARE_E_REENTRANT, detail));
    }
    Ok(())
}

/// Fails when this thread is inside a drop function: it may run in the middle of anything.
pub(super) fn not_dropping() -> Result<(), Failure> {
    if DROPPING.get() > 0 {
        return Err(Failure::new(FANFARE_E_REENTRANT, "called from inside a drop function"));
    }
    Ok(())
}

/// Marks this thread as inside a callback of an engine for as long as it lives.
struct Inside {
    /// The engine whose callback it was in before, or 0.
    outer: u64,
}

impl Inside {
    #[inline]
    fn enter(engine: u64) -> Self {
        let outer = INSIDE.replace(engine);
        if outer != 0 {
            OUTER.with_borrow_mut(|all| all.push(outer));
        }
        Self { outer }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        INSIDE.set(self.outer);
        if self.outer != 0 {
            OUTER.with_borrow_mut(Vec::pop);
        }
    }
}

/// The context of a registered callback, and what to do with it in the end.
pub(super) struct Context {
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
    /// Set once the registration has succeeded. Until then the context is still the caller's.
    owned: AtomicBool,
}

// SAFETY: the pointer is never followed here. The host, who gets it back, is told in the header
// from which threads that happens.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    pub(super) fn new(ctx: *mut c_void, drop: fanfare_drop_fn) -> Self {
        Self { ctx, drop, owned: AtomicBool::new(false) }
    }

    /// From now on the context is the engine's, and is dropped with the last reference to it.
    pub(super) fn own(&self) {
        self.owned.store(true, Ordering::Release);
    }

    /// Calls into the host, on behalf of that engine.
    #[inline]
    pub(super) fn call<T>(&self, engine: u64, function: impl FnOnce(*mut c_void) -> T) -> T {
        let _inside = Inside::enter(engine);
        function(self.ctx)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(drop) = self.drop
            && *self.owned.get_mut()
        {
            // Without the thread's mark (in its teardown) the call is still due.
            let _ = DROPPING.try_with(|depth| depth.set(depth.get() + 1));
            // SAFETY: the host registered the two together, and this is the only call.
            unsafe { drop(self.ctx) };
            let _ = DROPPING.try_with(|depth| depth.set(depth.get() - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    extern "C" fn count(ctx: *mut c_void) {
        assert!(not_dropping().is_err());
        // SAFETY: the tests below pass a counter that outlives the context.
        unsafe { (*ctx.cast::<std::sync::atomic::AtomicU32>()).fetch_add(1, Ordering::Relaxed) };
    }

    #[test]
    fn a_context_is_dropped_once_and_only_if_it_was_taken_over() {
        let counter = std::sync::atomic::AtomicU32::new(0);
        let context = || Context::new((&raw const counter).cast_mut().cast(), Some(count));
        drop(context());
        assert_eq!(counter.load(Ordering::Relaxed), 0);
        let owned = context();
        owned.own();
        drop(owned);
        assert_eq!(counter.load(Ordering::Relaxed), 1);
        assert!(not_dropping().is_ok());
    }

    #[test]
    fn the_mark_of_an_engine_is_on_this_thread_and_ends_with_the_call() {
        let context = Context::new(std::ptr::null_mut(), None);
        context.call(1, |_| {
            assert!(not_inside(1, "this").is_err());
            assert!(not_inside(2, "this").is_ok());
            context.call(2, |_| assert!(not_inside(1, "this").is_err()));
            assert!(not_inside(2, "this").is_ok());
            std::thread::spawn(|| assert!(not_inside(1, "this").is_ok())).join().unwrap();
        });
        assert!(not_inside(1, "this").is_ok());
    }
}
