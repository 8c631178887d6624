//! Requests in flight: whose they are, where their response goes, and what may be said of them
//! until then.
//!
//! Invariants:
//! * a request is in `ids`, counted in `in_flight` of its session and in `open_requests` of its
//!   stream, from [`Core::begin_request`] until its response is queued or it is cancelled, and, if
//!   it has a progress token that no other request of its session has, in `tokens` as long (R16,
//!   R20);
//! * a request whose response created a task (2025-11-25) stays chained to its session and in
//!   `tokens` until the task is over or the session is (R23): only if it has a token, and with the
//!   session's own stream as its stream;
//! * the events queued of it are chained from it, in the order of the outbox.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::engine::Core;
use crate::engine::owned::Owner;
use crate::engine::pool::{NONE, Pool};
use crate::engine::progress::Gate;
use crate::engine::slot::{AGAIN, Lane};
use crate::engine::timer::RequestRef;
use crate::protocol::Level;
use crate::protocol::id::Id;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) session: u32,
    /// Where its response and whatever belongs to it go; none if that stream is gone.
    pub(crate) stream: u32,
    pub(crate) id: Id,
    pub(crate) token: Option<Id>,
    /// The log level that it asks for (2026-07-28, R12).
    pub(crate) level: Option<Level>,
    pub(crate) is_initialize: bool,
    /// The task that its response created: only its progress token lives on.
    pub(crate) task: Option<Box<str>>,
    pub(crate) gate: Gate,
    /// Tells it from another one that takes its index later.
    serial: u64,
    /// The chain of what is queued of it.
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) session_next: u32,
    session_prev: u32,
    /// Of the newest of its session: how many of those have not been answered.
    in_flight: u32,
    /// The requests of all sessions that have the same token.
    token_next: u32,
    token_prev: u32,
}

/// What a request says of itself.
#[derive(Debug)]
pub(crate) struct NewRequest {
    pub(crate) id: Id,
    pub(crate) token: Option<Id>,
    pub(crate) level: Option<Level>,
    pub(crate) is_initialize: bool,
}

#[derive(Debug)]
pub(crate) struct Requests {
    pub(super) requests: Pool<Request>,
    pub(super) ids: HashTable<u32>,
    pub(super) tokens: HashTable<u32>,
    /// By token alone: the newest request that has it, from which the others are chained.
    by_token: HashTable<u32>,
    hasher: RandomState,
    serial: u64,
}

impl Requests {
    pub(crate) fn new() -> Self {
        Self {
            requests: Pool::new(),
            ids: HashTable::new(),
            tokens: HashTable::new(),
            by_token: HashTable::new(),
            hasher: RandomState::default(),
            serial: 0,
        }
    }

    /// How many are in flight.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many of the requests chained from a session's head have not been answered.
    pub(crate) fn in_flight(&self, head: u32) -> u32 {
        if head == NONE { 0 } else { self.requests[head].in_flight }
    }

    /// The requests chained from a session's head, the newest first.
    pub(crate) fn of_session(&self, head: u32) -> impl Iterator<Item = u32> {
        let mut at = head;
        std::iter::from_fn(move || {
            let ix = at;
            (ix != NONE).then(|| {
                at = self.requests[ix].session_next;
                ix
            })
        })
    }

    pub(crate) fn find(&self, session: u32, id: &Id) -> Option<u32> {
        let hash = self.hasher.hash_one((session, id.as_bytes()));
        let is_it = |&ix: &u32| self.requests[ix].session == session && self.requests[ix].id == *id;
        self.ids.find(hash, is_it).copied()
    }

    pub(crate) fn find_token(&self, session: u32, token: &Id) -> Option<u32> {
        let hash = self.hasher.hash_one((session, token.as_bytes()));
        let is_it = |&ix: &u32| {
            let request = &self.requests[ix];
            request.session == session && request.token.as_ref() == Some(token)
        };
        self.tokens.find(hash, is_it).copied()
    }

    /// Every request with that token, whosever it is.
    pub(crate) fn with_token(&self, token: &Id) -> impl Iterator<Item = u32> {
        let has_it = |&ix: &u32| self.requests[ix].token.as_ref() == Some(token);
        let mut at = self.by_token.find(self.hash_of_token(token), has_it).copied();
        std::iter::from_fn(move || {
            let ix = at?;
            let next = self.requests[ix].token_next;
            at = (next != NONE).then_some(next);
            Some(ix)
        })
    }

    fn hash_of_token(&self, token: &Id) -> u64 {
        self.hasher.hash_one(token.as_bytes())
    }

    /// Chains a request to those that have the same token.
    fn join_token(&mut self, ix: u32) {
        let Self { requests, by_token, hasher, .. } = self;
        let Some(token) = &requests[ix].token else { return };
        let hash = hasher.hash_one(token.as_bytes());
        let of = |ix: u32| requests[ix].token.as_ref().expect("only requests with one are in it");
        let entry = by_token.entry(
            hash,
            |&other| of(other) == token,
            |&other| hasher.hash_one(of(other).as_bytes()),
        );
        match entry {
            Entry::Vacant(entry) => drop(entry.insert(ix)),
            Entry::Occupied(mut entry) => {
                let next = std::mem::replace(entry.get_mut(), ix);
                requests[ix].token_next = next;
                requests[next].token_prev = ix;
            }
        }
    }

    /// Undoes that, for a request that has been taken out.
    fn leave_token(&mut self, ix: u32, request: &Request) {
        let Some(token) = &request.token else { return };
        let (next, prev) = (request.token_next, request.token_prev);
        if next != NONE {
            self.requests[next].token_prev = prev;
        }
        if prev != NONE {
            self.requests[prev].token_next = next;
        } else if let Ok(mut entry) =
            self.by_token.find_entry(self.hasher.hash_one(token.as_bytes()), |&head| head == ix)
        {
            if next == NONE {
                entry.remove();
            } else {
                *entry.get_mut() = next;
            }
        }
    }

    /// The request of a reference, unless it has gone.
    pub(crate) fn resolve(&self, request: RequestRef) -> Option<u32> {
        let is_it = self.requests.get(request.ix)?.serial == request.serial;
        is_it.then_some(request.ix)
    }

    pub(crate) fn reference(&self, ix: u32) -> RequestRef {
        RequestRef { ix, serial: self.requests[ix].serial }
    }

    fn insert(&mut self, request: Request) -> u32 {
        let ix = self.requests.insert(request);
        let Self { requests, ids, tokens, hasher, .. } = self;
        let by_id = |&ix: &u32| {
            let request = &requests[ix];
            hasher.hash_one((request.session, request.id.as_bytes()))
        };
        ids.insert_unique(by_id(&ix), ix, by_id);
        if requests[ix].token.is_some() {
            let by_token = |&ix: &u32| {
                let request = &requests[ix];
                let token = request.token.as_ref().expect("only requests with one are in tokens");
                hasher.hash_one((request.session, token.as_bytes()))
            };
            tokens.insert_unique(by_token(&ix), ix, by_token);
        }
        self.join_token(ix);
        ix
    }

    fn remove(&mut self, ix: u32) -> Request {
        let request = self.requests.remove(ix);
        self.leave_token(ix, &request);
        let hash = self.hasher.hash_one((request.session, request.id.as_bytes()));
        if let Ok(entry) = self.ids.find_entry(hash, |&other| other == ix) {
            entry.remove();
        }
        if let Some(token) = &request.token {
            let hash = self.hasher.hash_one((request.session, token.as_bytes()));
            if let Ok(entry) = self.tokens.find_entry(hash, |&other| other == ix) {
                entry.remove();
            }
        }
        request
    }
}

impl std::ops::Index<u32> for Requests {
    type Output = Request;

    fn index(&self, ix: u32) -> &Request {
        &self.requests[ix]
    }
}

impl std::ops::IndexMut<u32> for Requests {
    fn index_mut(&mut self, ix: u32) -> &mut Request {
        &mut self.requests[ix]
    }
}

impl Core {
    pub(crate) fn is_id_in_use(&self, session: u32, id: &Id) -> bool {
        self.requests.find(session, id).is_some() || self.find_listen(session, id).is_some()
    }

    /// Takes note of a request that the host will answer.
    pub(crate) fn begin_request(&mut self, session: u32, stream: u32, new: NewRequest) {
        let mut token = new.token;
        if let Some(taken) = &token
            && self.requests.find_token(session, taken).is_some()
        {
            self.log(
                Level::Warning,
                "fanfare::receive",
                format!(
                    "request {}: progress token {taken} belongs to another active request; no progress will be sent for this one (R20)",
                    new.id
                ),
            );
            token = None;
        }
        self.requests.serial += 1;
        let request = Request {
            session,
            stream,
            id: new.id,
            token,
            level: new.level,
            is_initialize: new.is_initialize,
            task: None,
            gate: Gate::default(),
            serial: self.requests.serial,
            first: NONE,
            last: NONE,
            session_next: self.sessions[session].requests,
            session_prev: NONE,
            in_flight: self.requests.in_flight(self.sessions[session].requests) + 1,
            token_next: NONE,
            token_prev: NONE,
        };
        let ix = self.requests.insert(request);
        let newer_than = std::mem::replace(&mut self.sessions[session].requests, ix);
        if newer_than != NONE {
            self.requests[newer_than].session_prev = ix;
        }
        self.expect_answer(stream);
    }

    /// The response is about to be queued: what is queued of the request goes before it, and
    /// nothing comes after it (R18). Yields the stream for the response, if it is still there.
    pub(crate) fn complete_request(&mut self, ix: u32) -> u32 {
        self.settle_queued(ix);
        self.remove_request(ix)
    }

    /// The same for a response that creates a task: the token lives on, if there is one, with the
    /// session's own stream for its progress.
    pub(crate) fn outlive_response(&mut self, ix: u32, task: &str) -> u32 {
        if self.requests[ix].token.is_none() {
            return self.complete_request(ix);
        }
        self.settle_queued(ix);
        let Requests { requests, ids, hasher, .. } = &mut self.requests;
        let request = &mut requests[ix];
        let hash = hasher.hash_one((request.session, request.id.as_bytes()));
        if let Ok(entry) = ids.find_entry(hash, |&other| other == ix) {
            entry.remove();
        }
        let session = &self.sessions[request.session];
        request.task = Some(task.into());
        let stream = std::mem::replace(&mut request.stream, session.home);
        self.out.streams[stream].open_requests -= 1;
        requests[session.requests].in_flight -= 1;
        stream
    }

    /// The task is over: what is queued of its progress is sent, and no more follows (R23).
    pub(crate) fn release_request(&mut self, ix: u32) {
        self.flush_held_progress(ix);
        for slot in self.chain(ix) {
            self.own_by_session(slot);
            // What was raised again while in hand would line up behind what is queued next.
            if self.out.slots[slot].is(AGAIN) {
                self.out.requeue(slot, Lane::Control);
            }
        }
        self.remove_request(ix);
    }

    fn settle_queued(&mut self, ix: u32) {
        self.flush_held_progress(ix);
        for slot in self.out.in_order(self.chain(ix)) {
            self.own_by_session(slot);
            self.out.requeue(slot, Lane::Control);
        }
    }

    /// The request is over without a response: nothing of it is sent any more (R80).
    pub(crate) fn forget_request(&mut self, ix: u32) {
        for slot in self.chain(ix) {
            self.discard(slot);
        }
        let stream = self.remove_request(ix);
        if stream != NONE {
            self.finish_if_answered(stream);
        }
    }

    fn remove_request(&mut self, ix: u32) -> u32 {
        let session = self.requests[ix].session;
        if self.requests[ix].task.is_none() {
            self.requests[self.sessions[session].requests].in_flight -= 1;
        }
        let request = self.requests.remove(ix);
        let (next, prev) = (request.session_next, request.session_prev);
        if prev == NONE {
            self.sessions[session].requests = next;
            if next != NONE {
                self.requests[next].in_flight = request.in_flight;
            }
        } else {
            self.requests[prev].session_next = next;
        }
        if next != NONE {
            self.requests[next].session_prev = prev;
        }
        if let Some(task) = &request.task {
            // Its response is queued, and was counted then.
            if self.tasks.has_request(task, RequestRef { ix, serial: request.serial }) {
                self.tasks.take_request(task);
            }
            return NONE;
        }
        if request.stream != NONE {
            self.out.streams[request.stream].open_requests -= 1;
        }
        request.stream
    }

    // ---- the chain of queued events ----

    fn chain(&self, ix: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = self.requests[ix].first;
        while at != NONE {
            found.push(at);
            at = self.out.next_of_owner(at);
        }
        found
    }

    pub(crate) fn chain_push(&mut self, ix: u32, slot: u32) {
        let last = std::mem::replace(&mut self.requests[ix].last, slot);
        if last == NONE {
            self.requests[ix].first = slot;
        } else {
            self.out.set_next_of_owner(last, slot);
        }
    }

    /// Takes an event out of its request's chain, if it is in one.
    pub(crate) fn chain_remove(&mut self, slot: u32) {
        let Some(Owner::Request(ix)) = self.out.owner(slot) else { return };
        let next = self.out.next_of_owner(slot);
        let mut before = NONE;
        let mut at = self.requests[ix].first;
        while at != slot {
            before = at;
            at = self.out.next_of_owner(at);
        }
        let request = &mut self.requests[ix];
        request.gate.forget_queued(slot);
        if request.last == slot {
            request.last = before;
        }
        if before == NONE {
            request.first = next;
        } else {
            self.out.set_next_of_owner(before, next);
        }
    }

    /// An event has gone to the end of its lane, and goes to the end of its request's chain.
    pub(crate) fn chain_to_end(&mut self, slot: u32) {
        let Some(Owner::Request(ix)) = self.out.owner(slot) else { return };
        let queued = self.requests[ix].gate.queued;
        self.chain_remove(slot);
        self.out.set_next_of_owner(slot, NONE);
        self.chain_push(ix, slot);
        self.requests[ix].gate.queued = queued;
    }

    /// What is queued outlives what it belongs to.
    pub(crate) fn own_by_session(&mut self, slot: u32) {
        self.chain_remove(slot);
        match self.out.owner(slot) {
            // It is the session's already.
            Some(Owner::OpenProgress) => return,
            Some(Owner::Subscription(sub)) => self.subs.forget_ack(sub),
            _ => {}
        }
        self.out.disown(slot);
    }
}
