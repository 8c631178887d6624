//! What the reference knows of sessions: streams with what waits on them, subscriptions and
//! requests, as plain lists.

use fanfare::{EndReason, Level, Overflow, Revision, StreamKind};

use super::words::{Advertised, Id, Opening, Rules, Topic};

/// A subscription of a session: its own one, or a listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sub {
    Own,
    Listen(Id),
}

/// What an entry belongs to, and goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Session,
    Request(Id),
    Listen(Id),
    /// The latest progress of a token, for an open session.
    Token(Id),
}

/// What an entry counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A notice with a place of its own.
    Notice(Sub, Topic),
    /// One that nobody subscribed to by name: it takes a place like an event.
    Passing(Sub, Topic),
    /// An event that the policy may drop.
    Event,
    /// What is never dropped: responses, acknowledgments, ends, progress of requests.
    Reply,
}

/// One frame that waits.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Entries of one raising have no order among each other.
    pub(crate) raising: usize,
    pub(crate) text: String,
    pub(crate) owner: Owner,
    pub(crate) class: Class,
}

/// One way out.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) name: Option<usize>,
    pub(crate) kind: StreamKind,
    /// Somebody writes it out.
    pub(crate) is_attached: bool,
    /// What waits is all there will be.
    pub(crate) is_finished: bool,
    pub(crate) is_gone: bool,
    /// What may overtake, and what may not.
    pub(crate) control: Vec<Entry>,
    pub(crate) main: Vec<Entry>,
}

impl Stream {
    pub(crate) fn new(name: Option<usize>, kind: StreamKind) -> Self {
        Self {
            name,
            kind,
            is_attached: true,
            is_finished: false,
            is_gone: false,
            control: Vec::new(),
            main: Vec::new(),
        }
    }

    pub(crate) fn is_of_request(&self) -> bool {
        matches!(self.kind, StreamKind::Request | StreamKind::Listen)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.control.iter().chain(&self.main)
    }

    pub(crate) fn len(&self) -> usize {
        self.control.len() + self.main.len()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.control.retain(&keep);
        self.main.retain(&keep);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) id: Id,
    pub(crate) stream: usize,
    /// What was honoured of its filter.
    pub(crate) topics: Vec<Topic>,
}

/// A request that the host has not answered.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) serial: usize,
    pub(crate) id: Id,
    pub(crate) token: Option<Id>,
    pub(crate) level: Option<Level>,
    pub(crate) is_initialize: bool,
    /// None: the stream that it came by has gone.
    pub(crate) stream: Option<usize>,
    /// The last progress that was taken.
    pub(crate) progress: Option<&'static str>,
    pub(crate) queued_ms: Option<u64>,
    /// Progress that came too soon.
    pub(crate) held: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Greeting,
    Answered,
    Initialized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    Ending(EndReason),
    Gone,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) life: Life,
    pub(crate) rules: Rules,
    /// Of a legacy session.
    pub(crate) phase: Phase,
    pub(crate) advertised: Advertised,
    pub(crate) opening: Opening,
    pub(crate) level: Level,
    pub(crate) types: Option<&'static [&'static str]>,
    pub(crate) is_paused: bool,
    /// To be ended with the present command.
    pub(crate) is_lagging: bool,
    /// The host was told so since its events were drained.
    pub(crate) is_behind: bool,
    /// The first is the one for what belongs to no request.
    pub(crate) streams: Vec<Stream>,
    pub(crate) listens: Vec<Listen>,
    pub(crate) uris: Vec<&'static str>,
    pub(crate) requests: Vec<Request>,
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
}

/// Something to do at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Progress of the request with that serial.
    Progress(usize),
    Interval(Topic),
}

/// News for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A session with its reason.
    End(usize, EndReason),
    /// A session, how many frames it had queued, and its policy.
    Lag(usize, u64, Overflow),
}

impl News {
    pub(crate) fn session(&self) -> usize {
        match *self {
            Self::End(session, _) | Self::Lag(session, ..) => session,
        }
    }
}

impl Session {
    /// How many subscriptions it holds: listens, and URIs one by one.
    pub(crate) fn held(&self) -> usize {
        self.listens.len() + self.uris.len()
    }

    /// What the engine counts of it: queued frames and bytes, delivered, dropped, subscriptions,
    /// requests.
    pub(crate) fn gauges(&self) -> [u64; 6] {
        let streams = || self.streams.iter().filter(|it| !it.is_gone);
        let has_bytes = |entry: &&Entry| matches!(entry.class, Class::Event | Class::Reply);
        let bytes = |stream: &Stream| -> usize {
            stream.entries().filter(has_bytes).map(|entry| entry.text.len()).sum()
        };
        [
            streams().map(Stream::len).sum::<usize>() as u64,
            streams().map(bytes).sum::<usize>() as u64,
            self.delivered,
            self.dropped,
            self.held() as u64,
            self.requests.len() as u64,
        ]
    }

    pub(crate) fn revision(&self) -> Option<Revision> {
        match self.rules {
            Rules::Legacy { revision, .. } if self.phase > Phase::Greeting => {
                Some(Revision::ALL[revision])
            }
            Rules::Modern => Some(Revision::MODERN),
            _ => None,
        }
    }
}

/// Whether that end drops what is queued: the client no longer wants it, or does not take it.
pub(crate) fn drops_queue(reason: EndReason) -> bool {
    matches!(reason, EndReason::Cancelled | EndReason::Disconnected | EndReason::Lagged)
}

/// What is queued stays, whatever becomes of what it belongs to.
pub(crate) fn outlive(entry: &mut Entry) {
    entry.owner = Owner::Session;
    if matches!(entry.class, Class::Notice(..) | Class::Passing(..)) {
        entry.class = Class::Reply;
    }
}
