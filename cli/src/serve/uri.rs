//! Paths as `file:///` URIs and back.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The URI of an absolute path. Every byte outside RFC 3986's unreserved set is percent-encoded,
/// so no client's URI library finds anything left to normalise: subscriptions compare URIs byte
/// by byte (G3).
pub(crate) fn from_path(path: &Path) -> String {
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => write!(uri, "%{byte:02X}").expect("a String takes all"),
        }
    }
    uri
}

/// The absolute path of a `file:` URI, not yet looked at in any way; `None` if it is none.
pub(crate) fn to_path(uri: &str) -> Option<PathBuf> {
    let rest = strip_prefix_ignoring_case(uri, "file://")?;
    let rest = strip_prefix_ignoring_case(rest, "localhost").unwrap_or(rest);
    if !rest.starts_with('/') || rest.contains(['?', '#']) {
        return None;
    }
    let bytes = percent_decode(rest.as_bytes())?;
    if bytes.contains(&0) {
        return None;
    }
    os_string(bytes).map(PathBuf::from)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn percent_decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            _ => byte,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_the_same_path() {
        let path = Path::new("/data/a b/100%/ü#?.txt");
        let uri = from_path(path);
        assert_eq!(uri, "file:///data/a%20b/100%25/%C3%BC%23%3F.txt");
        assert_eq!(to_path(&uri).as_deref(), Some(path));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_utf8_survives() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/x/\xff\xfe"));
        assert_eq!(from_path(path), "file:///x/%FF%FE");
        assert_eq!(to_path("file:///x/%ff%FE").as_deref(), Some(path));
    }

    #[test]
    fn what_is_no_file_uri_is_refused() {
        for uri in [
            "",
            "file:",
            "file:/a",
            "http:///a",
            "file://other/a",
            "file:///a%",
            "file:///a%2",
            "file:///a%zz",
            "file:///a%00b",
            "file:///a?b",
            "file:///a#b",
        ] {
            assert_eq!(to_path(uri), None, "{uri:?}");
        }
        assert_eq!(to_path("FILE://LocalHost/a").as_deref(), Some(Path::new("/a")));
    }
}
