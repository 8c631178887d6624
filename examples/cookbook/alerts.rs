//! Something is wrong: who is told, from which level on, and why no alert is merged away.
//!
//!     cargo run -p fanfare --example alerts
//!
//! Alerts are `notifications/message`. Legacy clients hear of them from the level that they set
//! with `logging/setLevel`, modern ones within a request that asked for a level, open sessions if
//! they want the type.

use fanfare::{
    Batch, Config, EndReason, Engine, ErrorKind, Hooks, Level, Profile, Raise, Result, Revision,
    SessionId, SessionParams, Target,
};

const NOTE: &str = "file:///notes/today.md";

const LEGACY: Profile = Profile::Legacy { revision: Revision::V2025_11_25, handshake: false };

/// A request in flight that asked for log messages: whose, and the JSON text of its id.
type Call = (SessionId, &'static str);

// readme: alarm
/// Tells everyone who may be told at any time, and each call that asked for it.
fn alarm(engine: &Engine, level: Level, data: &str, calls: &[Call]) -> Result<()> {
    let mut reached = engine.notify_alert(level, Some("disk"), data, &Raise::ALL)?;
    for (session, id) in calls {
        let to = Raise::to(Target::Request(*session, id));
        reached += engine.notify_alert(level, Some("disk"), data, &to)?;
    }
    println!("# reached {reached}");
    Ok(())
}
// readme: end

fn main() -> Result<()> {
    let hooks = Hooks::new().on_session_end(|end| {
        if end.reason == EndReason::Lagged {
            println!("# stalled: ended, lagged");
        }
    });
    let engine = Engine::with_hooks(Config::default(), hooks);

    // readme: levels
    let legacy = engine.open(SessionParams::new(LEGACY))?;
    let level = r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel",
        "params":{"level":"error"}}"#;
    engine.receive(legacy, None, level.as_bytes())?;
    let subscribe = r#"{"jsonrpc":"2.0","id":2,"method":"resources/subscribe",
        "params":{"uri":"file:///notes/today.md"}}"#;
    engine.receive(legacy, None, subscribe.as_bytes())?;

    let modern = engine.open(SessionParams::new(Profile::Modern))?;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"index",
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                 "io.modelcontextprotocol/clientCapabilities":{},
                 "io.modelcontextprotocol/logLevel":"warning"}}}"#;
    engine.receive(modern, None, call.as_bytes())?;
    let calls = [(modern, "1")];

    let inside = engine.open(SessionParams::new(Profile::Open))?;
    let types = r#"{"jsonrpc":"2.0","method":"notifications/subscribe",
        "params":{"types":["message","disk/full"]}}"#;
    engine.receive(inside, None, types.as_bytes())?;
    // readme: end
    let clients = [("legacy", legacy), ("modern", modern), ("inside", inside)];
    deliver(&engine, &clients)?;

    println!("# little room is left, and then nearly none");
    alarm(&engine, Level::Warning, r#"{"free":"10%"}"#, &calls)?;
    alarm(&engine, Level::Critical, r#"{"free":"1%"}"#, &calls)?;
    deliver(&engine, &clients)?;

    // readme: merge
    println!("# alerts and writes, while nobody reads");
    for data in [r#"{"free":"3%"}"#, r#"{"free":"2%"}"#, r#"{"free":"1%"}"#] {
        alarm(&engine, Level::Alert, data, &calls)?;
        engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    }
    deliver(&engine, &clients)?;
    // readme: end

    // readme: custom
    println!("# a type of our own, for those inside");
    let to_inside = Raise::to(Target::Session(inside));
    engine.notify("notifications/disk/full", Some(r#"{"disk":"/dev/sda1"}"#), &to_inside)?;
    deliver(&engine, &clients)?;
    // readme: end

    match engine.notify_alert(Level::Info, None, r#""all is well""#, &Raise::ALL) {
        Err(why) if why.kind() == ErrorKind::InvalidArgument => println!("# {}", why.detail()),
        other => drop(other?),
    }

    // readme: bound
    println!("# one that never reads, and has room for two");
    let stalled = engine.open(SessionParams::new(LEGACY).max_queued_frames(2))?;
    let to_stalled = Raise::to(Target::Session(stalled));
    for data in ["1", "2", "3"] {
        engine.notify_alert(Level::Alert, Some("disk"), data, &to_stalled)?;
    }
    // readme: end
    Ok(())
}

fn deliver(engine: &Engine, clients: &[(&str, SessionId)]) -> Result<()> {
    let mut batch = Batch::new();
    for (name, session) in clients {
        engine.recv(Some(*session), 64, &mut batch)?;
        for frame in batch.iter() {
            print!("{name} <- {}", String::from_utf8_lossy(frame.data));
        }
    }
    Ok(())
}
