//! The reference: what the engine holds, as plain lists that are searched from end to end, and the
//! calls that make and unmake sessions and streams. Nothing is merged, indexed or shared here that
//! the promises do not merge.

use fanfare::{Access, EndReason, Level, StreamKind};

use super::access::Holder;
use super::state::{
    Class, Due, Entry, Life, News, Owner, Phase, Session, Stream, drops_queue, outlive,
};
use super::words::{Command, Opening, Rules, Setup, Topic};

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// What the engine did with a message: whether the host must act.
    Passed(bool),
    /// How many subscriptions or sessions a raising reached.
    Matched(usize),
    /// Questions asked, subscriptions that lost a topic, that got one back, listens that ended.
    Revoked([usize; 4]),
    /// The code of the error. Nothing has changed.
    Refused(&'static str),
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) setup: Setup,
    pub(crate) now_ms: u64,
    /// Raisings and requests so far.
    pub(crate) raising: usize,
    pub(crate) serial: usize,
    pub(crate) sessions: Vec<Session>,
    /// How many streams were ever named.
    pub(crate) names: usize,
    /// By time, and at the same time in the order in which they were set.
    pub(crate) dues: Vec<(u64, Due)>,
    pub(crate) intervals: Vec<super::raise::Interval>,
    /// What the host says of a principal and a topic, the latest last.
    pub(crate) policy: Vec<(Option<&'static str>, Option<Topic>, Access)>,
    /// What the host does not let its holder hear of just now.
    pub(crate) withdrawn: Vec<(Holder, Topic)>,
    pub(crate) news: Vec<News>,
    pub(crate) lagged: u64,
}

impl Model {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            now_ms: 0,
            raising: 0,
            serial: 0,
            sessions: Vec::new(),
            names: 0,
            dues: Vec::new(),
            intervals: Vec::new(),
            policy: Vec::new(),
            withdrawn: Vec::new(),
            news: Vec::new(),
            lagged: 0,
        }
    }

    /// Does a command that is no drain.
    pub(crate) fn perform(&mut self, command: &Command) -> Outcome {
        self.raising += 1;
        let outcome = self.execute(command).unwrap_or_else(Outcome::Refused);
        self.settle();
        self.forget_verdicts();
        outcome
    }

    fn execute(&mut self, command: &Command) -> Result<Outcome, &'static str> {
        match command {
            Command::Open(opening) => return self.open(*opening),
            Command::Stream { session, kind, .. } => self.open_stream(*session, *kind)?,
            Command::CloseStream { session, stream } => self.close_stream(*session, *stream)?,
            Command::Receive { place, said, is_modern } => {
                return self.receive(*place, said, *is_modern);
            }
            Command::Respond { session, id, n, pad } => {
                self.respond(*session, id, super::wire::answer(id, *n, *pad))?;
            }
            Command::Welcome { session, id, revision, advertised } => {
                self.welcome(*session, id, *revision, *advertised)?;
            }
            Command::Ask { place, n, pad } => self.ask(*place, super::wire::ask(*n, *pad))?,
            Command::Subscribe { session, uri } => self.subscribe(*session, uri)?,
            Command::Unsubscribe { session, uri } => self.unsubscribe(*session, uri)?,
            Command::Listen { place, id, filter } => self.listen(*place, id, filter)?,
            Command::Notify { raised, to, context } => {
                return self.notify(raised, *to, *context).map(Outcome::Matched);
            }
            Command::Drain { .. } => unreachable!("what is drained is shown to `drained`"),
            Command::Pause { session } => self.present(*session)?.is_paused = true,
            Command::Resume { session } => self.present(*session)?.is_paused = false,
            Command::End { session, subscription: None, reason } => {
                self.live(*session)?;
                self.end(*session, *reason);
            }
            Command::End { session, subscription: Some(id), reason } => {
                self.present(*session)?;
                self.end_listen(*session, id, *reason)?;
            }
            Command::Close { session } => {
                self.present(*session)?.life = Life::Gone;
            }
            Command::Authorize { principal, topic, access } => {
                self.policy.push((*principal, *topic, *access));
            }
            Command::Revoke { principal, topic } => return self.revoke(*principal, *topic),
            Command::Advance { ms } => self.advance(*ms),
        }
        Ok(Outcome::Done)
    }

    /// What was due has been done once this yields.
    fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
        loop {
            let due = self.dues.iter().map(|(due_ms, _)| *due_ms).filter(|it| *it <= self.now_ms);
            let Some(first) = due.min() else { return };
            let at = self.dues.iter().position(|(due_ms, _)| *due_ms == first).unwrap();
            // Entries of one raising have no order; those of two timers do.
            self.raising += 1;
            match self.dues.remove(at).1 {
                Due::Progress(serial) => self.release_progress(serial),
                Due::Interval(topic) => self.end_interval(topic),
            }
        }
    }

    /// Sessions that do not keep up end with the command.
    fn settle(&mut self) {
        for s in 0..self.sessions.len() {
            let session = &mut self.sessions[s];
            if std::mem::take(&mut session.is_lagging) && session.life == Life::Live {
                self.lagged += 1;
                self.end(s, EndReason::Lagged);
            }
        }
    }

    // ---- sessions ----

    fn open(&mut self, opening: Opening) -> Result<Outcome, &'static str> {
        if self.sessions.iter().filter(|it| it.life != Life::Gone).count()
            >= self.setup.max_sessions
        {
            return Err("LIMIT");
        }
        let is_greeting = matches!(opening.rules, Rules::Legacy { handshake: true, .. });
        self.sessions.push(Session {
            life: Life::Live,
            rules: opening.rules,
            phase: if is_greeting { Phase::Greeting } else { Phase::Initialized },
            advertised: opening.advertised,
            opening,
            level: Level::Debug,
            types: None,
            is_paused: false,
            is_lagging: false,
            is_behind: false,
            streams: vec![Stream::new(None, StreamKind::Duplex)],
            listens: Vec::new(),
            uris: Vec::new(),
            requests: Vec::new(),
            delivered: 0,
            dropped: 0,
        });
        self.grant_lists(self.sessions.len() - 1);
        Ok(Outcome::Done)
    }

    /// A session that has not gone.
    pub(crate) fn present(&mut self, s: usize) -> Result<&mut Session, &'static str> {
        match self.sessions.get_mut(s) {
            Some(session) if session.life != Life::Gone => Ok(session),
            _ => Err("GONE"),
        }
    }

    /// One that takes part.
    pub(crate) fn live(&mut self, s: usize) -> Result<&mut Session, &'static str> {
        match self.present(s)? {
            session if session.life == Life::Live => Ok(session),
            _ => Err("STATE"),
        }
    }

    /// Says goodbye.
    pub(crate) fn end(&mut self, s: usize, reason: EndReason) {
        let is_kept = !drops_queue(reason);
        if is_kept {
            // What was held back is the last value.
            let serials: Vec<usize> =
                self.sessions[s].requests.iter().map(|it| it.serial).collect();
            for serial in serials {
                self.raising += 1;
                self.release_progress(serial);
            }
        }
        let session = &mut self.sessions[s];
        session.life = Life::Ending(reason);
        for stream in &mut session.streams {
            if !is_kept || !stream.is_attached {
                stream.retain(|_| false);
            }
            for entry in stream.control.iter_mut().chain(&mut stream.main) {
                outlive(entry);
            }
            stream.is_finished = true;
        }
        session.requests.clear();
        session.uris.clear();
        self.raising += 1;
        for listen in std::mem::take(&mut self.sessions[s].listens) {
            self.raising += 1;
            let Some(text) = super::wire::end_of_listen(listen.id, reason) else { continue };
            let entry =
                Entry { raising: self.raising, text, owner: Owner::Session, class: Class::Reply };
            let stream = &mut self.sessions[s].streams[listen.stream];
            if stream.is_attached {
                stream.main.push(entry);
            }
        }
        self.bury(s);
    }

    /// An ending session goes with its last frame.
    pub(crate) fn bury(&mut self, s: usize) {
        let session = &mut self.sessions[s];
        if let Life::Ending(reason) = session.life
            && session.streams.iter().all(|stream| stream.is_gone || stream.len() == 0)
        {
            session.life = Life::Gone;
            self.news.push(News::End(s, reason));
        }
    }

    // ---- streams ----

    fn open_stream(&mut self, s: usize, kind: StreamKind) -> Result<(), &'static str> {
        let max = self.setup.max_streams;
        let name = self.names;
        let session = self.live(s)?;
        let home = &mut session.streams[0];
        match kind {
            StreamKind::Duplex | StreamKind::Standalone => {
                if home.name.is_some() {
                    return Err("STATE");
                }
                home.kind = kind;
                home.name = Some(name);
                home.is_attached = true;
            }
            StreamKind::Request | StreamKind::Listen => {
                if home.name.is_some() && home.kind == StreamKind::Duplex {
                    return Err("STATE");
                }
                let is_named = home.name.is_some();
                if session.streams.iter().filter(|it| !it.is_gone).count() >= max {
                    return Err("LIMIT");
                }
                // From now on there is more than one way out.
                session.streams[0].is_attached = is_named;
                session.streams.push(Stream::new(Some(name), kind));
            }
        }
        self.names += 1;
        Ok(())
    }

    /// The stream of that name.
    pub(crate) fn stream_named(&mut self, s: usize, name: usize) -> Result<usize, &'static str> {
        let session = self.present(s)?;
        let is_it = |stream: &Stream| stream.name == Some(name) && !stream.is_gone;
        session.streams.iter().position(is_it).ok_or("GONE")
    }

    fn close_stream(&mut self, s: usize, name: usize) -> Result<(), &'static str> {
        let at = self.stream_named(s, name)?;
        let session = &mut self.sessions[s];
        let is_ending = session.life != Life::Live;
        match session.streams[at].kind {
            StreamKind::Duplex => {
                session.life = Life::Gone;
                self.news.push(News::End(s, EndReason::Disconnected));
            }
            StreamKind::Standalone => {
                let home = &mut session.streams[0];
                home.is_attached = false;
                home.name = None;
                home.retain(|_| !is_ending);
                self.bury(s);
            }
            StreamKind::Request | StreamKind::Listen => {
                session.retain(at, |_| false);
                session.streams[at].is_gone = true;
                session.listens.retain(|it| it.stream != at);
                // To older revisions the end of a connection is no cancellation.
                let is_modern = session.rules == Rules::Modern;
                session.requests.retain(|it| !is_modern || it.stream != Some(at));
                for request in &mut session.requests {
                    request.stream = request.stream.filter(|stream| *stream != at);
                }
                self.bury(s);
            }
        }
        Ok(())
    }

    /// What the engine counts of itself: sessions, streams, subscriptions, requests, queued
    /// frames, dropped events, lagged sessions.
    pub(crate) fn gauges(&self) -> [u64; 7] {
        let present = || self.sessions.iter().filter(|it| it.life != Life::Gone);
        let streams = || present().flat_map(|it| &it.streams).filter(|it| !it.is_gone);
        let sum = |of: fn(&Session) -> usize| present().map(of).sum::<usize>() as u64;
        [
            present().count() as u64,
            streams().count() as u64,
            sum(Session::held),
            sum(|it| it.requests.len()),
            streams().map(Stream::len).sum::<usize>() as u64,
            self.sessions.iter().map(|it| it.dropped).sum(),
            self.lagged,
        ]
    }
}
