//! Messages to and from a server over HTTP: a POST for each that is sent, and several streams on
//! which answers and news come, put into one queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::link::Link;
use super::post::Post;
use super::stream;
use crate::listen::client::{CallError, Incoming, Loss, Lost, Wire};
use crate::listen::note;

/// How many messages are read before they are printed; then the server has to wait.
const QUEUE: usize = 64;

/// How long what is subscribed to waits for the stream on which it is to come. A server that
/// answers takes no time; one that does not before it has something to say is not waited for.
const NEWS_PATIENCE: Duration = Duration::from_secs(1);

/// How long the server may take to hear that the session is over.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);

/// A server at the other end of HTTP.
///
/// All of it runs on the thread that calls, while it waits: there is no other.
pub(crate) struct HttpWire {
    runtime: Runtime,
    link: Arc<Link>,
    to: mpsc::Sender<Incoming>,
    from: mpsc::Receiver<Incoming>,
    tasks: JoinSet<()>,
    stop: watch::Receiver<bool>,
    stopper: Arc<watch::Sender<bool>>,
}

impl HttpWire {
    pub(crate) fn new(link: Link) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot set up the network")?;
        let (to, from) = mpsc::channel(QUEUE);
        let (stopper, stop) = watch::channel(false);
        let (link, stopper) = (Arc::new(link), Arc::new(stopper));
        Ok(Self { runtime, link, to, from, tasks: JoinSet::new(), stop, stopper })
    }

    /// What makes everything that waits return when the user wants to stop.
    pub(crate) fn stopper(&self) -> impl Fn() + Send + 'static {
        let stopper = Arc::clone(&self.stopper);
        move || {
            stopper.send_replace(true);
        }
    }

    /// Opens the stream of what the server says by itself (up to 2025-11-25).
    pub(crate) fn hear_news(&mut self) -> Result<(), CallError> {
        let (tried, opened) = oneshot::channel();
        let news = stream::hear_news(Arc::clone(&self.link), self.to.clone(), move || {
            // Nobody waits for it when it took too long.
            let _ = tried.send(());
        });
        self.start(None, news);
        let opened = async { drop(tokio::time::timeout(NEWS_PATIENCE, opened).await) };
        self.unless_stopped(opened)
    }

    /// Waits, while whatever comes is read.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<(), CallError> {
        // Inside, since a timer can only be made where it runs.
        self.unless_stopped(async move { tokio::time::sleep(time).await })
    }

    /// Closes every connection, and forgets the session and what was not heard yet.
    pub(crate) fn reset(&mut self) {
        self.tasks.abort_all();
        self.link.forget_session();
        (self.to, self.from) = mpsc::channel(QUEUE);
    }

    /// Tells the server that the session is over (up to 2025-11-25), and closes every connection,
    /// which is all that 2026-07-28 wants.
    pub(crate) fn leave(mut self) {
        if self.link.has_session() {
            let link = Arc::clone(&self.link);
            let told =
                async move { tokio::time::timeout(LEAVE_PATIENCE, link.end_session()).await };
            // If it cannot be told, it will find out.
            drop(self.runtime.block_on(told));
        }
        self.tasks.abort_all();
        self.runtime.shutdown_background();
    }

    /// Runs an exchange beside others; tells what is lost when it fails.
    fn start(
        &mut self,
        request: Option<u64>,
        exchange: impl Future<Output = Result<(), Loss>> + Send + 'static,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let to = self.to.clone();
        let task = async move {
            if let Err(loss) = exchange.await {
                // Nobody hears it when all connections are made anew.
                drop(to.send(Incoming::Lost(Lost { request, loss })).await);
            }
        };
        self.tasks.spawn_on(task, self.runtime.handle());
    }

    fn unless_stopped<T>(&mut self, task: impl Future<Output = T>) -> Result<T, CallError> {
        let stop = &mut self.stop;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Err(CallError::Stop),
                done = task => Ok(done),
            }
        })
    }
}

impl Wire for HttpWire {
    /// A notification is sent when this returns; anything else, while something is waited for.
    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let post = Post::new(message);
        let (request, is_notification) = (post.request, post.is_notification());
        let sent = post.send(Arc::clone(&self.link), self.to.clone());
        if is_notification {
            self.unless_stopped(sent)?.map_err(CallError::Lost)?;
            return Ok(());
        }
        match request {
            Some(_) => self.start(request, sent),
            // An answer to a ping: that the server does not take it is no reason to stop.
            None => self.start(None, async {
                match sent.await {
                    Err(loss @ (Loss::Broken { .. } | Loss::Hopeless(_))) => {
                        note(&format!("the server does not take an answer: {loss}"));
                        Ok(())
                    }
                    done => done,
                }
            }),
        }
        Ok(())
    }

    fn next(&mut self, deadline: Option<Instant>) -> anyhow::Result<Option<Incoming>> {
        let (stop, from) = (&mut self.stop, &mut self.from);
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        Ok(self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Some(Incoming::Stop),
                // There is always somebody who could send.
                incoming = from.recv() => incoming,
                () = late => None,
            }
        }))
    }
}
