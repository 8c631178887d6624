//! The decision table of Streamable HTTP in the plainest words, on whole JSON values: what `check`
//! has to come to.

use std::fmt;

use fanfare::Revision;
use fanfare::http::{CallKind, Era, decode_value};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Case, Outcome, SESSION};

const VERSION: &str = "mcp-protocol-version";

/// What becomes of a request; `None` for a body that a `Value` cannot stand for: members that are
/// there twice, numbers out of range, nesting that is too deep, spellings that it forgets.
pub(super) fn expected(case: &Case<'_>) -> Option<Outcome> {
    if !may_come(case) {
        return Some(Outcome::Refused(403));
    }
    if !case.allow().split(", ").any(|method| method == case.method) {
        return Some(Outcome::Refused(405));
    }
    let kind = match case.method {
        "GET" => CallKind::Get,
        "DELETE" => CallKind::Delete,
        _ => return Some(post(case, &Body::read(case.body)?)),
    };
    Some(match in_session(case) {
        Err(status) => Outcome::Refused(status),
        Ok(_) if kind == CallKind::Get && !accepts(case, "text", "event-stream") => {
            Outcome::Refused(406)
        }
        Ok(_) if kind == CallKind::Get && !has_event_id_that_reads(case) => Outcome::Refused(400),
        Ok(revision) => Outcome::Accepted(kind, Era::Legacy, revision),
    })
}

fn may_come(case: &Case<'_>) -> bool {
    let hosts = [all(case, "host"), all(case, ":authority")].concat();
    let is_origin = |origin: &&[u8]| {
        let text = String::from_utf8_lossy(origin).to_ascii_lowercase();
        let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        *origin == b"null" && case.null_origin
            || !case.no_origins && authority.is_some_and(is_this_machine)
    };
    let is_host =
        |host: &&[u8]| is_this_machine(&String::from_utf8_lossy(host).to_ascii_lowercase());
    all(case, "origin").iter().all(is_origin)
        && (!case.local_hosts || !hosts.is_empty() && hosts.iter().all(is_host))
}

fn is_this_machine(authority: &str) -> bool {
    let rest =
        ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|name| authority.strip_prefix(name));
    rest.is_some_and(|rest| {
        let is_port = |port: &str| {
            port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|it| it > 0)
        };
        rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)
    })
}

fn post(case: &Case<'_>, body: &Body) -> Outcome {
    let is_initialize = matches!(body, Body::Request(it) if it["method"] == "initialize");
    let is_modern = match case.only {
        Some(era) => era == Era::Modern,
        None => {
            has_modern_meta(body)
                || !is_initialize && all(case, VERSION).contains(&b"2026-07-28".as_slice())
        }
    };
    if is_modern {
        return post_modern(case, body);
    }
    let accepts_both =
        accepts(case, "application", "json") && accepts(case, "text", "event-stream");
    if is_initialize {
        return match accepts_both {
            true => Outcome::Accepted(CallKind::Initialize, Era::Legacy, None),
            false => Outcome::Refused(406),
        };
    }
    if matches!(body, Body::Fault(_)) && all(case, "mcp-session-id").is_empty() {
        return Outcome::Refused(400);
    }
    let revision = match in_session(case) {
        Ok(revision) => revision,
        Err(status) => return Outcome::Refused(status),
    };
    let is_answered = match body {
        Body::Fault(_) => return Outcome::Refused(400),
        Body::Request(_) => true,
        Body::Notification(_) | Body::Response => false,
        Body::Batch(elements) => {
            let may_be = revision.is_none_or(|revision| revision == Revision::V2025_03_26);
            let is_answered =
                elements.iter().any(|one| matches!(one, Body::Request(_) | Body::Fault(true)));
            let reads = elements.iter().any(|one| !matches!(one, Body::Fault(_)));
            if !may_be || !reads && !is_answered {
                return Outcome::Refused(400);
            }
            is_answered
        }
    };
    match is_answered {
        true if !accepts_both => Outcome::Refused(406),
        true => Outcome::Accepted(CallKind::Request, Era::Legacy, revision),
        false => Outcome::Accepted(CallKind::OneWay, Era::Legacy, revision),
    }
}

fn post_modern(case: &Case<'_>, body: &Body) -> Outcome {
    let accepted = |kind| Outcome::Accepted(kind, Era::Modern, Some(Revision::MODERN));
    let request = match body {
        Body::Request(request) => request,
        Body::Notification(_) => return accepted(CallKind::OneWay),
        _ => return Outcome::Refused(400),
    };
    if request["method"] == "initialize" && !has_modern_meta(body) {
        return Outcome::Refused(400);
    }
    if !accepts(case, "application", "json") || !accepts(case, "text", "event-stream") {
        return Outcome::Refused(406);
    }
    let meta = &request["params"]["_meta"];
    let version = &meta["io.modelcontextprotocol/protocolVersion"];
    let has_meta =
        version.is_string() && meta["io.modelcontextprotocol/clientCapabilities"].is_object();
    let is_mirrored = |header: &str, member: &Value| match all(case, header)[..] {
        [value] => member.as_str().is_some_and(|member| member.as_bytes() == value),
        _ => false,
    };
    let member = match request["method"].as_str().unwrap() {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    };
    let has_name = member.is_none_or(|member| match all(case, "mcp-name")[..] {
        [value] => decode_value(value).is_some_and(|name| request["params"][member] == *name),
        _ => false,
    });
    match has_meta
        && is_mirrored(VERSION, version)
        && is_mirrored("mcp-method", &request["method"])
        && has_name
    {
        true => accepted(CallKind::Request),
        false => Outcome::Refused(400),
    }
}

/// The revision of a request that is in a session, or the status that refuses it.
fn in_session(case: &Case<'_>) -> Result<Option<Revision>, u16> {
    let of_session = if case.without_sessions {
        None
    } else {
        match all(case, "mcp-session-id")[..] {
            [id] if id == SESSION.as_bytes() => case.revision,
            [id] if !id.is_empty() && id.iter().all(|b| (0x21..0x7f).contains(b)) => {
                return Err(404);
            }
            _ => return Err(400),
        }
    };
    let stated = match all(case, VERSION)[..] {
        [] if case.without_sessions => return Ok(Some(Revision::V2025_03_26)),
        [] => return Ok(of_session),
        [version] => String::from_utf8_lossy(version).into_owned(),
        _ => return Err(400),
    };
    let stated = Revision::parse(&stated).filter(|revision| *revision != Revision::MODERN);
    match (stated, of_session) {
        (None, _) => Err(400),
        (Some(stated), Some(of_session)) if stated != of_session => Err(400),
        (stated, _) => Ok(stated),
    }
}

fn has_event_id_that_reads(case: &Case<'_>) -> bool {
    match all(case, "last-event-id")[..] {
        [] => true,
        [id] => std::str::from_utf8(id).is_ok(),
        _ => false,
    }
}

/// Of the entries that say most exactly what they are about, one has to want it.
fn accepts(case: &Case<'_>, kind: &str, subtype: &str) -> bool {
    let entries: Vec<(String, bool)> = all(case, "accept")
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b','))
        .filter_map(|entry| std::str::from_utf8(entry).ok())
        .map(|entry| {
            let mut parts = entry.split(';').map(str::trim_ascii);
            let range = parts.next().unwrap().to_ascii_lowercase();
            let weight =
                parts.map(str::to_owned).find(|part| part.to_lowercase().starts_with("q="));
            let weight = weight.map_or(Ok(1.0), |part| part[2..].parse::<f32>());
            (range, weight.is_ok_and(|weight| weight > 0.0))
        })
        .collect();
    let ranges = [format!("{kind}/{subtype}"), format!("{kind}/*"), "*/*".to_owned()];
    for range in ranges {
        let mut about = entries.iter().filter(|entry| entry.0 == range).peekable();
        if about.peek().is_some() {
            return about.any(|entry| entry.1);
        }
    }
    false
}

fn all<'a>(case: &Case<'a>, name: &str) -> Vec<&'a [u8]> {
    let of_name = case.headers.iter().filter(|header| header.0.to_ascii_lowercase() == name);
    of_name
        .map(|&(_, mut value)| {
            while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
                value = rest;
            }
            value
        })
        .collect()
}

fn has_modern_meta(body: &Body) -> bool {
    let (Body::Request(message) | Body::Notification(message)) = body else { return false };
    !message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].is_null()
}

/// A body, or what is in a batch.
enum Body {
    Request(Value),
    Notification(Value),
    Response,
    Batch(Vec<Self>),
    /// No message; whether it says whom to answer.
    Fault(bool),
}

impl Body {
    fn read(bytes: &[u8]) -> Option<Self> {
        let Ok(text) = std::str::from_utf8(bytes) else { return Some(Self::Fault(false)) };
        if serde_json::from_str::<IgnoredAny>(text).is_err() {
            return Some(Self::Fault(false));
        }
        let Unique(value) = serde_json::from_str(text).ok()?;
        match value {
            Value::Array(elements) if elements.is_empty() => Some(Self::Fault(false)),
            Value::Array(elements) => elements
                .into_iter()
                .map(|one| Self::message(one, text))
                .collect::<Option<_>>()
                .map(Self::Batch),
            one => Self::message(one, text),
        }
    }

    fn message(value: Value, text: &str) -> Option<Self> {
        let Value::Object(message) = &value else { return Some(Self::Fault(false)) };
        // It has to be spelt as it is, which a value does not tell.
        if message.get("jsonrpc").is_some_and(|it| it == "2.0") && text.contains('\\') {
            return None;
        }
        let has_id = match message.get("id") {
            // Perhaps an integer that is too large for a value.
            Some(Value::Number(id)) if id.is_f64() => return None,
            id => id.is_some_and(|id| id.is_string() || id.is_number()),
        };
        let is_version = message.get("jsonrpc").is_some_and(|it| it == "2.0");
        let Some(method) = message.get("method") else {
            let is_response = message.contains_key("result") != message.contains_key("error");
            return Some(if is_version && is_response {
                Self::Response
            } else {
                Self::Fault(has_id)
            });
        };
        let is_message = is_version
            && method.is_string()
            && message.get("params").is_none_or(Value::is_object)
            && has_id == message.contains_key("id");
        Some(match (is_message, has_id) {
            (false, _) => Self::Fault(has_id),
            (true, true) => Self::Request(value),
            (true, false) => Self::Notification(value),
        })
    }
}

/// A value in which no object has a member twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in which no object has a member twice")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, it: bool) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_i64<E: de::Error>(self, it: i64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_u64<E: de::Error>(self, it: u64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_f64<E: de::Error>(self, it: f64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_str<E: de::Error>(self, it: &str) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Unique(element)) = from.next_element()? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = from.next_entry::<String, _>()? {
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("a member is there twice"));
            }
        }
        Ok(members.into())
    }
}
