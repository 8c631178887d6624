//! Sessions to measure with, and the two steps that most measurements repeat.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use fanfare::{Batch, Config, Engine, Profile, Raise, SessionId, SessionParams};

/// What everybody listens to.
pub(crate) const SHARED: &str = "file:///srv/data/shared.json";

/// How many frames are taken at a time.
const BATCH: usize = 1024;

/// An engine with everything at its default.
pub(crate) fn engine() -> Engine {
    Engine::new(Config::default())
}

/// One more modern session, with a listen to that resource. Its acknowledgment waits.
pub(crate) fn listener(engine: &Engine, uri: &str) -> SessionId {
    let session = engine.open(SessionParams::new(Profile::Modern)).expect("it opens");
    let filter = format!(r#"{{"resourceSubscriptions":["{uri}"]}}"#);
    engine.listen(session, None, "1", &filter).expect("it listens");
    session
}

/// That many listeners to [`SHARED`], their acknowledgments drained.
pub(crate) fn listeners(engine: &Engine, count: usize) {
    for _ in 0..count {
        listener(engine, SHARED);
    }
    assert_eq!(drain(engine, &mut Batch::new()), count, "one acknowledgment each");
}

/// Raises the shared resource, and gives how many it reached.
pub(crate) fn raise(engine: &Engine) -> usize {
    engine.notify_resource_updated(SHARED, &Raise::ALL).expect("it is raised")
}

/// Takes out all frames of all sessions.
pub(crate) fn drain(engine: &Engine, batch: &mut Batch) -> usize {
    let mut frames = 0;
    while let taken @ 1.. = engine.recv(None, BATCH, batch).expect("it drains") {
        frames += taken;
        std::hint::black_box(&*batch);
    }
    frames
}
