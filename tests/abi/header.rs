//! What include/fanfare.h declares: functions, structs and numbers. It is read as cbindgen writes
//! it, one thing a line; what reads otherwise is an error here, and no gap in what is checked.

/// Every declaration of a header that a binding can depend on.
pub(crate) struct Header {
    pub(crate) text: String,
    /// The prototype of each, as in "uint32_t fanfare_version(void)".
    pub(crate) functions: Vec<String>,
    pub(crate) structs: Vec<Struct>,
    /// FANFARE_..., of which each is a number, but for those of the version.
    pub(crate) numbers: Vec<Number>,
}

pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) growth: Growth,
    pub(crate) fields: Vec<String>,
}

/// What the header promises about a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// It is what it is.
    Never,
    /// Later versions may append fields.
    Append,
}

pub(crate) struct Number {
    pub(crate) name: String,
    /// As C reads it.
    pub(crate) value: String,
}

impl Header {
    pub(crate) fn read(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            functions: functions(text),
            structs: structs(text),
            numbers: numbers(text),
        }
    }
}

fn functions(text: &str) -> Vec<String> {
    let (mut found, mut declaration) = (Vec::new(), None::<String>);
    for line in text.lines() {
        if line.starts_with("FANFARE_API") {
            declaration = Some(String::new());
        }
        let Some(open) = &mut declaration else { continue };
        open.push_str(line);
        open.push('\n');
        if line.ends_with(';') {
            found.push(prototype(&declaration.take().expect("it is open")));
        }
    }
    found
}

fn prototype(declaration: &str) -> String {
    let words = declaration.replace("FANFARE_API", "").replace("FANFARE_NODISCARD", "");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.strip_suffix(';').expect("a declaration ends there").to_owned()
}

fn structs(text: &str) -> Vec<Struct> {
    let (mut found, mut comment, mut fields) = (Vec::new(), String::new(), None::<Vec<String>>);
    for line in text.lines() {
        if line == "typedef struct {" {
            fields = Some(Vec::new());
        } else if let Some(open) = &mut fields {
            if let Some(name) = struct_end(line) {
                let fields = fields.take().expect("it is open");
                found.push(Struct {
                    growth: growth(name, &comment, &fields),
                    name: name.to_owned(),
                    fields,
                });
            } else if let Some(field) = field(line) {
                open.push(field.to_owned());
            } else {
                assert!(line.trim().starts_with("///"), "what is this in a struct? {line}");
            }
        } else if let Some(more) = line.strip_prefix("///") {
            comment.push_str(more);
        } else {
            comment.clear();
        }
    }
    found
}

/// The name of the struct that ends with that line.
pub(crate) fn struct_end(line: &str) -> Option<&str> {
    line.strip_prefix("} ")?.strip_suffix(';')
}

/// The name of the field that stands in that line: "parts" in "fanfare_str parts[3];".
pub(crate) fn field(line: &str) -> Option<&str> {
    let before = line.strip_prefix("    ")?.strip_suffix(';')?;
    if before.starts_with("///") {
        return None;
    }
    let before = before.split('[').next().expect("there is a first part");
    before.rsplit([' ', '*']).next()
}

fn growth(name: &str, comment: &str, fields: &[String]) -> Growth {
    let has_size = fields.first().is_some_and(|first| first == "struct_size");
    let may_grow = has_size || comment.contains("Later versions may append fields.");
    match (may_grow, comment.contains("This struct never changes")) {
        (true, false) => Growth::Append,
        (false, true) => Growth::Never,
        _ => panic!("{name} does not say whether it may grow, or says both:{comment}"),
    }
}

fn numbers(text: &str) -> Vec<Number> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let pair = match line.strip_prefix("#define FANFARE_") {
            Some(define) => define.split_once(' '),
            // Of enum fanfare_status.
            None => line
                .strip_prefix("FANFARE_")
                .and_then(|line| line.strip_suffix(',')?.split_once(" = ")),
        };
        let Some((name, value)) = pair else { continue };
        let digits = value.trim_start_matches('-').trim_end_matches("ull");
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && !name.starts_with("VERSION_") {
            found.push(Number { name: format!("FANFARE_{name}"), value: value.to_owned() });
        }
    }
    found
}
