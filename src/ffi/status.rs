//! The status that every call returns.

use crate::error::ErrorKind;

/// What a call came to. 0 is success, a positive value an ordinary outcome, a negative one an
/// error: the call has then changed nothing, its outputs are untouched, and fanfare_last_error()
/// has the detail. Values are never renumbered, and later versions may add some.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum fanfare_status {
    /// Done.
    FANFARE_OK = 0,
    /// Nothing is queued, or nothing became ready in the time given.
    FANFARE_EMPTY = 1,
    /// The buffer is too small; the length output says how many bytes are needed.
    FANFARE_TRUNCATED = 2,
    /// An argument is outside what the call accepts.
    FANFARE_E_INVALID_ARGUMENT = -1,
    /// A pointer is NULL that must not be.
    FANFARE_E_NULL = -2,
    /// Text that has to be UTF-8 is not.
    FANFARE_E_UTF8 = -3,
    /// Text that has to be JSON (of a certain shape) is not.
    FANFARE_E_JSON = -4,
    /// The handle is stale, zero, or of another engine: what it named has ended.
    FANFARE_E_GONE = -5,
    /// The call does not fit the state that its object is in.
    FANFARE_E_STATE = -6,
    /// The call was made from inside a callback that may not make it.
    FANFARE_E_REENTRANT = -7,
    /// A limit would be exceeded; the text names it.
    FANFARE_E_LIMIT = -8,
    /// The session's revision, capabilities or profile do not admit it.
    FANFARE_E_NOT_NEGOTIATED = -9,
    /// A struct has fields set that this version of the library does not know.
    FANFARE_E_VERSION = -10,
    /// The operating system refused.
    FANFARE_E_OS = -11,
    /// The library failed inside (a panic, which was caught). A fault of the library: report it.
    FANFARE_E_PANIC = -12,
    /// The host itself refused the access, when its fanfare_authorize_fn was asked.
    FANFARE_E_DENIED = -13,
}

use fanfare_status::*;

impl fanfare_status {
    /// Every status, for the tables below and their test.
    pub(super) const ALL: [Self; 16] = [
        FANFARE_OK,
        FANFARE_EMPTY,
        FANFARE_TRUNCATED,
        FANFARE_E_INVALID_ARGUMENT,
        FANFARE_E_NULL,
        FANFARE_E_UTF8,
        FANFARE_E_JSON,
        FANFARE_E_GONE,
        FANFARE_E_STATE,
        FANFARE_E_REENTRANT,
        FANFARE_E_LIMIT,
        FANFARE_E_NOT_NEGOTIATED,
        FANFARE_E_VERSION,
        FANFARE_E_OS,
        FANFARE_E_PANIC,
        FANFARE_E_DENIED,
    ];

    /// The status of that number, if there is one: any integer may come from C.
    pub(super) fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|status| *status as i32 == number)
    }

    pub(super) fn name(self) -> &'static std::ffi::CStr {
        match self {
            FANFARE_OK => c"FANFARE_OK",
            FANFARE_EMPTY => c"FANFARE_EMPTY",
            FANFARE_TRUNCATED => c"FANFARE_TRUNCATED",
            FANFARE_E_INVALID_ARGUMENT => c"FANFARE_E_INVALID_ARGUMENT",
            FANFARE_E_NULL => c"FANFARE_E_NULL",
            FANFARE_E_UTF8 => c"FANFARE_E_UTF8",
            FANFARE_E_JSON => c"FANFARE_E_JSON",
            FANFARE_E_GONE => c"FANFARE_E_GONE",
            FANFARE_E_STATE => c"FANFARE_E_STATE",
            FANFARE_E_REENTRANT => c"FANFARE_E_REENTRANT",
            FANFARE_E_LIMIT => c"FANFARE_E_LIMIT",
            FANFARE_E_NOT_NEGOTIATED => c"FANFARE_E_NOT_NEGOTIATED",
            FANFARE_E_VERSION => c"FANFARE_E_VERSION",
            FANFARE_E_OS => c"FANFARE_E_OS",
            FANFARE_E_PANIC => c"FANFARE_E_PANIC",
            FANFARE_E_DENIED => c"FANFARE_E_DENIED",
        }
    }

    pub(super) fn text(self) -> &'static std::ffi::CStr {
        match self {
            FANFARE_OK => c"done",
            FANFARE_EMPTY => c"nothing is queued, or nothing became ready in time",
            FANFARE_TRUNCATED => c"the buffer is too small",
            FANFARE_E_INVALID_ARGUMENT => c"an argument is outside what the call accepts",
            FANFARE_E_NULL => c"a pointer is NULL that must not be",
            FANFARE_E_UTF8 => c"text is not UTF-8",
            FANFARE_E_JSON => c"text is not the JSON it has to be",
            FANFARE_E_GONE => c"the handle is stale: what it named has ended",
            FANFARE_E_STATE => c"the call does not fit the state of its object",
            FANFARE_E_REENTRANT => c"the call may not be made from inside this callback",
            FANFARE_E_LIMIT => c"a limit would be exceeded",
            FANFARE_E_NOT_NEGOTIATED => {
                c"the session's revision, capabilities or profile forbid it"
            }
            FANFARE_E_VERSION => c"a struct has fields set that this library does not know",
            FANFARE_E_OS => c"the operating system refused",
            FANFARE_E_PANIC => c"the library failed inside",
            FANFARE_E_DENIED => c"the host refused the access when it was asked",
        }
    }
}

impl From<ErrorKind> for fanfare_status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidArgument => FANFARE_E_INVALID_ARGUMENT,
            ErrorKind::Utf8 => FANFARE_E_UTF8,
            ErrorKind::Json => FANFARE_E_JSON,
            ErrorKind::Gone => FANFARE_E_GONE,
            ErrorKind::State => FANFARE_E_STATE,
            ErrorKind::Reentrant => FANFARE_E_REENTRANT,
            ErrorKind::Limit => FANFARE_E_LIMIT,
            ErrorKind::NotNegotiated => FANFARE_E_NOT_NEGOTIATED,
            ErrorKind::Os => FANFARE_E_OS,
            ErrorKind::Denied => FANFARE_E_DENIED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_in_the_table_once_under_its_own_name() {
        for (index, status) in fanfare_status::ALL.into_iter().enumerate() {
            assert_eq!(fanfare_status::from_number(status as i32), Some(status));
            assert_eq!(status.name().to_str().unwrap(), format!("{status:?}"));
            assert!(!fanfare_status::ALL[..index].contains(&status));
            // 0..=2, then -1 downwards without a gap: a new one belongs in ALL, too.
            let expected = if index < 3 { index as i32 } else { 2 - index as i32 };
            assert_eq!(status as i32, expected);
        }
        assert_eq!(fanfare_status::from_number(3), None);
        assert_eq!(fanfare_status::from_number(i32::MIN), None);
    }
}
