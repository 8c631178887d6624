//! What a host says when it opens a session or raises a notification.

use crate::error::{Error, Result};
use crate::framing::Framing;
use crate::protocol::kind::NoticeKind;
use crate::protocol::{Capabilities, Revision};

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A handle is a number that is never given out again by the same engine: a stale one is
        /// an error ([`ErrorKind::Gone`](crate::ErrorKind::Gone)), never somebody else's object.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u64);

        impl $name {
            /// The handle as the number that crosses the C ABI; never 0.
            pub fn to_raw(self) -> u64 {
                self.0
            }

            /// The handle of that number; whether it names anything is found out on use.
            pub fn from_raw(raw: u64) -> Self {
                Self(raw)
            }
        }
    };
}

handle! {
    /// Names one session of an engine.
    SessionId
}
handle! {
    /// Names one stream of a session.
    StreamId
}
handle! {
    /// Names one `subscriptions/listen` of a session.
    SubscriptionId
}

/// The rules that a session lives by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// No MCP handshake: an in-process subscriber, a tool, a test. Hears everything until it says
    /// otherwise by `notifications/subscribe`.
    Open,
    /// A session that negotiated one of the revisions before 2026-07-28.
    Legacy {
        /// The negotiated revision; before a handshake, the newest one that the host serves.
        revision: Revision,
        /// Whether the engine is to see `initialize` and `initialized` first. If not, the session
        /// counts as initialized from the start.
        handshake: bool,
    },
    /// 2026-07-28: hears what a `subscriptions/listen` asked for, and nothing else.
    Modern,
    /// Not known yet: the first message decides between legacy and modern, for good (G22).
    Auto,
}

/// What happens to an event when its session's queue is full. Notices are merged instead and
/// cannot overflow; responses and control frames are never dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest queued event makes room.
    DropOldest,
    /// The new event is not queued.
    DropNewest,
    /// The session ends with [`EndReason::Lagged`].
    Close,
}

impl Overflow {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::DropOldest, Self::DropNewest, Self::Close];

    /// The spelling in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropOldest => "drop_oldest",
            Self::DropNewest => "drop_newest",
            Self::Close => "close",
        }
    }

    /// The policy of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// Why a subscription or a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The server has no more to say, and says so.
    Graceful,
    /// The client cancelled.
    Cancelled,
    /// The peer went away.
    Disconnected,
    /// The client did not read, and its queue was full.
    Lagged,
    /// A limit was exceeded.
    Limit,
    /// The host withdrew the access.
    Revoked,
    /// The server shuts down.
    Shutdown,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Graceful,
        Self::Cancelled,
        Self::Disconnected,
        Self::Lagged,
        Self::Limit,
        Self::Revoked,
        Self::Shutdown,
    ];

    /// The stable spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Graceful => "graceful",
            Self::Cancelled => "cancelled",
            Self::Disconnected => "disconnected",
            Self::Lagged => "lagged",
            Self::Limit => "limit",
            Self::Revoked => "revoked",
            Self::Shutdown => "shutdown",
        }
    }

    /// The reason of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Whether what is queued still goes out. Not if the client no longer wants it or cannot take
    /// it.
    pub(crate) fn keeps_queue(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Disconnected | Self::Lagged)
    }

    /// Whether the protocol's graceful closing frames (R48) may be sent for it. All other ends
    /// must never look like one.
    pub fn is_graceful(self) -> bool {
        matches!(self, Self::Graceful | Self::Shutdown)
    }
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// The session's single way in and out: a pipe, a socket, an in-process queue. Every session
    /// has one from the start, until a stream of another kind is opened.
    Duplex,
    /// The response to one `subscriptions/listen`.
    Listen,
    /// The response to one request: what belongs to the request, and its response last.
    Request,
    /// The stream of a legacy HTTP session for what belongs to no request (its GET stream).
    Standalone,
}

/// How a session is opened. Build one from a profile and change what differs:
///
/// ```
/// use fanfare::{Framing, Profile, SessionParams};
/// let params = SessionParams::new(Profile::Modern).framing(Framing::Sse).principal("alice");
/// ```
#[derive(Clone, Debug)]
pub struct SessionParams {
    pub(crate) profile: Profile,
    pub(crate) framing: Framing,
    pub(crate) capabilities: Capabilities,
    pub(crate) principal: Option<String>,
    pub(crate) overflow: Option<Overflow>,
    pub(crate) max_queued_frames: Option<u32>,
    pub(crate) max_queued_bytes: Option<u32>,
    pub(crate) user_data: u64,
}

impl SessionParams {
    /// A session of that profile: NDJSON frames, every capability advertised, no principal, and
    /// the engine's own bounds and overflow policy.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            framing: Framing::Ndjson,
            capabilities: Capabilities::all(),
            principal: None,
            overflow: None,
            max_queued_frames: None,
            max_queued_bytes: None,
            user_data: 0,
        }
    }

    /// How its frames are delimited.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// What the host advertises to this client. A notification behind a capability that is not
    /// advertised is not sent (R8, R9). A handshake that the engine sees replaces it.
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Who the client is, for [`Target::Principal`].
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// What happens when its queue is full, in place of the engine's policy.
    pub fn overflow(mut self, policy: Overflow) -> Self {
        self.overflow = Some(policy);
        self
    }

    /// Its bound on queued events, in frames, in place of the engine's.
    pub fn max_queued_frames(mut self, frames: u32) -> Self {
        self.max_queued_frames = Some(frames);
        self
    }

    /// Its bound on queued events, in bytes of JSON, in place of the engine's.
    pub fn max_queued_bytes(mut self, bytes: u32) -> Self {
        self.max_queued_bytes = Some(bytes);
        self
    }

    /// A number of the host's own, handed back with the session's end.
    pub fn user_data(mut self, user_data: u64) -> Self {
        self.user_data = user_data;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Profile::Legacy { revision, .. } = self.profile
            && !revision.is_legacy()
        {
            return Err(Error::invalid(format!(
                "profile legacy takes a revision up to {}, not {revision}",
                Revision::LATEST_LEGACY
            )));
        }
        if self.max_queued_frames == Some(0) {
            return Err(Error::invalid("max_queued_frames must be at least 1"));
        }
        Ok(())
    }
}

/// Who may hear of a raised notification. It narrows what the sessions' rules admit, and never
/// widens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Target<'a> {
    /// Everyone.
    #[default]
    All,
    /// One session.
    Session(SessionId),
    /// One request in flight of a session, by the JSON text of its id: progress and log messages
    /// that belong to it.
    Request(SessionId, &'a str),
    /// Everyone but one session.
    Except(SessionId),
    /// Every session of one principal.
    Principal(&'a str),
}

/// How a notification is raised: to whom, and with which context.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raise<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) context: Option<&'a str>,
}

impl<'a> Raise<'a> {
    /// To everyone whose rules admit it.
    pub const ALL: Raise<'static> = Raise { target: Target::All, context: None };

    /// To the target only.
    pub fn to(target: Target<'a>) -> Self {
        Self { target, context: None }
    }

    /// With a JSON object whose members land in `params._meta`, so that a client may be spared
    /// a second request. Keys that the protocol reserves are refused. A notice that merges with
    /// one still queued carries the context of the latest raising.
    pub fn context(mut self, object: &'a str) -> Self {
        self.context = Some(object);
        self
    }
}

/// A `notifications/progress`.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The JSON text of the token, as the request gave it: `"p1"` with its quotes, or `7`.
    pub token: &'a str,
    /// How far the work is. It must be greater than the last value given for the token (R17).
    pub progress: f64,
    /// How far it will go, if known.
    pub total: Option<f64>,
    /// What it is doing, for a person; left out for clients of 2024-11-05 (R22).
    pub message: Option<&'a str>,
}

/// What [`Engine::receive`](crate::Engine::receive) did with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The engine took care of it; a reply, if one is due, is queued.
    Handled,
    /// The engine took note (of the request's id, progress token and log level, for example);
    /// the host must act on it, and answer it if it is a request.
    Pass,
}

/// What a frame callback did with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It took the frame.
    Accepted,
    /// Not now: the frame and all that follow stay queued until
    /// [`Engine::resume`](crate::Engine::resume). One that came while the callback ran counts: the
    /// frame is then offered again at once.
    NotNow,
    /// The peer is gone: the session is closed.
    Gone,
}

/// A thing that can change, by the words of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic<'a> {
    /// The list of tools.
    ToolList,
    /// The list of prompts.
    PromptList,
    /// The list of resources.
    ResourceList,
    /// One resource, by its URI.
    Resource(&'a str),
}

impl<'a> Topic<'a> {
    pub(crate) fn new(kind: NoticeKind, name: &'a str) -> Self {
        match kind {
            NoticeKind::ToolList => Self::ToolList,
            NoticeKind::PromptList => Self::PromptList,
            NoticeKind::ResourceList => Self::ResourceList,
            NoticeKind::Resource => Self::Resource(name),
        }
    }

    pub(crate) fn parts(self) -> (NoticeKind, &'a str) {
        match self {
            Self::ToolList => (NoticeKind::ToolList, ""),
            Self::PromptList => (NoticeKind::PromptList, ""),
            Self::ResourceList => (NoticeKind::ResourceList, ""),
            Self::Resource(uri) => (NoticeKind::Resource, uri),
        }
    }
}

/// Whether a client may hear of a topic: what [`Hooks::authorize`](crate::Hooks::authorize)
/// answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It may.
    Allow,
    /// It may not, and is not told so. A listen leaves the topic out of what it acknowledges
    /// (G7), a `resources/subscribe` is answered as if nothing were amiss (G8).
    Omit,
    /// It may not, and what it asked for fails with -32602. Asked again, what it has ends
    /// ([`EndReason::Revoked`]) if it is a listen.
    Refuse,
}

impl Access {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Omit, Self::Refuse];

    /// The stable spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Omit => "omit",
            Self::Refuse => "refuse",
        }
    }

    /// The answer of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.as_str() == text)
    }
}
