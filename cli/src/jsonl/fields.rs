//! Reads the fields of a command strictly: a name that is not known, a value of another type or a
//! field given twice is an error that names it. A typing error in a test script must never pass
//! for a test.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::answer::Failure;

/// The fields of one JSON object that have not been asked for yet. Values stay the text that they
/// were, so that numbers of any size and spelling reach the engine as they were written.
pub(crate) struct Fields<'a> {
    /// What stands before a field's name in an error, as in `to.`.
    path: &'static str,
    left: Vec<(String, &'a RawValue)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of a whole command.
    pub(crate) fn of_command(line: &'a [u8]) -> Result<Self, Failure> {
        let text = std::str::from_utf8(line)
            .map_err(|e| Failure::new("UTF8", format!("the command is not UTF-8: {e}")))?;
        let object: Object<'a> = serde_json::from_str(text)
            .map_err(|e| Failure::new("JSON", format!("the command is not a JSON object: {e}")))?;
        Self { path: "", left: object.0, known: Vec::new() }.without_twins()
    }

    /// The fields of an object inside it.
    fn of_object(path: &'static str, text: &'a str) -> Result<Self, Failure> {
        let object: Object<'a> = serde_json::from_str(text)
            .map_err(|e| Failure::field(path.trim_end_matches('.'), e))?;
        Self { path, left: object.0, known: Vec::new() }.without_twins()
    }

    fn without_twins(self) -> Result<Self, Failure> {
        for (at, (name, _)) in self.left.iter().enumerate() {
            if self.left[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(self.bad(name, "given twice"));
            }
        }
        Ok(self)
    }

    /// Refuses the command if it has fields that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(self.bad(name, format!("no such field here; known: {}", self.known.join(", "))))
            }
        }
    }

    /// The error of one field.
    pub(crate) fn bad(&self, name: &str, why: impl fmt::Display) -> Failure {
        Failure::field(&format!("{}{name}", self.path), why)
    }

    /// The text of a field, whatever it is.
    pub(crate) fn raw(&mut self, name: &'static str) -> Option<&'a RawValue> {
        self.known.push(name);
        let at = self.left.iter().position(|(left, _)| left == name)?;
        Some(self.left.remove(at).1)
    }

    /// Whether a field is there that is a string.
    pub(crate) fn is_string(&self, name: &str) -> bool {
        let mut left = self.left.iter();
        left.any(|(left, value)| left == name && value.get().starts_with('"'))
    }

    /// A field that must be there.
    pub(crate) fn need<T>(&self, name: &str, value: Option<T>) -> Result<T, Failure> {
        value.ok_or_else(|| self.bad(name, "missing"))
    }

    pub(crate) fn string(&mut self, name: &'static str) -> Result<Option<String>, Failure> {
        self.raw(name).map(|raw| self.read(name, raw, "a string")).transpose()
    }

    /// A string, or null for none.
    pub(crate) fn string_or_null(&mut self, name: &'static str) -> Result<Option<String>, Failure> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        self.read(name, raw, "a string or null")
    }

    pub(crate) fn bool(&mut self, name: &'static str) -> Result<Option<bool>, Failure> {
        self.raw(name).map(|raw| self.read(name, raw, "true or false")).transpose()
    }

    /// A whole number up to `max`.
    pub(crate) fn number(&mut self, name: &'static str, max: u64) -> Result<Option<u64>, Failure> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let expected = format!("a whole number from 0 to {max}");
        let number: u64 = self.read(name, raw, &expected)?;
        if number > max {
            return Err(self.bad(name, format!("must be {expected}, not {number}")));
        }
        Ok(Some(number))
    }

    /// The text of a JSON object.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<&'a str>, Failure> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        match raw.get() {
            text if text.starts_with('{') => Ok(Some(text)),
            text => Err(self.bad(name, format!("must be an object, not {}", kind(text)))),
        }
    }

    /// The fields of a JSON object. `path` is what to call them in errors, as in `to.`.
    pub(crate) fn fields(
        &mut self,
        name: &'static str,
        path: &'static str,
    ) -> Result<Option<Self>, Failure> {
        self.object(name)?.map(|text| Fields::of_object(path, text)).transpose()
    }

    /// The text of a request id: a string or an integer, kept apart and as it was written (R19).
    pub(crate) fn id(&mut self, name: &'static str) -> Result<Option<&'a str>, Failure> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        match raw.get() {
            text if text.starts_with('"') => Ok(Some(text)),
            text if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => Ok(Some(text)),
            text => {
                Err(self.bad(name, format!("must be a string or an integer, not {}", kind(text))))
            }
        }
    }

    /// One of a list of words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        match all.iter().find(|one| as_str(**one) == text) {
            Some(one) => Ok(Some(*one)),
            None => {
                let known: Vec<_> = all.iter().map(|one| as_str(*one)).collect();
                Err(self.bad(name, format!("must be one of {}, not {text:?}", known.join(", "))))
            }
        }
    }

    fn read<T: Deserialize<'a>>(
        &self,
        name: &str,
        raw: &'a RawValue,
        expected: &str,
    ) -> Result<T, Failure> {
        serde_json::from_str(raw.get())
            .map_err(|_| self.bad(name, format!("must be {expected}, not {}", kind(raw.get()))))
    }
}

/// What a JSON text is, for a person.
fn kind(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        // It can be a string and still not be readable as one: a lone surrogate.
        Some(b'"') if serde_json::from_str::<String>(text).is_err() => {
            "a string that is no Unicode text".to_owned()
        }
        Some(b'"') => "a string".to_owned(),
        _ => text.to_owned(),
    }
}

/// Every member of an object, twins included, in the order of the text.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Object)
    }
}
