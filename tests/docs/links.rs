//! Links lead to files and headings that are there, and the book has all of its pages.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::markdown::{Page, anchors, links, pages, root};

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let faults = faults(&pages, |path| root().join(path).exists());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong with the links of these pages, where a file that is no page is there if
/// `is_there` says so.
fn faults(pages: &[Page], is_there: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for page in pages {
        for (offset, link) in links(&page.text) {
            if let Some(fault) = fault(page, &link, pages, &is_there) {
                faults.push(format!("{}: {link}: {fault}", page.at(offset)));
            }
        }
    }
    faults
}

fn fault(
    page: &Page,
    link: &str,
    pages: &[Page],
    is_there: &impl Fn(&Path) -> bool,
) -> Option<String> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(p, a)| (p, Some(a)));
    let target = match path {
        "" => PathBuf::from(&page.path),
        _ => match resolved(Path::new(&page.path).parent()?, path) {
            Some(target) => target,
            None => return Some("leads out of the repository".to_owned()),
        },
    };
    let linked = pages.iter().find(|page| Path::new(&page.path) == target);
    match (linked, anchor) {
        (Some(linked), Some(anchor)) if !anchors(&linked.text).contains(anchor) => {
            Some(format!("{} has no such heading", linked.path))
        }
        (None, Some(_)) => Some("not a page, so it has no headings".to_owned()),
        (None, None) if !is_there(&target) => Some("is not there".to_owned()),
        // What is built of the book has its own pages, and no others.
        (linked, _)
            if page.is_of_the_book()
                && target.extension().is_some_and(|ext| ext == "md")
                && !linked.is_some_and(Page::is_of_the_book) =>
        {
            Some("a page that is not in the book: link to its folder".to_owned())
        }
        _ => None,
    }
}

/// A relative path from a folder, as one from the root; `None` if it leads out of it.
fn resolved(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut parts: Vec<_> = folder.components().collect();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(parts.pop()?),
            Component::Normal(_) => parts.push(part),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.iter().collect())
}

#[test]
fn every_page_is_in_the_book() {
    let pages = pages();
    let faults = left_out(&pages);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What docs/SUMMARY.md leaves out or has twice.
fn left_out(pages: &[Page]) -> Vec<String> {
    let summary = pages.iter().find(|page| page.path == "docs/SUMMARY.md").expect("a summary");
    let mut listed = BTreeSet::new();
    let mut faults = Vec::new();
    for (offset, link) in links(&summary.text) {
        if !listed.insert(format!("docs/{link}")) {
            faults.push(format!("{}: {link} is there twice", summary.at(offset)));
        }
    }
    let missing = pages
        .iter()
        .filter(|page| page.is_of_the_book() && page.path != summary.path)
        .filter(|page| !listed.contains(&page.path));
    faults.extend(missing.map(|page| format!("{} is not in docs/SUMMARY.md", page.path)));
    faults
}

#[test]
fn what_is_wrong_is_found() {
    let check = |readme: &str, page: &str, summary: &str| {
        let pages = [
            Page::new("README.md", readme),
            Page::new("docs/SUMMARY.md", summary),
            Page::new("docs/guides/a.md", page),
        ];
        let mut found = faults(&pages, |path| path == Path::new("examples/a.c"));
        found.extend(left_out(&pages));
        found
    };
    let (readme, page, summary) = (
        "# R\n\n[a](docs/guides/a.md#one-two), [b](https://example.org/x), [c](#r)\n",
        "# A\n\n[s](../../examples/a.c)\n\n## One, two\n",
        "[a](guides/a.md)\n",
    );
    assert_eq!(check(readme, page, summary), [""; 0]);
    for (wrong, fault) in [
        (check(&readme.replace("a.md", "b.md"), page, summary), "README.md:3: docs/guides/b.md"),
        (check(&readme.replace("two", "three"), page, summary), "README.md:3: docs/guides/a.md#"),
        (check(&readme.replace("#r", "#q"), page, summary), "README.md:3: #q: README.md has no"),
        (check(readme, &page.replace("a.c", "b.c"), summary), "docs/guides/a.md:3: ../../exam"),
        (check(readme, &page.replace("a.c", "a.c#L1"), summary), "docs/guides/a.md:3: ../../exam"),
        (check(readme, &page.replace("../../", "../../../"), summary), "docs/guides/a.md:3: ../.."),
        (check(readme, &page.replace("examples/a.c", "README.md"), summary), "docs/guides/a.md:3:"),
        (check(readme, page, ""), "docs/guides/a.md is not in docs/SUMMARY.md"),
        (check(readme, page, &summary.repeat(2)), "docs/SUMMARY.md:2: guides/a.md is there twice"),
    ] {
        assert_eq!(wrong.len(), 1, "{fault}: {wrong:?}");
        assert!(wrong[0].starts_with(fault), "{wrong:?} instead of {fault}");
    }
}
