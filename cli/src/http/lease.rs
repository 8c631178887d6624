//! Who holds a stream, and what becomes of it when nobody does.

use std::sync::Arc;

use fanfare::{SessionId, StreamId};

use super::auth::Place;
use super::feed::Command;
use super::hub::Hub;
use super::sessions::Visit;

/// One stream, held for a request: by its exchange, and then by its connection. Dropping it says
/// that the connection is gone, or has had what it wanted: a session that was there for that
/// request alone ends with it.
pub(super) struct Lease {
    hub: Arc<Hub>,
    pub(super) session: SessionId,
    pub(super) stream: Option<StreamId>,
    /// The session is there for this request alone.
    pub(super) owns_session: bool,
    /// The pump knows of the stream, and would go on keeping what comes on it.
    is_expected: bool,
    _visit: Option<Visit>,
    /// What it counts against.
    _place: Option<Place>,
}

impl Lease {
    /// A session that was opened for a request.
    pub(super) fn own(hub: &Arc<Hub>, session: SessionId) -> Self {
        Self::new(hub, session, None)
    }

    /// A session that goes on after the request.
    pub(super) fn visit(hub: &Arc<Hub>, visit: Visit) -> Self {
        Self::new(hub, visit.session(), Some(visit))
    }

    fn new(hub: &Arc<Hub>, session: SessionId, visit: Option<Visit>) -> Self {
        Self {
            hub: Arc::clone(hub),
            session,
            stream: None,
            owns_session: visit.is_none(),
            is_expected: false,
            _visit: visit,
            _place: None,
        }
    }

    /// The session is in a table, too, and goes from it at its end.
    pub(super) fn use_session(&mut self, visit: Visit) {
        self._visit = Some(visit);
    }

    /// Counts as long as it is held.
    pub(super) fn keep_place(&mut self, place: Place) {
        self._place = Some(place);
    }

    pub(super) fn expected(&mut self, stream: StreamId) {
        (self.stream, self.is_expected) = (Some(stream), true);
    }

    /// The session outlives the request after all.
    pub(super) fn keep_session(&mut self, visit: Visit) {
        (self.owns_session, self._visit) = (false, Some(visit));
    }

    /// The pump has it from now on.
    pub(super) fn handed_over(&mut self) {
        self.is_expected = false;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_expected
            && let Some(stream) = self.stream
        {
            self.hub.feed.push(Command::Forget(stream));
        }
        // Where it is stale it has ended before us.
        if self.owns_session {
            self.hub.old_sessions.remove(self.session);
            drop(self.hub.engine().close(self.session));
            self.hub.app.gone(self.session);
        } else if let Some(stream) = self.stream {
            drop(self.hub.engine().close_stream(stream));
        }
    }
}
