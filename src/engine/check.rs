//! Every invariant of the engine, checked from the outside of each part, and random operations
//! that try to break one.

mod random;

use std::collections::{HashMap, HashSet};

use crate::engine::Core;
use crate::engine::access::Holder;
use crate::engine::outbox::{
    BUSY, CARRIED, CARRIES, COLD, DETACHED, FINISHED, NUMBERED, PAUSED, PUSHED, READY, SILENT,
    WATCHED,
};
use crate::engine::owned::Owner;
use crate::engine::pool::NONE;
use crate::engine::session::{MANY, Rules};
use crate::engine::sessions::Member;
use crate::engine::slot::{
    AGAIN, Body, CONTEXT, CONTROL, DROPPABLE, IN_HAND, Lane, MUTED, PASSING, QUEUED, WITHDRAWN,
};
use crate::engine::timer::Due;
use crate::protocol::kind::NoticeKind;

impl Core {
    /// Panics unless every invariant holds. `in_hand` are the bodies that frames in hand hold for
    /// the rings of their streams.
    pub(crate) fn check(&self, in_hand: &[u32]) {
        self.check_lanes();
        self.check_ready();
        self.check_sessions();
        self.check_subscriptions();
        self.check_limits();
        self.check_access();
        self.check_topics();
        self.check_replays();
        self.check_events(in_hand);
        self.check_requests();
        self.check_tasks();
        assert!(self.lagging.is_empty(), "who lags is ended with the call that found it");
    }

    fn check_lanes(&self) {
        let mut found = HashSet::new();
        for ix in self.out.streams.indices() {
            let stream = &self.out.streams[ix];
            let mut count = 0;
            for (lane, queue) in [(Lane::Control, stream.control), (Lane::Main, stream.main)] {
                let mut before = NONE;
                let mut first_droppable = NONE;
                for slot in self.out.lane(ix, lane) {
                    let record = &self.out.slots[slot];
                    assert!(found.insert(slot), "a slot is in one lane");
                    assert!(self.out.is_queued(slot));
                    assert_eq!(record.is(CONTROL), lane == Lane::Control);
                    assert_eq!((self.out.stream_of(slot), record.prev), (ix, before));
                    if record.is(DROPPABLE) && first_droppable == NONE {
                        first_droppable = slot;
                    }
                    before = slot;
                    count += 1;
                }
                assert_eq!(queue.tail, before);
                if lane == Lane::Main {
                    assert_eq!(stream.first_droppable, first_droppable);
                }
            }
            assert_eq!(stream.queued, count);
        }
        assert_eq!(self.out.queued, found.len() as u64);
        for (ix, slot) in self.out.slots.iter() {
            let is_queued = self.out.is_queued(ix);
            assert_eq!(is_queued, found.contains(&ix));
            if !is_queued {
                assert_eq!((slot.next, slot.prev), (NONE, NONE));
                let idle = PASSING | CONTEXT | IN_HAND | AGAIN | CONTROL | DROPPABLE;
                assert!(matches!(slot.body, Body::Link(_)), "events are queued");
                assert_eq!(slot.flags & idle, 0);
            }
            assert!(!slot.is(AGAIN) || slot.is(IN_HAND));
            assert!(!slot.is(IN_HAND) || self.out.streams[self.out.stream_of(ix)].is(BUSY));
            assert!(!slot.is(MUTED) || !is_queued, "what is muted is not raised");
            if let Body::Link(link) = &slot.body {
                let is_task = self.topics[link.topic].kind == NoticeKind::Task;
                assert!(!slot.is(QUEUED), "the place of a link says it");
                let has_body = is_task && is_queued;
                assert_eq!(slot.is(DROPPABLE), has_body);
                assert!(!is_task || slot.is(CONTEXT) == has_body);
            }
        }
    }

    fn check_ready(&self) {
        let is_unfinished = self.out.is_underway() || self.puts_off();
        assert!(!is_unfinished || self.is_ready() && !self.is_push_ready());
        let mut found = HashSet::new();
        for (is_pushed, list) in [(false, self.out.ready[0]), (true, self.out.ready[1])] {
            let (mut at, mut before) = (list.head, NONE);
            while at != NONE {
                let stream = &self.out.streams[at];
                assert!(found.insert(at));
                assert_eq!(stream.is(PUSHED), is_pushed);
                assert_eq!(stream.ready_prev, before);
                (before, at) = (at, stream.ready_next);
            }
            assert_eq!(list.tail, before);
        }
        for ix in self.out.streams.indices() {
            let stream = &self.out.streams[ix];
            assert!(!stream.is(SILENT) || stream.is(WATCHED));
            assert!(!stream.is(WATCHED) || self.silence.streams.contains(&ix));
            assert!(!self.is_over(ix), "what is over has gone");
            let other = self.out.carriers.get(&ix).copied();
            assert_eq!(other.is_some(), stream.is(CARRIES | CARRIED));
            if let Some(other) = other {
                assert_eq!(self.out.carriers[&other], ix);
                assert!(stream.is(CARRIES) != self.out.streams[other].is(CARRIES));
                assert_eq!(self.out.streams[other].session(), stream.session());
                assert!(!stream.is(CARRIES) || !stream.is(DETACHED | FINISHED));
                assert!(!stream.is(CARRIED) || stream.is(DETACHED));
            }
            assert_eq!(self.out.is_drainable(ix), found.contains(&ix));
            assert_eq!(self.out.is_drainable(ix), stream.is(READY));
        }
        let streams = self.out.streams.indices().into_iter();
        let watched = streams.filter(|&ix| self.out.streams[ix].is(WATCHED)).count();
        assert_eq!(self.out.watched as usize, watched);
    }

    fn check_sessions(&self) {
        let (mut streams, mut rares) = (0, 0);
        for ix in self.sessions.indices() {
            let session = &self.sessions[ix];
            rares += usize::from(self.sessions.rare(ix).is_some());
            let own = self.streams_of(ix);
            streams += own.len();
            assert!(own.contains(&session.home));
            let is_busy = self.out.streams[session.home].is(BUSY);
            let (mut frames, mut bytes, mut reply_bytes, mut in_hand) = (0, 0, 0, 0);
            for &stream_ix in &own {
                let stream = &self.out.streams[stream_ix];
                assert_eq!(stream.session(), ix);
                assert_eq!(stream.is(PUSHED), self.out.streams[session.home].is(PUSHED));
                assert_eq!(stream.is(PAUSED), self.out.streams[session.home].is(PAUSED));
                assert_eq!(stream.is(BUSY), is_busy);
                let requests = self.requests.of_session(session.requests);
                let requests = requests.filter(|&r| self.requests[r].task.is_none());
                let listens = self.subs_of(ix).into_iter();
                let open = requests.filter(|&r| self.requests[r].stream == stream_ix).count()
                    + listens
                        .filter(|&s| {
                            self.stream_of_sub(s) == stream_ix && self.subs.id(s).is_some()
                        })
                        .count();
                assert_eq!(stream.open_requests as usize, open);
                let lanes = [Lane::Control, Lane::Main];
                for slot in lanes.into_iter().flat_map(|lane| self.out.lane(stream_ix, lane)) {
                    let record = &self.out.slots[slot];
                    in_hand += u32::from(record.is(IN_HAND));
                    frames += u32::from(record.is(DROPPABLE) || record.is(PASSING));
                    let body = match record.body {
                        Body::Event(entry) => entry.event,
                        Body::Link(_) if record.is(DROPPABLE) => self.contexts[&slot],
                        Body::Link(_) => continue,
                    };
                    let len = self.events.body(body).len() as u32;
                    *if record.is(DROPPABLE) { &mut bytes } else { &mut reply_bytes } += len;
                }
            }
            assert!(in_hand <= 1, "one frame of a session is in hand");
            assert_eq!((session.frames, session.bytes), (frames, bytes));
            assert_eq!(session.reply_bytes, reply_bytes);
            let hears = match session.rules {
                Rules::Open => true,
                Rules::Legacy { phase, .. } => phase > crate::engine::session::Phase::Greeting,
                Rules::Modern | Rules::Undecided => false,
            };
            let hears = hears && !session.is_ending();
            assert_eq!(session.audience_pos != NONE, hears);
            assert_eq!(session.has_own(), hears);
            if hears {
                assert_eq!(self.audience[session.audience_pos as usize], ix);
            }
            assert!(!session.is_ending() || session.listens() == NONE && session.requests == NONE);
            if self.sessions.principal(ix) != NONE {
                let Member { of, pos } = self.sessions.member(ix);
                let (name, members) = &self.principals.members[of as usize];
                assert_eq!(members[pos as usize], ix);
                assert_eq!(self.principals.names[name], of);
            }
        }
        assert_eq!(streams, self.out.streams.len());
        assert_eq!(rares, self.sessions.rares());
        let hearers = self.sessions.indices().into_iter();
        let hearers = hearers.filter(|&ix| self.sessions[ix].audience_pos != NONE).count();
        assert_eq!(self.audience.len(), hearers);
        assert_eq!(
            self.principals.members.iter().filter(|(_, members)| !members.is_empty()).count(),
            self.principals.names.len()
        );
    }

    fn check_subscriptions(&self) {
        let (mut links, mut listens, mut ears, mut uris) = (0, 0, 0, 0);
        let (mut lists, mut indexed) = (0, 0);
        for session_ix in self.sessions.indices() {
            let session = &self.sessions[session_ix];
            for ix in self.subs_of(session_ix) {
                assert_eq!(self.session_of_sub(ix), session_ix);
                assert_eq!(self.out.streams[self.stream_of_sub(ix)].session(), session_ix);
                let is_own = self.own_sub(session_ix) == Some(ix);
                assert_eq!(self.subs.id(ix).is_none(), is_own);
                if let Some(id) = self.subs.id(ix) {
                    listens += 1;
                    assert_eq!(self.find_listen(session_ix, id), Some(ix));
                    assert_eq!(session.ears_pos, NONE);
                    indexed += usize::from(session.is(MANY));
                }
                let mut own_uris = 0;
                lists += usize::from(self.subs.lists.check(self.links_at(ix), &self.out.slots));
                for slot in self.links_of(ix) {
                    links += 1;
                    let record = &self.out.slots[slot];
                    let link = record.link();
                    let topic = &self.topics[link.topic];
                    assert_eq!(self.out.sub_of(slot), ix);
                    assert_eq!(self.find_link(ix, link.topic), Some(slot));
                    assert_eq!(self.out.stream_of(slot), self.stream_of_sub(ix));
                    own_uris += u32::from(
                        is_own && topic.kind == NoticeKind::Resource && !record.is(PASSING),
                    );
                    let is_muted = is_own
                        && self
                            .sessions
                            .types(session_ix)
                            .is_some_and(|t| !t.admit_notice(topic.kind));
                    assert_eq!(record.is(MUTED), is_muted || record.is(WITHDRAWN));
                    assert!(
                        !record.is(PASSING) || self.is_ear(ix) || self.is_contained(ix, link.topic)
                    );
                }
                assert!(!is_own || session.held == own_uris);
                uris += u64::from(own_uris);
                let is_ear = is_own
                    && session.rules == Rules::Open
                    && own_uris == 0
                    && self
                        .sessions
                        .types(session_ix)
                        .is_none_or(|t| t.admit_notice(NoticeKind::Resource));
                assert_eq!(self.is_ear(ix), is_ear);
                if is_ear {
                    ears += 1;
                    assert_eq!(self.subs.ears[session.ears_pos as usize], ix);
                }
            }
        }
        assert_eq!((links, listens), (self.subs.links, self.subs.subs.len()));
        assert_eq!(indexed, self.subs.listens.len());
        assert_eq!(lists, self.subs.lists.len());
        assert_eq!((ears, uris), (self.subs.ears.len(), self.subs.uris));
        let slots = self.out.slots.iter().filter(|(_, slot)| matches!(slot.body, Body::Link(_)));
        assert_eq!(links, slots.count());
    }

    fn check_limits(&self) {
        let mut of_principals = vec![0; self.principals.members.len()];
        for ix in self.sessions.indices() {
            let session = &self.sessions[ix];
            assert_eq!(self.sessions.stream_count(ix) as usize, self.streams_of(ix).len());
            let requests = self.requests.of_session(session.requests);
            let in_flight = requests.filter(|&r| self.requests[r].task.is_none());
            assert_eq!(self.requests.in_flight(session.requests) as usize, in_flight.count());
            let listens = self.subs_of(ix).into_iter().filter(|&sub| self.subs.id(sub).is_some());
            // What an own subscription holds is counted above.
            assert!(session.has_own() || session.held as usize == listens.count());
            let held = session.held;
            let mut filter_bytes = 0;
            for sub in self.subs_of(ix) {
                filter_bytes += self.subs.id(sub).map_or(0, |id| id.as_json().len());
                let links = self.links_of(sub).into_iter();
                let named = links.filter(|&slot| !self.out.slots[slot].is(PASSING));
                let topics = named.map(|slot| &self.topics[self.out.slots[slot].link().topic]);
                filter_bytes += topics.map(|topic| topic.link_bytes() as usize).sum::<usize>();
            }
            assert_eq!(session.filter_bytes as usize, filter_bytes);
            if self.sessions.principal(ix) != NONE {
                of_principals[self.sessions.principal(ix) as usize] += u64::from(held);
            }
        }
        assert_eq!(self.principals.held, of_principals);
        let config = &self.config;
        assert!(self.sessions.len() <= config.max_sessions as usize);
        assert!(self.subs.held() <= config.engine_max_subscriptions);
        for ix in self.sessions.indices() {
            let session = &self.sessions[ix];
            assert!(self.sessions.stream_count(ix) <= config.max_streams);
            assert!(session.held <= config.session_max_subscriptions);
            assert!(self.requests.in_flight(session.requests) <= config.max_requests);
        }
        if config.principal_max_subscriptions != 0 {
            let limit = u64::from(config.principal_max_subscriptions);
            assert!(of_principals.iter().all(|&held| held <= limit));
        }
    }

    fn check_access(&self) {
        let mut links: HashMap<(Holder, u32), u32> = HashMap::new();
        for (slot, record) in self.out.slots.iter() {
            let Body::Link(link) = &record.body else { continue };
            let session = self.session_of_sub(self.out.sub_of(slot));
            let topic = &self.topics[link.topic];
            let is_asked = self.is_asked_about(session, topic.kind) && !topic.is_template;
            if record.is(PASSING) || !is_asked {
                assert!(!record.is(WITHDRAWN));
                continue;
            }
            let key = (self.holder(session), { link.topic });
            assert_eq!(self.access.held[&key].is_withdrawn, record.is(WITHDRAWN));
            *links.entry(key).or_default() += 1;
        }
        assert_eq!(links.len(), self.access.held.len());
        for (key, held) in &self.access.held {
            assert_eq!(links[key], held.links);
        }
        assert!(self.access.answers.is_empty(), "answers are for one call");
    }

    fn check_topics(&self) {
        let (mut named, mut templates) = (0, 0);
        for (ix, topic) in self.topics.topics.iter() {
            let crowd = self.out.crowd(ix);
            let passing = crowd.slots().filter(|&slot| self.out.slots[slot].is(PASSING));
            assert_eq!(topic.passing as usize, passing.count());
            let unmuted = crowd.slots().filter(|&slot| !self.out.slots[slot].is(MUTED));
            assert_eq!(crowd.unmuted(), unmuted.count());
            for (at, place) in crowd.places.iter().enumerate() {
                let record = &self.out.slots[place.slot];
                let link = record.link();
                assert_eq!(({ link.topic }, link.topic_pos as usize), (ix, at));
                assert!(self.out.streams.get(place.stream).is_some());
                assert!(place.stream <= crowd.highest());
                let mut as_flagged = *place;
                as_flagged.follow(record.flags);
                assert_eq!(*place, as_flagged);
            }
            assert!(!topic.is_template || self.topics.templates.find(topic.name()) == Some(ix));
            if topic.is_template {
                templates += 1;
                assert!(!crowd.is_empty() && topic.passing == 0);
            } else if topic.kind.is_named() {
                named += 1;
                assert!(!crowd.is_empty(), "a topic lives while it has links");
            }
        }
        assert_eq!(named, self.topics.names.len());
        assert_eq!(templates, self.topics.templates.len());
        for &ix in &self.topics.names {
            assert!(self.topics[ix].kind.is_named());
        }
    }

    fn check_replays(&self) {
        let mut numbered = 0;
        for ix in self.out.streams.indices() {
            let stream = &self.out.streams[ix];
            if stream.is(NUMBERED) {
                numbered += 1;
                assert_eq!(stream.is(COLD), self.replays.of(ix).is_cold());
            } else {
                assert!(!stream.is(COLD));
            }
        }
        self.replays.check(numbered);
    }

    fn check_events(&self, in_hand: &[u32]) {
        let mut named: HashMap<u32, u32> = HashMap::new();
        for body in self.replays.bodies().chain(in_hand.iter().copied()) {
            *named.entry(body).or_default() += 1;
        }
        for (slot, record) in self.out.slots.iter() {
            assert_eq!(record.is(CONTEXT), self.contexts.contains_key(&slot));
            if let Some(entry) = record.event() {
                *named.entry(entry.event).or_default() += 1;
            }
        }
        for (&slot, &context) in &self.contexts {
            assert!(self.out.slots[slot].is(CONTEXT));
            *named.entry(context).or_default() += 1;
        }
        let mut bytes = 0;
        for (ix, event) in self.events.events.iter() {
            assert_eq!(named.get(&ix), Some(&event.entries));
            bytes += event.body.len() as u64;
            bytes += u64::from(event.entries) * crate::engine::event::ENTRY_BYTES;
        }
        assert_eq!(named.len(), self.events.events.len());
        assert_eq!(bytes, self.events.bytes);
    }

    fn check_requests(&self) {
        let (mut count, mut in_flight) = (0, 0);
        let mut with_token = 0;
        let mut chained = HashSet::new();
        for session in self.sessions.indices() {
            for ix in self.requests.of_session(self.sessions[session].requests) {
                count += 1;
                let request = &self.requests[ix];
                assert_eq!(request.session, session);
                let is_found = self.requests.find(session, &request.id) == Some(ix);
                assert_eq!(is_found, request.task.is_none());
                in_flight += usize::from(is_found);
                if let Some(task) = &request.task {
                    assert!(request.token.is_some(), "nothing else of it lives on");
                    assert_eq!(request.stream, self.sessions[session].home);
                    assert!(self.tasks.has_request(task, self.requests.reference(ix)));
                }
                if let Some(token) = &request.token {
                    with_token += 1;
                    assert_eq!(self.requests.find_token(session, token), Some(ix));
                    assert!(self.requests.with_token(token).any(|it| it == ix));
                }
                let mut chain = Vec::new();
                let mut at = request.first;
                while at != NONE {
                    let record = &self.out.slots[at];
                    let entry = record.event().expect("a chain holds events");
                    assert_eq!(self.out.owner(at), Some(Owner::Request(ix)));
                    assert_eq!({ entry.stream }, request.stream);
                    assert!(chained.insert(at));
                    chain.push(at);
                    at = self.out.next_of_owner(at);
                }
                assert_eq!(request.last, chain.last().copied().unwrap_or(NONE));
                if request.stream != NONE {
                    let mut lane = self.out.lane(request.stream, Lane::Main);
                    lane.retain(|slot| chain.contains(slot));
                    assert_eq!(chain, lane, "a chain has the order of the outbox");
                }
                let gate = &request.gate;
                assert!(gate.queued == NONE || chain.contains(&gate.queued));
                if gate.held.is_some() {
                    let reference = self.requests.reference(ix);
                    let due = Due::Progress(reference);
                    assert!(self.timers.iter().any(|it| *it == due));
                }
            }
        }
        assert_eq!(count, self.requests.requests.len());
        assert_eq!((in_flight, with_token), (self.requests.ids.len(), self.requests.tokens.len()));
        let mut owned = 0;
        for (slot, record) in self.out.slots.iter() {
            let Some(entry) = record.event() else { continue };
            let rare = self.sessions.rare(self.out.streams[entry.stream].session());
            owned += usize::from(entry.owned != NONE);
            match self.out.owner(slot).expect("it is an event") {
                Owner::Session => {}
                Owner::Request(_) => assert!(chained.contains(&slot)),
                Owner::Subscription(sub) => {
                    assert!(
                        self.subs.id(sub).is_some() && self.subs.subs[sub].stream == entry.stream
                    );
                }
                Owner::OpenProgress => {
                    // Not necessarily the one to be replaced: a later one may have been queued, and
                    // dropped, while it was in hand.
                    assert!(rare.is_some_and(|rare| rare.open_tokens.contains_key(&slot)));
                }
            }
        }
        assert_eq!(owned, self.out.owned.len());
        for session in self.sessions.indices() {
            let Some(rare) = self.sessions.rare(session) else { continue };
            for (token, &slot) in &rare.open_progress {
                assert_eq!(self.out.owner(slot), Some(Owner::OpenProgress));
                assert_eq!(&rare.open_tokens[&slot], token);
            }
        }
    }

    fn check_tasks(&self) {
        self.tasks.check_invariants(self.config.max_tasks);
        for (id, request) in self.tasks.requests() {
            let ix = self.requests.resolve(request).expect("it goes with its session");
            assert_eq!(self.requests[ix].task.as_deref(), Some(id));
        }
        let mut known = 0;
        for ix in self.sessions.indices() {
            let Some(rare) = self.sessions.rare(ix) else { continue };
            assert!(rare.elicitations.len() <= self.config.max_elicitations as usize);
            for id in &rare.elicitations {
                known += 1;
                let sessions = self.elicitations.known[id].iter();
                assert_eq!(sessions.filter(|&&of| of == ix).count(), 1);
            }
        }
        let sessions = self.elicitations.known.values();
        assert!(sessions.clone().all(|of| !of.is_empty()));
        assert_eq!(sessions.map(Vec::len).sum::<usize>(), known);
    }
}
