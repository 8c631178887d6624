//! Raising by method name, and events: notifications whose content matters.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::engine::Core;
use crate::engine::owned::Owner;
use crate::engine::pool::NONE;
use crate::engine::raise::{Audience, check_request_id};
use crate::engine::session::{Phase, Rules, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{Raise, Target};
use crate::protocol::id::Id;
use crate::protocol::kind::{NoticeKind, Route, method};
use crate::protocol::message::{self, Text};
use crate::protocol::meta;
use crate::protocol::{Level, encode};

/// What every raising may carry in its params.
#[derive(Deserialize)]
struct WithMeta<'a> {
    #[serde(borrow, default, rename = "_meta", deserialize_with = "message::present")]
    meta: Option<&'a RawValue>,
}

/// Admits open sessions only.
pub(crate) fn to_open(session: &Session) -> bool {
    session.rules == Rules::Open
}

/// Admits whoever hears of events unasked: open sessions and initialized-or-answered legacy ones.
pub(crate) fn to_hearers(session: &Session) -> bool {
    match session.rules {
        Rules::Open => true,
        Rules::Legacy { phase, .. } => phase > Phase::Greeting,
        Rules::Modern | Rules::Undecided => false,
    }
}

impl Core {
    /// Raises whatever the method stands for; yields how many subscriptions (for events:
    /// sessions) it reached.
    pub(crate) fn notify(
        &mut self,
        name: &str,
        params: Option<&str>,
        raise: &Raise<'_>,
    ) -> Result<usize> {
        if name.is_empty() {
            return Err(Error::invalid("method must not be empty"));
        }
        check_request_id(raise.target)?;
        self.check_params(name, params)?;
        let size = params.map_or(0, str::len);
        let params = params.map(meta::one_line);
        let params = params.as_deref();
        let reached = match Route::of(name) {
            Route::Reserved => {
                return Err(Error::new(
                    ErrorKind::NotNegotiated,
                    format!("{name} is not for a server to raise"),
                ));
            }
            Route::Notice(kind) => {
                let notice = NoticeParams::read(kind, params)?;
                let mut raise = *raise;
                if raise.context.is_some() && notice.context.is_some() {
                    return Err(Error::invalid("the context is given twice: in params._meta too"));
                }
                raise.context = raise.context.or(notice.context);
                let reached = self.raise(kind, &notice.uri, &raise)?;
                self.tell_heavy(name, size);
                self.settle_lagging();
                return Ok(reached);
            }
            Route::Progress
            | Route::Message
            | Route::Task
            | Route::TaskStatus
            | Route::ElicitationComplete
            | Route::Event => {
                let params = self.with_context(params, raise.context)?;
                let params = params.as_deref();
                match Route::of(name) {
                    Route::Progress => {
                        let params = params
                            .ok_or_else(|| Error::new(ErrorKind::Json, "params are missing"))?;
                        self.raise_progress(params, raise)?
                    }
                    Route::Message => self.raise_message(params, raise)?,
                    Route::Task => self.raise_task(params, raise)?,
                    Route::TaskStatus => self.raise_task_status(params, raise)?,
                    Route::ElicitationComplete => self.raise_elicitation_complete(params, raise)?,
                    Route::Event => self.raise_event(name, params, raise, to_hearers)?,
                    Route::Notice(_) | Route::Reserved => {
                        unreachable!("the outer match has had these two")
                    }
                }
            }
        };
        self.tell_heavy(name, size);
        self.counters.raised += 1;
        self.counters.matched += reached as u64;
        self.settle_lagging();
        Ok(reached)
    }

    /// Size and shape of raised params: an object, within the limit.
    fn check_params(&self, name: &str, params: Option<&str>) -> Result<()> {
        let Some(params) = params else { return Ok(()) };
        let (size, limit) = (params.len(), self.config.max_params_bytes as usize);
        if size > limit {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("params of {name} are {size} bytes; params.max_bytes allows {limit}"),
            ));
        }
        let not_an_object = |why: String| Error::new(ErrorKind::Json, format!("params: {why}"));
        if !params.trim_ascii_start().starts_with('{') {
            return Err(not_an_object("must be a JSON object".to_owned()));
        }
        let read: WithMeta<'_> =
            serde_json::from_str(params).map_err(|e| not_an_object(e.to_string()))?;
        if read.meta.is_some_and(|meta| !meta.get().starts_with('{')) {
            return Err(Error::new(ErrorKind::Json, "params._meta must be a JSON object"));
        }
        // R62: only a listen has frames with its tag, and the engine writes it.
        let tag = meta::SUBSCRIPTION_ID;
        let members: Option<HashMap<String, IgnoredAny>> =
            read.meta.and_then(|meta| serde_json::from_str(meta.get()).ok());
        if members.is_some_and(|members| members.contains_key(tag)) {
            return Err(Error::invalid(format!("params._meta: the protocol reserves {tag:?}")));
        }
        Ok(())
    }

    /// Counts params that were raised though they are heavy, and tells the log once per method.
    fn tell_heavy(&mut self, name: &str, size: usize) {
        if size <= self.config.soft_params_bytes as usize {
            return;
        }
        self.counters.heavy += 1;
        if self.told.insert(name.to_owned()) {
            self.log(
                Level::Warning,
                "fanfare::notify",
                format!(
                    "params of {name} are {size} bytes; notifications above {} bytes (params.soft_bytes) are better kept light",
                    self.config.soft_params_bytes
                ),
            );
        }
    }

    /// Params with a context in their `_meta`.
    fn with_context(&self, params: Option<&str>, context: Option<&str>) -> Result<Option<String>> {
        let Some(context) = context else { return Ok(params.map(str::to_owned)) };
        let members = meta::context_members(context, self.config.max_params_bytes as usize)?;
        let params = params.unwrap_or("{}");
        let read: WithMeta<'_> = serde_json::from_str(params)
            .map_err(|e| Error::new(ErrorKind::Json, format!("params: {e}")))?;
        if read.meta.is_some() {
            return Err(Error::invalid("the context is given twice: in params._meta too"));
        }
        let rest = params.trim_ascii()[1..].trim_ascii_start();
        let comma = if rest == "}" { "" } else { "," };
        Ok(Some(format!(r#"{{"_meta":{{{members}}}{comma}{rest}"#)))
    }

    // ---- events ----

    /// Queues one event, encoded once, for every session that admits it.
    pub(crate) fn raise_event(
        &mut self,
        name: &str,
        params: Option<&str>,
        raise: &Raise<'_>,
        admits: impl Fn(&Session) -> bool,
    ) -> Result<usize> {
        let listeners = self.listeners(name, raise, admits)?;
        if listeners.is_empty() {
            return Ok(0);
        }
        let body = encode::notification(name, params);
        Ok(self.queue_event(body, listeners, raise.target))
    }

    /// Queues one event for all of those sessions; yields for how many.
    pub(crate) fn queue_event(
        &mut self,
        body: String,
        listeners: Vec<u32>,
        target: Target<'_>,
    ) -> usize {
        let event = self.events.insert(body);
        let queued = listeners.into_iter().filter(|&ix| self.queue_held(event, ix, target)).count();
        self.events.release(event);
        queued
    }

    /// Queues an event that the caller holds for one session.
    #[inline]
    pub(crate) fn queue_held(&mut self, event: u32, ix: u32, target: Target<'_>) -> bool {
        let (stream, owner) = self.place(ix, target);
        stream != NONE && self.offer(stream, event, owner).is_some()
    }

    /// The sessions of a target that admit an event and whose types do.
    pub(crate) fn listeners(
        &self,
        name: &str,
        raise: &Raise<'_>,
        admits: impl Fn(&Session) -> bool,
    ) -> Result<Vec<u32>> {
        let is_listener = |&ix: &u32| {
            let session = &self.sessions[ix];
            !session.is_ending() && admits(session) && self.sessions.admits(ix, name)
        };
        Ok(match self.audience(raise.target)? {
            Audience::All => self.audience.iter().copied().filter(is_listener).collect(),
            Audience::Except(not) => {
                let others = self.audience.iter().copied().filter(|&ix| ix != not);
                others.filter(is_listener).collect()
            }
            Audience::Session(ix) => [ix].into_iter().filter(is_listener).collect(),
            Audience::Principal(name) => {
                self.principals.sessions(name).iter().copied().filter(is_listener).collect()
            }
        })
    }

    /// The stream that an event goes out on: that of the request it belongs to, or the one for
    /// what belongs to none (R28, R29).
    #[inline]
    fn place(&self, ix: u32, target: Target<'_>) -> (u32, Owner) {
        if let Target::Request(_, id) = target {
            let request = Id::parse(id).and_then(|id| self.requests.find(ix, &id));
            return match request {
                Some(request) => (self.requests[request].stream, Owner::Request(request)),
                None => (NONE, Owner::Session),
            };
        }
        (self.sessions[ix].home, Owner::Session)
    }

    // ---- log messages ----

    fn raise_message(&mut self, params: Option<&str>, raise: &Raise<'_>) -> Result<usize> {
        let params = params.ok_or_else(|| Error::new(ErrorKind::Json, "params are missing"))?;
        let level = message_level(params)?;
        if let Target::Session(handle) | Target::Request(handle, _) = raise.target {
            let ix = self.session(handle)?;
            if self.sessions[ix].rules == Rules::Modern {
                return Ok(self.message_of_request(ix, level, params, raise.target));
            }
        }
        self.raise_event(method::MESSAGE, Some(params), raise, |session| match session.rules {
            Rules::Open => true,
            // R9, R10; what is advertised is not known before the handshake has said it.
            Rules::Legacy { .. } => {
                to_hearers(session) && session.capabilities().logging && level >= session.level
            }
            Rules::Modern | Rules::Undecided => false,
        })
    }

    /// 2026-07-28: a log message belongs to a request that asked for its level, and goes out on
    /// that request's stream before its response (R12, R13). If the host names the session only,
    /// it is the newest request that admits the level.
    fn message_of_request(
        &mut self,
        ix: u32,
        level: Level,
        params: &str,
        target: Target<'_>,
    ) -> usize {
        let admits =
            |request: u32| self.requests[request].level.is_some_and(|lowest| level >= lowest);
        let request = match target {
            Target::Request(_, id) => {
                Id::parse(id).and_then(|id| self.requests.find(ix, &id)).filter(|&r| admits(r))
            }
            _ => self.requests.of_session(self.sessions[ix].requests).find(|&r| admits(r)),
        };
        let Some(request) = request.filter(|_| self.sessions[ix].capabilities().logging) else {
            return 0;
        };
        let stream = self.requests[request].stream;
        let event = self.events.insert(encode::notification(method::MESSAGE, Some(params)));
        let reached = self.offer(stream, event, Owner::Request(request)).is_some();
        self.events.release(event);
        usize::from(reached)
    }
}

/// Checks the params of `notifications/message`, and yields their level.
pub(crate) fn message_level(params: &str) -> Result<Level> {
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        level: Option<Text<'a>>,
        #[serde(borrow)]
        logger: Option<Text<'a>>,
        #[serde(borrow, default, deserialize_with = "message::present")]
        data: Option<&'a RawValue>,
    }
    let wrong = |what: String| Error::new(ErrorKind::Json, format!("params: {what}"));
    let params: Params<'_> = serde_json::from_str(params).map_err(|e| wrong(e.to_string()))?;
    let _ = params.logger;
    if params.data.is_none() {
        return Err(wrong("data is missing".to_owned()));
    }
    let level = params.level.ok_or_else(|| wrong("level is missing".to_owned()))?;
    Level::parse(&level.0)
        .ok_or_else(|| wrong(format!("level must be a logging level, not {:?}", level.0)))
}

/// The params of a notice that was raised by its method name.
struct NoticeParams<'a> {
    uri: String,
    context: Option<&'a str>,
}

impl<'a> NoticeParams<'a> {
    fn read(kind: NoticeKind, params: Option<&'a str>) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire<'a> {
            #[serde(borrow)]
            uri: Option<&'a RawValue>,
            #[serde(borrow, default, rename = "_meta")]
            meta: Option<&'a RawValue>,
        }
        let wire: Wire<'a> = serde_json::from_str(params.unwrap_or("{}")).map_err(|e| {
            let name = kind.method();
            Error::new(ErrorKind::Json, format!("params of {name}: {e}; a notice has no content, what a client should know beside it goes into its context"))
        })?;
        let uri = wire.uri.map(|uri| serde_json::from_str::<String>(uri.get())).transpose();
        let uri =
            uri.map_err(|_| Error::new(ErrorKind::Json, "params.uri must be a string, and a URI"))?;
        let uri = match (kind, uri) {
            (NoticeKind::Resource, Some(uri)) if !uri.is_empty() => uri,
            (NoticeKind::Resource, _) => {
                return Err(Error::new(ErrorKind::Json, "params.uri must be a URI"));
            }
            (_, None) => String::new(),
            (_, Some(_)) => {
                let name = kind.method();
                return Err(Error::new(
                    ErrorKind::Json,
                    format!("params of {name}: it has no uri"),
                ));
            }
        };
        Ok(Self { uri, context: wire.meta.map(RawValue::get) })
    }
}
