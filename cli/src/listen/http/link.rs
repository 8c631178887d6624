//! What all requests to one server have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Builder;

use super::backoff::Policy;
use super::target::Target;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// A server, how to treat it, and what it said when it was initialized.
pub(crate) struct Link {
    pub(super) target: Target,
    /// The largest message that is taken.
    pub(super) max_event_bytes: usize,
    /// How streams that can be taken up again are.
    pub(super) policy: Policy,
    session: Mutex<Session>,
}

/// What every request after `initialize` repeats (up to 2025-11-25).
#[derive(Default)]
struct Session {
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

impl Link {
    pub(crate) fn new(target: Target, max_event_bytes: usize, policy: Policy) -> Self {
        Self { target, max_event_bytes, policy, session: Mutex::default() }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        // What is in it is assigned whole.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server gave the session an id; then it wants to be told of its end.
    pub(crate) fn has_session(&self) -> bool {
        self.session().id.is_some()
    }

    pub(crate) fn forget_session(&self) {
        *self.session() = Session::default();
    }

    /// Takes the session's id out of the headers of the answer to `initialize`.
    pub(super) fn begin_session(&self, headers: &hyper::HeaderMap) {
        self.session().id = headers.get(SESSION_ID).cloned();
    }

    /// Takes over the revision that the answer to `initialize` agrees on.
    pub(super) fn agree_on(&self, revision: &str) {
        self.session().version = HeaderValue::from_str(revision).ok();
    }

    /// Adds the headers of the session.
    pub(super) fn with_session(&self, builder: Builder) -> Builder {
        let session = self.session();
        let headers = [(SESSION_ID, &session.id), (PROTOCOL_VERSION, &session.version)];
        headers.into_iter().fold(builder, |builder, (name, value)| match value {
            Some(value) => builder.header(name, value),
            None => builder,
        })
    }

    /// Ends the session. Whatever the server answers, there is nothing more to do about it.
    pub(crate) async fn end_session(&self) -> anyhow::Result<()> {
        self.target.send(Method::DELETE, |builder| self.with_session(builder), vec![]).await?;
        Ok(())
    }
}
