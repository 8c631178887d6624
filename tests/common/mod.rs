//! What the tests of the engine share: an engine on virtual time, and short ways to speak to it.

#![allow(dead_code, reason = "each test crate uses its part")]

pub(crate) mod schema;

use fanfare::{
    Batch, Config, Disposition, Engine, Framing, Profile, Raise, Revision, SessionId,
    SessionParams, StreamId, Target,
};

/// An engine whose time stands still until it is told.
pub(crate) fn engine(settings: &[(&str, &str)]) -> Engine {
    Engine::new(config(settings))
}

pub(crate) fn config(settings: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    config.set("clock", "manual").unwrap();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    config
}

/// An initialized session of a legacy revision.
pub(crate) fn legacy(revision: Revision) -> Profile {
    Profile::Legacy { revision, handshake: false }
}

/// A session with bare JSON frames, which are the easiest to compare.
pub(crate) fn open(engine: &Engine, profile: Profile) -> SessionId {
    open_with(engine, SessionParams::new(profile).framing(Framing::Json))
}

/// Any session whose frames are to be held against its revision even after its end.
pub(crate) fn open_with(engine: &Engine, params: SessionParams) -> SessionId {
    let session = engine.open(params).unwrap();
    schema::note(engine, session);
    session
}

/// Everything that a session has to send, taken out, and held against its revision's schema.
#[track_caller]
pub(crate) fn frames(engine: &Engine, session: SessionId) -> Vec<String> {
    let mut batch = Batch::new();
    schema::note(engine, session);
    engine.recv(Some(session), usize::MAX, &mut batch).unwrap();
    texts(engine, &batch)
}

/// The same of one stream.
#[track_caller]
pub(crate) fn frames_of(engine: &Engine, stream: StreamId) -> Vec<String> {
    let mut batch = Batch::new();
    engine.recv_stream(stream, usize::MAX, &mut batch).unwrap();
    texts(engine, &batch)
}

/// The frames of a batch, held against the schema of their sessions' revisions.
#[track_caller]
pub(crate) fn texts(engine: &Engine, batch: &Batch) -> Vec<String> {
    schema::check_batch(engine, batch);
    batch.iter().map(|frame| String::from_utf8(frame.data.to_vec()).unwrap()).collect()
}

/// A request of the client that the engine must answer itself; its answers.
#[track_caller]
pub(crate) fn asked(engine: &Engine, session: SessionId, message: &str) -> Vec<String> {
    assert_eq!(
        engine.receive(session, None, message.as_bytes()).unwrap(),
        Disposition::Handled,
        "{message}"
    );
    frames(engine, session)
}

/// A message of the client that the host must act on.
#[track_caller]
pub(crate) fn passed(engine: &Engine, session: SessionId, message: &str) {
    assert_eq!(
        engine.receive(session, None, message.as_bytes()).unwrap(),
        Disposition::Pass,
        "{message}"
    );
}

/// A request's params of 2026-07-28, with more members of `_meta` and more params.
pub(crate) fn modern_params(meta: &str, rest: &str) -> String {
    format!(
        r#"{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}{meta}}}{rest}}}"#
    )
}

/// A `subscriptions/listen`.
pub(crate) fn listen(id: &str, filter: &str) -> String {
    let params = modern_params("", &format!(r#","notifications":{filter}"#));
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{params}}}"#)
}

/// The acknowledgment of a listen.
pub(crate) fn ack(id: &str, honoured: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{honoured}}}}}"#
    )
}

/// The graceful end of a listen.
pub(crate) fn complete(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
    )
}

/// `notifications/resources/updated` without a tag.
pub(crate) fn updated(uri: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#
    )
}

/// The same for a listen.
pub(crate) fn tagged(id: &str, uri: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"uri":"{uri}"}}}}"#
    )
}

/// The result `{}`.
pub(crate) fn empty(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

/// A request with a method and params (JSON text, or nothing).
pub(crate) fn request(id: &str, method: &str, params: &str) -> String {
    let params = if params.is_empty() { String::new() } else { format!(r#","params":{params}"#) };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"{params}}}"#)
}

/// A `resources/subscribe`.
pub(crate) fn subscribe(id: &str, uri: &str) -> String {
    request(id, "resources/subscribe", &format!(r#"{{"uri":"{uri}"}}"#))
}

/// A `notifications/cancelled`.
pub(crate) fn cancelled(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
    )
}

/// To one session.
pub(crate) fn to(session: SessionId) -> Raise<'static> {
    Raise::to(Target::Session(session))
}

// ---- both eras in one breath ----

/// A settled session's profile for any revision.
pub(crate) fn settled(revision: Revision) -> Profile {
    if revision.is_legacy() { legacy(revision) } else { Profile::Modern }
}

/// The revisions with a handshake.
pub(crate) fn legacy_revisions() -> impl Iterator<Item = Revision> {
    Revision::ALL.into_iter().filter(|revision| revision.is_legacy())
}

/// A request of the host's, as that revision writes it, with more members of `_meta` (with a
/// leading comma).
pub(crate) fn call_in(revision: Revision, id: &str, meta: &str) -> String {
    let params = match (revision.is_legacy(), meta.strip_prefix(',')) {
        (false, _) => modern_params(meta, ""),
        (true, Some(members)) => format!(r#"{{"_meta":{{{members}}}}}"#),
        (true, None) => String::new(),
    };
    request(id, "tools/call", &params)
}

/// The result of such a request.
pub(crate) fn called_in(revision: Revision, id: &str) -> String {
    let kind = if revision.is_legacy() { "" } else { r#""resultType":"complete","# };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{kind}"content":[]}}}}"#)
}

/// The host's answer to a request, with the result `{}`.
pub(crate) fn respond(engine: &Engine, session: SessionId, id: &str) {
    engine.send(session, None, empty(id).as_bytes()).unwrap();
}

/// A request of a legacy revision with a progress token.
pub(crate) fn call(id: &str, token: &str) -> String {
    request(id, "tools/call", &format!(r#"{{"_meta":{{"progressToken":{token}}}}}"#))
}

/// Raises progress; how many sessions it reached.
#[track_caller]
pub(crate) fn report(engine: &Engine, token: &str, progress: &str) -> usize {
    let params = format!(r#"{{"progressToken":{token},"progress":{progress}}}"#);
    engine.notify("notifications/progress", Some(&params), &Raise::ALL).unwrap()
}

/// That progress on the wire.
pub(crate) fn progressed(token: &str, progress: &str) -> String {
    notification(
        "notifications/progress",
        &format!(r#"{{"progressToken":{token},"progress":{progress}}}"#),
    )
}

/// A notification with params (JSON text, or nothing).
pub(crate) fn notification(method: &str, params: &str) -> String {
    let params = if params.is_empty() { String::new() } else { format!(r#","params":{params}"#) };
    format!(r#"{{"jsonrpc":"2.0","method":"{method}"{params}}}"#)
}

/// A `*/list_changed` that is tagged for a listen.
pub(crate) fn tagged_list(id: &str, of: &str) -> String {
    notification(
        &format!("notifications/{of}/list_changed"),
        &format!(r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#),
    )
}

/// The code of an error that answers the request with that id.
#[track_caller]
pub(crate) fn code_of(frame: &str, id: &str) -> i64 {
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":"#);
    assert!(frame.starts_with(&head), "{frame} does not answer {id} with an error");
    let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
    frame["error"]["code"].as_i64().expect("an error has a code")
}
