//! Streams: the ordered ways out of a session.

use super::engine::{engine, fanfare_engine};
use super::guard::guard;
use super::input::choice;
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
/// session it cancels what the stream was opened for; for older ones it does not.
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
