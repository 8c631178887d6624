//! Authorization: the host is asked who may hear of what, and takes it back.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::callback::Context;
use super::config::user_data_pointer;
use super::engine::{engine, fanfare_engine};
use super::guard::{Failure, guard};
use super::input::{fanfare_str, optional_text};
use super::output::Out;
use super::session::fanfare_session;
use super::status::fanfare_status;
use crate::engine::AccessRequest;
use crate::params::{Access, Topic};

/// Every topic. Only where a function says that it takes it.
pub const FANFARE_TOPIC_ANY: u32 = 0;
/// The list of tools.
pub const FANFARE_TOPIC_TOOL_LIST: u32 = 1;
/// The list of prompts.
pub const FANFARE_TOPIC_PROMPT_LIST: u32 = 2;
/// The list of resources.
pub const FANFARE_TOPIC_RESOURCE_LIST: u32 = 3;
/// One resource: its name is its URI.
pub const FANFARE_TOPIC_RESOURCE: u32 = 4;

/// The client may hear of the topic.
pub const FANFARE_ACCESS_ALLOW: i32 = 0;
/// It may not, and is not told so: a listen leaves the topic out of what it acknowledges, a
/// resources/subscribe is answered as if nothing were amiss.
pub const FANFARE_ACCESS_OMIT: i32 = 1;
/// It may not, and what it asked for fails (-32602). Asked again, what it has ends
/// (FANFARE_END_REVOKED) if it is a listen.
pub const FANFARE_ACCESS_REFUSE: i32 = 2;

const ACCESSES: [(i32, Access); 3] = [
    (FANFARE_ACCESS_ALLOW, Access::Allow),
    (FANFARE_ACCESS_OMIT, Access::Omit),
    (FANFARE_ACCESS_REFUSE, Access::Refuse),
];

/// A question to the host: may the client of that session hear of that topic? Later versions may
/// append fields.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_access_request {
    /// The session that subscribes. When access is looked at again, one of those of the principal
    /// that hold the topic.
    pub session: fanfare_session,
    /// What the session was opened with.
    pub user_data: *mut c_void,
    /// Who the client is. NULL: the session was opened without a principal, and the answer counts
    /// for it alone.
    pub principal: fanfare_str,
    /// One of FANFARE_TOPIC_..., but never FANFARE_TOPIC_ANY.
    pub topic: u32,
    /// 1 if it holds the topic already and fanfare_revoke() asks, 0 if it subscribes.
    pub is_again: u32,
    /// The name of a topic that has one. NULL for lists.
    pub name: fanfare_str,
}

/// Asked whether a client may hear of a topic. Returns one of FANFARE_ACCESS_...; any other value
/// counts as FANFARE_ACCESS_REFUSE. FANFARE_ACCESS_ALLOW holds for all sessions of the principal as
/// long as one of them holds the topic, or until it is revoked; the others are asked for each time.
///
/// Asked when a session subscribes by subscriptions/listen or resources/subscribe, or through
/// fanfare_listen() or fanfare_subscribe(); when the handshake of a legacy session is done, about
/// the lists of which it hears unasked; and by fanfare_revoke(). Not asked about what an open
/// session hears because it named nothing, nor about single resources within a container that was
/// allowed (the option resources.match).
///
/// On the thread whose call caused it, with no lock held; that call waits for the answer. From
/// several threads at once, if several are in such calls. The struct is valid during the call. It
/// may call everything but fanfare_engine_free of its own engine.
pub type fanfare_authorize_fn =
    Option<unsafe extern "C" fn(ctx: *mut c_void, request: *const fanfare_access_request) -> i32>;

/// What fanfare_revoke() found and did. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_revoked {
    /// Pairs of a principal and a topic about which the host was asked.
    pub asked: usize,
    /// Subscriptions that heard of a topic and do so no more, those that ended among them.
    pub withdrawn: usize,
    /// Subscriptions that hear of a topic again.
    pub restored: usize,
    /// Listens that ended, as FANFARE_END_REVOKED.
    pub ended: usize,
}

pub(super) type AuthorizeFn =
    unsafe extern "C" fn(*mut c_void, *const fanfare_access_request) -> i32;

/// What the engine has to call in order to ask.
pub(super) fn authorizer(
    function: AuthorizeFn,
    context: Arc<Context>,
    engine: u64,
) -> impl Fn(&AccessRequest<'_>) -> Access + Send + Sync + 'static {
    move |request| {
        let none = fanfare_str { ptr: std::ptr::null(), len: 0 };
        let (topic, name) = topic_of(request.topic);
        let request = fanfare_access_request {
            session: request.session.to_raw(),
            user_data: user_data_pointer(request.user_data),
            principal: request.principal.map_or(none, |name| name.as_bytes().into()),
            topic,
            is_again: u32::from(request.is_again),
            name: name.map_or(none, |name| name.as_bytes().into()),
        };
        // SAFETY: the host registered the function for this context.
        let answer = context.call(engine, |ctx| unsafe { function(ctx, &request) });
        let known = ACCESSES.iter().find(|(number, _)| *number == answer);
        known.map_or(Access::Refuse, |(_, access)| *access)
    }
}

fn topic_of(topic: Topic<'_>) -> (u32, Option<&str>) {
    match topic {
        Topic::ToolList => (FANFARE_TOPIC_TOOL_LIST, None),
        Topic::PromptList => (FANFARE_TOPIC_PROMPT_LIST, None),
        Topic::ResourceList => (FANFARE_TOPIC_RESOURCE_LIST, None),
        Topic::Resource(uri) => (FANFARE_TOPIC_RESOURCE, Some(uri)),
    }
}

/// Has the host asked again whether a principal (NULL: each) may hear of a topic; topic is one of
/// FANFARE_TOPIC_... (FANFARE_TOPIC_ANY: of each that it holds), name that of a topic that has one
/// and NULL for the others. When this returns, nothing is delivered any more that the
/// fanfare_authorize_fn did not allow anew; what was queued of it is dropped. *out says what came
/// of it; out may be NULL.
///
/// Frames that a callback is looking at just now, and those that a legacy stream keeps for its
/// client to resume from, have been delivered already as far as this is concerned.
///
/// Any thread, callbacks included; calls the fanfare_authorize_fn. Texts are read during the call.
/// FANFARE_OK, also if there was nothing to ask about; FANFARE_E_NULL: engine, or name where there
/// must be one; FANFARE_E_UTF8; FANFARE_E_INVALID_ARGUMENT: no such topic, or a name for one that
/// has none; FANFARE_E_STATE: the engine has no fanfare_authorize_fn; FANFARE_E_LIMIT: a length
/// beyond 1 GiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_revoke(
    engine: *mut fanfare_engine,
    principal: *const c_char,
    principal_len: usize,
    topic: u32,
    name: *const c_char,
    name_len: usize,
    out: *mut fanfare_revoked,
) -> fanfare_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (engine, principal, name, out) = unsafe {
            let principal = optional_text("principal", principal, principal_len)?;
            let name = optional_text("name", name, name_len)?;
            (self::engine(engine)?, principal, name, Out::optional(out))
        };
        let revoked = engine.engine.revoke(principal, read_topic(topic, name)?)?;
        out.set(fanfare_revoked {
            asked: revoked.asked,
            withdrawn: revoked.withdrawn,
            restored: revoked.restored,
            ended: revoked.ended,
        });
        Ok(())
    })
}

fn read_topic(number: u32, name: Option<&str>) -> Result<Option<Topic<'_>>, Failure> {
    let topic = match (number, name) {
        (FANFARE_TOPIC_RESOURCE, Some(uri)) => return Ok(Some(Topic::Resource(uri))),
        (FANFARE_TOPIC_RESOURCE, None) => return Err(Failure::null("name")),
        (FANFARE_TOPIC_ANY, _) => None,
        (FANFARE_TOPIC_TOOL_LIST, _) => Some(Topic::ToolList),
        (FANFARE_TOPIC_PROMPT_LIST, _) => Some(Topic::PromptList),
        (FANFARE_TOPIC_RESOURCE_LIST, _) => Some(Topic::ResourceList),
        (other, _) => return Err(Failure::invalid(format!("topic is {other}; it takes 0 to 4"))),
    };
    match name {
        None => Ok(topic),
        Some(_) => Err(Failure::invalid(format!("topic {number} has no name"))),
    }
}
