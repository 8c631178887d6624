//! What an engine has done and holds.

use std::ffi::c_char;

use super::engine::{engine, fanfare_engine};
use super::guard::{Failure, guard};
use super::output::{give_sized, give_text};
use super::status::fanfare_status;

/// One JSON object, a member for each number.
pub const FANFARE_STATS_JSON: u32 = 0;
/// Prometheus text exposition.
pub const FANFARE_STATS_PROMETHEUS: u32 = 1;

/// What an engine has done ("since": counters from its beginning, which only grow) and holds
/// ("now"). Set struct_size before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_counters {
    /// sizeof(fanfare_counters)
    pub struct_size: usize,
    /// Since: notifications raised by the host.
    pub raised: u64,
    /// Since: subscriptions (for events: sessions) that a raising reached.
    pub matched: u64,
    /// Since: of those, the ones merged with a notification that was still queued.
    pub merged: u64,
    /// Since: frames drained.
    pub delivered: u64,
    /// Since: bytes drained, framing included.
    pub delivered_bytes: u64,
    /// Since: events dropped by an overflow policy.
    pub dropped: u64,
    /// Since: sessions ended because they lagged.
    pub lagged: u64,
    /// Since: messages received.
    pub received: u64,
    /// Since: of those, the ones refused (malformed, too large, not of the revision).
    pub rejected: u64,
    /// Since: notifications whose params exceeded the option params.soft_bytes.
    pub heavy: u64,
    /// Since: progress that was not sent (unknown or finished token, value not greater).
    pub progress_refused: u64,
    /// Now: sessions open.
    pub sessions: u64,
    /// Now: streams open.
    pub streams: u64,
    /// Now: subscriptions held.
    pub subscriptions: u64,
    /// Now: (subscription, topic) pairs held.
    pub links: u64,
    /// Now: topics that somebody holds.
    pub topics: u64,
    /// Now: requests in flight.
    pub requests: u64,
    /// Now: frames queued, notices included.
    pub queued_frames: u64,
    /// Now: bytes of queued events and replies, shared bodies counted once.
    pub queued_bytes: u64,
    /// Since: messages and calls refused because a limit would have been exceeded.
    pub limited: u64,
}

/// What the engine has done and holds. Set out->struct_size to sizeof(*out) before.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_INVALID_ARGUMENT: struct_size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_stats(
    engine: *const fanfare_engine,
    out: *mut fanfare_counters,
) -> fanfare_status {
    // SAFETY: the caller's promise; the struct is as `give_sized` asks.
    guard(|| unsafe {
        let engine = self::engine(engine)?;
        give_sized("fanfare_counters", out, || {
            let stats = engine.engine.stats();
            Ok(fanfare_counters {
                struct_size: size_of::<fanfare_counters>(),
                raised: stats.raised,
                matched: stats.matched,
                merged: stats.merged,
                delivered: stats.delivered,
                delivered_bytes: stats.delivered_bytes,
                dropped: stats.dropped,
                lagged: stats.lagged,
                received: stats.received,
                rejected: stats.rejected,
                heavy: stats.heavy,
                progress_refused: stats.progress_refused,
                sessions: stats.sessions,
                streams: stats.streams,
                subscriptions: stats.subscriptions,
                links: stats.links,
                topics: stats.topics,
                requests: stats.requests,
                queued_frames: stats.queued_frames,
                queued_bytes: stats.queued_bytes,
                limited: stats.limited,
            })
        })
    })
}

/// The same as text, in FANFARE_STATS_JSON or FANFARE_STATS_PROMETHEUS, copied into buf,
/// terminated and cut to cap bytes. *out_len is its full length without the terminator.
///
/// Any thread. buf may be NULL when cap is 0.
/// FANFARE_OK; FANFARE_TRUNCATED: it was cut; FANFARE_E_NULL; FANFARE_E_INVALID_ARGUMENT: format;
/// FANFARE_E_LIMIT: cap is beyond 1 GiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_engine_stats_text(
    engine: *const fanfare_engine,
    format: u32,
    buf: *mut c_char,
    cap: usize,
    out_len: *mut usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let stats = unsafe { self::engine(engine)? }.engine.stats();
        let text = match format {
            FANFARE_STATS_JSON => stats.to_json(),
            FANFARE_STATS_PROMETHEUS => stats.to_prometheus(),
            other => return Err(Failure::invalid(format!("format is {other}; it takes 0 or 1"))),
        };
        // SAFETY: the caller's promise.
        unsafe { give_text(&text, buf, cap, out_len) }
    })
}
