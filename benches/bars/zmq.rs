//! ZeroMQ's PUB/SUB within a process, as a peer: one publisher, a socket for each subscriber.
//!
//! The library is loaded while the benchmark runs, so that nothing needs it to build: by the name
//! under which Debian installs it, or from the path in `FANFARE_ZMQ`.

#![expect(unsafe_code, reason = "the peer is a C library, loaded at run time")]

use std::ffi::{c_char, c_int, c_void};
use std::hint::black_box;

use libloading::{Library, Symbol};

use crate::peers::BODY;

// From zmq.h; they are part of its ABI.
const ZMQ_MAX_SOCKETS: c_int = 2;
const ZMQ_PUB: c_int = 1;
const ZMQ_SUB: c_int = 2;
const ZMQ_SUBSCRIBE: c_int = 6;
const ZMQ_LINGER: c_int = 17;
const ZMQ_DONTWAIT: c_int = 1;

const ENDPOINT: &std::ffi::CStr = c"inproc://fanfare";
/// How often a message is sent until all have subscribed: the publisher looks for subscriptions
/// when it sends, and not each time.
const TRIES: usize = 100_000;

type Socket = *mut c_void;

/// The functions, which are valid as long as the library is loaded.
struct Functions {
    ctx_new: unsafe extern "C" fn() -> *mut c_void,
    ctx_set: unsafe extern "C" fn(*mut c_void, c_int, c_int) -> c_int,
    ctx_term: unsafe extern "C" fn(*mut c_void) -> c_int,
    socket: unsafe extern "C" fn(*mut c_void, c_int) -> Socket,
    close: unsafe extern "C" fn(Socket) -> c_int,
    bind: unsafe extern "C" fn(Socket, *const c_char) -> c_int,
    connect: unsafe extern "C" fn(Socket, *const c_char) -> c_int,
    setsockopt: unsafe extern "C" fn(Socket, c_int, *const c_void, usize) -> c_int,
    send: unsafe extern "C" fn(Socket, *const c_void, usize, c_int) -> c_int,
    recv: unsafe extern "C" fn(Socket, *mut c_void, usize, c_int) -> c_int,
}

/// A publisher and its subscribers.
pub(crate) struct Sockets {
    zmq: Functions,
    context: *mut c_void,
    publisher: Socket,
    subscribers: Vec<Socket>,
    /// Last, so that it is unloaded last.
    _library: Library,
}

impl Sockets {
    /// That many subscribers, all of them known to the publisher.
    pub(crate) fn new(count: usize) -> Result<Self, String> {
        let path = std::env::var_os("FANFARE_ZMQ").unwrap_or_else(|| "libzmq.so.5".into());
        // SAFETY: loading libzmq runs nothing but its own set-up.
        let library = unsafe { Library::new(&path) }
            .map_err(|e| format!("{e}; install libzmq5, or name the library in FANFARE_ZMQ"))?;
        // SAFETY: the signatures are those of zmq.h.
        let zmq = unsafe { Functions::of(&library) }.map_err(|e| e.to_string())?;
        // SAFETY: it takes nothing, and what it gives is ended by `drop`.
        let context = unsafe { (zmq.ctx_new)() };
        let mut sockets = Self {
            zmq,
            context,
            publisher: std::ptr::null_mut(),
            subscribers: Vec::new(),
            _library: library,
        };
        sockets.connect(count)?;
        Ok(sockets)
    }

    fn connect(&mut self, count: usize) -> Result<(), String> {
        let zmq = &self.zmq;
        let max = c_int::try_from(count + 1).expect("so many sockets are never asked for");
        // SAFETY: the context is alive, and so is each socket until `drop`; texts are terminated.
        unsafe {
            check("zmq_ctx_set", (zmq.ctx_set)(self.context, ZMQ_MAX_SOCKETS, max))?;
            self.publisher = self.open(ZMQ_PUB)?;
            check("zmq_bind", (zmq.bind)(self.publisher, ENDPOINT.as_ptr()))?;
            for _ in 0..count {
                let socket = self.open(ZMQ_SUB)?;
                self.subscribers.push(socket);
                let everything = (zmq.setsockopt)(socket, ZMQ_SUBSCRIBE, std::ptr::null(), 0);
                check("zmq_setsockopt", everything)?;
                let connected = (self.zmq.connect)(socket, ENDPOINT.as_ptr());
                check("zmq_connect", connected)?;
            }
        }
        let all_hear = |sockets: &mut Self| {
            sockets.send();
            let heard = (0..count).filter(|&at| sockets.recv(at)).count();
            heard == count
        };
        match (0..TRIES).any(|_| all_hear(self)) {
            true => Ok(()),
            false => Err("not all sockets got what was sent".to_owned()),
        }
    }

    /// One message, sent and received by all.
    pub(crate) fn round(&mut self) {
        self.send();
        for at in 0..self.subscribers.len() {
            assert!(self.recv(at), "one message");
        }
    }

    fn open(&self, kind: c_int) -> Result<Socket, String> {
        // SAFETY: the context is alive.
        let socket = unsafe { (self.zmq.socket)(self.context, kind) };
        if socket.is_null() {
            let error = std::io::Error::last_os_error();
            return Err(format!("zmq_socket: {error}; each takes a file descriptor"));
        }
        let now: c_int = 0;
        // SAFETY: the socket was just opened, and the option is an int.
        let set = unsafe {
            let value = (&raw const now).cast();
            (self.zmq.setsockopt)(socket, ZMQ_LINGER, value, size_of::<c_int>())
        };
        check("zmq_setsockopt", set).map(|()| socket)
    }

    fn send(&mut self) {
        // SAFETY: the socket is alive, and the bytes are copied.
        let sent = unsafe { (self.zmq.send)(self.publisher, BODY.as_ptr().cast(), BODY.len(), 0) };
        assert_eq!(usize::try_from(sent), Ok(BODY.len()));
    }

    /// Whether a message was there.
    fn recv(&mut self, at: usize) -> bool {
        let mut buf = [0_u8; 256];
        let place = buf.as_mut_ptr().cast();
        // SAFETY: the socket is alive, and the place as large as is said.
        let len = unsafe { (self.zmq.recv)(self.subscribers[at], place, buf.len(), ZMQ_DONTWAIT) };
        black_box(&buf);
        usize::try_from(len) == Ok(BODY.len())
    }
}

impl Functions {
    /// # Safety
    /// The library is libzmq.
    unsafe fn of(library: &Library) -> Result<Self, libloading::Error> {
        /// # Safety
        /// The symbol is of type `T`.
        unsafe fn get<T: Copy>(library: &Library, name: &str) -> Result<T, libloading::Error> {
            // SAFETY: passed on.
            unsafe { library.get(name) }.map(|symbol: Symbol<'_, T>| *symbol)
        }
        // SAFETY: the signatures are those of zmq.h.
        unsafe {
            Ok(Self {
                ctx_new: get(library, "zmq_ctx_new")?,
                ctx_set: get(library, "zmq_ctx_set")?,
                ctx_term: get(library, "zmq_ctx_term")?,
                socket: get(library, "zmq_socket")?,
                close: get(library, "zmq_close")?,
                bind: get(library, "zmq_bind")?,
                connect: get(library, "zmq_connect")?,
                setsockopt: get(library, "zmq_setsockopt")?,
                send: get(library, "zmq_send")?,
                recv: get(library, "zmq_recv")?,
            })
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let sockets = self.subscribers.iter().chain([&self.publisher]);
        // SAFETY: each was opened by `open` and is closed once, and then the context is unused.
        unsafe {
            for &socket in sockets.filter(|socket| !socket.is_null()) {
                (self.zmq.close)(socket);
            }
            (self.zmq.ctx_term)(self.context);
        }
    }
}

fn check(what: &str, status: c_int) -> Result<(), String> {
    match status {
        0 => Ok(()),
        _ => Err(format!("{what}: {}", std::io::Error::last_os_error())),
    }
}
