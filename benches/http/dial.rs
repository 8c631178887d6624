//! How a client comes to its stream, in each dialect.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::{MARK, URIS, uri};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The request by which our server learns which session is the stalled one.
pub(crate) const STALLED: &str = "bench/stalled";

/// What is asked of a server, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `subscriptions/listen` of 2026-07-28.
    Listen,
    /// `initialize`, `resources/subscribe`, and then the GET stream of 2025-06-18: the latest
    /// revision in which a request need not be answered by a stream that ends its connection.
    Get,
    /// An EventSource: one GET, and everything comes.
    EventSource,
}

/// Opens a stream of the first so many resources. Whatever comes on it from now on is events.
pub(crate) fn dial(
    address: SocketAddr,
    path: &str,
    dialect: Dialect,
    uris: usize,
) -> anyhow::Result<TcpStream> {
    let mut wire = Wire::connect(address, path)?;
    match dialect {
        Dialect::Listen => listen(&mut wire, uris)?,
        Dialect::Get => get(&mut wire, uris)?,
        Dialect::EventSource => {
            wire.request("GET", "Accept: text/event-stream\r\n", "")?;
            wire.stream()?;
        }
    }
    wire.socket.set_read_timeout(None)?;
    Ok(wire.socket)
}

fn listen(wire: &mut Wire<'_>, uris: usize) -> anyhow::Result<()> {
    let list: Vec<_> = (0..uris).map(|number| format!("{:?}", uri(number))).collect();
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"bench","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}},"notifications":{{"resourceSubscriptions":[{}]}}}}}}"#,
        list.join(",")
    );
    let headers = "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\
                   MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
    wire.request("POST", headers, &body)?;
    wire.stream()?;
    // The acknowledgement names them all, and ends as its server ends lines.
    while memchr::memchr_iter(MARK, &wire.buffer).count() < uris
        || ![&b"\n\n\r\n"[..], b"\r\n\r\n\r\n"].iter().any(|end| wire.buffer.ends_with(end))
    {
        wire.more()?;
    }
    Ok(())
}

fn get(wire: &mut Wire<'_>, uris: usize) -> anyhow::Result<()> {
    let session = begin(wire, (0..uris).map(subscribe))?;
    wire.request("GET", &format!("Accept: text/event-stream\r\n{session}"), "")?;
    wire.stream()
}

fn subscribe(number: usize) -> String {
    format!(r#""method":"resources/subscribe","params":{{"uri":{:?}}}"#, uri(number))
}

/// A legacy session that has made those requests; yields the headers that name it.
fn begin(wire: &mut Wire<'_>, requests: impl Iterator<Item = String>) -> anyhow::Result<String> {
    let accept =
        "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n";
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
    wire.request("POST", accept, hello)?;
    let head = wire.answer()?;
    let id = header(&head, "mcp-session-id").context("no session id")?.to_owned();
    let own = format!("MCP-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-06-18\r\n");
    let with = format!("{accept}{own}");
    let done = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    wire.request("POST", &with, done)?;
    wire.answer()?;
    // All at once, and then their answers.
    let (mut text, mut count) = (String::new(), 0);
    for request in requests {
        count += 1;
        let body = format!(r#"{{"jsonrpc":"2.0","id":{count},{request}}}"#);
        text += &wire.text("POST", &with, &body);
    }
    wire.socket.write_all(text.as_bytes())?;
    for _ in 0..count {
        wire.answer()?;
    }
    Ok(own)
}

/// A client of ours that has a stream like the others, and does not read it.
pub(crate) struct Stalled {
    /// Open, and that is all.
    _stream: TcpStream,
    address: SocketAddr,
    path: &'static str,
    /// The headers that name its session.
    session: String,
}

impl Stalled {
    /// Opens it, and tells the server which one it is.
    pub(crate) fn open(address: SocketAddr, path: &'static str) -> anyhow::Result<Self> {
        let mut wire = Wire::connect(address, path)?;
        let requests = (0..URIS).map(subscribe).chain([format!(r#""method":{STALLED:?}"#)]);
        let session = begin(&mut wire, requests)?;
        wire.request("GET", &format!("Accept: text/event-stream\r\n{session}"), "")?;
        wire.stream()?;
        Ok(Self { _stream: wire.socket, address, path, session })
    }

    /// Ends its session.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        let mut wire = Wire::connect(self.address, self.path)?;
        wire.request("DELETE", &self.session, "")?;
        wire.head().map(drop)
    }
}

struct Wire<'a> {
    socket: TcpStream,
    /// What was read and not looked at.
    buffer: Vec<u8>,
    address: SocketAddr,
    path: &'a str,
}

impl<'a> Wire<'a> {
    fn connect(address: SocketAddr, path: &'a str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, buffer: Vec::new(), address, path })
    }

    fn text(&self, method: &str, headers: &str, body: &str) -> String {
        let length = match method {
            "GET" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        let Self { address, path, .. } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}{length}\r\n{body}")
    }

    fn request(&mut self, method: &str, headers: &str, body: &str) -> anyhow::Result<()> {
        let text = self.text(method, headers, body);
        Ok(self.socket.write_all(text.as_bytes())?)
    }

    fn more(&mut self) -> anyhow::Result<()> {
        let mut part = [0; 4096];
        let taken = self.socket.read(&mut part)?;
        ensure!(taken != 0, "the server closed: {:?}", String::from_utf8_lossy(&self.buffer));
        self.buffer.extend_from_slice(&part[..taken]);
        Ok(())
    }

    /// Takes the text up to and with an end off what is read.
    fn until(&mut self, end: &[u8]) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, end) {
                return Ok(self.buffer.drain(..at + end.len()).collect());
            }
            self.more()?;
        }
    }

    fn skip(&mut self, length: usize) -> anyhow::Result<()> {
        while self.buffer.len() < length {
            self.more()?;
        }
        self.buffer.drain(..length);
        Ok(())
    }

    fn head(&mut self) -> anyhow::Result<String> {
        let head = String::from_utf8(self.until(b"\r\n\r\n")?)?;
        ensure!(head.starts_with("HTTP/1.1 20"), "the server refused: {head}");
        Ok(head)
    }

    /// The head of an answer that is a stream.
    fn stream(&mut self) -> anyhow::Result<()> {
        let head = self.head()?;
        let kind = header(&head, "content-type").unwrap_or_default();
        ensure!(kind.starts_with("text/event-stream"), "it is no stream: {head}");
        Ok(())
    }

    /// The head of an answer that was read to its end.
    fn answer(&mut self) -> anyhow::Result<String> {
        let head = self.head()?;
        if let Some(length) = header(&head, "content-length") {
            self.skip(length.parse()?)?;
        } else if header(&head, "transfer-encoding") == Some("chunked") {
            loop {
                let size = String::from_utf8(self.until(b"\r\n")?)?;
                let size = usize::from_str_radix(size.trim(), 16)?;
                self.skip(size + 2)?;
                if size == 0 {
                    break;
                }
            }
        } else {
            bail!("an answer without an end: {head}");
        }
        Ok(head)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
