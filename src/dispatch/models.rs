//! The places where threads meet, in every interleaving of up to three preemptions (`make loom`):
//! readiness, a drain against a raising against a close, a subscription against a raising and
//! against a revocation, the end of a request against its progress, and frames that are lent to
//! callbacks against whatever takes them back.

use loom::sync::Arc;
use loom::sync::Condvar;
use loom::sync::atomic::Ordering::SeqCst;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread;

use crate::config::Config;
use crate::dispatch::batch::{Batch, Frame};
use crate::dispatch::engine::Engine;
use crate::dispatch::hooks::Hooks;
use crate::dispatch::ready::Ready;
use crate::framing::Framing;
use crate::params::{Access, Profile, Raise, SessionId, SessionParams, Verdict};
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

/// As a dispatcher thread works: it is woken by output, and sleeps when it has found none.
fn take_each(queue: &Queue, woken: &(Mutex<bool>, Condvar), mut wanted: u32) {
    while wanted != 0 {
        *woken.0.lock().unwrap() = false;
        let mut len = queue.len.lock().unwrap();
        while *len != 0 {
            *len -= 1;
            wanted -= 1;
            let owed = queue.ready.note_pushed(*len != 0);
            drop(len);
            queue.ready.settle(owed);
            len = queue.len.lock().unwrap();
        }
        let owed = queue.ready.note(*len != 0, *len != 0, None);
        drop(len);
        queue.ready.settle(owed);
        queue.ready.settle(queue.ready.owe());
        if wanted != 0 && queue.ready.shows_nothing_pushed() {
            let mut is_woken = woken.0.lock().unwrap();
            while !*is_woken {
                is_woken = woken.1.wait(is_woken).unwrap();
            }
        }
    }
}

#[test]
fn a_dispatcher_that_sleeps_is_woken() {
    loom::model(|| {
        let queue = Queue::new();
        let woken = Arc::new((Mutex::new(false), Condvar::new()));
        let waking = woken.clone();
        queue.ready.add_dispatcher(std::sync::Arc::new(move || {
            *waking.0.lock().unwrap() = true;
            waking.1.notify_one();
        }));
        let raiser = thread::spawn({
            let queue = queue.clone();
            move || {
                queue.set(|len| *len += 1);
                queue.set(|len| *len += 1);
            }
        });
        // Somebody whose call changes nothing may have to show what another has noted.
        let other = thread::spawn({
            let queue = queue.clone();
            move || queue.set(|_| {})
        });
        take_each(&queue, &woken, 2);
        raiser.join().unwrap();
        other.join().unwrap();
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

/// What the callbacks of two sessions see: of each, whether one runs, and how often it ran.
struct Watch {
    is_inside: [AtomicBool; 2],
    /// Nothing may be delivered to it any more.
    is_over: [AtomicBool; 2],
    count: [AtomicUsize; 2],
}

impl Watch {
    fn see(&self, at: usize) -> Verdict {
        assert!(!self.is_over[at].load(SeqCst), "nothing after the end");
        assert!(!self.is_inside[at].swap(true, SeqCst), "never two at once");
        self.count[at].fetch_add(1, SeqCst);
        self.is_inside[at].store(false, SeqCst);
        Verdict::Accepted
    }

    fn counts(&self) -> [usize; 2] {
        [0, 1].map(|at| self.count[at].load(SeqCst))
    }
}

/// An engine of two sessions with a callback, each with a notice of every topic.
fn called(topics: &[&str]) -> (Arc<Engine>, [SessionId; 2], Arc<Watch>) {
    let (engine, first) = engine(Profile::Modern);
    let second = SessionParams::new(Profile::Modern).framing(Framing::Json);
    let sessions = [first, engine.open(second).unwrap()];
    for session in sessions {
        let filter = format!(r#"{{"resourceSubscriptions":{topics:?}}}"#);
        engine.listen(session, None, "1", &filter).unwrap();
        drained(&engine, session);
    }
    for topic in topics {
        engine.notify_resource_updated(topic, &Raise::ALL).unwrap();
    }
    let watch = Arc::new(Watch {
        is_inside: [0; 2].map(|_| AtomicBool::new(false)),
        is_over: [0; 2].map(|_| AtomicBool::new(false)),
        count: [0; 2].map(AtomicUsize::new),
    });
    let watching = watch.clone();
    let callback = move |frame: &Frame<'_>| watching.see(usize::from(frame.session != sessions[0]));
    engine.on_frame(None, Box::new(callback)).unwrap();
    (engine, sessions, watch)
}

#[test]
fn what_is_lent_to_callbacks_meets_an_unsubscription() {
    loom::model(|| {
        let (engine, [_, second], watch) = called(&[URI]);
        let dispatcher = thread::spawn({
            let engine = engine.clone();
            move || engine.dispatch(usize::MAX).unwrap()
        });
        let cancel =
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
        engine.receive(second, None, cancel.as_bytes()).unwrap();
        // What was begun before may go on; nothing is begun any more.
        let is_begun = engine.lock().is_busy(second);
        let so_far = watch.counts()[1];
        let accepted = dispatcher.join().unwrap();
        let counts = watch.counts();
        assert!(is_begun || counts[1] == so_far, "nothing after the end");
        assert_eq!((counts[0], accepted), (1, 1 + counts[1]));
        assert_eq!(engine.dispatch(usize::MAX), Ok(0));
        assert_eq!(engine.stats().queued_frames, 0);
    });
}

#[test]
fn what_is_lent_to_callbacks_meets_a_close() {
    loom::model(|| {
        let (engine, [_, second], watch) = called(&[URI, "b:"]);
        let dispatcher = thread::spawn({
            let engine = engine.clone();
            move || engine.dispatch(usize::MAX).unwrap()
        });
        engine.close(second).unwrap();
        watch.is_over[1].store(true, SeqCst);
        assert!(!watch.is_inside[1].load(SeqCst), "a close waits");
        let accepted = dispatcher.join().unwrap();
        let [first, second] = watch.counts();
        assert_eq!((first, accepted), (2, 2 + second));
        assert_eq!(engine.stats().delivered, 2 + accepted as u64);
        assert_eq!(engine.stats().queued_frames, 0);
    });
}

#[test]
fn what_is_lent_to_callbacks_meets_a_raising_and_another_dispatch() {
    loom::model(|| {
        let (engine, _, watch) = called(&[URI]);
        let dispatcher = thread::spawn({
            let engine = engine.clone();
            move || engine.dispatch(usize::MAX).unwrap()
        });
        assert_eq!(raise(&engine), 2);
        let mut accepted = engine.dispatch(usize::MAX).unwrap();
        accepted += dispatcher.join().unwrap();
        accepted += engine.dispatch(usize::MAX).unwrap();
        let [first, second] = watch.counts();
        assert!((1..=2).contains(&first) && (1..=2).contains(&second));
        assert_eq!(accepted, first + second, "each was delivered, or had merged");
        let stats = engine.stats();
        assert_eq!((stats.delivered, stats.merged), (2 + accepted as u64, 4 - accepted as u64));
        assert_eq!(stats.queued_frames, 0);
    });
}
