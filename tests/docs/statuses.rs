//! docs/statuses.md: every status of the C ABI, as the header, the Python package and the Rust API
//! have it. The header is what src/ffi says (tests/header.rs), so the page is, too.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use super::markdown::{is_blessing, root};

const INTRODUCTION: &str = "\
# Statuses

What every call of the C ABI may come to. 0 is success, a positive value an ordinary outcome, a \
negative one an error: then nothing has changed and no output has been written, and \
`fanfare_last_error()` says what was wrong with this call in particular. The numbers never change; \
later versions may add some, so treat an unknown negative one as an error. `fanfare_status_name()` \
and `fanfare_status_text()` give the first and third column to programs.

In C++ (`fanfare.hpp`) an error is thrown as a `fanfare::error` with `code()` and `detail()`, or \
with `FANFARE_NO_EXCEPTIONS` is the `failure` in the `result` with `code` and `detail`. In Python \
it is raised as a subclass of `FanfareError`. In Rust it is the `Err` of a `Result`, with a `kind()`.

";

const BESIDE: &str = "
Beside what is listed below, any function may return `FANFARE_E_PANIC`, and `FANFARE_E_REENTRANT` \
when it is called from inside a drop function.

";

#[test]
fn the_page_of_the_statuses_is_current() {
    let path = root().join("docs/statuses.md");
    let page = page();
    if is_blessing() {
        fs::write(&path, &page).expect("docs can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        committed, page,
        "docs/statuses.md is stale: FANFARE_BLESS=1 cargo test --test docs"
    );
}

fn page() -> String {
    let header = read("include/fanfare.h");
    let statuses = statuses(&header);
    let functions = functions(&header);
    assert!(statuses.len() > 10 && functions.len() > 50, "the header was not read");
    let (python, rust) = (python(), rust());

    let mut page = INTRODUCTION.to_owned();
    page += "| status | number | meaning | C++ | Python | Rust |\n|---|---|---|---|---|---|\n";
    for Status { name, number, meaning } in &statuses {
        let code = |text: &String| format!("`{text}`");
        let other = |map: &BTreeMap<String, String>, else_: &str| {
            map.get(name).map_or_else(|| else_.to_owned(), code)
        };
        let (cpp, python, rust) = match (name.as_str(), *number < 0) {
            ("FANFARE_OK", _) => ("the value".into(), "the value".into(), "`Ok`".into()),
            ("FANFARE_EMPTY", _) => {
                ("0, `false` or no frames".into(), "nothing, or an empty list".into(), "0".into())
            }
            ("FANFARE_TRUNCATED", _) => (
                "`fanfare::error`".into(),
                "never: buffers grow".into(),
                "`ErrorKind::Limit`, with `needed_bytes()`".into(),
            ),
            ("FANFARE_E_PANIC", _) => {
                ("`fanfare::error`".into(), other(&python, "`FanfareError`"), "a panic".into())
            }
            (_, true) => (
                "`fanfare::error`".to_owned(),
                other(&python, "`FanfareError`"),
                other(&rust, "cannot happen"),
            ),
            (other, false) => panic!("{other}: nobody has said what it is elsewhere"),
        };
        // To its list below, by the name that forges and books give to that heading.
        let link = match returned_by(name, &functions) {
            by if by.is_empty() => code(name),
            _ => format!("[`{name}`](#{})", name.to_lowercase()),
        };
        writeln!(page, "| {link} | {number} | {meaning} | {cpp} | {python} | {rust} |").unwrap();
    }
    page += BESIDE;
    page += "## Which function returns which\n";
    for Status { name, .. } in &statuses {
        let mut by = returned_by(name, &functions);
        if by.is_empty() {
            continue;
        }
        write!(page, "\n### {name}\n\n").unwrap();
        // Those that return it for the same reason stand together, those that give none last.
        by.sort_by_key(|(_, when)| when.is_empty());
        while let Some((_, when)) = by.first().cloned() {
            let (same, rest): (Vec<_>, _) = by.into_iter().partition(|(_, it)| *it == when);
            let names: Vec<_> = same.iter().map(|(name, _)| format!("`{name}()`")).collect();
            let when =
                if when.is_empty() { when } else { format!(": {}", when.replace('*', "\\*")) };
            writeln!(page, "- {}{when}", names.join(", ")).unwrap();
            by = rest;
        }
    }
    page
}

struct Status {
    name: String,
    number: i32,
    meaning: String,
}

/// The members of the enumeration, each with the comment above it.
fn statuses(header: &str) -> Vec<Status> {
    let body =
        header.split("enum fanfare_status\n").nth(1).and_then(|rest| rest.split("};").next());
    let (mut found, mut meaning) = (Vec::new(), String::new());
    for line in body.expect("the enumeration").lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            meaning = format!("{meaning} {text}");
        } else if let Some((name, number)) = line.trim_end_matches(',').split_once(" = ") {
            let number = number.parse().expect("a number");
            let meaning = std::mem::take(&mut meaning).trim().to_owned();
            found.push(Status { name: name.to_owned(), number, meaning });
        }
    }
    found
}

/// A function, and what it returns: each status with when, or nothing if its name says it all.
struct Function {
    name: String,
    returns: Vec<(String, String)>,
}

/// The functions that return a status, each with when. That all return FANFARE_OK goes unsaid.
fn returned_by(status: &str, functions: &[Function]) -> Vec<(String, String)> {
    if status == "FANFARE_OK" {
        return Vec::new();
    }
    let of = |function: &Function| {
        let when = function.returns.iter().find(|(name, _)| name == status)?.1.clone();
        Some((function.name.clone(), when))
    };
    functions.iter().filter_map(of).collect()
}

/// The functions that return a status, in the order of the header.
fn functions(header: &str) -> Vec<Function> {
    let mut found: Vec<Function> = Vec::new();
    let (mut paragraph, mut declaration) = (String::new(), String::new());
    for line in header.lines() {
        if let Some(text) = line.strip_prefix("///") {
            // The statuses are in the last one.
            match text.trim() {
                "" => paragraph.clear(),
                text => paragraph = format!("{paragraph} {text}"),
            }
            continue;
        }
        if !declaration.is_empty() || line.starts_with("FANFARE_API") {
            declaration = format!("{declaration} {line}");
        }
        if let Some((before, _)) = declaration.split_once('(') {
            let mut words = before.rsplit(' ');
            let name = words.next().unwrap_or_default().to_owned();
            if words.next() == Some("fanfare_status") {
                let returns = returns(&name, &paragraph, &found);
                found.push(Function { name, returns });
            }
            declaration.clear();
        }
        if declaration.is_empty() {
            paragraph.clear();
        }
    }
    found
}

/// What a paragraph says that a function returns: `FANFARE_OK; FANFARE_E_GONE: the session.` or `As
/// fanfare_other(), and FANFARE_E_JSON: filter.`
fn returns(function: &str, paragraph: &str, before: &[Function]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut own = paragraph;
    if let Some((_, rest)) = paragraph.split_once(" As ") {
        let (other, rest) = rest.split_once("()").expect("the other function");
        let other = before.iter().find(|it| it.name == other);
        found.clone_from(&other.unwrap_or_else(|| panic!("{function}: after which?")).returns);
        own = rest;
    }
    let Some(start) = own.find("FANFARE_") else { return found };
    for item in sentence(&own[start..]).split("; FANFARE_") {
        let item =
            if item.starts_with("FANFARE_") { item.to_owned() } else { format!("FANFARE_{item}") };
        let mut rest = item.as_str();
        let mut names = Vec::new();
        while rest.starts_with("FANFARE_") {
            let end =
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            names.push(&rest[..end]);
            rest = rest[end..].trim_start_matches([',', ':', ' ']);
        }
        for name in names {
            match found.iter_mut().find(|(one, _)| one == name) {
                // It says more than the other function.
                Some((_, when)) if !when.is_empty() => *when = format!("{when}; {rest}"),
                Some((_, when)) => rest.clone_into(when),
                None => found.push((name.to_owned(), rest.to_owned())),
            }
        }
    }
    assert!(found.iter().any(|(name, _)| name == "FANFARE_OK"), "{function}: {paragraph}");
    found
}

/// Up to the end of the first sentence.
fn sentence(text: &str) -> &str {
    let is_end = |(at, _): &(usize, &str)| {
        text[at + 2..].chars().next().is_none_or(|next| next.is_ascii_uppercase())
    };
    let end = text.match_indices(". ").find(is_end).map(|(at, _)| at);
    text[..end.unwrap_or(text.len())].trim_end_matches('.')
}

/// Which exception a status is raised as: `_abi.FANFARE_E_X: XError,`.
fn python() -> BTreeMap<String, String> {
    let source = read("python/src/fanfare/_errors.py");
    let pair = |line: &str| {
        let (status, class) = line.trim().strip_prefix("_abi.")?.split_once(": ")?;
        Some((status.to_owned(), class.trim_end_matches(',').to_owned()))
    };
    source.lines().filter_map(pair).collect()
}

/// Which kind of error a status is made of: `ErrorKind::X => FANFARE_E_X,`.
fn rust() -> BTreeMap<String, String> {
    let source = read("src/ffi/status.rs");
    let pair = |line: &str| {
        let (kind, status) = line.trim().split_once(" => ")?;
        let is_kind = kind.starts_with("ErrorKind::");
        is_kind.then(|| (status.trim_end_matches(',').to_owned(), kind.to_owned()))
    };
    source.lines().filter_map(pair).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every error has an exception of its own, so that a new one is not forgotten.
#[test]
fn python_has_an_exception_for_each_error() {
    let (python, header) = (python(), read("include/fanfare.h"));
    for Status { name, .. } in statuses(&header).iter().filter(|status| status.number < 0) {
        assert!(python.contains_key(name), "{name}");
    }
}

#[test]
fn what_comments_say_is_understood() {
    let header = "\
/// Does.
///
/// Any thread. Text is copied.
/// FANFARE_OK, also if not; FANFARE_E_GONE; FANFARE_E_UTF8, FANFARE_E_LIMIT: a (longer than
/// b. c) text: say; FANFARE_EMPTY. On an error ctx stays yours.
FANFARE_API
fanfare_status fanfare_do(const fanfare_engine *engine,
                          size_t *out);

/// As fanfare_do() does, but names no status.
///
/// Any thread.
FANFARE_API uint32_t fanfare_number(void);

/// As fanfare_do(), but more.
///
/// As fanfare_do(), and FANFARE_E_GONE: a stream; FANFARE_E_LIMIT: more.
FANFARE_API FANFARE_NODISCARD fanfare_status fanfare_do_more(void);
";
    let functions = functions(header);
    let said = |at: usize| -> Vec<_> {
        let Function { name, returns } = &functions[at];
        let pair = |(status, when): &(String, String)| format!("{status}|{when}");
        std::iter::once(name.clone()).chain(returns.iter().map(pair)).collect()
    };
    assert_eq!(functions.len(), 2);
    let text = "a (longer than b. c) text: say";
    let limit = format!("FANFARE_E_LIMIT|{text}");
    let utf8 = format!("FANFARE_E_UTF8|{text}");
    let ok = "FANFARE_OK|also if not";
    assert_eq!(said(0), ["fanfare_do", ok, "FANFARE_E_GONE|", &utf8, &limit, "FANFARE_EMPTY|"]);
    let (gone, limit) = ("FANFARE_E_GONE|a stream", format!("{limit}; more"));
    assert_eq!(said(1), ["fanfare_do_more", ok, gone, &utf8, &limit, "FANFARE_EMPTY|"]);
}
