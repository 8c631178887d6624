//! HTTP requests: which to refuse, what the others are, how the answer to each begins.

use std::ffi::{CString, c_char, c_void};
use std::sync::LazyLock;

use super::endpoint::{ERAS, endpoint, fanfare_http_endpoint, fanfare_http_header, headers};
use super::guard::{Failure, guard};
use super::input::{bytes, choice, fanfare_str, number_of, sized};
use super::output::{Out, check_sized, give_sized, give_text};
use super::session::REVISIONS;
use super::status::fanfare_status::{self, *};
use crate::http::{ALLOWED, Answer, Call, CallKind, EVENT_STREAM_HEADERS, JSON_HEADERS};
use crate::protocol::Revision;

/// A POST of initialize, which begins a session of the legacy era: put a new session id
/// (fanfare_http_session_id_new) on the answer, if it is a success.
pub const FANFARE_HTTP_INITIALIZE: u32 = 0;
/// A POST that is answered: a request, or a batch with one in it.
pub const FANFARE_HTTP_REQUEST: u32 = 1;
/// A POST of notifications and responses alone, which is accepted and not answered.
pub const FANFARE_HTTP_ONE_WAY: u32 = 2;
/// A GET: the client wants the standalone stream of its session, or resumes another.
pub const FANFARE_HTTP_GET: u32 = 3;
/// A DELETE: the client ends its session.
pub const FANFARE_HTTP_DELETE: u32 = 4;

/// The answer has no body: write the status.
pub const FANFARE_HTTP_EMPTY: u32 = 0;
/// The answer is one JSON text: write the status and the body.
pub const FANFARE_HTTP_JSON: u32 = 1;
/// The answer is an event stream: write status 200, the first frame and all that follow as they
/// are, until one has FANFARE_FRAME_LAST.
pub const FANFARE_HTTP_STREAM: u32 = 2;

const KINDS: [(u32, CallKind); 5] = [
    (FANFARE_HTTP_INITIALIZE, CallKind::Initialize),
    (FANFARE_HTTP_REQUEST, CallKind::Request),
    (FANFARE_HTTP_ONE_WAY, CallKind::OneWay),
    (FANFARE_HTTP_GET, CallKind::Get),
    (FANFARE_HTTP_DELETE, CallKind::Delete),
];

/// An HTTP request as your HTTP library has read it. Set struct_size.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_http_request {
    /// sizeof(fanfare_http_request)
    pub struct_size: usize,
    /// "POST", "GET" or another.
    pub method: fanfare_str,
    /// All of its headers; one that stands there twice is there twice. Those that MCP does not
    /// know are passed over.
    pub headers: *const fanfare_http_header,
    /// How many.
    pub header_count: usize,
    /// The body, whole; bound its size while you read it.
    pub body: fanfare_str,
}

/// What an HTTP request is, or how to refuse it. Set struct_size before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_http_call {
    /// sizeof(fanfare_http_call)
    pub struct_size: usize,
    /// 0: it may go on. Else the HTTP status to refuse it with, and no field but allow says
    /// anything.
    pub status: u32,
    /// FANFARE_HTTP_INITIALIZE to FANFARE_HTTP_DELETE.
    pub kind: u32,
    /// FANFARE_HTTP_LEGACY: serve it in its session. FANFARE_HTTP_MODERN: in a session of its own,
    /// of FANFARE_PROFILE_MODERN.
    pub era: u32,
    /// FANFARE_REVISION_...; 0 for initialize, and while that of the session is not settled.
    pub revision: u32,
    /// 1 if the body is a batch.
    pub is_batch: u32,
    /// 0.
    pub reserved: u32,
    /// The session that it belongs to, for which lookup was asked; NULL if none. Points into the
    /// request.
    pub session_id: fanfare_str,
    /// Where a GET goes on: for fanfare_stream_resume(). NULL if nowhere. Points into the request.
    pub last_event_id: fanfare_str,
    /// For status 405: the value of the header Allow; else NULL. Static, terminated.
    pub allow: *const c_char,
}

/// How to answer an HTTP request. Set struct_size before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fanfare_http_response {
    /// sizeof(fanfare_http_response)
    pub struct_size: usize,
    /// The HTTP status.
    pub status: u32,
    /// FANFARE_HTTP_EMPTY, FANFARE_HTTP_JSON or FANFARE_HTTP_STREAM.
    pub kind: u32,
    /// For FANFARE_HTTP_JSON: the body, which is all there is. Points into the frame.
    pub body: fanfare_str,
}

/// Asks for the session with that id. Returns 0 if there is none, or none of this client's;
/// anything else if there is, with *out_revision as fanfare_session_revision() gives it (it is 0
/// before the call). If that says FANFARE_E_GONE, there is none any more. It may call every
/// function.
pub type fanfare_http_lookup_fn = Option<
    unsafe extern "C" fn(
        ctx: *mut c_void,
        session_id: *const c_char,
        len: usize,
        out_revision: *mut u32,
    ) -> i32,
>;

/// Looks at an HTTP request, before the engine sees any of it, and says what it is, or how to
/// refuse it: by where it comes from, its method, what it accepts, its session and its revision,
/// and by whether its headers say what its body says. Nothing has been started then. lookup is
/// asked at most once, and not at all where no session matters; it may be NULL if there are none.
///
/// If out_call->status is not 0, answer with it, with the header Allow if there is one, and with
/// the JSON text that is copied into buf, terminated and cut to cap bytes; *out_len is its full
/// length without the terminator. If the request may go on, that text is empty. If the engine says
/// FANFARE_E_GONE of its session later on, answer with 404.
///
/// Any thread. endpoint may be NULL: all defaults. ctx is not kept. buf may be NULL when cap is 0.
/// FANFARE_OK, also for a refusal; FANFARE_TRUNCATED: the same, but the text was cut;
/// FANFARE_E_NULL; FANFARE_E_UTF8: something in endpoint; FANFARE_E_INVALID_ARGUMENT: something in
/// endpoint or a struct_size, or what lookup says; FANFARE_E_LIMIT: a length beyond 1 GiB;
/// FANFARE_E_VERSION.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_http_check(
    endpoint: *const fanfare_http_endpoint,
    request: *const fanfare_http_request,
    lookup: fanfare_http_lookup_fn,
    ctx: *mut c_void,
    out_call: *mut fanfare_http_call,
    buf: *mut c_char,
    cap: usize,
    out_len: *mut usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise; all zeros is a request.
        let (endpoint, request) =
            unsafe { (self::endpoint(endpoint)?, sized("request", request)?) };
        // SAFETY: the caller's promise.
        let (method, headers, body) = unsafe {
            let headers = self::headers(request.headers, request.header_count)?;
            (request.method.bytes("method")?, headers, request.body.bytes("body")?)
        };
        // SAFETY: the caller's promise.
        unsafe { check_sized("fanfare_http_call", out_call)? };
        let mut wrong = None;
        let lookup = |id: &str| {
            let (function, mut number) = (lookup?, 0);
            // SAFETY: the host passed the function for this context.
            let found = unsafe { function(ctx, id.as_ptr().cast(), id.len(), &raw mut number) };
            if found == 0 {
                return None;
            }
            let revision = settled("the revision from lookup", number);
            revision.map_err(|failure| wrong = Some(failure)).ok()
        };
        // No method has other characters.
        let method = std::str::from_utf8(method).unwrap_or_default();
        let checked = endpoint.check(method, &headers, body, lookup);
        if let Some(failure) = wrong {
            return Err(failure);
        }
        let (call, text) = match &checked {
            Ok(call) => (accepted(call), ""),
            Err(refusal) => {
                let allow = refusal.allow.map_or(std::ptr::null(), terminated);
                let status = refusal.status.into();
                (fanfare_http_call { status, allow, ..NO_CALL }, &*refusal.body)
            }
        };
        // SAFETY: the caller's promise; the struct is as `give_sized` asks.
        unsafe {
            let given = give_text(text, buf, cap, out_len)?;
            give_sized("fanfare_http_call", out_call, || Ok(call))?;
            Ok(given)
        }
    })
}

/// How to answer a request that fanfare_http_check() let go on, by the first frame that there is
/// for it: of the stream that you opened for it, in FANFARE_FRAMING_SSE or FANFARE_FRAMING_JSON,
/// or a response of your own. NULL with length 0: there is none yet. A response that comes first
/// goes out as JSON, an error with the status of its code; anything else begins a stream.
///
/// Any thread. endpoint may be NULL: all defaults. call is what fanfare_http_check() has written.
/// FANFARE_OK; FANFARE_EMPTY: wait for the first frame, *out is untouched; FANFARE_E_NULL;
/// FANFARE_E_STATE: call was refused; FANFARE_E_UTF8: something in endpoint;
/// FANFARE_E_INVALID_ARGUMENT: something in endpoint or call, or a struct_size; FANFARE_E_LIMIT: a
/// length beyond 1 GiB; FANFARE_E_VERSION.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_http_answer(
    endpoint: *const fanfare_http_endpoint,
    call: *const fanfare_http_call,
    frame: *const c_char,
    len: usize,
    out: *mut fanfare_http_response,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise; all zeros is a call.
        let (endpoint, call, frame) = unsafe {
            (self::endpoint(endpoint)?, sized("call", call)?, bytes("frame", frame, len)?)
        };
        if call.status != 0 {
            let text = format!("call was refused with {}; it has no answer", call.status);
            return Err(Failure::new(FANFARE_E_STATE, text));
        }
        let call = Call {
            kind: choice("call.kind", call.kind, &KINDS)?,
            era: choice("call.era", call.era, &ERAS)?,
            revision: settled("call.revision", call.revision)?,
            session_id: None,
            last_event_id: None,
            is_batch: call.is_batch != 0,
            id: None,
        };
        // SAFETY: the caller's promise.
        unsafe { check_sized("fanfare_http_response", out)? };
        let Some(answer) = endpoint.answer(&call, (!frame.is_empty()).then_some(frame)) else {
            return Ok(FANFARE_EMPTY);
        };
        let (kind, body) = match answer {
            Answer::Empty { .. } => (FANFARE_HTTP_EMPTY, NO_TEXT),
            Answer::Json { body, .. } => (FANFARE_HTTP_JSON, body.into()),
            Answer::Stream => (FANFARE_HTTP_STREAM, NO_TEXT),
        };
        let struct_size = size_of::<fanfare_http_response>();
        let status = answer.status().into();
        // SAFETY: the caller's promise; the struct is as `give_sized` asks.
        unsafe {
            give_sized("fanfare_http_response", out, || {
                Ok(fanfare_http_response { struct_size, status, kind, body })
            })?;
        }
        Ok(FANFARE_OK)
    })
}

/// The headers that an answer needs beside your own, one by one: kind is FANFARE_HTTP_EMPTY,
/// FANFARE_HTTP_JSON or FANFARE_HTTP_STREAM, index counts from 0. Both texts are static and
/// terminated. A refusal is FANFARE_HTTP_JSON.
///
/// Any thread.
/// FANFARE_OK; FANFARE_EMPTY: there are no more, the outputs are untouched; FANFARE_E_NULL;
/// FANFARE_E_INVALID_ARGUMENT: kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_http_response_header(
    kind: u32,
    index: usize,
    out_name: *mut *const c_char,
    out_value: *mut *const c_char,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (out_name, out_value) = unsafe {
            (Out::required("out_name", out_name)?, Out::required("out_value", out_value)?)
        };
        let headers = choice("kind", kind, &RESPONSE_HEADERS)?;
        let Some((name, value)) = headers.get(index) else { return Ok(FANFARE_EMPTY) };
        out_name.set(terminated(name));
        out_value.set(terminated(value));
        Ok(FANFARE_OK)
    })
}

type Pairs = &'static [(&'static str, &'static str)];

const RESPONSE_HEADERS: [(u32, Pairs); 3] = [
    (FANFARE_HTTP_EMPTY, &[]),
    (FANFARE_HTTP_JSON, JSON_HEADERS),
    (FANFARE_HTTP_STREAM, EVENT_STREAM_HEADERS),
];

const NO_TEXT: fanfare_str = fanfare_str { ptr: std::ptr::null(), len: 0 };

const NO_CALL: fanfare_http_call = fanfare_http_call {
    struct_size: size_of::<fanfare_http_call>(),
    status: 0,
    kind: 0,
    era: 0,
    revision: 0,
    is_batch: 0,
    reserved: 0,
    session_id: NO_TEXT,
    last_event_id: NO_TEXT,
    allow: std::ptr::null(),
};

fn accepted(call: &Call<'_>) -> fanfare_http_call {
    let text = |text: Option<&str>| text.map_or(NO_TEXT, |text| text.as_bytes().into());
    fanfare_http_call {
        kind: number_of(&call.kind, &KINDS),
        era: number_of(&call.era, &ERAS),
        revision: call.revision.map_or(0, |revision| number_of(&revision, &REVISIONS)),
        is_batch: call.is_batch.into(),
        session_id: text(call.session_id),
        last_event_id: text(call.last_event_id),
        ..NO_CALL
    }
}

/// A revision, or 0 for one that is not settled.
fn settled(name: &str, number: u32) -> Result<Option<Revision>, Failure> {
    if number == 0 { Ok(None) } else { choice(name, number, &REVISIONS).map(Some) }
}

/// A static text of the Rust half, as C wants it.
fn terminated(text: &'static str) -> *const c_char {
    static TEXTS: LazyLock<Vec<CString>> = LazyLock::new(|| {
        let pairs = RESPONSE_HEADERS.iter().flat_map(|(_, pairs)| pairs.iter());
        let texts = pairs.flat_map(|(name, value)| [*name, *value]).chain(ALLOWED);
        texts.map(|text| CString::new(text).expect("no header has a NUL in it")).collect()
    });
    let found = TEXTS.iter().find(|one| one.as_bytes() == text.as_bytes());
    found.expect("every text that is given out is in the list").as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_static_text_can_be_given_out() {
        for text in ALLOWED.into_iter().chain(["Content-Type", "no", "application/json"]) {
            // SAFETY: what is given out is terminated and static.
            assert_eq!(unsafe { std::ffi::CStr::from_ptr(terminated(text)) }.to_str(), Ok(text));
        }
    }
}
