//! What can go wrong at the public surface, in one type.

use std::fmt;

/// Why a call did not do what was asked of it. The call has then changed nothing.
///
/// Faults of a *client* (malformed JSON, an unknown revision) are no errors of the host: they are
/// answered on the wire where the client's revision allows an answer, counted, and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    detail: String,
    needed_bytes: Option<usize>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), needed_bytes: None }
    }

    /// A buffer of the host's that has no room for a single frame.
    pub(crate) fn too_small(needed_bytes: usize) -> Self {
        let detail = format!("the buffer is too small: the next frame needs {needed_bytes} bytes");
        Self { needed_bytes: Some(needed_bytes), ..Self::new(ErrorKind::Limit, detail) }
    }

    /// An argument that the call cannot work with.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, detail)
    }

    /// A handle whose session, stream or subscription has gone.
    pub(crate) fn gone(what: &str) -> Self {
        Self::new(ErrorKind::Gone, format!("the {what} is gone, or was never this engine's"))
    }

    /// The kind of failure, for a program to act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// How large a buffer would have had to be, where that was the failure.
    pub fn needed_bytes(&self) -> Option<usize> {
        self.needed_bytes
    }

    /// What happened, for a person: it names the field, and the limit where there is one.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.detail)
    }
}

impl std::error::Error for Error {}

/// The kinds of failure. Each has a stable code that the C ABI and the CLI print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is outside what the call accepts.
    InvalidArgument,
    /// Text that had to be UTF-8 is not.
    Utf8,
    /// Text that had to be JSON (of a certain shape) is not.
    Json,
    /// The handle is stale: what it named has ended.
    Gone,
    /// The call does not fit the state that its object is in.
    State,
    /// The call was made from inside a callback that may not make it.
    Reentrant,
    /// A configured limit would be exceeded.
    Limit,
    /// The session's revision, capabilities or profile do not admit it.
    NotNegotiated,
    /// The operating system refused.
    Os,
    /// The host itself refused the access, when it was asked.
    Denied,
}

impl ErrorKind {
    /// The stable spelling, as in `GONE`.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::Utf8 => "UTF8",
            Self::Json => "JSON",
            Self::Gone => "GONE",
            Self::State => "STATE",
            Self::Reentrant => "REENTRANT",
            Self::Limit => "LIMIT",
            Self::NotNegotiated => "NOT_NEGOTIATED",
            Self::Os => "OS",
            Self::Denied => "DENIED",
        }
    }
}

/// What fallible calls return.
pub type Result<T> = std::result::Result<T, Error>;
