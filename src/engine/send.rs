//! The host's own messages, so that they keep their order among the engine's: a response comes
//! after everything of its request, and a notification is admitted by the session's rules.

use std::borrow::Cow;

use crate::engine::Core;
use crate::engine::owned::Owner;
use crate::engine::pool::NONE;
use crate::engine::session::Rules;
use crate::engine::slot::Lane;
use crate::error::{Error, ErrorKind, Result};
use crate::params::{Raise, SessionId, StreamId, Target};
use crate::protocol::elicitation;
use crate::protocol::id::Id;
use crate::protocol::kind::{Route, method};
use crate::protocol::message::{Message, cancelled_id};
use crate::protocol::meta::one_line;
use crate::protocol::task::TaskInResult;
use crate::protocol::{Revision, encode, result};

/// A message of the host's own that has been read. Reading takes time in proportion to its size
/// and needs nothing of the engine, so it is done before the engine is asked.
pub(crate) struct Outgoing<'a> {
    message: Message<'a>,
    text: Cow<'a, str>,
    /// What it says of a task, if it is a response.
    task: Option<TaskInResult>,
    /// The elicitations by URL that it gives the client.
    elicitations: Vec<String>,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| Error::new(ErrorKind::Utf8, format!("message: {e}")))?;
        let message = Message::parse(text)
            .map_err(|fault| Error::new(ErrorKind::Json, format!("message: {}", fault.message)))?;
        let (mut task, mut elicitations) = (None, Vec::new());
        match &message {
            Message::Response { result: Some(result), .. } => task = TaskInResult::of(result),
            Message::Response { result: None, .. } => elicitations = elicitation::required(text),
            Message::Request { method: name, params: Some(params), .. }
                if name == method::ELICITATION_CREATE =>
            {
                elicitations.extend(elicitation::created(params));
            }
            Message::Request { .. } | Message::Notification { .. } => {}
        }
        Ok(Self { message, text: one_line(text.trim_ascii()), task, elicitations })
    }
}

/// A result as a session's era has it (R60). What comes from an SDK of the other era is mended as
/// long as it means the same: a result of 2026-07-28 without a type is a complete one, and one
/// that says so reads the same without saying it to an older client. Anything else is refused.
fn of_era(rules: Rules, result: &str) -> Result<Cow<'_, str>> {
    let kind = || {
        result::kind(result).map_err(|why| Error::new(ErrorKind::Json, format!("message: {why}")))
    };
    match rules {
        Rules::Modern if kind()?.is_none() => Ok(result::completed(result).into()),
        // What an older revision has is an object too, but that has always been the host's matter.
        Rules::Legacy { .. } if result.starts_with('{') => match kind()? {
            None => Ok(result.into()),
            Some(kind) if kind == result::COMPLETE => Ok(result::untyped(result).into()),
            Some(kind) => Err(Error::new(
                ErrorKind::NotNegotiated,
                format!(
                    "message: result.resultType is {kind:?}, which only {} has",
                    Revision::MODERN
                ),
            )),
        },
        _ => Ok(result.into()),
    }
}

impl Core {
    pub(crate) fn send(
        &mut self,
        handle: SessionId,
        stream: Option<StreamId>,
        outgoing: Result<Outgoing<'_>>,
    ) -> Result<()> {
        let ix = self.session(handle)?;
        let Outgoing { message, text, task, elicitations } = outgoing?;
        let limit = self.config.engine_max_queued_bytes;
        while self.events.bytes + text.len() as u64 > limit && self.shed_kept() {}
        let total = self.events.bytes + text.len() as u64;
        if total > limit {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("{total} bytes would be queued; engine.max_queued_bytes allows {limit}"),
            ));
        }
        match message {
            Message::Response { id: Some(id), result } => {
                self.respond(ix, &id, result, task, &text)?;
            }
            // An error that answers a message without an id belongs to nothing.
            Message::Response { id: None, .. } => {
                let stream = self.stream_of(ix, stream)?;
                self.push_reply(stream, text.into_owned(), Owner::Session, Lane::Control);
            }
            Message::Request { id, .. } => {
                // R56. What is said before the era is known may be read in either.
                if matches!(self.sessions[ix].rules, Rules::Modern | Rules::Undecided) {
                    return Err(Error::new(
                        ErrorKind::NotNegotiated,
                        format!("a server of {} sends no requests", Revision::MODERN),
                    ));
                }
                let stream = match stream {
                    Some(_) => self.stream_of(ix, stream)?,
                    None => self.sessions[ix].home,
                };
                self.check_unread(ix)?;
                let event = self.events.insert(text.into_owned());
                self.push_undroppable(stream, event, Owner::Session, Lane::Main);
                let stream = self.out.streams.handle(stream);
                self.sessions.rare_mut(ix).asked.insert(id, stream);
            }
            Message::Notification { method: name, params } => {
                let name = name.into_owned();
                self.send_notification(handle, ix, &name, params, &text)?;
            }
        }
        for id in elicitations {
            self.note_elicitation(ix, &id);
        }
        self.settle_lagging();
        Ok(())
    }

    /// Whether a client that does not read may be sent one more message that is never dropped.
    fn check_unread(&self, ix: u32) -> Result<()> {
        let (unread, limit) = (self.sessions[ix].reply_bytes, self.config.max_reply_bytes);
        if unread > limit {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("{unread} bytes are unread; session.max_reply_bytes allows {limit}"),
            ));
        }
        Ok(())
    }

    fn respond(
        &mut self,
        ix: u32,
        id: &Id,
        result: Option<&str>,
        task: Option<TaskInResult>,
        text: &str,
    ) -> Result<()> {
        let Some(request) = self.requests.find(ix, id) else {
            return Err(Error::new(
                ErrorKind::State,
                format!(
                    "no request with id {id} is in flight: it was answered, cancelled, or never received"
                ),
            ));
        };
        let is_initialize = self.requests[request].is_initialize;
        if self.requests[request].stream == NONE {
            // R35: its connection was lost, and nobody can come back for the response.
            self.forget_request(request);
            return Err(Error::gone("stream of the request"));
        }
        let body = match result.map(one_line) {
            None => text.to_owned(),
            Some(result) => match of_era(self.sessions[ix].rules, &result)? {
                Cow::Borrowed(_) => text.to_owned(),
                Cow::Owned(result) => encode::result(id, &result),
            },
        };
        let stream = match &task {
            Some(task) if task.is_new => self.begin_task(request, task),
            _ => self.complete_request(request),
        };
        if let Some(task) = task.filter(|task| !task.is_new) {
            self.hear_of_task(ix, &task);
        }
        self.push_reply(stream, body, Owner::Session, Lane::Control);
        self.finish_if_answered(stream);
        if let (true, Some(result)) = (is_initialize, result) {
            self.adopt_handshake(ix, result);
        }
        Ok(())
    }

    fn send_notification(
        &mut self,
        handle: SessionId,
        ix: u32,
        name: &str,
        params: Option<&str>,
        text: &str,
    ) -> Result<()> {
        if name == method::CANCELLED && self.sessions[ix].rules != Rules::Modern {
            return self.send_cancelled(ix, params, text);
        }
        if Route::of(name) == Route::Reserved {
            return Err(Error::new(
                ErrorKind::NotNegotiated,
                format!("{name} is not for a server to send"),
            ));
        }
        self.notify(name, params, &Raise::to(Target::Session(handle))).map(|_| ())
    }

    /// R79: it names a request of the host's own that the client has not answered, and follows it
    /// on the same stream and lane.
    fn send_cancelled(&mut self, ix: u32, params: Option<&str>, text: &str) -> Result<()> {
        let id = cancelled_id(params).ok_or_else(|| {
            Error::new(ErrorKind::Json, "params.requestId must be a string or an integer")
        })?;
        let rare = self.sessions.rare(ix);
        let Some(&stream) = rare.and_then(|rare| rare.asked.get(&id)) else {
            return Err(Error::new(
                ErrorKind::State,
                format!("the client has no request with id {id} to answer"),
            ));
        };
        self.check_unread(ix)?;
        let stream = self.out.streams.resolve(stream).unwrap_or(self.sessions[ix].home);
        let event = self.events.insert(text.to_owned());
        self.push_undroppable(stream, event, Owner::Session, Lane::Main);
        self.sessions.rare_mut(ix).asked.remove(&id);
        Ok(())
    }
}
