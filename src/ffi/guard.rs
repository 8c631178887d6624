//! What wraps the body of every entry point: errors and panics become a status and a text.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::status::fanfare_status::{self, *};
use crate::error::Error;

thread_local! {
    /// The detail of this thread's latest error.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Why an entry point could not do its work.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: fanfare_status,
    pub(super) detail: String,
}

impl Failure {
    pub(super) fn new(status: fanfare_status, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(super) fn null(what: &str) -> Self {
        Self::new(FANFARE_E_NULL, format!("{what} is NULL"))
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(FANFARE_E_INVALID_ARGUMENT, detail)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.kind().into(), error.detail())
    }
}

/// What the body of an entry point may end in besides a failure: nothing to say, or an outcome.
pub(super) trait Outcome {
    fn status(self) -> fanfare_status;
}

impl Outcome for () {
    fn status(self) -> fanfare_status {
        FANFARE_OK
    }
}

impl Outcome for fanfare_status {
    fn status(self) -> fanfare_status {
        self
    }
}

/// Runs the body of an entry point. Nothing unwinds out of it: that would abort the host.
pub(super) fn guard<T: Outcome>(body: impl FnOnce() -> Result<T, Failure>) -> fanfare_status {
    // A panic may leave the engine's own state behind half done, but not this module's: it has
    // none that a body could have been changing. The engine decides by itself what it still is.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(outcome)) => outcome.status(),
        Ok(Err(failure)) => record(failure),
        Err(panic) => record(Failure::new(FANFARE_E_PANIC, panic_text(panic))),
    }
}

/// As [`guard`], for the few entry points that return a value of their own: `fallback` stands for
/// every failure.
pub(super) fn guard_value<T>(fallback: T, body: impl FnOnce() -> Result<T, Failure>) -> T {
    let mut value = fallback;
    guard(|| {
        value = body()?;
        Ok(())
    });
    value
}

fn record(failure: Failure) -> fanfare_status {
    // Inside a thread's own teardown the text has no place to go any more; the status has.
    let _ = LAST.try_with(|last| *last.borrow_mut() = failure.detail);
    failure.status
}

/// Shows the detail of this thread's latest error.
pub(super) fn with_last_error<T>(read: impl FnOnce(&str) -> T) -> Option<T> {
    LAST.try_with(|last| read(&last.borrow())).ok()
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&'static str>().map_or_else(
            |other| {
                // Dropping what was thrown could throw again, and this time out of the guard.
                std::mem::forget(other);
                "a panic without a text".to_owned()
            },
            |text| (*text).to_owned(),
        ),
    };
    format!("internal failure: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn last() -> String {
        with_last_error(str::to_owned).unwrap()
    }

    #[test]
    fn a_panic_becomes_a_status_and_its_text() {
        let status = guard::<()>(|| panic!("the {} broke", "gearbox"));
        assert_eq!(status, FANFARE_E_PANIC);
        assert_eq!(last(), "internal failure: the gearbox broke");
        assert_eq!(guard::<()>(|| panic!("plain")), FANFARE_E_PANIC);
        assert_eq!(last(), "internal failure: plain");
    }

    #[test]
    fn a_panic_that_throws_when_it_is_dropped_is_caught_as_well() {
        struct Thrower;
        impl Drop for Thrower {
            fn drop(&mut self) {
                panic!("thrown again");
            }
        }
        assert_eq!(guard::<()>(|| std::panic::panic_any(Thrower)), FANFARE_E_PANIC);
        assert_eq!(last(), "internal failure: a panic without a text");
    }

    #[test]
    fn an_error_is_told_apart_from_an_outcome_and_leaves_its_detail() {
        let status = guard::<()>(|| Err(Error::new(ErrorKind::Limit, "too much").into()));
        assert_eq!(status, FANFARE_E_LIMIT);
        assert_eq!(last(), "too much");
        assert_eq!(guard(|| Ok(FANFARE_EMPTY)), FANFARE_EMPTY);
        assert_eq!(guard(|| Ok(())), FANFARE_OK);
        assert_eq!(last(), "too much", "only an error replaces the text");
        assert_eq!(guard_value(7, || Err(Failure::null("it"))), 7);
        assert_eq!(last(), "it is NULL");
    }

    #[test]
    fn each_thread_has_its_own_text() {
        guard::<()>(|| Err(Failure::null("mine")));
        std::thread::spawn(|| {
            assert_eq!(last(), "");
            guard::<()>(|| Err(Failure::null("yours")));
        })
        .join()
        .unwrap();
        assert_eq!(last(), "mine is NULL");
    }
}
