//! Connections: accepting them, and handing each to hyper until one of its answers is a stream.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
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

/// How many headers a request may have: 431 beyond it.
const MAX_HEADERS: usize = 128;

/// How long to wait where the system has no descriptor for one more connection.
const SHORTAGE: Duration = Duration::from_millis(50);

/// Where a service leaves what makes its connection a stream's.
pub(super) type Slot = Arc<Mutex<Option<Takeover>>>;

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
            Ok((socket, peer)) => {
                let serving = serve(Arc::clone(hub), socket, peer, place, stop.clone());
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
    _peer: SocketAddr,
    place: OwnedSemaphorePermit,
    mut stop: watch::Receiver<bool>,
) {
    let counted = Counted::new(&hub);
    // A frame is wanted when it is written, not when the next one comes.
    drop(socket.set_nodelay(true));
    let slot = Slot::default();
    let service = service_fn({
        let (hub, slot) = (Arc::clone(&hub), Arc::clone(&slot));
        move |request| Box::pin(exchange::answer(Arc::clone(&hub), Arc::clone(&slot), request))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(hub.options.head_timeout)
        .max_buf_size(hub.options.max_head_bytes.max(8 << 10))
        .max_headers(MAX_HEADERS);
    let mut connection = builder.serve_connection(TokioIo::new(socket), service);
    let taken = {
        // A service that wants its connection for a stream says so while it is polled, and never
        // answers.
        let mut served = poll_fn(|cx| {
            let done = connection.poll_without_shutdown(cx).is_ready();
            match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(takeover) => Poll::Ready(Some(takeover)),
                None if done => Poll::Ready(None),
                None => Poll::Pending,
            }
        });
        tokio::select! {
            taken = &mut served => Some(taken),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    };
    let taken = match taken {
        Some(taken) => taken,
        None => {
            // What is being answered still is, and then the connection is closed.
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| {
                let done = connection.poll_without_shutdown(cx).is_ready();
                match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    Some(takeover) => Poll::Ready(Some(takeover)),
                    None if done => Poll::Ready(None),
                    None => Poll::Pending,
                }
            })
            .await
        }
    };
    let Some(Takeover { lease, head, first, is_chunked }) = taken else { return };
    let Ok(socket) = connection.into_parts().io.into_inner().into_std() else { return };
    drop(counted);
    let conn = Conn::new(socket, is_chunked, place);
    hub.feed.push(Command::Attach(Box::new(Attach { conn, lease, head, first })));
}
