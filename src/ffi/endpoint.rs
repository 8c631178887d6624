//! An HTTP endpoint as its host describes it, and what can be asked of it without a request.

use std::ffi::c_char;

use super::guard::{Failure, guard};
use super::input::{bytes, choice, fanfare_str, items, sized};
use super::output::{Out, give_text};
use super::status::fanfare_status;
use crate::http::{
    Endpoint, Era, Headers, Hosts, Origins, Statuses, is_session_id, new_session_id,
};

/// 2025-03-26 to 2025-11-25: sessions that begin with initialize.
pub const FANFARE_HTTP_LEGACY: u32 = 0;
/// 2026-07-28: each request stands alone.
pub const FANFARE_HTTP_MODERN: u32 = 1;

/// In fanfare_http_endpoint.flags: does not serve the legacy era, GET and DELETE included.
pub const FANFARE_HTTP_NO_LEGACY: u32 = 1;
/// In fanfare_http_endpoint.flags: does not serve 2026-07-28.
pub const FANFARE_HTTP_NO_MODERN: u32 = 2;
/// In fanfare_http_endpoint.flags: gives out no session ids; each request of the legacy era is
/// served on its own, and there is neither GET nor DELETE.
pub const FANFARE_HTTP_NO_SESSIONS: u32 = 4;
/// In fanfare_http_endpoint.flags: refuses GET with 405.
pub const FANFARE_HTTP_NO_GET: u32 = 8;
/// In fanfare_http_endpoint.flags: refuses DELETE with 405.
pub const FANFARE_HTTP_NO_DELETE: u32 = 16;
/// In fanfare_http_endpoint.flags: pages that come from this machine may not call, unless listed.
pub const FANFARE_HTTP_NO_LOOPBACK_ORIGINS: u32 = 32;
/// In fanfare_http_endpoint.flags: answers to the names of this machine for itself, and to those
/// that are listed, only.
pub const FANFARE_HTTP_LOOPBACK_HOSTS: u32 = 64;

pub(super) const ERAS: [(u32, Era); 2] =
    [(FANFARE_HTTP_LEGACY, Era::Legacy), (FANFARE_HTTP_MODERN, Era::Modern)];

/// One HTTP endpoint of yours, as your choices describe it. Set everything to zero, struct_size to
/// sizeof, and then what differs: zero is the default of every field. Nothing of it is kept.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_http_endpoint {
    /// sizeof(fanfare_http_endpoint)
    pub struct_size: usize,
    /// FANFARE_HTTP_NO_... and FANFARE_HTTP_LOOPBACK_HOSTS, added up. 0: both eras, with session
    /// ids, GET and DELETE; pages from this machine may call.
    pub flags: u32,
    /// The status of an error -32602 in 2026-07-28. 0: 400.
    pub invalid_params_status: u32,
    /// The status of an error -32603 in 2026-07-28. 0: 200.
    pub internal_error_status: u32,
    /// 0.
    pub reserved: u32,
    /// The origins that may call besides, as in "https://app.example" or "null".
    pub origins: *const fanfare_str,
    /// How many.
    pub origin_count: usize,
    /// The names by which it may be called, as in "mcp.example" (with any port) or
    /// "mcp.example:8443". None, and no FANFARE_HTTP_LOOPBACK_HOSTS: every name.
    pub hosts: *const fanfare_str,
    /// How many.
    pub host_count: usize,
}

/// One header: its name, of which the case does not matter, and its value. This struct never
/// changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_http_header {
    /// As in "Accept".
    pub name: fanfare_str,
    /// Bytes; they need not be UTF-8.
    pub value: fanfare_str,
}

/// The part of fanfare_http_check() that needs no body, for a host that wants to know before it
/// reads one: whether Origin and Host are ones that may call. *out_status is 0, or 403.
///
/// Any thread. endpoint may be NULL: all defaults.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8, FANFARE_E_INVALID_ARGUMENT: something in endpoint;
/// FANFARE_E_LIMIT: a length beyond 1 GiB; FANFARE_E_VERSION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_http_check_origin(
    endpoint: *const fanfare_http_endpoint,
    headers: *const fanfare_http_header,
    header_count: usize,
    out_status: *mut u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (endpoint, headers, out) = unsafe {
            let out = Out::required("out_status", out_status)?;
            (self::endpoint(endpoint)?, self::headers(headers, header_count)?, out)
        };
        out.set(endpoint.check_origin(&headers).err().map_or(0, |refusal| refusal.status.into()));
        Ok(())
    })
}

/// The HTTP status of a response that is an error with that code: what fanfare_http_answer() finds
/// for a frame. era is FANFARE_HTTP_LEGACY or FANFARE_HTTP_MODERN.
///
/// Any thread. endpoint may be NULL: all defaults.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8: something in endpoint; FANFARE_E_INVALID_ARGUMENT: era,
/// or something in endpoint; FANFARE_E_LIMIT: a length beyond 1 GiB; FANFARE_E_VERSION.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_http_status(
    endpoint: *const fanfare_http_endpoint,
    era: u32,
    code: i64,
    out_status: *mut u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (endpoint, out) =
            unsafe { (self::endpoint(endpoint)?, Out::required("out_status", out_status)?) };
        out.set(endpoint.status(choice("era", era, &ERAS)?, code).into());
        Ok(())
    })
}

/// Makes a session id that nobody can guess, for the header MCP-Session-Id: 32 characters, copied
/// into buf and terminated. *out_len is its length without the terminator.
///
/// Any thread. buf is yours.
/// FANFARE_OK; FANFARE_TRUNCATED: buf is too small, and holds no id that could be used;
/// FANFARE_E_NULL; FANFARE_E_OS: the system has no random bytes to give; FANFARE_E_LIMIT: cap is
/// beyond 1 GiB.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_http_session_id_new(
    buf: *mut c_char,
    cap: usize,
    out_len: *mut usize,
) -> fanfare_status {
    guard(|| {
        let id = new_session_id()?;
        // SAFETY: the caller's promise.
        unsafe { give_text(&id, buf, cap, out_len) }
    })
}

/// Whether that can be a session id (*out_valid is 1): one character or more, all visible ASCII.
/// fanfare_http_check() looks at those that come in; this is for ids of your own making.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_LIMIT: a length beyond 1 GiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_http_session_id_valid(
    id: *const c_char,
    len: usize,
    out_valid: *mut u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (id, out) = unsafe { (bytes("id", id, len)?, Out::required("out_valid", out_valid)?) };
        out.set(is_session_id(id).into());
        Ok(())
    })
}

/// What a host says of its endpoint; NULL is the default of everything.
///
/// # Safety
/// As the header says of a struct, and of the arrays in it.
pub(super) unsafe fn endpoint(ptr: *const fanfare_http_endpoint) -> Result<Endpoint, Failure> {
    if ptr.is_null() {
        return Ok(Endpoint::new());
    }
    // SAFETY: passed on; all zeros is an endpoint.
    let given = unsafe { sized("endpoint", ptr)? };
    if given.reserved != 0 {
        let reserved = given.reserved;
        return Err(Failure::invalid(format!("endpoint.reserved is {reserved}; it must be 0")));
    }
    const KNOWN: u32 = 2 * FANFARE_HTTP_LOOPBACK_HOSTS - 1;
    if given.flags & !KNOWN != 0 {
        let flags = given.flags;
        return Err(Failure::invalid(format!("endpoint.flags is {flags:#x}; it takes {KNOWN:#x}")));
    }
    let has = |flag: u32| given.flags & flag != 0;
    let mut endpoint = match (has(FANFARE_HTTP_NO_LEGACY), has(FANFARE_HTTP_NO_MODERN)) {
        (false, false) => Endpoint::new(),
        (true, false) => Endpoint::new().only(Era::Modern),
        (false, true) => Endpoint::new().only(Era::Legacy),
        (true, true) => return Err(Failure::invalid("endpoint.flags leave no era to serve")),
    };
    if has(FANFARE_HTTP_NO_SESSIONS) {
        endpoint = endpoint.without_sessions();
    }
    if has(FANFARE_HTTP_NO_GET) {
        endpoint = endpoint.without_get();
    }
    if has(FANFARE_HTTP_NO_DELETE) {
        endpoint = endpoint.without_delete();
    }
    let is_local = !has(FANFARE_HTTP_NO_LOOPBACK_ORIGINS);
    let mut origins = if is_local { Origins::loopback() } else { Origins::none() };
    // SAFETY: passed on.
    for origin in unsafe { items("endpoint.origins", given.origins, given.origin_count)? } {
        // SAFETY: passed on.
        origins = origins.allow(unsafe { origin.text("endpoint.origins")? })?;
    }
    let mut hosts = match (has(FANFARE_HTTP_LOOPBACK_HOSTS), given.host_count) {
        (true, _) => Hosts::loopback(),
        (false, 0) => Hosts::any(),
        (false, _) => Hosts::none(),
    };
    // SAFETY: passed on.
    for host in unsafe { items("endpoint.hosts", given.hosts, given.host_count)? } {
        // SAFETY: passed on.
        hosts = hosts.allow(unsafe { host.text("endpoint.hosts")? })?;
    }
    let default = Statuses::default();
    let statuses = Statuses {
        invalid_params: http_status(given.invalid_params_status, default.invalid_params)?,
        internal_error: http_status(given.internal_error_status, default.internal_error)?,
    };
    Ok(endpoint.origins(origins).hosts(hosts).statuses(statuses))
}

fn http_status(number: u32, default: u16) -> Result<u16, Failure> {
    match u16::try_from(number) {
        Ok(0) => Ok(default),
        Ok(status @ 200..=599) => Ok(status),
        _ => Err(Failure::invalid(format!("endpoint: {number} is no status from 200 to 599"))),
    }
}

/// # Safety
/// As the header says of an array, and of the texts in it.
pub(super) unsafe fn headers<'a>(
    ptr: *const fanfare_http_header,
    count: usize,
) -> Result<Headers<'a>, Failure> {
    // SAFETY: passed on.
    let pairs = unsafe { items("headers", ptr, count)? };
    let pairs = pairs.into_iter().map(|header| {
        // SAFETY: passed on.
        let (name, value) =
            unsafe { (header.name.bytes("a header's name")?, header.value.bytes("its value")?) };
        // No name that is looked for has other characters.
        Ok((std::str::from_utf8(name).unwrap_or_default(), value))
    });
    pairs.collect()
}
