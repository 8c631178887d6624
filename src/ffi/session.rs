//! Sessions: one for each peer.

use std::ffi::c_void;

use super::config::user_data_pointer;
use super::engine::{engine, fanfare_engine};
use super::guard::{Failure, guard};
use super::input::{choice, fanfare_str, number_of, sized};
use super::output::{Out, give_sized};
use super::status::fanfare_status;
use crate::framing::Framing;
use crate::params::{EndReason, Overflow, Profile, SessionId, SessionParams};
use crate::protocol::{Capabilities, Revision};

/// Names one session of an engine: a number that the engine never gives out again, 0 for none. A
/// stale one is an error (FANFARE_E_GONE), never somebody else's session.
pub type fanfare_session = u64;

/// No MCP handshake: an in-process subscriber, a tool, a test. Hears everything until it says
/// otherwise by notifications/subscribe.
pub const FANFARE_PROFILE_OPEN: u32 = 0;
/// A session of one of the revisions before 2026-07-28.
pub const FANFARE_PROFILE_LEGACY: u32 = 1;
/// 2026-07-28: hears what a subscriptions/listen asked for, and nothing else.
pub const FANFARE_PROFILE_MODERN: u32 = 2;
/// Not known yet: the first message decides between legacy and modern, for good.
pub const FANFARE_PROFILE_AUTO: u32 = 3;

/// Revision 2024-11-05.
pub const FANFARE_REVISION_2024_11_05: u32 = 20241105;
/// Revision 2025-03-26.
pub const FANFARE_REVISION_2025_03_26: u32 = 20250326;
/// Revision 2025-06-18.
pub const FANFARE_REVISION_2025_06_18: u32 = 20250618;
/// Revision 2025-11-25.
pub const FANFARE_REVISION_2025_11_25: u32 = 20251125;
/// Revision 2026-07-28.
pub const FANFARE_REVISION_2026_07_28: u32 = 20260728;

/// A line of JSON, ended by a line feed: stdio.
pub const FANFARE_FRAMING_NDJSON: u32 = 0;
/// The bare JSON text; you delimit.
pub const FANFARE_FRAMING_JSON: u32 = 1;
/// A Server-Sent Event of type message. A stream that is open and silent is sent a comment now and
/// then: a frame like any other, which clients pass over (the option sse.keep_alive_ms).
pub const FANFARE_FRAMING_SSE: u32 = 2;

/// What the engine's configuration says.
pub const FANFARE_OVERFLOW_DEFAULT: u32 = 0;
/// The oldest queued event makes room.
pub const FANFARE_OVERFLOW_DROP_OLDEST: u32 = 1;
/// The new event is not queued.
pub const FANFARE_OVERFLOW_DROP_NEWEST: u32 = 2;
/// The session ends as lagged.
pub const FANFARE_OVERFLOW_CLOSE: u32 = 3;

/// The server has no more to say, and says so.
pub const FANFARE_END_GRACEFUL: u32 = 0;
/// The client cancelled.
pub const FANFARE_END_CANCELLED: u32 = 1;
/// The peer went away.
pub const FANFARE_END_DISCONNECTED: u32 = 2;
/// The client did not read, and its queue was full.
pub const FANFARE_END_LAGGED: u32 = 3;
/// A limit was exceeded.
pub const FANFARE_END_LIMIT: u32 = 4;
/// The host withdrew the access.
pub const FANFARE_END_REVOKED: u32 = 5;
/// The server shuts down.
pub const FANFARE_END_SHUTDOWN: u32 = 6;

pub(super) const REVISIONS: [(u32, Revision); 5] = [
    (FANFARE_REVISION_2024_11_05, Revision::V2024_11_05),
    (FANFARE_REVISION_2025_03_26, Revision::V2025_03_26),
    (FANFARE_REVISION_2025_06_18, Revision::V2025_06_18),
    (FANFARE_REVISION_2025_11_25, Revision::V2025_11_25),
    (FANFARE_REVISION_2026_07_28, Revision::V2026_07_28),
];

const FRAMINGS: [(u32, Framing); 3] = [
    (FANFARE_FRAMING_NDJSON, Framing::Ndjson),
    (FANFARE_FRAMING_JSON, Framing::Json),
    (FANFARE_FRAMING_SSE, Framing::Sse),
];

pub(super) const OVERFLOWS: [(u32, Option<Overflow>); 4] = [
    (FANFARE_OVERFLOW_DEFAULT, None),
    (FANFARE_OVERFLOW_DROP_OLDEST, Some(Overflow::DropOldest)),
    (FANFARE_OVERFLOW_DROP_NEWEST, Some(Overflow::DropNewest)),
    (FANFARE_OVERFLOW_CLOSE, Some(Overflow::Close)),
];

pub(super) const END_REASONS: [(u32, EndReason); 7] = [
    (FANFARE_END_GRACEFUL, EndReason::Graceful),
    (FANFARE_END_CANCELLED, EndReason::Cancelled),
    (FANFARE_END_DISCONNECTED, EndReason::Disconnected),
    (FANFARE_END_LAGGED, EndReason::Lagged),
    (FANFARE_END_LIMIT, EndReason::Limit),
    (FANFARE_END_REVOKED, EndReason::Revoked),
    (FANFARE_END_SHUTDOWN, EndReason::Shutdown),
];

/// How a session is opened. Set everything to zero, struct_size to sizeof, and then what differs:
/// zero is the default of every field.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_session_params {
    /// sizeof(fanfare_session_params)
    pub struct_size: usize,
    /// FANFARE_PROFILE_...; the rules that the session lives by.
    pub profile: u32,
    /// FANFARE_REVISION_... for FANFARE_PROFILE_LEGACY: the negotiated revision, or before a
    /// handshake the newest that you serve. 0: the newest legacy one.
    pub revision: u32,
    /// 1 for FANFARE_PROFILE_LEGACY: the engine is to see initialize and initialized first.
    /// 0: the session counts as initialized.
    pub handshake: u32,
    /// FANFARE_FRAMING_...; how its frames are delimited.
    pub framing: u32,
    /// FANFARE_OVERFLOW_...; what happens to an event when its queue is full.
    pub overflow: u32,
    /// Its bound on queued events, in frames. 0: the engine's.
    pub max_queued_frames: u32,
    /// Its bound on queued events, in bytes of JSON. 0: the engine's.
    pub max_queued_bytes: u32,
    /// 0.
    pub reserved: u32,
    /// What you advertise to this client: the JSON text of a ServerCapabilities object. NULL:
    /// everything. A handshake that the engine sees replaces it.
    pub capabilities: fanfare_str,
    /// Who the client is, for FANFARE_TARGET_PRINCIPAL. NULL: nobody in particular.
    pub principal: fanfare_str,
    /// Yours: handed back by fanfare_session_user_data() and with the session's end.
    pub user_data: *mut c_void,
}

/// What one session has had and holds. Set struct_size before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_session_counters {
    /// sizeof(fanfare_session_counters)
    pub struct_size: usize,
    /// Now: frames queued on all its streams, notices included.
    pub queued_frames: u64,
    /// Now: bytes of its queued events and replies.
    pub queued_bytes: u64,
    /// Since it was opened: frames drained.
    pub delivered: u64,
    /// Since it was opened: notifications that merged with one still queued.
    pub merged: u64,
    /// Since it was opened: events dropped.
    pub dropped: u64,
    /// Now: subscriptions held.
    pub subscriptions: u64,
    /// Now: requests in flight.
    pub requests: u64,
}

/// Opens a session.
///
/// Any thread. params and its texts are copied.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_INVALID_ARGUMENT: a number is not one of its kind, or
/// struct_size is wrong; FANFARE_E_UTF8; FANFARE_E_JSON: capabilities; FANFARE_E_VERSION: a
/// newer field is set that this library does not know; FANFARE_E_LIMIT: the option
/// engine.max_sessions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_open(
    engine: *mut fanfare_engine,
    params: *const fanfare_session_params,
    out: *mut fanfare_session,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise; the struct is as `sized` asks.
        let (engine, params, out) = unsafe {
            let params = sized("fanfare_session_params", params)?;
            (self::engine(engine)?, read_params(&params)?, Out::required("out", out)?)
        };
        out.set(engine.engine.open(params)?.to_raw());
        Ok(())
    })
}

/// # Safety
/// The texts in `params` are as [`fanfare_str::optional`] asks.
unsafe fn read_params(params: &fanfare_session_params) -> Result<SessionParams, Failure> {
    let profile = match params.profile {
        FANFARE_PROFILE_OPEN => Profile::Open,
        FANFARE_PROFILE_LEGACY => Profile::Legacy {
            revision: match params.revision {
                0 => Revision::LATEST_LEGACY,
                number => choice("revision", number, &REVISIONS)?,
            },
            handshake: choice("handshake", params.handshake, &[(0, false), (1, true)])?,
        },
        FANFARE_PROFILE_MODERN => Profile::Modern,
        FANFARE_PROFILE_AUTO => Profile::Auto,
        other => return Err(Failure::invalid(format!("profile is {other}; it takes 0 to 3"))),
    };
    if params.reserved != 0 {
        return Err(Failure::invalid(format!("reserved is {}; it must be 0", params.reserved)));
    }
    let mut read = SessionParams::new(profile)
        .framing(choice("framing", params.framing, &FRAMINGS)?)
        .user_data(params.user_data.expose_provenance() as u64);
    if let Some(policy) = choice("overflow", params.overflow, &OVERFLOWS)? {
        read = read.overflow(policy);
    }
    if params.max_queued_frames > 0 {
        read = read.max_queued_frames(params.max_queued_frames);
    }
    if params.max_queued_bytes > 0 {
        read = read.max_queued_bytes(params.max_queued_bytes);
    }
    // SAFETY: passed on.
    let (capabilities, principal) = unsafe {
        (params.capabilities.optional("capabilities")?, params.principal.optional("principal")?)
    };
    if let Some(json) = capabilities {
        read = read.capabilities(Capabilities::from_json(json)?);
    }
    if let Some(principal) = principal {
        read = read.principal(principal);
    }
    Ok(read)
}

/// The reason of a FANFARE_END_...
pub(super) fn end_reason(number: u32) -> Result<EndReason, Failure> {
    choice("reason", number, &END_REASONS)
}

/// Says goodbye; reason is one of FANFARE_END_... What is queued and the protocol's closing frames
/// can still be drained: the results of the session's listens for FANFARE_END_GRACEFUL and
/// FANFARE_END_SHUTDOWN, errors that name the reason for FANFARE_END_LIMIT and
/// FANFARE_END_REVOKED. FANFARE_END_LAGGED drops what is queued and leaves the errors;
/// FANFARE_END_CANCELLED and FANFARE_END_DISCONNECTED leave nothing. After its last frame the
/// session is gone.
///
/// Any thread, callbacks included.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE; FANFARE_E_INVALID_ARGUMENT: no such reason.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_end(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    reason: u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        Ok(engine.engine.end(SessionId::from_raw(session), end_reason(reason)?)?)
    })
}

/// The peer is gone: nothing more can be drained, and the handle is stale at once. If a frame
/// callback of the session is running on another thread, this waits for it (so hold no lock that
/// the callback wants), and has dropped the session's callback when it returns. Called from inside
/// a callback it does not wait; the drop then comes with the last callback's return.
///
/// Any thread, callbacks included: also the session's own.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE: it had ended before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_close(
    engine: *mut fanfare_engine,
    session: fanfare_session,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        Ok(engine.engine.close(SessionId::from_raw(session))?)
    })
}

/// Stops offering this session's output, because its socket is full, say: it is not ready
/// meanwhile, and does not make the file descriptor readable.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_pause(
    engine: *mut fanfare_engine,
    session: fanfare_session,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        Ok(engine.engine.pause(SessionId::from_raw(session))?)
    })
}

/// Offers it again: after fanfare_session_pause(), or after a callback that said "not now".
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_resume(
    engine: *mut fanfare_engine,
    session: fanfare_session,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        Ok(engine.engine.resume(SessionId::from_raw(session))?)
    })
}

/// The revision that the session lives by: one of FANFARE_REVISION_..., or 0 while none has been
/// negotiated and for an open session.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_revision(
    engine: *const fanfare_engine,
    session: fanfare_session,
    out_revision: *mut u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) =
            unsafe { (self::engine(engine)?, Out::required("out_revision", out_revision)?) };
        let revision = engine.engine.revision(SessionId::from_raw(session))?;
        out.set(revision.map_or(0, |revision| number_of(&revision, &REVISIONS)));
        Ok(())
    })
}

/// The user_data that the session was opened with.
///
/// Any thread. Ownership: unchanged; the engine never looks at it.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_user_data(
    engine: *const fanfare_engine,
    session: fanfare_session,
    out_user_data: *mut *mut c_void,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, out) =
            unsafe { (self::engine(engine)?, Out::required("out_user_data", out_user_data)?) };
        out.set(user_data_pointer(engine.engine.user_data(SessionId::from_raw(session))?));
        Ok(())
    })
}

/// What the session has had and holds. Set out->struct_size to sizeof(*out) before.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE; FANFARE_E_INVALID_ARGUMENT: struct_size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_session_stats(
    engine: *const fanfare_engine,
    session: fanfare_session,
    out: *mut fanfare_session_counters,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise; the struct is as `give_sized` asks.
        unsafe {
            let engine = self::engine(engine)?;
            give_sized("fanfare_session_counters", out, || {
                let stats = engine.engine.session_stats(SessionId::from_raw(session))?;
                Ok(fanfare_session_counters {
                    struct_size: size_of::<fanfare_session_counters>(),
                    queued_frames: stats.queued_frames,
                    queued_bytes: stats.queued_bytes,
                    delivered: stats.delivered,
                    merged: stats.merged,
                    dropped: stats.dropped,
                    subscriptions: stats.subscriptions,
                    requests: stats.requests,
                })
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_its_date_as_a_number() {
        for revision in Revision::ALL {
            let digits = revision.as_str().replace('-', "").parse::<u32>().unwrap();
            assert_eq!(number_of(&revision, &REVISIONS), digits);
        }
    }

    #[test]
    fn the_tables_name_every_value_once() {
        for reason in EndReason::ALL {
            let number = number_of(&reason, &END_REASONS);
            assert_eq!(end_reason(number).unwrap(), reason);
        }
        for framing in Framing::ALL {
            assert_eq!(choice("", number_of(&framing, &FRAMINGS), &FRAMINGS).unwrap(), framing);
        }
        for policy in Overflow::ALL.map(Some) {
            assert_eq!(choice("", number_of(&policy, &OVERFLOWS), &OVERFLOWS).unwrap(), policy);
        }
        for level in crate::protocol::Level::ALL {
            let levels = &super::super::config::LEVELS;
            assert_eq!(choice("", number_of(&level, levels), levels).unwrap(), level);
        }
        assert_eq!(
            end_reason(7).unwrap_err().detail,
            "reason is 7; it takes one of 0, 1, 2, 3, 4, 5, 6"
        );
    }
}
