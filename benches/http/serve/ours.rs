//! fanfare: the HTTP transport of the program, with an app that has resources and nothing else.

use std::sync::Arc;

use fanfare::{Config, Engine, Hooks, Raise, SessionId, StreamId};
use fanfare_cli::http::{App, Feed, Options, Server};
use serde_json::Value;

struct Resources(Engine);

impl App for Resources {
    fn engine(&self) -> &Engine {
        &self.0
    }

    fn take(
        self: &Arc<Self>,
        session: SessionId,
        stream: Option<StreamId>,
        message: &[u8],
    ) -> fanfare::Result<()> {
        let act = |text: &str| {
            let Ok(message) = serde_json::from_str::<Value>(text) else { return };
            if let (Some(id), Some(_)) = (message.get("id"), message.get("method")) {
                let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
                // It fails where the client has gone.
                drop(self.0.send(session, stream, answer.as_bytes()));
            }
        };
        self.0.receive_each(session, stream, message, act).map(|_| ())
    }
}

pub(super) fn serve() -> anyhow::Result<()> {
    let mut config = Config::default();
    config.set("initialize.answer", "engine")?;
    config.set("server.capabilities", r#"{"resources":{"subscribe":true}}"#)?;
    // All clients are one principal: nobody.
    config.set("principal.max_subscriptions", "10000000")?;
    let feed = Feed::new()?;
    let engine = Engine::with_hooks(config, feed.hooks(Hooks::new()));
    let app = Arc::new(Resources(engine));
    let server = Server::bind(Arc::clone(&app), &feed, Options::default())?;
    super::say(server.local_addr())?;
    let stopper = server.stopper();
    std::thread::spawn(move || {
        let uris: Vec<_> = (0..crate::URIS).map(crate::uri).collect();
        for line in std::io::stdin().lines() {
            let raised = line.map_err(anyhow::Error::from).and_then(|line| {
                for number in super::events(&line)? {
                    app.0.notify_resource_updated(&uris[number], &Raise::ALL)?;
                }
                Ok(())
            });
            if let Err(error) = raised {
                eprintln!("fanfare: {error:#}");
                break;
            }
        }
        stopper.stop();
    });
    Ok(server.run()?)
}
