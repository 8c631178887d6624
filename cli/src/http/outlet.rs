//! The socket of one open stream, and what is not written of it yet.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;
use rustls::ServerConnection;
use tokio::sync::OwnedSemaphorePermit;

/// A socket that belongs to the pump: written without ever waiting.
pub(super) struct Conn {
    socket: TcpStream,
    /// What encrypts what is written, and keeps it until the socket takes it.
    tls: Option<Box<ServerConnection>>,
    /// Whether the body is sent in chunks. Not for HTTP/1.0, where its end is the connection's.
    is_chunked: bool,
    /// What the latest write has left over, from `at` on.
    rest: Vec<u8>,
    at: usize,
    /// What the connection counts against. Given back when it is closed.
    _permit: OwnedSemaphorePermit,
}

impl Conn {
    pub(super) fn new(
        socket: std::net::TcpStream,
        tls: Option<ServerConnection>,
        is_chunked: bool,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let socket = TcpStream::from_std(socket);
        let tls = tls.map(|mut tls| {
            // The bound is the engine's: nothing more is written before all of it is.
            tls.set_buffer_limit(None);
            Box::new(tls)
        });
        Self { socket, tls, is_chunked, rest: Vec::new(), at: 0, _permit: permit }
    }

    /// For the poll to watch.
    pub(super) fn source(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Appends frames to `out`, as they go over the wire.
    pub(super) fn encode(&self, frames: &[u8], is_last: bool, out: &mut Vec<u8>) {
        if !self.is_chunked {
            return out.extend_from_slice(frames);
        }
        // A chunk of length 0 would be the end.
        if !frames.is_empty() {
            let mut size = String::with_capacity(18);
            write!(size, "{:x}\r\n", frames.len()).expect("a String takes all");
            out.extend_from_slice(size.as_bytes());
            out.extend_from_slice(frames);
            out.extend_from_slice(b"\r\n");
        }
        if is_last {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Writes as much as the socket takes, and keeps the rest.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes)?;
            return write_tls(tls, &mut self.socket);
        }
        let mut written = 0;
        if self.is_drained() {
            written = write_some(&mut self.socket, bytes)?;
        }
        self.rest.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Writes what is left, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            return write_tls(tls, &mut self.socket);
        }
        self.at += write_some(&mut self.socket, &self.rest[self.at..])?;
        if self.is_drained() {
            // An idle stream holds no buffer.
            (self.rest, self.at) = (Vec::new(), 0);
        }
        Ok(())
    }

    pub(super) fn is_drained(&self) -> bool {
        self.at == self.rest.len() && self.tls.as_ref().is_none_or(|tls| !tls.wants_write())
    }

    /// Throws away what the client sends, which asked for a stream and may ask nothing more on
    /// this connection. Says whether it is still there.
    pub(super) fn hear(&mut self, scratch: &mut [u8]) -> bool {
        loop {
            let read = match &mut self.tls {
                Some(tls) => read_tls(tls, &mut self.socket, scratch),
                None => self.socket.read(scratch),
            };
            match read {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Says that nothing follows.
    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            drop(write_tls(tls, &mut self.socket));
        }
        // It fails where the client has gone, and then it knows.
        drop(self.socket.shutdown(std::net::Shutdown::Write));
    }
}

/// Writes what is encrypted until all is written or the socket takes no more.
fn write_tls(tls: &mut ServerConnection, socket: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(socket) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads some, and throws away what it says. 0 is the end.
fn read_tls(
    tls: &mut ServerConnection,
    socket: &mut TcpStream,
    scratch: &mut [u8],
) -> io::Result<usize> {
    let read = tls.read_tls(socket)?;
    let state = tls.process_new_packets().map_err(io::Error::other)?;
    if state.peer_has_closed() {
        return Ok(0);
    }
    let mut left = state.plaintext_bytes_to_read();
    while left != 0 {
        let taken = tls.reader().read(scratch)?;
        left = left.saturating_sub(taken.max(1));
    }
    Ok(read)
}

/// Writes until all is written or the socket takes no more, and yields how much that was.
fn write_some(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}
