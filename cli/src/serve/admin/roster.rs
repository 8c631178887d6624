//! Which sessions there are: the engine knows them by handles that it does not list.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use fanfare::{Engine, SessionId};

/// Below this many, nobody is looked for who has gone.
const FEW: usize = 64;

/// The sessions that have said something. Those that are over are forgotten when the book has grown
/// to twice what it was after the last time: so it is never much larger than the engine's own, and
/// noting one costs the same, however many there are.
#[derive(Default)]
pub(crate) struct Roster(Mutex<Book>);

#[derive(Default)]
struct Book {
    sessions: BTreeSet<SessionId>,
    kept: usize,
}

impl Roster {
    /// A session has said something.
    pub(crate) fn note(&self, engine: &Engine, session: SessionId) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if book.sessions.insert(session) && book.sessions.len() > FEW.max(2 * book.kept) {
            book.forget_gone(engine);
        }
    }

    /// Those that are still there.
    pub(super) fn present(&self, engine: &Engine) -> Vec<SessionId> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.forget_gone(engine);
        book.sessions.iter().copied().collect()
    }
}

impl Book {
    fn forget_gone(&mut self, engine: &Engine) {
        self.sessions.retain(|session| engine.revision(*session).is_ok());
        self.kept = self.sessions.len();
    }
}

#[cfg(test)]
mod tests {
    use fanfare::{Config, Profile, SessionParams};

    use super::*;

    #[test]
    fn those_that_have_gone_are_forgotten_in_time() {
        let (engine, roster) = (Engine::new(Config::default()), Roster::default());
        let open = || engine.open(SessionParams::new(Profile::Open)).unwrap();
        let stays = open();
        roster.note(&engine, stays);
        for _ in 0..10 * FEW {
            let goes = open();
            roster.note(&engine, goes);
            engine.close(goes).unwrap();
            assert!(roster.0.lock().unwrap().sessions.len() <= FEW);
        }
        assert_eq!(roster.present(&engine), [stays]);
        // And those that have not, are not.
        let all: Vec<_> = (0..3 * FEW).map(|_| open()).collect();
        all.iter().for_each(|session| roster.note(&engine, *session));
        assert_eq!(roster.present(&engine).len(), 1 + all.len());
    }
}
