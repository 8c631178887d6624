//! What the tests of the engine share: an engine on virtual time, and short ways to speak to it.

#![allow(dead_code, reason = "each test crate uses its part")]

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
    engine.open(SessionParams::new(profile).framing(Framing::Json)).unwrap()
}

/// Everything that a session has to send, taken out.
pub(crate) fn frames(engine: &Engine, session: SessionId) -> Vec<String> {
    let mut batch = Batch::new();
    engine.recv(Some(session), usize::MAX, &mut batch).unwrap();
    texts(&batch)
}

/// The same of one stream.
pub(crate) fn frames_of(engine: &Engine, stream: StreamId) -> Vec<String> {
    let mut batch = Batch::new();
    engine.recv_stream(stream, usize::MAX, &mut batch).unwrap();
    texts(&batch)
}

pub(crate) fn texts(batch: &Batch) -> Vec<String> {
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
