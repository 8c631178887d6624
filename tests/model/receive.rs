//! What clients say, and what the host says to one of them: each changes what a session hears of,
//! or is answered.

use fanfare::Revision;

use super::access::Refusal;
use super::reference::{Model, Outcome};
use super::state::{Owner, Phase, Request};
use super::wire;
use super::words::{Advertised, Id, Place, Rules, Said};

type Verdict = Result<Outcome, &'static str>;

const HANDLED: Verdict = Ok(Outcome::Passed(false));
const PASSED: Verdict = Ok(Outcome::Passed(true));

impl Model {
    pub(crate) fn receive(&mut self, place: Place, said: &Said, is_modern: bool) -> Verdict {
        let s = place.session;
        self.live(s)?;
        let at = self.stream_of_place(place)?;
        let Some(id) = said.id() else { return self.receive_notification(s, said) };
        if self.sessions[s].rules == Rules::Auto {
            self.decide(s, is_modern);
        }
        let session = &self.sessions[s];
        if self.is_in_use(s, id) {
            let text = format!("id {id} is in use by a request that has not been answered");
            return self.refuse(s, at, id, -32600, &text, None);
        }
        match session.rules {
            Rules::Open => self.receive_in_session(s, at, id, said),
            Rules::Legacy { .. } | Rules::Auto if is_modern => {
                let text = "the session has negotiated an older revision by initialize";
                self.refuse(s, at, id, -32600, text, None)
            }
            Rules::Legacy { .. } | Rules::Auto => self.receive_in_session(s, at, id, said),
            Rules::Modern => self.receive_modern(s, at, id, said, is_modern),
        }
    }

    /// The stream that a message comes in by.
    pub(crate) fn stream_of_place(&mut self, place: Place) -> Result<usize, &'static str> {
        if let Some(name) = place.stream {
            return self.stream_named(place.session, name);
        }
        let streams = self.sessions[place.session].streams.iter().enumerate();
        let mut open = streams.filter(|(_, it)| it.is_attached && !it.is_gone);
        match (open.next(), open.next()) {
            (Some((only, _)), None) => Ok(only),
            _ => Err("STATE"),
        }
    }

    /// The first request chooses the era.
    fn decide(&mut self, s: usize, is_modern: bool) {
        let session = &mut self.sessions[s];
        if is_modern {
            session.rules = Rules::Modern;
            // Nothing that was said before counts for its requests.
            session.types = None;
        } else {
            session.rules = Rules::Legacy { revision: 3, handshake: true };
            session.phase = Phase::Greeting;
        }
    }

    pub(crate) fn is_in_use(&self, s: usize, id: Id) -> bool {
        let session = &self.sessions[s];
        session.requests.iter().any(|it| it.id == id)
            || session.listens.iter().any(|it| it.id == id)
    }

    fn receive_notification(&mut self, s: usize, said: &Said) -> Verdict {
        let session = &mut self.sessions[s];
        match said {
            Said::Initialized => {
                if session.phase == Phase::Answered {
                    session.phase = Phase::Initialized;
                }
                PASSED
            }
            Said::Cancel { id } => {
                if self.end_listen(s, id, fanfare::EndReason::Cancelled).is_ok() {
                    return HANDLED;
                }
                let mut requests = self.sessions[s].requests.iter();
                let at = requests.position(|it| it.id == *id && !it.is_initialize);
                let Some(at) = at else { return HANDLED };
                let request = self.sessions[s].requests.remove(at);
                if let Some(at) = request.stream {
                    self.sessions[s].retain(at, |entry| entry.owner != Owner::Request(request.id));
                    self.finish_if_answered(s, at);
                }
                PASSED
            }
            Said::Types { .. } if session.rules == Rules::Modern => HANDLED,
            Said::Types { types, .. } => {
                session.types = *types;
                self.drop_unheard(s);
                HANDLED
            }
            _ => unreachable!("a request has an id"),
        }
    }

    // ---- answers ----

    fn answer(&mut self, s: usize, at: usize, text: String) -> Verdict {
        self.reply(s, at, text, Owner::Session, true);
        self.finish_if_answered(s, at);
        HANDLED
    }

    fn refuse(
        &mut self,
        s: usize,
        at: usize,
        id: Id,
        code: i32,
        text: &str,
        data: Option<String>,
    ) -> Verdict {
        self.answer(s, at, wire::error(id, code, text, data.as_deref()))
    }

    fn refuse_limit(
        &mut self,
        s: usize,
        at: usize,
        id: Id,
        (text, limit): (String, usize),
    ) -> Verdict {
        let data = format!(r#"{{"reason":"limit","limit":{limit}}}"#);
        self.refuse(s, at, id, -32603, &text, Some(data))
    }

    /// A stream of a request ends with its last answer.
    pub(crate) fn finish_if_answered(&mut self, s: usize, at: usize) {
        let session = &mut self.sessions[s];
        let is_open = session.requests.iter().any(|it| it.stream == Some(at))
            || session.listens.iter().any(|it| it.stream == at);
        let stream = &mut session.streams[at];
        stream.is_finished |= stream.is_of_request() && !is_open;
    }

    // ---- requests ----

    /// Of an open or a legacy session.
    fn receive_in_session(&mut self, s: usize, at: usize, id: Id, said: &Said) -> Verdict {
        let is_open = self.sessions[s].rules == Rules::Open;
        match said {
            Said::Ping { .. } => self.answer(s, at, wire::empty_result(id)),
            Said::SubscribeUri { uri, .. } | Said::UnsubscribeUri { uri, .. } => {
                let is_more = matches!(said, Said::SubscribeUri { .. });
                self.receive_uri(s, at, id, said.method(), uri, is_more)
            }
            Said::Types { types, .. } => {
                self.sessions[s].types = *types;
                self.drop_unheard(s);
                self.answer(s, at, wire::empty_result(id))
            }
            Said::SetLevel { level, .. } if !is_open => {
                if !self.sessions[s].advertised.logging {
                    let text = "logging/setLevel: the server does not advertise logging";
                    return self.refuse(s, at, id, -32601, text, None);
                }
                self.sessions[s].level = *level;
                self.answer(s, at, wire::empty_result(id))
            }
            Said::Initialize { .. } if !is_open => {
                self.note(s, at, Request { is_initialize: true, ..self.request_of(id, at) })
            }
            Said::Call { token, .. } => {
                self.note(s, at, Request { token: *token, ..self.request_of(id, at) })
            }
            _ => self.note(s, at, self.request_of(id, at)),
        }
    }

    fn receive_modern(
        &mut self,
        s: usize,
        at: usize,
        id: Id,
        said: &Said,
        is_modern: bool,
    ) -> Verdict {
        if !is_modern {
            let data = r#"{"requested":"2025-11-25","supported":["2026-07-28"]}"#.to_owned();
            let text = r#"unsupported protocol version "2025-11-25""#;
            let missing = r#"params._meta["io.modelcontextprotocol/protocolVersion"] must be a protocol version"#;
            return match said {
                Said::Initialize { .. } => self.refuse(s, at, id, -32022, text, Some(data)),
                _ => self.refuse(s, at, id, -32602, missing, None),
            };
        }
        match said {
            Said::Listen { filter, .. } => match self.start_listen(s, at, id, filter) {
                Ok(()) => HANDLED,
                Err(Refusal::Limit(text, limit)) => self.refuse_limit(s, at, id, (text, limit)),
                Err(Refusal::Denied(what)) => {
                    let text = format!("params.notifications: access to {what} is refused");
                    self.refuse(s, at, id, -32602, &text, None)
                }
            },
            Said::Call { token, level, .. } => self.note(
                s,
                at,
                Request { token: *token, level: *level, ..self.request_of(id, at) },
            ),
            Said::Types { .. } => self.note(s, at, self.request_of(id, at)),
            _ => {
                let text = format!("{} is not a method of {}", said.method(), Revision::MODERN);
                self.refuse(s, at, id, -32601, &text, None)
            }
        }
    }

    fn request_of(&self, id: Id, at: usize) -> Request {
        Request {
            serial: self.serial,
            id,
            token: None,
            level: None,
            is_initialize: false,
            stream: Some(at),
            progress: None,
            queued_ms: None,
            held: None,
        }
    }

    /// The host answers it.
    fn note(&mut self, s: usize, at: usize, mut request: Request) -> Verdict {
        let requests = &self.sessions[s].requests;
        let (count, limit) = (requests.len(), self.setup.max_requests);
        if count >= limit {
            let text = format!(
                "Request limit reached: {count} requests of the session are in flight; session.max_requests allows {limit}"
            );
            return self.refuse_limit(s, at, request.id, (text, limit));
        }
        // A token belongs to one request.
        let is_taken = |token: &Id| requests.iter().any(|it| it.token == Some(*token));
        request.token = request.token.filter(|token| !is_taken(token));
        self.serial += 1;
        self.sessions[s].streams[at].is_finished = false;
        self.sessions[s].requests.push(request);
        PASSED
    }

    // ---- the host's messages ----

    fn asked(&mut self, s: usize, id: Id) -> Result<usize, &'static str> {
        let session = self.live(s)?;
        session.requests.iter().position(|it| it.id == id).ok_or("STATE")
    }

    /// The response goes after everything of its request, and nothing of that comes after it.
    pub(crate) fn respond(&mut self, s: usize, id: Id, text: String) -> Result<(), &'static str> {
        self.answer_request(s, id, text, None)
    }

    /// `said`: what the answer to `initialize` says that the session may be sent.
    fn answer_request(
        &mut self,
        s: usize,
        id: Id,
        text: String,
        said: Option<(usize, Advertised)>,
    ) -> Result<(), &'static str> {
        let request = self.asked(s, id)?;
        let serial = self.sessions[s].requests[request].serial;
        let at = self.sessions[s].requests[request].stream.ok_or("GONE")?;
        self.release_progress(serial);
        self.overtake(s, at, |entry| entry.owner == Owner::Request(id));
        let is_initialize = self.sessions[s].requests.remove(request).is_initialize;
        self.reply(s, at, text, Owner::Session, true);
        self.finish_if_answered(s, at);
        let session = &mut self.sessions[s];
        if is_initialize && session.phase == Phase::Greeting {
            session.phase = Phase::Answered;
            if let Some((revision, advertised)) = said {
                session.rules = Rules::Legacy { revision, handshake: true };
                session.advertised = advertised;
            }
            self.grant_lists(s);
        }
        Ok(())
    }

    /// The host's answer to `initialize` says what the session may be sent.
    pub(crate) fn welcome(
        &mut self,
        s: usize,
        id: Id,
        revision: usize,
        advertised: Advertised,
    ) -> Result<(), &'static str> {
        let text = wire::welcome(id, revision, advertised);
        self.answer_request(s, id, text, Some((revision, advertised)))
    }

    pub(crate) fn ask(&mut self, place: Place, text: String) -> Result<(), &'static str> {
        let s = place.session;
        let max = self.setup.max_reply_bytes;
        // The era of an `auto` session may yet be one without such requests.
        if matches!(self.live(s)?.rules, Rules::Modern | Rules::Auto) {
            return Err("NOT_NEGOTIATED");
        }
        let at = match place.stream {
            Some(name) => self.stream_named(s, name)?,
            None => 0,
        };
        if self.sessions[s].reply_bytes() > max {
            return Err("LIMIT");
        }
        self.reply(s, at, text, Owner::Session, false);
        Ok(())
    }
}
