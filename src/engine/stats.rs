//! Counters of an engine and of a session, and their texts.

/// What an engine has done and holds. Counters begin at 0 and only grow; gauges say what is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Counter: notifications raised by the host.
    pub raised: u64,
    /// Counter: subscriptions (for events: sessions) that a raising reached.
    pub matched: u64,
    /// Counter: of those, the ones merged with a notification that was still queued.
    pub merged: u64,
    /// Counter: frames drained.
    pub delivered: u64,
    /// Counter: bytes drained, framing included.
    pub delivered_bytes: u64,
    /// Counter: events dropped by an overflow policy.
    pub dropped: u64,
    /// Counter: sessions ended because they lagged.
    pub lagged: u64,
    /// Counter: messages received.
    pub received: u64,
    /// Counter: of those, the ones refused (malformed, too large, not of the revision).
    pub rejected: u64,
    /// Counter: notifications whose params exceeded `params.soft_bytes`.
    pub heavy: u64,
    /// Counter: progress that was not sent (unknown or finished token, value not greater).
    pub progress_refused: u64,
    /// Counter: messages and calls refused because a limit would have been exceeded.
    pub limited: u64,
    /// Gauge: sessions open.
    pub sessions: u64,
    /// Gauge: streams open.
    pub streams: u64,
    /// Gauge: subscriptions held.
    pub subscriptions: u64,
    /// Gauge: (subscription, topic) pairs held.
    pub links: u64,
    /// Gauge: topics that somebody holds.
    pub topics: u64,
    /// Gauge: requests in flight.
    pub requests: u64,
    /// Gauge: frames queued, notices included.
    pub queued_frames: u64,
    /// Gauge: bytes of queued events and replies, shared bodies counted once.
    pub queued_bytes: u64,
}

/// What one session has had and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Gauge: frames queued on all its streams, notices included.
    pub queued_frames: u64,
    /// Gauge: bytes of its queued events and replies.
    pub queued_bytes: u64,
    /// Counter: frames drained.
    pub delivered: u64,
    /// Counter: notifications that merged with one still queued. Notices count when the frame
    /// that stands for all of them is drained.
    pub merged: u64,
    /// Counter: events dropped.
    pub dropped: u64,
    /// Gauge: subscriptions held.
    pub subscriptions: u64,
    /// Gauge: requests in flight.
    pub requests: u64,
}

macro_rules! rows {
    ($($field:ident $kind:literal $help:literal),+ $(,)?) => {
        impl Stats {
            /// One JSON object, a member for each number.
            pub fn to_json(&self) -> String {
                serde_json::json!({ $(stringify!($field): self.$field),+ }).to_string()
            }

            /// Prometheus text exposition, each metric with its type and help.
            pub fn to_prometheus(&self) -> String {
                let mut out = String::new();
                $(metric(&mut out, stringify!($field), $kind, $help, self.$field);)+
                out
            }
        }
    };
}

rows! {
    raised "counter" "Notifications raised.",
    matched "counter" "Subscriptions or sessions reached by raisings.",
    merged "counter" "Notifications merged with one still queued.",
    delivered "counter" "Frames drained.",
    delivered_bytes "counter" "Bytes drained.",
    dropped "counter" "Events dropped by an overflow policy.",
    lagged "counter" "Sessions ended because they lagged.",
    received "counter" "Messages received.",
    rejected "counter" "Messages refused.",
    heavy "counter" "Notifications above the soft size.",
    progress_refused "counter" "Progress not sent.",
    limited "counter" "Messages and calls refused by a limit.",
    sessions "gauge" "Sessions open.",
    streams "gauge" "Streams open.",
    subscriptions "gauge" "Subscriptions held.",
    links "gauge" "Subscription and topic pairs held.",
    topics "gauge" "Topics held.",
    requests "gauge" "Requests in flight.",
    queued_frames "gauge" "Frames queued.",
    queued_bytes "gauge" "Bytes queued.",
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    use std::fmt::Write as _;
    let suffix = if kind == "counter" { "_total" } else { "" };
    writeln!(out, "# HELP fanfare_{name}{suffix} {help}").expect("a String takes all");
    writeln!(out, "# TYPE fanfare_{name}{suffix} {kind}").expect("a String takes all");
    writeln!(out, "fanfare_{name}{suffix} {value}").expect("a String takes all");
}

impl SessionStats {
    /// One JSON object, a member for each number.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "queued_frames": self.queued_frames,
            "queued_bytes": self.queued_bytes,
            "delivered": self.delivered,
            "merged": self.merged,
            "dropped": self.dropped,
            "subscriptions": self.subscriptions,
            "requests": self.requests,
        })
        .to_string()
    }
}
