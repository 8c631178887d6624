//! The words of a sequence: what a host, its clients and the clock can do, each as one command
//! that `fanfare drive` has too. Sessions and streams go by ordinals, in the order of their
//! opening, so that a command means the same to the engine, to the reference and to a script.

use fanfare::{Access, EndReason, Level, Overflow, StreamKind};

/// The JSON text of a request id or a progress token.
pub(crate) type Id = &'static str;

/// Ids that are easily confused: by their type, by their size, by being nothing much.
pub(crate) const IDS: [Id; 7] = ["1", "\"1\"", "0", "\"\"", "9007199254740993", "2", "\"x\""];
pub(crate) const TOKENS: [Id; 4] = ["1", "\"1\"", "0", "9007199254740993"];
/// One that contains another by path segments, one that only begins like it, one with escapes.
pub(crate) const URIS: [&str; 5] =
    ["file:///a", "file:///a/b", "file:///ab", "x:\"q\"\\é", "file:///a/"];
pub(crate) const PRINCIPALS: [&str; 2] = ["p", "q"];

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Tools,
    Prompts,
    Resources,
    Uri(&'static str),
}

impl Topic {
    pub(crate) const LISTS: [Self; 3] = [Self::Tools, Self::Prompts, Self::Resources];

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Uri(_) => "notifications/resources/updated",
        }
    }
}

/// The sets of types that a session may choose.
pub(crate) const TYPES: [&[&str]; 6] = [
    &[],
    &["resources/updated"],
    &["notifications/resources/updated", "progress"],
    &["message", "tools/list_changed"],
    &["custom", "prompts/list_changed", "notifications/message"],
    &["notifications/progress", "resources/list_changed", "tasks/status"],
];

/// What a host advertises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advertised {
    pub(crate) logging: bool,
    /// Of tools, prompts and resources.
    pub(crate) lists: [bool; 3],
    pub(crate) subscribe: bool,
    /// Of 2025-11-25.
    pub(crate) tasks: bool,
}

impl Advertised {
    /// Six bits, each taking something away.
    pub(crate) fn without(bits: u8) -> Self {
        let has = |bit: u8| bits >> bit & 1 == 0;
        Self { logging: has(0), lists: [has(1), has(2), has(3)], subscribe: has(4), tasks: has(5) }
    }

    pub(crate) fn list(self, topic: Topic) -> bool {
        match topic {
            Topic::Tools => self.lists[0],
            Topic::Prompts => self.lists[1],
            Topic::Resources => self.lists[2],
            Topic::Uri(_) => self.subscribe,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Open,
    /// With the place of its revision among all of them.
    Legacy {
        revision: usize,
        handshake: bool,
    },
    Modern,
    Auto,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) rules: Rules,
    pub(crate) advertised: Advertised,
    pub(crate) policy: Overflow,
    pub(crate) max_frames: u32,
    pub(crate) max_bytes: u32,
    pub(crate) principal: Option<&'static str>,
}

/// What a client says.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Ping {
        id: Id,
    },
    Call {
        id: Id,
        token: Option<Id>,
        level: Option<Level>,
    },
    SubscribeUri {
        id: Id,
        uri: &'static str,
    },
    UnsubscribeUri {
        id: Id,
        uri: &'static str,
    },
    SetLevel {
        id: Id,
        level: Level,
    },
    /// With an id a request. No types: `notifications/unsubscribe`.
    Types {
        id: Option<Id>,
        types: Option<&'static [&'static str]>,
    },
    Listen {
        id: Id,
        filter: Vec<Topic>,
    },
    Cancel {
        id: Id,
    },
    Initialize {
        id: Id,
    },
    Initialized,
}

/// What a host raises. `n` tells events apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raised {
    Notice(Topic),
    Custom { n: usize, pad: usize },
    TaskStatus { n: usize },
    Elicitation { n: usize },
    Log { n: usize, level: Level, pad: usize },
    Progress { token: Id, value: &'static str, message: Option<usize> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    All,
    Session(usize),
    Request(usize, Id),
    Except(usize),
    Principal(&'static str),
}

/// Where a message comes in: by a stream with a name, or by the only one there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) session: usize,
    pub(crate) stream: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Command {
    Open(Opening),
    Stream {
        session: usize,
        stream: usize,
        kind: StreamKind,
    },
    CloseStream {
        session: usize,
        stream: usize,
    },
    /// `is_modern`: a request is written in the way of 2026-07-28.
    Receive {
        place: Place,
        said: Said,
        is_modern: bool,
    },
    /// The host answers a request. `n` tells its answers apart.
    Respond {
        session: usize,
        id: Id,
        n: usize,
        pad: usize,
    },
    /// The host answers `initialize`.
    Welcome {
        session: usize,
        id: Id,
        revision: usize,
        advertised: Advertised,
    },
    /// A request of the host's own.
    Ask {
        place: Place,
        n: usize,
        pad: usize,
    },
    Subscribe {
        session: usize,
        uri: &'static str,
    },
    Unsubscribe {
        session: usize,
        uri: &'static str,
    },
    Listen {
        place: Place,
        id: Id,
        filter: Vec<Topic>,
    },
    Notify {
        raised: Raised,
        to: To,
        context: Option<usize>,
    },
    /// At most so many frames: of a stream, of a session, of all.
    Drain {
        session: Option<usize>,
        stream: Option<usize>,
        max: usize,
    },
    Pause {
        session: usize,
    },
    Resume {
        session: usize,
    },
    End {
        session: usize,
        subscription: Option<Id>,
        reason: EndReason,
    },
    Close {
        session: usize,
    },
    /// What the host says from now on of a principal and a topic; none: of any.
    Authorize {
        principal: Option<&'static str>,
        topic: Option<Topic>,
        access: Access,
    },
    /// The host is asked again.
    Revoke {
        principal: Option<&'static str>,
        topic: Option<Topic>,
    },
    Advance {
        ms: u64,
    },
}

/// The configuration that a sequence runs with, and shrinks to the plainest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) progress_interval_ms: u64,
    /// Of lists, and of resources.
    pub(crate) debounce_ms: [u64; 2],
    pub(crate) max_reply_bytes: usize,
    pub(crate) max_subscriptions: usize,
    pub(crate) max_of_principal: usize,
    pub(crate) max_of_engine: usize,
    pub(crate) max_requests: usize,
    pub(crate) max_streams: usize,
    pub(crate) max_sessions: usize,
    pub(crate) holds_empty: bool,
    pub(crate) by_segments: bool,
    /// Whether the host wants to be asked who may hear of what.
    pub(crate) asks: bool,
}

impl Setup {
    /// As keys and values.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let [lists, resource] = self.debounce_ms.map(|ms| ms.to_string());
        let words = |is: bool, yes: &str, no: &str| if is { yes.to_owned() } else { no.to_owned() };
        vec![
            ("progress.min_interval_ms", self.progress_interval_ms.to_string()),
            ("debounce.tool_list_ms", lists.clone()),
            ("debounce.prompt_list_ms", lists.clone()),
            ("debounce.resource_list_ms", lists),
            ("debounce.resource_ms", resource),
            ("session.max_reply_bytes", self.max_reply_bytes.to_string()),
            ("session.max_subscriptions", self.max_subscriptions.to_string()),
            ("principal.max_subscriptions", self.max_of_principal.to_string()),
            ("engine.max_subscriptions", self.max_of_engine.to_string()),
            ("session.max_requests", self.max_requests.to_string()),
            ("session.max_streams", self.max_streams.to_string()),
            ("engine.max_sessions", self.max_sessions.to_string()),
            ("listen.empty", words(self.holds_empty, "hold", "end")),
            ("resources.match", words(self.by_segments, "segments", "exact")),
        ]
    }
}
