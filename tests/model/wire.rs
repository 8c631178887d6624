//! How things read on the wire, written out by hand: what clients and hosts say, and the frames
//! that the reference expects.

use fanfare::{EndReason, Revision};

use super::words::{Advertised, Id, Raised, Said, Topic};

const TAG: &str = "io.modelcontextprotocol/subscriptionId";
const MODERN: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}"#;

pub(crate) fn string(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

pub(crate) fn message(method: &str, id: Option<Id>, params: &str) -> String {
    let id = id.map(|id| format!(r#""id":{id},"#)).unwrap_or_default();
    let params = if params.is_empty() { String::new() } else { format!(r#","params":{params}"#) };
    format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}"{params}}}"#)
}

// ---- what comes in ----

impl Said {
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Ping { .. } => "ping",
            Self::Call { .. } => "tools/call",
            Self::SubscribeUri { .. } => "resources/subscribe",
            Self::UnsubscribeUri { .. } => "resources/unsubscribe",
            Self::SetLevel { .. } => "logging/setLevel",
            Self::Types { types: Some(_), .. } => "notifications/subscribe",
            Self::Types { types: None, .. } => "notifications/unsubscribe",
            Self::Listen { .. } => "subscriptions/listen",
            Self::Cancel { .. } => "notifications/cancelled",
            Self::Initialize { .. } => "initialize",
            Self::Initialized => "notifications/initialized",
        }
    }

    /// The id, if it is a request.
    pub(crate) fn id(&self) -> Option<Id> {
        match self {
            Self::Ping { id }
            | Self::Call { id, .. }
            | Self::SubscribeUri { id, .. }
            | Self::UnsubscribeUri { id, .. }
            | Self::SetLevel { id, .. }
            | Self::Listen { id, .. }
            | Self::Initialize { id } => Some(id),
            Self::Types { id, .. } => *id,
            Self::Cancel { .. } | Self::Initialized => None,
        }
    }

    pub(crate) fn text(&self, is_modern: bool) -> String {
        let mut meta: Vec<String> = Vec::new();
        if is_modern && self.id().is_some() {
            meta.push(MODERN.to_owned());
        }
        let mut members: Vec<String> = Vec::new();
        match self {
            Self::Ping { .. } | Self::Initialized => {}
            Self::Call { token, level, .. } => {
                meta.extend(token.map(|token| format!(r#""progressToken":{token}"#)));
                meta.extend(
                    level.map(|it| format!(r#""io.modelcontextprotocol/logLevel":"{it}""#)),
                );
                members.push(r#""name":"t""#.to_owned());
            }
            Self::SubscribeUri { uri, .. } | Self::UnsubscribeUri { uri, .. } => {
                members.push(format!(r#""uri":{}"#, string(uri)));
            }
            Self::SetLevel { level, .. } => members.push(format!(r#""level":"{level}""#)),
            Self::Types { types, .. } => {
                members.extend(types.map(|types| format!(r#""types":{}"#, strings(types))));
            }
            Self::Listen { filter, .. } => {
                members.push(format!(r#""notifications":{}"#, filter_text(filter)));
            }
            Self::Cancel { id } => members.push(format!(r#""requestId":{id}"#)),
            Self::Initialize { .. } => members.push(
                r#""protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"0"}"#
                    .to_owned(),
            ),
        }
        if !meta.is_empty() {
            members.insert(0, format!(r#""_meta":{{{}}}"#, meta.join(",")));
        }
        let params =
            if members.is_empty() { String::new() } else { format!("{{{}}}", members.join(",")) };
        message(self.method(), self.id(), &params)
    }
}

fn strings(texts: &[&str]) -> String {
    serde_json::to_string(texts).unwrap()
}

/// A filter, asked for or honoured: the three lists, then the URIs, each field only if it says
/// something.
pub(crate) fn filter_text(filter: &[Topic]) -> String {
    let mut fields = Vec::new();
    for (topic, name) in Topic::LISTS.into_iter().zip([
        "toolsListChanged",
        "promptsListChanged",
        "resourcesListChanged",
    ]) {
        if filter.contains(&topic) {
            fields.push(format!(r#""{name}":true"#));
        }
    }
    let uris: Vec<&str> = filter
        .iter()
        .filter_map(|topic| if let Topic::Uri(uri) = topic { Some(*uri) } else { None })
        .collect();
    if !uris.is_empty() {
        fields.push(format!(r#""resourceSubscriptions":{}"#, strings(&uris)));
    }
    format!("{{{}}}", fields.join(","))
}

impl Advertised {
    pub(crate) fn text(self) -> String {
        let mut members = Vec::new();
        if self.logging {
            members.push(r#""logging":{}"#.to_owned());
        }
        let [tools, prompts, resources] = self.lists;
        members.push(format!(r#""tools":{{"listChanged":{tools}}}"#));
        members.push(format!(r#""prompts":{{"listChanged":{prompts}}}"#));
        let subscribe = self.subscribe;
        members
            .push(format!(r#""resources":{{"listChanged":{resources},"subscribe":{subscribe}}}"#));
        if self.tasks {
            members.push(r#""tasks":{}"#.to_owned());
        }
        format!("{{{}}}", members.join(","))
    }
}

/// The host's answer to a request.
pub(crate) fn answer(id: Id, n: usize, pad: usize) -> String {
    let pad = "x".repeat(pad);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"n":{n},"pad":"{pad}"}}}}"#)
}

/// The host's answer to `initialize`.
pub(crate) fn welcome(id: Id, revision: usize, advertised: Advertised) -> String {
    let version = Revision::ALL[revision];
    let capabilities = advertised.text();
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{version}","capabilities":{capabilities},"serverInfo":{{"name":"s","version":"0"}}}}}}"#
    )
}

/// A request of the host's own.
pub(crate) fn ask(n: usize, pad: usize) -> String {
    let pad = "x".repeat(pad);
    format!(r#"{{"jsonrpc":"2.0","id":"ask-{n}","method":"x/y","params":{{"pad":"{pad}"}}}}"#)
}

impl Raised {
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Notice(topic) => topic.method(),
            Self::Custom { .. } => "notifications/custom",
            Self::TaskStatus { .. } => "notifications/tasks/status",
            Self::Elicitation { .. } => "notifications/elicitation/complete",
            Self::Log { .. } => "notifications/message",
            Self::Progress { .. } => "notifications/progress",
        }
    }

    /// The params as the host gives them; nothing for a list.
    pub(crate) fn params(&self) -> Option<String> {
        Some(match *self {
            Self::Notice(Topic::Uri(uri)) => format!(r#"{{"uri":{}}}"#, string(uri)),
            Self::Notice(_) => return None,
            Self::Custom { n, pad } => format!(r#"{{"n":{n},"pad":"{}"}}"#, "x".repeat(pad)),
            Self::TaskStatus { n } => format!(
                r#"{{"taskId":"t{n}","status":"working","createdAt":"2025-01-01T00:00:00Z","lastUpdatedAt":"2025-01-01T00:00:00Z","ttl":1}}"#
            ),
            Self::Elicitation { n } => format!(r#"{{"elicitationId":"e{n}"}}"#),
            Self::Log { n, level, pad } => {
                format!(r#"{{"level":"{level}","data":"{n}{}"}}"#, "x".repeat(pad))
            }
            Self::Progress { token, value, message } => {
                let message = message.map(|pad| format!(r#","message":"{}""#, "x".repeat(pad)));
                let message = message.unwrap_or_default();
                format!(r#"{{"progressToken":{token},"progress":{value}{message}}}"#)
            }
        })
    }

    /// The same with a context put into their `_meta`.
    pub(crate) fn params_with(&self, context: Option<usize>) -> String {
        let params = self.params().expect("only events are asked");
        match context {
            None => params,
            Some(v) => format!(r#"{{"_meta":{{"v":{v}}},{}"#, &params[1..]),
        }
    }
}

// ---- what goes out ----

/// A notice: tagged for a listen, with the context of its latest raising.
pub(crate) fn notice(topic: Topic, tag: Option<Id>, context: Option<usize>) -> String {
    let mut meta = Vec::new();
    meta.extend(tag.map(|id| format!(r#""{TAG}":{id}"#)));
    meta.extend(context.map(|v| format!(r#""v":{v}"#)));
    let mut members = Vec::new();
    if !meta.is_empty() {
        members.push(format!(r#""_meta":{{{}}}"#, meta.join(",")));
    }
    if let Topic::Uri(uri) = topic {
        members.push(format!(r#""uri":{}"#, string(uri)));
    }
    let params =
        if members.is_empty() { String::new() } else { format!("{{{}}}", members.join(",")) };
    message(topic.method(), None, &params)
}

pub(crate) fn acknowledged(id: Id, honoured: &[Topic]) -> String {
    let honoured = filter_text(honoured);
    let params = format!(r#"{{"_meta":{{"{TAG}":{id}}},"notifications":{honoured}}}"#);
    message("notifications/subscriptions/acknowledged", None, &params)
}

pub(crate) fn empty_result(id: Id) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

pub(crate) fn error(id: Id, code: i32, text: &str, data: Option<&str>) -> String {
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    let text = string(text);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{text}{data}}}}}"#)
}

/// The last frame of a listen, where its end is told: a result only if the end was a graceful one.
pub(crate) fn end_of_listen(id: Id, reason: EndReason) -> Option<String> {
    match reason {
        EndReason::Graceful | EndReason::Shutdown => Some(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{{"{TAG}":{id}}}}}}}"#
        )),
        EndReason::Cancelled | EndReason::Disconnected => None,
        EndReason::Lagged | EndReason::Limit | EndReason::Revoked => {
            let reason = reason.as_str();
            let data = format!(r#"{{"reason":"{reason}"}}"#);
            Some(error(id, -32603, &format!("subscription ended: {reason}"), Some(&data)))
        }
    }
}

/// What a host wants told beside a notification.
pub(crate) fn context(v: usize) -> String {
    format!(r#"{{"v":{v}}}"#)
}
