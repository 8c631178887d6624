//! Runs `fanfare drive` as a child and talks to it, one line and one answer at a time.

#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::Value;

pub(crate) struct Drive {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Drive {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .arg("drive")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, input, output }
    }

    /// Sends one line, and waits for its answer as it is written, without the line end.
    pub(crate) fn bytes(&mut self, line: &[u8]) -> String {
        let input = self.input.as_mut().expect("not finished yet");
        input.write_all(line).and_then(|()| input.write_all(b"\n")).expect("it reads");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("it answers in UTF-8");
        assert_eq!(answer.pop(), Some('\n'), "no answer to {:?}", String::from_utf8_lossy(line));
        answer
    }

    pub(crate) fn line(&mut self, line: &str) -> String {
        self.bytes(line.as_bytes())
    }

    /// Ends the input, and sees that nothing was said that nobody had asked.
    pub(crate) fn finish(mut self) -> ExitStatus {
        drop(self.input.take());
        let mut rest = String::new();
        self.output.read_line(&mut rest).expect("UTF-8 to the end");
        assert_eq!(rest, "", "an answer too many");
        self.child.wait().expect("it ends")
    }
}

/// What most tests of commands want; the transcript compares lines instead.
#[allow(dead_code, reason = "each test file uses a part of it")]
impl Drive {
    /// Does a command, and gives its answer, whatever it is.
    pub(crate) fn ask(&mut self, command: &Value) -> Value {
        let answer = self.line(&command.to_string());
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{command}: {e}: {answer}"))
    }

    /// Does a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&mut self, command: Value) -> Value {
        let answer = self.ask(&command);
        assert_eq!(answer["ok"], true, "{command} gave {answer}");
        answer
    }

    /// Does a command that must fail with that code, and gives the text.
    #[track_caller]
    pub(crate) fn refused(&mut self, code: &str, command: Value) -> String {
        let answer = self.ask(&command);
        assert_eq!(answer["error"]["code"], code, "{command} gave {answer}");
        answer["error"]["text"].as_str().expect("a text").to_owned()
    }

    /// Takes all frames of all sessions, as (session, parsed data).
    #[track_caller]
    pub(crate) fn drained(&mut self) -> Vec<(String, Value)> {
        let answer = self.ok(serde_json::json!({ "op": "drain" }));
        let frames = answer["frames"].as_array().expect("frames");
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let data = |frame: &Value| serde_json::from_str(&text(&frame["data"])).expect("JSON");
        frames.iter().map(|frame| (text(&frame["session"]), data(frame))).collect()
    }
}
