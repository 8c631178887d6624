//! Progress of requests: only for the token of a request in flight (R16), only upwards (R17), the
//! last value in place of one that is still queued, not more often than configured (R21), and
//! nothing after the response (R18), or after the end of the task that it created (R23).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::Core;
use crate::engine::owned::Owner;
use crate::engine::pool::NONE;
use crate::engine::session::Rules;
use crate::engine::slot::{AGAIN, IN_HAND, Lane};
use crate::engine::timer::{Due, RequestRef};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{Overflow, Raise, Target};
use crate::protocol::encode;
use crate::protocol::id::Id;
use crate::protocol::kind::method;
use crate::protocol::task;

/// The progress of one request so far.
#[derive(Debug)]
pub(crate) struct Gate {
    last: Option<Amount>,
    /// The progress event that is queued, to be replaced by the next one.
    pub(super) queued: u32,
    /// When the last one was queued.
    queued_ms: Option<u64>,
    /// One that came too soon, and waits for its time.
    pub(super) held: Option<String>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { last: None, queued: NONE, queued_ms: None, held: None }
    }
}

impl Gate {
    /// A slot has left the outbox.
    pub(crate) fn forget_queued(&mut self, slot: u32) {
        if self.queued == slot {
            self.queued = NONE;
        }
    }
}

/// A number as JSON has it: integers compare exactly, however large.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    Integer(i128),
    Float(f64),
}

impl Amount {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        text.parse().ok().filter(|float: &f64| float.is_finite()).map(Self::Float)
    }

    fn is_above(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a > b,
            (a, b) => a.to_f64() > b.to_f64(),
        }
    }

    fn to_f64(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }
}

/// The params of `notifications/progress`.
#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, rename = "progressToken")]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    progress: Option<&'a RawValue>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// Progress that has been read and checked.
struct Report<'a> {
    token: Id,
    amount: Amount,
    params: &'a str,
    /// The same without `message`, for 2024-11-05 (R22).
    without_message: Option<String>,
}

impl<'a> Report<'a> {
    /// Reads params that are a JSON object. `None`: they have no token, and can only be meant
    /// for open sessions.
    fn read(text: &'a str) -> Result<Option<Self>> {
        let wrong = |what: &str| Error::new(ErrorKind::Json, format!("params.{what}"));
        let params: Params<'_> =
            serde_json::from_str(text).map_err(|e| wrong(&format!("progress: {e}")))?;
        let Some(token) = params.token else { return Ok(None) };
        let token = Id::parse(token.get())
            .ok_or_else(|| wrong("progressToken must be a string or an integer"))?;
        let number = |raw: Option<&RawValue>| raw.and_then(|raw| Amount::parse(raw.get()));
        let amount = number(params.progress).ok_or_else(|| wrong("progress must be a number"))?;
        if params.total.is_some() && number(params.total).is_none() {
            return Err(wrong("total must be a number"));
        }
        let is_text = |raw: &RawValue| raw.get().starts_with('"');
        if params.message.is_some_and(|message| !is_text(message)) {
            return Err(wrong("message must be a string"));
        }
        let without_message = params.message.is_some().then(|| {
            // Values stay as they were written: a token must come back to the letter (R19).
            let mut members: BTreeMap<String, &RawValue> =
                serde_json::from_str(text).expect("it has been read as an object");
            members.remove("message");
            serde_json::to_string(&members).expect("members of an object serialise")
        });
        Ok(Some(Self { token, amount, params: text, without_message }))
    }
}

impl Core {
    /// Raises progress with params that are a JSON object; yields how many sessions it reached.
    pub(crate) fn raise_progress(&mut self, params: &str, raise: &Raise<'_>) -> Result<usize> {
        let Some(report) = Report::read(params)? else {
            return self.raise_event(method::PROGRESS, Some(params), raise, super::notify::to_open);
        };
        let requests = self.requests_meant(&report.token, raise.target)?;
        let mut reached = 0;
        for ix in requests {
            if self.report(ix, &report) {
                reached += 1;
            } else {
                self.counters.progress_refused += 1;
            }
        }
        let to_open = self.progress_to_open(&report, raise)?;
        if reached + to_open == 0 && self.requests.with_token(&report.token).next().is_none() {
            self.counters.progress_refused += 1;
        }
        Ok(reached + to_open)
    }

    /// The request that a token stands for. Sessions choose their tokens each for itself, so a
    /// token alone names one only if no other session uses it just now.
    fn requests_meant(&self, token: &Id, target: Target<'_>) -> Result<Vec<u32>> {
        let of = |ix: u32| self.requests.find_token(ix, token);
        Ok(match target {
            Target::Session(handle) => of(self.session(handle)?).into_iter().collect(),
            Target::Request(handle, id) => {
                let request = of(self.session(handle)?);
                let id = Id::parse(id);
                request
                    .into_iter()
                    .filter(|&ix| Some(&self.requests[ix].id) == id.as_ref())
                    .collect()
            }
            Target::Principal(name) => {
                self.principals.sessions(name).iter().filter_map(|&ix| of(ix)).collect()
            }
            Target::All | Target::Except(_) => {
                let not = match target {
                    Target::Except(handle) => self.session_even_ending(handle).ok(),
                    _ => None,
                };
                let mut found: Vec<u32> = self.requests.with_token(token).collect();
                found.retain(|&ix| Some(self.requests[ix].session) != not);
                if found.len() > 1 {
                    return Err(Error::invalid(format!(
                        "progress token {token} is active in {} sessions; name the one that is meant",
                        found.len()
                    )));
                }
                found
            }
        })
    }

    /// Whether a request's progress was taken.
    fn report(&mut self, ix: u32, report: &Report<'_>) -> bool {
        let request = &self.requests[ix];
        let session = &self.sessions[request.session];
        if request.stream == NONE || !self.sessions.admits(request.session, method::PROGRESS) {
            return false;
        }
        if request.gate.last.is_some_and(|last| !report.amount.is_above(last)) {
            return false;
        }
        let has_message = match session.rules {
            Rules::Legacy { revision, .. } => revision.has_progress_message(),
            _ => true,
        };
        let params = match &report.without_message {
            Some(without) if !has_message => without,
            _ => report.params,
        };
        let params = match &request.task {
            Some(task) => task::related(params, task),
            None => params.into(),
        };
        let body = encode::notification(method::PROGRESS, Some(&params));
        let now_ms = self.now_ms;
        let min_interval_ms = u64::from(self.config.progress_min_interval_ms);
        let gate = &mut self.requests[ix].gate;
        gate.last = Some(report.amount);
        let due_ms =
            gate.queued_ms.map_or(0, |queued_ms| queued_ms.saturating_add(min_interval_ms));
        if gate.queued == NONE && now_ms < due_ms {
            let merges = gate.held.replace(body).is_some();
            if merges {
                self.count_merged(ix);
            } else {
                let request = self.requests.reference(ix);
                self.timers.set(due_ms, Due::Progress(request));
            }
        } else {
            self.queue_progress(ix, body);
        }
        true
    }

    fn queue_progress(&mut self, ix: u32, body: String) {
        let event = self.events.insert(body);
        let (stream, queued) = (self.requests[ix].stream, self.requests[ix].gate.queued);
        if queued != NONE {
            self.replace_event(queued, event);
            let record = &mut self.out.slots[queued];
            if record.is(IN_HAND) && !record.is(AGAIN) {
                record.flags |= AGAIN;
            } else {
                self.count_merged(ix);
            }
            return;
        }
        let slot = self.push_undroppable(stream, event, Owner::Request(ix), Lane::Main);
        let gate = &mut self.requests[ix].gate;
        gate.queued = slot;
        gate.queued_ms = Some(self.now_ms);
    }

    fn count_merged(&mut self, ix: u32) {
        self.counters.merged += 1;
        self.sessions.rare_mut(self.requests[ix].session).merged += 1;
    }

    /// Its time has come.
    pub(crate) fn release_held_progress(&mut self, request: RequestRef) {
        if let Some(ix) = self.requests.resolve(request) {
            self.flush_held_progress(ix);
        }
    }

    /// Queues what was held back, so that the last value is never lost.
    pub(crate) fn flush_held_progress(&mut self, ix: u32) {
        if let Some(body) = self.requests[ix].gate.held.take()
            && self.requests[ix].stream != NONE
        {
            self.queue_progress(ix, body);
        }
    }

    /// Open sessions hear of any progress; the last value of a token is enough for them.
    fn progress_to_open(&mut self, report: &Report<'_>, raise: &Raise<'_>) -> Result<usize> {
        let listeners = self.listeners(method::PROGRESS, raise, super::notify::to_open)?;
        if listeners.is_empty() {
            return Ok(0);
        }
        let event = self.events.insert(encode::notification(method::PROGRESS, Some(report.params)));
        let mut reached = 0;
        for ix in listeners {
            // A request of its own with that token has had it already.
            if self.requests.find_token(ix, &report.token).is_some() {
                continue;
            }
            let queued = self.sessions.rare(ix).map(|rare| &rare.open_progress);
            let queued = queued.and_then(|queued| queued.get(&report.token)).copied();
            let mut queued = queued.filter(|&slot| !self.out.slots[slot].is(IN_HAND));
            if let Some(slot) = queued
                && !self.fits_in_place(slot, event)
            {
                // It has grown beyond the session's bound: the policy decides, as for a new one.
                let session = &self.sessions[ix];
                let is_hopeless = !self.sessions.fits_empty(ix, self.events.body(event).len());
                match session.overflow() {
                    Overflow::DropOldest if !is_hopeless => {}
                    Overflow::Close => {}
                    Overflow::DropOldest | Overflow::DropNewest => {
                        self.count_dropped(ix);
                        continue;
                    }
                }
                self.discard(slot);
                queued = None;
            }
            match queued {
                Some(slot) => {
                    self.events.hold(event);
                    self.replace_event(slot, event);
                    self.counters.merged += 1;
                    self.sessions.rare_mut(ix).merged += 1;
                    reached += 1;
                }
                None => {
                    let home = self.sessions[ix].home;
                    if let Some(slot) = self.offer(home, event, Owner::OpenProgress) {
                        self.sessions.rare_mut(ix).note_open_progress(&report.token, slot);
                        reached += 1;
                    }
                }
            }
        }
        self.events.release(event);
        Ok(reached)
    }
}
