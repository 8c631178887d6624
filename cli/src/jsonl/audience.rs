//! Who may hear of a notification: the field `to` of a command.

use fanfare::{SessionId, Target};

use super::{Failure, Fields};

/// A target, with sessions named as its command names them.
pub(crate) enum Audience<'a, S> {
    All,
    Session(S),
    Request(S, &'a str),
    Except(S),
    Principal(String),
}

impl<'a, S> Audience<'a, S> {
    /// Reads the field; `session` reads one in it that names a session.
    pub(crate) fn read(
        fields: &mut Fields<'a>,
        session: impl Fn(&mut Fields<'a>, &'static str) -> Result<Option<S>, Failure>,
    ) -> Result<Self, Failure> {
        let Some(mut to) = fields.fields("to", "to.")? else { return Ok(Self::All) };
        let one = session(&mut to, "session")?;
        let request = to.id("request")?;
        let except = session(&mut to, "except")?;
        let principal = to.string("principal")?;
        to.finish()?;
        match (one, request, except, principal) {
            (Some(session), None, None, None) => Ok(Self::Session(session)),
            (Some(session), Some(request), None, None) => Ok(Self::Request(session, request)),
            (None, None, Some(session), None) => Ok(Self::Except(session)),
            (None, None, None, Some(principal)) => Ok(Self::Principal(principal)),
            (None, Some(_), _, _) => {
                Err(Failure::field("to.request", "needs to.session beside it"))
            }
            _ => Err(Failure::field("to", "give one of session, except and principal")),
        }
    }

    /// The target; `session` finds what a name stands for.
    pub(crate) fn target(
        &self,
        session: impl Fn(&S) -> Result<SessionId, Failure>,
    ) -> Result<Target<'_>, Failure> {
        Ok(match self {
            Self::All => Target::All,
            Self::Session(one) => Target::Session(session(one)?),
            Self::Request(one, id) => Target::Request(session(one)?, id),
            Self::Except(one) => Target::Except(session(one)?),
            Self::Principal(principal) => Target::Principal(principal),
        })
    }
}
