//! The command lines that the documentation gives are such as the program takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// README.md, docs and what lies below.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned();
    let (mut found, mut folders) = (vec![root.join("README.md")], vec![root.join("docs")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("docs can be read") {
            let path = entry.expect("docs can be read").path();
            match path.extension() {
                Some(ext) if ext == "md" => found.push(path),
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    found
}

/// What stands after the program's name in an indented line, without its comment; by words.
fn arguments(line: &str) -> Option<Vec<&str>> {
    let line = line.strip_prefix("    ")?;
    let line = line.split("  #").next()?.trim().trim_end_matches(" &");
    let rest = line.strip_prefix("fanfare ").or(line.strip_prefix("cargo run --release -- "))?;
    Some(rest.split_whitespace().collect())
}

#[test]
fn the_program_takes_the_commands_of_the_documentation() {
    let (mut seen, mut faults) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page can be read");
        for arguments in text.lines().filter_map(arguments) {
            seen += 1;
            // Help is given where all before it is understood, and then nothing else is done.
            let output = Command::new(env!("CARGO_BIN_EXE_fanfare"))
                .args(&arguments)
                .arg("--help")
                .output()
                .expect("it starts");
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                faults.push(format!("{}: {arguments:?}: {said}", page.display()));
            }
        }
    }
    assert!(seen >= 5, "the commands were not read");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn commands_are_read_and_others_are_not() {
    assert_eq!(arguments("    fanfare serve /tmp &"), Some(vec!["serve", "/tmp"]));
    assert_eq!(arguments("    cargo run --release -- demo    # said"), Some(vec!["demo"]));
    assert_eq!(arguments("fanfare serve"), None);
    assert_eq!(arguments("    fanfare: listening"), None);
    let unknown = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .args(["serve", "--no-such-option", "--help"])
        .output()
        .expect("it starts");
    assert!(!unknown.status.success());
}
