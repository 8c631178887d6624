//! What the README shows as code is what the examples are: each block names its source, and is
//! compared with it.
//!
//! ````markdown
//! <!-- from examples/c/poll.c -->
//! ```c
//! the whole file
//! ```
//!
//! <!-- from examples/python/watch.py#subscribe -->
//! ```python
//! what stands in that file between the lines with `readme: subscribe` and `readme: end`
//! ```
//! ````

use std::fs;
use std::path::Path;

/// Languages in which nothing is shown that is not built and run as an example.
const COMPARED: &[&str] = &["c", "cpp", "python", "rust"];

#[test]
fn the_readme_shows_the_examples_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md can be read");
    let blocks = blocks(&readme);
    let faults = faults(&blocks, |path| fs::read_to_string(root.join(path)).ok());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for folder in ["examples/c/", "examples/python/"] {
        let shown = blocks.iter().any(|block| block.from.is_some_and(|f| f.starts_with(folder)));
        assert!(shown, "README.md shows no code from {folder}");
    }
}

/// One fenced block.
struct Block<'a> {
    line: usize,
    language: &'a str,
    /// The file and region that it claims to be from.
    from: Option<&'a str>,
    code: String,
}

fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut from = None;
    let mut lines = markdown.lines().zip(1..);
    while let Some((text, line)) = lines.next() {
        if let Some(language) = text.strip_prefix("```") {
            let code = lines.by_ref().map(|(text, _)| text).take_while(|text| *text != "```");
            let code = code.map(|text| format!("{text}\n")).collect();
            found.push(Block { line, language: language.trim(), from: from.take(), code });
        } else if !text.trim().is_empty() {
            // The comment belongs to what follows it at once, and to nothing further on.
            from = text.strip_prefix("<!-- from ").and_then(|text| text.strip_suffix(" -->"));
        }
    }
    found
}

fn faults(blocks: &[Block<'_>], read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for Block { line, language, from, code } in blocks {
        let Some(from) = from else {
            if COMPARED.contains(language) {
                faults.push(format!("README.md:{line}: this {language} code names no source"));
            }
            continue;
        };
        let (path, region) = from.split_once('#').map_or((*from, None), |(p, r)| (p, Some(r)));
        let Some(source) = read(path) else {
            faults.push(format!("README.md:{line}: {path} cannot be read"));
            continue;
        };
        let wanted = match region {
            None => Some(source),
            Some(name) => region_of(&source, name),
        };
        match wanted {
            None => faults.push(format!("README.md:{line}: {from}: no such region")),
            Some(wanted) if wanted != *code => {
                let at = wanted.lines().zip(code.lines()).take_while(|(a, b)| a == b).count();
                let place = line + 1 + at;
                faults.push(format!("README.md:{place}: differs from {from} from here on"));
            }
            Some(_) => {}
        }
    }
    faults
}

/// The lines of a region, without the indentation that they share.
fn region_of(source: &str, name: &str) -> Option<String> {
    let says = |line: &str, what: &str| {
        let words = line.trim().trim_start_matches(['/', '*', '#', ' ']);
        words
            .strip_prefix("readme: ")
            .is_some_and(|rest| rest.trim_end_matches([' ', '*', '/']) == what)
    };
    let mut lines = source.lines().skip_while(|line| !says(line, name));
    lines.next()?;
    let mut region = Vec::new();
    loop {
        let line = lines.next()?;
        if says(line, "end") {
            break;
        }
        region.push(line);
    }
    let full = region.iter().filter(|line| !line.trim().is_empty());
    let indent = full.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    Some(region.iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or(""))).collect())
}

#[test]
fn what_differs_is_found() {
    let c = "int main(void)\n{\n    /* readme: core */\n    open();\n\n    if (x)\n        \
             go();\n    /* readme: end */\n}\n";
    let python = "# readme: whole\nimport x\n# readme: end\n";
    let read = |path: &str| match path {
        "examples/c/a.c" => Some(c.to_owned()),
        "examples/python/a.py" => Some(python.to_owned()),
        _ => None,
    };
    let check = |markdown: &str| faults(&blocks(markdown), read);

    let whole = format!("Text\n\n<!-- from examples/c/a.c -->\n```c\n{c}```\nmore\n");
    assert_eq!(check(&whole), [""; 0]);
    let region = "<!-- from examples/c/a.c#core -->\n\n```c\nopen();\n\nif (x)\n    go();\n```\n";
    assert_eq!(check(region), [""; 0]);
    let region = "<!-- from examples/python/a.py#whole -->\n```python\nimport x\n```\n";
    assert_eq!(check(region), [""; 0]);
    assert_eq!(check("```sh\nmake\n```\n\n```\nplain\n```\n"), [""; 0]);

    for (markdown, fault) in [
        (whole.replace("go()", "stay()"), "README.md:11: differs"),
        (whole.replace("}\n```", "```"), "README.md:13: differs"),
        (region.replace("import x", "import x\nimport y"), "README.md:4: differs"),
        (whole.replace("a.c", "b.c"), "README.md:4: examples/c/b.c cannot be read"),
        (
            region.replace("#whole", "#none"),
            "README.md:2: examples/python/a.py#none: no such region",
        ),
        ("```rust\nfn f() {}\n```\n".to_owned(), "README.md:1: this rust code names no source"),
        (
            whole.replace("-->\n", "-->\nText between.\n"),
            "README.md:5: this c code names no source",
        ),
    ] {
        let found = check(&markdown);
        assert_eq!(found.len(), 1, "{markdown}: {found:?}");
        assert!(found[0].starts_with(fault), "{found:?} instead of {fault}");
    }
}
