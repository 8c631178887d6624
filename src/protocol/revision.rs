//! The protocol revisions, and what differs between them for notifications.

use std::fmt;

/// A revision of the Model Context Protocol, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// `2024-11-05`
    V2024_11_05,
    /// `2025-03-26`
    V2025_03_26,
    /// `2025-06-18`
    V2025_06_18,
    /// `2025-11-25`
    V2025_11_25,
    /// `2026-07-28`
    V2026_07_28,
}

impl Revision {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The newest revision that begins with an `initialize` handshake.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;

    /// The revision whose requests each carry their own metadata.
    pub const MODERN: Self = Self::V2026_07_28;

    /// The wire spelling, as in `2025-06-18`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision of that wire spelling; revisions compare for equality only (3.3 of the digest).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.as_str() == text)
    }

    /// Whether this revision has the `initialize` handshake.
    pub fn is_legacy(self) -> bool {
        self < Self::V2026_07_28
    }

    /// Whether a message may be a JSON-RPC batch (R5, R6).
    pub fn has_batches(self) -> bool {
        self == Self::V2025_03_26
    }

    /// Whether `notifications/progress` has a `message` field (R22).
    pub fn has_progress_message(self) -> bool {
        self >= Self::V2025_03_26
    }

    /// Whether SSE events may have ids, by which a stream is resumed (R31 to R34, R58).
    pub fn has_event_ids(self) -> bool {
        matches!(self, Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25)
    }

    /// Whether a stream begins with an id alone, and the server may hang up and be called again
    /// (R33).
    pub fn has_polling(self) -> bool {
        self == Self::V2025_11_25
    }

    /// Whether an error that answers an unreadable message may go without an id.
    ///
    /// Older revisions require an id of every error, and none can be given, so they get none.
    pub fn has_errors_without_id(self) -> bool {
        self >= Self::V2025_11_25
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
