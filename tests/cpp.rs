//! include/fanfare.hpp held right and wrong: the programs of tests/cpp in both standards that it is
//! for, as they are, under valgrind, and with the address and undefined-behaviour sanitizers; and the
//! program that measures it.
#![cfg(target_os = "linux")]

mod support;

use support::{CPP_WARNINGS, SANITIZERS, Under, Workshop, lacks, root};

fn check(name: &str, flags: &[&str]) {
    if lacks("g++") {
        return;
    }
    let workshop = Workshop::new();
    let source = root().join("tests/cpp").join(name).with_extension("cpp");
    let flags = [&CPP_WARNINGS[..], flags].concat();
    for standard in ["c++17", "c++20"] {
        let plain = workshop.compile(&source, standard, &flags);
        workshop.run(&plain, Under::Nothing);
    }
    let plain = workshop.compile(&source, "c++17", &flags);
    workshop.run(&plain, Under::Valgrind);
    let sanitized = workshop.compile(&source, "c++17", &[&flags[..], &SANITIZERS].concat());
    workshop.run(&sanitized, Under::Nothing);
    if !lacks("clang++") {
        workshop.run(&workshop.compile_with("clang++", &source, "c++17", &flags), Under::Nothing);
    }
}

#[test]
fn owners_and_exceptions() {
    check("owners", &[]);
}

#[test]
fn http_requests_and_answers() {
    check("http", &[]);
}

#[test]
fn results_instead_of_exceptions() {
    check("results", &["-fno-exceptions"]);
}

/// What `make bench-cpp` measures: every row, with all that it checks while it does.
#[test]
fn the_measurement_measures() {
    if lacks("g++") {
        return;
    }
    let workshop = Workshop::new();
    let folder = root().join("benches/cpp");
    let plain = workshop.object(&folder.join("plain.c"));
    let flags = [&CPP_WARNINGS[..], &[plain.to_str().unwrap()]].concat();
    let program = workshop.compile(&folder.join("measure.cpp"), "c++17", &flags);
    let table = workshop.run_args(&program, &["--small"], Under::Valgrind);
    assert_eq!(table.lines().count(), 9, "{table}");
}
