//! Makes the C header from src/ffi, and names the shared library.
//!
//! The header is always written to the build's own folder. In the source tree it is then also
//! brought up to date at include/fanfare.h, so that whoever changes src/ffi sees the change of
//! the header in the same diff. Anywhere else (a package from a registry, a vendored copy, a tree
//! that cannot be written) the committed one is left alone.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The files of src/ffi in the order in which the header shows them.
const NOUNS: [&str; 17] = [
    "status",
    "input",
    "library",
    "callback",
    "config",
    "engine",
    "session",
    "stream",
    "message",
    "subscription",
    "access",
    "notify",
    "delivery",
    "dispatch",
    "stats",
    "endpoint",
    "http",
];

fn main() {
    for path in ["build.rs", "cbindgen.toml", "src/ffi", "include/fanfare.h"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let header = header(&root);
    let built = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("fanfare.h");
    fs::write(&built, &header).expect("cargo makes OUT_DIR for writing");
    // For the test that compares it with the committed one.
    println!("cargo::rustc-env=FANFARE_BUILT_HEADER={}", built.display());
    update(&root, &header);
    name_the_library();
}

fn header(root: &Path) -> String {
    let ffi = root.join("src/ffi");
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))
        .unwrap_or_else(|e| panic!("cbindgen.toml: {e}"));
    config.header = Some(overview(&ffi));
    let macros = config.after_includes.take().expect("cbindgen.toml has the macros");
    let version =
        |part: &str| env::var(format!("CARGO_PKG_VERSION_{part}")).expect("cargo sets it");
    config.after_includes = Some(
        ["MAJOR", "MINOR", "PATCH"]
            .iter()
            .fold(macros, |text, part| text.replace(&format!("@{part}@"), &version(part))),
    );
    let mut builder = cbindgen::Builder::new().with_config(config);
    // File by file: it keeps the order of the nouns, and asks cargo for nothing in the middle of
    // a build of cargo's.
    for noun in NOUNS {
        builder = builder.with_src(ffi.join(format!("{noun}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().unwrap_or_else(|e| panic!("the C header: {e}")).write(&mut text);
    String::from_utf8(text).expect("cbindgen writes UTF-8")
}

/// The comment at the top of the header, with the example in its place.
fn overview(ffi: &Path) -> String {
    let read = |name: &str| {
        fs::read_to_string(ffi.join(name)).unwrap_or_else(|e| panic!("src/ffi/{name}: {e}"))
    };
    let indented =
        |code: String| code.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let text = read("overview.md").replace("@EXAMPLE@\n", &indented(read("example.c")));
    assert!(!text.contains("*/"), "src/ffi: the overview would end the comment that it stands in");
    let mut out = String::from("/*\n");
    for line in text.lines() {
        out.push_str(format!(" * {line}").trim_end());
        out.push('\n');
    }
    out + " */"
}

/// Brings include/fanfare.h up to date, if this is the source tree and it is not.
fn update(root: &Path, header: &str) {
    let packaged = [".cargo-ok", ".cargo_vcs_info.json", "Cargo.toml.orig"];
    if packaged.iter().any(|mark| root.join(mark).exists()) {
        return;
    }
    let committed = root.join("include/fanfare.h");
    if fs::read_to_string(&committed).is_ok_and(|text| text == header) {
        return;
    }
    let written = fs::create_dir_all(root.join("include")).and_then(|()| {
        // Never half a header, even when two builds meet.
        let fresh = root.join(format!("include/.fanfare.h.{}", std::process::id()));
        fs::write(&fresh, header)?;
        fs::rename(&fresh, &committed)
    });
    if let Err(e) = written {
        println!("cargo::warning=include/fanfare.h is stale and cannot be written: {e}");
    }
}

/// rustc gives a shared library no name of its own; without one, programs would remember the
/// path that they were linked with, and no two incompatible versions could be installed together.
/// So it is named after what it is compatible with: before 1.0, where a minor version may break,
/// after both numbers.
fn name_the_library() {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).expect("cargo sets it");
    let series = match part("MAJOR") {
        major if major == "0" => format!("0.{}", part("MINOR")),
        major => major,
    };
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libfanfare.so.{series}");
        }
        Ok("macos") => {
            let name = format!("@rpath/libfanfare.{series}.dylib");
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,{name}");
        }
        _ => {}
    }
}
