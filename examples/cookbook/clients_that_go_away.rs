//! Clients that hang up, break, or stop reading, and what becomes of what was queued for them.
//!
//!     cargo run -p fanfare --example clients_that_go_away
//!
//! Frames are taken by callbacks here. Each client has a context of its own, which goes with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use fanfare::{
    Config, EndReason, Engine, ErrorKind, Frame, Hooks, Overflow, Profile, Raise, Result, Revision,
    SessionId, SessionParams, Verdict,
};

const NOTE: &str = "file:///notes/today.md";

const LEGACY: Profile = Profile::Legacy { revision: Revision::V2025_11_25, handshake: false };

/// A session has a number of the host's own: here, which of these names it has.
const NAMES: [&str; 6] = ["stayer", "leaver", "broken", "oldest", "newest", "closed"];

/// The server's end of a client's connection.
#[derive(Default)]
struct Connection {
    name: &'static str,
    is_full: AtomicBool,
    is_broken: AtomicBool,
}

// readme: verdict
/// What a client's callback needs. It goes with the session.
struct Context(Arc<Connection>);

impl Context {
    fn take(&self, frame: &Frame<'_>) -> Verdict {
        let Self(to) = self;
        if to.is_broken.load(Relaxed) {
            return Verdict::Gone; // the session is closed
        }
        if to.is_full.load(Relaxed) {
            return Verdict::NotNow; // all stays queued, until Engine::resume
        }
        print!("{} <- {}", to.name, String::from_utf8_lossy(frame.data));
        Verdict::Accepted
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        println!("# {}: its context is dropped", self.0.name);
    }
}
// readme: end

// readme: hooks
fn hooks() -> Hooks {
    Hooks::new()
        // Told with the first event that a client loses, and not with each.
        .on_lag(|lag| {
            let name = NAMES[lag.user_data as usize];
            println!("# {name}: lags, {} are queued", lag.queued_frames);
        })
        // Told of each session that ended by anything but our own Engine::close.
        .on_session_end(|end| {
            let name = NAMES[end.user_data as usize];
            println!("# {name}: ended, {}", end.reason.as_str());
        })
}
// readme: end

fn open(engine: &Engine, number: usize, policy: Overflow) -> Result<(SessionId, Arc<Connection>)> {
    let connection = Arc::new(Connection { name: NAMES[number], ..Connection::default() });
    let params = SessionParams::new(LEGACY);
    let params = params.max_queued_frames(2).overflow(policy).user_data(number as u64);
    let session = engine.open(params)?;
    let context = Context(Arc::clone(&connection));
    engine.on_frame(Some(session), Box::new(move |frame| context.take(frame)))?;
    engine.subscribe(session, NOTE)?;
    Ok((session, connection))
}

/// An event: it is merged with nothing.
fn build(engine: &Engine, n: u32) -> Result<usize> {
    let params = format!(r#"{{"build":{n}}}"#);
    engine.notify("notifications/build/done", Some(&params), &Raise::ALL)
}

fn deliver(engine: &Engine) -> Result<()> {
    while engine.dispatch(1024)? > 0 {}
    Ok(())
}

fn main() -> Result<()> {
    let engine = Engine::with_hooks(Config::default(), hooks());
    let (stayer, _) = open(&engine, 0, Overflow::Close)?;

    println!("# one hangs up while something is queued for it, one breaks");
    // readme: hang-up
    let (leaver, _) = open(&engine, 1, Overflow::Close)?;
    let (_, broken) = open(&engine, 2, Overflow::Close)?;
    build(&engine, 1)?;
    engine.close(leaver)?; // we saw it hang up
    broken.is_broken.store(true, Relaxed); // this we shall see when we write to it
    deliver(&engine)?;
    match engine.subscribe(leaver, NOTE) {
        Err(why) if why.kind() == ErrorKind::Gone => println!("# leaver: {}", why.detail()),
        other => other?,
    }
    // readme: end

    println!("# three stop reading; each has room for two events");
    // readme: stall
    let (oldest, first) = open(&engine, 3, Overflow::DropOldest)?;
    let (newest, second) = open(&engine, 4, Overflow::DropNewest)?;
    let (_closed, third) = open(&engine, 5, Overflow::Close)?;
    let stalled = [first, second, third];
    for connection in &stalled {
        connection.is_full.store(true, Relaxed);
    }
    for n in 2..6 {
        // Merged with the one that waits, so it needs no room.
        engine.notify_resource_updated(NOTE, &Raise::ALL)?;
        build(&engine, n)?;
        deliver(&engine)?;
    }

    println!("# they read again");
    for connection in &stalled {
        connection.is_full.store(false, Relaxed);
    }
    engine.resume(oldest)?; // the third is gone
    engine.resume(newest)?;
    deliver(&engine)?;
    let lost = |session| engine.session_stats(session).map(|stats| stats.dropped);
    println!("# lost: {} and {}", lost(oldest)?, lost(newest)?);
    // readme: end

    println!("# the server shuts down");
    // readme: shutdown
    engine.notify_resource_updated(NOTE, &Raise::ALL)?;
    for session in [stayer, oldest, newest] {
        engine.end(session, EndReason::Shutdown)?;
    }
    deliver(&engine) // what is queued goes out before
    // readme: end
}
