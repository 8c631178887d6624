//! Which type to raise for what: what is left of each for a client that was slow.
//!
//!     cargo run -p fanfare --example choosing_types
//!
//! Everything is raised three times. The quick client reads after each raising, the slow one when
//! the third is over; it has room for two events, and chose to lose the oldest.

use fanfare::{
    Batch, Config, Engine, Level, Overflow, Profile, Progress, Raise, Result, Revision, SessionId,
    SessionParams,
};

const NOTE: &str = "file:///notes/today.md";

const LEGACY: Profile = Profile::Legacy { revision: Revision::V2025_11_25, handshake: false };

const TASK: &str = concat!(
    r#""taskId":"t-1","createdAt":"2025-11-25T12:00:00Z","#,
    r#""lastUpdatedAt":"2025-11-25T12:00:00Z","ttl":null,"status":"working""#
);

// readme: kinds
/// It changed, read it again: a notice for that resource.
fn one_resource(engine: &Engine, _: u8) -> Result<usize> {
    engine.notify_resource_updated(NOTE, &Raise::ALL)
}

/// What there is changed: a notice for the list.
fn the_list(engine: &Engine, _: u8) -> Result<usize> {
    engine.notify_tool_list_changed(&Raise::ALL)
}

/// The newest is all that counts: progress.
fn how_far(engine: &Engine, n: u8) -> Result<usize> {
    let mut progress =
        Progress { token: r#""quick""#, progress: n.into(), total: Some(3.0), message: None };
    engine.notify_progress(&progress, &Raise::ALL)?;
    progress.token = r#""slow""#;
    engine.notify_progress(&progress, &Raise::ALL)
}

/// The state of long work that outlives its request: each one told.
fn a_task(engine: &Engine, n: u8) -> Result<usize> {
    let task = format!(r#"{{{TASK},"statusMessage":"step {n} of 3"}}"#);
    engine.notify_task_status(&task, &Raise::ALL)
}

/// Each one counts: a message, which is an event.
fn something_wrong(engine: &Engine, n: u8) -> Result<usize> {
    let data = format!(r#"{{"failures":{n}}}"#);
    engine.notify_alert(Level::Error, Some("build"), &data, &Raise::ALL)
}

/// Each one counts, and MCP has no word for it: an event of your own.
fn your_own(engine: &Engine, n: u8) -> Result<usize> {
    let params = format!(r#"{{"build":{n}}}"#);
    engine.notify("notifications/build/done", Some(&params), &Raise::ALL)
}
// readme: end

type Kind = fn(&Engine, u8) -> Result<usize>;

const KINDS: [(&str, Kind); 6] = [
    ("one resource", one_resource),
    ("the list", the_list),
    ("how far", how_far),
    ("a task", a_task),
    ("something wrong", something_wrong),
    ("your own", your_own),
];

fn main() -> Result<()> {
    let engine = Engine::new(Config::default());
    let quick = engine.open(SessionParams::new(LEGACY))?;
    let params = SessionParams::new(LEGACY).max_queued_frames(2).overflow(Overflow::DropOldest);
    let slow = engine.open(params)?;
    for (name, session) in [("quick", quick), ("slow", slow)] {
        let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
            "params":{"uri":"file:///notes/today.md"}}"#;
        engine.receive(session, None, subscribe.as_bytes())?;
        // Each client chooses its own tokens; here they can be told apart.
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call",
                "params":{{"name":"index","_meta":{{"progressToken":"{name}"}}}}}}"#
        );
        engine.receive(session, None, call.as_bytes())?;
        hear(&engine, name, session)?;
    }

    // readme: slow
    for (title, raise) in KINDS {
        println!("# {title}, three times");
        let lost_before = engine.session_stats(slow)?.dropped;
        let mut heard = 0;
        for n in 1..=3 {
            raise(&engine, n)?;
            heard += hear(&engine, "quick", quick)?;
        }
        let late = hear(&engine, "slow", slow)?;
        let lost = engine.session_stats(slow)?.dropped - lost_before;
        println!("# {title}: quick heard {heard}, slow {late} and lost {lost}");
    }
    // readme: end
    Ok(())
}

/// Prints what waits for a client; how many frames it was.
fn hear(engine: &Engine, name: &str, session: SessionId) -> Result<usize> {
    let mut batch = Batch::new();
    let count = engine.recv(Some(session), 64, &mut batch)?;
    for frame in batch.iter() {
        print!("{name} <- {}", String::from_utf8_lossy(frame.data));
    }
    Ok(count)
}
