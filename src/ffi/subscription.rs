//! Subscriptions: what a session wants to hear, said by the host in place of a wire message.

use std::ffi::c_char;

use super::engine::{engine, fanfare_engine};
use super::guard::guard;
use super::input::text;
use super::output::Out;
use super::session::{end_reason, fanfare_session};
use super::status::fanfare_status;
use super::stream::{self, fanfare_stream};
use crate::params::{SessionId, SubscriptionId};

/// Names one subscriptions/listen of a session: a number that the engine never gives out again, 0
/// for none.
pub type fanfare_subscription = u64;

/// Subscribes a legacy or open session to a resource, as resources/subscribe does.
///
/// Any thread. uri is copied. Twice is once.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_INVALID_ARGUMENT: it is empty;
/// FANFARE_E_GONE; FANFARE_E_NOT_NEGOTIATED: the session is not initialized yet, or modern;
/// FANFARE_E_LIMIT: the options uri.max_bytes, session.max_filter_bytes and those that end in
/// max_subscriptions;
/// FANFARE_E_DENIED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_subscribe(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    uri: *const c_char,
    uri_len: usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, uri) = unsafe { (self::engine(engine)?, text("uri", uri, uri_len)?) };
        Ok(engine.engine.subscribe(SessionId::from_raw(session), uri)?)
    })
}

/// Takes it back, as resources/unsubscribe does; what is queued of that resource is dropped.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_GONE: the session, or there was no such
/// subscription; FANFARE_E_NOT_NEGOTIATED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_unsubscribe(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    uri: *const c_char,
    uri_len: usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, uri) = unsafe { (self::engine(engine)?, text("uri", uri, uri_len)?) };
        Ok(engine.engine.unsubscribe(SessionId::from_raw(session), uri)?)
    })
}

/// Subscribes a legacy or open session to every resource that a URI template matches: one of level
/// 1 of RFC 6570, as in file:///{dir}/{name}, of which each expression matches one run of unreserved
/// or percent-encoded characters. Clients cannot: on the wire a template is a URI like any other.
/// Each resource that is raised takes a place in the session's queue while it waits, as an event
/// does. fanfare_authorize_fn is not asked.
///
/// Any thread. uri_template is copied. Twice is once.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_INVALID_ARGUMENT: it is no such template
/// (the text names the place); FANFARE_E_GONE; FANFARE_E_NOT_NEGOTIATED: the session is not
/// initialized yet, or modern; FANFARE_E_LIMIT: the options uri.max_bytes,
/// session.max_filter_bytes and those that end in max_subscriptions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_subscribe_template(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    uri_template: *const c_char,
    uri_template_len: usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, template) = unsafe {
            (self::engine(engine)?, text("uri_template", uri_template, uri_template_len)?)
        };
        Ok(engine.engine.subscribe_template(SessionId::from_raw(session), template)?)
    })
}

/// Takes it back; what is queued of resources that nothing else of the session covers is dropped.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_GONE: the session, or there was no such
/// subscription; FANFARE_E_NOT_NEGOTIATED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_unsubscribe_template(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    uri_template: *const c_char,
    uri_template_len: usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, template) = unsafe {
            (self::engine(engine)?, text("uri_template", uri_template, uri_template_len)?)
        };
        Ok(engine.engine.unsubscribe_template(SessionId::from_raw(session), template)?)
    })
}

/// Opens a subscription of a modern session, as subscriptions/listen does: id is the JSON text of
/// the request id, filter that of the params' notifications member. The acknowledgment is queued.
/// With taskIds in it you vouch for the client, that it declares the extension.
///
/// Any thread. id and filter are copied.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_JSON: filter; FANFARE_E_INVALID_ARGUMENT:
/// id is not a string or an integer, or is in use; FANFARE_E_GONE: session or stream;
/// FANFARE_E_STATE: it has several streams and 0 was given; FANFARE_E_NOT_NEGOTIATED: not a modern
/// session; FANFARE_E_LIMIT: the options filter.max_uris, filter.max_bytes, uri.max_bytes,
/// session.max_filter_bytes and those that end in max_subscriptions; FANFARE_E_DENIED.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_listen(
    engine: *mut fanfare_engine,
    session: fanfare_session,
    stream: fanfare_stream,
    id: *const c_char,
    id_len: usize,
    filter: *const c_char,
    filter_len: usize,
    out: *mut fanfare_subscription,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, id, filter, out) = unsafe {
            let (id, filter) = (text("id", id, id_len)?, text("filter", filter, filter_len)?);
            (self::engine(engine)?, id, filter, Out::required("out", out)?)
        };
        let (session, stream) = (SessionId::from_raw(session), stream::optional(stream));
        out.set(engine.engine.listen(session, stream, id, filter)?.to_raw());
        Ok(())
    })
}

/// The subscription that a client opened by a subscriptions/listen with that request id, which is
/// given as JSON text: "7" and "\"7\"" are two.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_INVALID_ARGUMENT: id is not a string or an
/// integer; FANFARE_E_GONE: there is none (any more).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_subscription_find(
    engine: *const fanfare_engine,
    session: fanfare_session,
    id: *const c_char,
    id_len: usize,
    out: *mut fanfare_subscription,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, id, out) =
            unsafe { (self::engine(engine)?, text("id", id, id_len)?, Out::required("out", out)?) };
        out.set(engine.engine.subscription(SessionId::from_raw(session), id)?.to_raw());
        Ok(())
    })
}

/// Ends a subscription; reason is one of FANFARE_END_... What is queued of it goes out first, then
/// its result (FANFARE_END_GRACEFUL, FANFARE_END_SHUTDOWN) or an error that names the reason
/// (FANFARE_END_LIMIT, FANFARE_END_REVOKED). With FANFARE_END_LAGGED the error only, and with
/// FANFARE_END_CANCELLED and FANFARE_END_DISCONNECTED nothing more goes out.
///
/// Any thread, callbacks included.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_GONE; FANFARE_E_INVALID_ARGUMENT: no such reason.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_subscription_end(
    engine: *mut fanfare_engine,
    subscription: fanfare_subscription,
    reason: u32,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let engine = unsafe { self::engine(engine)? };
        let (subscription, reason) = (SubscriptionId::from_raw(subscription), end_reason(reason)?);
        Ok(engine.engine.end_subscription(subscription, reason)?)
    })
}

/// How many subscriptions would hear of an update of a resource: work that nobody would hear of can be spared.
///
/// Any thread.
/// FANFARE_OK; FANFARE_E_NULL; FANFARE_E_UTF8; FANFARE_E_LIMIT: a length beyond 1 GiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_subscriber_count(
    engine: *const fanfare_engine,
    uri: *const c_char,
    uri_len: usize,
    out_n: *mut usize,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, uri, out) = unsafe {
            (self::engine(engine)?, text("uri", uri, uri_len)?, Out::required("out_n", out_n)?)
        };
        out.set(engine.engine.subscriber_count(uri));
        Ok(())
    })
}
