//! docs/CONFORMANCE.md: made from the table, and held against the tests that there are.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::table::{AMBIGUITIES, Ambiguity, Kept, RULES, Rule};

const HEAD: &str = "\
# Conformance

Every rule that the revisions of the protocol have for notifications, and every question that they
leave open, with what fanfare does about it and the tests that prove it. The tests stand in
tests/rules, where each is named after its rule. `make rules` runs them and writes this page anew.

*By the engine*: whatever the host does. *Helped*: the host must do it, and the engine gives it what
it needs. *Not applicable*: the rule binds a client or a transport alone.
";

fn page() -> String {
    let mut out = format!("{HEAD}\n## Rules\n\n{}\n", summary());
    out += "| | rule | level | revisions | kept | tests |\n|---|---|---|---|---|---|\n";
    for Rule { number, rule, level, revisions, kept, tests } in RULES {
        let (kept, tests) = (kept_text(kept), tests_text(tests));
        writeln!(out, "| R{number} | {rule} | {level} | {revisions} | {kept} | {tests} |")
            .expect("writing to a String cannot fail");
    }
    out += "\n## What the protocol leaves open\n\n";
    out += "| | question | what fanfare does | otherwise | kept | tests |\n|---|---|---|---|---|---|\n";
    for Ambiguity { number, question, answer, option, kept, tests } in AMBIGUITIES {
        let (kept, tests) = (kept_text(kept), tests_text(tests));
        writeln!(out, "| G{number} | {question} | {answer} | {option} | {kept} | {tests} |")
            .expect("writing to a String cannot fail");
    }
    out
}

/// How many rules there are of each kind.
fn summary() -> String {
    let count = |is: fn(&Kept) -> bool| RULES.iter().filter(|rule| is(&rule.kept)).count();
    format!(
        "Of {} rules, {} are kept by the engine, {} are helped, and {} are not applicable.\n",
        RULES.len(),
        count(|kept| matches!(kept, Kept::Engine)),
        count(|kept| matches!(kept, Kept::Helped(_))),
        count(|kept| matches!(kept, Kept::NotApplicable(_))),
    )
}

fn kept_text(kept: &Kept) -> String {
    match kept {
        Kept::Engine => "by the engine".to_owned(),
        Kept::Helped(how) => format!("helped: {how}"),
        Kept::NotApplicable(why) => format!("not applicable: {why}"),
    }
}

fn tests_text(tests: &[&str]) -> String {
    tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(" ")
}

/// The tests of this crate that are named after a rule (`r01_`) or a question (`g01_`), as its
/// sources have them.
fn tests_that_are() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("the sources are there") {
        let path = entry.expect("the folder can be read").path();
        let source = fs::read_to_string(&path).expect("a source can be read");
        let mut is_test = false;
        for line in source.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next())
                && is_named_after_a_row(name)
            {
                assert!(is_test, "{}: {name} is no test", path.display());
                assert!(found.insert(name.to_owned()), "{name} is there twice");
            }
            is_test = line == "#[test]" || is_test && line.starts_with("#[");
        }
    }
    found
}

fn is_named_after_a_row(name: &str) -> bool {
    let name = name.as_bytes();
    name.len() > 4
        && matches!(name[0], b'r' | b'g')
        && name[1].is_ascii_digit()
        && name[2].is_ascii_digit()
        && name[3] == b'_'
}

/// Each row by its name, with how it is kept and by which tests.
fn rows() -> Vec<(String, &'static Kept, &'static [&'static str])> {
    let rules = RULES.iter().map(|row| (format!("r{:02}", row.number), &row.kept, row.tests));
    let open = AMBIGUITIES.iter().map(|row| (format!("g{:02}", row.number), &row.kept, row.tests));
    rules.chain(open).collect()
}

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONFORMANCE.md");
    let page = page();
    if std::env::var_os("FANFARE_BLESS").is_some() {
        fs::write(&path, &page).expect("docs can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, page, "docs/CONFORMANCE.md is stale: make rules");
}

#[test]
fn every_rule_and_every_question_has_its_row() {
    let numbers: Vec<u8> = RULES.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=84).collect::<Vec<u8>>());
    let numbers: Vec<u8> = AMBIGUITIES.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..=35).collect::<Vec<u8>>());
}

#[test]
fn the_rows_name_tests_that_there_are() {
    let there = tests_that_are();
    for (name, _, tests) in rows() {
        for test in tests {
            assert!(there.contains(*test), "{name} names {test}, which does not exist");
        }
    }
}

#[test]
fn every_test_of_a_rule_stands_in_the_row_of_that_rule() {
    let rows = rows();
    for test in tests_that_are() {
        let row = rows.iter().find(|(name, ..)| test.starts_with(name.as_str()));
        let (_, _, tests) = row.unwrap_or_else(|| panic!("{test} is named after no row"));
        assert!(tests.contains(&test.as_str()), "{test} does not stand in its row");
    }
}

/// What is said to be kept has a test; what need not be has none.
#[test]
fn what_is_kept_is_proved() {
    for (name, kept, tests) in rows() {
        let is_kept = match kept {
            Kept::Engine | Kept::Helped(_) => true,
            Kept::NotApplicable(_) => false,
        };
        assert_eq!(!tests.is_empty(), is_kept, "{name}");
    }
}
