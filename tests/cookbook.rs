//! The cookbook: each of its patterns in C, C++, Python and Rust. All of them print the one
//! transcript of tests/cookbook, line by line; FANFARE_BLESS=1 writes that anew, from C.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{CPP_WARNINGS, Under, Workshop, lacks, root, run_rust_example, succeed};

const PATTERNS: [&str; 6] = [
    "alerts",
    "choosing_types",
    "clients_that_come_back",
    "clients_that_go_away",
    "progress",
    "resource_updates",
];

const LANGUAGES: [&str; 4] = ["c", "cpp", "py", "rs"];

#[test]
fn alerts() {
    check("alerts");
}

#[test]
fn choosing_types() {
    check("choosing_types");
}

#[test]
fn clients_that_come_back() {
    check("clients_that_come_back");
}

#[test]
fn clients_that_go_away() {
    check("clients_that_go_away");
}

#[test]
fn progress() {
    check("progress");
}

#[test]
fn resource_updates() {
    check("resource_updates");
}

/// Runs a pattern in every language.
fn check(pattern: &str) {
    let workshop = Workshop::new();
    let program = workshop.compile(&source(pattern, "c"), "c11", &[]);
    let printed = workshop.run(&program, Under::Nothing);
    if std::env::var_os("FANFARE_BLESS").is_some() {
        fs::write(transcript(pattern), &printed).unwrap();
    }
    let expected = fs::read_to_string(transcript(pattern)).unwrap_or_default();
    let hold = |in_what: &str, printed: &str| {
        let fault = difference(&expected, printed);
        assert!(fault.is_none(), "{pattern} in {in_what}, {}", fault.unwrap());
    };
    hold("C", &printed);
    hold("C under valgrind", &workshop.run(&program, Under::Valgrind));

    for compiler in ["g++", "clang++"] {
        if lacks(compiler) {
            continue;
        }
        let source = source(pattern, "cpp");
        let program = workshop.compile_with(compiler, &source, "c++17", &CPP_WARNINGS);
        hold(compiler, &workshop.run(&program, Under::Nothing));
        if compiler == "g++" {
            hold("C++ under valgrind", &workshop.run(&program, Under::Valgrind));
        }
    }

    // With the package as it stands in the repository; python/tests runs them with the wheel.
    if !lacks("python3") {
        let mut python = Command::new("python3");
        python.args(["-B", "-X", "dev"]).arg(source(pattern, "py"));
        python.env("PYTHONPATH", root().join("python/src"));
        python.env("FANFARE_LIBRARY", workshop.library());
        let output = succeed(&mut python);
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(complaints.is_empty(), "{pattern} in Python complains:\n{complaints}");
        hold("Python", std::str::from_utf8(&output.stdout).unwrap());
    }

    hold("Rust", &run_rust_example(pattern));
}

fn source(pattern: &str, extension: &str) -> PathBuf {
    root().join("examples/cookbook").join(pattern).with_extension(extension)
}

fn transcript(pattern: &str) -> PathBuf {
    root().join("tests/cookbook").join(pattern).with_extension("txt")
}

/// The first line in which two texts differ.
fn difference(expected: &str, printed: &str) -> Option<String> {
    let (mut wanted, mut got) = (expected.lines(), printed.lines());
    for number in 1.. {
        match (wanted.next(), got.next()) {
            (None, None) => break,
            (wanted, got) if wanted == got => {}
            (wanted, got) => {
                let [wanted, got] = [wanted, got].map(|line| line.unwrap_or("(the end)"));
                return Some(format!("line {number}:\n  expected {wanted}\n  printed  {got}"));
            }
        }
    }
    None
}

#[test]
fn what_differs_is_found() {
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    for (printed, line) in [("a\nc\n", 2), ("a\n", 2), ("a\nb\nb\n", 3), ("", 1), ("\na\nb\n", 1)] {
        let fault = difference("a\nb\n", printed).unwrap();
        assert!(fault.starts_with(&format!("line {line}:\n")), "{printed:?}: {fault}");
    }
}

/// A pattern that no test runs, or that lacks a language or its transcript, would be a promise that
/// nobody checks.
#[test]
fn every_pattern_is_there_in_every_language() {
    let folder = root().join("examples/cookbook");
    let found = names(&folder);
    let expected = PATTERNS.iter().flat_map(|name| LANGUAGES.map(|of| format!("{name}.{of}")));
    let expected = expected.chain(["client.h".to_owned()]).collect();
    assert_eq!(found, expected, "in {}", folder.display());

    let folder = root().join("tests/cookbook");
    let expected = PATTERNS.iter().map(|name| format!("{name}.txt")).collect();
    assert_eq!(names(&folder), expected, "in {}", folder.display());

    let this = include_str!("cookbook.rs");
    for pattern in PATTERNS {
        let test = format!("#[test]\nfn {pattern}() {{\n    check(\"{pattern}\");\n}}\n");
        assert!(this.contains(&test), "no test runs {pattern}");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "__pycache__").collect()
}
