//! Whose a call is, so that each client has a share of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fanfare::{Engine, SessionId};

/// The number of sessions that came over HTTP from somebody without a name. Sessions that no
/// transport has numbered have 0.
const NAMELESS: u64 = u64::MAX;

/// Who shares in the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// All sessions of one principal.
    Principal(u64),
    /// One session, of which nobody knows whose it is.
    Session(SessionId),
    /// All those who have neither a name nor a session that lasts longer than a request.
    Nameless,
}

/// The principals by their numbers. They are no more than have tokens.
#[derive(Default)]
pub(crate) struct Callers(Mutex<HashMap<String, u64>>);

impl Callers {
    /// What a session of that principal has as its user data.
    pub(crate) fn number(&self, principal: Option<&str>) -> u64 {
        let Some(principal) = principal else { return NAMELESS };
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = numbers.len() as u64 + 1;
        match numbers.get(principal) {
            Some(number) => *number,
            None => *numbers.entry(principal.to_owned()).or_insert(next),
        }
    }
}

impl Caller {
    /// Whose that session is.
    pub(crate) fn of(engine: &Engine, session: SessionId) -> Self {
        match engine.user_data(session) {
            Ok(NAMELESS) => match engine.revision(session) {
                Ok(Some(revision)) if revision.is_legacy() => Self::Session(session),
                _ => Self::Nameless,
            },
            // The one session of a pipe, or one that has gone.
            Ok(0) | Err(_) => Self::Session(session),
            Ok(number) => Self::Principal(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use fanfare::{Config, Profile, Revision, SessionParams};

    use super::*;

    #[test]
    fn sessions_are_somebodys() {
        let (engine, callers) = (Engine::new(Config::default()), Callers::default());
        let legacy = Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: false };
        let open =
            |profile, number| engine.open(SessionParams::new(profile).user_data(number)).unwrap();
        let caller = |session| Caller::of(&engine, session);
        let [alice, bob] = ["alice", "bob"].map(|name| callers.number(Some(name)));
        let one = caller(open(Profile::Modern, alice));
        assert_eq!(one, caller(open(legacy, callers.number(Some("alice")))));
        assert_ne!(one, caller(open(Profile::Modern, bob)));
        let nameless = callers.number(None);
        assert_eq!(caller(open(Profile::Modern, nameless)), Caller::Nameless);
        for (profile, number) in [(legacy, nameless), (legacy, 0), (Profile::Modern, 0)] {
            let session = open(profile, number);
            assert_eq!(caller(session), Caller::Session(session));
        }
    }
}
