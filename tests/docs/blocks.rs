//! What the documentation shows as code is what the examples are, or what they print: each fenced
//! block names its source, and is compared with it.
//!
//! ````markdown
//! <!-- from examples/c/poll.c -->
//! ```c
//! the whole file, but for the lines that mark regions
//! ```
//!
//! <!-- from examples/python/watch.py#subscribe -->
//! ```python
//! what stands in that file between the lines with `readme: subscribe` and `readme: end`
//! ```
//! ````
//!
//! `FANFARE_BLESS=1` puts in what the source has now.

use std::fs;

use super::markdown::{Page, blocks, is_blessing, pages, root};

/// What another test runs: the language, and the page where it does.
const RUN_ELSEWHERE: &[(&str, &str)] = &[
    // cli/tests/drive_transcript.rs
    ("drive", "docs/drive.md"),
    // python/tests/test_readme.py
    ("python", "python/README.md"),
];

#[test]
fn the_pages_show_the_examples_as_they_are() {
    let read = |path: &str| fs::read_to_string(root().join(path)).ok();
    let mut faults = Vec::new();
    for mut page in pages() {
        if is_blessing() && renew(&mut page, read) {
            fs::write(root().join(&page.path), &page.text).expect("docs can be written");
        }
        faults.extend(faults_of(&page, read));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_readme_shows_code() {
    let pages = pages();
    let readme = pages.iter().find(|page| page.path == "README.md").expect("there is one");
    for folder in ["examples/c/", "examples/cpp/", "examples/python/"] {
        let is_from = |from: &String| from.starts_with(folder);
        let shown = blocks(&readme.text).iter().any(|it| it.from.as_ref().is_some_and(is_from));
        assert!(shown, "README.md shows no code from {folder}");
    }
}

fn faults_of(page: &Page, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for block in blocks(&page.text) {
        let place = page.at(block.offset);
        let Some(language) = block.language else { continue };
        let Some(from) = block.from else {
            let is_run = |&(it, path): &(&str, &str)| it == language && path == page.path;
            if !RUN_ELSEWHERE.iter().any(is_run) {
                faults.push(format!("{place}: this block ({language:?}) names no source"));
            }
            continue;
        };
        let code = &page.text[block.code.clone()];
        match source(&from, &read) {
            Err(fault) => faults.push(format!("{place}: {fault}")),
            Ok(wanted) if wanted != code => {
                let same = wanted.lines().zip(code.lines()).take_while(|(a, b)| a == b);
                let at: usize = same.map(|(_, line)| line.len() + 1).sum();
                let place = page.at(block.code.start + at.min(code.len()));
                faults.push(format!("{place}: differs from {from} from here on"));
            }
            Ok(_) => {}
        }
    }
    faults
}

/// Puts what the sources have into the blocks that name one. Says whether something has changed.
fn renew(page: &mut Page, read: impl Fn(&str) -> Option<String>) -> bool {
    let before = page.text.clone();
    for block in blocks(&before).into_iter().rev() {
        if let (Some(_), Some(from)) = (block.language, block.from)
            && let Ok(wanted) = source(&from, &read)
        {
            page.text.replace_range(block.code, &wanted);
        }
    }
    page.text != before
}

/// What a file, or a region of one, is shown as.
fn source(from: &str, read: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (path, region) = from.split_once('#').map_or((from, None), |(p, r)| (p, Some(r)));
    let source = read(path).ok_or_else(|| format!("{path} cannot be read"))?;
    match region {
        None => Ok(source.lines().filter(|line| mark(line).is_none()).map(ended).collect()),
        Some(name) => region_of(&source, name).ok_or_else(|| format!("{from}: no such region")),
    }
}

/// The lines of a region, without the indentation that they share.
fn region_of(source: &str, name: &str) -> Option<String> {
    let mut lines = source.lines().skip_while(|line| mark(line) != Some(name));
    lines.next()?;
    let mut region = Vec::new();
    loop {
        let line = lines.next()?;
        match mark(line) {
            Some("end") => break,
            // Another region may begin within, which ends with this one.
            Some(_) => {}
            None => region.push(line),
        }
    }
    let full = region.iter().filter(|line| !line.trim().is_empty());
    let indent = full.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    Some(region.iter().map(|line| ended(line.get(indent..).unwrap_or(""))).collect())
}

/// What a line marks: the name of the region that begins after it, or `end`.
fn mark(line: &str) -> Option<&str> {
    let words = line.trim().trim_start_matches(['/', '*', '#', ' ']);
    words.strip_prefix("readme: ").map(|rest| rest.trim_end_matches([' ', '*', '/']))
}

fn ended(line: &str) -> String {
    format!("{line}\n")
}

#[test]
fn what_differs_is_found_and_renewed() {
    let c = "int main(void)\n{\n    /* readme: core */\n    open();\n\n    if (x)\n        \
             go();\n    /* readme: end */\n}\n";
    let python = "# readme: whole\nimport x\n# readme: end\n";
    let read = |path: &str| match path {
        "examples/c/a.c" => Some(c.to_owned()),
        "examples/python/a.py" => Some(python.to_owned()),
        _ => None,
    };
    let check = |markdown: &str| faults_of(&Page::new("README.md", markdown), read);

    let shown = "int main(void)\n{\n    open();\n\n    if (x)\n        go();\n}\n";
    let whole = format!("Text\n\n<!-- from examples/c/a.c -->\n```c\n{shown}```\nmore\n");
    assert_eq!(check(&whole), [""; 0]);
    let region = "<!-- from examples/c/a.c#core -->\n\n```c\nopen();\n\nif (x)\n    go();\n```\n";
    assert_eq!(check(region), [""; 0]);
    let region = "<!-- from examples/python/a.py#whole -->\n```python\nimport x\n```\n";
    assert_eq!(check(region), [""; 0]);
    assert_eq!(check("Text\n\n    indented\n"), [""; 0]);
    let drive = Page::new("docs/drive.md", "```drive --set a=b\n> {}\n```\n");
    assert_eq!(faults_of(&drive, read), [""; 0]);

    for (markdown, fault, is_renewed) in [
        (whole.replace("go()", "stay()"), "README.md:10: differs", true),
        (whole.replace("}\n```", "```"), "README.md:11: differs", true),
        (region.replace("import x", "import x\nimport y"), "README.md:4: differs", true),
        (region.replace("import x\n", ""), "README.md:3: differs", true),
        (whole.replace("a.c", "b.c"), "README.md:4: examples/c/b.c cannot be read", false),
        (
            region.replace("#whole", "#none"),
            "README.md:2: examples/python/a.py#none: no such region",
            false,
        ),
        ("```rust\nfn f() {}\n```\n".to_owned(), "README.md:1: this block (\"rust\")", false),
        ("```\nplain\n```\n".to_owned(), "README.md:1: this block (\"\")", false),
        ("```drive\n> {}\n```\n".to_owned(), "README.md:1: this block (\"drive\")", false),
        (whole.replace("-->\n", "-->\nText.\n"), "README.md:5: this block (\"c\")", false),
    ] {
        let found = check(&markdown);
        assert_eq!(found.len(), 1, "{markdown}: {found:?}");
        assert!(found[0].starts_with(fault), "{found:?} instead of {fault}");
        let mut page = Page::new("README.md", &markdown);
        assert_eq!(renew(&mut page, read), is_renewed, "{markdown}");
        assert_eq!(faults_of(&page, read).is_empty(), is_renewed, "{}", page.text);
    }
}
