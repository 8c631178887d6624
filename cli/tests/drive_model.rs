//! A sequence of the engine's model means the same as lines: what `fanfare drive` answers to each
//! is what the reference says, frame by frame. So the lines that a failing sequence is printed as
//! (tests/model.rs) replay it.

mod drive_program;
#[path = "../../tests/model/mod.rs"]
mod model;

use drive_program::Drive;
use model::queue::Seen;
use model::reference::{Model, Outcome};
use model::words::{Command, Setup};
use model::{generate, run, script};
use proptest::strategy::{Strategy as _, ValueTree as _};
use serde_json::Value;

/// How many sequences are replayed.
const SEQUENCES: u32 = 300;

#[test]
fn printed_sequences_are_what_the_reference_did() {
    let mut runner = generate::runner(7, SEQUENCES);
    let sequences = generate::sequence();
    let (mut lines, mut frames, mut refused) = (0, 0, 0);
    for _ in 0..SEQUENCES {
        let (setup, ops) = sequences.new_tree(&mut runner).expect("a sequence").current();
        let mut replay = Replay::new(setup);
        for op in &ops {
            if let Some(command) = op.resolve(&mut replay.model) {
                replay.step(&command);
            }
        }
        for command in run::epilogue(&replay.model) {
            replay.step(&command);
        }
        assert!(replay.drive.finish().success());
        lines += replay.lines.len();
        frames += replay.frames;
        refused += replay.refused;
    }
    // All sorts of answers must have been seen, or this test tests nothing.
    assert!(lines > 5000 && frames > 1500 && refused > 100, "{lines} {frames} {refused}");
}

/// The program and the reference at the same sequence.
struct Replay {
    model: Model,
    drive: Drive,
    lines: Vec<String>,
    frames: usize,
    refused: usize,
}

impl Replay {
    fn new(setup: Setup) -> Self {
        let line = script::command_line(&setup);
        let args: Vec<&str> = line.split(' ').skip(2).chain(["--log", "emergency"]).collect();
        Self {
            model: Model::new(setup),
            drive: Drive::start(&args),
            lines: vec![line],
            frames: 0,
            refused: 0,
        }
    }

    fn step(&mut self, command: &Command) {
        let line = script::line(command, self.model.sessions.len());
        let answer = self.drive.line(&line);
        self.lines.push(line);
        let shown = || format!("{answer}\n{}", self.lines.join("\n"));
        let read: Value =
            serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {}", shown()));
        let code = read["error"]["code"].as_str();
        self.refused += usize::from(code.is_some());
        if let &Command::Drain { session, stream, max } = command {
            let seen = match code {
                Some(code) => Err(code),
                None => Ok(frames(&read)),
            };
            self.frames += seen.as_ref().map_or(0, Vec::len);
            let checked = self.model.drained(session, stream, max, &seen);
            checked.unwrap_or_else(|why| panic!("{why}: {}", shown()));
            return;
        }
        let number = |name: &str| read[name].as_u64().map(|n| usize::try_from(n).unwrap());
        let is_ok = match self.model.perform(command) {
            Outcome::Refused(expected) => code == Some(expected),
            Outcome::Done => read["ok"] == true,
            Outcome::Passed(is_passed) => {
                read["disposition"] == if is_passed { "pass" } else { "handled" }
            }
            Outcome::Matched(expected) => number("matched") == Some(expected),
            Outcome::Revoked(expected) => {
                ["asked", "withdrawn", "restored", "ended"].map(number) == expected.map(Some)
            }
        };
        self.model.news.clear();
        assert!(is_ok, "{}", shown());
    }
}

/// The frames of an answer.
fn frames(answer: &Value) -> Vec<Seen> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let frames = answer["frames"].as_array().expect("frames").iter();
    let frames = frames.map(|frame| Seen {
        session: script::ordinal(&text(&frame["session"])),
        stream: frame["stream"].as_str().map(script::ordinal),
        text: text(&frame["data"]),
        is_last: None,
    });
    frames.collect()
}
