//! `params._meta`: what requests say in it, and what a host may put into it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::code;
use crate::protocol::id::Id;
use crate::protocol::message::{self, Fault};
use crate::protocol::{Level, Revision};

/// The key that tags every frame of a subscription (R42).
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// The members of a request's `_meta` that matter here, as JSON text.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RequestMeta<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/clientCapabilities")]
    client_capabilities: Option<&'a RawValue>,
    #[serde(
        borrow,
        default,
        rename = "io.modelcontextprotocol/logLevel",
        deserialize_with = "message::present"
    )]
    log_level: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

impl<'a> RequestMeta<'a> {
    /// The `_meta` of those params; empty where there is none, or none that reads.
    pub(crate) fn of(params: Option<&'a str>) -> Self {
        params
            .and_then(|params| serde_json::from_str::<Params<'a>>(params).ok())
            .and_then(|params| params.meta)
            .filter(|meta| meta.get().starts_with('{'))
            .and_then(|meta| serde_json::from_str(meta.get()).ok())
            .unwrap_or_default()
    }

    /// The progress token, if the request has one that can be one (R16).
    pub(crate) fn token(&self) -> Option<Id> {
        Id::parse(self.progress_token?.get())
    }

    /// Whether the request is written in the way of 2026-07-28.
    pub(crate) fn is_modern(&self) -> bool {
        self.protocol_version.is_some()
    }

    /// The revision that it is written in, if that reads.
    pub(crate) fn version(&self) -> Option<String> {
        serde_json::from_str(self.protocol_version?.get()).ok()
    }

    /// Checks what 2026-07-28 demands of each request (R15, R52), and yields its log level.
    /// `served` are the revisions that the error for a foreign one names.
    pub(crate) fn check_modern(
        &self,
        id: &Id,
        served: &[Revision],
    ) -> std::result::Result<Option<Level>, Fault> {
        let version = self.check_required(id)?;
        if version != Revision::MODERN.as_str() {
            return Err(unsupported_version(id, &version, served));
        }
        match self.log_level {
            None => Ok(None),
            Some(raw) => serde_json::from_str::<String>(raw.get())
                .ok()
                .and_then(|text| Level::parse(&text))
                .map(Some)
                .ok_or_else(|| missing(id, LOG_LEVEL, "a logging level")),
        }
    }

    /// Checks that it has what each request of 2026-07-28 must have, and yields its version.
    pub(crate) fn check_required(&self, id: &Id) -> std::result::Result<String, Fault> {
        let version =
            self.version().ok_or_else(|| missing(id, PROTOCOL_VERSION, "a protocol version"))?;
        if !self.client_capabilities.is_some_and(|raw| raw.get().starts_with('{')) {
            return Err(missing(id, CLIENT_CAPABILITIES, "an object"));
        }
        Ok(version)
    }
}

fn missing(id: &Id, key: &str, what: &str) -> Fault {
    Fault::of(id, code::INVALID_PARAMS, format!("params._meta[\"{key}\"] must be {what}"))
}

/// The answer to a revision that is not served.
pub(crate) fn unsupported_version(id: &Id, requested: &str, served: &[Revision]) -> Fault {
    let served: Vec<_> = served.iter().map(|revision| revision.as_str()).collect();
    Fault {
        data: Some(serde_json::json!({ "supported": served, "requested": requested }).to_string()),
        ..Fault::of(
            id,
            code::UNSUPPORTED_PROTOCOL_VERSION,
            format!("unsupported protocol version {requested:?}"),
        )
    }
}

/// Checks a context that a host wants in `params._meta`, and yields its members as they will
/// stand between the braces: empty for `{}`.
pub(crate) fn context_members(object: &str, max_bytes: usize) -> Result<Box<str>> {
    if object.len() > max_bytes {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("context is {} bytes; params.max_bytes allows {max_bytes}", object.len()),
        ));
    }
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object)
        .map_err(|e| Error::new(ErrorKind::Json, format!("context must be a JSON object: {e}")))?;
    if let Some(key) = members.keys().find(|key| is_reserved(key)) {
        return Err(Error::invalid(format!("context: the protocol reserves the key {key:?}")));
    }
    let compact = one_line(object);
    let inner = compact.trim_ascii();
    Ok(inner[1..inner.len() - 1].trim_ascii().into())
}

/// Keys of `_meta` that only the protocol may write: its prefixes (any label sequence whose second
/// label is `mcp` or `modelcontextprotocol`), and the bare names that it gives a meaning to.
fn is_reserved(key: &str) -> bool {
    if matches!(key, "progressToken" | "traceparent" | "tracestate" | "baggage") {
        return true;
    }
    let Some((prefix, _)) = key.split_once('/') else { return false };
    matches!(prefix.split('.').nth(1), Some("mcp" | "modelcontextprotocol"))
        || matches!(prefix, "mcp" | "modelcontextprotocol")
}

/// JSON text without line breaks: those that stand between tokens become blanks, and inside
/// strings JSON has none (R4).
pub(crate) fn one_line(json: &str) -> std::borrow::Cow<'_, str> {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_checked_and_kept_as_written() {
        assert_eq!(&*context_members("{ \"b\":1,\n\"a\":{} }", 99).unwrap(), "\"b\":1, \"a\":{}");
        assert_eq!(&*context_members("{}", 99).unwrap(), "");
        for reserved in ["io.modelcontextprotocol/x", "com.mcp.tools/x", "progressToken", "baggage"]
        {
            let error = context_members(&format!("{{{reserved:?}:1}}"), 99).unwrap_err();
            assert!(error.detail().contains(reserved), "{error}");
        }
        assert!(context_members("{\"com.example.mcp/x\":1}", 99).is_ok());
        assert_eq!(context_members("[]", 99).unwrap_err().kind(), ErrorKind::Json);
        let error = context_members("{\"a\":123456789}", 10).unwrap_err();
        assert!(error.detail().contains("15 bytes") && error.detail().contains("10"), "{error}");
    }

    #[test]
    fn a_modern_request_says_who_it_is() {
        let id = Id::parse("1").unwrap();
        let check = |meta: &str| {
            let params = format!("{{\"_meta\":{meta}}}");
            RequestMeta::of(Some(&params))
                .check_modern(&id, &[Revision::MODERN])
                .map_err(|f| f.code)
        };
        let with = |rest: &str| {
            format!(
                "{{\"{PROTOCOL_VERSION}\":\"2026-07-28\",\"{CLIENT_CAPABILITIES}\":{{}}{rest}}}"
            )
        };
        assert_eq!(check(&with("")), Ok(None));
        assert_eq!(check(&with(&format!(",\"{LOG_LEVEL}\":\"error\""))), Ok(Some(Level::Error)));
        for level in ["\"verbose\"", "7", "null"] {
            assert_eq!(check(&with(&format!(",\"{LOG_LEVEL}\":{level}"))), Err(-32602), "{level}");
        }
        assert_eq!(check("{}"), Err(-32602));
        assert_eq!(check("7"), Err(-32602));
        assert_eq!(check(&with("").replace("2026-07-28", "1900-01-01")), Err(-32022));
        assert_eq!(check(&with("").replace(":{}", ":[]")), Err(-32602));
    }
}
