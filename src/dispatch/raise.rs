//! Raising: what a host says when something has changed.

use crate::dispatch::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::params::{Progress, Raise};
use crate::protocol::id::Id;
use crate::protocol::kind::{NoticeKind, method};
use crate::protocol::{Level, encode};

impl Engine {
    /// Raises a notification by its method, with params that are the JSON text of an object.
    /// Methods of the protocol are routed by their own rules; any other passes through unchanged
    /// to the open and legacy sessions that hear of it. Yields how many subscriptions it reached
    /// (for events: sessions), merged ones included.
    ///
    /// [`ErrorKind::Limit`] if the params exceed `params.max_bytes`; [`ErrorKind::Json`] if they
    /// are not what the method takes; [`ErrorKind::NotNegotiated`] if the method is not a
    /// server's to send; [`ErrorKind::State`] for a task that is over (R66), and for an elicitation
    /// that the named session does not know (R68).
    pub fn notify(&self, method: &str, params: Option<&str>, raise: &Raise<'_>) -> Result<usize> {
        self.with_limits(|core| core.notify(method, params, raise))
    }

    /// The list of tools has changed.
    pub fn notify_tool_list_changed(&self, raise: &Raise<'_>) -> Result<usize> {
        self.raise(NoticeKind::ToolList, "", raise)
    }

    /// The list of prompts has changed.
    pub fn notify_prompt_list_changed(&self, raise: &Raise<'_>) -> Result<usize> {
        self.raise(NoticeKind::PromptList, "", raise)
    }

    /// The list of resources (or of their templates, G21) has changed.
    pub fn notify_resource_list_changed(&self, raise: &Raise<'_>) -> Result<usize> {
        self.raise(NoticeKind::ResourceList, "", raise)
    }

    /// A resource has changed. URIs are compared byte by byte (G3). [`ErrorKind::Limit`] beyond
    /// `uri.max_bytes`, which no subscription can have either.
    pub fn notify_resource_updated(&self, uri: &str, raise: &Raise<'_>) -> Result<usize> {
        if uri.is_empty() {
            return Err(Error::invalid("uri must not be empty"));
        }
        self.raise(NoticeKind::Resource, uri, raise)
    }

    fn raise(&self, kind: NoticeKind, uri: &str, raise: &Raise<'_>) -> Result<usize> {
        self.with_underway(|core| {
            let reached = core.raise(kind, uri, raise);
            core.settle_lagging();
            reached.inspect_err(|error| core.count_limited(error))
        })
    }

    /// Long work moves on. Reaches the request whose token it is, if that is in flight and the
    /// value is greater than the last one (R16, R17), and open sessions. Each session chooses its
    /// tokens for itself: name the session in `raise`, unless only one can be meant.
    pub fn notify_progress(&self, progress: &Progress<'_>, raise: &Raise<'_>) -> Result<usize> {
        let token = Id::parse(progress.token).ok_or_else(|| {
            Error::invalid("token must be the JSON text of a string or an integer")
        })?;
        let mut params = format!(
            r#"{{"progressToken":{token},"progress":{}"#,
            number("progress", progress.progress)?
        );
        if let Some(total) = progress.total {
            params += &format!(r#","total":{}"#, number("total", total)?);
        }
        if let Some(message) = progress.message {
            params += &format!(r#","message":{}"#, encode::string(message));
        }
        params.push('}');
        self.notify(method::PROGRESS, Some(&params), raise)
    }

    /// A log message, with data that is JSON text. It reaches open sessions, legacy ones whose
    /// level admits it, and for 2026-07-28 only the request that it belongs to, if that asked for
    /// such a level (R10, R12): name it by [`Target::Request`](crate::Target::Request).
    pub fn notify_logging_message(
        &self,
        level: Level,
        logger: Option<&str>,
        data: &str,
        raise: &Raise<'_>,
    ) -> Result<usize> {
        let logger = logger.map(|logger| format!(r#""logger":{},"#, encode::string(logger)));
        let logger = logger.unwrap_or_default();
        serde_json::from_str::<serde::de::IgnoredAny>(data)
            .map_err(|e| Error::new(ErrorKind::Json, format!("data: {e}")))?;
        let params = format!(r#"{{"level":"{level}",{logger}"data":{data}}}"#);
        self.notify(method::MESSAGE, Some(&params), raise)
    }

    /// A task of the extension `io.modelcontextprotocol/tasks` (2026-07-28) is what the params say:
    /// the JSON text of a `DetailedTask`, just as `tasks/get` would answer at this moment. Reaches
    /// the listens that named its `taskId` in `taskIds` (R65), and open sessions. A listen that
    /// has not read the last one hears of the new one in its place.
    ///
    /// [`ErrorKind::State`] if the task is over, by what was raised of it before (R66): of as many
    /// tasks as `tasks.max_known` allows that is remembered. [`ErrorKind::Json`] if `taskId` is not
    /// a string or `status` not a status; [`ErrorKind::Limit`] beyond `params.max_bytes`, or for a
    /// `taskId` beyond `uri.max_bytes`.
    pub fn notify_task(&self, params: &str, raise: &Raise<'_>) -> Result<usize> {
        self.notify(method::TASKS, Some(params), raise)
    }

    /// A task of 2025-11-25 is what the params say: the JSON text of a `Task`. Reaches the session
    /// that was given the task in a response which went through [`send`](Self::send), or if there
    /// was none, all of that revision that the target leaves and to which `tasks` was advertised;
    /// and open sessions. Once the task is over, so is the progress of the request that created it
    /// (R23). Errors as of [`notify_task`](Self::notify_task).
    ///
    /// A task of this revision and one of the extension are two, even by the same `taskId`.
    pub fn notify_task_status(&self, params: &str, raise: &Raise<'_>) -> Result<usize> {
        self.notify(method::TASK_STATUS, Some(params), raise)
    }

    /// Something is wrong: a log message of level `warning` or above. A lower one is
    /// [`ErrorKind::InvalidArgument`].
    pub fn notify_alert(
        &self,
        level: Level,
        logger: Option<&str>,
        data: &str,
        raise: &Raise<'_>,
    ) -> Result<usize> {
        if level < Level::Warning {
            return Err(Error::invalid(format!(
                "an alert has level {} or above, not {level}",
                Level::Warning
            )));
        }
        self.notify_logging_message(level, logger, data, raise)
    }
}

/// A finite number as JSON: whole ones without a fraction.
fn number(field: &str, value: f64) -> Result<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() {
        return Err(Error::invalid(format!("{field} must be a finite number")));
    }
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Ok(format!("{value:.0}"));
    }
    Ok(serde_json::Number::from_f64(value).expect("it is finite").to_string())
}
