//! What abidw says of the C interface, and what abidiff says of two of them.
//!
//! The dump is of what C programs see: a library that is made here, in which every function of the
//! header is defined, and every type and number is used. The debug information of the real library
//! describes Rust, where a pointer has no const and a callback that may be NULL is an enum; and it
//! is only there in builds that take long. That the real library has those functions, and no others,
//! `the_library_exports_what_is_listed` sees to.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::header::{Growth, Header, Number, field, struct_end};
use super::support::{soname, succeed};

/// Nothing of the machine or of the order in which the compiler wrote.
const DUMPED: [&str; 7] = [
    "--no-architecture",
    "--no-show-locs",
    "--no-corpus-path",
    "--no-comp-dir-path",
    "--no-write-default-sizes",
    "--type-id-style",
    "hash",
];

pub(crate) struct Dumps {
    dir: TempDir,
}

/// What abidiff found.
pub(crate) struct Difference {
    pub(crate) is_none: bool,
    pub(crate) report: String,
}

impl Dumps {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The dump of a header.
    pub(crate) fn dump(&self, header: &Header) -> String {
        let path = |name: &str| self.dir.path().join(name);
        std::fs::write(path("fanfare.h"), &header.text).expect("the folder is ours");
        std::fs::write(path("view.c"), view(header)).expect("the folder is ours");
        succeed(
            Command::new("gcc")
                .current_dir(self.dir.path())
                .args(["-std=c11", "-g", "-shared", "-fPIC", "-I.", "-o", "view.so", "view.c"])
                .arg(format!("-Wl,-soname,{}", soname())),
        );
        let output = succeed(Command::new("abidw").args(DUMPED).arg(path("view.so")));
        String::from_utf8(output.stdout).expect("it writes UTF-8")
    }

    /// Everything that differs, harmless or not; what has come is left out, unless it `counts`.
    pub(crate) fn difference(&self, old: &str, new: &str, counts: Additions) -> Difference {
        let (old, new) = (self.written("old.abi", old), self.written("new.abi", new));
        let mut command = Command::new("abidiff");
        // Harmless to abidiff is, among others, a const that has gone.
        command.args(["--harmless", "--no-architecture"]);
        if counts == Additions::AreNone {
            command.arg("--no-added-syms");
        }
        let output = command.arg(old).arg(new).output().expect("abidiff is there");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let code = output.status.code().unwrap_or(1);
        // 1 and 2: it could not compare.
        assert!(
            code & 3 == 0,
            "abidiff: {code}\n{report}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Difference { is_none: code == 0, report }
    }

    fn written(&self, name: &str, dump: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, dump).expect("the folder is ours");
        path
    }
}

/// Whether what an interface has newly got is a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Additions {
    Count,
    AreNone,
}

/// C that defines every function of the header, and uses every type and number.
fn view(header: &Header) -> String {
    let mut out = String::from("#include \"fanfare.h\"\n");
    for function in &header.functions {
        writeln!(out, "{function} {{ __builtin_trap(); }}").expect("it is a String");
    }
    for one in &header.structs {
        writeln!(out, "{0} view_of_{0};", one.name).expect("it is a String");
    }
    // A type for each: of two enumerators with one value, abidiff does not miss one that has gone.
    for Number { name, value } in &header.numbers {
        writeln!(out, "enum of_{name} {{ is_{name} = {value} }} view_of_{name};")
            .expect("it is a String");
    }
    out
}

/// The header as a program knows it that was compiled when the dump was made: without the fields
/// that have been appended since to structs that may grow; and a field that was reserved is still called so.
pub(crate) fn as_known_to(dump: &str, header: &Header) -> Header {
    let mut text = String::new();
    let mut structs = header.structs.iter();
    let mut open = None;
    for line in header.text.lines() {
        if line == "typedef struct {" {
            let one = structs.next().expect("as many as were read");
            // Of a new struct everything is new, and nothing is taken away.
            open = fields_in(dump, &one.name).map(|fields| (one.growth, fields.into_iter()));
        } else if struct_end(line).is_some() {
            open = None;
        }
        let line = match (&mut open, field(line)) {
            (Some((growth, known)), Some(name)) => match (known.next(), growth) {
                (None, Growth::Append) => continue,
                (Some("reserved"), _) => line.replacen(&format!("{name};"), "reserved;", 1),
                _ => line.to_owned(),
            },
            _ => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    Header::read(&text)
}

/// The fields that a struct has in a dump.
fn fields_in<'a>(dump: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let start = dump.find(&format!("<class-decl name='{name}' size-in-bits="))?;
    let decl = &dump[start..];
    let decl = &decl[..decl.find("</class-decl>").expect("it ends")];
    Some(names(decl, "<var-decl name='"))
}

/// Whatever stands between that and the next quote.
fn names<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('\'').next()).collect()
}
