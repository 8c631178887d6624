//! Clients that lose their connection and come back: what they missed, and how they get it.
//!
//!     cargo run -p fanfare --example clients_that_come_back
//!
//! A legacy client (2025-11-25) over HTTP resumes its streams by `Last-Event-ID`. A modern one
//! (2026-07-28) listens anew, and reads everything again.

use fanfare::{
    Batch, Config, Engine, ErrorKind, Framing, Profile, Progress, Raise, Result, Revision,
    SessionParams, StreamId, StreamKind,
};

const NOTE: &str = "file:///notes/today.md";

const LEGACY: Profile = Profile::Legacy { revision: Revision::V2025_11_25, handshake: false };

fn main() -> Result<()> {
    let mut config = Config::default();
    config.set("clock", "manual")?;
    config.set("sse.keep_alive_ms", "0")?;
    let engine = Engine::new(config);
    legacy(&engine)?;
    modern(&engine)
}

fn legacy(engine: &Engine) -> Result<()> {
    let session = engine.open(SessionParams::new(LEGACY).framing(Framing::Sse))?;
    println!("# a call, whose connection breaks before the answer");
    // readme: resume
    let call = engine.open_stream(session, StreamKind::Request)?;
    let work = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
        "params":{"name":"index","_meta":{"progressToken":"job"}}}"#;
    engine.receive(session, Some(call), work.as_bytes())?;
    progress(engine, 1.0)?;
    let last = hear(engine, "legacy", call)?;
    progress(engine, 2.0)?;
    engine.recv_stream(call, 64, &mut Batch::new())?; // written to a connection that is gone
    engine.close_stream(call)?; // now we know; the work goes on

    progress(engine, 3.0)?;
    progress(engine, 4.0)?;
    engine.send(session, None, br#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#)?;

    println!("# it is back, with Last-Event-ID: {last}");
    let call = engine.resume_stream(session, &last)?;
    hear(engine, "legacy", call)?;
    // readme: end

    println!(
        "# the stream for what belongs to no call breaks too, and the client is away for long"
    );
    // readme: too-late
    engine.subscribe(session, NOTE)?;
    let listening = engine.open_stream(session, StreamKind::Standalone)?;
    engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    let last = hear(engine, "legacy", listening)?;
    engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    engine.recv_stream(listening, 64, &mut Batch::new())?;
    engine.close_stream(listening)?;
    engine.advance(600_000)?;
    match engine.resume_stream(session, &last) {
        Err(why) if why.kind() == ErrorKind::Gone => println!("# {}", why.detail()),
        other => drop(other?),
    }
    let listening = engine.open_stream(session, StreamKind::Standalone)?;
    engine.notify_resource_updated(NOTE, &Raise::ALL)?; // here it would read all that it knows of
    hear(engine, "legacy", listening)?;
    // readme: end
    engine.close(session)
}

fn modern(engine: &Engine) -> Result<()> {
    let listen = br#"{"jsonrpc":"2.0","id":"notes","method":"subscriptions/listen",
        "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                           "io.modelcontextprotocol/clientCapabilities":{}},
                  "notifications":{"resourceSubscriptions":["file:///notes/today.md"]}}}"#;
    println!("# a listen, whose connection breaks");
    // readme: listen
    let session = engine.open(SessionParams::new(Profile::Modern))?;
    engine.receive(session, None, listen)?;
    hear(engine, "modern", engine.stream(session)?)?;
    engine.notify_resource_updated(NOTE, &Raise::ALL)?; // queued, and lost with the connection
    engine.close(session)?;
    let reached = engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    println!("# while it is away, {reached} hear of it");

    println!("# it is back");
    let session = engine.open(SessionParams::new(Profile::Modern))?;
    engine.receive(session, None, listen)?;
    hear(engine, "modern", engine.stream(session)?)?; // acknowledged: now it reads the note again
    engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    hear(engine, "modern", engine.stream(session)?)?;
    // readme: end
    Ok(())
}

fn progress(engine: &Engine, progress: f64) -> Result<usize> {
    let progress = Progress { token: r#""job""#, progress, total: Some(4.0), message: None };
    engine.notify_progress(&progress, &Raise::ALL)
}

// readme: hear
/// Prints what waits in a stream; the last event id, as a client remembers it.
fn hear(engine: &Engine, name: &str, stream: StreamId) -> Result<String> {
    let mut last = String::new();
    let mut batch = Batch::new();
    engine.recv_stream(stream, 64, &mut batch)?;
    for frame in batch.iter() {
        for line in String::from_utf8_lossy(frame.data).lines().filter(|line| !line.is_empty()) {
            println!("{name} <- {}", line.trim_end());
            if let Some(id) = line.strip_prefix("id: ") {
                last = id.to_owned();
            }
        }
    }
    Ok(last)
}
// readme: end
