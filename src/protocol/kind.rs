//! The notifications of the protocol, and the rules of each that do not depend on a session.

/// A kind of thing that can change. All but tasks are told of without content, by a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum NoticeKind {
    ToolList,
    PromptList,
    ResourceList,
    /// One topic per URI.
    Resource,
    /// One topic per task, which is told of with its full state.
    Task,
}

impl NoticeKind {
    /// The kinds that have one topic each, in the order of their discriminants.
    pub(crate) const LISTS: [Self; 3] = [Self::ToolList, Self::PromptList, Self::ResourceList];

    /// Whether there is a topic for each name, rather than one.
    pub(crate) fn is_named(self) -> bool {
        matches!(self, Self::Resource | Self::Task)
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::ToolList => method::TOOL_LIST_CHANGED,
            Self::PromptList => method::PROMPT_LIST_CHANGED,
            Self::ResourceList => method::RESOURCE_LIST_CHANGED,
            Self::Resource => method::RESOURCE_UPDATED,
            Self::Task => method::TASKS,
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
    pub(crate) const ELICITATION_CREATE: &str = "elicitation/create";
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
    /// `notifications/tasks`, to the listens that named the task.
    Task,
    /// `notifications/tasks/status`, to the sessions of 2025-11-25.
    TaskStatus,
    /// `notifications/elicitation/complete`, to the sessions that know the id.
    ElicitationComplete,
    /// Content passes through as it is.
    Event,
    /// Not the host's to raise: the client's own, or made by the engine.
    Reserved,
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
            method::TASK_STATUS => Self::TaskStatus,
            method::ELICITATION_COMPLETE => Self::ElicitationComplete,
            method::TASKS => Self::Task,
            method::INITIALIZED
            | method::CANCELLED
            | method::ROOTS_LIST_CHANGED
            | method::ACKNOWLEDGED
            | method::TYPES_SUBSCRIBE
            | method::TYPES_UNSUBSCRIBE => Self::Reserved,
            name if is_request(name) => Self::Reserved,
            _ => Self::Event,
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
