//! One message to the server, by POST.

use std::sync::Arc;

use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Builder;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::link::{Link, PROTOCOL_VERSION};
use super::refusal::{Refusal, broken, error_answer, media_type};
use super::stream::{Resumes, Stream, deliver};
use crate::listen::client::{Incoming, Loss};

const METHOD: HeaderName = HeaderName::from_static("mcp-method");

/// A message, with what of it the transport needs to know.
pub(crate) struct Post {
    message: Value,
    /// The number of the request; none if no answer is due.
    pub(crate) request: Option<u64>,
    /// The revision that its metadata names, as every request of 2026-07-28 does.
    version: Option<HeaderValue>,
}

impl Post {
    pub(crate) fn new(message: &Value) -> Self {
        let request = message.get("method").and_then(|_| message["id"].as_u64());
        let meta = &message["params"]["_meta"];
        let version = meta["io.modelcontextprotocol/protocolVersion"].as_str();
        let version = version.and_then(|version| HeaderValue::from_str(version).ok());
        Self { request, version, message: message.clone() }
    }

    fn method(&self) -> &str {
        self.message["method"].as_str().unwrap_or_default()
    }

    /// Whether the server may want it done before anything that is sent later.
    pub(crate) fn is_notification(&self) -> bool {
        self.message.get("method").is_some() && self.request.is_none()
    }

    /// Sends it. What the server answers goes to `to`; that it does not comes back.
    pub(crate) async fn send(self, link: Arc<Link>, to: Sender<Incoming>) -> Result<(), Loss> {
        let is_modern = self.version.is_some();
        let is_initialize = self.method() == "initialize";
        let had_session = !is_modern && link.has_session();
        let body = self.message.to_string().into_bytes();
        let sent = link.target.send(Method::POST, |builder| self.head(&link, builder), body).await;
        let response = sent.map_err(|error| broken(&error))?;
        if !response.status().is_success() {
            let refusal = Refusal::read(response, had_session).await;
            return match (refusal.loss(), self.request) {
                (Some(loss), _) => Err(loss),
                (None, Some(id)) => deliver(&to, &refusal.answer(id)).await,
                (None, None) => Err(Loss::Hopeless(format!("the server refused: {refusal}"))),
            };
        }
        let Some(id) = self.request else { return Ok(()) };
        if is_initialize {
            link.begin_session(response.headers());
        }
        let (status, kind) = (response.status(), media_type(response.headers()));
        let stream = Stream::of_request(link, to, id, is_initialize);
        match &*kind {
            "text/event-stream" => {
                let resumes = if is_modern { Resumes::Never } else { Resumes::WithId };
                stream.follow(Some(response.into_body()), resumes, || ()).await
            }
            "application/json" => stream.whole(response.into_body()).await,
            _ => {
                let why = format!("HTTP {status} of type {kind:?} in answer to a request");
                stream.hand_on(&error_answer(id, &why)).await
            }
        }
    }

    fn head(&self, link: &Link, builder: Builder) -> Builder {
        let builder = builder
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        match &self.version {
            Some(version) => {
                builder.header(PROTOCOL_VERSION, version).header(METHOD, self.method())
            }
            None => link.with_session(builder),
        }
    }
}
