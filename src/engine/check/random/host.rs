//! What the host does: its answers, subscriptions, raisings, and whom it allows what.

use crate::engine::slot::WITHDRAWN;
use crate::engine::{AccessRequest, Core, Outgoing, Question};
use crate::error::ErrorKind;
use crate::params::{Access, EndReason, Raise, SubscriptionId, Target, Topic};
use crate::protocol::Revision;
use crate::protocol::kind::NoticeKind;

use super::{
    ELICITED, EVENT, LISTS, STATUSES, TASK, TASK_STATUS, TASKS, UPDATED, URIS, World, target_lives,
};

impl World {
    pub(super) fn respond(&mut self) {
        let Some(session) = self.any() else { return };
        let id = self.known_id(session);
        let stream = self.any_stream(session);
        let version = self.random.of(&Revision::ALL);
        let task = self.random.of(&TASKS);
        let quoted = serde_json::to_string(task).unwrap();
        let choice = self.random.below(17);
        let text = match choice {
            0 => {
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":"m"}}}}"#)
            }
            1 => r#"{"jsonrpc":"2.0","id":"h","method":"ping"}"#.to_owned(),
            2 => {
                r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"h"}}"#
                    .to_owned()
            }
            12..=14 => format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"task":{{"taskId":{quoted},"status":"working"}}}}}}"#
            ),
            15 => {
                let status = self.random.of(&STATUSES);
                format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"result":{{"taskId":{quoted},"status":"{status}"}}}}"#
                )
            }
            16 => format!(
                r#"{{"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":{{"mode":"url","elicitationId":{quoted}}}}}"#
            ),
            3 => r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#.to_owned(),
            _ => format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{version}","capabilities":{{"tools":{{"listChanged":true}},"resources":{{"subscribe":true}},"tasks":{{}}}}}}}}"#
            ),
        };
        if self.core.send(session, stream, Outgoing::read(text.as_bytes())).is_ok() {
            let peer = self.peers.get_mut(&session).unwrap();
            match choice {
                12..=14 => {
                    peer.tokens.entry(task.to_owned()).or_default().insert(id);
                }
                16 => *peer.elicited.entry(task.to_owned()).or_default() += 1,
                _ => {}
            }
        }
        self.note_gone(session);
        self.check_cancelled(session);
    }

    pub(super) fn host_subscribe(&mut self) {
        let Some(session) = self.any() else { return };
        let stream = self.any_stream(session);
        let uri = self.random.of(&URIS);
        match self.random.below(6) {
            4 | 5 => {
                let template = self.random.of(&["{x}:", "f:///{x}", "f:///p%22/{x}", "a{x}"]);
                if self.random.one_in(3) {
                    let _ = self.core.unsubscribe_template(session, template);
                } else {
                    let _ = self.core.subscribe_template(session, template);
                }
            }
            0 => {
                self.answer(|core| core.questions_of_subscribe(session, uri));
                let _ = self.core.subscribe(session, uri);
            }
            1 => drop(self.core.unsubscribe(session, uri)),
            _ => {
                let (id, filter) = (self.id(session), self.filter());
                self.answer(|core| core.questions_of_listen(session, filter));
                let _ = self.core.listen(session, stream, &id, filter);
                self.core.settle_lagging();
            }
        }
        self.core.forget_answers();
    }

    // ---- access ----

    pub(super) fn answer(&mut self, questions: impl Fn(&Core) -> Vec<Question>) {
        let answered = self.answered(questions(&self.core));
        self.core.take_answers(answered);
    }

    pub(super) fn answered(&self, questions: Vec<Question>) -> Vec<(Question, Access)> {
        let says = |request: &AccessRequest<'_>| {
            let name = match request.topic {
                Topic::Resource(name) | Topic::Task(name) => name,
                Topic::ToolList => LISTS[0],
                _ => return Access::Allow,
            };
            let rule = self
                .policy
                .iter()
                .find(|((principal, of), _)| *principal == request.principal && of == name);
            rule.map_or(Access::Allow, |(_, access)| *access)
        };
        questions
            .into_iter()
            .map(|it| {
                let access = it.answer(&says);
                (it, access)
            })
            .collect()
    }

    pub(super) fn revoke(&mut self) {
        if !self.core.is_asked() {
            return;
        }
        let principal = self.random.of(&[None, Some("p"), Some("q")]);
        let name = self.random.of(&["a:", "b:", "f:///p\"", LISTS[0], "t"]);
        let access = self.random.of(&Access::ALL);
        self.policy.insert((principal, name.to_owned()), access);
        let topic = match name {
            _ if name == LISTS[0] => Topic::ToolList,
            "t" => Topic::Task(name),
            _ => Topic::Resource(name),
        };
        let principal = principal.filter(|_| self.random.one_in(2));
        let topic = Some(topic).filter(|_| !self.random.one_in(4));
        let questions = self.core.begin_revoke(principal, topic);
        let (epoch, answered) = (self.core.access_epoch(), self.answered(questions));
        let revoked = self.core.finish_revoke(epoch, &answered);
        assert_eq!(revoked.asked, answered.len());
        for session in self.sessions.clone() {
            self.note_gone(session);
        }
        self.learn_listens();
        for peer in self.peers.values_mut() {
            let granted = &peer.granted;
            peer.due.retain(|(id, name)| granted.get(id).is_some_and(|it| it.contains(name)));
        }
    }

    pub(super) fn end_subscription(&mut self) {
        let Some(session) = self.any() else { return };
        let id = self.known_id(session);
        let Ok(handle) = self.core.subscription(session, &id) else { return };
        let reason = self.random.of(&EndReason::ALL);
        self.core.end_subscription(SubscriptionId(handle), reason).unwrap();
        // What a callback has in hand was handed out before.
        let is_in_hand = self.in_hand.iter().any(|(hand, _)| hand.session == session);
        if matches!(reason, EndReason::Cancelled | EndReason::Disconnected) && !is_in_hand {
            self.peers.get_mut(&session).unwrap().over.insert(id);
        }
        self.note_gone(session);
    }

    pub(super) fn notify(&mut self) {
        self.learn_listens();
        let session = self.any();
        let id = session.map(|session| self.known_id(session)).unwrap_or_default();
        let target = match (self.random.below(10), session) {
            (0, Some(session)) => Target::Session(session),
            (1, Some(session)) => Target::Except(session),
            (2, _) => Target::Principal(self.random.of(&["p", "q", "r"])),
            (3 | 4, Some(session)) => Target::Request(session, &id),
            _ => Target::All,
        };
        let mut raise = Raise::to(target);
        if self.random.one_in(4) {
            raise = raise.context(self.random.of(&[
                "{}",
                r#"{"c":1}"#,
                r#"{"c":{"d":"long enough to matter"}}"#,
            ]));
        }
        self.next_n += 1;
        let n = self.next_n;
        let sort = self.random.below(12);
        if sort > 3 {
            self.core.finish_raising();
        }
        match sort {
            8..=10 => {
                let method = if self.random.one_in(3) { TASK_STATUS } else { TASK };
                let task = self.random.of(&TASKS);
                let status = self.random.of(&STATUSES);
                let fill = "x".repeat(self.random.of(&[0, 10, 300]));
                let params = serde_json::json!({
                    "taskId": task, "status": status, "n": n, "ofRequest": false, "fill": fill,
                });
                let raised = self.core.notify(method, Some(&params.to_string()), &raise);
                let key = (method, task.to_owned());
                match raised.map_err(|error| error.kind()) {
                    Ok(_) if matches!(status, "working" | "input_required") => {
                        self.over.remove(&key);
                    }
                    Ok(_) => drop(self.over.insert(key)),
                    // It may have been forgotten that it is over, but never the other way round.
                    Err(ErrorKind::State) if target_lives(&self.core, target) => {
                        assert!(self.over.contains(&key), "{task} is not over");
                    }
                    Err(_) => {}
                }
            }
            11 => {
                let id = serde_json::json!({ "elicitationId": self.random.of(&TASKS) });
                let _ = self.core.notify(ELICITED, Some(&id.to_string()), &raise);
            }
            0..=2 => {
                let uri = self.random.of(&URIS);
                let params = serde_json::json!({ "uri": uri }).to_string();
                if self.core.notify(UPDATED, Some(&params), &raise).is_ok() {
                    self.note_raised(uri, target);
                }
            }
            3 => {
                let method = self.random.of(&LISTS);
                if self.core.notify(method, None, &raise).is_ok() {
                    self.note_raised(method, target);
                }
            }
            4 => {
                let of = matches!(target, Target::Request(..));
                let params = format!(r#"{{"n":{n},"ofRequest":{of}}}"#);
                let _ = self.core.notify(EVENT, Some(&params), &raise);
            }
            5 => {
                let of = if let Target::Request(..) = target { id.as_str() } else { "null" };
                let params = format!(r#"{{"level":"error","data":{{"n":{n},"of":{of}}}}}"#);
                let _ = self.core.notify("notifications/message", Some(&params), &raise);
            }
            _ => {
                let amount = if self.random.one_in(5) { 0 } else { n };
                let params =
                    format!(r#"{{"progressToken":{id},"progress":{amount},"message":"m"}}"#);
                let _ = self.core.notify("notifications/progress", Some(&params), &raise);
            }
        }
    }

    /// What each listen that lives was granted.
    pub(super) fn learn_listens(&mut self) {
        let core = &self.core;
        for &session in &self.sessions {
            let Some(ix) = core.sessions.resolve(session.0) else { continue };
            let peer = self.peers.get_mut(&session).unwrap();
            for sub in core.subs_of(ix) {
                let Some(id) = core.subs.id(sub) else { continue };
                let links = core.links_of(sub).into_iter();
                let heard = links.filter(|&slot| !core.out.slots[slot].is(WITHDRAWN));
                let names = {
                    let names = heard.map(|slot| {
                        let topic = &core.topics[core.out.slots[slot].link().topic];
                        match topic.kind {
                            NoticeKind::Resource => {
                                serde_json::from_str(&format!("\"{}\"", topic.name())).unwrap()
                            }
                            // An update is an event, which an overflow may lose.
                            NoticeKind::Task => String::new(),
                            kind => kind.method().to_owned(),
                        }
                    });
                    names.collect()
                };
                peer.granted.insert(id.as_json().to_owned(), names);
                peer.tasks.entry(id.as_json().to_owned()).or_insert_with(|| {
                    let topics = core.links_of(sub).into_iter();
                    let topics = topics.map(|slot| &core.topics[core.out.slots[slot].link().topic]);
                    topics
                        .filter(|topic| topic.kind == NoticeKind::Task)
                        .map(|topic| {
                            serde_json::from_str(&format!("\"{}\"", topic.name())).unwrap()
                        })
                        .collect()
                });
            }
        }
    }

    pub(super) fn note_raised(&mut self, name: &str, target: Target<'_>) {
        for &session in &self.sessions {
            let is_meant = match target {
                Target::All => true,
                Target::Session(one) | Target::Request(one, _) => one == session,
                Target::Except(one) => one != session,
                Target::Principal(_) => false,
            };
            let peer = self.peers.get_mut(&session).unwrap();
            for (id, names) in &peer.granted {
                if is_meant && names.contains(name) {
                    peer.due.insert((id.clone(), name.to_owned()));
                }
            }
        }
    }
}
