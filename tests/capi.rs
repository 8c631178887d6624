//! The C ABI held wrong: the programs of tests/c, as they are, under valgrind, and with the
//! address and undefined-behaviour sanitizers.
#![cfg(target_os = "linux")]

mod support;

use support::{Under, Workshop, root};

/// The sanitizers see the C program, and what the library does with its memory.
const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

fn check(name: &str) {
    let workshop = Workshop::new();
    let source = root().join("tests/c").join(name).with_extension("c");
    // _POSIX_C_SOURCE: threads, poll and clocks, which the language itself does not have.
    let posix = "-D_POSIX_C_SOURCE=200809L";
    let plain = workshop.compile(&source, "c11", &[posix]);
    workshop.run(&plain, Under::Nothing);
    workshop.run(&plain, Under::Valgrind);
    let sanitized = workshop.compile(&source, "c11", &[&[posix], &SANITIZERS[..]].concat());
    workshop.run(&sanitized, Under::Nothing);
}

#[test]
fn null_for_every_pointer() {
    check("null");
}

#[test]
fn handles_that_name_nothing() {
    check("handles");
}

#[test]
fn text_and_numbers_that_are_wrong() {
    check("text");
}

#[test]
fn buffers_of_every_size() {
    check("buffers");
}

#[test]
fn frames_in_parts() {
    check("parts");
}

#[test]
fn callbacks_and_their_contexts() {
    check("callbacks");
}

#[test]
fn calls_from_inside_callbacks() {
    check("reentrant");
}

#[test]
fn many_threads() {
    check("threads");
}

#[test]
fn the_life_of_engines() {
    check("lifecycle");
}

#[test]
fn everything_that_a_host_can_say() {
    check("said");
}

#[test]
fn limits() {
    check("limits");
}

#[test]
fn streams_that_outlive_their_connections() {
    check("resume");
}

#[test]
fn when_and_in_which_company_things_are_told() {
    check("cadence");
}

#[test]
fn who_may_hear_of_what() {
    check("access");
}

#[test]
fn where_everything_lies() {
    check("layout");
}

#[test]
fn an_http_endpoint() {
    check("http");
}

/// A file in tests/c that no test runs would be a promise that nobody checks.
#[test]
fn every_program_is_run() {
    let this = include_str!("capi.rs");
    for entry in std::fs::read_dir(root().join("tests/c")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let run = path.extension().is_none_or(|ext| ext != "c")
            || this.contains(&format!("check(\"{name}\")"));
        assert!(run, "{} is not run", path.display());
    }
}

#[test]
fn tasks_and_elicitations() {
    check("tasks");
}
