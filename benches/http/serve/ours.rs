//! fanfare: the HTTP transport of the program, with an app that has resources and nothing else.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use fanfare::{Config, Engine, Hooks, Level, Raise, SessionId, StreamId, Target};
use fanfare_cli::http::{App, Feed, Options, Server};
use serde_json::Value;

use crate::dial::STALLED;

/// How much is said at once to who does not read.
const SPILL_BYTES: usize = 16 << 10;

struct Resources {
    engine: Engine,
    /// The session that does not read.
    stalled: Mutex<Option<SessionId>>,
    /// What is said to it: JSON text.
    data: String,
    uris: Vec<String>,
}

impl App for Resources {
    fn engine(&self) -> &Engine {
        &self.engine
    }

    fn take(
        self: &Arc<Self>,
        session: SessionId,
        stream: Option<StreamId>,
        message: &[u8],
    ) -> fanfare::Result<()> {
        let act = |text: &str| {
            let Ok(message) = serde_json::from_str::<Value>(text) else { return };
            if let (Some(id), Some(method)) = (message.get("id"), message.get("method")) {
                if method == STALLED {
                    *self.stalled.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
                }
                let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
                // It fails where the client has gone.
                drop(self.engine.send(session, stream, answer.as_bytes()));
            }
        };
        self.engine.receive_each(session, stream, message, act).map(|_| ())
    }
}

impl Resources {
    fn obey(&self, line: &str) -> anyhow::Result<()> {
        match line {
            "spill" => self.spill(),
            "fill" => {
                while self.dropped()? == 0 {
                    self.spill()?;
                    // What the socket takes is written meanwhile, so that in the end it is full.
                    std::thread::sleep(Duration::from_millis(1));
                }
                self.say_dropped()
            }
            "dropped" => self.say_dropped(),
            _ => {
                for number in super::events(line)? {
                    self.engine.notify_resource_updated(&self.uris[number], &Raise::ALL)?;
                }
                Ok(())
            }
        }
    }

    fn stalled(&self) -> anyhow::Result<SessionId> {
        let stalled = *self.stalled.lock().unwrap_or_else(PoisonError::into_inner);
        stalled.context("no session has said that it does not read")
    }

    fn spill(&self) -> anyhow::Result<()> {
        let to = Raise::to(Target::Session(self.stalled()?));
        self.engine.notify_logging_message(Level::Error, None, &self.data, &to)?;
        Ok(())
    }

    fn dropped(&self) -> anyhow::Result<u64> {
        Ok(self.engine.session_stats(self.stalled()?)?.dropped)
    }

    fn say_dropped(&self) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", self.dropped()?)?;
        Ok(stdout.flush()?)
    }
}

pub(super) fn serve() -> anyhow::Result<()> {
    let mut config = Config::default();
    config.set("initialize.answer", "engine")?;
    config.set("server.capabilities", r#"{"resources":{"subscribe":true},"logging":{}}"#)?;
    // Who does not read is still there at the end.
    config.set("overflow", "drop_oldest")?;
    // All clients are one principal: nobody.
    config.set("principal.max_subscriptions", "10000000")?;
    let feed = Feed::new()?;
    let engine = Engine::with_hooks(config, feed.hooks(Hooks::new()));
    let uris = (0..crate::URIS).map(crate::uri).collect();
    let data = format!("{:?}", "x".repeat(SPILL_BYTES));
    let app = Arc::new(Resources { engine, stalled: Mutex::default(), data, uris });
    let server = Server::bind(Arc::clone(&app), &feed, Options::default())?;
    super::say(server.local_addr())?;
    let stopper = server.stopper();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let raised = line.map_err(anyhow::Error::from).and_then(|line| app.obey(&line));
            if let Err(error) = raised {
                eprintln!("fanfare: {error:#}");
                break;
            }
        }
        stopper.stop();
    });
    Ok(server.run()?)
}
