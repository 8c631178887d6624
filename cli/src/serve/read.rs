//! The content of a resource as `resources/read` gives it.

use std::io::Read as _;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::app::Server;
use super::catalog::{Refusal, Resource};
use super::dialect::{Dialect, Fault, INTERNAL_ERROR};

/// Reads one resource.
pub(crate) fn read(
    server: &Server,
    dialect: Dialect,
    uri: &str,
) -> Result<Map<String, Value>, Fault> {
    let refused = |refusal: Refusal| {
        let code = match refusal {
            Refusal::NotFound(_) => dialect.resource_not_found(),
            Refusal::Unreadable(_) => INTERNAL_ERROR,
        };
        Fault::new(code, refusal.to_string()).with(json!({ "uri": uri }))
    };
    let (resource, file) = server.catalog().open(uri).map_err(refused)?;
    let limit = server.max_read_bytes();
    let mut bytes = Vec::new();
    // One byte more than may be is enough to know.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refused(Refusal::Unreadable(format!("{uri}: {error}"))))?;
    if bytes.len() as u64 > limit {
        let size = resource.size;
        let message = format!("{uri}: {size} bytes are more than may be read ({limit})");
        return Err(Fault::new(INTERNAL_ERROR, message).with(json!({ "uri": uri, "limit": limit })));
    }
    let mut content = contents(&resource, bytes);
    // As the client spelled it: it looks for the answer under that name.
    content.insert("uri".to_owned(), json!(uri));
    let mut result = Map::new();
    result.insert("contents".to_owned(), json!([content]));
    Ok(result)
}

fn contents(resource: &Resource, bytes: Vec<u8>) -> Map<String, Value> {
    let mut content = Map::new();
    let as_text = match resource.mime {
        Some(mime) if !is_textual(mime) => Err(bytes),
        // A name that tells nothing: the content decides. Text has no NUL in it.
        None if bytes.contains(&0) => Err(bytes),
        _ => String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes),
    };
    let mime = match as_text {
        Ok(text) => {
            content.insert("text".to_owned(), json!(text));
            "text/plain"
        }
        Err(bytes) => {
            let blob = base64::engine::general_purpose::STANDARD.encode(bytes);
            content.insert("blob".to_owned(), json!(blob));
            "application/octet-stream"
        }
    };
    content.insert("mimeType".to_owned(), json!(resource.mime.unwrap_or(mime)));
    content
}

/// Whether content of this type is meant to be read as text.
fn is_textual(mime: &str) -> bool {
    let (kind, subtype) = mime.split_once('/').unwrap_or((mime, ""));
    kind == "text"
        || subtype.ends_with("+json")
        || subtype.ends_with("+xml")
        || matches!(
            subtype,
            "json"
                | "xml"
                | "javascript"
                | "x-javascript"
                | "x-yaml"
                | "yaml"
                | "toml"
                | "x-toml"
                | "x-sh"
                | "sql"
                | "x-tex"
                | "rtf"
                | "x-httpd-php"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, bytes: &[u8]) -> Map<String, Value> {
        let resource = Resource {
            name: name.to_owned(),
            uri: String::new(),
            mime: mime_guess::from_path(name).first_raw(),
            size: bytes.len() as u64,
        };
        contents(&resource, bytes.to_vec())
    }

    #[test]
    fn text_is_text_and_the_rest_is_a_blob() {
        assert_eq!(of("a.md", "ä".as_bytes())["text"], "ä");
        assert_eq!(of("a.json", b"{}")["mimeType"], "application/json");
        assert_eq!(of("a.json", b"{}")["text"], "{}");
        assert_eq!(of("a.svg", b"<svg/>")["text"], "<svg/>");
        assert_eq!(of("a.txt", b"\xff\x00")["blob"], "/wA=");
        assert_eq!(of("a.png", b"text")["blob"], "dGV4dA==");
        assert_eq!(of("README", b"x")["text"], "x");
        assert_eq!(of("README", b"x")["mimeType"], "text/plain");
        assert_eq!(of("core", b"x\0y")["blob"], "eAB5");
        assert_eq!(of("core", b"\0")["mimeType"], "application/octet-stream");
    }
}
