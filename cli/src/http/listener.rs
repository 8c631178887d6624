//! Connections: accepting them, and handing each to hyper until one of its answers is a stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::exchange::{self, Takeover};
use super::feed::{Attach, Command};
use super::hub::Hub;
use super::outlet::Conn;
use super::socket::{Io, Socket};

/// How many headers a request may have: 431 beyond it.
const MAX_HEADERS: usize = 128;

/// How long to wait where the system has no descriptor for one more connection.
const SHORTAGE: Duration = Duration::from_millis(50);

/// What the service of a connection tells whoever serves it.
#[derive(Default)]
pub(super) struct Slot {
    takeover: Mutex<Option<Takeover>>,
    has_unread: AtomicBool,
}

impl Slot {
    /// The connection becomes a stream's: the service must not answer.
    pub(super) fn leave(&self, takeover: Takeover) {
        *self.takeover.lock().unwrap_or_else(PoisonError::into_inner) = Some(takeover);
    }

    /// An answer goes out though the request was not read to its end.
    pub(super) fn note_unread(&self) {
        self.has_unread.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> Option<Takeover> {
        self.takeover.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn has_unread(&self) -> bool {
        self.has_unread.load(Ordering::Relaxed)
    }
}

/// Accepts until it is told to stop.
pub(super) async fn accept(
    hub: &Arc<Hub>,
    places: &Arc<Semaphore>,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) {
    let mut stopped = stop.clone();
    loop {
        let next = async {
            let place = Arc::clone(places).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let accepted = tokio::select! {
            // It also ends when nobody is left who could say so.
            _ = stopped.wait_for(|stop| *stop) => return,
            accepted = next => accepted,
        };
        let Some((accepted, place)) = accepted else { return };
        match accepted {
            Ok((socket, _)) => {
                let serving = serve(Arc::clone(hub), socket, place, stop.clone());
                drop(tokio::spawn(serving));
            }
            // A client that was gone at once, or no descriptors: the next one may have more luck.
            Err(_) => tokio::time::sleep(SHORTAGE).await,
        }
    }
}

/// Counts a connection as long as hyper has it.
struct Counted(Arc<Hub>);

impl Counted {
    fn new(hub: &Arc<Hub>) -> Self {
        hub.counts.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(hub))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.counts.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(
    hub: Arc<Hub>,
    socket: TcpStream,
    place: OwnedSemaphorePermit,
    mut stop: watch::Receiver<bool>,
) {
    let counted = Counted::new(&hub);
    // A frame is wanted when it is written, not when the next one comes.
    drop(socket.set_nodelay(true));
    let io = match &hub.options.tls {
        None => Io::Plain(socket),
        Some(tls) => {
            let shaking = tls.acceptor().accept(socket);
            match tokio::time::timeout(hub.options.head_timeout, shaking).await {
                Ok(Ok(stream)) => Io::Tls(Box::new(stream)),
                // No TLS, or none that is spoken here, or too slow.
                _ => return,
            }
        }
    };
    let slot = Arc::new(Slot::default());
    let service = service_fn({
        let (hub, slot) = (Arc::clone(&hub), Arc::clone(&slot));
        move |request| Box::pin(exchange::answer(Arc::clone(&hub), Arc::clone(&slot), request))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(hub.options.head_timeout)
        .max_buf_size(hub.options.max_head_bytes.max(8 << 10))
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Socket::new(io, hub.options.write_timeout)), service);
    let mut is_stopped = false;
    let served = loop {
        // A service that wants its connection for a stream says so while it is polled, and never
        // answers.
        let serving = poll_fn(|cx| {
            let polled = connection.poll_without_shutdown(cx);
            match slot.take() {
                Some(takeover) => Poll::Ready(Ok(takeover)),
                None => polled.map(|done| Err(done.is_err())),
            }
        });
        tokio::select! {
            // In this order, so that an answer that is there by then says that it is the last.
            biased;
            // What is being answered still is, and then the connection is closed.
            _ = stop.wait_for(|stop| *stop), if !is_stopped => is_stopped = true,
            served = serving => break served,
        }
        Pin::new(&mut connection).graceful_shutdown();
    };
    let socket = connection.into_parts().io.into_inner();
    let Takeover { lease, head, first, is_chunked } = match served {
        Ok(takeover) => takeover,
        Err(is_broken) => return socket.close(is_broken || slot.has_unread()).await,
    };
    let Ok((socket, tls)) = socket.into_parts() else { return };
    drop(counted);
    let conn = Conn::new(socket, tls, is_chunked, place);
    hub.feed.push(Command::Attach(Box::new(Attach { conn, lease, head, first })));
}
