//! The way out: what is drained, held against what may be sent.

use serde_json::Value;

use crate::engine::outbox::{DETACHED, PUSHED};
use crate::engine::slot::Lane;
use crate::framing::Framing;
use crate::params::SessionId;
use crate::protocol::event_id::EventId;

use super::{
    ELICITED, EVENT, Frames, LISTS, SUBSCRIPTION_ID, TASK, TASK_STATUS, Taken, UPDATED, World,
};

impl World {
    pub(super) fn drain(&mut self) {
        let room = self.random.of(&[0, 1, 2, 5, 1000]);
        let max = self.random.of(&[1, 3, 1000]);
        let mut frames = Frames { taken: Vec::new(), room };
        match self.random.below(3) {
            0 => {
                self.core.drain(max, &mut frames);
            }
            1 => {
                let Some(session) = self.any() else { return };
                let ix = self.core.session_even_ending(session).unwrap();
                self.core.finish_raising();
                self.core.drain_session(ix, max, &mut frames);
            }
            _ => {
                let Some(session) = self.any() else { return };
                let Some(stream) = self.any_stream(session) else { return };
                let Ok(ix) = self.core.stream_ix(stream) else { return };
                self.core.finish_raising();
                self.core.drain_stream(ix, max, &mut frames);
            }
        }
        for taken in frames.taken {
            self.delivered(&taken);
        }
    }

    pub(super) fn lend(&mut self) {
        let room = self.random.of(&[1, 2, 5, 1000]);
        let max = self.random.of(&[1, 3, 1000]);
        let mut frames = Frames { taken: Vec::new(), room };
        let ready = self.ready_for_callbacks();
        let lent = self.core.lend(max, &mut frames);
        assert_eq!((lent, lent <= max), (frames.taken.len(), true));
        assert_eq!(self.core.has_lent(), lent != 0);
        if lent == 0 {
            return;
        }
        let before = self.core.stats();
        let begun = 1 + self.random.below(lent);
        frames.taken.truncate(begun);
        let in_hand = if begun == lent && self.random.one_in(2) {
            self.core.settle_lent();
            None
        } else {
            let at_hand = frames.taken.pop().expect("one was begun");
            Some((self.core.take_back(begun), at_hand))
        };
        assert!(!self.core.has_lent());
        let delivered = frames.taken.len();
        // Nobody can tell that the others were lent.
        let left = self.ready_for_callbacks();
        assert_eq!(left[..ready.len() - begun], ready[begun..]);
        let after = self.core.stats();
        let bytes: usize = frames.taken.iter().map(|taken| taken.text.len()).sum();
        assert_eq!(after.delivered - before.delivered, delivered as u64);
        assert_eq!(after.delivered_bytes - before.delivered_bytes, bytes as u64);
        assert_eq!(before.queued_frames - after.queued_frames, delivered as u64);
        for taken in &frames.taken {
            assert!(self.in_hand.iter().all(|(other, _)| other.session != taken.session));
            self.delivered(taken);
        }
        let Some((hand, at_hand)) = in_hand else { return };
        assert_eq!(at_hand.session, hand.session);
        assert!(self.in_hand.iter().all(|(other, _)| other.session != hand.session));
        self.in_hand.push((hand, at_hand));
    }

    /// The streams that are ready for a callback, in their order, and what they have to send.
    fn ready_for_callbacks(&self) -> Vec<String> {
        let out = &self.core.out;
        let ready = out.ready().filter(|&ix| out.streams[ix].is(PUSHED));
        let each = ready.map(|ix| {
            let stream = &out.streams[ix];
            let slots = [Lane::Control, Lane::Main].map(|lane| out.lane(ix, lane));
            let state = slots.iter().flatten().map(|&slot| {
                let merged = out.place(slot).map(|_| out.merged_into(slot));
                (merged, out.slots[slot].flags, out.slots[slot].prev)
            });
            let state: Vec<_> = state.collect();
            format!("{ix} {} {:?} {slots:?} {state:?}", stream.flags, out.counts(ix))
        });
        each.collect()
    }

    pub(super) fn take_in_hand(&mut self) {
        let mut frames = Frames { taken: Vec::new(), room: 1 };
        if let Some(hand) = self.core.take_in_hand(&mut frames) {
            assert!(self.in_hand.iter().all(|(other, _)| other.session != hand.session));
            self.in_hand.push((hand, frames.taken.remove(0)));
        }
    }

    pub(super) fn put_down(&mut self) {
        if self.in_hand.is_empty() {
            return;
        }
        let at = self.random.below(self.in_hand.len());
        let (hand, taken) = self.in_hand.remove(at);
        let verdict = self.random.below(8);
        // What went to a connection that was given up is sent again to the next one.
        let is_seen = !taken.text.starts_with("id: ") || self.core.stream_ix(taken.stream).is_ok();
        self.core.put_down(hand, verdict > 1, taken.text.len());
        match verdict {
            0 => self.core.pause_refused(hand.session),
            1 if self.random.one_in(4) => self.core.disconnect_handle(hand.session),
            1 => self.core.pause_refused(hand.session),
            _ if is_seen => self.delivered(&taken),
            _ => {}
        }
    }

    /// The message of a frame, unless it has none or the client has it already.
    pub(super) fn message_of(&mut self, taken: &Taken) -> Option<String> {
        let text = &taken.text;
        if text == Framing::COMMENT || text.starts_with("retry: ") {
            return None;
        }
        let Some(rest) = text.strip_prefix("id: ") else { return Some(text.clone()) };
        let (id, rest) = rest.split_once('\n').unwrap();
        let data = rest.split_once("data: ").unwrap().1.strip_suffix(Framing::EVENT_TAIL).unwrap();
        let id = EventId::parse(id).unwrap();
        let peer = self.peers.get_mut(&taken.session).unwrap();
        assert!(!peer.is_modern, "R58: {text}");
        // R32: in order, without a gap, and what is sent again is what was sent before.
        match peer.reached.insert(id.stream, id.seq) {
            Some(last) => assert_eq!(id.seq, last + 1, "{text}"),
            None => assert!(id.seq <= 1, "{text}"),
        }
        match peer.sent.insert(id, data.to_owned()) {
            Some(before) => {
                assert_eq!(before, data, "sent again: {text}");
                None
            }
            None => (!data.is_empty()).then(|| data.to_owned()),
        }
    }

    /// What a frame says, against what its session was sent before.
    pub(super) fn delivered(&mut self, taken: &Taken) {
        let Some(text) = &self.message_of(taken) else { return };
        let peer = self.peers.get_mut(&taken.session).expect("it has been opened");
        let frame: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let params = &frame["params"];
        let method = frame["method"].as_str().unwrap_or_default();
        let subscription = params["_meta"].get(SUBSCRIPTION_ID).map(Value::to_string);
        if let Some(id) = &subscription {
            let is_in_time = !peer.over.contains(id);
            assert!(is_in_time, "after its end: {text}");
            if method.ends_with("acknowledged") {
                assert!(peer.acknowledged.insert(id.clone()), "acknowledged twice: {text}");
            } else {
                assert!(peer.acknowledged.contains(id), "before its acknowledgment: {text}");
                let name = params["uri"].as_str().unwrap_or(method).to_owned();
                peer.due.remove(&(id.clone(), name));
            }
        } else if peer.is_modern {
            let is_notice = method == UPDATED || LISTS.contains(&method);
            let is_event = [EVENT, TASK, TASK_STATUS, ELICITED].contains(&method);
            assert!(!is_notice && !is_event, "not asked for: {text}");
        }
        if let Some(id) = frame.get("id").filter(|_| method.is_empty()) {
            let id = id.to_string();
            // A refusal that repeats an id that is in use is not its answer.
            if frame["error"]["code"] != -32600 {
                let is_listen = peer.acknowledged.contains(&id);
                assert!(!is_listen || peer.over.insert(id.clone()), "ended twice: {text}");
                peer.answered.insert(id);
            }
        }
        match method {
            "notifications/progress" => {
                let token = params["progressToken"].to_string();
                let amount = params["progress"].as_i64().unwrap_or_else(|| panic!("{text}"));
                if !params["_meta"]["io.modelcontextprotocol/related-task"].is_null() {
                    assert!(!peer.ended.contains(&token), "after the end of its task: {text}");
                }
                if peer.is_modern {
                    assert!(!peer.answered.contains(&token), "after the response: {text}");
                    let last = peer.progress.insert(token, amount);
                    assert!(last.is_none_or(|last| amount > last), "not above {last:?}: {text}");
                }
            }
            "notifications/message" => {
                let (n, of) = (
                    params["data"]["n"].as_i64().unwrap_or_else(|| panic!("{text}")),
                    &params["data"]["of"],
                );
                let sort = of.to_string();
                assert!(
                    of.is_null() || !peer.is_modern || !peer.answered.contains(&sort),
                    "{text}"
                );
                if !of.is_null() {
                    let last = peer.events.insert(sort, n);
                    assert!(last.is_none_or(|last| n > last), "after {last:?}: {text}");
                }
            }
            TASK if subscription.is_some() => {
                let (id, task) = (subscription.unwrap(), params["taskId"].as_str().unwrap());
                assert!(peer.tasks[&id].contains(task), "not asked for: {text}");
                let last =
                    peer.events.insert(format!("{id} {task}"), params["n"].as_i64().unwrap());
                assert!(last < params["n"].as_i64(), "after {last:?}: {text}");
            }
            ELICITED if !peer.is_open => {
                let id = params["elicitationId"].as_str().unwrap();
                let left = peer.elicited.get_mut(id).expect("an id that it was given");
                *left -= 1;
                assert!(*left >= 0, "told twice: {text}");
            }
            // Those of a request may overtake with its response.
            EVENT | TASK_STATUS if params["ofRequest"] == false => {
                let is_over = params["status"]
                    .as_str()
                    .is_some_and(|status| !matches!(status, "working" | "input_required"));
                if is_over && let Some(tokens) = peer.tokens.get(params["taskId"].as_str().unwrap())
                {
                    peer.ended.extend(tokens.iter().cloned());
                }
                let n = params["n"].as_i64().unwrap();
                let last = peer.events.insert(String::new(), n);
                assert!(last.is_none_or(|last| n > last), "after {last:?}: {text}");
            }
            _ => {}
        }
    }

    /// Whoever lives and reads learns the latest.
    pub(super) fn finish(&mut self) {
        while !self.in_hand.is_empty() {
            self.put_down();
            self.check();
        }
        self.learn_listens();
        self.now_ms += 1000;
        self.core.advance(self.now_ms);
        let sessions = self.sessions.clone();
        for session in sessions {
            self.note_gone_if_there(session);
            let _ = self.core.pause(session, false);
            while let Ok(ix) = self.core.session_even_ending(session) {
                let mut frames = Frames { taken: Vec::new(), room: 1000 };
                if self.core.drain_session(ix, 1000, &mut frames) == 0 {
                    let is_ending = self.core.sessions[ix].is_ending();
                    assert!(!is_ending, "an ending session goes with its last frame");
                    break;
                }
                for taken in frames.taken {
                    self.delivered(&taken);
                }
                self.core.check(&[]);
            }
            if self.core.session(session).is_ok() {
                // What nobody can write out just now waits.
                let core = &self.core;
                let waits = |id: &str| {
                    let sub = core.subs.subs.resolve(core.subscription(session, id).unwrap());
                    core.out.streams[core.subs.subs[sub.unwrap()].stream].is(DETACHED)
                };
                let due: Vec<_> =
                    self.peers[&session].due.iter().filter(|(id, _)| !waits(id)).collect();
                assert!(due.is_empty(), "never told: {due:?}");
            }
        }
        for session in self.core.sessions.indices() {
            let handle = SessionId(self.core.sessions.handle(session));
            self.core.close(handle).unwrap();
            self.core.check(&[]);
        }
        let stats = self.core.stats();
        let held = [stats.sessions, stats.streams, stats.subscriptions, stats.links, stats.topics];
        assert_eq!(held, [0; 5]);
        assert_eq!((stats.requests, stats.queued_frames, stats.queued_bytes), (0, 0, 0));
    }

    pub(super) fn note_gone_if_there(&mut self, session: SessionId) {
        if self.core.session_even_ending(session).is_ok() {
            self.note_gone(session);
        }
    }
}
