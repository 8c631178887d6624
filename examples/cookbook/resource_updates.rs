//! A resource changes, and three kinds of clients hear of it.
//!
//!     cargo run -p fanfare --example resource_updates
//!
//! The legacy client (2025-11-25) subscribes with `resources/subscribe`, the modern one
//! (2026-07-28) with `subscriptions/listen`, and a part of the program itself chooses the types
//! that it wants. The server does not need to know which is which.

use fanfare::{Batch, Config, Engine, Profile, Raise, Result, Revision, SessionId, SessionParams};

const NOTE: &str = "file:///notes/today.md";
const OTHER: &str = "file:///notes/old.md";

const LEGACY: Profile = Profile::Legacy { revision: Revision::V2025_11_25, handshake: false };

fn main() -> Result<()> {
    // Time is what this program says it is, so that it prints the same whenever it is run.
    let mut config = Config::default();
    config.set("clock", "manual")?;
    config.set("debounce.resource_list_ms", "500")?;
    let engine = Engine::new(config);
    let clients = subscribe(&engine)?;
    deliver(&engine, &clients)?;

    // readme: raise
    println!("# the note is written");
    engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    deliver(&engine, &clients)?;

    println!("# the note is written a hundred times before anybody reads");
    for _ in 0..100 {
        engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    }
    deliver(&engine, &clients)?;

    println!("# another note is written");
    let reached = engine.notify_resource_updated(OTHER, &Raise::ALL)?;
    println!("# reached {reached}");
    deliver(&engine, &clients)?;
    // readme: end

    // readme: list
    for now in (0..500).step_by(50) {
        engine.advance(now)?;
        println!("# {now} ms: a note is made");
        engine.notify_resource_list_changed(&Raise::ALL)?;
        deliver(&engine, &clients)?;
    }
    engine.advance(500)?;
    println!("# 500 ms");
    deliver(&engine, &clients)?;
    // readme: end

    println!("# two of them have had enough");
    let [(_, legacy), (_, modern), _] = clients;
    let unsubscribe = r#"{"jsonrpc":"2.0","id":2,"method":"resources/unsubscribe",
        "params":{"uri":"file:///notes/today.md"}}"#;
    engine.receive(legacy, None, unsubscribe.as_bytes())?;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled",
        "params":{"requestId":"notes"}}"#;
    engine.receive(modern, None, cancel.as_bytes())?;
    // readme: count
    // Else nobody needs to look whether it has changed.
    if engine.subscriber_count(NOTE) > 0 {
        let reached = engine.notify_resource_updated(NOTE, &Raise::ALL)?;
        println!("# reached {reached}");
    }
    // readme: end
    deliver(&engine, &clients)
}

type Clients = [(&'static str, SessionId); 3];

/// Three clients, each with its own way to say what it wants.
fn subscribe(engine: &Engine) -> Result<Clients> {
    // readme: subscribe
    let legacy = engine.open(SessionParams::new(LEGACY))?;
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe",
        "params":{"uri":"file:///notes/today.md"}}"#;
    engine.receive(legacy, None, subscribe.as_bytes())?;

    let modern = engine.open(SessionParams::new(Profile::Modern))?;
    let listen = r#"{"jsonrpc":"2.0","id":"notes","method":"subscriptions/listen",
        "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                           "io.modelcontextprotocol/clientCapabilities":{}},
                  "notifications":{"resourceSubscriptions":["file:///notes/today.md"],
                                   "resourcesListChanged":true}}}"#;
    engine.receive(modern, None, listen.as_bytes())?;

    let inside = engine.open(SessionParams::new(Profile::Open))?;
    let types = r#"{"jsonrpc":"2.0","method":"notifications/subscribe",
        "params":{"types":["resources/updated"]}}"#;
    engine.receive(inside, None, types.as_bytes())?;
    // readme: end
    Ok([("legacy", legacy), ("modern", modern), ("inside", inside)])
}

/// What waits for each client. A server writes it to the client's socket.
fn deliver(engine: &Engine, clients: &Clients) -> Result<()> {
    let mut batch = Batch::new();
    for (name, session) in clients {
        engine.recv(Some(*session), 64, &mut batch)?;
        for frame in batch.iter() {
            print!("{name} <- {}", String::from_utf8_lossy(frame.data));
        }
    }
    Ok(())
}
