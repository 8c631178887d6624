//! A server to call.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use fanfare::{Config, Engine, Hooks, Progress, Raise, SessionId, StreamId, Target};
use fanfare_cli::http::{App, Feed, Gauges, Meter, Options, Server, Stopper};
use serde_json::{Value, json};

use super::until;

/// An MCP server as small as can be. Of tools it has `steps {n}`, which reports progress n times
/// and then answers, and `hold`, which the test answers.
pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) held: Mutex<Vec<(SessionId, StreamId, String)>>,
    pub(crate) gone: Mutex<Vec<SessionId>>,
}

impl App for Fixture {
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
            self.act(session, stream.unwrap(), &serde_json::from_str(text).unwrap());
        };
        self.engine.receive_each(session, stream, message, act).map(|_| ())
    }

    fn gone(&self, session: SessionId) {
        self.gone.lock().unwrap().push(session);
    }
}

impl Fixture {
    fn act(&self, session: SessionId, stream: StreamId, message: &Value) {
        if message.get("method").is_none() || message.get("id").is_none() {
            return;
        }
        let id = message["id"].to_string();
        let params = &message["params"];
        match (message["method"].as_str().unwrap(), params["name"].as_str()) {
            ("tools/call", Some("steps")) => {
                let token = params["_meta"]["progressToken"].to_string();
                for step in 1..=params["arguments"]["n"].as_u64().unwrap() {
                    let progress = Progress {
                        token: &token,
                        progress: step as f64,
                        total: None,
                        message: None,
                    };
                    let to = Raise::to(Target::Request(session, &id));
                    drop(self.engine.notify_progress(&progress, &to));
                }
                self.answer(session, &id, "{}");
            }
            ("tools/call", Some("hold")) => self.held.lock().unwrap().push((session, stream, id)),
            (method @ ("nothing" | "initialize"), _) => {
                let code = if method == "nothing" { -32601 } else { -32602 };
                let error = json!({ "code": code, "message": "no" });
                let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
                drop(self.engine.send(session, None, text.as_bytes()));
            }
            _ => self.answer(session, &id, "{}"),
        }
    }

    pub(crate) fn answer(&self, session: SessionId, id: &str, result: &str) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        // It fails where the client is gone.
        drop(self.engine.send(session, None, text.as_bytes()));
    }

    /// Answers a call of `hold`, when it has come.
    pub(crate) fn answer_held(&self, result: &str) {
        let mut held = None;
        until("a call is held", || {
            held = self.held.lock().unwrap().pop();
            held.is_some()
        });
        let (session, _, id) = held.unwrap();
        self.answer(session, &id, result);
    }

    pub(crate) fn update(&self, uri: &str) {
        self.engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
    }
}

/// A server that serves until it is dropped.
pub(crate) struct Host {
    pub(crate) app: Arc<Fixture>,
    pub(crate) address: SocketAddr,
    pub(crate) meter: Meter,
    stopper: Stopper,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(&[], |options| options)
    }

    pub(crate) fn with(keys: &[(&str, &str)], choose: impl FnOnce(Options) -> Options) -> Self {
        let mut config = Config::default();
        let capabilities = r#"{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{}}"#;
        config.set("initialize.answer", "engine").unwrap();
        config.set("server.capabilities", capabilities).unwrap();
        for (key, value) in keys {
            config.set(key, value).unwrap();
        }
        let feed = Feed::new().unwrap();
        let engine = Engine::with_hooks(config, feed.hooks(Hooks::new()));
        let app = Arc::new(Fixture { engine, held: Mutex::default(), gone: Mutex::default() });
        let server = Server::bind(Arc::clone(&app), &feed, choose(Options::default())).unwrap();
        let (address, meter, stopper) = (server.local_addr(), server.meter(), server.stopper());
        let running = Some(std::thread::spawn(move || server.run()));
        Self { app, address, meter, stopper, running }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.app.engine
    }

    pub(crate) fn stop(&self) {
        self.stopper.stop();
    }

    /// Waits until it has ended.
    pub(crate) fn join(&mut self) -> io::Result<()> {
        until("the server ends", || self.running.as_ref().unwrap().is_finished());
        self.running.take().unwrap().join().unwrap()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.is_finished())
    }

    /// Waits until nothing is open any more.
    #[track_caller]
    pub(crate) fn settle(&self) {
        until("everything is closed", || {
            let stats = self.engine().stats();
            self.meter.read() == Gauges::default()
                && (stats.sessions, stats.streams, stats.subscriptions, stats.requests)
                    == (0, 0, 0, 0)
        });
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(running) = self.running.take() {
            let ended = running.join();
            if !std::thread::panicking() {
                ended.unwrap().unwrap();
            }
        }
    }
}
