//! Blocking: a thread that sleeps until there is something to write, and the hooks of an engine.
//!
//!     cargo run -p fanfare --example wait

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fanfare::{Batch, Config, EndReason, Engine, Hooks, Profile, Raise, Result, SessionParams};

// readme: writer
/// The writer: asleep while there is nothing to write. What is due by the clock is done meanwhile.
fn write_all(engine: &Engine, over: &AtomicBool) -> Result<()> {
    let mut batch = Batch::new();
    loop {
        let is_over = over.load(Ordering::Acquire);
        engine.wait(is_over.then_some(Duration::ZERO));
        while engine.recv(None, 64, &mut batch)? > 0 {
            for frame in batch.iter() {
                print!("{}", String::from_utf8_lossy(frame.data));
            }
        }
        if is_over {
            return Ok(());
        }
    }
}
// readme: end

fn main() -> Result<()> {
    // readme: hooks
    let mut config = Config::default();
    config.set("session.max_queued_frames", "64")?;
    let hooks = Hooks::new()
        .on_lag(|lag| eprintln!("{} frames wait for {:?}", lag.queued_frames, lag.session))
        .on_session_end(|end| eprintln!("over: {}", end.reason.as_str()));
    let engine = Engine::with_hooks(config, hooks);
    // readme: end

    // readme: stop
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_all(&engine, &over));
        let inside = engine.open(SessionParams::new(Profile::Open))?;
        engine.notify("notifications/build/done", Some(r#"{"ok":true}"#), &Raise::ALL)?;
        // Goodbye: what waits is written before.
        engine.end(inside, EndReason::Shutdown)?;
        over.store(true, Ordering::Release);
        engine.wakeup();
        writer.join().expect("the writer does not panic")
    })
    // readme: end
}
