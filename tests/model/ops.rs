//! What a sequence is made of: kinds of steps with dice. A die is read modulo what there is to
//! choose from just then, so that a sequence stays one whatever is taken out of it.

use fanfare::{Access, EndReason, Level, Overflow, StreamKind};

use super::reference::Model;
use super::state::{Life, Phase, Session};
use super::words::{
    Advertised, Command, IDS, Id, Opening, PRINCIPALS, Place, Raised, Rules, Said, TOKENS, TYPES,
    To, Topic, URIS,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Stream,
    CloseStream,
    Call,
    Listen,
    Ping,
    SubscribeUri,
    UnsubscribeUri,
    SetLevel,
    Types,
    Cancel,
    Handshake,
    Respond,
    Ask,
    HostSubscribe,
    HostUnsubscribe,
    HostListen,
    Notice,
    Event,
    Log,
    Progress,
    Drain,
    DrainAll,
    Pause,
    Resume,
    End,
    EndListen,
    Close,
    Authorize,
    Revoke,
    Advance,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Op {
    pub(crate) kind: Kind,
    pub(crate) dice: [u8; 6],
}

/// Progress in the spellings that are easily compared wrongly.
const VALUES: [&str; 10] =
    ["1", "2", "3", "2.5", "3.0", "3.5", "4", "9007199254740992", "9007199254740993", "0"];
const REASONS: [EndReason; 7] = EndReason::ALL;

fn pick<T: Copy>(from: &[T], die: u8) -> T {
    from[usize::from(die) % from.len()]
}

impl Op {
    /// The command that it stands for; none where there is nothing to do it to, or where what comes
    /// of it is nobody's promise.
    pub(crate) fn resolve(&self, model: &mut Model) -> Option<Command> {
        let command = self.command(model)?;
        match command {
            Command::Notify { raised: Raised::Notice(topic), to, .. }
                if model.is_toss_up(topic, to) =>
            {
                None
            }
            Command::Revoke { principal, topic } if model.ends_several(principal, topic) => None,
            command => Some(command),
        }
    }

    fn command(&self, model: &Model) -> Option<Command> {
        let [who, a, b, c, d, e] = self.dice;
        if self.kind == Kind::Open {
            return Some(Command::Open(self.opening()));
        }
        let s = match choose(model, who, |session| self.kind.suits(session)) {
            Some(s) => s,
            // Nothing can be done before somebody is there.
            None => return Some(Command::Open(self.opening())),
        };
        let session = &model.sessions[s];
        if !self.kind.suits(session) && c % 4 != 0 {
            // There is none for which it means something.
            return Some(self.notify(model, s, Raised::Notice(Topic::Uri(pick(&URIS, b)))));
        }
        let place = || place(session, s, e);
        let own_way = session.rules == Rules::Modern || session.rules == Rules::Auto && e & 1 == 1;
        // Now and then a client writes in the way of the other era.
        let is_modern = own_way ^ (e >= 250);
        let says = |said| Some(Command::Receive { place: place()?, said, is_modern });
        let id = new_id(model, s, a);
        let uri = pick(&URIS, b);
        Some(match self.kind {
            Kind::Open => unreachable!("it has been dealt with"),
            Kind::Stream => {
                let kinds = [StreamKind::Request, StreamKind::Standalone, StreamKind::Listen];
                let is_deaf = !session.streams[0].is_attached;
                let kind = match a {
                    240.. => StreamKind::Duplex,
                    128.. if is_deaf => StreamKind::Standalone,
                    _ => pick(&kinds, a),
                };
                Command::Stream { session: s, stream: model.names, kind }
            }
            Kind::CloseStream => Command::CloseStream { session: s, stream: a_stream(session, a)? },
            Kind::Call => {
                let token = (b % 4 != 0).then(|| pick(&TOKENS, c));
                let level = (d % 3 != 0).then(|| pick(&Level::ALL, d / 3));
                return says(Said::Call { id, token, level });
            }
            Kind::Listen => return says(Said::Listen { id, filter: filter(b, c) }),
            Kind::Ping => return says(Said::Ping { id }),
            Kind::SubscribeUri => return says(Said::SubscribeUri { id, uri }),
            Kind::UnsubscribeUri => {
                let uri = if c % 4 == 0 { uri } else { held_uri(session, b).unwrap_or(uri) };
                return says(Said::UnsubscribeUri { id, uri });
            }
            Kind::SetLevel => return says(Said::SetLevel { id, level: pick(&Level::ALL, b) }),
            Kind::Types => {
                let types = (b % 7 != 6).then(|| pick(&TYPES, b));
                return says(Said::Types { id: (c % 2 == 1).then_some(id), types });
            }
            Kind::Cancel => return says(Said::Cancel { id: known_id(session, a, b) }),
            Kind::Handshake => return handshake(session, s, is_modern, place(), self.dice),
            Kind::Respond => {
                let id = request_id(session, a).filter(|_| b < 240).unwrap_or(id);
                Command::Respond {
                    session: s,
                    id,
                    n: model.raising,
                    pad: pick(&[0, 40, 350, 600], c),
                }
            }
            Kind::Ask => Command::Ask { place: place()?, n: model.raising, pad: pad(a) },
            Kind::HostSubscribe => Command::Subscribe { session: s, uri },
            Kind::HostUnsubscribe => {
                let uri = held_uri(session, b).filter(|_| c % 4 != 0).unwrap_or(uri);
                Command::Unsubscribe { session: s, uri }
            }
            Kind::HostListen => Command::Listen { place: place()?, id, filter: filter(b, c) },
            Kind::Notice => {
                let topic = pick(
                    &[
                        Topic::Uri(uri),
                        Topic::Tools,
                        Topic::Uri(uri),
                        Topic::Prompts,
                        Topic::Resources,
                    ],
                    a,
                );
                self.notify(model, s, Raised::Notice(topic))
            }
            Kind::Event => {
                let n = model.raising;
                let raised = match a % 8 {
                    6 => Raised::TaskStatus { n },
                    7 => Raised::Elicitation { n },
                    _ => Raised::Custom { n, pad: pad(b) },
                };
                self.notify(model, s, raised)
            }
            Kind::Log => {
                let level = pick(&Level::ALL, a);
                self.notify(model, s, Raised::Log { n: model.raising, level, pad: pad(b) })
            }
            Kind::Progress => {
                let mut requests = session.requests.iter().filter(|it| it.token.is_some());
                let request = requests.next().filter(|_| a < 192);
                let token = request.and_then(|it| it.token).unwrap_or(pick(&TOKENS, a));
                // Mostly upwards, in small steps.
                let last = request.and_then(|it| it.progress).filter(|_| e < 224);
                let at = last.and_then(|last| VALUES.iter().position(|it| *it == last));
                let value = match at {
                    Some(at) => VALUES[(at + 1 + usize::from(e % 2)) % VALUES.len()],
                    None => pick(&VALUES, e),
                };
                let message = (b % 2 == 1).then(|| pad(b / 2));
                self.notify(model, s, Raised::Progress { token, value, message })
            }
            Kind::Drain => {
                let stream = a_stream(session, b).filter(|_| a % 2 == 1);
                let max = usize::from(c % 4);
                Command::Drain { session: Some(s), stream, max }
            }
            Kind::DrainAll => {
                let max = if a % 3 == 0 { usize::MAX } else { usize::from(b % 16) };
                Command::Drain { session: None, stream: None, max }
            }
            Kind::Pause => Command::Pause { session: s },
            Kind::Resume => Command::Resume { session: s },
            Kind::End => Command::End { session: s, subscription: None, reason: pick(&REASONS, a) },
            Kind::EndListen => {
                let mut ids: Vec<Id> = session.listens.iter().map(|it| it.id).collect();
                ids.push(id);
                let at = if b >= 240 { ids.len() - 1 } else { usize::from(b) % ids.len() };
                Command::End { session: s, subscription: Some(ids[at]), reason: pick(&REASONS, c) }
            }
            Kind::Close => Command::Close { session: s },
            Kind::Authorize | Kind::Revoke if !model.setup.asks => {
                self.notify(model, s, Raised::Notice(Topic::Uri(uri)))
            }
            Kind::Authorize => {
                // Mostly of what matters: a topic that was withdrawn, or one that somebody holds.
                let (held, withdrawn) = (model.topics_of(s), &model.withdrawn);
                let (topic, access) = match b % 4 {
                    0 => (any_topic(b / 4, c), pick(&[Access::Refuse, Access::Omit], d)),
                    1 if !withdrawn.is_empty() => (Some(pick(withdrawn, c).1), Access::Allow),
                    _ => (Some(pick(&held, c)), pick(&Access::ALL, d)),
                };
                let principal = session.opening.principal.filter(|_| a % 3 != 0);
                Command::Authorize { principal, topic, access }
            }
            Kind::Revoke => {
                let topic = any_topic(b, c).filter(|_| d % 2 == 1);
                Command::Revoke { principal: any_principal(a).filter(|_| e % 2 == 1), topic }
            }
            Kind::Advance => Command::Advance { ms: pick(&[1, 2, 3, 4, 5, 6, 10, 20], a) },
        })
    }

    fn opening(&self) -> Opening {
        let [rules, revision, advertised, policy, frames, bytes] = self.dice;
        let revision = usize::from(revision % 4);
        let rules = match rules % 16 {
            0..=3 => Rules::Open,
            4..=7 => Rules::Legacy { revision, handshake: false },
            8 | 9 => Rules::Legacy { revision, handshake: true },
            10..=14 => Rules::Modern,
            _ => Rules::Auto,
        };
        // Mostly everything is advertised.
        let advertised = if advertised < 170 { 0 } else { advertised };
        let principal = (bytes % 4 != 0).then(|| pick(&PRINCIPALS, bytes));
        Opening {
            rules,
            advertised: Advertised::without(advertised),
            policy: pick(&Overflow::ALL, policy),
            max_frames: pick(&[1000, 2, 1000, 4, 1, 1000, 3, 8], frames),
            max_bytes: pick(&[1 << 20, 260, 1 << 20, 150, 1 << 20, 400], bytes / 4),
            principal,
        }
    }

    fn notify(&self, model: &Model, s: usize, raised: Raised) -> Command {
        let [_, _, _, c, d, _] = self.dice;
        let session = &model.sessions[s];
        let is_for_one =
            matches!(self.kind, Kind::Log | Kind::Progress) && session.rules == Rules::Modern;
        let to = match c % 10 {
            2..=4 if is_for_one => To::Session(s),
            5 => To::Session(s),
            6 | 7 => request_id(session, d).map_or(To::Session(s), |id| To::Request(s, id)),
            8 if session.life != Life::Gone => To::Except(s),
            9 => To::Principal(pick(&PRINCIPALS, d)),
            _ => To::All,
        };
        let context = (d % 3 == 2).then_some(model.raising);
        Command::Notify { raised, to, context }
    }
}

/// An id: nearly always one that is free.
fn new_id(model: &Model, s: usize, die: u8) -> Id {
    let free: Vec<Id> = IDS.into_iter().filter(|id| !model.is_in_use(s, id)).collect();
    if free.is_empty() || die >= 240 { pick(&IDS, die) } else { pick(&free, die) }
}

impl Kind {
    /// Whether a session is one for which it means something.
    fn suits(self, session: &Session) -> bool {
        let is_modern = matches!(session.rules, Rules::Modern | Rules::Auto);
        let is_legacy = matches!(session.rules, Rules::Legacy { .. });
        match self {
            Self::Listen | Self::HostListen => is_modern,
            Self::SubscribeUri | Self::HostSubscribe => {
                session.hears_events() && (!is_legacy || session.advertised.subscribe)
            }
            Self::UnsubscribeUri | Self::HostUnsubscribe => !session.uris.is_empty(),
            Self::SetLevel => is_legacy,
            Self::Types | Self::Ask | Self::Ping => session.hears_events(),
            Self::Handshake => is_legacy && session.phase < Phase::Initialized,
            Self::Respond => !session.requests.is_empty(),
            Self::Cancel => !session.requests.is_empty() || !session.listens.is_empty(),
            Self::EndListen => !session.listens.is_empty(),
            Self::CloseStream => session.streams.iter().any(|it| !it.is_gone && it.name.is_some()),
            Self::Drain => (0..session.streams.len()).any(|at| session.available(at) != 0),
            Self::Resume => session.is_paused,
            Self::Pause => !session.is_paused,
            Self::Progress => session.requests.iter().any(|it| it.token.is_some()),
            _ => true,
        }
    }
}

/// A session: nearly always one that takes part, and that suits. None: there is none.
fn choose(model: &Model, die: u8, suits: impl Fn(&Session) -> bool) -> Option<usize> {
    let all = 0..model.sessions.len();
    if die >= 252 && !model.sessions.is_empty() {
        return Some(usize::from(die) % model.sessions.len());
    }
    let present: Vec<usize> = all.filter(|&s| model.sessions[s].life != Life::Gone).collect();
    let suiting: Vec<usize> = present
        .iter()
        .copied()
        .filter(|&s| model.sessions[s].life == Life::Live && suits(&model.sessions[s]))
        .collect();
    if !suiting.is_empty() && die < 236 {
        return Some(pick(&suiting, die));
    }
    let live: Vec<usize> =
        present.iter().copied().filter(|&s| model.sessions[s].life == Life::Live).collect();
    let from = if live.is_empty() || die >= 244 { present } else { live };
    (!from.is_empty()).then(|| pick(&from, die))
}

/// A stream with a name, of those that a session has.
fn a_stream(session: &Session, die: u8) -> Option<usize> {
    let names: Vec<usize> =
        session.streams.iter().filter(|it| !it.is_gone).filter_map(|it| it.name).collect();
    (!names.is_empty()).then(|| pick(&names, die))
}

/// A way in.
fn place(session: &Session, s: usize, die: u8) -> Option<Place> {
    let open: Vec<Option<usize>> = session
        .streams
        .iter()
        .filter(|it| it.is_attached && !it.is_gone)
        .map(|it| it.name)
        .collect();
    let stream = if open.is_empty() { return None } else { pick(&open, die) };
    Some(Place { session: s, stream })
}

fn held_uri(session: &Session, die: u8) -> Option<&'static str> {
    (!session.uris.is_empty()).then(|| pick(&session.uris, die))
}

/// The id of a request in flight.
fn request_id(session: &Session, die: u8) -> Option<Id> {
    let ids: Vec<Id> = session.requests.iter().map(|it| it.id).collect();
    (!ids.is_empty()).then(|| pick(&ids, die))
}

/// An id that means something to a session, or any.
fn known_id(session: &Session, die: u8, other: u8) -> Id {
    let listens = session.listens.iter().map(|it| it.id);
    let ids: Vec<Id> = listens.chain(session.requests.iter().map(|it| it.id)).collect();
    if ids.is_empty() || other >= 240 { pick(&IDS, die) } else { pick(&ids, die) }
}

/// Three bits for the lists, four for URIs, and one for a URI that is named twice.
fn filter(lists: u8, uris: u8) -> Vec<Topic> {
    let listed = Topic::LISTS.into_iter().enumerate().filter(|(bit, _)| lists >> bit & 1 == 1);
    let mut filter: Vec<Topic> = listed.map(|(_, topic)| topic).collect();
    let named = URIS.into_iter().enumerate().filter(|(bit, _)| uris >> bit & 1 == 1);
    filter.extend(named.map(|(_, uri)| Topic::Uri(uri)));
    if uris >= 192 {
        filter.push(Topic::Uri(URIS[0]));
        filter.push(Topic::Uri(URIS[0]));
    }
    filter
}

fn any_principal(die: u8) -> Option<&'static str> {
    (!die.is_multiple_of(3)).then(|| pick(&PRINCIPALS, die / 3))
}

fn any_topic(die: u8, other: u8) -> Option<Topic> {
    let uri = Topic::Uri(pick(&URIS, other));
    match die % 4 {
        0 => None,
        1 => Some(pick(&Topic::LISTS, other)),
        _ => Some(uri),
    }
}

/// How many bytes an event is made longer by.
fn pad(die: u8) -> usize {
    pick(&[0, 0, 10, 40, 90, 350], die)
}

/// The next step of a handshake.
fn handshake(
    session: &Session,
    s: usize,
    is_modern: bool,
    place: Option<Place>,
    dice: [u8; 6],
) -> Option<Command> {
    let [_, a, b, c, ..] = dice;
    if let Some(request) = session.requests.iter().find(|it| it.is_initialize) {
        let advertised = Advertised::without(if c < 128 { 0 } else { c });
        let revision = usize::from(b % 4);
        return Some(Command::Welcome { session: s, id: request.id, revision, advertised });
    }
    let said = match session.phase {
        Phase::Greeting => Said::Initialize { id: pick(&IDS, a) },
        Phase::Answered => Said::Initialized,
        Phase::Initialized if a % 4 == 3 => Said::Initialize { id: pick(&IDS, a) },
        Phase::Initialized => return None,
    };
    Some(Command::Receive { place: place?, said, is_modern })
}
