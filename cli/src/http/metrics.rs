//! What a monitor asks: whether the server is well, and its numbers.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyper::StatusCode;

use super::exchange::{Because as _, Reply, text, with_headers};
use super::hub::Hub;

/// What is open now, and what was answered.
#[derive(Debug)]
pub(super) struct Counts {
    /// Connections on which requests are read and answered.
    pub(super) connections: AtomicUsize,
    /// Connections that are a stream's.
    pub(super) streams: AtomicUsize,
    /// Answers by their status.
    answers: [AtomicU64; STATUSES],
    refusals: [AtomicU64; Reason::ALL.len()],
}

/// The statuses that a counter is kept for are those below.
const STATUSES: usize = 600;

/// Why a request was refused, as far as the transport knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It came from a page, or by a name, that may not call.
    Origin,
    /// It has no valid token.
    Token,
    /// There is nothing at its path, or not by its method.
    Path,
    /// Its principal has as much open as it may.
    Principal,
    /// Its body was too large, too slow, or broke off.
    Body,
    /// It says what the protocol does not allow, or names what is gone.
    Protocol,
    /// The engine declined: one of its limits, as a rule.
    Engine,
    /// The server was about to end.
    Stopping,
}

impl Reason {
    const ALL: [Self; 8] = [
        Self::Origin,
        Self::Token,
        Self::Path,
        Self::Principal,
        Self::Body,
        Self::Protocol,
        Self::Engine,
        Self::Stopping,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Token => "token",
            Self::Path => "path",
            Self::Principal => "principal",
            Self::Body => "body",
            Self::Protocol => "protocol",
            Self::Engine => "engine",
            Self::Stopping => "stopping",
        }
    }
}

/// How many requests were answered since the server began. What hyper answers before there is a
/// request, as a head that is too long, does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// With a status from 200 to 299. Streams are answered when they begin.
    pub success: u64,
    /// With a status from 400 to 499.
    pub client_error: u64,
    /// With a status from 500 to 599.
    pub server_error: u64,
    /// Those of them that the transport refused, by its reasons. An error that the server behind it
    /// answers with is none of them.
    pub refused: Refused,
}

/// Why requests were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// They came from a page, or by a name, that may not call: `Origin`, `Host`.
    pub origin: u64,
    /// They had no valid bearer token.
    pub token: u64,
    /// There is nothing at their path, or not by their method.
    pub path: u64,
    /// Their principal had as much open as it may.
    pub principal: u64,
    /// Their body was too large, too slow, or broke off.
    pub body: u64,
    /// They said what the protocol does not allow, or named what is gone.
    pub protocol: u64,
    /// The engine declined: one of its limits, as a rule.
    pub engine: u64,
    /// The server was about to end.
    pub stopping: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            connections: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            answers: [const { AtomicU64::new(0) }; STATUSES],
            refusals: [const { AtomicU64::new(0) }; Reason::ALL.len()],
        }
    }
}

impl Counts {
    pub(super) fn answered(&self, status: StatusCode) {
        if let Some(count) = self.answers.get(usize::from(status.as_u16())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn refused(&self, reason: Reason) {
        self.refusals[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All of that, by its classes.
    pub(super) fn read(&self) -> Answered {
        let sum = |class: usize| {
            let of_class = &self.answers[class * 100..(class + 1) * 100];
            of_class.iter().map(|count| count.load(Ordering::Relaxed)).sum()
        };
        let refused = |reason| self.refusals_of(reason);
        Answered {
            success: sum(2),
            client_error: sum(4),
            server_error: sum(5),
            refused: Refused {
                origin: refused(Reason::Origin),
                token: refused(Reason::Token),
                path: refused(Reason::Path),
                principal: refused(Reason::Principal),
                body: refused(Reason::Body),
                protocol: refused(Reason::Protocol),
                engine: refused(Reason::Engine),
                stopping: refused(Reason::Stopping),
            },
        }
    }

    fn refusals_of(&self, reason: Reason) -> u64 {
        self.refusals[reason as usize].load(Ordering::Relaxed)
    }
}

/// `/healthz`: 200 as long as new work is taken.
pub(super) fn health(hub: &Hub) -> Reply {
    if hub.is_stopping() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n").because(Reason::Stopping);
    }
    text(StatusCode::OK, "ok\n")
}

/// `/metrics`: the engine's numbers and the transport's, for Prometheus.
pub(super) fn metrics(hub: &Hub) -> Reply {
    let mut out = hub.engine().stats().to_prometheus();
    let counts = &hub.counts;
    let gauges = [
        (
            "connections",
            "HTTP connections not taken by a stream.",
            counts.connections.load(Ordering::Relaxed),
        ),
        ("streams", "Open event streams.", counts.streams.load(Ordering::Relaxed)),
        (
            "sessions",
            "Sessions of the revisions before 2026-07-28.",
            hub.sessions.len() + hub.old_sessions.len(),
        ),
    ];
    for (name, help, value) in gauges {
        metric(&mut out, name, "gauge", help);
        writeln!(out, "fanfare_http_{name} {value}").expect("a String takes all");
    }
    metric(&mut out, "answers_total", "counter", "Answers by their status.");
    for (status, count) in counts.answers.iter().enumerate() {
        let count = count.load(Ordering::Relaxed);
        if count != 0 {
            writeln!(out, "fanfare_http_answers_total{{status=\"{status}\"}} {count}")
                .expect("a String takes all");
        }
    }
    let help = "Requests that the transport refused, by its reasons.";
    metric(&mut out, "refused_total", "counter", help);
    for reason in Reason::ALL {
        let (name, count) = (reason.as_str(), counts.refusals_of(reason));
        writeln!(out, "fanfare_http_refused_total{{reason=\"{name}\"}} {count}")
            .expect("a String takes all");
    }
    let headers = &[("Content-Type", "text/plain; version=0.0.4; charset=utf-8")];
    with_headers(StatusCode::OK, headers, out.into())
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP fanfare_http_{name} {help}").expect("a String takes all");
    writeln!(out, "# TYPE fanfare_http_{name} {kind}").expect("a String takes all");
}
