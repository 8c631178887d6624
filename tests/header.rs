//! The C header: it is what src/ffi says, it compiles wherever it may be included, and it names
//! exactly what the library exports.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use support::{Under, WARNINGS, Workshop, lacks, root, static_library, succeed};

/// The language modes in which the header has to be accepted.
fn standards() -> Vec<&'static str> {
    let cpp = !lacks("g++");
    let all = ["c99", "c11", "c++11", "c++17", "c++20"];
    all.into_iter().filter(|standard| cpp || !standard.starts_with("c++")).collect()
}

fn header() -> String {
    std::fs::read_to_string(root().join("include/fanfare.h")).expect("the header is committed")
}

/// Whatever generated it, the text in the tree is what the sources say now.
#[test]
fn the_header_is_what_the_sources_say() {
    let built = std::fs::read_to_string(env!("FANFARE_BUILT_HEADER")).expect("build.rs wrote it");
    assert!(header() == built, "include/fanfare.h is stale: build once in a writable tree");
}

/// A build in the source tree repairs a stale header before the test above can see it. So where
/// the sources of the header are as they were committed, the header must be, too: else somebody
/// committed the one without the other.
#[test]
fn the_committed_header_belongs_to_the_committed_sources() {
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root()).args(args).output().ok()?;
        output.status.success().then_some(output.stdout)
    };
    let sources = ["src/ffi", "build.rs", "cbindgen.toml", "Cargo.toml", "Cargo.lock"];
    let changed = git(&[&["status", "--porcelain", "--"], &sources[..]].concat());
    // Not a repository, or one with changes of which the header is a part.
    if changed.is_none_or(|lines| !lines.is_empty()) {
        return;
    }
    let committed = git(&["show", "HEAD:include/fanfare.h"]).expect("the header is committed");
    assert!(
        committed == header().as_bytes(),
        "include/fanfare.h was committed stale: commit what the build has made of it"
    );
}

#[test]
fn it_compiles_alone_and_twice_in_every_language_mode() {
    let workshop = Workshop::new();
    let twice = workshop.path().join("twice.h");
    std::fs::write(&twice, "#include \"fanfare.h\"\n#include \"fanfare.h\"\n").unwrap();
    for standard in standards() {
        let language = if standard.starts_with("c++") { "c++" } else { "c" };
        for source in [&root().join("include/fanfare.h"), &twice] {
            succeed(
                Command::new(if language == "c" { "gcc" } else { "g++" })
                    .args(["-fsyntax-only", "-x", language])
                    .arg(format!("-std={standard}"))
                    .args(WARNINGS)
                    .arg("-I")
                    .arg(root().join("include"))
                    .arg(source),
            );
        }
    }
}

/// The example of the overview, as somebody would copy it out of the header.
fn example() -> String {
    let header = header();
    let lines = header.lines().skip_while(|line| !line.contains("A complete program:")).skip(2);
    let mut text = String::new();
    for line in lines {
        match line.strip_prefix(" *     ") {
            Some(code) => text.push_str(code),
            None if line == " *" => {}
            None => break,
        }
        text.push('\n');
    }
    text
}

const EXAMPLE_PRINTS: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"doc://7"}}"#,
    "\n",
);

#[test]
fn the_example_in_it_compiles_and_does_what_it_says() {
    let example = example();
    let lines = example.trim().lines().count();
    assert!((25..=40).contains(&lines), "{lines} lines:\n{example}");
    let workshop = Workshop::new();
    let source = workshop.path().join("example.c");
    std::fs::write(&source, &example).unwrap();
    for standard in standards() {
        let program = workshop.compile(&source, standard, &[]);
        assert_eq!(workshop.run(&program, Under::Nothing), EXAMPLE_PRINTS, "{standard}");
    }
}

#[test]
fn the_static_library_does_as_well() {
    let workshop = Workshop::new();
    let source = workshop.path().join("example.c");
    let program = workshop.path().join("static");
    std::fs::write(&source, example()).unwrap();
    succeed(
        Command::new("gcc")
            .arg("-I")
            .arg(root().join("include"))
            .args([Path::new("-o"), &program, &source, &static_library()])
            .args(["-pthread", "-ldl", "-lm"]),
    );
    assert_eq!(workshop.run(&program, Under::Nothing), EXAMPLE_PRINTS);
}

#[test]
fn the_version_is_that_of_the_package() {
    let workshop = Workshop::new();
    let source = workshop.path().join("version.c");
    std::fs::write(
        &source,
        r#"
        #include <stdio.h>
        #include "fanfare.h"
        int main(void) {
            printf("%s %s %d.%d.%d %d", FANFARE_VERSION_STRING, fanfare_version_string(),
                   FANFARE_VERSION_MAJOR, FANFARE_VERSION_MINOR, FANFARE_VERSION_PATCH,
                   fanfare_version() == FANFARE_VERSION_NUMBER);
            return 0;
        }"#,
    )
    .unwrap();
    let program = workshop.compile(&source, "c11", &[]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(workshop.run(&program, Under::Nothing), format!("{version} {version} {version} 1"));
}

/// The functions that the header declares, each with the comment above it.
fn functions() -> Vec<(String, String)> {
    let (mut found, mut comment, mut in_declaration) = (Vec::new(), String::new(), false);
    for line in header().lines() {
        if let Some(text) = line.trim_start().strip_prefix("///") {
            comment.push_str(text.strip_prefix(' ').unwrap_or(text));
            comment.push('\n');
            continue;
        }
        in_declaration |= line.starts_with("FANFARE_API");
        if in_declaration
            && let Some((before, _)) = line.split_once('(')
            && let Some(name) = before.rsplit([' ', '*']).next()
        {
            found.push((name.to_owned(), std::mem::take(&mut comment)));
            in_declaration = false;
        } else if !in_declaration {
            comment.clear();
        }
    }
    found
}

#[test]
fn it_declares_exactly_what_the_library_exports() {
    let declared: BTreeSet<_> = functions().into_iter().map(|(name, _)| name).collect();
    assert!(declared.len() > 50, "the header was not read: {declared:?}");
    let listing = succeed(
        Command::new("nm")
            .args(["-D", "--defined-only", "-f", "posix"])
            .arg(Workshop::new().library()),
    );
    let exported: BTreeSet<_> = String::from_utf8(listing.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(declared, exported);
}

#[test]
fn every_function_says_who_may_call_it_and_what_it_returns() {
    let functions = functions();
    let header = header();
    let text_of = |name: &str| functions.iter().find(|(one, _)| one == name).map(|(_, text)| text);
    for (name, comment) in &functions {
        // A family says it once: "As fanfare_notify()." And that one may be like another.
        let (mut whole, mut next) = (comment.clone(), Some(comment));
        while let Some(text) = next {
            let other = text.split("As ").nth(1).and_then(|rest| rest.split("()").next());
            next = other.and_then(text_of).filter(|text| !whole.contains(*text));
            whole.extend(next.map(String::as_str));
        }
        assert!(whole.contains("thread"), "{name} has no thread rule:\n{comment}");
        if header.contains(&format!("fanfare_status {name}(")) {
            assert!(whole.contains("FANFARE_OK"), "{name} lists no status:\n{comment}");
        }
    }
}

#[test]
fn everything_in_it_has_the_prefix() {
    for line in header().lines() {
        if let Some(rest) = line.trim_start().strip_prefix("#define ") {
            assert!(rest.starts_with("FANFARE_"), "{line}");
        }
        if let Some(name) = line.strip_prefix("} ").filter(|name| name.ends_with(';')) {
            assert!(name.starts_with("fanfare_"), "{line}");
        }
    }
}
