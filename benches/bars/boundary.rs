//! The same through the C ABI: what each frame costs a C program beyond what it costs in Rust.
//!
//! The functions are the exported ones, called as a C program calls them that is linked with the
//! static library. A shared one adds a jump per call, and there are three calls per 64 frames.

#![expect(unsafe_code, reason = "the exported functions are called as C calls them")]

use std::ffi::{c_char, c_void};
use std::hint::black_box;
use std::ptr::{null, null_mut};

use fanfare::{Batch, Framing, Verdict};

use crate::crowd::{self, Crowd, SHARED};
use crate::measure::{compare, in_turn, time_once};
use crate::table::{Row, Table};

/// How many frames are taken at a time, on both sides.
const BATCH: usize = 64;

const OK: i32 = 0;
const ACCEPTED: i32 = 0;
const PROFILE_MODERN: u32 = 2;
const FRAMING_JSON: u32 = 1;

/// `fanfare_str`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Str {
    ptr: *const c_char,
    len: usize,
}

/// `fanfare_session_params`.
#[repr(C)]
struct SessionParams {
    struct_size: usize,
    profile: u32,
    revision: u32,
    handshake: u32,
    framing: u32,
    overflow: u32,
    max_queued_frames: u32,
    max_queued_bytes: u32,
    reserved: u32,
    capabilities: Str,
    principal: Str,
    user_data: *mut c_void,
}

/// `fanfare_frame`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Frame {
    session: u64,
    stream: u64,
    data: Str,
    flags: u32,
    reserved: u32,
}

// As in include/fanfare.h. The status is an int32_t there.
unsafe extern "C" {
    fn fanfare_engine_new(config: *const c_void, out: *mut *mut c_void) -> i32;
    fn fanfare_engine_free(engine: *mut c_void) -> i32;
    fn fanfare_session_open(
        engine: *mut c_void,
        params: *const SessionParams,
        out: *mut u64,
    ) -> i32;
    fn fanfare_listen(
        engine: *mut c_void,
        session: u64,
        stream: u64,
        id: *const c_char,
        id_len: usize,
        filter: *const c_char,
        filter_len: usize,
        out: *mut u64,
    ) -> i32;
    fn fanfare_notify_resource_updated(
        engine: *mut c_void,
        uri: *const c_char,
        uri_len: usize,
        raise: *const c_void,
        out_matched: *mut usize,
    ) -> i32;
    fn fanfare_batch_new() -> *mut c_void;
    fn fanfare_batch_free(batch: *mut c_void);
    fn fanfare_recv(engine: *mut c_void, session: u64, max: usize, batch: *mut c_void) -> i32;
    fn fanfare_batch_frames(batch: *const c_void, out_n: *mut usize) -> *const Frame;
    fn fanfare_engine_on_frame(
        engine: *mut c_void,
        function: extern "C" fn(*mut c_void, *const Frame) -> i32,
        ctx: *mut c_void,
        drop: *const c_void,
    ) -> i32;
    fn fanfare_dispatch(engine: *mut c_void, max: usize, out_n: *mut usize) -> i32;
}

/// An engine as a C program holds it, with the population of [`Crowd`].
struct Abroad {
    engine: *mut c_void,
    batch: *mut c_void,
}

impl Abroad {
    fn new(count: usize) -> Self {
        let mut engine = null_mut();
        // SAFETY: `engine` is a place for a pointer; NULL stands for every default.
        assert_eq!(unsafe { fanfare_engine_new(null(), &mut engine) }, OK);
        // SAFETY: it takes nothing.
        let batch = unsafe { fanfare_batch_new() };
        let mut abroad = Self { engine, batch };
        (0..count).for_each(|made| abroad.arrive(made));
        assert_eq!(abroad.drain(), count, "one acknowledgment each");
        abroad
    }

    /// One more session, and its listen.
    fn arrive(&self, made: usize) {
        let nothing = || Str { ptr: null(), len: 0 };
        let params = SessionParams {
            struct_size: size_of::<SessionParams>(),
            profile: PROFILE_MODERN,
            revision: 0,
            handshake: 0,
            framing: FRAMING_JSON,
            overflow: 0,
            max_queued_frames: 0,
            max_queued_bytes: 0,
            reserved: 0,
            capabilities: nothing(),
            principal: nothing(),
            user_data: null_mut(),
        };
        let (mut session, mut subscription) = (0, 0);
        let (id, filter) = crowd::request(made);
        // SAFETY: the engine is alive, the struct is laid out as its size says, and the texts are
        // borrowed for the call.
        unsafe {
            assert_eq!(fanfare_session_open(self.engine, &params, &mut session), OK);
            let listened = fanfare_listen(
                self.engine,
                session,
                0,
                id.as_ptr().cast(),
                id.len(),
                filter.as_ptr().cast(),
                filter.len(),
                &mut subscription,
            );
            assert_eq!(listened, OK);
        }
    }

    fn raise(&self) -> usize {
        let mut matched = 0;
        let uri = SHARED.as_ptr().cast();
        // SAFETY: the engine is alive, and the text borrowed for the call.
        let status = unsafe {
            fanfare_notify_resource_updated(self.engine, uri, SHARED.len(), null(), &mut matched)
        };
        assert_eq!(status, OK);
        matched
    }

    fn drain(&mut self) -> usize {
        let mut frames = 0;
        // SAFETY: the engine and the batch are alive, and the batch lends as many frames as it
        // says until the next call.
        unsafe {
            while fanfare_recv(self.engine, 0, BATCH, self.batch) == OK {
                let mut n = 0;
                let first = fanfare_batch_frames(self.batch, &mut n);
                for at in 0..n {
                    black_box(*first.add(at));
                }
                frames += n;
            }
        }
        frames
    }
}

/// Looks at a frame, and takes it.
extern "C" fn accept(_: *mut c_void, frame: *const Frame) -> i32 {
    // SAFETY: the frame is lent for the call.
    black_box(unsafe { &*frame });
    ACCEPTED
}

impl Abroad {
    /// From now on a callback takes what comes.
    fn push(&self) {
        // SAFETY: the engine is alive; the function does without a context, and so without a drop.
        let status = unsafe { fanfare_engine_on_frame(self.engine, accept, null_mut(), null()) };
        assert_eq!(status, OK);
    }

    fn dispatch(&self) -> usize {
        let mut frames = 0;
        // SAFETY: the engine is alive, and there is a place for the number.
        assert_eq!(unsafe { fanfare_dispatch(self.engine, usize::MAX, &mut frames) }, OK);
        frames
    }
}

impl Drop for Abroad {
    fn drop(&mut self) {
        // SAFETY: both were made by `new`, and nobody uses them any more.
        unsafe {
            fanfare_batch_free(self.batch);
            fanfare_engine_free(self.engine);
        }
    }
}

/// Bar 11, from C.
pub(crate) fn in_c(table: &mut Table, n: usize, rounds: usize) {
    let mut abroad = Abroad::new(n);
    let home = Crowd::new(n, Framing::Json);
    let mut through = || {
        assert_eq!(abroad.raise(), n);
        assert_eq!(abroad.drain(), n);
    };
    let mut batch = Batch::new();
    let mut direct = || {
        assert_eq!(home.raise(), n);
        assert_eq!(crowd::drain(&home.engine, BATCH, &mut batch), n);
    };
    let pair = in_turn(rounds, n, &mut through, &mut direct);
    let scenario = ("raise and drain by 64 through the C ABI", n);
    table.add(Row::difference(scenario, pair, "ns a frame", "the same in Rust", 5.0));
}

/// Bar 8, from C, beside the same in Rust.
pub(crate) fn callbacks(table: &mut Table, n: usize, rounds: usize) {
    let (abroad, home) = (Abroad::new(n), Crowd::new(n, Framing::Json));
    abroad.push();
    let callback = |frame: &fanfare::Frame<'_>| {
        black_box(frame);
        Verdict::Accepted
    };
    home.engine.on_frame(None, Box::new(callback)).expect("it is registered");
    let mut through = || {
        assert_eq!(abroad.raise(), n);
        time_once(n, || assert_eq!(abroad.dispatch(), n))
    };
    let mut direct = || {
        assert_eq!(home.raise(), n);
        time_once(n, || assert_eq!(home.engine.dispatch(usize::MAX), Ok(n)))
    };
    let pair = compare(rounds, &mut through, &mut direct);
    let scenario = ("callbacks through the C ABI", n);
    table.add(Row::difference(scenario, pair, "ns a frame", "the same in Rust", 5.0));
}
