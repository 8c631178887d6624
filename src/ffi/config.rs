//! The configuration: options by key and value, and the callbacks that an engine is born with.

use std::ffi::{CString, c_char, c_void};
use std::sync::{Arc, OnceLock};

use super::access::{AuthorizeFn, authorizer, fanfare_authorize_fn};
use super::callback::{
    Context, fanfare_deadline_fn, fanfare_drop_fn, fanfare_lag, fanfare_lag_fn, fanfare_log_fn,
    fanfare_log_record, fanfare_session_end_fn, fanfare_stream_end_fn, fanfare_wake_fn,
    not_dropping,
};
use super::guard::{Failure, guard, guard_value};
use super::input::{c_text, choice, number_of};
use super::output::give_text;
use super::session::{END_REASONS, OVERFLOWS};
use super::status::fanfare_status;
use crate::config::Config;
use crate::dispatch::Hooks;
use crate::engine::{Lag, LogRecord, SessionEnd, StreamEnd};
use crate::protocol::Level;

/// Detail for debugging.
pub const FANFARE_LEVEL_DEBUG: u32 = 0;
/// Ordinary course of events.
pub const FANFARE_LEVEL_INFO: u32 = 1;
/// Normal, but significant.
pub const FANFARE_LEVEL_NOTICE: u32 = 2;
/// Something may be wrong. The lowest level of an alert.
pub const FANFARE_LEVEL_WARNING: u32 = 3;
/// Something is wrong.
pub const FANFARE_LEVEL_ERROR: u32 = 4;
/// A component fails.
pub const FANFARE_LEVEL_CRITICAL: u32 = 5;
/// Somebody must act at once.
pub const FANFARE_LEVEL_ALERT: u32 = 6;
/// The system is unusable.
pub const FANFARE_LEVEL_EMERGENCY: u32 = 7;

pub(super) const LEVELS: [(u32, Level); 8] = [
    (FANFARE_LEVEL_DEBUG, Level::Debug),
    (FANFARE_LEVEL_INFO, Level::Info),
    (FANFARE_LEVEL_NOTICE, Level::Notice),
    (FANFARE_LEVEL_WARNING, Level::Warning),
    (FANFARE_LEVEL_ERROR, Level::Error),
    (FANFARE_LEVEL_CRITICAL, Level::Critical),
    (FANFARE_LEVEL_ALERT, Level::Alert),
    (FANFARE_LEVEL_EMERGENCY, Level::Emergency),
];

/// How engines are to be. Belongs to one thread at a time; the engines made from it do not need
/// it any more.
pub struct fanfare_config {
    pub(super) config: Config,
    log: Option<(Level, Registered<LogFn>)>,
    wake: Option<Registered<WakeFn>>,
    deadline: Option<Registered<WakeFn>>,
    lag: Option<Registered<LagFn>>,
    session_end: Option<Registered<SessionEndFn>>,
    stream_end: Option<Registered<StreamEndFn>>,
    authorize: Option<Registered<AuthorizeFn>>,
}

type LogFn = unsafe extern "C" fn(*mut c_void, *const fanfare_log_record);
type LagFn = unsafe extern "C" fn(*mut c_void, *const fanfare_lag);
type WakeFn = unsafe extern "C" fn(*mut c_void);
type SessionEndFn = unsafe extern "C" fn(*mut c_void, u64, u32, *mut c_void);

type StreamEndFn = unsafe extern "C" fn(*mut c_void, u64, u64, *mut c_void);

/// A function with its context, which the configuration and its engines share.
struct Registered<F>(F, Arc<Context>);

impl<F> Registered<F> {
    fn new(function: F, ctx: *mut c_void, drop: fanfare_drop_fn) -> Self {
        let context = Context::new(ctx, drop);
        context.own();
        Self(function, Arc::new(context))
    }
}

impl fanfare_config {
    /// What an engine made from this has to call. `engine` marks the calls as its own.
    pub(super) fn hooks(&self, engine: u64) -> Hooks {
        let mut hooks = Hooks::new();
        if let Some((least, Registered(function, context))) = &self.log {
            let (least, function, context) = (*least, *function, Arc::clone(context));
            hooks = hooks.on_log(move |line: &LogRecord| {
                if line.level >= least {
                    let record = fanfare_log_record {
                        level: number_of(&line.level, &LEVELS),
                        reserved: 0,
                        target: line.target.as_bytes().into(),
                        message: line.message.as_bytes().into(),
                    };
                    // SAFETY: the host registered the function for this context.
                    context.call(engine, |ctx| unsafe { function(ctx, &record) });
                }
            });
        }
        if let Some(Registered(function, context)) = &self.wake {
            let (function, context) = (*function, Arc::clone(context));
            // SAFETY: as above.
            hooks = hooks.on_wake(move || context.call(engine, |ctx| unsafe { function(ctx) }));
        }
        if let Some(Registered(function, context)) = &self.deadline {
            let (function, context) = (*function, Arc::clone(context));
            // SAFETY: as above.
            hooks = hooks.on_deadline(move || context.call(engine, |ctx| unsafe { function(ctx) }));
        }
        if let Some(Registered(function, context)) = &self.lag {
            let (function, context) = (*function, Arc::clone(context));
            hooks = hooks.on_lag(move |lag: &Lag| {
                let lag = fanfare_lag {
                    session: lag.session.to_raw(),
                    user_data: user_data_pointer(lag.user_data),
                    queued_frames: lag.queued_frames,
                    queued_bytes: lag.queued_bytes,
                    policy: number_of(&Some(lag.policy), &OVERFLOWS),
                    reserved: 0,
                };
                // SAFETY: as above.
                context.call(engine, |ctx| unsafe { function(ctx, &lag) });
            });
        }
        if let Some(Registered(function, context)) = &self.session_end {
            let (function, context) = (*function, Arc::clone(context));
            hooks = hooks.on_session_end(move |end: &SessionEnd| {
                let reason = number_of(&end.reason, &END_REASONS);
                let user_data = user_data_pointer(end.user_data);
                context.call(engine, |ctx| {
                    // SAFETY: as above.
                    unsafe { function(ctx, end.session.to_raw(), reason, user_data) }
                });
            });
        }
        if let Some(Registered(function, context)) = &self.stream_end {
            let (function, context) = (*function, Arc::clone(context));
            hooks = hooks.on_stream_end(move |end: &StreamEnd| {
                let (session, stream) = (end.session.to_raw(), end.stream.to_raw());
                let user_data = user_data_pointer(end.user_data);
                context.call(engine, |ctx| {
                    // SAFETY: as above.
                    unsafe { function(ctx, session, stream, user_data) }
                });
            });
        }
        if let Some(Registered(function, context)) = &self.authorize {
            hooks = hooks.authorize(authorizer(*function, Arc::clone(context), engine));
        }
        hooks
    }
}

/// The host's pointer, which crosses the engine as a number.
pub(super) fn user_data_pointer(number: u64) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(number as usize)
}

/// A configuration with every key at its default. Never NULL, unless memory is exhausted inside.
///
/// Any thread. Ownership: yours; give it to fanfare_config_free().
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn fanfare_config_new() -> *mut fanfare_config {
    guard_value(std::ptr::null_mut(), || {
        let config = fanfare_config {
            config: Config::default(),
            log: None,
            wake: None,
            deadline: None,
            lag: None,
            session_end: None,
            stream_end: None,
            authorize: None,
        };
        Ok(Box::into_raw(Box::new(config)))
    })
}

/// Frees a configuration; NULL is fine. Engines made from it stay as they are. The drop function
/// of a callback set on it runs when it and the last engine made from it are gone.
///
/// The configuration's thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_free(config: *mut fanfare_config) {
    guard(|| {
        if config.is_null() {
            return Ok(());
        }
        not_dropping()?;
        // SAFETY: it came from fanfare_config_new, and the caller gives it up.
        drop(unsafe { Box::from_raw(config) });
        Ok(())
    });
}

/// Sets one option. Keys, what they take, and defaults: fanfare_config_schema(). Both texts are
/// terminated; they are copied.
///
/// The configuration's thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_INVALID_ARGUMENT: no such key, or not a
/// value of it: the text says what it takes.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set(
    config: *mut fanfare_config,
    key: *const c_char,
    value: *const c_char,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (config, key, value) =
            unsafe { (config_mut(config)?, c_text("key", key)?, c_text("value", value)?) };
        Ok(config.config.set(key, value)?)
    })
}

/// Copies the value of one option into buf, terminated and cut to cap bytes, as
/// fanfare_config_set() would take it. *out_len is its full length without the terminator.
///
/// The configuration's thread. buf may be NULL when cap is 0.
/// FANFARE_OK; FANFARE_TRUNCATED: it was cut; FANFARE_E_NULL; FANFARE_E_UTF8;
/// FANFARE_E_INVALID_ARGUMENT: no such key; FANFARE_E_LIMIT: cap is beyond 1 GiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_get(
    config: *const fanfare_config,
    key: *const c_char,
    buf: *mut c_char,
    cap: usize,
    out_len: *mut usize,
) -> fanfare_status {
    guard(|| {
        not_dropping()?;
        // SAFETY: the caller's promise.
        let (config, key) = unsafe { (config.as_ref(), c_text("key", key)?) };
        let value = config.ok_or_else(|| Failure::null("config"))?.config.value(key)?;
        // SAFETY: the caller's promise.
        unsafe { give_text(&value, buf, cap, out_len) }
    })
}

/// Every key as a JSON array of objects: key, takes, default, doc. Static, terminated.
///
/// Any thread. NULL only if memory is exhausted inside.
#[unsafe(no_mangle)]
pub extern "C" fn fanfare_config_schema() -> *const c_char {
    static TEXT: OnceLock<CString> = OnceLock::new();
    guard_value(std::ptr::null(), || {
        let text = TEXT.get_or_init(|| {
            CString::new(Config::schema_json()).expect("JSON text has no NUL in it")
        });
        Ok(text.as_ptr())
    })
}

/// Sets who gets the engine's log lines from least_level (FANFARE_LEVEL_...) up. Replaces what
/// was set before. Without it there is no log.
///
/// The configuration's thread. Ownership: ctx, until drop is called with it.
/// FANFARE_OK; FANFARE_E_NULL: config or fn; FANFARE_E_INVALID_ARGUMENT: no such level. On an
/// error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set_log(
    config: *mut fanfare_config,
    least_level: u32,
    r#fn: fanfare_log_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { config_mut(config)? };
        let least = choice("least_level", least_level, &LEVELS)?;
        let function = r#fn.ok_or_else(|| Failure::null("fn"))?;
        config.log = Some((least, Registered::new(function, ctx, drop)));
        Ok(())
    })
}

/// Sets who is told when an idle engine has output again. Replaces what was set before.
///
/// The configuration's thread. Ownership: ctx, until drop is called with it.
/// FANFARE_OK; FANFARE_E_NULL: config or fn. On an error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set_wake(
    config: *mut fanfare_config,
    r#fn: fanfare_wake_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    unsafe { register(config, r#fn, ctx, drop, |config| &mut config.wake) }
}

/// Sets who is told when something is due sooner than was planned: for loops of the host's own that
/// wait as long as fanfare_engine_tick() said. fanfare_engine_wait() and dispatcher threads need it
/// not. Replaces what was set before.
///
/// The configuration's thread. Ownership: ctx, until drop is called with it.
/// FANFARE_OK; FANFARE_E_NULL: config or fn. On an error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set_deadline(
    config: *mut fanfare_config,
    r#fn: fanfare_deadline_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    unsafe { register(config, r#fn, ctx, drop, |config| &mut config.deadline) }
}

/// Sets who is told of sessions that do not keep up. Replaces what was set before.
///
/// The configuration's thread. Ownership: ctx, until drop is called with it.
/// FANFARE_OK; FANFARE_E_NULL: config or fn. On an error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set_lag(
    config: *mut fanfare_config,
    r#fn: fanfare_lag_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    unsafe { register(config, r#fn, ctx, drop, |config| &mut config.lag) }
}

/// Sets who is told of sessions that ended. Replaces what was set before.
///
/// The configuration's thread. Ownership: ctx, until drop is called with it.
/// FANFARE_OK; FANFARE_E_NULL: config or fn. On an error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set_session_end(
    config: *mut fanfare_config,
    r#fn: fanfare_session_end_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    unsafe { register(config, r#fn, ctx, drop, |config| &mut config.session_end) }
}

/// Sets what is called when a stream is over with no frame to say so. Replaces what was set before.
///
/// The configuration's thread. Ownership: ctx, until drop is called with it.
/// FANFARE_OK; FANFARE_E_NULL: config or fn. On an error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set_stream_end(
    config: *mut fanfare_config,
    r#fn: fanfare_stream_end_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    unsafe { register(config, r#fn, ctx, drop, |config| &mut config.stream_end) }
}

/// Sets who is asked whether a client may hear of a topic. Replaces what was set before. Without
/// it everybody may hear of whatever the protocol lets them.
///
/// The configuration's thread. Ownership: ctx, until drop is called with it.
/// FANFARE_OK; FANFARE_E_NULL: config or fn. On an error ctx stays yours, and drop is not called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_config_set_authorize(
    config: *mut fanfare_config,
    r#fn: fanfare_authorize_fn,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    unsafe { register(config, r#fn, ctx, drop, |config| &mut config.authorize) }
}

/// Puts a function with its context into its place in a configuration.
///
/// # Safety
/// As [`config_mut`].
unsafe fn register<F>(
    config: *mut fanfare_config,
    function: Option<F>,
    ctx: *mut c_void,
    drop: fanfare_drop_fn,
    place: impl FnOnce(&mut fanfare_config) -> &mut Option<Registered<F>>,
) -> fanfare_status {
    guard(|| {
        // SAFETY: passed on.
        let config = unsafe { config_mut(config)? };
        let function = function.ok_or_else(|| Failure::null("fn"))?;
        *place(config) = Some(Registered::new(function, ctx, drop));
        Ok(())
    })
}

/// # Safety
/// If it is not NULL, it came from fanfare_config_new, and no other thread is using it.
unsafe fn config_mut<'a>(config: *mut fanfare_config) -> Result<&'a mut fanfare_config, Failure> {
    not_dropping()?;
    // SAFETY: passed on.
    unsafe { config.as_mut() }.ok_or_else(|| Failure::null("config"))
}
