//! What a monitor asks: whether the server is well, and its numbers.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hyper::StatusCode;

use super::exchange::{Reply, text, with_headers};
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
}

/// The statuses that a counter is kept for are those below.
const STATUSES: usize = 600;

impl Default for Counts {
    fn default() -> Self {
        Self {
            connections: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            answers: [const { AtomicU64::new(0) }; STATUSES],
        }
    }
}

impl Counts {
    pub(super) fn answered(&self, status: StatusCode) {
        if let Some(count) = self.answers.get(usize::from(status.as_u16())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// `/healthz`: 200 as long as new work is taken.
pub(super) fn health(hub: &Hub) -> Reply {
    if hub.is_stopping() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
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
    let headers = &[("Content-Type", "text/plain; version=0.0.4; charset=utf-8")];
    with_headers(StatusCode::OK, headers, out.into())
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str) {
    writeln!(out, "# HELP fanfare_http_{name} {help}").expect("a String takes all");
    writeln!(out, "# TYPE fanfare_http_{name} {kind}").expect("a String takes all");
}
