//! Raising notifications.

use std::ffi::c_char;

use super::config::LEVELS;
use super::engine::{engine, fanfare_engine};
use super::guard::{Failure, guard};
use super::input::{choice, fanfare_str, optional_text, sized, text};
use super::output::Out;
use super::session::fanfare_session;
use super::status::fanfare_status;
use crate::dispatch::Engine;
use crate::error::Result as EngineResult;
use crate::params::{Progress, Raise, SessionId, Target};

/// Everyone whose rules admit it.
pub const FANFARE_TARGET_ALL: u32 = 0;
/// One session.
pub const FANFARE_TARGET_SESSION: u32 = 1;
/// One request in flight of a session: progress and log messages that belong to it.
pub const FANFARE_TARGET_REQUEST: u32 = 2;
/// Everyone but one session.
pub const FANFARE_TARGET_EXCEPT: u32 = 3;
/// Every session of one principal.
pub const FANFARE_TARGET_PRINCIPAL: u32 = 4;

/// To whom a notification is raised, and with which context. Set everything to zero, struct_size
/// to sizeof, and then what differs. It narrows what the sessions' rules admit, and never widens
/// it. Where a function takes one, NULL means everyone and no context.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_raise {
    /// sizeof(fanfare_raise)
    pub struct_size: usize,
    /// FANFARE_TARGET_...
    pub target: u32,
    /// 0.
    pub reserved: u32,
    /// The session of FANFARE_TARGET_SESSION, FANFARE_TARGET_REQUEST and FANFARE_TARGET_EXCEPT.
    pub session: fanfare_session,
    /// The principal of FANFARE_TARGET_PRINCIPAL.
    pub principal: fanfare_str,
    /// The JSON text of the request id of FANFARE_TARGET_REQUEST.
    pub request: fanfare_str,
    /// The JSON text of an object whose members land in params._meta, so that a client may be
    /// spared a second request. Keys that the protocol reserves are refused. NULL: none.
    pub context: fanfare_str,
}

impl fanfare_raise {
    /// # Safety
    /// The texts are as [`fanfare_str::optional`] asks.
    unsafe fn read<'a>(&self) -> Result<Raise<'a>, Failure> {
        if self.reserved != 0 {
            return Err(Failure::invalid(format!("reserved is {}; it must be 0", self.reserved)));
        }
        let missing = |name: &str| Failure::null(name);
        // SAFETY: passed on.
        let (principal, request, context) = unsafe {
            (
                self.principal.optional("principal")?,
                self.request.optional("request")?,
                self.context.optional("context")?,
            )
        };
        let session = SessionId::from_raw(self.session);
        let target = match self.target {
            FANFARE_TARGET_ALL => Target::All,
            FANFARE_TARGET_SESSION => Target::Session(session),
            FANFARE_TARGET_REQUEST => {
                Target::Request(session, request.ok_or_else(|| missing("request"))?)
            }
            FANFARE_TARGET_EXCEPT => Target::Except(session),
            FANFARE_TARGET_PRINCIPAL => {
                Target::Principal(principal.ok_or_else(|| missing("principal"))?)
            }
            other => return Err(Failure::invalid(format!("target is {other}; it takes 0 to 4"))),
        };
        let raise = Raise::to(target);
        Ok(context.map_or(raise, |object| raise.context(object)))
    }
}

/// What all of these functions do around the engine's own call.
///
/// # Safety
/// The pointers are as the header asks.
unsafe fn raising(
    engine: *mut fanfare_engine,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
    notify: impl FnOnce(&Engine, &Raise<'_>) -> EngineResult<usize>,
) -> Result<(), Failure> {
    // SAFETY: passed on; the struct is as `sized` asks.
    let (engine, raise, out) = unsafe {
        let raise = match raise.is_null() {
            true => Raise::ALL,
            false => sized("fanfare_raise", raise)?.read()?,
        };
        (self::engine(engine)?, raise, Out::optional(out_matched))
    };
    out.set(notify(&engine.engine, &raise)?);
    Ok(())
}

/// Raises any notification: method is its full name, as in "notifications/progress", params the
/// JSON text of an object, or NULL for none. What the protocol knows goes by the protocol's rules,
/// as if raised by its own function below; a custom method goes to open and legacy sessions.
/// *out_matched says how many subscriptions (for an event: sessions) were reached, those included
/// where it merged with one that still waits; out_matched may be NULL.
///
/// Any thread, callbacks included; never waits for a client. Texts are copied.
/// FANFARE_OK, also if nobody was reached; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_JSON: params
/// or context; FANFARE_E_INVALID_ARGUMENT: a text is empty, a number stands for nothing, a request
/// id or token is not a string or an integer, the context has a reserved key, or several sessions
/// use the progress token; FANFARE_E_NOT_NEGOTIATED: the method is not a server's to raise;
/// FANFARE_E_STATE: a task that is over, or an elicitation that the named session does not know;
/// FANFARE_E_GONE: the session that the raise names; FANFARE_E_LIMIT: params are larger than the
/// option params.max_bytes, or a URI than uri.max_bytes; FANFARE_E_VERSION: a field is set that
/// this library does not know.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify(
    engine: *mut fanfare_engine,
    method: *const c_char,
    method_len: usize,
    params: *const c_char,
    params_len: usize,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let method = text("method", method, method_len)?;
        let params = optional_text("params", params, params_len)?;
        raising(engine, raise, out_matched, |engine, raise| engine.notify(method, params, raise))
    })
}

/// Raises notifications/tools/list_changed.
///
/// As fanfare_notify().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_tool_list_changed(
    engine: *mut fanfare_engine,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { raising(engine, raise, out_matched, Engine::notify_tool_list_changed) })
}

/// Raises notifications/prompts/list_changed.
///
/// As fanfare_notify().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_prompt_list_changed(
    engine: *mut fanfare_engine,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { raising(engine, raise, out_matched, Engine::notify_prompt_list_changed) })
}

/// Raises notifications/resources/list_changed.
///
/// As fanfare_notify().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_resource_list_changed(
    engine: *mut fanfare_engine,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { raising(engine, raise, out_matched, Engine::notify_resource_list_changed) })
}

/// Raises notifications/resources/updated for one resource.
///
/// As fanfare_notify().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_resource_updated(
    engine: *mut fanfare_engine,
    uri: *const c_char,
    uri_len: usize,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let uri = text("uri", uri, uri_len)?;
        raising(engine, raise, out_matched, |engine, raise| {
            engine.notify_resource_updated(uri, raise)
        })
    })
}

/// Raises notifications/progress. token is the JSON text of the progress token as the request gave
/// it: "\"p1\"" with its quotes, or "7". progress must be greater than the last value given for
/// the token, or it reaches nobody; total is NaN where it is not known; message may be NULL. While
/// one is undelivered, the next takes its place. Clients choose their tokens each for itself: name
/// the session in raise, unless only one can be meant.
///
/// As fanfare_notify().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_progress(
    engine: *mut fanfare_engine,
    token: *const c_char,
    token_len: usize,
    progress: f64,
    total: f64,
    message: *const c_char,
    message_len: usize,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let progress = Progress {
            token: text("token", token, token_len)?,
            progress,
            total: (!total.is_nan()).then_some(total),
            message: optional_text("message", message, message_len)?,
        };
        raising(engine, raise, out_matched, |engine, raise| {
            engine.notify_progress(&progress, raise)
        })
    })
}

/// Raises notifications/message, a log message for clients: level is one of FANFARE_LEVEL_...,
/// logger names who says it, or is NULL, data is any JSON text. Modern clients hear of it only for
/// a request of theirs that asked for such a level: name it by FANFARE_TARGET_REQUEST.
///
/// As fanfare_notify().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_logging_message(
    engine: *mut fanfare_engine,
    level: u32,
    logger: *const c_char,
    logger_len: usize,
    data: *const c_char,
    data_len: usize,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let level = choice("level", level, &LEVELS)?;
        let logger = optional_text("logger", logger, logger_len)?;
        let data = text("data", data, data_len)?;
        raising(engine, raise, out_matched, |engine, raise| {
            engine.notify_logging_message(level, logger, data, raise)
        })
    })
}

/// Raises notifications/tasks: a task of the extension io.modelcontextprotocol/tasks (2026-07-28)
/// is what params say, the JSON text of a DetailedTask, just as tasks/get would answer at this
/// moment. It reaches the listens that named its taskId in taskIds, of which one that has not read
/// the last hears of this in its place, and open sessions, which hear of each.
///
/// As fanfare_notify(), and FANFARE_E_JSON: taskId is not a string or status not a status;
/// FANFARE_E_STATE: the task is over by what was raised of it before, as far as the option
/// tasks.max_known lets that be remembered; FANFARE_E_LIMIT: taskId is longer than uri.max_bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_task(
    engine: *mut fanfare_engine,
    params: *const c_char,
    params_len: usize,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let params = text("params", params, params_len)?;
        raising(engine, raise, out_matched, |engine, raise| engine.notify_task(params, raise))
    })
}

/// Raises notifications/tasks/status: a task of 2025-11-25 is what params say, the JSON text of a
/// Task. It reaches the session that was given the task in a response sent by
/// fanfare_send(), or if there was none, all of that revision that raise leaves and to
/// which tasks was advertised; and open sessions. Once the task is over, so is the progress of the
/// request that created it. Each is heard, as an event is: none takes another's place. A task of
/// this revision and one of fanfare_notify_task() are two, even by the same taskId.
///
/// As fanfare_notify_task().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_task_status(
    engine: *mut fanfare_engine,
    params: *const c_char,
    params_len: usize,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let params = text("params", params, params_len)?;
        raising(engine, raise, out_matched, |engine, raise| {
            engine.notify_task_status(params, raise)
        })
    })
}

/// Something is wrong: as fanfare_notify_logging_message(), but only for what deserves attention.
///
/// As fanfare_notify(), and FANFARE_E_INVALID_ARGUMENT: level is below FANFARE_LEVEL_WARNING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_notify_alert(
    engine: *mut fanfare_engine,
    level: u32,
    logger: *const c_char,
    logger_len: usize,
    data: *const c_char,
    data_len: usize,
    raise: *const fanfare_raise,
    out_matched: *mut usize,
) -> fanfare_status {
    // SAFETY: the caller's promise.
    guard(|| unsafe {
        let level = choice("level", level, &LEVELS)?;
        let logger = optional_text("logger", logger, logger_len)?;
        let data = text("data", data, data_len)?;
        raising(engine, raise, out_matched, |engine, raise| {
            engine.notify_alert(level, logger, data, raise)
        })
    })
}
