//! The server that the official conformance suite is run against: the tools, resources and prompts
//! that its scenarios ask for, and nothing else. Everything that they test beyond these (HTTP, the
//! eras, sessions, subscriptions, order) is the library's and the HTTP module's.
//!
//! Says on stderr where it listens, and serves until its stdin is closed.

use std::borrow::Cow;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use fanfare::{
    Capabilities, Config, Engine, Hooks, Level, Progress, Raise, Revision, SessionId,
    SessionParams, StreamId, Target,
};
use fanfare_cli::http::{App, Feed, Options, Server};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A resource that is a picture: one transparent pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const INVALID_PARAMS: i32 = -32602;
const METHOD_NOT_FOUND: i32 = -32601;
const RESOURCE_NOT_FOUND: i32 = -32002;
const MISSING_CAPABILITY: i32 = -32021;

/// How long a tool waits for the client to have what it said, before it says more.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `test_reconnection` asks the client to wait before it comes back.
const RETRY_MS: u32 = 100;

fn main() -> anyhow::Result<()> {
    let feed = Feed::new()?;
    let hooks = feed.hooks(Hooks::new());
    let engine = Engine::with_hooks(Config::default(), hooks);
    let fixture = Fixture { engine, lock: Mutex::default(), drained: Condvar::new() };
    let server = Server::bind(Arc::new(fixture), &feed, Options::default())?;
    eprintln!("listening on http://{}/mcp", server.local_addr());
    let stopper = server.stopper();
    std::thread::spawn(move || {
        // Whoever started it closes the pipe.
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        stopper.stop();
    });
    server.run()?;
    Ok(())
}

struct Fixture {
    engine: Engine,
    lock: Mutex<()>,
    drained: Condvar,
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
        let act = |message: &str| self.act(session, stream, message);
        self.engine.receive_each(session, stream, message, act).map(|_| ())
    }

    fn session(&self, params: SessionParams, _: Option<&str>) -> SessionParams {
        params.capabilities(Capabilities {
            logging: true,
            tools_list_changed: true,
            prompts_list_changed: true,
            resources_list_changed: true,
            resources_subscribe: true,
            ..Capabilities::none()
        })
    }

    fn drained(&self) {
        // With the lock, so that nobody is between looking and waiting.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.drained.notify_all();
    }

    fn gone(&self, _: SessionId) {
        self.drained();
    }
}

/// A request to be answered.
#[derive(Clone)]
struct Request {
    session: SessionId,
    stream: Option<StreamId>,
    /// The JSON text of its id.
    id: String,
    /// By the rules of 2026-07-28.
    modern: bool,
    params: Value,
}

/// A result, or the error object.
type Answer = Result<Value, Value>;

impl Fixture {
    /// Acts on a message that the engine left to us.
    fn act(self: &Arc<Self>, session: SessionId, stream: Option<StreamId>, message: &str) {
        #[derive(Deserialize)]
        struct Incoming<'a> {
            #[serde(borrow)]
            id: Option<&'a RawValue>,
            #[serde(borrow)]
            method: Option<Cow<'a, str>>,
            #[serde(default)]
            params: Value,
        }
        let Ok(Incoming { id: Some(id), method: Some(method), params }) =
            serde_json::from_str(message)
        else {
            // Notifications and responses: nothing is asked of a client, and nothing is given up.
            return;
        };
        let revision = self.engine.revision(session).ok().flatten();
        let modern = revision.is_some_and(|revision| !revision.is_legacy());
        let request = Request { session, stream, id: id.get().to_owned(), modern, params };
        if method == "tools/call" {
            // On a thread of its own, since some take their time.
            let fixture = Arc::clone(self);
            std::thread::spawn(move || {
                let answer = fixture.call(&request);
                fixture.reply(&request, answer);
            });
        } else {
            self.reply(&request, answer(&method, &request));
        }
    }

    fn reply(&self, request: &Request, answer: Answer) {
        let (kind, mut value) = match answer {
            Ok(result) => ("result", result),
            Err(error) => ("error", error),
        };
        if request.modern && kind == "result" {
            // R60.
            if value.get("resultType").is_none() {
                value["resultType"] = json!("complete");
            }
            value["_meta"] = json!({ "io.modelcontextprotocol/serverInfo": me() });
        }
        let message = format!(r#"{{"jsonrpc":"2.0","id":{},"{kind}":{value}}}"#, request.id);
        // It fails when the client has gone, and then nobody waits for it.
        drop(self.engine.send(request.session, request.stream, message.as_bytes()));
    }

    fn call(&self, request: &Request) -> Answer {
        let raise = Raise::to(Target::Request(request.session, &request.id));
        match string(&request.params, "name")? {
            "test_simple_text" => Ok(text("This is a simple text response for testing.")),
            "test_error_handling" => {
                let mut result = text("This tool intentionally returns an error for testing");
                result["isError"] = json!(true);
                Ok(result)
            }
            "test_tool_with_progress" => {
                for progress in [0.0, 50.0, 100.0] {
                    self.progress(request, progress, &raise);
                    self.until_drained(request.session);
                }
                Ok(text("Three steps were made."))
            }
            "test_tool_with_logging" => {
                for said in
                    ["Tool execution started", "Tool processing data", "Tool execution completed"]
                {
                    self.log(said, &raise);
                    self.until_drained(request.session);
                }
                Ok(text("Three things were logged."))
            }
            "test_logging_tool" => {
                self.log("This is only for those who asked for it", &raise);
                Ok(text("One thing was logged."))
            }
            "test_reconnection" => {
                // The connection ends before the answer; the client comes back for it (R33).
                if let Some(stream) = request.stream {
                    drop(self.engine.hang_up(stream, RETRY_MS));
                }
                Ok(text("The client has come back."))
            }
            "test_missing_capability" => {
                let declared = "/_meta/io.modelcontextprotocol~1clientCapabilities/sampling";
                match request.params.pointer(declared) {
                    Some(_) => Ok(text("The client can sample.")),
                    None => Err(json!({
                        "code": MISSING_CAPABILITY,
                        "message": "this tool needs a client that can sample",
                        "data": { "requiredCapabilities": { "sampling": {} } },
                    })),
                }
            }
            "test_streaming_elicitation" if request.modern => Ok(json!({
                "resultType": "input_required",
                "inputRequests": { "name": {
                    "method": "elicitation/create",
                    "params": {
                        "mode": "form",
                        "message": "What is your name?",
                        "requestedSchema": {
                            "type": "object",
                            "properties": { "name": { "type": "string" } },
                            "required": ["name"],
                        },
                    },
                } },
            })),
            "test_trigger_tool_change" => {
                drop(self.engine.notify_tool_list_changed(&Raise::ALL));
                Ok(text("The list of tools was said to have changed."))
            }
            "test_trigger_prompt_change" => {
                drop(self.engine.notify_prompt_list_changed(&Raise::ALL));
                Ok(text("The list of prompts was said to have changed."))
            }
            name => Err(error(INVALID_PARAMS, format!("there is no tool {name}"))),
        }
    }

    fn progress(&self, request: &Request, progress: f64, raise: &Raise<'_>) {
        let Some(token) = request.params.pointer("/_meta/progressToken") else { return };
        let token = token.to_string();
        let progress = Progress { token: &token, progress, total: Some(100.0), message: None };
        drop(self.engine.notify_progress(&progress, raise));
    }

    fn log(&self, said: &str, raise: &Raise<'_>) {
        let data = json!(said).to_string();
        drop(self.engine.notify_logging_message(Level::Info, Some("fixture"), &data, raise));
    }

    /// Waits until the client has been sent all that is queued for it: of progress that waits, the
    /// engine keeps the last value alone.
    fn until_drained(&self, session: SessionId) {
        let queued =
            || self.engine.session_stats(session).is_ok_and(|stats| stats.queued_frames > 0);
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.drained.wait_timeout_while(guard, PATIENCE, |()| queued()));
    }
}

/// Answers what takes no time.
fn answer(method: &str, request: &Request) -> Answer {
    let params = &request.params;
    match method {
        "initialize" if !request.modern => {
            let asked = Revision::parse(string(params, "protocolVersion")?);
            let revision =
                asked.filter(|revision| revision.is_legacy()).unwrap_or(Revision::LATEST_LEGACY);
            Ok(json!({
                "protocolVersion": revision.as_str(),
                "capabilities": capabilities(),
                "serverInfo": me(),
            }))
        }
        "server/discover" if request.modern => Ok(cached(
            request,
            json!({ "supportedVersions": ["2026-07-28"], "capabilities": capabilities() }),
        )),
        "tools/list" => Ok(cached(request, json!({ "tools": tools(request.modern) }))),
        "prompts/list" => Ok(cached(
            request,
            json!({ "prompts": [{
            "name": "test_simple_prompt",
            "description": "A prompt without arguments",
        }] }),
        )),
        "prompts/get" => match string(params, "name")? {
            "test_simple_prompt" => Ok(json!({ "messages": [{
                "role": "user",
                "content": { "type": "text", "text": "This is a simple prompt for testing." },
            }] })),
            name => Err(error(INVALID_PARAMS, format!("there is no prompt {name}"))),
        },
        "resources/list" => Ok(cached(request, json!({ "resources": resources() }))),
        "resources/templates/list" => Ok(cached(
            request,
            json!({ "resourceTemplates": [{
            "uriTemplate": "test://template/{id}/data",
            "name": "by id",
            "description": "Whatever has an id",
            "mimeType": "application/json",
        }] }),
        )),
        "resources/read" => read(request, string(params, "uri")?)
            .map(|content| cached(request, json!({ "contents": [content] }))),
        _ => Err(error(METHOD_NOT_FOUND, format!("there is no method {method}"))),
    }
}

fn me() -> Value {
    json!({ "name": "fanfare-conformance", "version": env!("CARGO_PKG_VERSION") })
}

/// What is advertised, and [`fanfare::Capabilities`] beside it.
fn capabilities() -> Value {
    json!({
        "logging": {},
        "prompts": { "listChanged": true },
        "resources": { "subscribe": true, "listChanged": true },
        "tools": { "listChanged": true },
    })
}

/// In the order in which they are always listed. The suite calls the first one without arguments.
fn tools(modern: bool) -> Vec<Value> {
    let all = [
        ("test_simple_text", "Returns text"),
        ("test_error_handling", "Always fails"),
        ("test_tool_with_progress", "Tells of its progress"),
        ("test_tool_with_logging", "Logs three times"),
        ("test_logging_tool", "Logs once"),
        ("test_reconnection", "Ends its connection before it answers"),
        ("test_missing_capability", "Needs a client that can sample"),
        ("test_trigger_tool_change", "Says that the list of tools has changed"),
        ("test_trigger_prompt_change", "Says that the list of prompts has changed"),
        ("test_streaming_elicitation", "Wants to know something of the client"),
    ];
    let tools = all.iter().filter(|(name, _)| modern || *name != "test_streaming_elicitation");
    tools
        .map(|(name, description)| {
            json!({
                "name": name,
                "description": description,
                "inputSchema": { "type": "object", "properties": {} },
            })
        })
        .collect()
}

fn resources() -> Value {
    json!([
        {
            "uri": "test://static-text",
            "name": "text",
            "description": "Some text",
            "mimeType": "text/plain",
        },
        {
            "uri": "test://static-binary",
            "name": "picture",
            "description": "One pixel",
            "mimeType": "image/png",
        },
        {
            "uri": "test://watched-resource",
            "name": "watched",
            "description": "What the suite subscribes to",
            "mimeType": "text/plain",
        },
    ])
}

fn read(request: &Request, uri: &str) -> Answer {
    let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
    match (uri, id) {
        ("test://static-text", _) => Ok(json!({
            "uri": uri,
            "mimeType": "text/plain",
            "text": "This is the content of the static text resource.",
        })),
        ("test://static-binary", _) => {
            Ok(json!({ "uri": uri, "mimeType": "image/png", "blob": PIXEL }))
        }
        ("test://watched-resource", _) => {
            Ok(json!({ "uri": uri, "mimeType": "text/plain", "text": "Nobody changes this." }))
        }
        (_, Some(id)) => {
            let data =
                json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            Ok(json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() }))
        }
        _ => {
            // R55.
            let code = if request.modern { INVALID_PARAMS } else { RESOURCE_NOT_FOUND };
            let mut error = error(code, "there is no such resource");
            error["data"] = json!({ "uri": uri });
            Err(error)
        }
    }
}

fn text(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

/// For how long, and by whom, a result may be kept, where the revision wants to know (R60).
fn cached(request: &Request, mut result: Value) -> Value {
    if request.modern {
        result["ttlMs"] = json!(60_000);
        result["cacheScope"] = json!("public");
    }
    result
}

fn error(code: i32, message: impl Into<String>) -> Value {
    json!({ "code": code, "message": message.into() })
}

fn string<'v>(params: &'v Value, key: &str) -> Result<&'v str, Value> {
    let value = params.get(key).and_then(Value::as_str);
    value.ok_or_else(|| error(INVALID_PARAMS, format!("{key} must be a string")))
}
