//! A blocking HTTP client, byte by byte; beside it a server to call with it.
#![allow(dead_code, reason = "each test file uses its own part of it")]

mod host;
mod program;

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[allow(unused_imports, reason = "each test file uses its own part of it")]
pub(crate) use host::{Fixture, Host};
#[allow(unused_imports, reason = "each test file uses its own part of it")]
pub(crate) use program::{Program, Raw, kill};

/// How long anything that must come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const BOTH: (&str, &str) = ("Accept", "application/json, text/event-stream");
pub(crate) const STREAM: (&str, &str) = ("Accept", "text/event-stream");

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came that {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A series of numbers that looks random.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// One connection.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    /// What was read and not yet looked at.
    buffer: Vec<u8>,
    /// What is left of the events of a body.
    text: String,
    is_chunked: bool,
    is_over: bool,
    /// How much is read at once.
    piece: usize,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(one, _)| one.eq_ignore_ascii_case(name));
        let found = all.next().map(|(_, value)| value.as_str());
        assert!(all.next().is_none(), "{name} is there twice");
        found
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One event of a stream; comments are events without anything but themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) comment: Option<String>,
}

impl Event {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.data.as_deref().unwrap()).unwrap()
    }
}

impl Wire {
    #[track_caller]
    pub(crate) fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self {
            socket,
            buffer: Vec::new(),
            text: String::new(),
            is_chunked: false,
            is_over: false,
            piece: 16 << 10,
        }
    }

    /// Takes no more than little at a time, so that it is soon full. Not to be read to its end.
    pub(crate) fn narrow(self) -> Self {
        self.with_room_for(4096)
    }

    /// The system keeps about so many bytes that were not read.
    pub(crate) fn with_room_for(self, bytes: usize) -> Self {
        rustix::net::sockopt::set_socket_recv_buffer_size(&self.socket, bytes).unwrap();
        self
    }

    /// From now on it is read byte by byte.
    pub(crate) fn by_bytes(self) -> Self {
        Self { piece: 1, ..self }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// Sends a request, with Host and Content-Length.
    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, headers: &[(&str, &str)], body: &str) {
        let address = self.socket.peer_addr().unwrap();
        let mut text = format!("{method} /mcp HTTP/1.1\r\nHost: {address}\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            text.push_str("Content-Type: application/json\r\n");
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.send(text.as_bytes());
    }

    /// Asks for a path.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str, headers: &str) -> Answer {
        let address = self.socket.peer_addr().unwrap();
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").as_bytes());
        self.answer()
    }

    /// Reads more; says whether there was something.
    #[track_caller]
    pub(crate) fn more(&mut self) -> bool {
        let mut piece = [0; 16 << 10];
        let read = loop {
            match self.socket.read(&mut piece[..self.piece]) {
                // With a timeout, a process that is stopped and goes on is told so.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(read) => {
                self.buffer.extend_from_slice(&piece[..read]);
                read != 0
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// Up to and with that mark, which is there, or `None` at the end.
    #[track_caller]
    fn cut(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.buffer.windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                return Some(self.buffer.drain(..at + mark.len()).collect());
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// The head of an answer, or none if the connection was closed.
    #[track_caller]
    pub(crate) fn try_head(&mut self) -> Option<Head> {
        let text = String::from_utf8(self.cut(b"\r\n\r\n")?).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        let head = Head { status, headers: headers.collect() };
        self.is_chunked = head.header("transfer-encoding") == Some("chunked");
        Some(head)
    }

    #[track_caller]
    pub(crate) fn head(&mut self) -> Head {
        self.try_head().expect("the connection was closed")
    }

    /// A whole answer.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let body = match head.header("content-length").map(|it| it.parse::<usize>().unwrap()) {
            Some(len) => {
                while self.buffer.len() < len {
                    assert!(self.more(), "the body breaks off");
                }
                self.buffer.drain(..len).collect()
            }
            None if self.is_chunked => {
                let mut all = Vec::new();
                while let Some(chunk) = self.chunk() {
                    all.extend(chunk);
                }
                assert!(self.is_over, "the body breaks off");
                all
            }
            None if head.status == 204 => Vec::new(),
            None => {
                while self.more() {}
                std::mem::take(&mut self.buffer)
            }
        };
        Answer { head, body: String::from_utf8(body).unwrap() }
    }

    /// The next chunk; none at the end, and [`is_whole`](Self::is_whole) says which end.
    #[track_caller]
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.cut(b"\r\n")?;
        let size = std::str::from_utf8(&size).unwrap().trim_end();
        let size = usize::from_str_radix(size, 16).unwrap();
        while self.buffer.len() < size + 2 {
            if !self.more() {
                return None;
            }
        }
        let chunk = self.buffer.drain(..size).collect();
        assert_eq!(self.buffer.drain(..2).collect::<Vec<_>>(), b"\r\n");
        self.is_over = size == 0;
        (size != 0).then_some(chunk)
    }

    /// Whether the body that ended has ended as it should.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_over && self.text.is_empty()
    }

    /// The next event, comments too; none at the end.
    #[track_caller]
    pub(crate) fn any_event(&mut self) -> Option<Event> {
        loop {
            if let Some(at) = self.text.find("\n\n") {
                let text: String = self.text.drain(..at + 2).collect();
                let mut event = Event::default();
                for line in text.trim_end().lines() {
                    match line.split_once(':').unwrap_or((line, "")) {
                        ("", comment) => event.comment = Some(comment.trim().to_owned()),
                        ("event", name) => event.name = Some(name.trim().to_owned()),
                        ("id", id) => event.id = Some(id.trim().to_owned()),
                        ("data", data) => event.data = Some(data.trim().to_owned()),
                        ("retry", retry) => event.retry = Some(retry.trim().parse().unwrap()),
                        (other, _) => panic!("{other:?} is no field"),
                    }
                }
                return Some(event);
            }
            let bytes = if self.is_chunked {
                self.chunk()?
            } else if self.buffer.is_empty() && !self.more() {
                return None;
            } else {
                std::mem::take(&mut self.buffer)
            };
            self.text.push_str(&String::from_utf8(bytes).unwrap());
        }
    }

    /// The next event that is no comment.
    #[track_caller]
    pub(crate) fn try_event(&mut self) -> Option<Event> {
        loop {
            let event = self.any_event()?;
            if event.comment.is_none() {
                return Some(event);
            }
        }
    }

    #[track_caller]
    pub(crate) fn event(&mut self) -> Event {
        self.try_event().expect("the stream ended")
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn message(&mut self) -> Value {
        loop {
            let event = self.event();
            if event.data.as_deref().is_some_and(|data| !data.is_empty()) {
                return event.json();
            }
        }
    }

    /// Waits for the end, which must be an orderly one with nothing before it.
    #[track_caller]
    pub(crate) fn end(&mut self) {
        assert_eq!(self.try_event(), None);
        assert!(self.is_whole(), "the stream breaks off");
    }

    /// Whether the server has closed the connection.
    #[track_caller]
    pub(crate) fn is_closed(&mut self) -> bool {
        !self.more()
    }

    pub(crate) fn half_close(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }
}

/// More than the buffers of a connection that is not read have room for.
pub(crate) fn too_much() -> String {
    json!({ "text": "x".repeat(6 << 20) }).to_string()
}

/// A request of 2026-07-28 and the headers that mirror it.
#[derive(Clone, Debug)]
pub(crate) struct Modern {
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Modern {
    pub(crate) fn new(id: impl Into<Value>, method: &str, mut params: Value) -> Self {
        if params.is_null() {
            params = json!({});
        }
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = params.get("name").or(params.get("uri")).and_then(Value::as_str);
        let mut headers = vec![
            (BOTH.0.to_owned(), BOTH.1.to_owned()),
            ("MCP-Protocol-Version".to_owned(), "2026-07-28".to_owned()),
            ("Mcp-Method".to_owned(), method.to_owned()),
        ];
        if let Some(name) = name.filter(|_| method != "subscriptions/listen") {
            headers.push(("Mcp-Name".to_owned(), name.to_owned()));
        }
        let id: Value = id.into();
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        Self { body: body.to_string(), headers }
    }

    pub(crate) fn listen(id: impl Into<Value>, filter: Value) -> Self {
        Self::new(id, "subscriptions/listen", json!({ "notifications": filter }))
    }

    pub(crate) fn tool(id: impl Into<Value>, name: &str, arguments: Value) -> Self {
        let meta = json!({ "progressToken": "p" });
        let params = json!({ "name": name, "arguments": arguments, "_meta": meta });
        Self::new(id, "tools/call", params)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Sends it on a connection of its own.
    #[track_caller]
    pub(crate) fn send(&self, address: SocketAddr) -> Wire {
        let mut wire = Wire::open(address);
        wire.request("POST", &self.pairs(), &self.body);
        wire
    }

    /// Sends it, and waits for the whole answer.
    #[track_caller]
    pub(crate) fn call(&self, address: SocketAddr) -> Answer {
        self.send(address).answer()
    }

    /// Sends it, and waits until a stream has begun.
    #[track_caller]
    pub(crate) fn stream(&self, address: SocketAddr) -> Wire {
        let mut wire = self.send(address);
        let head = wire.head();
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        wire
    }
}

/// Listens to one URI, and waits for the acknowledgment.
#[track_caller]
pub(crate) fn listen(address: SocketAddr, id: impl Into<Value>, uri: &str) -> Wire {
    let mut wire = Modern::listen(id, json!({ "resourceSubscriptions": [uri] })).stream(address);
    assert_eq!(wire.message()["method"], "notifications/subscriptions/acknowledged");
    wire
}

/// A client of the legacy era.
#[derive(Clone, Debug)]
pub(crate) struct Legacy {
    pub(crate) address: SocketAddr,
    pub(crate) session_id: String,
    pub(crate) revision: String,
    pub(crate) extra: Vec<(String, String)>,
}

impl Legacy {
    #[track_caller]
    pub(crate) fn open(address: SocketAddr, revision: &str) -> Self {
        Self::open_with(address, revision, &[])
    }

    #[track_caller]
    pub(crate) fn open_with(address: SocketAddr, revision: &str, extra: &[(&str, &str)]) -> Self {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "t", "version": "1" },
        });
        let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let mut wire = Wire::open(address);
        wire.request("POST", &[&[BOTH], extra].concat(), &hello.to_string());
        let answer = wire.answer();
        assert_eq!(answer.head.status, 200, "{answer:?}");
        assert_eq!(answer.json()["result"]["protocolVersion"], revision);
        let session_id = answer.head.header("mcp-session-id").expect("a session id").to_owned();
        let revision = revision.to_owned();
        let extra = extra.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let it = Self { address, session_id, revision, extra };
        let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(it.post(&done).head.status, 202);
        it
    }

    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = [
            ("MCP-Session-Id", self.session_id.as_str()),
            ("MCP-Protocol-Version", self.revision.as_str()),
        ];
        own.into_iter().chain(extra).collect()
    }

    #[track_caller]
    pub(crate) fn send(&self, message: &Value) -> Wire {
        let mut wire = Wire::open(self.address);
        let pairs = [&self.pairs()[..], &[BOTH]].concat();
        wire.request("POST", &pairs, &message.to_string());
        wire
    }

    #[track_caller]
    pub(crate) fn post(&self, message: &Value) -> Answer {
        self.send(message).answer()
    }

    /// The response to a request, as JSON or at the end of a stream.
    #[track_caller]
    pub(crate) fn call(&self, id: u64, method: &str, params: Value) -> Value {
        let answer = self.post(&request(id, method, params));
        assert_eq!(answer.head.status, 200, "{answer:?}");
        if answer.head.header("content-type") == Some("application/json") {
            return answer.json();
        }
        let mut data = answer.body.lines().filter_map(|line| line.strip_prefix("data: "));
        serde_json::from_str(data.next_back().unwrap()).unwrap()
    }

    #[track_caller]
    pub(crate) fn get(&self, extra: &[(&str, &str)]) -> (Head, Wire) {
        let mut wire = Wire::open(self.address);
        let pairs = [&self.pairs()[..], &[STREAM], extra].concat();
        wire.request("GET", &pairs, "");
        (wire.head(), wire)
    }

    /// The standalone stream.
    #[track_caller]
    pub(crate) fn listen(&self) -> Wire {
        let (head, wire) = self.get(&[]);
        assert_eq!(head.status, 200, "{head:?}");
        wire
    }

    #[track_caller]
    pub(crate) fn resume(&self, last_event_id: &str) -> Wire {
        let (head, wire) = self.get(&[("Last-Event-ID", last_event_id)]);
        assert_eq!(head.status, 200, "{head:?}");
        wire
    }

    #[track_caller]
    pub(crate) fn delete(&self) -> u16 {
        let mut wire = Wire::open(self.address);
        wire.request("DELETE", &self.pairs(), "");
        wire.answer().head.status
    }
}

pub(crate) fn request(id: u64, method: &str, params: Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "id": id, "method": method });
    if !params.is_null() {
        message["params"] = params;
    }
    message
}

pub(crate) fn tool(id: u64, name: &str, arguments: Value) -> Value {
    let meta = json!({ "progressToken": "p" });
    request(id, "tools/call", json!({ "name": name, "arguments": arguments, "_meta": meta }))
}
