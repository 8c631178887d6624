//! Asking the host for access with no lock held, and taking it back.

use crate::dispatch::engine::Engine;
use crate::engine::{Core, Question, Revoked};
use crate::error::{Error, ErrorKind, Result};
use crate::params::{Access, SessionId, Topic};

/// How often a call asks again because something was revoked while it asked. After that, what it
/// could not learn is refused: only a hook that itself revokes comes so far.
const TRIES: usize = 8;

impl Engine {
    /// Has the host asked again whether a principal (`None`: each) may hear of a topic (`None`: of
    /// each that it holds). When this returns, nothing is delivered any more that
    /// [`Hooks::authorize`](crate::Hooks::authorize) did not allow anew; what was queued of it is
    /// dropped. [`Access::Omit`] silences the subscription as far as that topic goes, until it is
    /// allowed again; [`Access::Refuse`] also ends it, as
    /// [`EndReason::Revoked`](crate::EndReason::Revoked), if it is a listen.
    ///
    /// Frames that a callback is looking at just now, and those that a legacy stream keeps for its
    /// client to resume from, have been delivered already as far as this is concerned.
    ///
    /// [`ErrorKind::State`] if the engine has no such hook.
    pub fn revoke(&self, principal: Option<&str>, topic: Option<Topic<'_>>) -> Result<Revoked> {
        let Some(authorize) = &self.hooks.authorize else {
            return Err(Error::new(
                ErrorKind::State,
                "there is nobody to ask: the engine was made without an authorize hook",
            ));
        };
        let (epoch, questions) = self.with(|core| {
            let questions = core.begin_revoke(principal, topic);
            (core.access_epoch(), questions)
        });
        let answered = ask(questions, authorize);
        Ok(self.with(|core| core.finish_revoke(epoch, &answered)))
    }

    /// Does work that may subscribe somebody, with the host's answers to what that takes.
    pub(super) fn with_access<G, T>(
        &self,
        given: G,
        questions: impl Fn(&Core, &G) -> Vec<Question>,
        work: impl FnOnce(&mut Core, G) -> T,
    ) -> T {
        let Some(authorize) = &self.hooks.authorize else {
            return self.with(|core| work(core, given));
        };
        for _ in 0..TRIES {
            let (epoch, questions) = {
                let core = self.lock();
                (core.access_epoch(), questions(&core, &given))
            };
            let answered = ask(questions, authorize);
            let mut core = self.lock();
            if core.access_epoch() != epoch {
                continue;
            }
            self.pass_time(&mut core);
            core.take_answers(answered);
            let result = work(&mut core, given);
            core.forget_answers();
            self.release(core);
            return result;
        }
        self.with(|core| work(core, given))
    }

    /// A legacy session is to hear of the server's lists.
    pub(super) fn grant_lists(&self, session: SessionId, raised: [u32; 3]) {
        let questions = |core: &Core, _: &()| core.questions_of_lists(session);
        self.with_access((), questions, |core, ()| core.grant_lists(session, raised));
    }
}

fn ask(
    questions: Vec<Question>,
    authorize: &dyn Fn(&crate::engine::AccessRequest<'_>) -> Access,
) -> Vec<(Question, Access)> {
    let answered = questions.into_iter().map(|question| {
        let access = question.answer(authorize);
        (question, access)
    });
    answered.collect()
}
