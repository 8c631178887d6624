//! URI templates of level 1 (RFC 6570): literal text with simple expressions, `file:///{dir}/{name}`.

use std::collections::HashSet;

/// A template that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// The literal text before each expression, and that after the last one.
    literals: Box<[Box<str>]>,
}

impl Template {
    /// Reads a template. The error names the place.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let mut literals = Vec::new();
        let mut names = HashSet::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let at = text.len() - after.len() - 1;
            check_literal(literal, at - literal.len())?;
            let Some((name, behind)) = after.split_once('}') else {
                return Err(format!("at byte {at}: the expression is not closed"));
            };
            check_name(name).map_err(|why| format!("at byte {}: {why}", at + 1))?;
            if !names.insert(name) {
                return Err(format!("at byte {}: the name {name:?} stands twice", at + 1));
            }
            literals.push(literal.into());
            rest = behind;
        }
        check_literal(rest, text.len() - rest.len())?;
        literals.push(rest.into());
        Ok(Self { literals: literals.into() })
    }

    /// What every URI that it matches begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.literals[0]
    }

    /// Whether a URI is an expansion of it with a value of at least one character for each name:
    /// each expression matches one run of unreserved or percent-encoded characters.
    ///
    /// Each literal is looked for from the left: an expression that could go on to a later place
    /// of it leaves everything between to the next one, which can take it as well.
    pub(crate) fn matches(&self, uri: &str) -> bool {
        let Some(mut rest) = uri.strip_prefix(self.prefix()) else { return false };
        let Some((last, between)) = self.literals[1..].split_last() else { return rest.is_empty() };
        for literal in between {
            loop {
                let Some(next) = behind_character(rest) else { return false };
                rest = next;
                if let Some(next) = rest.strip_prefix(&**literal) {
                    rest = next;
                    break;
                }
            }
        }
        let Some(mut value) = rest.strip_suffix(&**last).filter(|value| !value.is_empty()) else {
            return false;
        };
        while let Some(next) = behind_character(value) {
            value = next;
        }
        value.is_empty()
    }
}

/// The text behind its first character, if that may stand in a value: one that is unreserved, or
/// one percent-encoded.
fn behind_character(text: &str) -> Option<&str> {
    match text.as_bytes() {
        [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => Some(&text[3..]),
        [byte, ..] if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => Some(&text[1..]),
        _ => None,
    }
}

fn check_literal(literal: &str, start: usize) -> Result<(), String> {
    for (at, c) in literal.char_indices() {
        let why = match c {
            '}' => "it closes no expression",
            '%' if behind_character(&literal[at..]).is_none() => {
                "two hexadecimal digits must follow it"
            }
            // It would not stand in a URI.
            '"' | '<' | '>' | '\\' | '^' | '`' | '|' | '\u{7f}'.. | '\0'..=' ' => {
                "it must be percent-encoded"
            }
            _ => continue,
        };
        return Err(format!("at byte {}: {c:?}: {why}", start + at));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |part: &str| {
        let mut rest = part;
        while let Some(next) = behind_character(rest).filter(|_| !rest.starts_with(['-', '~'])) {
            rest = next;
        }
        !part.is_empty() && rest.is_empty()
    };
    match name {
        "" => Err("an expression has a name".to_owned()),
        _ if name.split('.').all(is_plain) => Ok(()),
        _ => {
            Err(format!("{name:?} is no plain name: only expressions of level 1 are, as {{name}}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_one_run_of_plain_characters() {
        for (template, matching, others) in [
            (
                "file:///{a}",
                &["file:///x", "file:///%41~-._9"][..],
                &["file:///", "file:///x/y", "file:///x?", "file:///é", "file:///%4", "File:///x"]
                    [..],
            ),
            ("a:{x}-{y}", &["a:1-2", "a:1-2-3", "a:---"], &["a:1-", "a:-1", "a:--", "a:1_2"]),
            ("a:{x}{y}", &["a:12", "a:%41%42"], &["a:1", "a:%41", "a:"]),
            ("{s}:/b", &["a:/b", "x-y:/b"], &[":/b", "a:/b/", "a:/bb"]),
            // A literal never begins or ends within a percent-encoded character.
            ("a:{x}4{y}", &["a:b4c", "a:%414%42"], &["a:%41", "a:%41b", "a:x%4"]),
            ("a:{x}1", &["a:%411", "a:11"], &["a:%41", "a:1"]),
            ("a:{x}/b{y}/c", &["a:1/b2/c", "a:1/bb/c"], &["a:1/b/c", "a:1/b2/c/c", "a:1/x/b2/c"]),
            ("a:b", &["a:b"], &["a:", "a:bc", "a:%62"]),
            ("a:{x}ab{y}ab", &["a:1ab2ab", "a:abababab"], &["a:abab", "a:1ab2"]),
        ] {
            let read = Template::parse(template).unwrap();
            for uri in matching {
                assert!(read.matches(uri), "{template} {uri}");
            }
            for uri in others {
                assert!(!read.matches(uri), "{template} {uri}");
            }
        }
    }

    /// Against the plain reading of it: every way to cut a URI into values.
    #[test]
    fn matching_from_the_left_misses_nothing() {
        fn cuts(literals: &[Box<str>], uri: &str) -> bool {
            let Some(rest) = uri.strip_prefix(&*literals[0]) else { return false };
            if literals.len() == 1 {
                return rest.is_empty();
            }
            let mut after = rest;
            while let Some(next) = behind_character(after) {
                after = next;
                if cuts(&literals[1..], after) {
                    return true;
                }
            }
            false
        }
        let pieces = ["a", "b", "/", "%61", ""];
        let literal = |n: usize| [pieces[n % 5], pieces[n / 5 % 5]].concat();
        let mut tried = 0;
        for n in 0..25 * 25 {
            let text = format!("{{x}}{}{{y}}{}", literal(n % 25), literal(n / 25));
            let template = Template::parse(&text).unwrap();
            for m in 0..625 {
                let uri = [literal(m % 25), literal(m / 25)].concat();
                assert_eq!(template.matches(&uri), cuts(&template.literals, &uri), "{text} {uri}");
                tried += usize::from(template.matches(&uri));
            }
        }
        assert!(tried > 1000, "{tried}");
    }

    #[test]
    fn a_template_that_is_none_is_refused_with_its_place() {
        for (text, part) in [
            ("", "must not be empty"),
            ("a:{x", "at byte 2: the expression is not closed"),
            ("a:{x}}", "at byte 5: '}': it closes no expression"),
            ("a:{}", "at byte 3: an expression has a name"),
            ("a:{+x}", "at byte 3: \"+x\" is no plain name"),
            ("a:{x,y}", "at byte 3"),
            ("a:{x*}", "at byte 3"),
            ("a:{x:3}", "at byte 3"),
            ("a:{x}/{x}", "at byte 7: the name \"x\" stands twice"),
            ("a:{.x}", "at byte 3"),
            ("a:{x-y}", "at byte 3"),
            ("a: b", "at byte 2: ' ': it must be percent-encoded"),
            ("a:é{x}", "at byte 2: 'é': it must be percent-encoded"),
            ("a:%4{x}", "at byte 2: '%': two hexadecimal digits"),
            ("a:\"", "at byte 2"),
        ] {
            let why = Template::parse(text).unwrap_err();
            assert!(why.contains(part), "{text:?}: {why}");
        }
        for fine in ["a:{x.y_1}", "a:{%41}", "{a}{b}", "a:%20'", "a:"] {
            assert!(Template::parse(fine).is_ok(), "{fine}");
        }
    }
}
