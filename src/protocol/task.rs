//! Tasks as facts: those that 2025-11-25 has in its core, and those of the extension of 2026-07-28
//! (2.7 and 5.1 of the digest).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::encode;
use crate::protocol::members::Members;
use crate::protocol::message;

/// The extension, as both sides declare it.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// What the messages of a task of 2025-11-25 name it by, in their `_meta` (R67).
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// Who speaks of a task. The same name in the other one is another task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// 2025-11-25.
    Core,
    /// The extension of 2026-07-28.
    Extension,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Working,
    InputRequired,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    pub(crate) const ALL: [Self; 5] =
        [Self::Working, Self::InputRequired, Self::Completed, Self::Failed, Self::Cancelled];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the task is over. A task that is over stays what it is; any other may become
    /// anything, or be told of again as it is (R66).
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// The params of a notification that tells of a task.
#[derive(Debug)]
pub(crate) struct TaskParams<'a> {
    pub(crate) id: String,
    pub(crate) status: Status,
    members: Members<'a>,
}

impl<'a> TaskParams<'a> {
    /// Reads params that are a JSON object. The error names the field.
    pub(crate) fn read(params: &'a str) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Json, format!("params{what}"));
        let members: Members<'a> =
            serde_json::from_str(params).map_err(|e| wrong(format!(": {e}")))?;
        if let Some(key) = members.twin() {
            return Err(wrong(format!(": {key} stands twice")));
        }
        let text =
            |key: &str| members.find(key).and_then(|raw| serde_json::from_str::<String>(raw).ok());
        let id = text("taskId").ok_or_else(|| wrong(".taskId must be a string".to_owned()))?;
        let word = text("status").ok_or_else(|| wrong(".status must be a string".to_owned()))?;
        let status = Status::parse(&word).ok_or_else(|| {
            let words = Status::ALL.map(Status::as_str).join(", ");
            wrong(format!(".status must be one of {words}, not {word:?}"))
        })?;
        if members.find("_meta").is_some_and(|meta| !meta.starts_with('{')) {
            return Err(wrong("._meta must be an object".to_owned()));
        }
        Ok(Self { id, status, members })
    }

    /// What follows the subscription id in a `notifications/tasks`: the host's own `_meta`, and
    /// the task.
    pub(crate) fn tail(&self) -> String {
        let meta = self.members.find("_meta").unwrap_or("{}").trim_ascii();
        let meta = meta[1..meta.len() - 1].trim_ascii();
        let comma = if meta.is_empty() { "" } else { "," };
        format!("{comma}{meta}}}{}}}}}", self.members.behind("_meta"))
    }
}

/// What a result of 2025-11-25 says of a task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TaskInResult {
    pub(crate) id: String,
    pub(crate) status: Status,
    /// It is a `CreateTaskResult`, and not what `tasks/get` or `tasks/cancel` says.
    pub(crate) is_new: bool,
}

impl TaskInResult {
    pub(crate) fn of(result: &str) -> Option<Self> {
        // Few results speak of a task, and to see that is quick. A letter can be spelled `\u00xx`.
        if !result.contains("taskId") && !result.contains("\\u00") {
            return None;
        }
        #[derive(Deserialize)]
        struct Task<'a> {
            #[serde(borrow)]
            task: Option<&'a RawValue>,
            #[serde(borrow, rename = "taskId")]
            id: Option<&'a RawValue>,
            #[serde(borrow)]
            status: Option<&'a RawValue>,
        }
        let mut read: Task<'_> = serde_json::from_str(result).ok()?;
        let new = read.task;
        if let Some(task) = new {
            read = serde_json::from_str(task.get()).ok()?;
        }
        let id = serde_json::from_str(read.id?.get()).ok()?;
        let status: String = serde_json::from_str(read.status?.get()).ok()?;
        Some(Self { id, status: Status::parse(&status)?, is_new: new.is_some() })
    }
}

/// Params that name the task that they belong to in their `_meta` (R67), unless they do already.
pub(crate) fn related<'a>(params: &'a str, task: &str) -> Cow<'a, str> {
    #[derive(Deserialize)]
    struct WithMeta<'a> {
        #[serde(borrow, default, rename = "_meta", deserialize_with = "message::present")]
        meta: Option<&'a RawValue>,
    }
    let meta = serde_json::from_str::<WithMeta<'_>>(params).ok().and_then(|params| params.meta);
    let meta = meta.map_or("{}", RawValue::get);
    let read = |object| Members::of(object).filter(|members| members.twin().is_none());
    let (Some(meta), Some(members)) = (read(meta), read(params)) else {
        return params.into();
    };
    if meta.find(RELATED_TASK).is_some() {
        return params.into();
    }
    let task = encode::string(task);
    let (meta, members) = (meta.behind(""), members.behind("_meta"));
    format!(r#"{{"_meta":{{"{RELATED_TASK}":{{"taskId":{task}}}{meta}}}{members}}}"#).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_are_a_task_with_a_status_that_there_is() {
        let read = TaskParams::read(r#"{"taskId":"t\u0061","status":"input_required"}"#).unwrap();
        assert_eq!((read.id.as_str(), read.status), ("ta", Status::InputRequired));
        for (wrong, names) in [
            (r#"{"status":"working"}"#, "params.taskId"),
            (r#"{"taskId":7,"status":"working"}"#, "params.taskId"),
            (r#"{"taskId":"t"}"#, "params.status"),
            (r#"{"taskId":"t","status":"done"}"#, "params.status"),
            (r#"{"taskId":"t","status":"Working"}"#, "params.status"),
            (r#"{"taskId":"t","status":"working","_meta":7}"#, "params._meta"),
            (r#"{"taskId":"t","taskId":"u","status":"working"}"#, "taskId stands twice"),
        ] {
            let error = TaskParams::read(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Json);
            assert!(error.detail().contains(names), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_tail_goes_on_where_the_subscription_id_ends() {
        let head = r#"{"params":{"_meta":{"id":7"#;
        for (params, expected) in [
            (
                r#"{"taskId":"t", "status":"working"}"#,
                r#"{"params":{"_meta":{"id":7},"taskId":"t","status":"working"}}"#,
            ),
            (
                r#"{"_meta":{ },"status":"failed","taskId":"t","error":{"code":1.0}}"#,
                r#"{"params":{"_meta":{"id":7},"status":"failed","taskId":"t","error":{"code":1.0}}}"#,
            ),
            (
                r#"{"taskId":"t","_meta": {"a":1} ,"status":"working"}"#,
                r#"{"params":{"_meta":{"id":7,"a":1},"taskId":"t","status":"working"}}"#,
            ),
        ] {
            let tail = TaskParams::read(params).unwrap().tail();
            assert_eq!(format!("{head}{tail}"), expected);
        }
    }

    #[test]
    fn a_result_creates_a_task_or_tells_of_one() {
        let task = r#""taskId":"t","status":"working","ttl":null"#;
        let of = |id: &str, status, is_new| Some(TaskInResult { id: id.into(), status, is_new });
        for (result, expected) in [
            (format!(r#"{{"task":{{{task}}}}}"#), of("t", Status::Working, true)),
            (format!("{{{task}}}"), of("t", Status::Working, false)),
            (
                r#"{"ta\u0073k":{"\u0074askId":"u","status":"failed"}}"#.to_owned(),
                of("u", Status::Failed, true),
            ),
            (r#"{"content":[{"task":{"taskId":"t","status":"working"}}]}"#.to_owned(), None),
            (r#"{"task":{"taskId":7,"status":"working"}}"#.to_owned(), None),
            (r#"{"task":{"taskId":"t","status":"done"}}"#.to_owned(), None),
            (r#"{"taskId":"t"}"#.to_owned(), None),
        ] {
            assert_eq!(TaskInResult::of(&result), expected, "{result}");
        }
    }

    #[test]
    fn the_related_task_is_added_once() {
        let named = r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t\""}}"#;
        assert_eq!(related("{}", "t\""), format!("{named}}}"));
        let plain = r#"{"progressToken":1,"progress":1.50}"#;
        let with = related(plain, "t\"");
        assert_eq!(with, format!(r#"{named},"progressToken":1,"progress":1.50}}"#));
        assert_eq!(related(&with, "other"), with);
        let more = r#"{"progress":1,"_meta":{"a":2}}"#;
        let expected = r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"a":2},"progress":1}"#;
        assert_eq!(related(more, "t"), expected);
    }
}
