//! Commands that the documentation gives are such as there are. Those of the program itself
//! `cli/tests/docs.rs` looks at.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::markdown::{Page, blocks, pages, root};

/// The commands in the indented blocks of a page that begin with a word, without their comments.
fn commands(page: &Page, word: &str) -> Vec<String> {
    let blocks = blocks(&page.text);
    let indented = blocks.iter().filter(|block| block.language.is_none());
    let lines = indented.flat_map(|block| page.text[block.code.clone()].lines());
    let command = |line: &str| line.split("  #").next().unwrap_or(line).trim().to_owned();
    lines.map(command).filter(|line| line.split(' ').next() == Some(word)).collect()
}

#[test]
fn make_has_the_targets() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("there is one");
    let is_target = |word: &str| makefile.lines().any(|line| line.starts_with(&format!("{word}:")));
    let (mut seen, mut faults) = (0, Vec::new());
    for page in pages() {
        for command in commands(&page, "make") {
            // What is set is no target.
            for word in command.split(' ').skip(1).filter(|word| !word.contains('=')) {
                seen += 1;
                if !is_target(word) {
                    faults.push(format!("{}: {command}: make has no {word}", page.path));
                }
            }
        }
    }
    assert!(seen > 5, "the commands were not read");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The guide for Rust says how a crate beside the repository gets the library.
#[test]
fn cargo_adds_the_library() {
    let page = pages().into_iter().find(|page| page.path == "docs/guides/rust.md");
    let commands = commands(&page.expect("there is one"), "cargo");
    let add = commands.iter().find(|line| line.starts_with("cargo add ")).expect("it says so");
    let beside = tempfile::tempdir().expect("a temporary folder");
    let app = beside.path().join("app");
    fs::create_dir_all(app.join("src")).unwrap();
    fs::write(app.join("src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(app.join("Cargo.toml"), manifest).unwrap();
    link(root(), &beside.path().join("fanfare"));
    let mut words = add.split(' ');
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| words.next().unwrap().into());
    let output =
        Command::new(cargo).args(add.split(' ').skip(1)).current_dir(&app).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{add}: {said}");
    let manifest = fs::read_to_string(app.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("fanfare = {"), "{manifest}");
}

#[cfg(unix)]
fn link(to: &Path, from: &Path) {
    std::os::unix::fs::symlink(to, from).expect("a link");
}

#[cfg(windows)]
fn link(to: &Path, from: &Path) {
    std::os::windows::fs::symlink_dir(to, from).expect("a link");
}
