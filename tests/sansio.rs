//! The architecture as a test: the core does no I/O and has no clock, the arrows between the
//! modules point one way, and `unsafe` stays in `src/ffi`.
//!
//! The sources are read as tokens, so neither a comment nor a string counts as a use, and an
//! import is seen however it is spelled: nested, renamed, by glob, or by way of `super`.

use std::fs;
use std::path::{Path, PathBuf};

/// What the core may not reach, in the standard library and beyond. Time enters it as a number.
const OUTSIDE_WORLD: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::thread",
    "std::net",
    "std::fs",
    "std::io",
    "std::env",
    "std::os",
    "std::process",
    "tokio",
    "libc",
];

/// Macros that write somewhere.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// What a module may name of this crate; anything else, also by way of a re-export at the crate's
/// root, is an arrow that runs backwards.
struct Module {
    folder: &'static str,
    may_name: &'static [&'static str],
    /// Whether it must keep away from [`OUTSIDE_WORLD`].
    pure: bool,
}

const MODULES: &[Module] = &[
    Module { folder: "protocol", may_name: &["crate::protocol", "crate::error"], pure: true },
    Module {
        folder: "engine",
        may_name: &[
            "crate::engine",
            "crate::protocol",
            "crate::config",
            "crate::error",
            "crate::params",
            // Only the name of a framing, which the engine hands through; never how one is made.
            "crate::framing::Framing",
        ],
        pure: true,
    },
    Module {
        folder: "http",
        may_name: &["crate::http", "crate::protocol", "crate::error"],
        pure: true,
    },
    Module { folder: "framing", may_name: &["crate::framing", "crate::error"], pure: true },
    Module {
        folder: "dispatch",
        may_name: &[
            "crate::dispatch",
            "crate::engine",
            "crate::framing",
            "crate::protocol",
            "crate::config",
            "crate::error",
            "crate::params",
            // The primitives of its locks, which `make loom` replaces.
            "crate::sync",
        ],
        pure: false,
    },
];

#[test]
fn the_core_is_pure_and_the_arrows_point_one_way() {
    let mut faults = Vec::new();
    for module in MODULES {
        let files = rust_files(&root().join("src").join(module.folder));
        assert!(!files.is_empty(), "src/{} has no source: has it moved?", module.folder);
        // `mod tests;` brings in a file of tests only, which may do as it likes.
        for file in
            files.into_iter().filter(|file| !module_path(&relative(file)).contains(&"tests"))
        {
            let source = fs::read_to_string(&file).unwrap();
            faults.extend(check_module(module, &relative(&file), &source));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unsafe_code_stays_where_it_belongs() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for folder in ["src", "cli/src", "tests", "benches", "examples"] {
        for file in rust_files(&root().join(folder)) {
            seen += 1;
            faults.extend(check_unsafe(&relative(&file), &fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(seen > 0, "no source found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_planted_violation_is_found() {
    let planted = [
        ("engine", "use std::time::Instant;"),
        ("engine", "use std::time::{Duration, Instant as Now};"),
        ("engine", "use std::time;"),
        ("engine", "use std::time::*;"),
        ("engine", "use std::{fmt, time::{self, Duration}};"),
        ("engine", "fn now() -> u64 { ::std::time::SystemTime::now() }"),
        ("engine", "fn rest() { std::thread::yield_now() }"),
        ("protocol", "use std::net::TcpStream;"),
        ("protocol", "pub(crate) use std::fs as files;"),
        ("protocol", "fn f() { let _ = std::io::stdin(); }"),
        ("engine", "use tokio::sync::Notify;"),
        ("engine", "fn f() { tokio::spawn(g()); }"),
        ("engine", "fn f() { println!(\"{}\", 1); }"),
        ("framing", "fn f() { let x = dbg!(1); }"),
        ("protocol", "use crate::engine::Core;"),
        ("protocol", "use crate::{error::Error, engine};"),
        ("protocol", "use super::super::dispatch::Hooks;"),
        ("protocol", "use crate::*;"),
        ("protocol", "use crate::Engine;"),
        ("engine", "use crate::framing::ndjson;"),
        ("engine", "use crate::framing;"),
        ("engine", "fn f() { crate::ffi::panic_text() }"),
        ("engine", "macro_rules! m { () => { $crate::dispatch::run() } }"),
        ("framing", "use crate::engine::Frame;"),
        ("http", "use crate::engine::Core;"),
        ("http", "use std::net::IpAddr;"),
        ("dispatch", "use crate::ffi::Status;"),
        // What follows a test module is the core again.
        ("engine", "#[cfg(test)] mod tests { fn t() {} } use std::fs;"),
    ];
    for (folder, source) in planted {
        let module = MODULES.iter().find(|module| module.folder == folder).unwrap();
        let faults = check_module(module, &format!("src/{folder}/file.rs"), source);
        assert_eq!(faults.len(), 1, "{folder}: {source}: {faults:?}");
    }
    let reason = "#![expect(unsafe_code, reason = \"counts what is allocated\")]";
    let code = "fn f() { unsafe { g() } }";
    assert_eq!(check_unsafe("src/engine/queue.rs", code).len(), 1);
    assert_eq!(check_unsafe("src/engine/queue.rs", &format!("{reason}{code}")).len(), 1);
    assert_eq!(check_unsafe("cli/src/main.rs", "unsafe extern \"C\" {}").len(), 1);
    assert_eq!(check_unsafe("benches/fanout.rs", code).len(), 1);
    assert_eq!(
        check_unsafe("benches/fanout.rs", &format!("#![allow(unsafe_code)]{code}")).len(),
        1
    );
    assert_eq!(check_unsafe("benches/fanout.rs", &format!("{reason}{code}")).len(), 0);
    assert_eq!(check_unsafe("src/ffi/engine.rs", code).len(), 0);
}

#[test]
fn what_is_allowed_is_not_found() {
    let allowed = [
        "use std::time::Duration; use std::fmt::{self, Write as _};",
        "// std::thread and println!\n/* tokio /* nested */ std::fs */ /// std::net\nfn f() {}",
        r##"const A: &str = "std::fs::read"; const B: &str = r#"println!("x")"#;"##,
        "fn f<'a>(x: &'a str) -> char { 'a' } fn g() -> [char; 2] { ['\\'', '\"'] }",
        "use super::topic::Topic; use self::inner::Thing; use crate::protocol::Revision;",
        "use crate::framing::Framing;",
        "#[cfg(test)]\nmod tests { use super::*; use std::time::Instant; fn f() { println!() } }",
        "#[cfg(test)] mod tests;",
        "struct Standing { std: u8 } fn f(time: u64) -> u64 { time }",
    ];
    let engine = MODULES.iter().find(|module| module.folder == "engine").unwrap();
    for source in allowed {
        let faults = check_module(engine, "src/engine/file.rs", source);
        assert!(faults.is_empty(), "{source}: {faults:?}");
    }
    assert!(check_unsafe("src/lib.rs", "// unsafe\nconst A: &str = \"unsafe\";").is_empty());
}

// The rules.

fn check_module(module: &Module, file: &str, source: &str) -> Vec<String> {
    let tokens = without_tests(&tokens(source));
    let here = module_path(file);
    let mut faults = Vec::new();
    for Use { line, path, import } in uses(&tokens) {
        let path = absolute(&path, &here);
        let reached = |wanted: &str| within(&path, wanted) || (import && opens(&path, wanted));
        if module.pure
            && let Some(what) = OUTSIDE_WORLD.iter().find(|what| reached(what))
        {
            faults.push(format!("{file}:{line}: {path} reaches {what}"));
        }
        let of_this_crate = path == "crate" || path.starts_with("crate::");
        if of_this_crate && !module.may_name.iter().any(|may| within(&path, may)) {
            faults.push(format!("{file}:{line}: src/{} may not name {path}", module.folder));
        }
    }
    if module.pure {
        for pair in tokens.windows(2) {
            if PRINTING.contains(&pair[0].text.as_str()) && pair[1].text == "!" {
                faults.push(format!("{file}:{}: {}!", pair[0].line, pair[0].text));
            }
        }
    }
    faults
}

fn check_unsafe(file: &str, source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let names = |name: &str| tokens.iter().find(|token| token.text == name);
    let Some(found) = names("unsafe").filter(|_| !file.starts_with("src/ffi/")) else {
        return Vec::new();
    };
    let outside = ["tests/", "benches/", "examples/"].iter().any(|folder| file.starts_with(folder));
    let attribute = tokens.iter().skip_while(|token| token.text != "unsafe_code");
    let with_reason = attribute.take_while(|token| token.text != ")").any(|t| t.text == "reason");
    if outside && with_reason {
        return Vec::new();
    }
    vec![format!("{file}:{}: unsafe code without a reason in its attribute", found.line)]
}

/// Whether `path` is `wanted` or something in it.
fn within(path: &str, wanted: &str) -> bool {
    path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether importing `path` brings `wanted` within reach under a shorter name.
fn opens(path: &str, wanted: &str) -> bool {
    let module = path.trim_end_matches("::*");
    wanted.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

/// The module that a file of this crate is: `src/engine/topic.rs` is `crate::engine::topic`.
fn module_path(file: &str) -> Vec<&str> {
    let inside = file.trim_start_matches("src/").trim_end_matches(".rs");
    std::iter::once("crate").chain(inside.split('/').filter(|part| *part != "mod")).collect()
}

/// A path as it reads from the crate's root; `core` and `alloc` count as `std`.
fn absolute(path: &str, here: &[&str]) -> String {
    let mut parts: Vec<&str> = path.trim_start_matches("::").split("::").collect();
    if matches!(parts[0], "self" | "super") {
        let mut base = here.to_vec();
        while matches!(parts.first(), Some(&"self" | &"super")) {
            if parts.remove(0) == "super" {
                base.pop();
            }
        }
        base.append(&mut parts);
        parts = base;
    }
    if matches!(parts[0], "core" | "alloc") {
        parts[0] = "std";
    }
    parts.join("::")
}

// Reading Rust, as far as it is needed.

#[derive(Clone, Debug)]
struct Token {
    line: usize,
    /// A word, a single punctuation mark, `::`, or a quote for any literal text.
    text: String,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest, '"'),
            'r' | 'b' | 'c' if literal_prefix(rest).is_some() => literal_prefix(rest).unwrap(),
            // A lifetime has no second quote where a character has one.
            '\'' if rest[1..].starts_with('\\') => quoted(rest, '\''),
            '\'' if rest.chars().nth(2) == Some('\'') => quoted(rest, '\''),
            _ if first.is_alphanumeric() || first == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (text, tail) = rest.split_at(length);
        let comment = text.starts_with("//") || text.starts_with("/*");
        let literal = text.contains('"') || (first == '\'' && length > 1);
        if !comment && !first.is_whitespace() {
            let text = if literal { "\"" } else { text };
            found.push(Token { line, text: text.to_owned() });
        }
        line += text.matches('\n').count();
        rest = tail;
    }
    found
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a literal that ends with that quote, escapes counted.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// The length of a byte, C or raw string that starts here, if one does.
fn literal_prefix(text: &str) -> Option<usize> {
    let letters = text.find(|c| !matches!(c, 'r' | 'b' | 'c'))?;
    let after = &text[letters..];
    if !text[..letters].contains('r') {
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        return Some(letters + quoted(after, quote));
    }
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let body = letters + hashes + 1;
    Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()))
}

/// The tokens without items that are compiled for tests only.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().map(|t| t.text.as_str()).take(marker.len()).eq(marker) {
            at = end_of_item(tokens, at + marker.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item that starts at `from` ends: behind its `;`, or behind its block.
fn end_of_item(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A path that is named.
struct Use {
    line: usize,
    path: String,
    /// In a `use`, so that what it leads to has a shorter name from there on.
    import: bool,
}

fn uses(tokens: &[Token]) -> Vec<Use> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // What captures lifetimes, `use<'_>`, is no import.
        let is_import = tokens.get(at + 1).is_some_and(|next| next.text != "<");
        if tokens[at].text == "use" && is_import {
            at = import(tokens, at + 1, "", &mut found);
        } else if tokens[at].is_word() {
            let (line, mut path) = (tokens[at].line, tokens[at].text.clone());
            at += 1;
            while at + 1 < tokens.len() && tokens[at].text == "::" && tokens[at + 1].is_word() {
                path = format!("{path}::{}", tokens[at + 1].text);
                at += 2;
            }
            if path.contains("::") {
                found.push(Use { line, path, import: false });
            }
        } else {
            at += 1;
        }
    }
    found
}

/// Takes in the tree of a `use` from `at` on, below `prefix`; gives where it ends.
fn import(tokens: &[Token], mut at: usize, prefix: &str, found: &mut Vec<Use>) -> usize {
    let mut path = prefix.to_owned();
    let start = at;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" if path.is_empty() => {}
            "::" => path.push_str("::"),
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    assert_ne!(
                        tokens[at].text, ";",
                        "line {}: a `use` without end",
                        tokens[at].line
                    );
                    at = import(tokens, at, &path, found);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
                }
                return at + 1;
            }
            "," | "}" | ";" => break,
            "as" => at += 1,
            word => path.push_str(word),
        }
        at += 1;
    }
    let path = path.trim_end_matches("::self").to_owned();
    if !path.is_empty() {
        found.push(Use { line: tokens[start.min(tokens.len() - 1)].line, path, import: true });
    }
    at
}

// The files.

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

/// The Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
