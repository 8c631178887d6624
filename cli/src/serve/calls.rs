//! Requests that take time: each runs on a thread of its own, reports progress and logs to its
//! own request, and can be cancelled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fanfare::{Engine, Level, Progress, Raise, SessionId, StreamId, Target};
use serde_json::Value;

use super::callers::Caller;

/// A request, as far as it matters while it is worked on.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) session: SessionId,
    /// The way out that it came by; none where the session has only one.
    pub(crate) stream: Option<StreamId>,
    /// The JSON text of its id, as the client wrote it.
    pub(crate) id: String,
    /// The JSON text of its progress token.
    pub(crate) token: Option<String>,
}

impl Request {
    /// What tells it from all others: ids are equal as JSON values, not as text.
    fn key(&self) -> Key {
        Key::new(self.session, &self.id)
    }
}

/// A session, and a request id in one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(SessionId, String);

impl Key {
    fn new(session: SessionId, id: &str) -> Self {
        let id =
            serde_json::from_str::<Value>(id).map_or_else(|_| id.to_owned(), |id| id.to_string());
        Self(session, id)
    }
}

/// The calls that run now.
pub(crate) struct Calls {
    running: Mutex<HashMap<Key, Running>>,
    finished: Condvar,
    limits: Limits,
}

struct Running {
    cancel: Arc<Cancel>,
    caller: Caller,
}

/// How many calls may run at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of all clients.
    pub(crate) all: usize,
    /// Of one client.
    pub(crate) each: usize,
}

/// Why a call was not begun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// As many run as may.
    Limit(usize),
    /// As many run as one client may have.
    Share(usize),
    /// A request with this id is still being worked on.
    Duplicate,
}

impl Calls {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { running: Mutex::default(), finished: Condvar::new(), limits }
    }

    /// Enters a call into the books; dropping what is returned strikes it out again.
    pub(crate) fn begin(self: &Arc<Self>, request: Request, caller: Caller) -> Result<Call, Busy> {
        let mut running = self.lock();
        let key = request.key();
        if running.contains_key(&key) {
            return Err(Busy::Duplicate);
        }
        // First its own share: who has used that up would not be helped by others' leaving.
        if running.values().filter(|one| one.caller == caller).count() >= self.limits.each {
            return Err(Busy::Share(self.limits.each));
        }
        if running.len() >= self.limits.all {
            return Err(Busy::Limit(self.limits.all));
        }
        let cancel = Arc::new(Cancel::default());
        running.insert(key, Running { cancel: Arc::clone(&cancel), caller });
        Ok(Call { calls: Arc::clone(self), request, cancel })
    }

    /// Cancels the call that answers this request, if one runs.
    pub(crate) fn cancel(&self, session: SessionId, id: &str) {
        if let Some(running) = self.lock().get(&Key::new(session, id)) {
            running.cancel.set();
        }
    }

    /// Cancels every call of a session.
    pub(crate) fn cancel_session(&self, session: SessionId) {
        self.cancel_where(|key| key.0 == session);
    }

    /// Cancels every call.
    pub(crate) fn cancel_all(&self) {
        self.cancel_where(|_| true);
    }

    fn cancel_where(&self, is_meant: impl Fn(&Key) -> bool) {
        let running = self.lock();
        running.iter().filter(|(key, _)| is_meant(key)).for_each(|(_, one)| one.cancel.set());
    }

    /// Waits until no call runs, but not beyond the deadline; says whether that came about.
    pub(crate) fn wait_idle(&self, deadline: Instant) -> bool {
        let mut running = self.lock();
        while !running.is_empty() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            running =
                self.finished.wait_timeout(running, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a call was cancelled, and a way to sleep until it is.
#[derive(Default)]
struct Cancel {
    flag: AtomicBool,
    lock: Mutex<()>,
    set: Condvar,
}

impl Cancel {
    fn set(&self) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.flag.store(true, Ordering::Release);
        self.set.notify_all();
    }

    fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// Sleeps until the deadline, or until cancelled.
    fn sleep_until(&self, deadline: Instant) {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_set() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return;
            }
            guard = self.set.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The work was cancelled: there is nobody to answer (R47, R80).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// One call that runs.
pub(crate) struct Call {
    calls: Arc<Calls>,
    pub(crate) request: Request,
    cancel: Arc<Cancel>,
}

impl Call {
    /// Whether there is still somebody to work for.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        if self.cancel.is_set() { Err(Cancelled) } else { Ok(()) }
    }

    /// Sleeps, unless cancelled.
    pub(crate) fn sleep_until(&self, deadline: Instant) -> Result<(), Cancelled> {
        self.cancel.sleep_until(deadline);
        self.check()
    }

    fn raise(&self) -> Raise<'_> {
        Raise::to(Target::Request(self.request.session, &self.request.id))
    }

    /// Reports progress, if the client gave a token. How often it is sent is the engine's affair.
    pub(crate) fn progress(&self, engine: &Engine, progress: f64, total: f64, message: &str) {
        let Some(token) = &self.request.token else { return };
        let progress = Progress { token, progress, total: Some(total), message: Some(message) };
        // It fails when the request has ended in the meantime, and then nobody waits for it.
        drop(engine.notify_progress(&progress, &self.raise()));
    }

    /// Logs to the client, if it wants to hear of this level from this request.
    pub(crate) fn log(&self, engine: &Engine, level: Level, logger: &str, data: &Value) {
        // As with progress: it fails when the request has ended.
        drop(engine.notify_logging_message(level, Some(logger), &data.to_string(), &self.raise()));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.request.key());
        self.calls.finished.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(session: u64, id: &str) -> Request {
        Request {
            session: SessionId::from_raw(session),
            stream: None,
            id: id.to_owned(),
            token: None,
        }
    }

    fn limits(all: usize, each: usize) -> Limits {
        Limits { all, each }
    }

    fn begin(calls: &Arc<Calls>, session: u64, id: &str) -> Result<Call, Busy> {
        let request = request(session, id);
        let caller = Caller::Session(request.session);
        calls.begin(request, caller)
    }

    #[test]
    fn a_client_has_no_more_than_its_share() {
        let calls = Arc::new(Calls::new(limits(3, 2)));
        let alice = Caller::Principal(1);
        let first = calls.begin(request(1, "1"), alice).unwrap();
        let _second = calls.begin(request(2, "1"), alice).unwrap();
        assert_eq!(calls.begin(request(3, "1"), alice).err(), Some(Busy::Share(2)));
        let _others = calls.begin(request(4, "1"), Caller::Nameless).unwrap();
        assert_eq!(calls.begin(request(5, "1"), Caller::Nameless).err(), Some(Busy::Limit(3)));
        drop(first);
        assert!(calls.begin(request(3, "1"), alice).is_ok());
    }

    #[test]
    fn a_call_is_known_by_session_and_id_however_the_id_is_spelled() {
        let calls = Arc::new(Calls::new(limits(3, 3)));
        let number = begin(&calls, 1, "1").unwrap();
        let string = begin(&calls, 1, "\"1\"").unwrap();
        let other = begin(&calls, 2, "1").unwrap();
        assert_eq!(begin(&calls, 1, "1").err(), Some(Busy::Duplicate));
        assert_eq!(begin(&calls, 3, "1").err(), Some(Busy::Limit(3)));
        calls.cancel(SessionId::from_raw(1), r#""\u0031""#);
        assert_eq!(string.check(), Err(Cancelled));
        assert_eq!(number.check(), Ok(()));
        calls.cancel_session(SessionId::from_raw(1));
        assert_eq!(number.check(), Err(Cancelled));
        assert_eq!(other.check(), Ok(()));
        drop(string);
        assert!(begin(&calls, 3, "1").is_ok());
    }

    #[test]
    fn a_cancel_ends_the_sleep() {
        let calls = Arc::new(Calls::new(limits(1, 1)));
        let call = begin(&calls, 1, "1").unwrap();
        let canceller = Arc::clone(&calls);
        let thread = std::thread::spawn(move || canceller.cancel(SessionId::from_raw(1), "1"));
        let far = Instant::now() + Duration::from_secs(3600);
        assert_eq!(call.sleep_until(far), Err(Cancelled));
        thread.join().unwrap();
        assert!(!calls.wait_idle(Instant::now()));
        drop(call);
        assert!(calls.wait_idle(Instant::now()));
    }
}
