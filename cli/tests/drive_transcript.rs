//! Replays the transcript in docs/drive.md against the program, answer by answer.
//!
//! A transcript is a fenced block whose info string begins with `drive`; the rest of it is the
//! command line. In it, `> ` begins a command and `< ` the answer to the command before it.

mod drive_program;

use std::collections::BTreeSet;

use drive_program::Drive;
use serde_json::Value;

const DOC: &str = include_str!("../../docs/drive.md");

struct Block {
    line: usize,
    args: Vec<&'static str>,
    steps: Vec<Step>,
}

struct Step {
    line: usize,
    command: &'static str,
    answer: &'static str,
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    let mut open_command: Option<&'static str> = None;
    for (at, text) in DOC.lines().enumerate() {
        let line = at + 1;
        if let Some(info) = text.strip_prefix("```") {
            let mut words = info.split_whitespace();
            let begins = !inside && words.next() == Some("drive");
            assert!(open_command.is_none(), "line {line}: the last command has no answer");
            if begins {
                blocks.push(Block { line, args: words.collect(), steps: Vec::new() });
            }
            inside = begins;
        } else if inside {
            if let Some(command) = text.strip_prefix("> ") {
                let before = open_command.replace(command);
                assert!(before.is_none(), "line {line}: the command before has no answer");
            } else if let Some(answer) = text.strip_prefix("< ") {
                let command = open_command.take();
                let command = command.unwrap_or_else(|| panic!("line {line}: answers nothing"));
                blocks.last_mut().expect("inside a block").steps.push(Step {
                    line,
                    command,
                    answer,
                });
            } else {
                panic!("line {line}: neither a command nor an answer: {text}");
            }
        }
    }
    blocks
}

#[test]
fn the_transcript_is_what_the_program_says() {
    let mut wrong = Vec::new();
    for block in blocks() {
        let mut drive = Drive::start(&block.args);
        for step in &block.steps {
            let answer = drive.line(step.command);
            if answer != step.answer {
                wrong.push(format!(
                    "docs/drive.md:{} (block of line {})\n  > {}\n  documented {}\n  answered   {answer}",
                    step.line, block.line, step.command, step.answer
                ));
            }
        }
        assert!(drive.finish().success(), "block of line {}: exit code", block.line);
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every command of the table is shown at work, and so is every error code.
#[test]
fn the_transcript_leaves_nothing_out() {
    let rows = |heading: &str| -> BTreeSet<String> {
        let section = DOC.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading:?}"));
        let table = section.lines().skip_while(|line| !line.starts_with('|'));
        let first = table.take_while(|line| line.starts_with('|')).skip(2);
        // The first cell may name several: `subscribe`, `unsubscribe`.
        let cell = |row: &str| row.split('|').nth(1).expect("a cell").to_owned();
        first.flat_map(|row| cell(row).split(',').map(tidy).collect::<Vec<_>>()).collect()
    };
    let mut ops = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for step in blocks().iter().flat_map(|block| &block.steps) {
        let answer: Value = serde_json::from_str(step.answer).expect("an answer is JSON");
        match answer["error"]["code"].as_str() {
            Some(code) => codes.insert(code.to_owned()),
            None => {
                let command: Value = serde_json::from_str(step.command).expect("it was done");
                ops.insert(command["op"].as_str().expect("it was done").to_owned())
            }
        };
    }
    assert_eq!(rows("## Commands"), ops, "commands documented, and commands shown");
    let mut documented = rows("## Errors");
    // A document is UTF-8, so it cannot show a line that is not; tests/drive.rs does.
    assert!(documented.remove("UTF8"));
    assert_eq!(documented, codes, "codes documented, and codes shown");
}

fn tidy(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}
