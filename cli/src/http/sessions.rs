//! The sessions of the legacy era, by the ids that their clients know them by.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fanfare::SessionId;
use fanfare::http::new_session_id;

#[derive(Default)]
pub(super) struct Sessions(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    by_id: HashMap<Arc<str>, Arc<Entry>>,
    ids: HashMap<SessionId, Arc<str>>,
}

struct Entry {
    session: SessionId,
    principal: Option<Arc<str>>,
    /// Requests and streams that are open now.
    visits: AtomicUsize,
    /// When the latest of them went.
    left: Mutex<Instant>,
}

/// A session that is in use, and so not idle.
pub(super) struct Visit(Arc<Entry>);

impl Visit {
    fn new(entry: &Arc<Entry>) -> Self {
        entry.visits.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(entry))
    }

    pub(super) fn session(&self) -> SessionId {
        self.0.session
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        *self.0.left.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.visits.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sessions {
    /// The session of that id, if it is that client's: an id alone gives no access.
    pub(super) fn find(&self, id: &str, principal: Option<&Arc<str>>) -> Option<Visit> {
        let tables = self.lock();
        let entry = tables.by_id.get(id)?;
        (entry.principal.as_ref() == principal).then(|| Visit::new(entry))
    }

    /// The session of that id, whosever it is. That is no visit: it may end at any time.
    pub(super) fn named(&self, id: &str) -> Option<SessionId> {
        self.lock().by_id.get(id).map(|entry| entry.session)
    }

    /// A new id for a session, which is in use from the start.
    pub(super) fn insert(
        &self,
        session: SessionId,
        principal: Option<Arc<str>>,
    ) -> fanfare::Result<(Arc<str>, Visit)> {
        let id: Arc<str> = new_session_id()?.into();
        let (visits, left) = (AtomicUsize::new(0), Mutex::new(Instant::now()));
        let entry = Arc::new(Entry { session, principal, visits, left });
        let visit = Visit::new(&entry);
        let mut tables = self.lock();
        tables.by_id.insert(Arc::clone(&id), entry);
        tables.ids.insert(session, Arc::clone(&id));
        Ok((id, visit))
    }

    /// Forgets a session; says whether it was there.
    pub(super) fn remove(&self, session: SessionId) -> bool {
        let mut tables = self.lock();
        let Some(id) = tables.ids.remove(&session) else { return false };
        tables.by_id.remove(&id);
        true
    }

    /// The sessions that nobody has used for so long.
    pub(super) fn idle(&self, at_least: Duration) -> Vec<SessionId> {
        let tables = self.lock();
        let is_idle = |entry: &&Arc<Entry>| {
            let left = *entry.left.lock().unwrap_or_else(PoisonError::into_inner);
            entry.visits.load(Ordering::Acquire) == 0 && left.elapsed() >= at_least
        };
        tables.by_id.values().filter(is_idle).map(|entry| entry.session).collect()
    }

    pub(super) fn all(&self) -> Vec<SessionId> {
        self.lock().ids.keys().copied().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().ids.len()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
