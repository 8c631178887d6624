//! An answer over HTTP that is not what was asked for, and what that means.

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming as Body;
use hyper::header::{HeaderMap, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::listen::client::Loss;

/// How much of a refusal is read, and for how long, for what it says.
const MAX_BYTES: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of it is told, if it is no JSON-RPC.
const MAX_TOLD_CHARS: usize = 200;

/// An answer whose status is no success.
pub(super) struct Refusal {
    status: StatusCode,
    had_session: bool,
    wait: Option<Duration>,
    location: Option<String>,
    body: Vec<u8>,
}

impl Refusal {
    /// `had_session` tells whether the request named a session.
    pub(super) async fn read(response: Response<Body>, had_session: bool) -> Self {
        let (head, body) = response.into_parts();
        let text = |name| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        // What cannot be read is not told.
        let read = tokio::time::timeout(PATIENCE, collect(body, MAX_BYTES)).await;
        Self {
            status: head.status,
            had_session,
            // The other form of that header is a date, by the clock of somebody else.
            wait: text(RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs),
            location: text(LOCATION),
            body: read.ok().and_then(Result::ok).flatten().unwrap_or_default(),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// What is lost by it; nothing, if it is an answer like others.
    pub(super) fn loss(&self) -> Option<Loss> {
        match self.status {
            StatusCode::NOT_FOUND if self.had_session => Some(Loss::SessionOver),
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Some(Loss::Broken { why: self.to_string(), wait: self.wait })
            }
            StatusCode::UNAUTHORIZED => {
                Some(Loss::Hopeless(format!("the server wants another token: {self}")))
            }
            StatusCode::FORBIDDEN => Some(Loss::Hopeless(format!("the server refused: {self}"))),
            status if status.is_redirection() => {
                let to = self.location.as_deref().unwrap_or("nowhere");
                Some(Loss::Hopeless(format!("the server is elsewhere: HTTP {status} to {to}")))
            }
            _ => None,
        }
    }

    /// The answer to that request. Some servers name another id, or none, when they refuse before
    /// they know what is asked.
    pub(super) fn answer(&self, id: u64) -> Value {
        match self.error() {
            Some(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
            None => error_answer(id, &self.to_string()),
        }
    }

    fn error(&self) -> Option<Value> {
        let mut body: Value = serde_json::from_slice(&self.body).ok()?;
        let error = body.get_mut("error")?.take();
        error.is_object().then_some(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        let text = match self.error() {
            Some(error) => error["message"].as_str().unwrap_or_default().to_owned(),
            None => {
                String::from_utf8_lossy(&self.body).trim().chars().take(MAX_TOLD_CHARS).collect()
            }
        };
        if text.is_empty() { Ok(()) } else { write!(f, ": {text}") }
    }
}

/// An error that the server has not put into words itself.
pub(super) fn error_answer(id: u64, why: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": 0, "message": why } })
}

/// A connection that failed.
pub(super) fn broken(error: &anyhow::Error) -> Loss {
    Loss::Broken { why: format!("{error:#}"), wait: None }
}

/// Reads a body to its end; none if it is longer than that.
pub(super) async fn collect(body: Body, max_bytes: usize) -> anyhow::Result<Option<Vec<u8>>> {
    match Limited::new(body, max_bytes).collect().await {
        Ok(collected) => Ok(Some(collected.to_bytes().into())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(error) => Err(anyhow::Error::from_boxed(error)),
    }
}

/// The media type, without its parameters; empty if there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(hyper::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = text.and_then(|text| text.split(';').next()).unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}
