//! Streams: the ordered ways out of a session.

use std::ffi::c_char;

use super::engine::{engine, fanfare_engine};
use super::guard::guard;
use super::input::{choice, text};
use super::output::Out;
use super::session::fanfare_session;
use super::status::fanfare_status;
use crate::params::{SessionId, StreamId, StreamKind};

/// Names one stream of a session: a number that the engine never gives out again, 0 for none.
pub type fanfare_stream = u64;

/// The session's single way in and out: a pipe, a socket, an in-process queue. Every session has
/// one from the start, until a stream of another kind is opened.
pub const FANFARE_STREAM_DUPLEX: u32 = 0;
/// The response to one subscriptions/listen.
pub const FANFARE_STREAM_LISTEN: u32 = 1;
/// The response to one request: what belongs to the request, and its response last.
pub const FANFARE_STREAM_REQUEST: u32 = 2;
/// The stream of a legacy HTTP session for what belongs to no request (its GET stream).
pub const FANFARE_STREAM_STANDALONE: u32 = 3;

const KINDS: [(u32, StreamKind); 4] = [
    (FANFARE_STREAM_DUPLEX, StreamKind::Duplex),
    (FANFARE_STREAM_LISTEN, StreamKind::Listen),
    (FANFARE_STREAM_REQUEST, StreamKind::Request),
    (FANFARE_STREAM_STANDALONE, StreamKind::Standalone),
];

/// Opens a stream; kind is one of FANFARE_STREAM_... Only transports with several ways out for one
/// session need it (HTTP): every session has a duplex one from the start. Once there are others,
/// what belongs to no request waits for a standalone one.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE; FANFARE_E_INVALID_ARGUMENT: no such kind;
/// FANFARE_E_STATE: the session cannot have another of that kind; FANFARE_E_LIMIT: the option
/// session.max_streams.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_stream_open(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    kind: u32,
    out: *mut fanfare_stream,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) = unsafe { (self::engine(engine)?, Out::required("out", out)?) };
        let kind = choice("kind", kind, &KINDS)?;
        out.set(engine.engine.open_stream(SessionId::from_raw(session), kind)?.to_raw());
        Ok(())
    })
}

/// The connection of a stream is gone. For a duplex stream that is the session's end. For a modern
/// session it cancels what the stream was opened for; for older ones it does not: a stream with
/// event ids waits for fanfare_stream_resume(). The handle of a stream for a request is stale from
/// now on.
///
/// Any thread, callbacks included.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_stream_close(
    engine: *mut fanfare_engine,
    stream: fanfare_stream,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        Ok(engine.engine.close_stream(StreamId::from_raw(stream))?)
    })
}

/// The client of a legacy HTTP session (2025-03-26 to 2025-11-25) is back, and has every event of a
/// stream up to last_event_id: what its Last-Event-ID header says, passed on as it came. The stream
/// is attached again and offers what followed that id, in order and no other stream's, and then
/// goes on where it is, its response included. *out is its new handle. If it had a connection
/// still, that one is superseded: close it without fanfare_stream_close(), its handle is stale.
///
/// The frames of a stream have event ids if it was opened by fanfare_stream_open() as REQUEST or
/// STANDALONE, in a session of such a revision with FANFARE_FRAMING_SSE; how much is kept, and for
/// how long, is up to the configuration keys that begin with "replay.".
///
/// Any thread, callbacks included. Ownership: last_event_id is yours, and read during the call.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_GONE: the session is gone, or what
/// followed that id is not kept any more, or nothing can follow it; FANFARE_E_INVALID_ARGUMENT: it
/// is no event id, or none that this session was given; FANFARE_E_NOT_NEGOTIATED: the session has
/// no event ids; FANFARE_E_STATE: it is ending. Unless the session is gone or ending, the text
/// begins with "cannot resume: ", and the client may open a new stream instead.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_stream_resume(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    last_event_id: *const c_char,
    last_event_id_len: usize,
    out: *mut fanfare_stream,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, id, out) = unsafe {
            let id = text("last_event_id", last_event_id, last_event_id_len)?;
            (self::engine(engine)?, id, Out::required("out", out)?)
        };
        out.set(engine.engine.resume_stream(SessionId::from_raw(session), id)?.to_raw());
        Ok(())
    })
}

/// Ends the connection of a stream of 2025-11-25, not the stream: its next frame asks the client
/// to come back after retry_ms milliseconds and has FANFARE_FRAME_LAST set. Close the connection
/// when it is written; the handle is stale then. What is queued waits for fanfare_stream_resume().
///
/// Any thread, callbacks included.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE; FANFARE_E_STATE: the session is ending;
/// FANFARE_E_NOT_NEGOTIATED: the stream has no event ids, or its session an older revision.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_stream_hang_up(
    engine: *mut fanfare_engine,
    stream: fanfare_stream,
    retry_ms: u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        Ok(engine.engine.hang_up(StreamId::from_raw(stream), retry_ms)?)
    })
}

/// The stream that a session has without opening one, or its only one: what 0 stands for where a
/// function takes a stream.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE; FANFARE_E_STATE: it has several,
/// or none that is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_stream_default(
    engine: *const fanfare_engine,
    session: fanfare_session,
    out: *mut fanfare_stream,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) = unsafe { (self::engine(engine)?, Out::required("out", out)?) };
        out.set(engine.engine.stream(SessionId::from_raw(session))?.to_raw());
        Ok(())
    })
}

/// A stream that may be left to the engine.
pub(super) fn optional(stream: fanfare_stream) -> Option<StreamId> {
    (stream != 0).then(|| StreamId::from_raw(stream))
}
