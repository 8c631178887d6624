//! Tasks: what the engine knows of each, so that its status takes legal steps only and is never
//! told again once it is over (R66), and who hears of it.
//!
//! In 2026-07-28 each task is a topic of its own, and the link is the slot: an update takes the
//! place of one that still waits, as progress does, since it has the full state (R65). Unlike a
//! notice it has content, so while it is queued it counts against the bounds of its session as an
//! event does, and overflows like one. What follows the subscription id is encoded once for all.
//!
//! In 2025-11-25 a task is a request that outlives its response: its progress token lives on until
//! the task is over (R23).
//!
//! Invariants:
//! * a link to a task has a body in `contexts`, is `DROPPABLE` and is counted in `frames` and
//!   `bytes` of its session exactly while it is queued;
//! * a task is in `order` once, at its `place`, and there are no more than `tasks.max_known`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::engine::Core;
use crate::engine::limits::Excess;
use crate::engine::notify::{to_hearers, to_open};
use crate::engine::session::Session;
use crate::engine::slot::{AGAIN, CONTEXT, DROPPABLE, IN_HAND, Lane, MUTED};
use crate::engine::timer::RequestRef;
use crate::error::{Error, ErrorKind, Result};
use crate::params::{Overflow, Raise, SessionId};
use crate::protocol::kind::{NoticeKind, method};
use crate::protocol::task::{Dialect, Status, TaskInResult, TaskParams};
use crate::protocol::{Level, Revision, encode};

/// A task by its id, of one dialect.
type Key = (Dialect, Arc<str>);

/// What is known of tasks.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    known: HashMap<Key, Known>,
    /// By place: those to be forgotten first come first.
    order: BTreeMap<Place, Key>,
    serial: u64,
}

/// Of the same worth, the older comes before the newer.
type Place = (Worth, u64);

/// What would be lost with the knowledge of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// That it is over.
    Over,
    /// Whose it is.
    Status,
    /// The progress token of its request.
    Token,
}

#[derive(Debug)]
struct Known {
    status: Status,
    place: Place,
    /// The session that was given the task in a response (2025-11-25).
    owner: Option<SessionId>,
    /// The request whose progress token lives on with the task.
    request: Option<RequestRef>,
}

impl Known {
    fn worth(&self) -> Worth {
        match self.request {
            Some(_) => Worth::Token,
            None if self.status.is_final() => Worth::Over,
            None => Worth::Status,
        }
    }
}

impl Tasks {
    fn find(&self, dialect: Dialect, id: &str) -> Option<&Known> {
        // A copy of the name: it is looked up once for each raising, which copies all of it.
        self.known.get(&(dialect, id.into()))
    }

    /// Whether a task may be told of as such.
    fn check(&self, dialect: Dialect, id: &str) -> Result<()> {
        match self.find(dialect, id) {
            Some(Known { status, .. }) if status.is_final() => Err(Error::new(
                ErrorKind::State,
                format!("task {id:?} is {}: what is over is not told of again", status.as_str()),
            )),
            _ => Ok(()),
        }
    }

    /// The status of a task, known or not, is that. Yields its request if it is over with that.
    fn note(&mut self, dialect: Dialect, id: &str, status: Status) -> Option<RequestRef> {
        let key = (dialect, Arc::from(id));
        self.serial += 1;
        let known = self.known.entry(key.clone()).or_insert_with(|| {
            let place = (Worth::Status, self.serial);
            self.order.insert(place, key.clone());
            Known { status, place, owner: None, request: None }
        });
        known.status = status;
        let ended = if status.is_final() { known.request.take() } else { None };
        self.put_in_place(key);
        ended
    }

    /// A known task is a session's, and its request's token lives. Yields the request that had it
    /// before.
    fn give(
        &mut self,
        id: &str,
        owner: SessionId,
        request: Option<RequestRef>,
    ) -> Option<RequestRef> {
        let key = (Dialect::Core, Arc::from(id));
        let known = self.known.get_mut(&key)?;
        known.owner = Some(owner);
        let before = std::mem::replace(&mut known.request, request);
        self.put_in_place(key);
        before
    }

    /// Whether the token of that request lives with that task.
    pub(crate) fn has_request(&self, id: &str, request: RequestRef) -> bool {
        self.find(Dialect::Core, id).is_some_and(|known| known.request == Some(request))
    }

    /// The token of a task lives no more. Yields the request that had it.
    pub(crate) fn take_request(&mut self, id: &str) -> Option<RequestRef> {
        let key = (Dialect::Core, Arc::from(id));
        let request = self.known.get_mut(&key)?.request.take();
        self.put_in_place(key);
        request
    }

    /// A task may be worth more or less than it was.
    fn put_in_place(&mut self, key: Key) {
        let Some(known) = self.known.get_mut(&key) else { return };
        let worth = known.worth();
        if known.place.0 != worth {
            self.order.remove(&known.place);
            self.serial += 1;
            known.place = (worth, self.serial);
            self.order.insert(known.place, key);
        }
    }

    /// Forgets the task that comes first.
    fn forget_first(&mut self) -> Option<(Key, Known)> {
        let (_, key) = self.order.pop_first()?;
        let known = self.known.remove(&key)?;
        Some((key, known))
    }

    #[cfg(test)]
    pub(super) fn check_invariants(&self, max: u32) {
        assert!(self.known.len() <= max as usize);
        assert_eq!(self.known.len(), self.order.len());
        for (place, key) in &self.order {
            let known = &self.known[key];
            assert_eq!((known.place, place.0), (*place, known.worth()));
            assert!(known.request.is_none() || !known.status.is_final(), "it ends with the task");
        }
    }

    /// The requests whose tokens live on with tasks.
    #[cfg(test)]
    pub(super) fn requests(&self) -> impl Iterator<Item = (&str, RequestRef)> {
        let held = self.known.iter();
        held.filter_map(|((_, id), known)| Some((&**id, known.request?)))
    }
}

/// Whether a session may hear of tasks by `notifications/tasks/status` (R8).
fn has_tasks(session: &Session) -> bool {
    session.revision() == Some(Revision::V2025_11_25) && session.capabilities().tasks
}

impl Core {
    // ---- 2026-07-28 ----

    /// Raises a `notifications/tasks`; yields how many listens and open sessions it reached.
    pub(crate) fn raise_task(&mut self, params: Option<&str>, raise: &Raise<'_>) -> Result<usize> {
        let text = required(params)?;
        let task = TaskParams::read(text)?;
        self.check_name(NoticeKind::Task, &task.id).map_err(Excess::error)?;
        let audience = self.audience(raise.target)?;
        self.tasks.check(Dialect::Extension, &task.id)?;
        self.note_task(Dialect::Extension, &task.id, task.status);
        let mut reached = 0;
        if let Some(topic) = self.topics.find(NoticeKind::Task, &task.id) {
            let body = self.events.insert(task.tail());
            for slot in self.links_reached(topic, audience) {
                reached += usize::from(self.raise_task_link(slot, body));
            }
            self.events.release(body);
        }
        Ok(reached + self.raise_event(method::TASKS, Some(text), raise, to_open)?)
    }

    /// Queues an update, or puts it in the place of one that waits. Its body is the caller's.
    fn raise_task_link(&mut self, slot: u32, body: u32) -> bool {
        if self.out.slots[slot].is(MUTED) {
            return false;
        }
        let stream = self.out.stream_of(slot);
        let ix = self.out.streams[stream].session();
        let len = self.events.body(body).len();
        if self.out.is_queued(slot) {
            if self.replace_task(slot, body) {
                return true;
            }
            // It has grown beyond a bound: the policy decides, as for a new one.
            let session = &self.sessions[ix];
            let is_refused = match session.overflow() {
                Overflow::Close => false,
                Overflow::DropOldest => !self.sessions.fits_empty(ix, len),
                Overflow::DropNewest => true,
            };
            if is_refused {
                self.count_dropped(ix);
                return false;
            }
            self.retract(slot);
        }
        if !self.make_room(ix, stream, len) {
            return false;
        }
        self.events.hold(body);
        self.contexts.insert(slot, body);
        self.out.flag(slot, CONTEXT | DROPPABLE, 0);
        let session = &mut self.sessions[ix];
        session.frames += 1;
        session.bytes += len as u32;
        self.out.push(slot, Lane::Main);
        true
    }

    /// Whether the body of a queued update could give way to that one.
    fn replace_task(&mut self, slot: u32, body: u32) -> bool {
        let ix = self.out.streams[self.out.stream_of(slot)].session();
        let old = self.contexts[&slot];
        let (old_len, len) = (self.events.body(old).len(), self.events.body(body).len());
        if len > old_len
            && (self.is_engine_full_for(ix) || !self.sessions.fits_beside(ix, len - old_len))
        {
            return false;
        }
        self.events.hold(body);
        self.contexts.insert(slot, body);
        self.events.release(old);
        let session = &mut self.sessions[ix];
        session.bytes = session.bytes - old_len as u32 + len as u32;
        let record = &mut self.out.slots[slot];
        if record.is(IN_HAND) && !record.is(AGAIN) {
            // It has a frame of its own, unless the one in hand is refused.
            record.flags |= AGAIN;
        } else {
            self.sessions.rare_mut(ix).merged += 1;
            self.counters.merged += 1;
        }
        true
    }

    // ---- 2025-11-25 ----

    /// Raises a `notifications/tasks/status`; yields how many sessions it reached. A task that was
    /// given to a session in a response is that session's alone.
    pub(crate) fn raise_task_status(
        &mut self,
        params: Option<&str>,
        raise: &Raise<'_>,
    ) -> Result<usize> {
        let text = required(params)?;
        let task = TaskParams::read(text)?;
        self.check_name(NoticeKind::Task, &task.id).map_err(Excess::error)?;
        let admits =
            |session: &Session| to_open(session) || to_hearers(session) && has_tasks(session);
        let mut listeners = self.listeners(method::TASK_STATUS, raise, admits)?;
        self.tasks.check(Dialect::Core, &task.id)?;
        if let Some(owner) = self.tasks.find(Dialect::Core, &task.id).and_then(|it| it.owner) {
            let owner = self.sessions.resolve(owner.0);
            listeners.retain(|&ix| Some(ix) == owner || to_open(&self.sessions[ix]));
        }
        self.note_task(Dialect::Core, &task.id, task.status);
        // Not on the stream of a request: the one that created the task has been answered, and
        // its progress is on the session's own stream, which keeps them in order.
        let raise = raise.without_request();
        let body = encode::notification(method::TASK_STATUS, Some(text));
        Ok(self.queue_event(body, listeners, raise.target))
    }

    /// A response has given a task to a session: the progress token of the request lives on until
    /// the task is over (R23). Yields the stream for the response.
    pub(crate) fn begin_task(&mut self, request: u32, task: &TaskInResult) -> u32 {
        let session = self.requests[request].session;
        let known = self.tasks.find(Dialect::Core, &task.id).map(|known| known.status);
        // The host may have told of it before it answered.
        let status = known.unwrap_or(task.status);
        let is_nameable = self.check_name(NoticeKind::Task, &task.id).is_ok();
        if status.is_final() || !is_nameable || !has_tasks(&self.sessions[session]) {
            return self.complete_request(request);
        }
        let reference = self.requests.reference(request);
        let stream = self.outlive_response(request, &task.id);
        let request = self.requests.resolve(reference).map(|_| reference);
        let owner = SessionId(self.sessions.handle(session));
        self.tasks.note(Dialect::Core, &task.id, status);
        if let Some(other) = self.tasks.give(&task.id, owner, request) {
            self.end_task_request(other);
        }
        self.bound_tasks();
        stream
    }

    /// A response is about to tell a client what `tasks/get` or `tasks/cancel` asked for. If the task
    /// is over, so is its progress, and what is queued of that goes before the response (R23). Its
    /// status may still be raised, which nobody has been told of yet.
    pub(crate) fn hear_of_task(&mut self, ix: u32, task: &TaskInResult) {
        let owner = self.tasks.find(Dialect::Core, &task.id).and_then(|known| known.owner);
        if task.status.is_final()
            && owner == Some(SessionId(self.sessions.handle(ix)))
            && let Some(request) = self.tasks.take_request(&task.id)
            && let Some(request) = self.requests.resolve(request)
        {
            self.complete_request(request);
        }
    }

    // ---- what is known ----

    /// Takes note of a status that was checked. What was held back of the progress of a task that
    /// is over is queued with that.
    fn note_task(&mut self, dialect: Dialect, id: &str, status: Status) {
        if let Some(request) = self.tasks.note(dialect, id, status) {
            self.end_task_request(request);
        }
        self.bound_tasks();
    }

    /// Forgets what is too much.
    fn bound_tasks(&mut self) {
        let max = self.config.max_tasks as usize;
        while self.tasks.known.len() > max
            && let Some(((_, id), known)) = self.tasks.forget_first()
        {
            if !known.status.is_final() && self.told.insert(String::from("tasks")) {
                let text = format!(
                    "tasks.max_known allows {max}: task {id:?} is forgotten, though it is not over"
                );
                self.log(Level::Warning, "fanfare::notify", text);
            }
            if let Some(request) = known.request {
                self.end_task_request(request);
            }
        }
    }

    fn end_task_request(&mut self, request: RequestRef) {
        if let Some(ix) = self.requests.resolve(request) {
            self.release_request(ix);
        }
    }
}

fn required(params: Option<&str>) -> Result<&str> {
    params.ok_or_else(|| Error::new(ErrorKind::Json, "params are missing"))
}
