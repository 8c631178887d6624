//! A JSON-RPC client of an MCP server, over any wire: asks, waits for answers, and keeps what
//! comes in between in the order in which it came.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use fanfare::Revision;
use serde_json::{Map, Value, json};

/// The tag of what belongs to a subscription (2026-07-28).
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// What carries messages to a server and back.
pub(crate) trait Wire {
    /// Sends one message.
    fn send(&mut self, message: &Value) -> anyhow::Result<()>;

    /// The next thing that comes; `None` if nothing does until the deadline.
    fn next(&mut self, deadline: Option<Instant>) -> anyhow::Result<Option<Incoming>>;
}

/// What comes over a wire.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// One line, as it came.
    Line(Vec<u8>),
    /// A line that is longer than any that is taken.
    TooLong,
    /// The server will say nothing more.
    Closed,
    /// One of several connections is lost, and with it what it was to bring.
    Lost(Lost),
    /// The user wants to stop.
    Stop,
}

/// What is lost with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The request whose answer will not come; none if it is what the server says by itself.
    pub(crate) request: Option<u64>,
    pub(crate) loss: Loss,
}

/// How a connection was lost, or could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It broke; another one may do.
    Broken {
        /// For a person.
        why: String,
        /// How long the server wants to be left alone.
        wait: Option<Duration>,
    },
    /// The server does not know the session any more (R36).
    SessionOver,
    /// Another one would fare no better; why, for a person.
    Hopeless(String),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { why, .. } | Self::Hopeless(why) => f.write_str(why),
            Self::SessionOver => f.write_str("the server has ended the session"),
        }
    }
}

/// What a server says by itself, or in answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A notification.
    Notification(Notification),
    /// The answer to the request of that number.
    Response(u64, Result<Value, RpcError>),
    /// Something that no server should send; what it is, for a person.
    Violation(String),
    /// The server will say nothing more.
    Closed,
    /// One of several connections is lost.
    Lost(Lost),
    /// The user wants to stop.
    Stop,
}

/// A notification.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notification {
    /// Its whole name.
    pub(crate) method: String,
    /// Null if it has none.
    pub(crate) params: Value,
}

impl Notification {
    /// The name without what all have in common.
    pub(crate) fn kind(&self) -> &str {
        self.method.strip_prefix("notifications/").unwrap_or(&self.method)
    }

    /// The subscription that it belongs to.
    pub(crate) fn subscription(&self) -> Option<&Value> {
        self.params.get("_meta")?.get(SUBSCRIPTION_ID)
    }
}

/// The error that a server answered with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RpcError {
    /// Its number; 0 if the server gave none.
    pub(crate) code: i64,
    pub(crate) message: String,
    /// Null if there is none.
    pub(crate) data: Value,
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            0 => f.write_str(&self.message),
            code => write!(f, "{} ({code})", self.message),
        }
    }
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The server refused.
    Refused(RpcError),
    /// It said nothing for so long.
    Silent(Duration),
    /// It went away.
    Closed,
    /// The connection that was to bring the answer is lost.
    Lost(Loss),
    /// The user wanted to stop.
    Stop,
    /// The message could not be sent, or nothing be received.
    Wire(anyhow::Error),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the server refused: {error}"),
            Self::Silent(time) => write!(f, "the server said nothing for {time:?}"),
            Self::Closed => f.write_str("the server closed its output"),
            Self::Lost(loss) => loss.fmt(f),
            Self::Stop => f.write_str("stopped"),
            Self::Wire(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for CallError {}

/// A client.
pub(crate) struct Client<W> {
    wire: W,
    modern: bool,
    last_id: u64,
    /// What came while something else was waited for.
    kept: VecDeque<Event>,
    /// What came together with something else, in an array (2025-03-26).
    batched: VecDeque<Value>,
}

impl<W: Wire> Client<W> {
    pub(crate) fn new(wire: W) -> Self {
        Self { wire, modern: false, last_id: 0, kept: VecDeque::new(), batched: VecDeque::new() }
    }

    /// Whether each request is to carry what 2026-07-28 wants to know with each.
    pub(crate) fn set_modern(&mut self, modern: bool) {
        self.modern = modern;
    }

    pub(crate) fn wire(&mut self) -> &mut W {
        &mut self.wire
    }

    pub(crate) fn into_wire(self) -> W {
        self.wire
    }

    /// Sends a request; its number will be found in the answer.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> anyhow::Result<u64> {
        self.last_id += 1;
        let id = self.last_id;
        let params = if self.modern { with_metadata(params) } else { params };
        let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method });
        if !params.is_null() {
            message["params"] = params;
        }
        self.wire.send(&message)?;
        Ok(id)
    }

    /// Sends a notification.
    pub(crate) fn notify(&mut self, method: &str, params: Value) -> anyhow::Result<()> {
        let mut message = json!({ "jsonrpc": "2.0", "method": method });
        if !params.is_null() {
            message["params"] = params;
        }
        self.wire.send(&message)
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn call(
        &mut self,
        method: &str,
        params: Value,
        patience: Duration,
    ) -> Result<Value, CallError> {
        let id = self.request(method, params).map_err(CallError::Wire)?;
        self.answer(id, patience)
    }

    /// Waits for the answer to a request that was sent.
    pub(crate) fn answer(&mut self, id: u64, patience: Duration) -> Result<Value, CallError> {
        let deadline = Instant::now() + patience;
        loop {
            let event = self.receive(Some(deadline)).map_err(CallError::Wire)?;
            match event {
                Some(Event::Response(of, answer)) if of == id => {
                    return answer.map_err(CallError::Refused);
                }
                Some(event @ (Event::Closed | Event::Stop)) => {
                    let error =
                        if event == Event::Stop { CallError::Stop } else { CallError::Closed };
                    self.kept.push_back(event);
                    return Err(error);
                }
                Some(Event::Lost(lost)) if lost.request == Some(id) => {
                    return Err(CallError::Lost(lost.loss));
                }
                Some(event) => self.kept.push_back(event),
                None => return Err(CallError::Silent(patience)),
            }
        }
    }

    /// The next thing that the server said, in the order in which it said it; `None` if it says
    /// nothing until the deadline.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> anyhow::Result<Option<Event>> {
        match self.kept.pop_front() {
            Some(event) => Ok(Some(event)),
            None => self.receive(deadline),
        }
    }

    /// Puts back what is to be heard first when [`next`](Self::next) is asked again.
    pub(crate) fn keep(&mut self, event: Event) {
        self.kept.push_front(event);
    }

    /// Forgets what was lost, when all connections are to be made anew.
    pub(crate) fn forget_losses(&mut self) {
        self.kept.retain(|event| !matches!(event, Event::Lost(_)));
    }

    fn receive(&mut self, deadline: Option<Instant>) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(message) = self.batched.pop_front() {
                match self.understand_value(message)? {
                    None => continue,
                    event => return Ok(event),
                }
            }
            let line = match self.wire.next(deadline)? {
                None => return Ok(None),
                Some(Incoming::Line(line)) => line,
                Some(Incoming::TooLong) => {
                    return Ok(Some(Event::Violation("a line beyond all bounds".to_owned())));
                }
                Some(Incoming::Closed) => return Ok(Some(Event::Closed)),
                Some(Incoming::Lost(lost)) => return Ok(Some(Event::Lost(lost))),
                Some(Incoming::Stop) => return Ok(Some(Event::Stop)),
            };
            let event = match serde_json::from_slice::<Value>(&line) {
                Ok(Value::Array(batch)) if !self.modern && !batch.is_empty() => {
                    self.batched.extend(batch);
                    continue;
                }
                Ok(message) => self.understand_value(message)?,
                Err(_) => Some(no_message(&line)),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn understand_value(&mut self, message: Value) -> anyhow::Result<Option<Event>> {
        match message {
            Value::Object(message) => self.understand(message),
            other => Ok(Some(no_message(other.to_string().as_bytes()))),
        }
    }

    /// What a message is; `None` for what was dealt with at once.
    fn understand(&mut self, mut message: Map<String, Value>) -> anyhow::Result<Option<Event>> {
        let id = message.remove("id");
        let params = message.remove("params").unwrap_or_default();
        Ok(match (message.remove("method"), id) {
            (Some(Value::String(method)), None) => {
                Some(Event::Notification(Notification { method, params }))
            }
            (Some(Value::String(method)), Some(_)) if self.modern => {
                // R56
                Some(Event::Violation(format!("a request of the server: {method}")))
            }
            (Some(Value::String(method)), Some(id)) => {
                let answer = match method.as_str() {
                    "ping" => json!({ "jsonrpc": "2.0", "id": id, "result": {} }),
                    _ => json!({ "jsonrpc": "2.0", "id": id, "error": {
                        "code": -32601, "message": format!("there is no method {method}") } }),
                };
                self.wire.send(&answer)?;
                None
            }
            (None, Some(id)) => {
                let answer = match message.remove("error") {
                    Some(error) => Err(rpc_error(&error)),
                    None => Ok(message.remove("result").unwrap_or_default()),
                };
                Some(match id.as_u64() {
                    Some(id) if id <= self.last_id => Event::Response(id, answer),
                    _ => Event::Violation(format!("an answer to a request {id} that was not made")),
                })
            }
            (None, None) => match message.get("error") {
                Some(error) => {
                    Some(Event::Violation(format!("an error of no request: {}", rpc_error(error))))
                }
                None => Some(Event::Violation("neither request nor answer".to_owned())),
            },
            (Some(_), _) => Some(Event::Violation("a method that is no string".to_owned())),
        })
    }
}

fn no_message(line: &[u8]) -> Event {
    let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
    Event::Violation(format!("no JSON-RPC message: {line}"))
}

fn rpc_error(error: &Value) -> RpcError {
    RpcError {
        code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
        message: error.get("message").and_then(Value::as_str).unwrap_or("no message").to_owned(),
        data: error.get("data").cloned().unwrap_or_default(),
    }
}

/// Adds what every request of 2026-07-28 carries.
fn with_metadata(params: Value) -> Value {
    let mut params = match params {
        Value::Object(params) => params,
        _ => Map::new(),
    };
    let meta = params.entry("_meta").or_insert_with(|| json!({}));
    meta["io.modelcontextprotocol/protocolVersion"] = json!(Revision::MODERN.as_str());
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    meta["io.modelcontextprotocol/clientInfo"] = client_info();
    Value::Object(params)
}

/// Who we are.
pub(crate) fn client_info() -> Value {
    json!({ "name": "fanfare listen", "version": env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wire of which everything is known beforehand.
    #[derive(Default)]
    struct Script {
        sent: Vec<Value>,
        lost: VecDeque<Lost>,
        coming: VecDeque<&'static str>,
    }

    impl Wire for Script {
        fn send(&mut self, message: &Value) -> anyhow::Result<()> {
            self.sent.push(message.clone());
            Ok(())
        }

        fn next(&mut self, _: Option<Instant>) -> anyhow::Result<Option<Incoming>> {
            let lost = self.lost.pop_front().map(Incoming::Lost);
            Ok(lost.or_else(|| self.coming.pop_front().map(|line| Incoming::Line(line.into()))))
        }
    }

    fn client(coming: &[&'static str]) -> Client<Script> {
        Client::new(Script { coming: coming.iter().copied().collect(), ..Script::default() })
    }

    #[test]
    fn what_comes_before_an_answer_is_kept_in_order() {
        let mut client = client(&[
            r#"{"jsonrpc":"2.0","method":"notifications/a"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/b","params":{"x":1}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"ok":true}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/c"}"#,
        ]);
        let answer = client.call("m", Value::Null, Duration::from_secs(1)).unwrap();
        assert_eq!(answer, json!({ "ok": true }));
        let mut kinds = Vec::new();
        while let Some(event) = client.next(None).unwrap() {
            let Event::Notification(heard) = event else { panic!("{event:?}") };
            kinds.push(heard.kind().to_owned());
        }
        assert_eq!(kinds, ["a", "b", "c"]);
    }

    #[test]
    fn a_legacy_server_is_answered_and_a_modern_one_reported() {
        let ping = r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#;
        let roots = r#"{"jsonrpc":"2.0","id":9,"method":"roots/list"}"#;
        let mut legacy = client(&[ping, roots]);
        assert_eq!(legacy.next(None).unwrap(), None);
        assert_eq!(legacy.wire.sent[0], json!({ "jsonrpc": "2.0", "id": "p", "result": {} }));
        assert_eq!(legacy.wire.sent[1]["error"]["code"], -32601);
        let mut modern = client(&[ping]);
        modern.set_modern(true);
        assert!(matches!(modern.next(None).unwrap(), Some(Event::Violation(_))));
        assert!(modern.wire.sent.is_empty());
    }

    #[test]
    fn nonsense_is_told_and_survived() {
        let lines = [
            "nonsense",
            "[]",
            r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":"1","result":{}}"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"m"}}"#,
            r#"{"jsonrpc":"2.0","method":5}"#,
            "{}",
        ];
        let mut client = client(&lines);
        for line in lines {
            let event = client.next(None).unwrap();
            assert!(matches!(event, Some(Event::Violation(_))), "{line}: {event:?}");
        }
    }

    #[test]
    fn a_batch_is_heard_one_by_one() {
        let lines = [
            r#"[{"jsonrpc":"2.0","method":"notifications/a"},{"jsonrpc":"2.0","id":"p","method":"ping"},7,
                {"jsonrpc":"2.0","id":1,"result":{}}]"#,
            r#"{"jsonrpc":"2.0","method":"notifications/b"}"#,
        ];
        let mut legacy = client(&lines);
        legacy.call("m", Value::Null, Duration::from_secs(1)).unwrap();
        assert_eq!(legacy.wire.sent[1], json!({ "jsonrpc": "2.0", "id": "p", "result": {} }));
        let mut heard = vec![];
        while let Some(event) = legacy.next(None).unwrap() {
            heard.push(match event {
                Event::Notification(heard) => heard.kind().to_owned(),
                other => format!("{other:?}"),
            });
        }
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert_eq!((&*heard[0], &*heard[2]), ("a", "b"));
        assert!(heard[1].contains("no JSON-RPC message: 7"), "{heard:?}");
        // R5
        let mut modern = client(&lines[..1]);
        modern.set_modern(true);
        assert!(matches!(modern.next(None).unwrap(), Some(Event::Violation(_))));
    }

    #[test]
    fn a_call_whose_connection_is_lost_fails_and_the_loss_of_others_is_kept() {
        let lost = |request| Lost { request, loss: Loss::SessionOver };
        let mut client = client(&[]);
        client.wire.lost = [lost(None), lost(Some(1))].into();
        let error = client.call("m", Value::Null, Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, CallError::Lost(Loss::SessionOver)), "{error:?}");
        assert_eq!(client.next(None).unwrap(), Some(Event::Lost(lost(None))));
        client.keep(Event::Lost(lost(None)));
        client.forget_losses();
        assert_eq!(client.next(None).unwrap(), None);
    }

    #[test]
    fn modern_requests_carry_their_metadata_and_keep_their_own() {
        let mut client = client(&[]);
        client.set_modern(true);
        client.request("m", json!({ "_meta": { "progressToken": 1 }, "x": 2 })).unwrap();
        let params = &client.wire.sent[0]["params"];
        assert_eq!(params["x"], 2);
        assert_eq!(params["_meta"]["progressToken"], 1);
        assert_eq!(params["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert!(params["_meta"]["io.modelcontextprotocol/clientCapabilities"].is_object());
    }
}
