//! The places where threads meet, in every interleaving of up to three preemptions (`make loom`):
//! readiness, a drain against a raising against a close, a subscription against a raising and
//! against a revocation, and the end of a request against its progress.

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::SeqCst;
use loom::thread;

use crate::config::Config;
use crate::dispatch::batch::Batch;
use crate::dispatch::engine::Engine;
use crate::dispatch::hooks::Hooks;
use crate::dispatch::ready::Ready;
use crate::framing::Framing;
use crate::params::{Access, Profile, Raise, SessionId, SessionParams};
use crate::protocol::Revision;
use crate::sync::Mutex;

/// A queue that only has a length, with readiness as the engine keeps it.
struct Queue {
    len: Mutex<u32>,
    ready: Ready,
}

impl Queue {
    fn new() -> Arc<Self> {
        Arc::new(Self { len: Mutex::new(0), ready: Ready::new() })
    }

    fn set(&self, change: impl FnOnce(&mut u32)) {
        let mut len = self.len.lock().unwrap();
        change(&mut len);
        let owed = self.ready.note(*len != 0, *len != 0, None);
        drop(len);
        self.ready.settle(owed);
    }
}

#[test]
fn what_is_shown_ends_up_as_the_truth() {
    loom::model(|| {
        let queue = Queue::new();
        let threads = [1, 0].map(|to| {
            let queue = queue.clone();
            thread::spawn(move || queue.set(|len| *len = to))
        });
        queue.set(|len| *len += 1);
        for thread in threads {
            thread.join().unwrap();
        }
        let is_ready = *queue.len.lock().unwrap() != 0;
        assert_eq!(queue.ready.shows_output(), is_ready);
    });
}

#[test]
fn who_waits_is_woken() {
    loom::model(|| {
        let queue = Queue::new();
        let raiser = thread::spawn({
            let queue = queue.clone();
            move || {
                queue.set(|len| *len += 1);
                queue.set(|len| *len -= 1);
                queue.set(|len| *len += 1);
            }
        });
        assert_eq!(queue.ready.wait(None, u64::MAX), Some(true));
        raiser.join().unwrap();
    });
}

const URI: &str = "a:";

fn engine(profile: Profile) -> (Arc<Engine>, SessionId) {
    engine_with(Hooks::new(), profile)
}

fn engine_with(hooks: Hooks, profile: Profile) -> (Arc<Engine>, SessionId) {
    let mut config = Config::default();
    config.set("clock", "manual").unwrap();
    let engine = Engine::with_hooks(config, hooks);
    let session = engine.open(SessionParams::new(profile).framing(Framing::Json)).unwrap();
    (Arc::new(engine), session)
}

fn drained(engine: &Engine, session: SessionId) -> Vec<String> {
    let mut batch = Batch::new();
    if engine.recv(Some(session), usize::MAX, &mut batch).is_err() {
        return Vec::new();
    }
    batch.iter().map(|frame| String::from_utf8(frame.data.to_vec()).unwrap()).collect()
}

fn listen(engine: &Engine, session: SessionId) {
    engine.listen(session, None, "1", r#"{"resourceSubscriptions":["a:"]}"#).unwrap();
}

fn raise(engine: &Engine) -> usize {
    engine.notify_resource_updated(URI, &Raise::ALL).unwrap()
}

#[test]
fn a_drain_meets_a_raising_and_a_close() {
    loom::model(|| {
        let (engine, session) = engine(Profile::Modern);
        listen(&engine, session);
        drained(&engine, session);
        let raiser = thread::spawn({
            let engine = engine.clone();
            move || raise(&engine)
        });
        let drainer = thread::spawn({
            let engine = engine.clone();
            move || drained(&engine, session).len()
        });
        engine.close(session).unwrap();
        let (reached, taken) = (raiser.join().unwrap(), drainer.join().unwrap());
        assert!(taken <= reached);
        let stats = engine.stats();
        assert_eq!((stats.sessions, stats.queued_frames, stats.links), (0, 0, 0));
        assert!(!engine.ready.shows_output());
    });
}

#[test]
fn a_raising_is_heard_exactly_while_the_subscription_stands() {
    loom::model(|| {
        let (engine, session) = engine(Profile::Modern);
        let raiser = thread::spawn({
            let engine = engine.clone();
            move || raise(&engine)
        });
        listen(&engine, session);
        let reached = raiser.join().unwrap();
        let frames = drained(&engine, session);
        assert!(frames[0].contains("acknowledged"));
        assert_eq!(frames.len(), 1 + reached, "no notice is lost once there is a subscription");

        let raiser = thread::spawn({
            let engine = engine.clone();
            move || raise(&engine)
        });
        let cancel =
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
        engine.receive(session, None, cancel.as_bytes()).unwrap();
        raiser.join().unwrap();
        assert!(drained(&engine, session).is_empty(), "nothing after the end");
    });
}

#[test]
fn nothing_is_heard_of_what_was_revoked_meanwhile() {
    loom::model(|| {
        let allowed = Arc::new(AtomicBool::new(true));
        let says = allowed.clone();
        let hooks = Hooks::new()
            .authorize(move |_| if says.load(SeqCst) { Access::Allow } else { Access::Omit });
        let (engine, session) = engine_with(hooks, Profile::Modern);
        let listener = thread::spawn({
            let engine = engine.clone();
            move || listen(&engine, session)
        });
        allowed.store(false, SeqCst);
        engine.revoke(None, None).unwrap();
        assert_eq!(raise(&engine), 0);
        listener.join().unwrap();
        assert_eq!(raise(&engine), 0);
    });
}

#[test]
fn nothing_follows_a_response() {
    loom::model(|| {
        let revision = Revision::V2025_06_18;
        let (engine, session) = engine(Profile::Legacy { revision, handshake: false });
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1}}}"#;
        engine.receive(session, None, call.as_bytes()).unwrap();
        let worker = thread::spawn({
            let engine = engine.clone();
            move || {
                let params = r#"{"progressToken":1,"progress":1}"#;
                engine.notify("notifications/progress", Some(params), &Raise::ALL).unwrap()
            }
        });
        engine.send(session, None, br#"{"jsonrpc":"2.0","id":1,"result":{}}"#).unwrap();
        let reached = worker.join().unwrap();
        let frames = drained(&engine, session);
        assert_eq!(frames.len(), 1 + reached);
        assert!(frames.last().unwrap().contains("result"));
    });
}
