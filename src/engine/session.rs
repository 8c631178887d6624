//! Sessions: how they are opened, which rules they live by, and the ways in which they end.
//!
//! Invariant: a session is in the audience if and only if it is open or legacy and not ending;
//! what it holds (streams, subscriptions, requests) is chained from it and goes with it.

use crate::engine::limits::Excess;
use crate::engine::links::Links;
use crate::engine::news::News;
use crate::engine::outbox::{
    BUSY, COLD, DETACHED, FINISHED, HELD, PAUSED, PUSHED, RESUMED, Stream,
};
use crate::engine::pool::{NONE, slab_bytes};
use crate::engine::sessions::Member;
use crate::engine::slot::Lane;
use crate::engine::{Core, SessionEnd, SessionStats};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{EndReason, Overflow, Profile, SessionId, SessionParams, StreamKind};
use crate::protocol::id::Id;
use crate::protocol::message::Fault;
use crate::protocol::{Capabilities, Level, PackedCapabilities, Revision, code, encode};

/// The rules that a session lives by just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Open,
    Legacy {
        revision: Revision,
        phase: Phase,
    },
    Modern,
    /// The first message will decide.
    Undecided,
}

/// How far the handshake of a legacy session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// No `initialize` has been answered.
    Greeting,
    /// Answered; `initialized` is still to come.
    Answered,
    Initialized,
}

/// One peer. What few have is kept apart ([`Sessions`](crate::engine::sessions::Sessions)).
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) rules: Rules,
    capabilities: PackedCapabilities,
    pub(crate) level: Level,
    overflow: Overflow,
    /// Why it is ending, once it is.
    ending: Option<EndReason>,
    flags: u8,
    /// Droppable events queued, and their bytes.
    pub(crate) frames: u32,
    pub(crate) bytes: u32,
    /// Bytes of queued replies.
    pub(crate) reply_bytes: u32,
    /// The stream for what belongs to no request, which the other ones are chained from.
    pub(crate) home: u32,
    /// The newest of its requests, which the other ones are chained from.
    pub(crate) requests: u32,
    /// Listens, and URIs of its own subscription.
    pub(crate) held: u32,
    /// Bytes that its listens, and the links of its subscriptions, take up.
    pub(crate) filter_bytes: u32,
    /// The newest of its listens; with an own subscription, the links of that.
    heard: u32,
    /// Of an own subscription: where it stands among those that hear of every URI, and where its
    /// session stands in the audience.
    pub(super) ears_pos: u32,
    pub(super) audience_pos: u32,
    /// Where what few have of it is.
    pub(super) rare: u32,
}

// There are many of them, and most of them wait.
const _: () = assert!(slab_bytes::<Session>() == 56);

/// To be ended with the present call.
pub(crate) const LAGGING: u8 = 1;
/// Told to the host as lagging since its queue of events was empty.
pub(crate) const BEHIND: u8 = 1 << 1;
/// It has a subscription of its own, which holds its lists and URIs (open and legacy).
const OWN: u8 = 1 << 2;
/// Its listens are in the table of those of sessions with many.
pub(crate) const MANY: u8 = 1 << 3;
/// What it queues has bounds of its own.
pub(crate) const BOUNDED: u8 = 1 << 4;

impl Session {
    #[inline]
    pub(crate) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Sets or clears a flag; yields what it was.
    #[inline]
    pub(crate) fn set(&mut self, flag: u8, value: bool) -> bool {
        let before = self.is(flag);
        self.flags = if value { self.flags | flag } else { self.flags & !flag };
        before
    }

    /// What was advertised to it.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities.into()
    }

    pub(crate) fn set_capabilities(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities.into();
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// The revision by which its messages are read and written.
    pub(crate) fn revision(&self) -> Option<Revision> {
        match self.rules {
            Rules::Legacy { revision, phase } if phase > Phase::Greeting => Some(revision),
            Rules::Modern => Some(Revision::MODERN),
            _ => None,
        }
    }

    /// An event with a body of so many bytes is queued no more.
    #[inline]
    pub(crate) fn uncount_event(&mut self, is_droppable: bool, len: usize) {
        if is_droppable {
            self.uncount_frame();
            self.bytes -= len as u32;
        } else {
            self.reply_bytes -= len as u32;
        }
    }

    /// An event, or a passing link, is queued no more.
    #[inline]
    pub(crate) fn uncount_frame(&mut self) {
        self.frames -= 1;
        if self.frames == 0 {
            self.set(BEHIND, false);
        }
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Whether it has a subscription of its own.
    pub(crate) fn has_own(&self) -> bool {
        self.is(OWN)
    }

    /// It has one from now on, without a link, or none any more.
    pub(super) fn set_own(&mut self, has_own: bool) {
        self.set(OWN, has_own);
        self.heard = Links::EMPTY.into_word();
    }

    /// The links of its own subscription.
    pub(super) fn own_links(&self) -> Links {
        if self.has_own() { Links::from_word(self.heard) } else { Links::EMPTY }
    }

    pub(super) fn set_own_links(&mut self, links: Links) {
        debug_assert!(self.has_own());
        self.heard = links.into_word();
    }

    /// The newest of its listens, which the others are chained from. Who has a subscription of its
    /// own has none.
    pub(crate) fn listens(&self) -> u32 {
        if self.has_own() { NONE } else { self.heard }
    }

    pub(super) fn set_listens(&mut self, newest: u32) {
        debug_assert!(!self.has_own());
        self.heard = newest;
    }
}

impl Core {
    pub(crate) fn open(&mut self, params: &SessionParams) -> Result<u64> {
        params.check()?;
        self.check_session_limit().map_err(Excess::error)?;
        let rules = match params.profile {
            Profile::Open => Rules::Open,
            Profile::Legacy { revision, handshake } => Rules::Legacy {
                revision,
                phase: if handshake { Phase::Greeting } else { Phase::Initialized },
            },
            Profile::Modern => Rules::Modern,
            Profile::Auto => Rules::Undecided,
        };
        let record = Session {
            rules,
            capabilities: params.capabilities.into(),
            level: self.config.default_level,
            overflow: params.overflow.unwrap_or(self.config.overflow),
            ending: None,
            flags: 0,
            frames: 0,
            bytes: 0,
            reply_bytes: 0,
            home: NONE,
            requests: NONE,
            held: 0,
            filter_bytes: 0,
            heard: NONE,
            ears_pos: NONE,
            audience_pos: NONE,
            rare: NONE,
        };
        let ix = self.sessions.insert(record, params.user_data);
        self.sessions.set_bounds(ix, params.max_queued_frames, params.max_queued_bytes);
        let pushed = if self.pushes_all { PUSHED } else { 0 };
        let handle = self.sessions.handle(ix);
        let home = Stream::new(handle, StreamKind::Duplex, params.framing, pushed);
        let home = self.out.streams.insert(home);
        self.sessions[ix].home = home;
        if let Some(principal) = &params.principal {
            let (of, pos) = self.principals.join(principal, ix);
            self.sessions.set_member(ix, Member { of, pos });
        }
        self.follow_rules(ix);
        Ok(self.sessions.handle(ix))
    }

    /// Gives a session what its rules entitle it to without asking. Called whenever they change.
    pub(crate) fn follow_rules(&mut self, ix: u32) {
        let session = &mut self.sessions[ix];
        if let (Rules::Modern, Some(advertised)) = (session.rules, self.advertised) {
            // There is no handshake: what `server/discover` says holds from the first request on.
            session.set_capabilities(session.capabilities().and(advertised));
        }
        let hears_events = match session.rules {
            Rules::Open => true,
            Rules::Legacy { phase, .. } => phase > Phase::Greeting,
            Rules::Modern | Rules::Undecided => false,
        };
        if hears_events && session.audience_pos == NONE {
            session.audience_pos = self.audience.len() as u32;
            self.audience.push(ix);
            self.open_own_subscription(ix);
        }
        let (rules, home) = (self.sessions[ix].rules, self.sessions[ix].home);
        // R7: nothing unasked before the handshake is over.
        let is_held = matches!(rules, Rules::Legacy { phase, .. } if phase < Phase::Initialized);
        if is_held {
            self.out.set_flags(home, HELD, 0);
        } else {
            self.out.set_flags(home, 0, HELD);
        }
        self.watch(home);
    }

    /// The index of a session that takes part: not stale, not ending.
    pub(crate) fn session(&self, handle: SessionId) -> Result<u32> {
        let ix = self.session_even_ending(handle)?;
        match self.sessions[ix].ending {
            None => Ok(ix),
            Some(reason) => Err(Error::new(
                ErrorKind::State,
                format!("the session is ending ({}); it can only be drained", reason.as_str()),
            )),
        }
    }

    pub(crate) fn session_even_ending(&self, handle: SessionId) -> Result<u32> {
        self.sessions.resolve(handle.0).ok_or_else(|| Error::gone("session"))
    }

    pub(crate) fn pause(&mut self, handle: SessionId, is_paused: bool) -> Result<()> {
        let ix = self.session_even_ending(handle)?;
        let home = self.sessions[ix].home;
        let (set, clear) = if is_paused { (0, RESUMED) } else { (RESUMED, 0) };
        self.out.set_flags(home, set, clear);
        self.pause_session(ix, is_paused);
        Ok(())
    }

    /// A callback said "not now". If the host resumed the session while it ran, the news is older
    /// than the resumption: whoever resumed would wait for ever.
    pub(crate) fn pause_refused(&mut self, handle: SessionId) {
        if let Ok(ix) = self.session_even_ending(handle)
            && !self.out.streams[self.sessions[ix].home].is(RESUMED)
        {
            self.pause_session(ix, true);
        }
    }

    pub(crate) fn pause_session(&mut self, ix: u32, is_paused: bool) {
        let (set, clear) = if is_paused { (PAUSED, 0) } else { (0, PAUSED) };
        for stream in self.each_stream(ix) {
            self.out.set_flags(stream, set, clear);
        }
    }

    /// A further stream of the session, with what all of its streams share: how frames are delimited,
    /// whether it is paused, who delivers it, whether a callback is at work.
    pub(crate) fn new_stream(&self, ix: u32, kind: StreamKind, flags: u16) -> Stream {
        let home = &self.out.streams[self.sessions[ix].home];
        let shared = home.flags & (PAUSED | PUSHED | BUSY);
        Stream::new(home.session_handle(), kind, home.framing, flags | shared)
    }

    /// From now on a session, or every one, is delivered by callback.
    pub(crate) fn push_by_callback(&mut self, handle: Option<SessionId>) -> Result<()> {
        let sessions = match handle {
            Some(handle) => vec![self.session_even_ending(handle)?],
            None => {
                self.pushes_all = true;
                self.sessions.indices()
            }
        };
        self.has_callbacks = true;
        for ix in sessions {
            for stream in self.each_stream(ix) {
                self.out.set_flags(stream, PUSHED, 0);
            }
        }
        Ok(())
    }

    /// Whether a frame callback is at work on a session.
    pub(crate) fn is_busy(&self, handle: SessionId) -> bool {
        self.sessions
            .resolve(handle.0)
            .is_some_and(|ix| self.each_stream(ix).any(|stream| self.out.streams[stream].is(BUSY)))
    }

    pub(crate) fn user_data(&self, handle: SessionId) -> Result<u64> {
        Ok(self.sessions.user_data(self.session_even_ending(handle)?))
    }

    pub(crate) fn revision(&self, handle: SessionId) -> Result<Option<Revision>> {
        Ok(self.sessions[self.session_even_ending(handle)?].revision())
    }

    pub(crate) fn session_stats(&self, handle: SessionId) -> Result<SessionStats> {
        let ix = self.session_even_ending(handle)?;
        let session = &self.sessions[ix];
        let streams = self.streams_of(ix);
        let rare = self.sessions.rare(ix);
        let counts = streams.iter().map(|&stream| self.out.counts(stream));
        let counts = counts.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        Ok(SessionStats {
            queued_frames: streams.iter().map(|&s| u64::from(self.out.streams[s].queued)).sum(),
            queued_bytes: u64::from(session.bytes) + u64::from(session.reply_bytes),
            delivered: rare.map_or(0, |rare| rare.delivered) + counts.0,
            merged: rare.map_or(0, |rare| rare.merged) + counts.1,
            dropped: rare.map_or(0, |rare| rare.dropped),
            subscriptions: u64::from(session.held),
            requests: u64::from(self.requests.in_flight(session.requests)),
        })
    }

    /// Says goodbye. What is queued goes out, unless the reason is that nobody takes it; then each
    /// listen gets its result (R48), or an error if the end is not a graceful one and must not
    /// look like one.
    pub(crate) fn end(&mut self, handle: SessionId, reason: EndReason) -> Result<()> {
        let ix = self.session(handle)?;
        self.end_session(ix, reason);
        Ok(())
    }

    pub(crate) fn end_session(&mut self, ix: u32, reason: EndReason) {
        self.sessions[ix].ending = Some(reason);
        self.leave_audience(ix);
        self.forget_elicitations(ix);
        let home = self.sessions[ix].home;
        if self.out.streams[home].is(HELD) {
            // R7: what waits for `initialized` waits in vain.
            for slot in self.out.lane(home, Lane::Main) {
                self.discard(slot);
            }
        }
        let requests: Vec<u32> = self.requests.of_session(self.sessions[ix].requests).collect();
        if reason.keeps_queue() {
            // The oldest first: of what was held back too, the last value is never lost.
            for &request in requests.iter().rev() {
                self.flush_held_progress(request);
            }
            self.materialise_session(ix);
        } else {
            for stream in self.each_stream(ix) {
                self.empty_stream(stream);
            }
        }
        for request in requests {
            self.forget_request(request);
        }
        self.settle_kept(ix, reason.is_graceful());
        for (stream, id) in self.drop_subscriptions(ix) {
            let lane = if reason.keeps_queue() { Lane::Main } else { Lane::Control };
            self.tell_end(stream, &id, reason, lane);
        }
        for stream in self.each_stream(ix) {
            if self.out.streams[stream].is(DETACHED) {
                // Nobody can drain it any more.
                self.empty_stream(stream);
            }
            self.out.set_flags(stream, FINISHED, HELD);
        }
        self.bury_if_drained(ix);
    }

    /// Removes an ending session once nothing of it is queued.
    pub(crate) fn bury_if_drained(&mut self, ix: u32) {
        let Some(reason) = self.sessions[ix].ending else { return };
        let is_drained = self.each_stream(ix).all(|s| {
            let stream = &self.out.streams[s];
            stream.queued == 0 && !stream.is(BUSY | COLD)
        });
        if is_drained {
            let session = SessionId(self.sessions.handle(ix));
            let user_data = self.sessions.user_data(ix);
            self.remove_session(ix);
            self.news.push(News::End(SessionEnd { session, reason, user_data }));
        }
    }

    /// The peer is gone: nothing more is rendered, the handle is stale at once.
    pub(crate) fn close(&mut self, handle: SessionId) -> Result<()> {
        let ix = self.session_even_ending(handle)?;
        self.remove_session(ix);
        Ok(())
    }

    /// The peer is gone, and the host may not know it yet.
    pub(crate) fn disconnect(&mut self, ix: u32) {
        let session = SessionId(self.sessions.handle(ix));
        let user_data = self.sessions.user_data(ix);
        self.remove_session(ix);
        let reason = EndReason::Disconnected;
        self.news.push(News::End(SessionEnd { session, reason, user_data }));
    }

    pub(crate) fn disconnect_handle(&mut self, handle: SessionId) {
        if let Ok(ix) = self.session_even_ending(handle) {
            self.disconnect(ix);
        }
    }

    fn remove_session(&mut self, ix: u32) {
        self.fetch_session(ix);
        self.leave_audience(ix);
        self.forget_elicitations(ix);
        let requests: Vec<u32> = self.requests.of_session(self.sessions[ix].requests).collect();
        for request in requests {
            self.forget_request(request);
        }
        for stream in self.each_stream(ix) {
            self.empty_stream(stream);
        }
        self.drop_subscriptions(ix);
        for stream in self.each_stream(ix) {
            self.forget_kept(stream);
            self.out.remove_stream(stream);
        }
        let Member { of, pos } = self.sessions.member(ix);
        if of != NONE
            && let Some(moved) = self.principals.leave(of, pos)
        {
            self.sessions.set_member(moved, Member { of, pos });
        }
        self.sessions.remove(ix);
    }

    /// Forgets all subscriptions of a session. Yields its listens with their streams, oldest first.
    fn drop_subscriptions(&mut self, ix: u32) -> Vec<(u32, Id)> {
        if let Some(sub) = self.own_sub(ix) {
            self.remove_subscription(sub);
            return Vec::new();
        }
        let subs = self.subs_of(ix);
        let listens = subs.iter().filter_map(|&sub| {
            let id = self.subs.id(sub)?;
            Some((self.stream_of_sub(sub), id.clone()))
        });
        let listens = listens.collect();
        // The newest first, as they are chained: so none has to be looked for.
        for sub in subs.into_iter().rev() {
            self.remove_subscription(sub);
        }
        listens
    }

    fn leave_audience(&mut self, ix: u32) {
        let pos = std::mem::replace(&mut self.sessions[ix].audience_pos, NONE);
        if pos == NONE {
            return;
        }
        self.audience.swap_remove(pos as usize);
        if let Some(&moved) = self.audience.get(pos as usize) {
            self.sessions[moved].audience_pos = pos;
        }
    }
}

/// The last frame of a subscription, where its end is told.
pub(crate) fn closing_frame(id: &Id, reason: EndReason) -> Option<String> {
    match reason {
        EndReason::Graceful | EndReason::Shutdown => Some(encode::listen_result(id)),
        EndReason::Cancelled | EndReason::Disconnected => None,
        EndReason::Lagged | EndReason::Limit | EndReason::Revoked => {
            let text = format!("subscription ended: {}", reason.as_str());
            let mut fault = Fault::of(id, code::INTERNAL_ERROR, text);
            fault.data = Some(format!(r#"{{"reason":"{}"}}"#, reason.as_str()));
            Some(encode::error(&fault, false))
        }
    }
}
