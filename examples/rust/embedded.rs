//! Rust: the engine inside an application, with a callback for one client and pull for the others.
//!
//!     cargo run -p fanfare --example embedded
//!
//! Three clients hear of the same three things, each in the way of its own rules: a legacy one
//! (2025-06-18), a modern one (2026-07-28), and a part of the application itself, which is an open
//! session without any handshake.

use fanfare::{
    Batch, Config, EndReason, Engine, Level, Profile, Progress, Raise, Result, Revision, SessionId,
    SessionParams, Target, Verdict,
};

/// Every modern request says who sends it.
const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientCapabilities":{}"#;

fn main() -> Result<()> {
    let engine = Engine::new(Config::default());

    // The legacy client subscribes to a document.
    let profile = Profile::Legacy { revision: Revision::V2025_06_18, handshake: false };
    let legacy = engine.open(SessionParams::new(profile))?;
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
        "params":{"uri":"doc://7"}}"#;
    engine.receive(legacy, None, subscribe.as_bytes())?;

    // The modern one listens to it, and calls a tool whose progress and trouble it wants to hear.
    let modern = engine.open(SessionParams::new(Profile::Modern))?;
    let listen = format!(
        r#"{{"jsonrpc":"2.0","id":"listen","method":"subscriptions/listen","params":{{
            "_meta":{{{META}}},"notifications":{{"resourceSubscriptions":["doc://7"]}}}}}}"#
    );
    engine.receive(modern, None, listen.as_bytes())?;
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"index","_meta":{{
            {META},"io.modelcontextprotocol/logLevel":"warning","progressToken":"job"}}}}}}"#
    );
    engine.receive(modern, None, call.as_bytes())?;

    // readme: inside
    // The application's own part wants two types of notification, and takes them by callback.
    let inside = engine.open(SessionParams::new(Profile::Open))?;
    let types = r#"{"jsonrpc":"2.0","method":"notifications/subscribe",
        "params":{"types":["resources/updated","progress"]}}"#;
    engine.receive(inside, None, types.as_bytes())?;
    // readme: callback
    engine.on_frame(
        Some(inside),
        Box::new(|frame| {
            print!("inside <- {}", String::from_utf8_lossy(frame.data));
            Verdict::Accepted
        }),
    )?;
    // readme: end

    // Data changes, long work moves on, something is wrong.
    engine.notify_resource_updated("doc://7", &Raise::ALL)?;
    deliver(&engine, legacy, modern)?;
    for step in 1..=2 {
        let progress = f64::from(step);
        let progress = Progress { token: r#""job""#, progress, total: Some(2.0), message: None };
        engine.notify_progress(&progress, &Raise::ALL)?;
        deliver(&engine, legacy, modern)?;
    }
    let alert = r#"{"disk":"nearly full"}"#;
    engine.notify_alert(Level::Alert, Some("disk"), alert, &Raise::ALL)?;
    // The modern client hears of trouble in its own requests only.
    let to_the_call = Raise::to(Target::Request(modern, "2"));
    engine.notify_alert(Level::Alert, Some("disk"), alert, &to_the_call)?;
    let result = r#"{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}"#;
    engine.send(modern, None, result.as_bytes())?;
    deliver(&engine, legacy, modern)?;

    // Goodbye: what is queued and the closing frames go out before.
    for session in [legacy, modern, inside] {
        engine.end(session, EndReason::Shutdown)?;
    }
    deliver(&engine, legacy, modern)
}

/// Takes out everything that waits.
fn deliver(engine: &Engine, legacy: SessionId, modern: SessionId) -> Result<()> {
    let mut batch = Batch::new();
    while engine.recv(None, 64, &mut batch)? > 0 {
        for frame in batch.iter() {
            let name = match frame.session {
                session if session == legacy => "legacy",
                session if session == modern => "modern",
                _ => unreachable!("the third one has a callback"),
            };
            print!("{name} <- {}", String::from_utf8_lossy(frame.data));
        }
    }
    while engine.dispatch(64)? > 0 {}
    Ok(())
}
