//! What a client's revision wants in an answer beyond its content.

use fanfare::Revision;
use serde_json::{Map, Value, json};

/// A revision, seen from who writes answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect(Revision);

/// How long, and by whom, an answer may be kept (2026-07-28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    /// The answer stays true as long as the server runs.
    Fixed,
    /// It changes with the files; a notification tells when. Whoever does not listen should not
    /// rely on it for long.
    Files,
    /// It is no answer to be kept.
    No,
}

impl Dialect {
    /// The dialect of a session that negotiated `revision`. One that negotiated nothing (it never
    /// sent `initialize`) is spoken to as the newest of those that have no metadata of their own.
    pub(crate) fn of(revision: Option<Revision>) -> Self {
        Self(revision.unwrap_or(Revision::LATEST_LEGACY))
    }

    pub(crate) fn revision(self) -> Revision {
        self.0
    }

    pub(crate) fn is_modern(self) -> bool {
        !self.0.is_legacy()
    }

    /// Tools have hints about what they do to the world.
    pub(crate) fn has_annotations(self) -> bool {
        self.0 >= Revision::V2025_03_26
    }

    /// Tools have titles and typed results.
    pub(crate) fn has_structured_content(self) -> bool {
        self.0 >= Revision::V2025_06_18
    }

    /// Makes a result of its content. 2026-07-28 wants to know in each that it is complete, who
    /// says it, and, where it may be kept, for how long (R60); before, none of that existed.
    pub(crate) fn result(self, mut content: Map<String, Value>, cache: Cache) -> Value {
        if self.is_modern() {
            content.insert("resultType".to_owned(), json!("complete"));
            content.insert(
                "_meta".to_owned(),
                json!({ "io.modelcontextprotocol/serverInfo": server_info() }),
            );
            let (ttl_ms, scope) = match cache {
                Cache::Fixed => (3_600_000, "public"),
                Cache::Files => (1_000, "private"),
                Cache::No => return Value::Object(content),
            };
            content.insert("ttlMs".to_owned(), json!(ttl_ms));
            content.insert("cacheScope".to_owned(), json!(scope));
        }
        Value::Object(content)
    }

    /// The error for a resource that is not there: -32002 until 2026-07-28 gave that up (R55).
    pub(crate) fn resource_not_found(self) -> i32 {
        if self.is_modern() { INVALID_PARAMS } else { -32002 }
    }
}

/// Who we are.
pub(crate) fn server_info() -> Value {
    json!({ "name": "fanfare", "version": env!("CARGO_PKG_VERSION") })
}

/// A JSON-RPC error.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

/// The request is none, or not one that may come now.
pub(crate) const INVALID_REQUEST: i32 = -32600;
/// There is no such method.
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
/// The parameters do not fit the method.
pub(crate) const INVALID_PARAMS: i32 = -32602;
/// It is not the client's fault.
pub(crate) const INTERNAL_ERROR: i32 = -32603;

impl Fault {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(crate) fn with(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }

    pub(crate) fn into_json(self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = self.data {
            error["data"] = data;
        }
        error
    }
}
