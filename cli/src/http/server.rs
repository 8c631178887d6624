//! A server from its beginning to its end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fanfare::SessionId;
use tokio::sync::{Semaphore, watch};

use super::app::{App, Held};
use super::feed::{Command, Feed};
use super::hub::Hub;
use super::listener;
use super::metrics::{Answered, Counts};
use super::options::Options;
use super::pump::Pump;
use super::sessions::Sessions;

/// How many threads answer requests. Streams need none of them.
const WORKERS: usize = 4;

/// A server that listens, and serves while it is [`run`](Self::run).
pub struct Server {
    hub: Arc<Hub>,
    listener: TcpListener,
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

/// Stops a server, from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Begins the end: no new work is taken, every listen is told, and what is queued is written
    /// for as long as [`Options::drain_timeout`] says. Then [`Server::run`] returns.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// What is open now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Connections on which requests are read and answered.
    pub connections: usize,
    /// Connections that are a stream's.
    pub streams: usize,
    /// Sessions of the legacy era.
    pub sessions: usize,
}

/// Reads what is open and what was answered, from any thread.
#[derive(Clone)]
pub struct Meter(Arc<Hub>);

impl Meter {
    /// What is open now.
    pub fn read(&self) -> Gauges {
        Gauges {
            connections: self.0.counts.connections.load(Ordering::Relaxed),
            streams: self.0.counts.streams.load(Ordering::Relaxed),
            sessions: self.0.sessions.len() + self.0.old_sessions.len(),
        }
    }

    /// What was answered until now.
    pub fn answered(&self) -> Answered {
        self.0.counts.read()
    }

    /// The session of the legacy era that its client knows by that id, whoever the client is: for
    /// an operator, who may speak to all of them. The id alone gives no client access.
    pub fn session(&self, id: &str) -> Option<SessionId> {
        self.0.sessions.named(id).or_else(|| self.0.old_sessions.named(id))
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meter").field(&self.read()).finish()
    }
}

impl Server {
    /// Takes the address. The engine of `app` was made with the hooks of `feed`, which is for this
    /// server alone.
    pub fn bind<A: App>(app: Arc<A>, feed: &Feed, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let hub = Arc::new(Hub {
            app: Arc::new(Held(app)),
            feed: feed.clone(),
            options,
            sessions: Sessions::default(),
            old_sessions: Sessions::default(),
            places: Arc::default(),
            counts: Counts::default(),
            is_stopping: AtomicBool::new(false),
        });
        let (stop, _) = watch::channel(false);
        Ok(Self { hub, listener, address, stop })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// What says how much is open.
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.hub))
    }

    /// Serves until it is stopped.
    pub fn run(self) -> io::Result<()> {
        let pump = Pump::new(Arc::clone(&self.hub))?;
        let pump = std::thread::Builder::new().name("pump".to_owned()).spawn(|| pump.run())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .thread_name("http")
            .build()?;
        let (hub, stop) = (self.hub, self.stop.subscribe());
        let listener = self.listener;
        // Every connection has a place, until its last byte is written.
        let all = hub.options.max_connections.min(u32::MAX as usize);
        let places = Arc::new(Semaphore::new(all));
        let served: io::Result<()> = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            drop(tokio::spawn(expire(Arc::clone(&hub))));
            listener::accept(&hub, &places, listener, stop).await;
            hub.is_stopping.store(true, Ordering::Release);
            hub.feed.push(Command::Drain);
            let drained = places.acquire_many(u32::try_from(all).unwrap_or(u32::MAX));
            // Who has not read by then is cut off.
            drop(tokio::time::timeout(hub.options.drain_timeout, drained).await);
            Ok(())
        });
        // Without a runtime nobody waits for an answer any more, and nothing new can begin.
        drop(runtime);
        hub.feed.push(Command::Stop);
        let pumped = pump.join().map_err(|_| io::Error::other("the pump failed"))?;
        // What came too late for the pump.
        drop(hub.feed.take());
        hub.sessions.all().into_iter().for_each(|session| hub.end_session(session));
        served.and(pumped)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Ends sessions of the legacy era that nobody has used for long.
async fn expire(hub: Arc<Hub>) {
    let at_least = hub.options.idle_timeout;
    let pause = (at_least / 8).clamp(Duration::from_millis(10), Duration::from_secs(60));
    loop {
        tokio::time::sleep(pause).await;
        for session in hub.sessions.idle(at_least) {
            hub.end_session(session);
        }
    }
}
