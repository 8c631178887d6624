//! Elicitations by URL of 2025-11-25: which session was given which id, so that each is told once
//! that it is complete, and nobody else is (R68).
//!
//! Invariant: a session stands once under an id here exactly while the id is among those that the
//! session keeps, the oldest first.

use std::collections::HashMap;

use crate::engine::Core;
use crate::engine::notify::to_open;
use crate::engine::raise::Audience;
use crate::error::{Error, ErrorKind, Result};
use crate::params::Raise;
use crate::protocol::kind::method;
use crate::protocol::{Level, Revision, elicitation, encode};

/// The sessions that know an id.
#[derive(Debug, Default)]
pub(crate) struct Elicitations {
    pub(super) known: HashMap<Box<str>, Vec<u32>>,
}

impl Elicitations {
    fn of(&self, id: &str) -> &[u32] {
        self.known.get(id).map_or(&[], Vec::as_slice)
    }

    fn leave(&mut self, id: &str, session: u32) {
        let Some(sessions) = self.known.get_mut(id) else { return };
        sessions.retain(|&other| other != session);
        if sessions.is_empty() {
            self.known.remove(id);
        }
    }
}

impl Core {
    /// The host's own message has given a session that id.
    pub(crate) fn note_elicitation(&mut self, ix: u32, id: &str) {
        let has_method = self.sessions[ix].revision() == Some(Revision::V2025_11_25);
        let is_known = self.elicitations.of(id).contains(&ix);
        if !has_method || is_known || id.len() > self.config.uri_max_bytes as usize {
            return;
        }
        self.elicitations.known.entry(id.into()).or_default().push(ix);
        let ids = &mut self.sessions.rare_mut(ix).elicitations;
        ids.push_back(id.into());
        let max = self.config.max_elicitations;
        if ids.len() > max as usize
            && let Some(oldest) = ids.pop_front()
        {
            self.elicitations.leave(&oldest, ix);
            if self.told.insert(String::from("elicitations")) {
                let text = format!(
                    "session.max_elicitations allows {max}: elicitation {oldest:?} is forgotten"
                );
                self.log(Level::Warning, "fanfare::send", text);
            }
        }
    }

    /// A session is over, and with it whatever it was asked.
    pub(crate) fn forget_elicitations(&mut self, ix: u32) {
        if self.sessions.rare(ix).is_none_or(|rare| rare.elicitations.is_empty()) {
            return;
        }
        for id in std::mem::take(&mut self.sessions.rare_mut(ix).elicitations) {
            self.elicitations.leave(&id, ix);
        }
    }

    /// Raises a `notifications/elicitation/complete`; yields how many sessions it reached: those
    /// that know the id, and open ones.
    pub(crate) fn raise_elicitation_complete(
        &mut self,
        params: Option<&str>,
        raise: &Raise<'_>,
    ) -> Result<usize> {
        let name = method::ELICITATION_COMPLETE;
        let params = params.ok_or_else(|| Error::new(ErrorKind::Json, "params are missing"))?;
        let id = elicitation::completed(params)?;
        let audience = self.audience(raise.target)?;
        let mut know = self.elicitations.of(&id).to_vec();
        match audience {
            Audience::All => {}
            Audience::Except(not) => know.retain(|&ix| ix != not),
            Audience::Principal(name) => {
                let sessions = self.principals.sessions(name);
                know.retain(|ix| sessions.contains(ix));
            }
            Audience::Session(named) => {
                know.retain(|&ix| ix == named);
                let has_method = self.sessions[named].revision() == Some(Revision::V2025_11_25);
                if has_method && know.is_empty() {
                    return Err(self.unknown_elicitation(&id));
                }
            }
        }
        let body = encode::notification(name, Some(params));
        let event = self.events.insert(body);
        let mut reached = 0;
        for ix in know {
            if self.sessions.admits(ix, name) && self.queue_held(event, ix, raise.target) {
                self.elicitations.leave(&id, ix);
                self.sessions.rare_mut(ix).elicitations.retain(|other| **other != *id);
                reached += 1;
            }
        }
        for ix in self.listeners(name, raise, to_open)? {
            reached += usize::from(self.queue_held(event, ix, raise.target));
        }
        self.events.release(event);
        Ok(reached)
    }

    fn unknown_elicitation(&self, id: &str) -> Error {
        let max = self.config.max_elicitations;
        Error::new(
            ErrorKind::State,
            format!(
                "the session knows no elicitation {id:?}: it was never given that id, has been told that it is complete, or has been given more than session.max_elicitations ({max}) since"
            ),
        )
    }
}
