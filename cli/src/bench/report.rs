//! What is printed.

use std::fmt::Write as _;
use std::time::Duration;

use clap::ValueEnum as _;
use fanfare::Stats;
use hdrhistogram::Histogram;
use serde_json::json;

use super::scenario::Scenario;
use super::via::Via;

/// The outcome of one run.
pub(super) struct Report {
    pub(super) scenario: Scenario,
    pub(super) via: Via,
    pub(super) sessions: u32,
    pub(super) messages: u64,
    pub(super) deliveries: u64,
    /// The time in which all was raised and delivered.
    pub(super) busy: Duration,
    /// Of every delivery, in ns.
    pub(super) latencies: Histogram<u64>,
    /// By how many bytes the sessions let the process grow, where that can be known.
    pub(super) grown: Option<u64>,
    pub(super) stats: Stats,
}

impl Report {
    /// One JSON object, on one line.
    pub(super) fn json(&self) -> String {
        json!({
            "scenario": self.scenario_name(),
            "via": self.via_name(),
            "sessions": self.sessions,
            "messages": self.messages,
            "deliveries": self.deliveries,
            "seconds": self.busy.as_secs_f64(),
            "deliveries_per_second": self.per_second(),
            "ns_per_delivery": self.ns_per_delivery(),
            "latency_ns": {
                "p50": self.latencies.value_at_quantile(0.50),
                "p99": self.latencies.value_at_quantile(0.99),
                "p99_9": self.latencies.value_at_quantile(0.999),
                "max": self.latencies.max(),
            },
            "bytes_per_session": self.bytes_per_session(),
            "merged": self.stats.merged,
            "dropped": self.stats.dropped,
            "queued_frames": self.stats.queued_frames,
            "queued_bytes": self.stats.queued_bytes,
        })
        .to_string()
    }

    /// A table for a person.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, value: String| {
            writeln!(out, "{name:<20} {value}").expect("a String takes all");
        };
        let (scenario, via) = (self.scenario_name(), self.via_name());
        row("scenario", format!("{scenario}, via {via}"));
        row("sessions", self.sessions.to_string());
        row("messages", self.messages.to_string());
        let seconds = self.busy.as_secs_f64();
        row("deliveries", format!("{} in {seconds:.3} s", self.deliveries));
        row("deliveries per s", format!("{:.0}", self.per_second()));
        row("ns per delivery", format!("{:.1}", self.ns_per_delivery()));
        let quantile = |q| time(self.latencies.value_at_quantile(q));
        let latencies = [("p50", 0.50), ("p99", 0.99), ("p99.9", 0.999)];
        let latencies = latencies.map(|(name, q)| format!("{name} {}", quantile(q)));
        row("latency", format!("{}, max {}", latencies.join(", "), time(self.latencies.max())));
        row(
            "bytes per session",
            match self.bytes_per_session() {
                Some(bytes) if self.sessions < 2000 => format!("{bytes} (coarse: few sessions)"),
                Some(bytes) => bytes.to_string(),
                None => "not known on this system".to_owned(),
            },
        );
        let Stats { merged, dropped, queued_frames, queued_bytes, .. } = self.stats;
        row("merged, dropped", format!("{merged}, {dropped}"));
        row("still queued", format!("{queued_frames} frames, {queued_bytes} bytes"));
        out
    }

    fn per_second(&self) -> f64 {
        self.deliveries as f64 / self.busy.as_secs_f64()
    }

    fn ns_per_delivery(&self) -> f64 {
        self.busy.as_nanos() as f64 / self.deliveries as f64
    }

    fn bytes_per_session(&self) -> Option<u64> {
        Some(self.grown? / u64::from(self.sessions))
    }

    fn scenario_name(&self) -> String {
        self.scenario.to_possible_value().expect("no scenario is hidden").get_name().to_owned()
    }

    fn via_name(&self) -> String {
        self.via.to_possible_value().expect("no way is hidden").get_name().to_owned()
    }
}

/// A time in the unit in which it has few digits.
fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}
