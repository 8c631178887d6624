//! A server process and a pipe to it: every byte by hand, every wait with a deadline.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_fanfare");

/// How long anything that must come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// A folder with some files.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let it = Self { folder, root };
        files.iter().for_each(|(name, content)| it.write(name, content));
        it
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Of a name that needs no encoding.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!("file://{}/{name}", self.root.display())
    }
}

/// A child process that speaks lines.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let sent = line.map(|line| send.send(line));
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        });
        Self { child, stdin, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The next line; none when there will be no more.
    #[track_caller]
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing was written for {PATIENCE:?}"),
        }
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A `fanfare serve`, and what it was asked and said so far.
pub(crate) struct Server {
    pub(crate) process: Process,
    last_id: u64,
    modern: bool,
    /// What was read while something else was waited for.
    kept: Vec<Value>,
}

impl Server {
    pub(crate) fn start(folder: &Folder) -> Self {
        Self::start_with(folder, &[])
    }

    pub(crate) fn start_with(folder: &Folder, options: &[&str]) -> Self {
        let root = folder.root().to_str().unwrap();
        let arguments = [&["serve", root], options].concat();
        Self { process: Process::start(&arguments), last_id: 0, modern: false, kept: vec![] }
    }

    /// One that has shaken hands in `revision`.
    #[track_caller]
    pub(crate) fn legacy(folder: &Folder, revision: &str) -> Self {
        let mut server = Self::start(folder);
        let result = server.call("initialize", initialize_params(revision));
        assert_eq!(result["protocolVersion"], revision);
        server.notify("notifications/initialized", Value::Null);
        server
    }

    /// One to which each request is sent with the metadata of 2026-07-28.
    pub(crate) fn modern(folder: &Folder) -> Self {
        Self { modern: true, ..Self::start(folder) }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.process.write(format!("{message}\n").as_bytes());
    }

    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        self.send(&message(None, method, params));
    }

    /// Sends a request; returns its id.
    pub(crate) fn ask(&mut self, method: &str, mut params: Value) -> u64 {
        self.last_id += 1;
        if self.modern {
            if params.is_null() {
                params = json!({});
            }
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        self.send(&message(Some(json!(self.last_id)), method, params));
        self.last_id
    }

    /// Sends a request and waits for its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        let answer = self.answer(id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Sends a request and waits for its error.
    #[track_caller]
    pub(crate) fn refusal(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        let answer = self.answer(id);
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].clone()
    }

    /// Waits for the answer to a request; what comes before is kept.
    #[track_caller]
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        let is_it = |message: &Value| message.get("method").is_none() && message["id"] == id;
        if let Some(at) = self.kept.iter().position(is_it) {
            return self.kept.remove(at);
        }
        loop {
            let message = self.read();
            if is_it(&message) {
                return message;
            }
            self.kept.push(message);
        }
    }

    /// The next message that nobody has looked at.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        if self.kept.is_empty() { self.read() } else { self.kept.remove(0) }
    }

    /// All messages up to the first of that method, and that one.
    #[track_caller]
    pub(crate) fn until(&mut self, method: &str) -> (Vec<Value>, Value) {
        self.until_matches(|message| message["method"] == method)
    }

    /// All messages up to the first update of that URI, and that one.
    #[track_caller]
    pub(crate) fn until_update(&mut self, uri: &str) -> (Vec<Value>, Value) {
        self.until_matches(|message| {
            message["method"] == "notifications/resources/updated"
                && message["params"]["uri"] == uri
        })
    }

    #[track_caller]
    pub(crate) fn until_matches(&mut self, wanted: impl Fn(&Value) -> bool) -> (Vec<Value>, Value) {
        let mut before = vec![];
        loop {
            let message = self.next();
            if wanted(&message) {
                return (before, message);
            }
            before.push(message);
        }
    }

    /// Everything that was not looked at yet, to the end of the stream.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let mut rest = std::mem::take(&mut self.kept);
        while let Some(line) = self.process.line() {
            rest.push(parse(&line));
        }
        rest
    }

    /// What was kept, to be looked at.
    pub(crate) fn kept(&self) -> &[Value] {
        &self.kept
    }

    pub(crate) fn forget_kept(&mut self) {
        self.kept.clear();
    }

    #[track_caller]
    fn read(&self) -> Value {
        parse(&self.process.line().expect("the server closed its output"))
    }
}

#[track_caller]
pub(crate) fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

pub(crate) fn message(id: Option<Value>, method: &str, params: Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "method": method });
    if let Some(id) = id {
        message["id"] = id;
    }
    if !params.is_null() {
        message["params"] = params;
    }
    message
}

pub(crate) fn initialize_params(revision: &str) -> Value {
    json!({
        "protocolVersion": revision,
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    })
}

pub(crate) fn methods(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["method"].as_str()).collect()
}

/// A tool call with a progress token.
pub(crate) fn tool(name: &str, arguments: Value, token: Value) -> Value {
    json!({ "name": name, "arguments": arguments, "_meta": { "progressToken": token } })
}

/// The values of the progress notifications of a token, which must be all there are.
#[track_caller]
pub(crate) fn progress_of(messages: &[Value], token: &Value) -> Vec<f64> {
    let progress = messages.iter().filter(|m| m["method"] == "notifications/progress");
    progress
        .map(|message| {
            assert_eq!(message["params"]["progressToken"], *token, "{message}");
            message["params"]["progress"].as_f64().unwrap()
        })
        .collect()
}

#[track_caller]
pub(crate) fn assert_increasing(steps: &[f64]) {
    assert!(!steps.is_empty(), "there is no progress");
    assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
}
