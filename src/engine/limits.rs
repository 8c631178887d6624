//! The limits on what a client, or a host for it, can make the engine hold. Each is a key of the
//! configuration, is checked before anything changes, and refuses with a text that names the key,
//! what it allows and what there is.
//!
//! Invariants: `held` of a session is the count of its listens and of the URIs that its own
//! subscription holds, and that of a principal the sum over its sessions; `filter_bytes` is what
//! its links that are not passing and the ids of its listens take up; `more_streams` of a
//! session is how many it has beside its home, and the newest of its requests counts in `in_flight`
//! those which have not been answered.

use std::fmt::Display;

use crate::engine::Core;
use crate::engine::pool::NONE;
use crate::error::{Error, ErrorKind};
use crate::protocol::code;
use crate::protocol::filter::Filter;
use crate::protocol::id::Id;
use crate::protocol::kind::NoticeKind;
use crate::protocol::message::Fault;

/// A limit that would be exceeded. No caller has changed anything when it finds one.
#[derive(Debug)]
pub(crate) struct Excess {
    code: i32,
    text: String,
    limit: u64,
}

impl Excess {
    /// There is no more room for one more of something that would be fine with fewer.
    fn full(what: &str, there_is: impl Display, key: &str, limit: impl Into<u64>) -> Self {
        let limit = limit.into();
        // The code and the beginning are what the SDKs answer and know (G12).
        let text = format!("{what} limit reached: {there_is}; {key} allows {limit}");
        Self { code: code::INTERNAL_ERROR, text, limit }
    }

    /// Something is larger than it may be, whatever else there is: a fault of the params.
    fn large(what: impl Display, key: &str, limit: impl Into<u64>) -> Self {
        let limit = limit.into();
        Self { code: code::INVALID_PARAMS, text: format!("{what}; {key} allows {limit}"), limit }
    }

    /// The error that answers a request which would exceed it.
    pub(crate) fn fault(self, id: &Id) -> Fault {
        Fault { id: Some(id.clone()), ..Fault::limit(self.code, self.text, self.limit) }
    }

    /// The error of a call that would exceed it.
    pub(crate) fn error(self) -> Error {
        Error::new(ErrorKind::Limit, self.text)
    }
}

impl Core {
    /// Counts a call of the host that was refused for a limit. Messages are counted where they
    /// are refused.
    pub(crate) fn count_limited(&mut self, error: &Error) {
        if error.kind() == ErrorKind::Limit {
            self.counters.limited += 1;
        }
    }

    pub(crate) fn check_session_limit(&self) -> Result<(), Excess> {
        let (held, limit) = (self.sessions.len() as u64, self.config.max_sessions);
        if held < u64::from(limit) {
            return Ok(());
        }
        let there_is = format_args!("the engine has {held} sessions");
        Err(Excess::full("Session", there_is, "engine.max_sessions", limit))
    }

    pub(crate) fn check_stream_limit(&self, ix: u32) -> Result<(), Excess> {
        let (held, limit) = (self.sessions.stream_count(ix), self.config.max_streams);
        if held < limit {
            return Ok(());
        }
        let there_is = format_args!("the session has {held} streams");
        Err(Excess::full("Stream", there_is, "session.max_streams", limit))
    }

    /// Whether the host may be given one more request of a session to answer.
    pub(crate) fn check_request_limit(&self, ix: u32) -> Result<(), Excess> {
        let (in_flight, limit) =
            (self.requests.in_flight(self.sessions[ix].requests), self.config.max_requests);
        if in_flight < limit {
            return Ok(());
        }
        let there_is = format_args!("{in_flight} requests of the session are in flight");
        Err(Excess::full("Request", there_is, "session.max_requests", limit))
    }

    /// Whether a session may hold one more listen, or one more URI.
    pub(crate) fn check_subscription_limits(&self, ix: u32) -> Result<(), Excess> {
        let config = &self.config;
        let (session, principal) = (&self.sessions[ix], self.sessions.principal(ix));
        let full = |who: &str, held: u64, key: &str, limit: u64| {
            let there_is = format_args!("the {who} holds {held} subscriptions");
            Err(Excess::full("Subscription", there_is, key, limit))
        };
        let (held, limit) = (session.held, config.session_max_subscriptions);
        if held >= limit {
            return full("session", held.into(), "session.max_subscriptions", limit.into());
        }
        if principal != NONE && config.principal_max_subscriptions != 0 {
            let limit = u64::from(config.principal_max_subscriptions);
            let held = self.principals.held(principal);
            if held >= limit {
                return full("principal", held, "principal.max_subscriptions", limit);
            }
        }
        let (held, limit) = (self.subs.held(), config.engine_max_subscriptions);
        if held >= limit {
            return full("engine", held, "engine.max_subscriptions", limit);
        }
        Ok(())
    }

    /// Whether what a session's subscriptions hold may grow by so many bytes.
    pub(crate) fn check_filter_bytes(&self, ix: u32, more: u64) -> Result<(), Excess> {
        let held = u64::from(self.sessions[ix].filter_bytes) + more;
        let limit = self.config.max_filter_bytes;
        if held <= u64::from(limit) {
            return Ok(());
        }
        let there_is = format_args!("the filters of the session would hold {held} bytes");
        Err(Excess::full("Filter", there_is, "session.max_filter_bytes", limit))
    }

    /// Whether the JSON text of a filter may be read at all.
    pub(crate) fn check_filter_text(&self, text: &str) -> Result<(), Excess> {
        let (size, limit) = (text.len(), self.config.filter_max_bytes);
        if size <= limit as usize {
            return Ok(());
        }
        let what = format_args!("the filter is {size} bytes");
        Err(Excess::large(what, "filter.max_bytes", limit))
    }

    /// How many names a filter lists, each counted once (G3), and how long they are.
    pub(crate) fn check_filter(&self, filter: &Filter) -> Result<(), Excess> {
        let (count, limit) = (filter.names().count(), self.config.filter_max_uris);
        if count > limit as usize {
            let has_tasks = filter.names().any(|(kind, _)| kind == NoticeKind::Task);
            let names = if has_tasks { "URIs and task ids" } else { "URIs" };
            let what = format_args!("the filter has {count} {names}");
            return Err(Excess::large(what, "filter.max_uris", limit));
        }
        filter.names().try_for_each(|(kind, name)| self.check_name(kind, name))
    }

    pub(crate) fn check_uri(&self, uri: &str) -> Result<(), Excess> {
        self.check_name(NoticeKind::Resource, uri)
    }

    /// How long the name of a topic is.
    pub(crate) fn check_name(&self, kind: NoticeKind, name: &str) -> Result<(), Excess> {
        let (size, limit) = (name.len(), self.config.uri_max_bytes);
        if size <= limit as usize {
            return Ok(());
        }
        let what = if kind == NoticeKind::Task { "task id" } else { "URI" };
        Err(Excess::large(format_args!("the {what} is {size} bytes"), "uri.max_bytes", limit))
    }

    /// A session holds one more listen, or one more URI.
    pub(crate) fn count_held(&mut self, ix: u32) {
        self.sessions[ix].held += 1;
        let principal = self.sessions.principal(ix);
        if principal != NONE {
            *self.principals.held_mut(principal) += 1;
        }
    }

    /// A session holds so many fewer.
    pub(crate) fn uncount_held(&mut self, ix: u32, count: u32) {
        self.sessions[ix].held -= count;
        let principal = self.sessions.principal(ix);
        if principal != NONE {
            *self.principals.held_mut(principal) -= u64::from(count);
        }
    }
}
