//! Delivery by pull: frames copied into a buffer, lent in a batch whole or in parts, or packed for
//! many sessions.

use std::ffi::c_char;

use super::callback::{fanfare_frame, not_dropping};
use super::engine::{engine, fanfare_engine};
use super::guard::{Failure, guard, guard_value};
use super::input::{buffer, fanfare_str};
use super::output::Out;
use super::session::fanfare_session;
use super::status::fanfare_status::{self, *};
use super::stream::fanfare_stream;
use crate::dispatch::{Batch, Frame, FrameFlags, VectoredBatch, VectoredFrame};
use crate::params::{SessionId, StreamId};

/// In fanfare_frame.flags and fanfare_record.flags: nothing will follow on this stream, or nothing
/// until it is resumed; once the frame is written, the stream's connection can be closed.
pub const FANFARE_FRAME_LAST: u32 = 1;
const _: () = assert!(FANFARE_FRAME_LAST == FrameFlags::LAST);

/// Frames that were taken out together, and their bytes. Belongs to one thread at a time.
// Invariant: at most one of the two kinds of batch holds frames.
#[derive(Default)]
pub struct fanfare_batch {
    batch: Batch,
    vectored: VectoredBatch,
    /// The same, as C sees them: they point into `batch`, and into `vectored`.
    frames: Vec<fanfare_frame>,
    vectored_frames: Vec<fanfare_vectored_frame>,
}

/// One frame in three parts, which one after the other are what must be written to its stream. Its
/// bytes are those that fanfare_recv() would lend. This struct never changes.
///
/// Where struct iovec is a pointer and a length in this order (Linux, macOS, the BSDs), parts is
/// laid out as three of them, for writev.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_vectored_frame {
    /// Whose it is.
    pub session: fanfare_session,
    /// On which of the session's streams it must go.
    pub stream: fanfare_stream,
    /// FANFARE_FRAME_LAST or 0. Further bits may come: ignore what you do not know.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// Its bytes, framing included. The last two may be empty, and no part has a NULL for ptr;
    /// frames of one notice mostly have the same bytes in the first and in the last.
    pub parts: [fanfare_str; 3],
}

/// What stands before each frame that fanfare_drain() packs. After it come len bytes, and then as
/// many zero bytes as bring the next record to a multiple of 8. Numbers are in the byte order of
/// the machine. This struct never changes; its size is 24.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_record {
    /// Whose the frame is.
    pub session: fanfare_session,
    /// On which of the session's streams it must go.
    pub stream: fanfare_stream,
    /// FANFARE_FRAME_LAST or 0. Further bits may come: ignore what you do not know.
    pub flags: u32,
    /// How many bytes the frame has, framing included.
    pub len: u32,
}

const _: () = assert!(
    size_of::<fanfare_vectored_frame>() == 24 + 3 * size_of::<fanfare_str>(),
    "nothing stands between the fields"
);

const _: () = assert!(size_of::<fanfare_record>() == 24, "the size is promised in the header");

/// Copies as many whole frames of one session as fit into buf, one after the other, framing
/// included: what a pipe or socket wants. Not terminated.
///
/// Any thread; several threads on one session would share its frames between them.
/// FANFARE_OK: *out_len bytes were copied; FANFARE_EMPTY: nothing is queued, *out_len is 0;
/// FANFARE_TRUNCATED: the first frame does not fit, *out_len is its size, nothing was taken;
/// FANFARE_E_NULL; FANFARE_E_GONE; FANFARE_E_STATE: the session has several streams: use
/// fanfare_recv_stream() or fanfare_drain(), which tell them apart; FANFARE_E_LIMIT: cap is beyond
/// 1 GiB.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_read(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    buf: *mut c_char,
    cap: usize,
    out_len: *mut usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, buf, out) = unsafe {
            let out = Out::required("out_len", out_len)?;
            (self::engine(engine)?, buffer("buf", buf, cap)?, out)
        };
        copied(engine.engine.read(SessionId::from_raw(session), buf), out)
    })
}

/// Takes the frames of many sessions in one call, packed into buf: for each frame a
/// fanfare_record, its bytes, and zeros up to a multiple of 8. buf need not be aligned; memcpy the
/// records out if it is not. What buf holds behind *out_len bytes is undefined afterwards. What
/// does not fit stays queued, so call it until it says FANFARE_EMPTY, or wait for the next
/// readiness. Sessions with a frame callback are left to it.
///
/// Any thread.
/// FANFARE_OK: *out_len bytes were filled; FANFARE_EMPTY: nothing is queued, *out_len is 0;
/// FANFARE_TRUNCATED: the first record does not fit, *out_len is its size, nothing was taken;
/// FANFARE_E_NULL; FANFARE_E_LIMIT: cap is beyond 1 GiB.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_drain(
    engine: *mut fanfare_engine,
    buf: *mut c_char,
    cap: usize,
    out_len: *mut usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, buf, out) = unsafe {
            let out = Out::required("out_len", out_len)?;
            (self::engine(engine)?, buffer("buf", buf, cap)?, out)
        };
        copied(engine.engine.drain(buf), out)
    })
}

/// Reports what came of copying frames into a buffer.
fn copied(
    result: crate::error::Result<usize>,
    out_len: Out<usize>,
) -> Result<fanfare_status, Failure> {
    let (len, status) = match result {
        Ok(0) => (0, FANFARE_EMPTY),
        Ok(len) => (len, FANFARE_OK),
        Err(error) => match error.needed_bytes() {
            Some(needed) => (needed, FANFARE_TRUNCATED),
            None => return Err(error.into()),
        },
    };
    out_len.set(len);
    Ok(status)
}

/// An empty batch, for fanfare_recv() and its family. NULL only if memory is exhausted inside.
///
/// Any thread. Ownership: yours; give it to fanfare_batch_free().
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn fanfare_batch_new() -> *mut fanfare_batch {
    guard_value(std::ptr::null_mut(), || Ok(Box::into_raw(Box::default())))
}

/// Frees a batch, and with it the bytes of its frames; NULL is fine. The engine may be gone
/// before.
///
/// The batch's thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_batch_free(batch: *mut fanfare_batch) {
    guard(|| {
        not_dropping()?;
        if !batch.is_null() {
            // SAFETY: it came from fanfare_batch_new, and the caller gives it up.
            drop(unsafe { Box::from_raw(batch) });
        }
        Ok(())
    });
}

/// Takes up to max frames of one session into a batch, which lends them to you: see
/// fanfare_batch_frames(). Session 0 stands for all that have no frame callback. What the batch
/// held before is forgotten, and its memory used again.
///
/// Any thread, with a batch of its own.
/// FANFARE_OK; FANFARE_EMPTY: nothing is queued, the batch is empty; FANFARE_E_NULL;
/// FANFARE_E_GONE: the batch is as it was.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_recv(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    max: usize,
    batch: *mut fanfare_batch,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, batch) = unsafe { (self::engine(engine)?, batch_mut(batch)?) };
        let session = (session != 0).then(|| SessionId::from_raw(session));
        batch.take(|frames| engine.engine.recv(session, max, frames))
    })
}

/// As fanfare_recv(), but the batch lends the frames in parts: see fanfare_batch_vectored_frames().
/// What the frames of a notice have in common is then not copied for each session: for hosts that
/// write with writev or the like.
///
/// Any thread, with a batch of its own.
/// As fanfare_recv().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_recv_vectored(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    max: usize,
    batch: *mut fanfare_batch,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, batch) = unsafe { (self::engine(engine)?, batch_mut(batch)?) };
        let session = (session != 0).then(|| SessionId::from_raw(session));
        batch.take_vectored(|frames| engine.engine.recv_vectored(session, max, frames))
    })
}

/// Takes up to max frames of one stream into a batch.
///
/// Any thread, with a batch of its own.
/// As fanfare_recv().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_recv_stream(
    engine: *mut fanfare_engine,
    stream: fanfare_stream,
    max: usize,
    batch: *mut fanfare_batch,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, batch) = unsafe { (self::engine(engine)?, batch_mut(batch)?) };
        batch.take(|frames| engine.engine.recv_stream(StreamId::from_raw(stream), max, frames))
    })
}

/// The frames of a batch, in the order in which they must be written, and in *out_n how many.
/// NULL when it holds none, or those of fanfare_recv_vectored(), and for NULL.
///
/// The batch's thread. Ownership: the batch's; they are valid until the next fanfare_recv() (or
/// another of its family) into it, or its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_batch_frames(
    batch: *const fanfare_batch,
    out_n: *mut usize,
) -> *const fanfare_frame {
    guard_value(std::ptr::null(), || {
        // SAFETY: the caller's promise.
        let (batch, out) = unsafe { (batch.as_ref(), Out::required("out_n", out_n)?) };
        Ok(lent(&batch.ok_or_else(|| Failure::null("batch"))?.frames, out))
    })
}

/// The frames that fanfare_recv_vectored() took into a batch, in the order in which they must be
/// written, and in *out_n how many. NULL when it holds none, or those of another function, and for
/// NULL.
///
/// The batch's thread. Ownership: as fanfare_batch_frames().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_batch_vectored_frames(
    batch: *const fanfare_batch,
    out_n: *mut usize,
) -> *const fanfare_vectored_frame {
    guard_value(std::ptr::null(), || {
        // SAFETY: the caller's promise.
        let (batch, out) = unsafe { (batch.as_ref(), Out::required("out_n", out_n)?) };
        Ok(lent(&batch.ok_or_else(|| Failure::null("batch"))?.vectored_frames, out))
    })
}

/// Where frames stand, and how many.
fn lent<T>(frames: &[T], out_n: Out<usize>) -> *const T {
    out_n.set(frames.len());
    if frames.is_empty() { std::ptr::null() } else { frames.as_ptr() }
}

/// # Safety
/// If it is not NULL, it came from fanfare_batch_new, and no other thread is using it.
unsafe fn batch_mut<'a>(batch: *mut fanfare_batch) -> Result<&'a mut fanfare_batch, Failure> {
    // SAFETY: passed on.
    unsafe { batch.as_mut() }.ok_or_else(|| Failure::null("batch"))
}

impl fanfare_batch {
    fn take(
        &mut self,
        recv: impl FnOnce(&mut Batch) -> crate::error::Result<usize>,
    ) -> Result<fanfare_status, Failure> {
        self.refill(|batch, vectored| recv(batch).inspect(|_| vectored.clear()))
    }

    fn take_vectored(
        &mut self,
        recv: impl FnOnce(&mut VectoredBatch) -> crate::error::Result<usize>,
    ) -> Result<fanfare_status, Failure> {
        self.refill(|batch, vectored| recv(vectored).inspect(|_| batch.clear()))
    }

    fn refill(
        &mut self,
        recv: impl FnOnce(&mut Batch, &mut VectoredBatch) -> crate::error::Result<usize>,
    ) -> Result<fanfare_status, Failure> {
        // Whatever becomes of it, no frame may point to where bytes no longer stand.
        self.frames.clear();
        self.vectored_frames.clear();
        let taken = recv(&mut self.batch, &mut self.vectored);
        self.frames.extend(self.batch.iter().map(|frame| as_frame(&frame)));
        self.vectored_frames.extend(self.vectored.iter().map(|frame| as_vectored_frame(&frame)));
        Ok(if taken? == 0 { FANFARE_EMPTY } else { FANFARE_OK })
    }
}

/// A frame as C sees it. It points to where the bytes of the original stand.
pub(super) fn as_frame(frame: &Frame<'_>) -> fanfare_frame {
    fanfare_frame {
        session: frame.session.to_raw(),
        stream: frame.stream.to_raw(),
        data: frame.data.into(),
        flags: frame.flags.bits(),
        reserved: 0,
    }
}

/// The same in parts.
fn as_vectored_frame(frame: &VectoredFrame<'_>) -> fanfare_vectored_frame {
    fanfare_vectored_frame {
        session: frame.session.to_raw(),
        stream: frame.stream.to_raw(),
        flags: frame.flags.bits(),
        reserved: 0,
        parts: frame.parts.map(fanfare_str::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::dispatch::Engine;
    use crate::params::{Profile, Raise, SessionParams};

    #[test]
    fn a_record_is_laid_out_as_the_engine_packs_it() {
        let engine = Engine::new(Config::default());
        let session = engine.open(SessionParams::new(Profile::Open)).unwrap();
        let stream = engine.stream(session).unwrap();
        engine.notify("notifications/x", None, &Raise::ALL).unwrap();
        let mut buf = [0xff; 256];
        let len = engine.drain(&mut buf).unwrap();
        // SAFETY: a record is plain numbers, and more bytes than it has stand there.
        let record = unsafe { buf.as_ptr().cast::<fanfare_record>().read_unaligned() };
        assert_eq!((record.session, record.stream), (session.to_raw(), stream.to_raw()));
        assert_eq!(record.flags, 0);
        let text = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n";
        assert_eq!(&buf[24..][..record.len as usize], text);
        assert_eq!(len, 24 + text.len().next_multiple_of(8));
        assert!(buf[24 + text.len()..len].iter().all(|&byte| byte == 0));
        assert_eq!(buf[len], 0xff);
    }
}
