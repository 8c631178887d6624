//! Messages: what a client sent, and what the host itself sends.

use std::ffi::{c_char, c_void};

use super::callback::Context;
use super::engine::{engine, fanfare_engine};
use super::guard::{Failure, guard};
use super::input::bytes;
use super::output::Out;
use super::session::fanfare_session;
use super::status::fanfare_status;
use super::stream::{self, fanfare_stream};
use crate::params::{Disposition, SessionId};

/// The engine took care of the message; a reply, if one is due, is queued.
pub const FANFARE_HANDLED: u32 = 0;
/// The engine took note of it (of a request's id, progress token and log level, say); you must
/// act on it, and answer it with fanfare_send() if it is a request.
pub const FANFARE_PASS: u32 = 1;

/// Takes in one message of a client: JSON text, without framing. stream is where it came from, 0
/// for the session's default stream. What is wrong with the message is answered on the wire where
/// the client's revision allows it, and is no error here. Where the bytes came from a stdio pipe,
/// cut them at line feeds before.
///
/// Any thread. message is copied where it is kept.
/// FANFARE_OK: *out_disposition is FANFARE_HANDLED or FANFARE_PASS; FANFARE_E_NULL;
/// FANFARE_E_GONE: session or stream; FANFARE_E_STATE: it has several streams and 0 was given, or
/// the message is a batch (2025-03-26) of which a part is yours: use fanfare_receive_each();
/// FANFARE_E_LIMIT: a length beyond 1 GiB.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_receive(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    stream: fanfare_stream,
    message: *const c_char,
    len: usize,
    out_disposition: *mut u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, message, out) = unsafe {
            let out = Out::required("out_disposition", out_disposition)?;
            (self::engine(engine)?, bytes("message", message, len)?, out)
        };
        let (session, stream) = (SessionId::from_raw(session), stream::optional(stream));
        out.set(disposition(engine.engine.receive(session, stream, message)?));
        Ok(())
    })
}

/// Takes one message that you must act on: JSON text, valid during the call.
pub type fanfare_message_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, message: *const c_char, len: usize)>;

/// As fanfare_receive(), and calls fn, before it returns, with each message that you must act on:
/// the message itself, or those elements of a batch. fn may call what a frame callback may.
///
/// Any thread. ctx is not kept.
/// FANFARE_OK: as fanfare_receive() says; FANFARE_E_NULL: fn, too; FANFARE_E_GONE: session or
/// stream; FANFARE_E_STATE: it has several streams and 0 was given; FANFARE_E_LIMIT: a length beyond
/// 1 GiB.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_receive_each(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    stream: fanfare_stream,
    message: *const c_char,
    len: usize,
    r#fn: fanfare_message_fn,
    ctx: *mut c_void,
    out_disposition: *mut u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, message, out) = unsafe {
            let out = Out::required("out_disposition", out_disposition)?;
            (self::engine(engine)?, bytes("message", message, len)?, out)
        };
        let function = r#fn.ok_or_else(|| Failure::null("fn"))?;
        let context = Context::new(ctx, None);
        let (session, stream) = (SessionId::from_raw(session), stream::optional(stream));
        let done = engine.engine.receive_each(session, stream, message, |text| {
            let (ptr, len) = (text.as_ptr().cast(), text.len());
            // SAFETY: the host passed the function for this context.
            context.call(engine.id, |ctx| unsafe { function(ctx, ptr, len) });
        })?;
        out.set(disposition(done));
        Ok(())
    })
}

/// Says that a message of a client was longer than the option message.max_bytes, and that you
/// skipped it while you read: the engine refuses it on the wire where the revision allows it.
///
/// Any thread.
/// FANFARE_OK: as fanfare_receive() says; FANFARE_E_NULL; FANFARE_E_GONE: session or stream;
/// FANFARE_E_STATE: it has several streams and 0 was given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_receive_too_long(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    stream: fanfare_stream,
    out_disposition: *mut u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) =
            unsafe { (self::engine(engine)?, Out::required("out_disposition", out_disposition)?) };
        let (session, stream) = (SessionId::from_raw(session), stream::optional(stream));
        out.set(disposition(engine.engine.receive_too_long(session, stream)?));
        Ok(())
    })
}

/// Queues a message of your own (or of your SDK): a response, a request or a notification, as JSON
/// text without framing. A response goes out after everything that belongs to its request, and
/// ends it; a result gets the resultType that 2026-07-28 wants if it has none, and loses it where an
/// older revision has none. If it gives a client of 2025-11-25 a task, progress of the request goes
/// on until that task is over, on the session's own stream. A notification is admitted as if it had
/// been raised for this session alone. An id that your own elicitation/create (or an error -32042)
/// gives the client is one that notifications/elicitation/complete may name.
///
/// Any thread. message is copied.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE: session or stream; FANFARE_E_UTF8; FANFARE_E_JSON:
/// not one JSON-RPC message, or a result that is none; FANFARE_E_STATE: a response to no request in flight (a cancelled one,
/// say), or the session has several streams and 0 was given; FANFARE_E_NOT_NEGOTIATED: a request
/// to a modern client, or a result of another type than "complete" to an older one; FANFARE_E_LIMIT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_send(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    stream: fanfare_stream,
    message: *const c_char,
    len: usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, message) = unsafe { (self::engine(engine)?, bytes("message", message, len)?) };
        let (session, stream) = (SessionId::from_raw(session), stream::optional(stream));
        Ok(engine.engine.send(session, stream, message)?)
    })
}

fn disposition(disposition: Disposition) -> u32 {
    match disposition {
        Disposition::Handled => FANFARE_HANDLED,
        Disposition::Pass => FANFARE_PASS,
    }
}
