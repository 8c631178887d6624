//! The binary interface: which functions the library exports, where everything lies in the structs
//! of the header, and whether a program that was compiled with the last release's header still
//! works. Which changes are allowed, and when, is in docs/abi.md.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod dump;
mod faults;
mod header;
mod layout;
mod version;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use dump::{Additions, Dumps, as_known_to};
use header::Header;
use support::{Workshop, lacks, root, soname, succeed};
use version::Version;

fn header() -> Header {
    Header::read(&fs::read_to_string(root().join("include/fanfare.h")).expect("it is committed"))
}

/// What is committed has to be that text; or it is from now on, where FANFARE_BLESS says so.
fn committed(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("FANFARE_BLESS").is_some() {
        fs::write(&path, text).expect("the tree can be written");
        return;
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let (there, wanted): (BTreeSet<_>, BTreeSet<_>) =
        (there.lines().collect(), text.lines().collect());
    let gone: Vec<_> = there.difference(&wanted).collect();
    let come: Vec<_> = wanted.difference(&there).collect();
    assert!(
        gone.is_empty() && come.is_empty(),
        "{} is not what the library has: gone {gone:#?}, come {come:#?}\n\
         Where docs/abi.md allows that: make abi-lists",
        path.display()
    );
}

#[test]
fn the_library_exports_what_is_listed() {
    let workshop = Workshop::new();
    let mut nm = Command::new("nm");
    let listing = succeed(nm.args(["-D", "--defined-only", "-f", "posix"]).arg(workshop.library()));
    let listing = String::from_utf8(listing.stdout).expect("names are ASCII");
    let exported: BTreeSet<_> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in &exported {
        assert!(name.starts_with("fanfare_"), "{name} is exported, and is nothing of ours");
    }
    let list: String = exported.iter().map(|name| format!("{name}\n")).collect();
    committed("abi/symbols.txt", &list);
}

#[test]
fn everything_lies_where_it_lay() {
    committed("tests/c/layout.c", &layout::layout(&header()));
}

/// A program asks for the library by this name, so it must change when programs cannot go on.
#[test]
fn the_library_is_named_after_what_it_is_compatible_with() {
    let workshop = Workshop::new();
    let output = succeed(Command::new("readelf").arg("-d").arg(workshop.library()));
    let dynamic = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = format!("[{}]", soname());
    assert!(
        dynamic.lines().any(|line| line.contains("SONAME") && line.ends_with(&name)),
        "{dynamic}"
    );
}

/// scripts/missing-tools says so; with CI=true it is missed here.
fn lacks_abigail() -> bool {
    lacks("abidw") || lacks("abidiff")
}

/// The one dump that is committed, and of which version it is.
fn last_dump() -> (Version, PathBuf) {
    let folder = fs::read_dir(root().join("abi")).expect("the folder is committed");
    let mut found: Vec<_> = folder
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "abi"))
        .collect();
    let path = found.pop().expect("a dump is committed");
    assert!(found.is_empty(), "more than one dump is committed: {} and {found:?}", path.display());
    let name = path.file_stem().and_then(|stem| stem.to_str()).expect("its name is ASCII");
    let version = name.strip_prefix("fanfare-").expect("it is named after its version");
    (Version::read(version), path)
}

/// Programs that were compiled with the header of the last release go on working, or the version
/// says that they do not.
#[test]
fn what_was_released_still_holds() {
    if lacks_abigail() {
        return;
    }
    let (released, path) = last_dump();
    let now = Version::read(env!("CARGO_PKG_VERSION"));
    assert!(released <= now, "{} is of a version to come: this is {now}", path.display());
    let old = fs::read_to_string(&path).expect("a dump can be read");
    let dumps = Dumps::new();
    let header = header();
    let new = dumps.dump(&as_known_to(&old, &header));
    let found = dumps.difference(&old, &new, Additions::AreNone);
    assert!(
        found.is_none || now.may_break(released),
        "programs made for {released} break:\n{}\nWhat is allowed, docs/abi.md says; this is {now}",
        found.report
    );
}

/// As long as a version is to come, its dump grows with it: so it has everything when it is released.
#[test]
fn the_dump_of_a_version_to_come_is_whole() {
    let (dumped, path) = last_dump();
    if lacks_abigail() || dumped.is_released() {
        return;
    }
    let old = fs::read_to_string(&path).expect("a dump can be read");
    let dumps = Dumps::new();
    let found = dumps.difference(&old, &dumps.dump(&header()), Additions::Count);
    assert!(found.is_none, "{}: make abi-renew\n{}", path.display(), found.report);
}

/// `make abi-renew`: the dump of the version that Cargo.toml names takes the place of the last one.
#[test]
#[ignore = "writes the tree"]
fn renew_the_dump() {
    let version = Version::read(env!("CARGO_PKG_VERSION"));
    let tags = Command::new("git").arg("-C").arg(root()).args(["tag", "--list"]).output();
    let tags = tags.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let is_tagged = tags.is_ok_and(|tags| tags.lines().any(|tag| tag == format!("v{version}")));
    assert!(!is_tagged, "{version} is tagged: what it promises stays; raise the version first");
    let text = Dumps::new().dump(&header());
    let path = root().join(format!("abi/fanfare-{version}.abi"));
    if let Ok(folder) = fs::read_dir(root().join("abi")) {
        let paths = folder.map(|entry| entry.expect("the folder can be read").path());
        for old in paths.filter(|path| path.extension().is_some_and(|one| one == "abi")) {
            fs::remove_file(old).expect("the tree can be written");
        }
    }
    fs::write(path, text).expect("the tree can be written");
}
