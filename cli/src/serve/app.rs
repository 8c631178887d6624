//! The server behind the engine: takes each message in, and answers what the engine passes on.
//! It knows nothing of how bytes travel.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use fanfare::{
    Capabilities, Config, Engine, ErrorKind, Hooks, Level, Raise, Revision, SessionId, StreamId,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::admin::Roster;
use super::callers::{Caller, Callers};
use super::calls::{Busy, Call, Calls, Cancelled, Limits, Request};
use super::catalog::{Catalog, Change};
use super::dialect::{
    Cache, Dialect, Fault, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND,
    server_info,
};
use super::log::Log;
use super::room::Room;
use super::watch::{News, Watch};
use super::{read, tools};

/// What is told to a model that asks what this is for.
const INSTRUCTIONS: &str = "The files of one folder, as resources. Subscribe to a resource to \
    hear when the file changes, and to the list to hear of files that come and go.";

/// How many calls may run at a time: each has a thread. One client leaves three quarters to others.
const MAX_CALLS: Limits = Limits { all: 128, each: 32 };

/// A server of the files of one folder.
pub(crate) struct Server {
    engine: Engine,
    catalog: Arc<Catalog>,
    calls: Arc<Calls>,
    callers: Callers,
    room: Room,
    /// Once somebody wants to know.
    roster: OnceLock<Roster>,
    max_read_bytes: u64,
    log: Log,
}

/// A server, and the watch that keeps it up to date as long as it is held.
pub(crate) struct Running {
    pub(crate) server: Arc<Server>,
    _watch: Watch,
}

impl Server {
    /// Begins to watch the folder and to raise what changes. The hooks are its transport's.
    pub(crate) fn start(
        catalog: Catalog,
        max_read_bytes: u64,
        log: Log,
        hooks: Hooks,
    ) -> anyhow::Result<Running> {
        Self::start_with(catalog, max_read_bytes, log, Config::default(), hooks)
    }

    /// The same, with an engine of that configuration.
    pub(crate) fn start_with(
        catalog: Catalog,
        max_read_bytes: u64,
        log: Log,
        mut config: Config,
        hooks: Hooks,
    ) -> anyhow::Result<Running> {
        // Twenty times a second is as fast as a person can follow (R21).
        config.set("progress.min_interval_ms", "50")?;
        let engine_log = log.clone();
        let hooks = hooks.on_log(move |record| engine_log.say(record.level, &record.message));
        let server = Arc::new(Self {
            engine: Engine::with_hooks(config, hooks),
            catalog: Arc::new(catalog),
            calls: Arc::new(Calls::new(MAX_CALLS)),
            callers: Callers::default(),
            room: Room::default(),
            roster: OnceLock::new(),
            max_read_bytes,
            log,
        });
        let listener = Arc::clone(&server);
        let watch = Watch::start(Arc::clone(&server.catalog), move |news| listener.announce(news))?;
        Ok(Running { server, _watch: watch })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Who is who among the principals, for transports that know them.
    pub(crate) fn callers(&self) -> &Callers {
        &self.callers
    }

    /// Where to wait before more output is made for a session; transports say when it is drained.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// From now on, notes which sessions there are.
    pub(crate) fn keep_roster(&self) {
        self.roster.get_or_init(Roster::default);
    }

    /// Which sessions there are, if that is noted.
    pub(crate) fn roster(&self) -> Option<&Roster> {
        self.roster.get()
    }

    pub(crate) fn max_read_bytes(&self) -> u64 {
        self.max_read_bytes
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// What is advertised, as far as the engine must know it.
    pub(crate) fn capabilities() -> Capabilities {
        Capabilities {
            logging: true,
            resources_subscribe: true,
            resources_list_changed: true,
            ..Capabilities::none()
        }
    }

    /// What is advertised. The tools are always the same, and nothing else is promised of them.
    fn capabilities_json() -> Value {
        json!({
            "logging": {},
            "resources": { "subscribe": true, "listChanged": true },
            "tools": {},
        })
    }

    /// Raises what the watch found.
    fn announce(&self, news: News) {
        let changes = match news {
            News::Changes(changes) => changes,
            News::Trouble(what) => return self.log.say(Level::Warning, &what),
        };
        for change in changes {
            let raised = match &change {
                Change::Updated { uri } => self.engine.notify_resource_updated(uri, &Raise::ALL),
                Change::List => self.engine.notify_resource_list_changed(&Raise::ALL),
                Change::Unreadable { uri, cause } => {
                    self.log.say(Level::Warning, &format!("{uri} cannot be read: {cause}"));
                    let data = json!({ "uri": uri, "error": cause }).to_string();
                    self.engine.notify_alert(Level::Error, Some("files"), &data, &Raise::ALL)
                }
            };
            if let Err(error) = raised {
                self.log.say(Level::Error, &format!("{change:?} could not be raised: {error}"));
            }
        }
    }

    /// Takes one message in. It answers at once, or begins a call that answers later; an error
    /// says that the session is gone.
    pub(crate) fn take(
        self: &Arc<Self>,
        session: SessionId,
        stream: Option<StreamId>,
        message: &[u8],
    ) -> fanfare::Result<()> {
        if let Some(roster) = self.roster() {
            roster.note(&self.engine, session);
        }
        // A line of 2025-03-26 may hold several messages (R6).
        let act = |message: &str| self.act(session, stream, message);
        self.engine.receive_each(session, stream, message, act).map(|_| ())
    }

    /// Acts on a message that the engine left to us.
    fn act(self: &Arc<Self>, session: SessionId, stream: Option<StreamId>, message: &str) {
        let message: Incoming<'_> = match serde_json::from_str(message) {
            Ok(message) => message,
            // The engine passes on nothing but JSON-RPC objects.
            Err(error) => return self.log.say(Level::Error, &format!("message lost: {error}")),
        };
        let Some(method) = message.method else {
            // An answer: but nothing is ever asked of a client here.
            return self.log.say(Level::Debug, "a response to no request was ignored");
        };
        let Some(id) = message.id else {
            return self.hear(session, &method, message.params.as_ref());
        };
        let params = message.params.unwrap_or_default();
        let token = params.pointer("/_meta/progressToken").map(Value::to_string);
        let request = Request { session, stream, id: id.get().to_owned(), token };
        self.answer(request, &method, params);
    }

    /// Acts on a notification of the client.
    fn hear(&self, session: SessionId, method: &str, params: Option<&Value>) {
        match method {
            "notifications/cancelled" => {
                if let Some(id) = params.and_then(|params| params.get("requestId")) {
                    self.calls.cancel(session, &id.to_string());
                }
            }
            _ => self.log.say(Level::Debug, &format!("{method} was ignored")),
        }
    }

    fn answer(self: &Arc<Self>, request: Request, method: &str, params: Value) {
        let dialect = Dialect::of(self.engine.revision(request.session).ok().flatten());
        let answer = match method {
            "initialize" if !dialect.is_modern() => initialize(dialect, &params),
            "server/discover" if dialect.is_modern() => Ok(discover(dialect)),
            "tools/list" => no_cursor(&params)
                .map(|()| dialect.result(object("tools", tools::list(dialect)), Cache::Fixed)),
            "resources/list" => no_cursor(&params)
                .map(|()| dialect.result(object("resources", self.resources()), Cache::Files)),
            "resources/templates/list" => no_cursor(&params)
                .map(|()| dialect.result(object("resourceTemplates", vec![]), Cache::Fixed)),
            "resources/read" => match string(&params, "uri") {
                Ok(uri) => {
                    return self.spawn(request, move |server, _| {
                        Ok(read::read(server, dialect, &uri)
                            .map(|content| dialect.result(content, Cache::Files)))
                    });
                }
                Err(fault) => Err(fault),
            },
            "tools/call" => match tool_call(&params) {
                Ok((name, arguments)) => {
                    return self.spawn(request, move |server, call| {
                        let outcome = tools::run(server, call, &name, arguments)?;
                        Ok(outcome.map(|outcome| {
                            dialect.result(outcome.into_content(dialect), Cache::No)
                        }))
                    });
                }
                Err(fault) => Err(fault),
            },
            _ => Err(Fault::new(METHOD_NOT_FOUND, format!("there is no method {method}"))),
        };
        self.reply(&request, answer);
    }

    /// Answers a request on a thread of its own, so that others go on meanwhile.
    fn spawn<F>(self: &Arc<Self>, request: Request, work: F)
    where
        F: FnOnce(&Server, &Call) -> Result<Result<Value, Fault>, Cancelled> + Send + 'static,
    {
        let caller = Caller::of(&self.engine, request.session);
        let call = match self.calls.begin(request.clone(), caller) {
            Ok(call) => call,
            Err(Busy::Share(limit)) => {
                let message =
                    format!("{limit} calls of this client are running, and it may have no more");
                return self.reply(&request, Err(Fault::new(INTERNAL_ERROR, message)));
            }
            Err(Busy::Limit(limit)) => {
                let message = format!("{limit} calls are running, and no more may");
                return self.reply(&request, Err(Fault::new(INTERNAL_ERROR, message)));
            }
            Err(Busy::Duplicate) => {
                let message = format!("a request with the id {} is still running", request.id);
                return self.reply(&request, Err(Fault::new(INVALID_REQUEST, message)));
            }
        };
        let server = Arc::clone(self);
        let thread = std::thread::Builder::new().name("call".to_owned()).spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| work(&server, &call)));
            let answer = done.unwrap_or_else(|_| {
                Ok(Err(Fault::new(INTERNAL_ERROR, "the call failed; see the server's log")))
            });
            // Answered before it is struck from the books: who waits for all calls to finish
            // finds all answers queued.
            server.room.when_free(&server.engine, call.request.session, || {
                if let (Ok(answer), Ok(())) = (answer, call.check()) {
                    server.reply(&call.request, answer);
                }
            });
        });
        if let Err(error) = thread {
            let message = format!("the call cannot be begun: {error}");
            self.reply(&request, Err(Fault::new(INTERNAL_ERROR, message)));
        }
    }

    fn reply(&self, request: &Request, answer: Result<Value, Fault>) {
        let (kind, value) = match answer {
            Ok(result) => ("result", result),
            Err(fault) => ("error", fault.into_json()),
        };
        let message = format!(r#"{{"jsonrpc":"2.0","id":{},"{kind}":{value}}}"#, request.id);
        if let Err(error) = self.engine.send(request.session, request.stream, message.as_bytes()) {
            // As a rule the client has gone, or has cancelled in the meantime.
            let level = match error.kind() {
                ErrorKind::Gone | ErrorKind::State => Level::Debug,
                _ => Level::Error,
            };
            self.log.say(level, &format!("an answer was not sent: {error}"));
        }
    }

    fn resources(&self) -> Vec<Value> {
        let resources = self.catalog.list().into_iter().map(|file| {
            let mut resource = json!({ "uri": file.uri, "name": file.name, "size": file.size });
            if let Some(mime) = file.mime {
                resource["mimeType"] = json!(mime);
            }
            resource
        });
        resources.collect()
    }
}

/// A message of the client, as far as it is read here.
#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    params: Option<Value>,
}

fn object(key: &str, items: Vec<Value>) -> Map<String, Value> {
    Map::from_iter([(key.to_owned(), Value::Array(items))])
}

/// The lists are given whole, so there is no cursor that could have come from here.
fn no_cursor(params: &Value) -> Result<(), Fault> {
    match params.get("cursor") {
        None | Some(Value::Null) => Ok(()),
        Some(cursor) => Err(Fault::new(INVALID_PARAMS, format!("there is no cursor {cursor}"))),
    }
}

fn string(params: &Value, key: &str) -> Result<String, Fault> {
    match params.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => {
            let message = format!("params.{key} must be a string, not {}", kind(other));
            Err(Fault::new(INVALID_PARAMS, message))
        }
        None => Err(Fault::new(INVALID_PARAMS, format!("params.{key} is missing"))),
    }
}

/// What a value is, for a person: all of it where that is short.
fn kind(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        other => other.to_string(),
    }
}

fn tool_call(params: &Value) -> Result<(String, Value), Fault> {
    let name = string(params, "name")?;
    if !tools::exists(&name) {
        return Err(Fault::new(INVALID_PARAMS, format!("there is no tool {name:?}")));
    }
    match params.get("arguments") {
        None => Ok((name, json!({}))),
        Some(arguments) if arguments.is_object() => Ok((name, arguments.clone())),
        Some(_) => Err(Fault::new(INVALID_PARAMS, "params.arguments must be an object")),
    }
}

/// Answers in the revision that the client asks for, or else in the newest that has a handshake;
/// a client that cannot speak that one is expected to leave.
fn initialize(dialect: Dialect, params: &Value) -> Result<Value, Fault> {
    let asked = string(params, "protocolVersion")?;
    let revision = Revision::parse(&asked)
        .filter(|revision| revision.is_legacy())
        .unwrap_or(Revision::LATEST_LEGACY);
    let mut content = Map::new();
    content.insert("protocolVersion".to_owned(), json!(revision.as_str()));
    content.insert("capabilities".to_owned(), Server::capabilities_json());
    content.insert("serverInfo".to_owned(), server_info());
    content.insert("instructions".to_owned(), json!(INSTRUCTIONS));
    Ok(dialect.result(content, Cache::No))
}

fn discover(dialect: Dialect) -> Value {
    let mut content = Map::new();
    content.insert("supportedVersions".to_owned(), json!([dialect.revision().as_str()]));
    content.insert("capabilities".to_owned(), Server::capabilities_json());
    content.insert("instructions".to_owned(), json!(INSTRUCTIONS));
    dialect.result(content, Cache::Fixed)
}
