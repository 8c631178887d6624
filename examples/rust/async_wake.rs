//! Async: a task of tokio's that sleeps until the engine has output.
//!
//!     cargo run -p fanfare --example async_wake
//!
//! One task takes out what waits for all clients. Here it prints; a server would give each frame to
//! the task that writes to that client's socket, and pause the session while that is behind.

use std::sync::Arc;
use std::time::Duration;

use fanfare::{Batch, Config, EndReason, Engine, Hooks, Profile, Raise, Result, SessionParams};
use tokio::sync::Notify;
use tokio::time::timeout;

// readme: deliver
/// An engine, and what is notified when there is something to do for it: output, a deadline that is
/// nearer than the last one, the end of a session.
fn make() -> (Engine, Arc<Notify>) {
    let wake = Arc::new(Notify::new());
    let (output, deadline, over) = (Arc::clone(&wake), Arc::clone(&wake), Arc::clone(&wake));
    let hooks = Hooks::new()
        .on_wake(move || output.notify_one())
        .on_deadline(move || deadline.notify_one())
        .on_session_end(move |_| over.notify_one());
    (Engine::with_hooks(Config::default(), hooks), wake)
}

/// Delivers until no session is left.
async fn deliver(engine: &Engine, wake: &Notify) -> Result<()> {
    let mut batch = Batch::new();
    while engine.stats().sessions > 0 {
        // What is due by the clock, and when to come again for that.
        let due = engine.tick().unwrap_or(Duration::MAX);
        // It tells of output once, until all of it has been taken.
        while engine.recv(None, 64, &mut batch)? > 0 {
            for frame in batch.iter() {
                print!("{}", String::from_utf8_lossy(frame.data));
            }
            tokio::task::yield_now().await;
        }
        // A notification that came meanwhile is kept, and ends this at once.
        let _is_early = timeout(due, wake.notified()).await;
    }
    Ok(())
}
// readme: end

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let (engine, wake) = make();
    runtime.expect("a runtime").block_on(async {
        let inside = engine.open(SessionParams::new(Profile::Open))?;
        let work = async {
            for step in 1..=3 {
                let params = format!(r#"{{"step":{step}}}"#);
                engine.notify("notifications/build/step", Some(&params), &Raise::ALL)?;
                tokio::task::yield_now().await;
            }
            engine.end(inside, EndReason::Shutdown)
        };
        tokio::try_join!(work, deliver(&engine, &wake))?;
        Ok(())
    })
}
