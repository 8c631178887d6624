//! What a browser wants to know before a web page of another origin may read an answer.
//!
//! Which pages may call at all, the endpoint says ([`fanfare::http::Endpoint`]): to those it is told
//! that they may, and to no others. A browser asks beforehand, by OPTIONS and without the page's
//! token; nobody has to be known for that.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::exchange::Reply;

const METHODS: &str = "GET, POST, DELETE";

/// What clients of any revision send beyond what every page may.
const HEADERS: &str = "Accept, Authorization, Content-Type, Last-Event-ID, MCP-Protocol-Version, \
    Mcp-Method, Mcp-Name, Mcp-Session-Id";

/// How the headers begin that repeat arguments of tools: each must be named.
const PARAM_HEADERS: &str = "mcp-param-";

/// What pages may read of an answer beyond what every page may.
const EXPOSED: &str = "Mcp-Session-Id, WWW-Authenticate";

/// How long a browser need not ask again, in seconds.
const MAX_AGE: &str = "600";

/// The origin of the web page that a request comes from.
#[derive(Clone, Debug)]
pub(super) struct Page(HeaderValue);

impl Page {
    /// Of a request that may come from where it comes from.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let origin = origins.next()?;
        origins.next().is_none().then(|| Self(origin.clone()))
    }

    /// What an answer has more, so that the page may read it.
    pub(super) fn headers(&self) -> [(HeaderName, HeaderValue); 3] {
        [
            (ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone()),
            (ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED)),
            (VARY, HeaderValue::from_static("Origin")),
        ]
    }
}

/// The answer to a browser that asks what a page may send; none to any other request.
pub(super) fn preflight(head: &Parts) -> Option<Reply> {
    let is_asked = head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !is_asked {
        return None;
    }
    let mut allowed = HEADERS.to_owned();
    for name in param_headers(&head.headers) {
        allowed.push_str(", ");
        allowed.push_str(name.as_str());
    }
    let reply = Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(ACCESS_CONTROL_ALLOW_HEADERS, allowed)
        .header(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    Some(reply.body(Default::default()).expect("status and headers are ours, and right"))
}

/// Those that a page wants to send and that repeat arguments of tools.
fn param_headers(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .flat_map(|names| names.as_bytes().split(|&byte| byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| name.as_str().starts_with(PARAM_HEADERS))
}
