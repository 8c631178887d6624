//! The Rust SDK's Streamable HTTP server, both eras on `/mcp`, as its users would write one: it keeps
//! who has subscribed, and raises by a loop over them, since the SDK has neither.
//!
//! It speaks as the benchmark's own servers do: it prints where it listens, and raises as it is told
//! on standard input, a line at a time. Its arguments are the URIs of the resources.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::ErrorData;
use rmcp::ServerHandler;
use rmcp::model::{
    ResourceUpdatedNotificationParam, ServerCapabilities, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter,
};
use rmcp::service::{Peer, RequestContext, RoleServer, SubscriptionContext, SubscriptionSink};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

/// Who hears of a resource.
#[derive(Clone)]
enum Subscriber {
    /// A session that has subscribed to that one.
    Session(Peer<RoleServer>, String),
    /// A listen, which knows what it is about.
    Listen(SubscriptionSink),
}

#[derive(Clone, Default)]
struct Resources {
    subscribers: Arc<Mutex<Vec<Subscriber>>>,
}

impl Resources {
    fn join(&self, subscriber: Subscriber) {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(subscriber);
    }

    /// Tells everyone, one after the other.
    async fn raise(&self, uri: &str) -> anyhow::Result<()> {
        let all = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for subscriber in all {
            match subscriber {
                Subscriber::Session(peer, of) if of == uri => {
                    let params = ResourceUpdatedNotificationParam::new(uri);
                    peer.notify_resource_updated(params).await?;
                }
                Subscriber::Session(..) => {}
                Subscriber::Listen(sink) => sink.notify_resource_updated(uri).await?,
            }
        }
        Ok(())
    }
}

impl ServerHandler for Resources {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_resources().enable_resources_subscribe().build();
        ServerConfig::new(capabilities)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.join(Subscriber::Listen(context.sink().clone()));
        context.cancelled().await;
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.join(Subscriber::Session(context.peer, request.uri));
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    // One thread, since it has one processor.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(std::env::args().skip(1).collect()))
}

async fn serve(uris: Vec<String>) -> anyhow::Result<()> {
    let resources = Resources::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let handler = resources.clone();
    let service = StreamableHttpService::new(
        move || Ok(handler.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // Without it small writes wait for each other; it may fail where the client has gone.
            drop(socket.set_nodelay(true));
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            tokio::spawn(connection);
        }
    });
    let (said, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let all = std::io::stdin().lines().map_while(Result::ok);
        all.map(|line| said.send(line)).take_while(Result::is_ok).for_each(drop);
    });
    while let Some(line) = lines.recv().await {
        let words: Vec<_> = line.split_whitespace().collect();
        let (first, count): (usize, usize) = match words[..] {
            ["raise", first, count] => (first.parse()?, count.parse()?),
            _ => bail!("what is {line:?}?"),
        };
        for number in first..first + count {
            resources.raise(&uris[number % uris.len()]).await.context("it could not be raised")?;
        }
    }
    Ok(())
}
