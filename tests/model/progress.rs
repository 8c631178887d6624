//! Progress: of a request in flight, upwards only, the last value in place of one that waits, and
//! never more often than the host chose.

use fanfare::{Overflow, Revision};

use super::reference::Model;
use super::state::{Class, Due, Life, Owner, Request};
use super::wire;
use super::words::{Id, Rules, To};

const METHOD: &str = "notifications/progress";

impl Model {
    /// `plain`: the params without their message, if they have one.
    pub(crate) fn notify_progress(
        &mut self,
        token: Id,
        value: &'static str,
        params: &str,
        plain: Option<String>,
        to: To,
    ) -> Result<usize, &'static str> {
        let audience = self.audience(to)?;
        let mut meant = Vec::new();
        for &s in &audience {
            let requests = self.sessions[s].requests.iter();
            meant.extend(requests.filter(|it| it.token == Some(token)).map(|it| (s, it.serial)));
        }
        if let To::Request(s, id) = to {
            meant.retain(|&(_, serial)| self.request(s, serial).id == id);
        }
        if matches!(to, To::All | To::Except(_)) && meant.len() > 1 {
            // Each session chooses its tokens for itself.
            return Err("INVALID_ARGUMENT");
        }
        let mut reached = 0;
        for (s, serial) in meant {
            reached += usize::from(self.report(s, serial, value, params, plain.as_deref()));
        }
        for s in audience {
            reached += usize::from(self.progress_to_open(s, token, params));
        }
        Ok(reached)
    }

    fn request(&mut self, s: usize, serial: usize) -> &mut Request {
        self.sessions[s].requests.iter_mut().find(|it| it.serial == serial).expect("in flight")
    }

    /// Whether the progress of a request is taken.
    fn report(
        &mut self,
        s: usize,
        serial: usize,
        value: &'static str,
        params: &str,
        plain: Option<&str>,
    ) -> bool {
        let (now_ms, interval_ms) = (self.now_ms, self.setup.progress_interval_ms);
        let session = &self.sessions[s];
        let is_wanted = session.admits(METHOD);
        let is_first_revision = matches!(session.rules, Rules::Legacy { .. })
            && session_revision(session.rules) == Revision::V2024_11_05;
        let params = plain.filter(|_| is_first_revision).unwrap_or(params);
        let request = self.request(s, serial);
        let rises = request.progress.is_none_or(|last| is_above(value, last));
        let Some(at) = request.stream.filter(|_| is_wanted && rises) else { return false };
        request.progress = Some(value);
        let text = wire::message(METHOD, None, params);
        let id = request.id;
        let due_ms = request.queued_ms.map_or(0, |queued_ms| queued_ms + interval_ms);
        let waits = self.waiting(s, at, Owner::Request(id)).is_some();
        if waits || now_ms >= due_ms {
            self.queue_progress(s, serial, text);
        } else if self.request(s, serial).held.replace(text).is_none() {
            self.dues.push((due_ms, Due::Progress(serial)));
        }
        true
    }

    /// The progress of a request, or of a token, that waits on a stream.
    fn waiting(&mut self, s: usize, at: usize, owner: Owner) -> Option<&mut String> {
        let head = format!(r#"{{"jsonrpc":"2.0","method":"{METHOD}""#);
        let main = &mut self.sessions[s].streams[at].main;
        let found = main.iter_mut().find(|it| it.owner == owner && it.text.starts_with(&head));
        found.map(|entry| &mut entry.text)
    }

    fn queue_progress(&mut self, s: usize, serial: usize, text: String) {
        let now_ms = self.now_ms;
        let request = self.request(s, serial);
        let (Some(at), id) = (request.stream, request.id) else { return };
        if let Some(waiting) = self.waiting(s, at, Owner::Request(id)) {
            *waiting = text;
            return;
        }
        self.request(s, serial).queued_ms = Some(now_ms);
        self.reply(s, at, text, Owner::Request(id), false);
    }

    /// What was held back goes out.
    pub(crate) fn release_progress(&mut self, serial: usize) {
        let live = self.sessions.iter().position(|session| {
            session.life == Life::Live && session.requests.iter().any(|it| it.serial == serial)
        });
        if let Some(s) = live
            && let Some(text) = self.request(s, serial).held.take()
        {
            self.queue_progress(s, serial, text);
        }
    }

    /// Open sessions hear of any progress; where they do not read, of the last of each token.
    fn progress_to_open(&mut self, s: usize, token: Id, params: &str) -> bool {
        let session = &self.sessions[s];
        let has_own = session.requests.iter().any(|it| it.token == Some(token));
        if session.rules != Rules::Open || !session.admits(METHOD) || has_own {
            return false;
        }
        let text = wire::message(METHOD, None, params);
        let owner = Owner::Token(token);
        let opening = session.opening;
        if let Some(waiting) = self.waiting(s, 0, owner) {
            let before = waiting.len();
            // One that is shorter takes no room.
            let growth = text.len().saturating_sub(before);
            let fits = growth == 0 || !self.sessions[s].lacks_bytes(growth);
            if fits {
                *self.waiting(s, 0, owner).expect("it waits") = text;
                return true;
            }
            let can_fit = text.len() <= opening.max_bytes as usize;
            let gives_way = match opening.policy {
                Overflow::Close => true,
                Overflow::DropOldest => can_fit,
                Overflow::DropNewest => false,
            };
            if !gives_way {
                self.count_dropped(s);
                return false;
            }
            self.sessions[s].retain(0, |it| it.owner != owner || it.class != Class::Event);
        }
        self.offer(s, 0, text, owner)
    }
}

fn session_revision(rules: Rules) -> Revision {
    match rules {
        Rules::Legacy { revision, .. } => Revision::ALL[revision],
        _ => Revision::MODERN,
    }
}

/// Whether a number is greater: whole ones exactly, however large.
fn is_above(value: &str, last: &str) -> bool {
    match (value.parse::<i128>(), last.parse::<i128>()) {
        (Ok(value), Ok(last)) => value > last,
        _ => value.parse::<f64>().unwrap() > last.parse::<f64>().unwrap(),
    }
}
