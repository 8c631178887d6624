//! Holds every frame of an MCP session against its revision (R1): against the official JSON Schema
//! where that lies beside the repository, and always by parsing it into the types that somebody
//! else generated from that schema.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use fanfare::{Batch, Engine, Revision, SessionId};
use serde_json::{Value, json};

/// The revisions of the sessions seen so far, for frames that outlive their session. Handles are
/// never given out twice in a process.
static SEEN: LazyLock<Mutex<HashMap<SessionId, Option<Revision>>>> = LazyLock::new(Mutex::default);

/// Takes note of what a session speaks: `None` before that is settled, and for open sessions,
/// which are not of MCP.
pub(crate) fn note(engine: &Engine, session: SessionId) {
    if let Ok(revision) = engine.revision(session) {
        SEEN.lock().unwrap().insert(session, revision);
    }
}

/// Holds what was drained against the revisions of its sessions.
#[track_caller]
pub(crate) fn check_batch(engine: &Engine, batch: &Batch) {
    for frame in batch.iter() {
        note(engine, frame.session);
        let seen = SEEN.lock().unwrap().get(&frame.session).copied();
        let Some(revision) = seen else {
            panic!("{:?} is gone and was never noted: call schema::note", frame.session)
        };
        let text = std::str::from_utf8(frame.data).expect("frames are UTF-8");
        let message = message_of(text);
        // Priming and `retry` are events without a message, and a comment is none.
        if message.is_empty() || text.starts_with("retry: ") || text == ":\n\n" {
            continue;
        }
        if let Some(revision) = revision
            && let Err(why) = check(revision, message)
        {
            panic!("not a message of {revision}: {why}\n{text}");
        }
    }
}

/// The message in a frame, whatever its framing.
fn message_of(frame: &str) -> &str {
    let event = frame.split_once("data: ").filter(|_| !frame.starts_with('{'));
    event.map_or(frame, |(_, data)| data).trim_end_matches('\n')
}

/// Whether a message of a server is one of that revision; the error says what is wrong.
pub(crate) fn check(revision: Revision, message: &str) -> Result<(), String> {
    check_types(revision, message)?;
    check_extension(revision, message)?;
    check_schema(revision, message)
}

/// The notification of the tasks extension is in nobody's schema: it is a `DetailedTask` with a
/// tag (5.1 of the digest), and of no other revision.
pub(crate) fn check_extension(revision: Revision, message: &str) -> Result<(), String> {
    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let with = |status: &str, member: &str| {
            json!({
                "if": { "properties": { "status": { "const": status } } },
                "then": { "required": [member], "properties": { member: { "type": "object" } } },
            })
        };
        let params = json!({
            "type": "object",
            "required": ["_meta", "taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs"],
            "properties": {
                "_meta": {
                    "required": ["io.modelcontextprotocol/subscriptionId"],
                    "properties": {
                        "io.modelcontextprotocol/subscriptionId": { "type": ["string", "integer"] },
                    },
                },
                "taskId": { "type": "string" },
                "status": {
                    "enum": ["working", "input_required", "completed", "failed", "cancelled"],
                },
                "statusMessage": { "type": "string" },
                "createdAt": { "type": "string" },
                "lastUpdatedAt": { "type": "string" },
                "ttlMs": { "type": ["integer", "null"] },
                "pollIntervalMs": { "type": "integer" },
            },
            "allOf": [
                with("input_required", "inputRequests"),
                with("completed", "result"),
                with("failed", "error"),
            ],
        });
        let schema = json!({
            "required": ["params"],
            "not": { "required": ["id"] },
            "properties": { "params": params },
        });
        jsonschema::validator_for(&schema).expect("a schema")
    });
    let message: Value = serde_json::from_str(message).map_err(|e| e.to_string())?;
    if message["method"] != "notifications/tasks" {
        return Ok(());
    }
    if revision.is_legacy() {
        return Err("notifications/tasks is not of this revision (R3)".to_owned());
    }
    let what = |e: jsonschema::ValidationError<'_>| {
        format!("{e} (at {:?})", e.instance_path().to_string())
    };
    VALIDATOR.validate(&message).map_err(what)
}

/// By the official schema alone; nothing is wrong where that is not at hand.
pub(crate) fn check_schema(revision: Revision, message: &str) -> Result<(), String> {
    each_part(revision, message, by_schema)
}

/// By somebody else's types alone.
pub(crate) fn check_types(revision: Revision, message: &str) -> Result<(), String> {
    each_part(revision, message, by_types)
}

/// Whether the official schemas are at hand.
pub(crate) fn has_schemas() -> bool {
    schemas().is_some()
}

fn each_part(
    revision: Revision,
    message: &str,
    check: fn(Revision, &'static str, &Value) -> Result<(), String>,
) -> Result<(), String> {
    let message: Value = serde_json::from_str(message).map_err(|e| e.to_string())?;
    definitions(revision, &message)?.into_iter().try_for_each(|(definition, part)| {
        check(revision, definition, &part).map_err(|why| format!("{definition}: {why}"))
    })
}

/// What a message claims to be: its envelope, and inside it what the engine itself made. The
/// result of a host's own is the host's matter.
fn definitions(revision: Revision, message: &Value) -> Result<Vec<(&'static str, Value)>, String> {
    let is_old = revision < Revision::V2025_11_25;
    let has = |key: &str| message.get(key).is_some();
    if has("method") && has("id") {
        if !revision.is_legacy() {
            return Err("a server of this revision sends no requests".to_owned());
        }
        return Ok(vec![("JSONRPCRequest", message.clone())]);
    }
    if let Some(method) = message.get("method") {
        let method = method.as_str().ok_or("method is not a string")?;
        let mut found = vec![("JSONRPCNotification", message.clone())];
        found.extend(notification(revision, method)?.map(|name| (name, message.clone())));
        return Ok(found);
    }
    if has("error") {
        let name = if is_old { "JSONRPCError" } else { "JSONRPCErrorResponse" };
        return Ok(vec![(name, message.clone())]);
    }
    let name = if is_old { "JSONRPCResponse" } else { "JSONRPCResultResponse" };
    let Some(result) = message.get("result") else { return Err("it is no message".to_owned()) };
    if revision.is_legacy() && result.get("resultType").is_some() {
        return Err("a result of this revision has no resultType (R60)".to_owned());
    }
    let is_listen = result["_meta"].get("io.modelcontextprotocol/subscriptionId").is_some();
    let inner = if !revision.is_legacy() && is_listen {
        Some("SubscriptionsListenResult")
    } else if !revision.is_legacy() && result.get("supportedVersions").is_some() {
        Some("DiscoverResult")
    } else if revision.is_legacy() && result.get("protocolVersion").is_some() {
        Some("InitializeResult")
    } else if revision.is_legacy() && *result == json!({}) {
        Some("EmptyResult")
    } else {
        None
    };
    Ok([(name, message.clone())]
        .into_iter()
        .chain(inner.map(|name| (name, result.clone())))
        .collect())
}

/// The definition of a method that the protocol has; `None` for a custom one.
fn notification(revision: Revision, method: &str) -> Result<Option<&'static str>, String> {
    use Revision::{V2024_11_05 as A, V2025_11_25 as D, V2026_07_28 as E};
    let known = [
        ("notifications/cancelled", "CancelledNotification", A, E),
        ("notifications/progress", "ProgressNotification", A, E),
        ("notifications/message", "LoggingMessageNotification", A, E),
        ("notifications/tools/list_changed", "ToolListChangedNotification", A, E),
        ("notifications/prompts/list_changed", "PromptListChangedNotification", A, E),
        ("notifications/resources/list_changed", "ResourceListChangedNotification", A, E),
        ("notifications/resources/updated", "ResourceUpdatedNotification", A, E),
        ("notifications/tasks/status", "TaskStatusNotification", D, D),
        ("notifications/elicitation/complete", "ElicitationCompleteNotification", D, D),
        ("notifications/subscriptions/acknowledged", "SubscriptionsAcknowledgedNotification", E, E),
    ];
    if matches!(method, "notifications/initialized" | "notifications/roots/list_changed") {
        return Err(format!("{method} is the client's to send"));
    }
    match known.iter().find(|(name, ..)| *name == method) {
        Some((_, definition, since, until)) if (*since..=*until).contains(&revision) => {
            Ok(Some(definition))
        }
        Some(_) => Err(format!("{method} is not of this revision (R3)")),
        None => Ok(None),
    }
}

// ---- the official schema ----

/// The folder of the official schemas, if it is there.
fn schemas() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/schema");
    folder.is_dir().then_some(folder)
}

fn by_schema(revision: Revision, definition: &'static str, part: &Value) -> Result<(), String> {
    type Validators = HashMap<(Revision, &'static str), jsonschema::Validator>;
    static VALIDATORS: LazyLock<Mutex<Validators>> = LazyLock::new(Mutex::default);
    let Some(folder) = schemas() else { return Ok(()) };
    let mut validators = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let validator = validators.entry((revision, definition)).or_insert_with(|| {
        let path = folder.join(format!("{revision}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
        let at = if schema.get("$defs").is_some() { "$defs" } else { "definitions" };
        assert!(schema[at].get(definition).is_some(), "{revision} does not define {definition}");
        schema["$ref"] = json!(format!("#/{at}/{definition}"));
        // Whether a URI is well formed is the matter of whoever made it: the engine takes bytes (G3).
        jsonschema::options().should_validate_formats(false).build(&schema).expect("a schema")
    });
    validator.validate(part).map_err(|e| format!("{e} (at {:?})", e.instance_path().to_string()))
}

// ---- somebody else's types ----

macro_rules! types {
    ($module:ident, $definition:ident, $part:ident: $($name:literal as $type:ident),+ $(,)?) => {
        match $definition {
            $($name => parse::<$module::$module::$type>($part),)+
            other => Err(format!("the types have no {other}")),
        }
    };
}

macro_rules! of_all {
    ($module:ident, $definition:ident, $part:ident: $($more:tt)+) => {
        types!($module, $definition, $part:
            "JSONRPCNotification" as JsonrpcNotification,
            "JSONRPCRequest" as JsonrpcRequest,
            "CancelledNotification" as CancelledNotification,
            "ProgressNotification" as ProgressNotification,
            "LoggingMessageNotification" as LoggingMessageNotification,
            "ToolListChangedNotification" as ToolListChangedNotification,
            "PromptListChangedNotification" as PromptListChangedNotification,
            "ResourceListChangedNotification" as ResourceListChangedNotification,
            "ResourceUpdatedNotification" as ResourceUpdatedNotification,
            "EmptyResult" as EmptyResult,
            $($more)+
        )
    };
}

fn by_types(revision: Revision, definition: &'static str, part: &Value) -> Result<(), String> {
    match revision {
        Revision::V2024_11_05 => of_all!(mcp_2024_11_05, definition, part:
            "JSONRPCResponse" as JsonrpcResponse,
            "JSONRPCError" as JsonrpcError,
            "InitializeResult" as InitializeResult,
        ),
        Revision::V2025_03_26 => of_all!(mcp_2025_03_26, definition, part:
            "JSONRPCResponse" as JsonrpcResponse,
            "JSONRPCError" as JsonrpcError,
            "InitializeResult" as InitializeResult,
        ),
        Revision::V2025_06_18 => of_all!(mcp_2025_06_18, definition, part:
            "JSONRPCResponse" as JsonrpcResponse,
            "JSONRPCError" as JsonrpcError,
            "InitializeResult" as InitializeResult,
        ),
        Revision::V2025_11_25 => of_all!(mcp_2025_11_25, definition, part:
            "JSONRPCResultResponse" as JsonrpcResultResponse,
            "JSONRPCErrorResponse" as JsonrpcErrorResponse,
            "InitializeResult" as InitializeResult,
            "TaskStatusNotification" as TaskStatusNotification,
            "ElicitationCompleteNotification" as ElicitationCompleteNotification,
        ),
        Revision::V2026_07_28 => of_all!(mcp_2026_07_28, definition, part:
            "JSONRPCResultResponse" as JsonrpcResultResponse,
            "JSONRPCErrorResponse" as JsonrpcErrorResponse,
            "SubscriptionsAcknowledgedNotification" as SubscriptionsAcknowledgedNotification,
            "SubscriptionsListenResult" as SubscriptionsListenResult,
            "DiscoverResult" as DiscoverResult,
        ),
    }
}

fn parse<T: serde::de::DeserializeOwned>(part: &Value) -> Result<(), String> {
    T::deserialize(part).map(drop).map_err(|e| e.to_string())
}
