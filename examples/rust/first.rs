//! The first program: a client and a part of the application hear of the same change.
//!
//!     cargo run -p fanfare --example first

use fanfare::{Batch, Config, Engine, ErrorKind, Profile, Raise, Result, Revision, SessionParams};

fn main() -> Result<()> {
    let engine = Engine::new(Config::default());

    // A client of 2025-06-18 whose handshake is behind it, and something in this process.
    let profile = Profile::Legacy { revision: Revision::V2025_06_18, handshake: false };
    let client = engine.open(SessionParams::new(profile))?;
    let inside = engine.open(SessionParams::new(Profile::Open))?;

    // What the client sent, and what happened in the application.
    let subscribe =
        br#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"doc://7"}}"#;
    engine.receive(client, None, subscribe)?;
    println!("{} reached", engine.notify_resource_updated("doc://7", &Raise::ALL)?);

    // What is to be written. The batch lends the frames until something else is taken into it.
    let mut batch = Batch::new();
    while engine.recv(None, 64, &mut batch)? > 0 {
        for frame in batch.iter() {
            let name = if frame.session == inside { "inside" } else { "client" };
            print!("{name} <- {}", String::from_utf8_lossy(frame.data));
        }
    }

    // readme: errors
    engine.close(client)?;
    match engine.subscribe(client, "doc://8") {
        Err(error) if error.kind() == ErrorKind::Gone => println!("{error}"),
        other => other?,
    }
    // readme: end
    Ok(())
}
