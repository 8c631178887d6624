//! A client's messages: the engine answers what is its own, and takes note of the rest.

use std::borrow::Cow;

use serde::Deserialize;

use crate::engine::Core;
use crate::engine::incoming::Incoming;
use crate::engine::owned::Owner;
use crate::engine::request::NewRequest;
use crate::engine::session::{Phase, Rules};
use crate::engine::slot::Lane;
use crate::engine::types::Types;
use crate::error::Result;
use crate::params::{Disposition, EndReason, SessionId, StreamId};
use crate::protocol::filter::Filter;
use crate::protocol::id::Id;
use crate::protocol::kind::{self, method};
use crate::protocol::message::{self, Fault, Message};
use crate::protocol::meta::{self, RequestMeta};
use crate::protocol::{Level, Revision, code, encode};

const TARGET: &str = "fanfare::receive";

/// Where a message came in.
#[derive(Clone, Copy)]
pub(crate) struct Via {
    pub(crate) session: u32,
    pub(crate) stream: u32,
}

impl Core {
    /// Takes in one message, or one batch where the revision has them. `pass` is called with each
    /// message that the host must act on.
    pub(crate) fn receive(
        &mut self,
        handle: SessionId,
        stream: Option<StreamId>,
        incoming: Incoming<'_>,
        pass: &mut dyn FnMut(&str),
    ) -> Result<Disposition> {
        let ix = self.session(handle)?;
        let via = Via { session: ix, stream: self.stream_of(ix, stream)? };
        self.counters.received += 1;
        let disposition = match incoming {
            Incoming::One { text, message } => self.receive_one(via, text, message, pass),
            Incoming::Batch(text) => self.receive_batch(via, text, pass),
            Incoming::NotText(fault) => self.refuse(via, fault),
            Incoming::TooLong(at_least) => {
                let limit = self.config.max_message_bytes;
                let text = format!(
                    "message is {at_least} bytes or more; message.max_bytes allows {limit}"
                );
                self.refuse(via, Fault::limit(code::INVALID_REQUEST, text, limit.into()))
            }
        };
        self.settle_lagging();
        Ok(disposition)
    }

    /// Whether `receive` would leave elements of that batch to the host, but not all of them.
    pub(crate) fn is_mixed_batch(
        &self,
        handle: SessionId,
        incoming: &Incoming<'_>,
    ) -> Result<bool> {
        let ix = self.session(handle)?;
        let Incoming::Batch(text) = incoming else { return Ok(false) };
        if !self.takes_batches(ix) {
            return Ok(false);
        }
        let Ok(elements) = message::batch(text) else { return Ok(false) };
        let passing = elements.iter().filter(|element| {
            match Message::parse_within(element, self.config.max_depth) {
                Ok(Message::Request { method, .. }) => !is_answered(&method),
                Ok(Message::Notification { method, .. }) => !is_own_notification(&method),
                Ok(Message::Response { .. }) => true,
                Err(_) => false,
            }
        });
        let passing = passing.count();
        Ok(passing != 0 && passing != elements.len())
    }

    pub(crate) fn takes_batches(&self, ix: u32) -> bool {
        matches!(self.sessions[ix].rules, Rules::Legacy { revision, .. } if revision.has_batches())
    }

    /// R5, R6: only 2025-03-26 has batches, and never with `initialize` in them.
    fn receive_batch(&mut self, via: Via, text: &str, pass: &mut dyn FnMut(&str)) -> Disposition {
        if !self.takes_batches(via.session) {
            let fault = Fault::new(code::INVALID_REQUEST, "batches are not of this revision");
            return self.refuse(via, fault);
        }
        let elements = match message::batch(text) {
            Ok(elements) => elements,
            Err(fault) => return self.refuse(via, fault),
        };
        let mut disposition = Disposition::Handled;
        for element in elements {
            let message = Message::parse_within(element, self.config.max_depth);
            if let Ok(Message::Request { id, method: name, .. }) = &message
                && name == method::INITIALIZE
            {
                let text = "initialize must not be part of a batch";
                self.refuse(via, Fault::of(id, code::INVALID_REQUEST, text));
                continue;
            }
            if self.receive_one(via, element, message, pass) == Disposition::Pass {
                disposition = Disposition::Pass;
            }
        }
        disposition
    }

    fn receive_one(
        &mut self,
        via: Via,
        text: &str,
        message: std::result::Result<Message<'_>, Fault>,
        pass: &mut dyn FnMut(&str),
    ) -> Disposition {
        let disposition = match message {
            Err(fault) => self.refuse(via, fault),
            Ok(Message::Response { id, .. }) => {
                if let Some(id) = id
                    && self.sessions.rare(via.session).is_some_and(|rare| !rare.asked.is_empty())
                {
                    self.sessions.rare_mut(via.session).asked.remove(&id);
                }
                Disposition::Pass
            }
            Ok(Message::Notification { method, params }) => {
                self.receive_notification(via, &method, params)
            }
            Ok(Message::Request { id, method, params }) => {
                self.receive_request(via, id, method, params)
            }
        };
        if disposition == Disposition::Pass {
            pass(text);
        }
        disposition
    }

    // ---- answers ----

    pub(crate) fn answer(&mut self, via: Via, body: String) -> Disposition {
        self.push_reply(via.stream, body, Owner::Session, Lane::Control);
        self.finish_if_answered(via.stream);
        Disposition::Handled
    }

    fn answer_empty(&mut self, via: Via, id: &Id) -> Disposition {
        self.answer(via, encode::result(id, "{}"))
    }

    /// Answers a message that is refused, if the revision has an answer for it, and counts it.
    pub(crate) fn refuse(&mut self, via: Via, fault: Fault) -> Disposition {
        self.counters.rejected += 1;
        self.counters.limited += u64::from(fault.is_limit);
        self.log(Level::Warning, TARGET, format!("refused ({}): {}", fault.code, fault.message));
        if fault.is_notification && fault.id.is_none() {
            return Disposition::Handled;
        }
        let has_answer = fault.id.is_some()
            || match self.sessions[via.session].rules {
                Rules::Open | Rules::Undecided => true,
                Rules::Legacy { revision, .. } => revision.has_errors_without_id(),
                Rules::Modern => true,
            };
        // Without a handshake it is plain JSON-RPC, which wants `id: null`; the revisions that
        // allow such errors at all want no id.
        let null_id = matches!(self.sessions[via.session].rules, Rules::Open | Rules::Undecided);
        if has_answer {
            return self.answer(via, encode::error(&fault, null_id));
        }
        Disposition::Handled
    }

    // ---- notifications ----

    fn receive_notification(&mut self, via: Via, name: &str, params: Option<&str>) -> Disposition {
        match name {
            method::INITIALIZED => {
                if let Rules::Legacy { revision, phase: Phase::Answered } =
                    self.sessions[via.session].rules
                {
                    self.sessions[via.session].rules =
                        Rules::Legacy { revision, phase: Phase::Initialized };
                    self.follow_rules(via.session);
                }
                Disposition::Pass
            }
            method::CANCELLED => self.receive_cancelled(via, params),
            method::TYPES_SUBSCRIBE | method::TYPES_UNSUBSCRIBE => {
                // R57: in 2026-07-28 nothing that is said once counts for later requests.
                if self.sessions[via.session].rules == Rules::Modern {
                    return Disposition::Handled;
                }
                self.choose_types(via, name, params, None)
            }
            _ => Disposition::Pass,
        }
    }

    /// A malformed, late or unknown one is passed over in silence (R50); nor is `initialize` ever
    /// cancelled (R80).
    fn receive_cancelled(&mut self, via: Via, params: Option<&str>) -> Disposition {
        let Some(id) = message::cancelled_id(params) else { return Disposition::Handled };
        if let Some(sub) = self.find_listen(via.session, &id) {
            self.end_subscription_ix(sub, EndReason::Cancelled);
            return Disposition::Handled;
        }
        match self.requests.find(via.session, &id) {
            Some(request) if !self.requests[request].is_initialize => {
                self.forget_request(request);
                Disposition::Pass
            }
            _ => Disposition::Handled,
        }
    }

    /// `notifications/subscribe` and `unsubscribe`: as a notification, or as a request that is
    /// answered.
    fn choose_types(
        &mut self,
        via: Via,
        name: &str,
        params: Option<&str>,
        id: Option<&Id>,
    ) -> Disposition {
        let ix = via.session;
        let types = if name == method::TYPES_SUBSCRIBE {
            match Types::parse(params) {
                Ok(types) => Some(types),
                Err(why) => {
                    let mut fault = Fault::new(code::INVALID_PARAMS, format!("params.{why}"));
                    fault.id = id.cloned();
                    fault.is_notification = id.is_none();
                    return self.refuse(via, fault);
                }
            }
        } else {
            None
        };
        self.sessions.rare_mut(ix).types = types;
        if self.sessions[ix].has_own() {
            self.follow_types(ix);
        }
        match id {
            Some(id) => self.answer_empty(via, id),
            None => Disposition::Handled,
        }
    }

    // ---- requests ----

    fn receive_request(
        &mut self,
        via: Via,
        id: Id,
        name: Cow<'_, str>,
        params: Option<&str>,
    ) -> Disposition {
        let request_meta = RequestMeta::of(params);
        if self.sessions[via.session].rules == Rules::Undecided {
            self.decide(via.session, &name, &request_meta);
        }
        if self.is_id_in_use(via.session, &id) {
            // G16: the first one goes on undisturbed.
            let text = format!("id {id} is in use by a request that has not been answered");
            return self.refuse(via, Fault::of(&id, code::INVALID_REQUEST, text));
        }
        match self.sessions[via.session].rules {
            Rules::Open => self.receive_open(via, id, &name, params, &request_meta),
            Rules::Legacy { .. } | Rules::Undecided => {
                self.receive_legacy(via, id, &name, params, &request_meta)
            }
            Rules::Modern => self.receive_modern(via, id, &name, params, &request_meta),
        }
    }

    /// The first request chooses the era of a session, for good (G22).
    fn decide(&mut self, ix: u32, name: &str, request_meta: &RequestMeta<'_>) {
        let served = Revision::MODERN;
        self.sessions[ix].rules = if request_meta.is_modern() || name == method::DISCOVER {
            // A version that is not served is refused; the client may yet choose an older era.
            let is_served = request_meta.version().is_none_or(|version| version == served.as_str());
            if is_served {
                // R57: nor does what was said before count for them.
                self.sessions.forget_types(ix);
                Rules::Modern
            } else {
                Rules::Undecided
            }
        } else {
            Rules::Legacy { revision: Revision::LATEST_LEGACY, phase: Phase::Greeting }
        };
        self.follow_rules(ix);
    }

    fn receive_open(
        &mut self,
        via: Via,
        id: Id,
        name: &str,
        params: Option<&str>,
        request_meta: &RequestMeta<'_>,
    ) -> Disposition {
        match name {
            method::PING => self.answer_empty(via, &id),
            method::SUBSCRIBE | method::UNSUBSCRIBE => self.receive_uri(via, &id, name, params),
            method::TYPES_SUBSCRIBE | method::TYPES_UNSUBSCRIBE => {
                self.choose_types(via, name, params, Some(&id))
            }
            _ => self.note(via, id, request_meta, None),
        }
    }

    fn receive_legacy(
        &mut self,
        via: Via,
        id: Id,
        name: &str,
        params: Option<&str>,
        request_meta: &RequestMeta<'_>,
    ) -> Disposition {
        if let Rules::Undecided = self.sessions[via.session].rules {
            return match request_meta.check_modern(&id, &Revision::ALL) {
                Err(fault) => self.refuse(via, fault),
                Ok(_) => unreachable!("a served version has decided the era"),
            };
        }
        if request_meta.is_modern() {
            let text = "the session has negotiated an older revision by initialize";
            return self.refuse(via, Fault::of(&id, code::INVALID_REQUEST, text));
        }
        match name {
            method::PING => self.answer_empty(via, &id),
            method::INITIALIZE => self.receive_initialize(via, id, params),
            method::SUBSCRIBE | method::UNSUBSCRIBE => self.receive_uri(via, &id, name, params),
            method::SET_LEVEL => self.receive_level(via, &id, params),
            method::TYPES_SUBSCRIBE | method::TYPES_UNSUBSCRIBE => {
                self.choose_types(via, name, params, Some(&id))
            }
            _ => self.note(via, id, request_meta, None),
        }
    }

    fn receive_modern(
        &mut self,
        via: Via,
        id: Id,
        name: &str,
        params: Option<&str>,
        request_meta: &RequestMeta<'_>,
    ) -> Disposition {
        if name == method::INITIALIZE && !request_meta.is_modern() {
            // The era is locked; say which one (practice of the SDKs, and of the digest's 3.4).
            let requested = message::requested_version(params).unwrap_or_default();
            let fault = meta::unsupported_version(&id, &requested, &[Revision::MODERN]);
            return self.refuse(via, fault);
        }
        // R52: before anything else is looked at.
        let level = match request_meta.check_modern(&id, &[Revision::MODERN]) {
            Ok(level) => level,
            Err(fault) => return self.refuse(via, fault),
        };
        if kind::is_removed_in_modern(name) {
            let text = format!("{name} is not a method of {}", Revision::MODERN);
            return self.refuse(via, Fault::of(&id, code::METHOD_NOT_FOUND, text));
        }
        match name {
            method::LISTEN => self.receive_listen(via, id, params, request_meta),
            method::DISCOVER if self.config.answer_initialize => {
                let result = self.discovery();
                self.answer(via, encode::result(&id, &result))
            }
            _ => self.note(via, id, request_meta, level),
        }
    }

    /// The host answers it; until then progress and logs of it can be raised.
    fn note(
        &mut self,
        via: Via,
        id: Id,
        request_meta: &RequestMeta<'_>,
        level: Option<Level>,
    ) -> Disposition {
        if let Err(excess) = self.check_request_limit(via.session) {
            return self.refuse(via, excess.fault(&id));
        }
        let token = request_meta.token();
        let new = NewRequest { id, token, level, is_initialize: false };
        self.begin_request(via.session, via.stream, new);
        Disposition::Pass
    }

    // ---- requests that the engine answers ----

    fn receive_listen(
        &mut self,
        via: Via,
        id: Id,
        params: Option<&str>,
        request_meta: &RequestMeta<'_>,
    ) -> Disposition {
        let text = message::listen_filter(params);
        if let Some(Err(excess)) = text.map(|text| self.check_filter_text(text)) {
            return self.refuse(via, excess.fault(&id));
        }
        let capabilities = &self.sessions[via.session].capabilities();
        let filter = text.map_or(Err("notifications must be an object".into()), |text| {
            Filter::parse(text, capabilities)
        });
        let filter = match filter {
            Ok(filter) => filter,
            // R51.
            Err(why) => {
                let fault = Fault::of(&id, code::INVALID_PARAMS, format!("params.{why}"));
                return self.refuse(via, fault);
            }
        };
        // G12: whatever refuses it does so before any acknowledgment.
        // A limit comes before the host, who is not asked about what will be refused anyway.
        let fits = self.check_filter(&filter);
        if let Err(excess) = fits.and_then(|()| self.check_subscription_limits(via.session)) {
            return self.refuse(via, excess.fault(&id));
        }
        // R64, and by this request alone (R57).
        if let Some(extension) = filter.undeclared(|extension| request_meta.declares(extension)) {
            return self.refuse(via, meta::missing_extension(&id, extension));
        }
        let honoured = match self.honoured(via.session, filter) {
            Ok(honoured) => honoured,
            Err(denied) => return self.refuse(via, denied.fault(&id)),
        };
        match self.start_listen(via.session, via.stream, id.clone(), honoured) {
            Ok(_) => Disposition::Handled,
            Err(excess) => self.refuse(via, excess.fault(&id)),
        }
    }

    fn receive_uri(&mut self, via: Via, id: &Id, name: &str, params: Option<&str>) -> Disposition {
        let ix = via.session;
        let session = &self.sessions[ix];
        if session.rules != Rules::Open && !session.capabilities().resources_subscribe {
            // R27.
            let text = format!("{name}: the server does not advertise resources.subscribe");
            return self.refuse(via, Fault::of(id, code::METHOD_NOT_FOUND, text));
        }
        if !session.has_own() {
            let text = format!("{name}: the session is not initialized");
            return self.refuse(via, Fault::of(id, code::INVALID_REQUEST, text));
        }
        let Some(uri) = message::subscribed_uri(params) else {
            let fault = Fault::of(id, code::INVALID_PARAMS, "params.uri must be a URI");
            return self.refuse(via, fault);
        };
        if name == method::UNSUBSCRIBE {
            self.unsubscribe_uri(ix, &uri);
            return self.answer_empty(via, id);
        }
        if let Err(excess) = self.check_uri(&uri) {
            return self.refuse(via, excess.fault(id));
        }
        let is_granted = match self.is_granted(ix, &uri) {
            Ok(is_granted) => is_granted,
            Err(denied) => return self.refuse(via, denied.fault(id)),
        };
        match self.subscribe_uri(ix, &uri, is_granted) {
            Ok(()) => self.answer_empty(via, id),
            Err(excess) => self.refuse(via, excess.fault(id)),
        }
    }

    /// R11: a level that is none leaves the state as it was.
    fn receive_level(&mut self, via: Via, id: &Id, params: Option<&str>) -> Disposition {
        if !self.sessions[via.session].capabilities().logging {
            let text = "logging/setLevel: the server does not advertise logging";
            return self.refuse(via, Fault::of(id, code::METHOD_NOT_FOUND, text));
        }
        #[derive(Deserialize)]
        struct Params {
            level: String,
        }
        let level = params
            .and_then(|params| serde_json::from_str::<Params>(params).ok())
            .and_then(|params| Level::parse(&params.level));
        let Some(level) = level else {
            let text = "params.level must be a logging level";
            return self.refuse(via, Fault::of(id, code::INVALID_PARAMS, text));
        };
        self.sessions[via.session].level = level;
        self.answer_empty(via, id)
    }
}

/// Requests that the engine answers itself in an era with batches.
fn is_answered(name: &str) -> bool {
    matches!(
        name,
        method::PING
            | method::SUBSCRIBE
            | method::UNSUBSCRIBE
            | method::SET_LEVEL
            | method::TYPES_SUBSCRIBE
            | method::TYPES_UNSUBSCRIBE
            | method::INITIALIZE
    )
}

fn is_own_notification(name: &str) -> bool {
    matches!(name, method::TYPES_SUBSCRIBE | method::TYPES_UNSUBSCRIBE)
}
