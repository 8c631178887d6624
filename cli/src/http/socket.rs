//! A client's socket while hyper has it: one that does not read may not keep it for ever.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How long, and how much of, what nobody wants is read before a connection is closed: to close it
/// with something unread would take the answer from the client's hands.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 16 << 20;

pub(super) struct Socket {
    io: TcpStream,
    /// How long nothing may be taken of what is written.
    patience: Duration,
    /// When that is over, while nothing is taken.
    stalled: Option<Pin<Box<Sleep>>>,
    is_given_up: bool,
}

impl Socket {
    pub(super) fn new(io: TcpStream, patience: Duration) -> Self {
        Self { io, patience, stalled: None, is_given_up: false }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.io
    }

    /// Closes it so that what was written arrives.
    pub(super) async fn close(mut self) {
        if self.is_given_up || self.io.shutdown().await.is_err() {
            return;
        }
        let mut scratch = vec![0; 16 << 10];
        let rest = async {
            let mut left = LINGER_BYTES;
            while let Ok(read @ 1..) = self.io.read(&mut scratch).await
                && read < left
            {
                left -= read;
            }
        };
        drop(tokio::time::timeout(LINGER, rest).await);
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let until = Instant::now() + self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(stalled.as_mut().poll(cx));
        self.is_given_up = true;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
