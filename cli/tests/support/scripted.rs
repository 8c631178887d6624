//! A server over HTTP that does nothing by itself: the test hears each request, and says what comes
//! back, byte by byte if it wants to.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{PATIENCE, PROGRAM, parse};

/// The server.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Receiver<Request>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, requests) = channel();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let heard = heard.clone();
                std::thread::spawn(move || serve(&connection.unwrap(), &heard));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The next request, on whichever connection.
    #[track_caller]
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("no request came")
    }

    /// The next request, which must be of that JSON-RPC method.
    #[track_caller]
    pub(crate) fn call(&self, method: &str) -> Request {
        let request = self.next();
        assert_eq!((&*request.verb, &request.body["method"]), ("POST", &json!(method)));
        request
    }

    /// The next request, which must be of that HTTP method.
    #[track_caller]
    pub(crate) fn verb(&self, verb: &str) -> Request {
        let request = self.next();
        assert_eq!(request.verb, verb, "{}", request.body);
        request
    }

    /// Waits until nobody is connected any more, or asks for anything.
    #[track_caller]
    pub(crate) fn assert_no_more(&self) {
        if let Ok(request) = self.requests.try_recv() {
            panic!("{} {} came", request.verb, request.body);
        }
    }
}

/// Reads the requests of one connection.
fn serve(connection: &TcpStream, heard: &Sender<Request>) {
    let mut reader = BufReader::new(connection);
    loop {
        let (gone, close) = channel();
        let Some(request) = read(&mut reader, connection, close) else { return };
        if heard.send(request).is_err() {
            return;
        }
        // The client sends nothing before it has its answer: what can be read is its end, or the
        // next request.
        if matches!(reader.fill_buf(), Ok([]) | Err(_)) {
            drop(gone);
            return;
        }
    }
}

fn read(
    reader: &mut BufReader<&TcpStream>,
    connection: &TcpStream,
    closed: Receiver<()>,
) -> Option<Request> {
    let mut lines = vec![];
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let mut words = lines[0].split(' ').map(str::to_owned);
    Some(Request {
        verb: words.next().unwrap(),
        path: words.next().unwrap(),
        headers,
        body: if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() },
        connection: connection.try_clone().unwrap(),
        closed,
    })
}

/// A request, which is to be answered.
pub(crate) struct Request {
    pub(crate) verb: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    /// Null if there is none.
    pub(crate) body: Value,
    connection: TcpStream,
    closed: Receiver<()>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(one, _)| *one == name.to_ascii_lowercase());
        let value = found.next().map(|(_, value)| &**value);
        assert!(found.next().is_none(), "{name} came twice");
        value
    }

    pub(crate) fn id(&self) -> &Value {
        &self.body["id"]
    }

    /// Answers with anything.
    pub(crate) fn answer(mut self, status: u16, headers: &[&str], body: &str) {
        let mut text =
            format!("HTTP/1.1 {status} Some Reason\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|header| text += &format!("{header}\r\n"));
        self.connection.write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
    }

    pub(crate) fn json(self, status: u16, headers: &[&str], body: &Value) {
        self.answer(
            status,
            &[&["Content-Type: application/json; charset=utf-8"], headers].concat(),
            &body.to_string(),
        );
    }

    /// Answers the call with a result.
    pub(crate) fn result(self, headers: &[&str], result: &Value) {
        let answer = json!({ "jsonrpc": "2.0", "id": self.id(), "result": result });
        self.json(200, headers, &answer);
    }

    /// Takes a message to which there is no answer.
    pub(crate) fn accept(self) {
        self.answer(202, &[], "");
    }

    /// Answers with an event stream.
    pub(crate) fn stream(self, headers: &[&str]) -> Stream {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream;charset=utf-8\r\n\
            Transfer-Encoding: chunked\r\n";
        let mut stream = Stream { request: self };
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        stream.raw(format!("{head}{headers}\r\n").as_bytes());
        stream
    }

    /// Closes the connection instead of an answer.
    pub(crate) fn cut(self) {
        self.connection.shutdown(Shutdown::Both).unwrap();
    }
}

/// An event stream that is open.
pub(crate) struct Stream {
    pub(crate) request: Request,
}

impl Stream {
    fn raw(&mut self, bytes: &[u8]) {
        self.request.connection.write_all(bytes).unwrap();
    }

    /// Sends some text as one chunk.
    pub(crate) fn text(&mut self, text: &str) {
        self.raw(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes());
    }

    pub(crate) fn message(&mut self, message: &Value) {
        self.text(&format!("data: {message}\n\n"));
    }

    pub(crate) fn numbered(&mut self, id: &str, message: &Value) {
        self.text(&format!("event: message\nid: {id}\ndata: {message}\n\n"));
    }

    /// A result for the request that the stream is the answer to.
    pub(crate) fn result(&mut self, result: &Value) {
        let id = self.request.id().clone();
        self.message(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    }

    /// Sends a message again and again, until nobody reads it for a while; at most a thousand times.
    /// How often it was sent.
    pub(crate) fn flood(&self, message: &Value) -> usize {
        let text = format!("data: {message}\n\n");
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        let mut socket = &self.request.connection;
        socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        (0..1000).take_while(|_| socket.write_all(chunk.as_bytes()).is_ok()).count()
    }

    /// Ends it as HTTP wants it.
    pub(crate) fn end(mut self) {
        self.raw(b"0\r\n\r\n");
    }

    /// Loses the connection.
    pub(crate) fn cut(self) {
        self.request.cut();
    }

    /// Waits until the client has closed the connection.
    #[track_caller]
    pub(crate) fn assert_closed(&self) {
        let end = self.request.closed.recv_timeout(PATIENCE);
        assert_eq!(end, Err(RecvTimeoutError::Disconnected), "the connection is still open");
    }
}

/// A `fanfare listen --http`, and what it says on both ways out.
pub(crate) struct Listener {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Listener {
    pub(crate) fn start(url: &str, options: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args([
                "listen",
                "--http",
                url,
                "--json",
                "--retry-delay",
                "2",
                "--retry-max-delay",
                "20",
            ])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// The next notification that it prints.
    #[track_caller]
    pub(crate) fn heard(&self) -> Value {
        let line = self.stdout.recv_timeout(PATIENCE);
        parse(
            &line.unwrap_or_else(|error| panic!("nothing is printed: {error}; {:?}", self.said())),
        )
    }

    #[track_caller]
    pub(crate) fn assert_heard(&self, method: &str) -> Value {
        let heard = self.heard();
        assert_eq!(heard["method"], format!("notifications/{method}"));
        heard
    }

    /// Waits until it says that on stderr; gives what it said before as well.
    #[track_caller]
    pub(crate) fn until_says(&self, text: &str) -> Vec<String> {
        let mut said = vec![];
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) => said.push(line),
                Err(error) => panic!("{text:?} is not said ({error}): {said:#?}"),
            }
            if said.last().unwrap().contains(text) {
                return said;
            }
        }
    }

    /// What it has said on stderr and was not looked at.
    pub(crate) fn said(&self) -> Vec<String> {
        self.stderr.try_iter().collect()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end: its exit code, what else it has printed, and what else it has said.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (Option<i32>, Vec<String>, String) {
        let status = self.wait();
        let stdout = self.stdout.iter().collect();
        (status.code(), stdout, self.stderr.iter().collect::<Vec<_>>().join("\n"))
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; it said {:?}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            if line.map(|line| send.send(line)).is_err() {
                return;
            }
        }
    });
    lines
}
