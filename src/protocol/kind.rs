//! The notifications of the protocol, and the rules of each that do not depend on a session.

use crate::protocol::Revision;

/// A kind of notice: something that can change, told without content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum NoticeKind {
    ToolList,
    PromptList,
    ResourceList,
    /// One topic per URI.
    Resource,
}

impl NoticeKind {
    /// The kinds that have one topic each, in the order of their discriminants.
    pub(crate) const LISTS: [Self; 3] = [Self::ToolList, Self::PromptList, Self::ResourceList];

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::ToolList => method::TOOL_LIST_CHANGED,
            Self::PromptList => method::PROMPT_LIST_CHANGED,
            Self::ResourceList => method::RESOURCE_LIST_CHANGED,
            Self::Resource => method::RESOURCE_UPDATED,
        }
    }
}

/// Method names.
pub(crate) mod method {
    pub(crate) const INITIALIZE: &str = "initialize";
    pub(crate) const PING: &str = "ping";
    pub(crate) const DISCOVER: &str = "server/discover";
    pub(crate) const SET_LEVEL: &str = "logging/setLevel";
    pub(crate) const SUBSCRIBE: &str = "resources/subscribe";
    pub(crate) const UNSUBSCRIBE: &str = "resources/unsubscribe";
    pub(crate) const LISTEN: &str = "subscriptions/listen";
    pub(crate) const INITIALIZED: &str = "notifications/initialized";
    pub(crate) const CANCELLED: &str = "notifications/cancelled";
    pub(crate) const PROGRESS: &str = "notifications/progress";
    pub(crate) const MESSAGE: &str = "notifications/message";
    pub(crate) const TOOL_LIST_CHANGED: &str = "notifications/tools/list_changed";
    pub(crate) const PROMPT_LIST_CHANGED: &str = "notifications/prompts/list_changed";
    pub(crate) const RESOURCE_LIST_CHANGED: &str = "notifications/resources/list_changed";
    pub(crate) const RESOURCE_UPDATED: &str = "notifications/resources/updated";
    pub(crate) const ROOTS_LIST_CHANGED: &str = "notifications/roots/list_changed";
    pub(crate) const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
    pub(crate) const TASK_STATUS: &str = "notifications/tasks/status";
    pub(crate) const ELICITATION_COMPLETE: &str = "notifications/elicitation/complete";
    pub(crate) const TASKS: &str = "notifications/tasks";
    pub(crate) const TYPES_SUBSCRIBE: &str = "notifications/subscribe";
    pub(crate) const TYPES_UNSUBSCRIBE: &str = "notifications/unsubscribe";
}

/// How a notification that a host raises by method name is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Notice(NoticeKind),
    Progress,
    Message,
    /// Content passes through as it is, to the sessions whose revision has the method (R3).
    Event(Admission),
    /// Not the host's to raise: the client's own, or made by the engine.
    Reserved,
}

/// Which sessions may be sent a pass-through event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Any session that hears of events at all.
    Any,
    /// Open sessions, and those of one revision.
    Only(Revision),
    /// Open sessions, and the one session of that revision that is named (R68).
    Named(Revision),
}

impl Route {
    pub(crate) fn of(method: &str) -> Self {
        match method {
            method::TOOL_LIST_CHANGED => Self::Notice(NoticeKind::ToolList),
            method::PROMPT_LIST_CHANGED => Self::Notice(NoticeKind::PromptList),
            method::RESOURCE_LIST_CHANGED => Self::Notice(NoticeKind::ResourceList),
            method::RESOURCE_UPDATED => Self::Notice(NoticeKind::Resource),
            method::PROGRESS => Self::Progress,
            method::MESSAGE => Self::Message,
            method::TASK_STATUS => Self::Event(Admission::Only(Revision::V2025_11_25)),
            method::ELICITATION_COMPLETE => Self::Event(Admission::Named(Revision::V2025_11_25)),
            // An extension of 2026-07-28, heard on a listen only.
            method::TASKS => Self::Event(Admission::Only(Revision::MODERN)),
            method::INITIALIZED
            | method::CANCELLED
            | method::ROOTS_LIST_CHANGED
            | method::ACKNOWLEDGED
            | method::TYPES_SUBSCRIBE
            | method::TYPES_UNSUBSCRIBE => Self::Reserved,
            name if is_request(name) => Self::Reserved,
            _ => Self::Event(Admission::Any),
        }
    }
}

/// Whether a method is a request of the protocol's, which must not go out as a notification (R3).
pub(crate) fn is_request(name: &str) -> bool {
    const OTHERS: [&str; 4] = [method::INITIALIZE, method::PING, method::DISCOVER, method::LISTEN];
    const PREFIXES: [&str; 9] = [
        "tools/",
        "resources/",
        "prompts/",
        "logging/",
        "completion/",
        "sampling/",
        "roots/",
        "elicitation/",
        "tasks/",
    ];
    OTHERS.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Requests of older revisions that 2026-07-28 took away (R61).
pub(crate) fn is_removed_in_modern(name: &str) -> bool {
    matches!(
        name,
        method::INITIALIZE
            | method::PING
            | method::SET_LEVEL
            | method::SUBSCRIBE
            | method::UNSUBSCRIBE
    )
}
