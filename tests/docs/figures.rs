//! Figures are given as they were measured: below `<!-- rows of PERFORMANCE.md -->` a table has rows
//! of that page. `FANFARE_BLESS=1` puts in what they say now.

use std::fs;

use super::markdown::{Page, is_blessing, pages, root};

const COMMENT: &str = "<!-- rows of PERFORMANCE.md -->";

#[test]
fn figures_are_as_measured() {
    let measured = fs::read_to_string(root().join("docs/PERFORMANCE.md")).expect("there is one");
    let (mut seen, mut faults) = (0, Vec::new());
    for mut page in pages().into_iter().filter(|page| page.text.contains(COMMENT)) {
        if is_blessing() {
            let renewed = renewed(&page.text, &measured);
            if renewed != page.text {
                fs::write(root().join(&page.path), &renewed).expect("docs can be written");
                page.text = renewed;
            }
        }
        seen += rows(&page.text).len();
        faults.extend(faults_of(&page, &measured));
    }
    assert!(seen > 0, "no page gives a figure");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The rows of the tables below the comment, without their heads.
fn rows(text: &str) -> Vec<&str> {
    let below = text.split(COMMENT).skip(1);
    let table = |part| str::lines(part).skip_while(|line| line.is_empty());
    below.flat_map(|part| table(part).take_while(|line| line.starts_with('|')).skip(2)).collect()
}

/// What a row is about: its first two cells.
fn about(row: &str) -> Vec<&str> {
    row.split('|').skip(1).take(2).map(str::trim).collect()
}

fn faults_of(page: &Page, measured: &str) -> Vec<String> {
    let is_measured = |row: &&str| measured.lines().any(|line| line == *row);
    let wrong = rows(&page.text).into_iter().filter(|row| !is_measured(row));
    wrong.map(|row| format!("{}: docs/PERFORMANCE.md has no row {row}", page.path)).collect()
}

fn renewed(text: &str, measured: &str) -> String {
    rows(text).into_iter().fold(text.to_owned(), |text, row| {
        match measured.lines().find(|line| line.starts_with('|') && about(line) == about(row)) {
            Some(now) => text.replace(row, now),
            None => text,
        }
    })
}

#[test]
fn another_figure_is_found() {
    let measured = "| what | N | is |\n|---|---|---|\n| a | 1 | 2.0 |\n| b | 1 | 3.0 |\n";
    let page = |cell: &str| {
        let text =
            format!("{COMMENT}\n\n| what | N | is |\n|---|---|---|\n| b | 1 | {cell} |\n\nx\n");
        Page::new("docs/a.md", &text)
    };
    assert_eq!(faults_of(&page("3.0"), measured), [""; 0]);
    let faults = faults_of(&page("2.9"), measured);
    assert_eq!(faults, ["docs/a.md: docs/PERFORMANCE.md has no row | b | 1 | 2.9 |"]);
    assert_eq!(renewed(&page("2.9").text, measured), page("3.0").text);
}
