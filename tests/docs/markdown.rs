//! The pages there are, and what stands in them.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether what differs is to be written, not to fail.
pub(crate) fn is_blessing() -> bool {
    std::env::var_os("FANFARE_BLESS").is_some()
}

/// One page.
pub(crate) struct Page {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// As in `docs/drive.md:12`.
    pub(crate) fn at(&self, offset: usize) -> String {
        let line = self.text[..offset].matches('\n').count() + 1;
        format!("{}:{line}", self.path)
    }

    /// Whether it belongs to the book.
    pub(crate) fn is_of_the_book(&self) -> bool {
        self.path.starts_with("docs/")
    }
}

/// Every page for people who use or change the library.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> =
        ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "python/README.md"]
            .map(PathBuf::from)
            .to_vec();
    add_pages_below(Path::new("docs"), &mut paths);
    paths.sort();
    let page = |path: &PathBuf| {
        let name = path.to_str().expect("a name in UTF-8");
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{name}: {e}"));
        Page::new(name, &text)
    };
    paths.iter().map(page).collect()
}

fn add_pages_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(folder)).expect("docs can be read") {
        let path = folder.join(entry.expect("docs can be read").file_name());
        if root().join(&path).is_dir() {
            add_pages_below(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "md") {
            found.push(path);
        }
    }
}

/// A block of code.
pub(crate) struct Block {
    /// Where it begins.
    pub(crate) offset: usize,
    /// The first word after the fence; `None` for one that is indented.
    pub(crate) language: Option<String>,
    /// What the comment just above it says after `from`: a file, maybe with `#` and a region.
    pub(crate) from: Option<String>,
    /// Its lines, without the fence.
    pub(crate) code: Range<usize>,
}

/// The blocks of code of a page, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let (mut found, mut from) = (Vec::new(), None);
    for (event, range) in events(text) {
        match event {
            Event::Html(comment) => {
                let said = comment.trim().strip_prefix("<!-- from ");
                from = said.and_then(|said| said.strip_suffix(" -->")).map(str::to_owned);
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => {
                        Some(info.split_whitespace().next().unwrap_or("").to_owned())
                    }
                    CodeBlockKind::Indented => None,
                };
                let code =
                    if language.is_some() { within_fence(text, &range) } else { range.clone() };
                found.push(Block { offset: range.start, language, from: from.take(), code });
            }
            Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            // The comment belongs to what follows it at once, and to nothing further on.
            _ => from = None,
        }
    }
    found
}

/// What stands between the line that opens a fence and the one that closes it.
fn within_fence(text: &str, fence: &Range<usize>) -> Range<usize> {
    let block = &text[fence.clone()];
    let start = block.find('\n').map_or(block.len(), |at| at + 1);
    let end = block.trim_end_matches('\n').rfind('\n').map_or(start, |at| at + 1);
    fence.start + start..fence.start + end.max(start)
}

/// Where the links of a page lead, with the place where they stand.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let target = |(event, range): (Event<'_>, Range<usize>)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some((range.start, dest_url.into_string()))
        }
        _ => None,
    };
    events(text).filter_map(target).collect()
}

/// The names by which headings of a page can be linked to, as forges make them.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let (mut found, mut seen) = (BTreeSet::new(), HashMap::<String, u32>::new());
    let mut heading: Option<String> = None;
    for (event, _) in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let before = seen.entry(slug.clone()).or_default();
                found.insert(if *before == 0 { slug } else { format!("{slug}-{before}") });
                *before += 1;
            }
            _ => {}
        }
    }
    found
}

/// A heading as a forge names it: lower case, spaces as dashes, other punctuation left out.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter()
}

#[test]
fn blocks_links_and_anchors_are_found_where_they_are() {
    let text = "# A `b_c` d, e!\n\n<!-- from x.c#y -->\n```c ignored\nint\n\n```\n\n    make z\n\n\
                `[no](code.md)` and [yes](a.md#b) and ![too](c.svg)\n\n## A\n## A\n";
    let found = blocks(text);
    let code = |at: usize| &text[found[at].code.clone()];
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].language.as_deref(), code(0)), (Some("c"), "int\n\n"));
    assert_eq!(found[0].from.as_deref(), Some("x.c#y"));
    assert_eq!((found[1].language.as_deref(), code(1).trim()), (None, "make z"));
    assert_eq!(found[1].from, None);
    let to: Vec<_> = links(text).into_iter().map(|(_, to)| to).collect();
    assert_eq!(to, ["a.md#b", "c.svg"]);
    assert_eq!(anchors(text), ["a", "a-1", "a-b_c-d-e"].map(str::to_owned).into());
    assert_eq!(Page::new("p.md", text).at(found[0].offset), "p.md:4");
}
