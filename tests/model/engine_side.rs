//! The real engine under the same commands.

use std::sync::{Arc, Mutex};

use fanfare::{
    Access, AccessRequest, Batch, Capabilities, Config, Disposition, EndReason, Engine, Error,
    Framing, Hooks, Overflow, Profile, Raise, Revision, SessionId, SessionParams, StreamId, Target,
};

use super::queue::Seen;
use super::reference::Outcome;
use super::state::News;
use super::wire;
use super::words::{Advertised, Command, Opening, Place, Rules, Setup, To, Topic};

pub(crate) struct World {
    pub(crate) engine: Engine,
    sessions: Vec<SessionId>,
    /// Each stream's session, and its name if it has one.
    streams: Vec<(StreamId, usize, Option<usize>)>,
    news: Arc<Mutex<Vec<Told>>>,
    /// What the host says, the latest last.
    policy: Arc<Mutex<Policy>>,
    batch: Batch,
}

/// News by the engine's own handles.
#[derive(Clone, Copy)]
enum Told {
    End(SessionId, EndReason),
    Lag(SessionId, u64, Overflow),
}

type Policy = Vec<(Option<&'static str>, Option<Topic>, Access)>;

impl World {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut config = Config::default();
        config.set("clock", "manual").unwrap();
        for (key, value) in setup.settings() {
            config.set(key, &value).unwrap();
        }
        let news: Arc<Mutex<Vec<Told>>> = Arc::default();
        let (ends, lags) = (news.clone(), news.clone());
        let policy: Arc<Mutex<Policy>> = Arc::default();
        let rules = policy.clone();
        let asked = move |request: &AccessRequest<'_>| {
            let rules = rules.lock().unwrap();
            let rule = rules.iter().rev().find(|(principal, topic, _)| {
                principal.is_none_or(|name| request.principal == Some(name))
                    && topic.is_none_or(|topic| topic_of(topic) == request.topic)
            });
            rule.map_or(Access::Allow, |rule| rule.2)
        };
        let hooks = Hooks::new()
            .on_session_end(move |end| {
                ends.lock().unwrap().push(Told::End(end.session, end.reason));
            })
            .on_lag(move |lag| {
                let told = Told::Lag(lag.session, lag.queued_frames, lag.policy);
                lags.lock().unwrap().push(told);
            });
        Self {
            engine: Engine::with_hooks(
                config,
                if setup.asks { hooks.authorize(asked) } else { hooks },
            ),
            sessions: Vec::new(),
            streams: Vec::new(),
            news,
            policy,
            batch: Batch::new(),
        }
    }

    pub(crate) fn perform(&mut self, command: &Command) -> Outcome {
        self.execute(command).unwrap_or_else(|error| Outcome::Refused(error.kind().code()))
    }

    fn execute(&mut self, command: &Command) -> Result<Outcome, Error> {
        let engine = &self.engine;
        match command {
            Command::Open(opening) => {
                let session = engine.open(params(opening))?;
                self.streams.push((engine.stream(session)?, self.sessions.len(), None));
                self.sessions.push(session);
            }
            Command::Stream { session, stream, kind } => {
                let id = engine.open_stream(self.sessions[*session], *kind)?;
                self.streams.retain(|(other, ..)| *other != id);
                self.streams.push((id, *session, Some(*stream)));
            }
            Command::CloseStream { stream, .. } => engine.close_stream(self.named(*stream))?,
            Command::Receive { place, said, is_modern } => {
                let (session, stream) = self.place(*place);
                let text = said.text(*is_modern);
                let taken = engine.receive(session, stream, text.as_bytes())?;
                return Ok(Outcome::Passed(taken == Disposition::Pass));
            }
            Command::Respond { session, id, n, pad } => {
                let text = wire::answer(id, *n, *pad);
                engine.send(self.sessions[*session], None, text.as_bytes())?;
            }
            Command::Welcome { session, id, revision, advertised } => {
                let text = wire::welcome(id, *revision, *advertised);
                engine.send(self.sessions[*session], None, text.as_bytes())?;
            }
            Command::Ask { place, n, pad } => {
                let (session, stream) = self.place(*place);
                engine.send(session, stream, wire::ask(*n, *pad).as_bytes())?;
            }
            Command::Subscribe { session, uri } => {
                engine.subscribe(self.sessions[*session], uri)?
            }
            Command::Unsubscribe { session, uri } => {
                engine.unsubscribe(self.sessions[*session], uri)?;
            }
            Command::Listen { place, id, filter } => {
                let (session, stream) = self.place(*place);
                engine.listen(session, stream, id, &wire::filter_text(filter))?;
            }
            Command::Notify { raised, to, context } => {
                let mut raise = Raise::to(self.target(*to));
                let context = context.map(wire::context);
                if let Some(context) = &context {
                    raise = raise.context(context);
                }
                let matched = engine.notify(raised.method(), raised.params().as_deref(), &raise)?;
                return Ok(Outcome::Matched(matched));
            }
            Command::Drain { .. } => unreachable!("what is drained is shown by `drain`"),
            Command::Pause { session } => engine.pause(self.sessions[*session])?,
            Command::Resume { session } => engine.resume(self.sessions[*session])?,
            Command::End { session, subscription: None, reason } => {
                engine.end(self.sessions[*session], *reason)?;
            }
            Command::End { session, subscription: Some(id), reason } => {
                let listen = engine.subscription(self.sessions[*session], id)?;
                engine.end_subscription(listen, *reason)?;
            }
            Command::Close { session } => engine.close(self.sessions[*session])?,
            Command::Authorize { principal, topic, access } => {
                self.policy.lock().unwrap().push((*principal, *topic, *access));
            }
            Command::Revoke { principal, topic } => {
                let it = engine.revoke(*principal, topic.map(topic_of))?;
                return Ok(Outcome::Revoked([it.asked, it.withdrawn, it.restored, it.ended]));
            }
            Command::Advance { ms } => {
                engine.advance(engine.now_ms() + ms)?;
            }
        }
        Ok(Outcome::Done)
    }

    /// Takes frames out, of a stream, of a session or of all.
    pub(crate) fn drain(
        &mut self,
        session: Option<usize>,
        stream: Option<usize>,
        max: usize,
    ) -> Result<Vec<Seen>, &'static str> {
        let taken = match (session, stream) {
            (_, Some(stream)) => self.engine.recv_stream(self.named(stream), max, &mut self.batch),
            (session, None) => {
                self.engine.recv(session.map(|s| self.sessions[s]), max, &mut self.batch)
            }
        };
        taken.map_err(|error| error.kind().code())?;
        let frames = self.batch.iter().map(|frame| {
            let at = self.streams.iter().rev().find(|(id, ..)| *id == frame.stream);
            let &(_, session, stream) = at.expect("a stream that was opened");
            assert_eq!(self.sessions[session], frame.session, "the stream is another session's");
            let text = String::from_utf8(frame.data.to_vec()).expect("frames are UTF-8");
            Seen { session, stream, text, is_last: Some(frame.flags.is_last()) }
        });
        Ok(frames.collect())
    }

    fn place(&self, place: Place) -> (SessionId, Option<StreamId>) {
        (self.sessions[place.session], place.stream.map(|stream| self.named(stream)))
    }

    fn named(&self, name: usize) -> StreamId {
        let is_it = |(_, _, stream): &&(StreamId, usize, Option<usize>)| *stream == Some(name);
        self.streams.iter().find(is_it).expect("a name is given with a stream").0
    }

    fn target(&self, to: To) -> Target<'static> {
        match to {
            To::All => Target::All,
            To::Session(s) => Target::Session(self.sessions[s]),
            To::Request(s, id) => Target::Request(self.sessions[s], id),
            To::Except(s) => Target::Except(self.sessions[s]),
            To::Principal(name) => Target::Principal(name),
        }
    }

    // ---- what can be asked ----

    /// What the engine has told since it was asked last.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        let told = std::mem::take(&mut *self.news.lock().unwrap());
        let place = |id: SessionId| self.sessions.iter().position(|it| *it == id).expect("opened");
        let news = told.into_iter().map(|told| match told {
            Told::End(session, reason) => News::End(place(session), reason),
            Told::Lag(session, frames, policy) => News::Lag(place(session), frames, policy),
        });
        news.collect()
    }

    /// As [`Model::gauges`](super::reference::Model::gauges) counts them.
    pub(crate) fn gauges(&self) -> [u64; 7] {
        let it = self.engine.stats();
        [
            it.sessions,
            it.streams,
            it.subscriptions,
            it.requests,
            it.queued_frames,
            it.dropped,
            it.lagged,
        ]
    }

    /// The same of a session; none once that has gone.
    pub(crate) fn session_gauges(&self, s: usize) -> Option<[u64; 6]> {
        let it = self.engine.session_stats(self.sessions[s]).ok()?;
        Some([
            it.queued_frames,
            it.queued_bytes,
            it.delivered,
            it.dropped,
            it.subscriptions,
            it.requests,
        ])
    }

    /// The sessions that have output.
    pub(crate) fn ready(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.engine.ready_sessions(usize::MAX, &mut found);
        let mut ready: Vec<usize> =
            (0..self.sessions.len()).filter(|&s| found.contains(&self.sessions[s])).collect();
        ready.sort_unstable();
        ready
    }

    pub(crate) fn revision(&self, s: usize) -> Option<Revision> {
        self.engine.revision(self.sessions[s]).ok().flatten()
    }
}

fn params(opening: &Opening) -> SessionParams {
    let profile = match opening.rules {
        Rules::Open => Profile::Open,
        Rules::Legacy { revision, handshake } => {
            Profile::Legacy { revision: Revision::ALL[revision], handshake }
        }
        Rules::Modern => Profile::Modern,
        Rules::Auto => Profile::Auto,
    };
    let params = SessionParams::new(profile)
        .framing(Framing::Json)
        .capabilities(capabilities(opening.advertised))
        .overflow(opening.policy)
        .max_queued_frames(opening.max_frames)
        .max_queued_bytes(opening.max_bytes);
    match opening.principal {
        Some(name) => params.principal(name),
        None => params,
    }
}

fn capabilities(advertised: Advertised) -> Capabilities {
    Capabilities::from_json(&advertised.text()).expect("what a host advertises reads")
}

fn topic_of(topic: Topic) -> fanfare::Topic<'static> {
    match topic {
        Topic::Tools => fanfare::Topic::ToolList,
        Topic::Prompts => fanfare::Topic::PromptList,
        Topic::Resources => fanfare::Topic::ResourceList,
        Topic::Uri(uri) => fanfare::Topic::Resource(uri),
    }
}
