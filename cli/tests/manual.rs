//! Manual pages and completions: that they are of this program, whole, and well formed.

use std::fs;
use std::process::{Command, Output};

const COMMANDS: [&str; 9] =
    ["serve", "listen", "notify", "stats", "demo", "drive", "bench", "man", "completions"];

fn fanfare(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fanfare")).args(args).output().expect("the program starts")
}

fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn there_is_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    // A folder that is not there yet, and pages that are there already.
    let dir = folder.path().join("share/man1");
    for _ in 0..2 {
        assert_eq!(printed(fanfare(&["man", dir.to_str().unwrap()])), "");
    }
    let page = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let program = page("fanfare.1");
    for command in COMMANDS {
        let name = format!("fanfare-{command}");
        let text = page(&format!("{name}.1"));
        // A hyphen is escaped, so that it is one and not a minus sign.
        assert!(text.contains(&format!(".TH {name} 1")), "{text}");
        assert!(text.contains(".SH SYNOPSIS"), "{name}");
        assert!(program.contains(&name.replace('-', "\\-")), "{name} is not in {program}");
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), COMMANDS.len() + 1);
    assert!(page("fanfare-serve.1").contains("\\-\\-legacy\\-sse"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output = fanfare(&["man", file.join("man1").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("fanfare: cannot write manual pages into"), "{said}");
    assert!(said.contains("file/man1"), "{said}");
}

#[test]
fn every_shell_has_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = printed(fanfare(&["completions", shell]));
        for command in COMMANDS {
            assert!(text.contains(command), "{shell} does not know {command}");
        }
        assert!(text.contains("legacy-sse"), "{shell}");
    }
    assert_eq!(fanfare(&["completions", "sh"]).status.code(), Some(2));
}
