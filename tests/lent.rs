//! Frames of several sessions that are handed to callbacks one after the other: what happens to
//! those that have not been begun yet when a callback, or another thread, changes something.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use fanfare::{EndReason, Engine, ErrorKind, Frame, Profile, Raise, Revision, SessionId, Verdict};

/// So many sessions that several frames are lent at once: when the callback of the one at [`AT`]
/// runs, those of the next are lent.
const SESSIONS: usize = 20;
const AT: usize = 4;

/// An engine whose sessions share a callback, with the sessions it was called for.
struct World {
    engine: Arc<Engine>,
    sessions: Vec<SessionId>,
    seen: Arc<Mutex<Vec<SessionId>>>,
}

/// Every session waits for an update of `a:`; `work` is done in the callback of the one at [`AT`]
/// when it is called first.
fn world(work: impl Fn(&Engine, &[SessionId]) -> Verdict + Send + Sync + 'static) -> World {
    let engine = Arc::new(engine(&[]));
    let profile = legacy(Revision::V2025_06_18);
    let sessions: Vec<_> = (0..SESSIONS).map(|_| open(&engine, profile)).collect();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (list, all, host) = (seen.clone(), sessions.clone(), Arc::downgrade(&engine));
    let is_done = AtomicUsize::new(0);
    let callback = move |frame: &Frame<'_>| {
        let verdict = if frame.session == all[AT] && is_done.fetch_add(1, SeqCst) == 0 {
            work(&host.upgrade().unwrap(), &all)
        } else {
            Verdict::Accepted
        };
        list.lock().unwrap().push(frame.session);
        verdict
    };
    engine.on_frame(None, Box::new(callback)).unwrap();
    for &session in &sessions {
        engine.subscribe(session, "a:").unwrap();
    }
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(SESSIONS));
    World { engine, sessions, seen }
}

impl World {
    fn seen(&self) -> Vec<SessionId> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The sessions but for some.
    fn without(&self, places: &[usize]) -> Vec<SessionId> {
        let all = self.sessions.iter().enumerate();
        all.filter(|(at, _)| !places.contains(at)).map(|(_, &session)| session).collect()
    }
}

#[test]
fn what_is_withdrawn_by_a_callback_is_not_delivered() {
    let world = world(|engine, all| {
        engine.close(all[AT + 1]).unwrap();
        engine.pause(all[AT + 2]).unwrap();
        Verdict::Accepted
    });
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS - 2));
    assert_eq!(world.seen(), world.without(&[AT + 1, AT + 2]));
    world.engine.resume(world.sessions[AT + 2]).unwrap();
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(1));
}

#[test]
fn an_unsubscription_by_a_callback_holds_for_the_next_one() {
    let world = world(|engine, all| {
        engine.unsubscribe(all[AT + 1], "a:").unwrap();
        Verdict::Accepted
    });
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS - 1));
    assert_eq!(world.seen(), world.without(&[AT + 1]));
}

#[test]
fn a_callback_sees_the_engine_as_if_it_was_called_alone() {
    let world = world(|engine, all| {
        let stats = engine.stats();
        assert_eq!(stats.delivered, AT as u64, "this one is not delivered yet");
        assert_eq!(stats.queued_frames, (SESSIONS - AT) as u64);
        for (at, &session) in all.iter().enumerate() {
            let stats = engine.session_stats(session).unwrap();
            let is_queued = at >= AT;
            assert_eq!((stats.queued_frames == 1, stats.delivered == 0), (is_queued, is_queued));
        }
        // Those that have been called are told again, what waits has merged.
        assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(SESSIONS));
        assert_eq!(engine.stats().merged, (SESSIONS - AT - 1) as u64);
        Verdict::Accepted
    });
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS + AT + 1));
    let mut seen = world.seen();
    assert_eq!(seen.drain(..SESSIONS).collect::<Vec<_>>(), world.sessions);
    assert_eq!(seen, world.sessions[..=AT]);
}

#[test]
fn a_refusal_or_a_panic_keeps_its_frame_and_no_other() {
    for panics in [false, true] {
        let world = world(move |_, _| {
            assert!(!panics, "planted");
            Verdict::NotNow
        });
        let dispatched = catch_unwind(AssertUnwindSafe(|| world.engine.dispatch(usize::MAX)));
        let before = if panics { AT } else { SESSIONS - 1 };
        assert_eq!(dispatched.is_err(), panics);
        assert_eq!(world.engine.stats().delivered, before as u64);
        assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS - 1 - before));
        let mut seen = world.seen();
        if !panics {
            // It was called, and refused.
            assert_eq!(seen.remove(AT), world.sessions[AT]);
        }
        assert_eq!(seen, world.without(&[AT]));
        world.engine.resume(world.sessions[AT]).unwrap();
        assert_eq!(world.engine.dispatch(usize::MAX), Ok(1));
        assert_eq!(world.seen(), [world.sessions[AT]]);
    }
}

#[test]
fn a_peer_that_is_gone_takes_no_other_with_it() {
    let world = world(|_, _| Verdict::Gone);
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS - 1));
    assert_eq!(world.seen(), world.sessions);
    let gone = world.engine.session_stats(world.sessions[AT]).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone);
}

#[test]
fn a_callback_registered_meanwhile_gets_the_next_frame() {
    let new = Arc::new(AtomicUsize::new(0));
    let (own, all) = (new.clone(), new.clone());
    let world = world(move |engine, sessions| {
        let own = own.clone();
        let count = move |add: usize| {
            let own = own.clone();
            Box::new(move |_: &Frame<'_>| {
                own.fetch_add(add, SeqCst);
                Verdict::Accepted
            })
        };
        engine.on_frame(Some(sessions[AT + 1]), count(1000)).unwrap();
        engine.on_frame(None, count(1)).unwrap();
        Verdict::Accepted
    });
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS));
    assert_eq!(world.seen(), world.sessions[..=AT]);
    assert_eq!(all.load(SeqCst), 1000 + SESSIONS - AT - 2);
}

#[test]
fn a_dispatch_takes_no_more_than_it_was_asked_for() {
    let world = world(|_, _| Verdict::Accepted);
    for max in [3, 4, 1, 5] {
        assert_eq!(world.engine.dispatch(max), Ok(max));
    }
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS - 13));
    assert_eq!(world.seen(), world.sessions);
}

/// The order in which frames of sessions with much and little to send are delivered.
#[test]
fn how_many_are_asked_for_at_a_time_makes_no_difference_to_the_order() {
    let run = |max: usize| {
        let engine = Arc::new(engine(&[]));
        let sessions: Vec<_> = (0..SESSIONS).map(|_| open(&engine, Profile::Open)).collect();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (list, all) = (seen.clone(), sessions.clone());
        let callback = move |frame: &Frame<'_>| {
            let at = all.iter().position(|&session| session == frame.session);
            let text = String::from_utf8(frame.data.to_vec()).unwrap();
            list.lock().unwrap().push((at, text));
            Verdict::Accepted
        };
        engine.on_frame(None, Box::new(callback)).unwrap();
        for n in 0..5 {
            for (at, &session) in sessions.iter().enumerate() {
                if at % (n + 1) == 0 {
                    let params = format!(r#"{{"n":{n}}}"#);
                    engine.notify("x", Some(&params), &to(session)).unwrap();
                }
            }
            if n == 2 {
                engine.notify_tool_list_changed(&Raise::ALL).unwrap();
                engine.end(sessions[7], EndReason::Graceful).unwrap();
            }
        }
        while engine.dispatch(max).unwrap() != 0 {}
        assert_eq!(engine.stats().queued_frames, 0);
        std::mem::take(&mut *seen.lock().unwrap())
    };
    let one_by_one = run(1);
    assert!(one_by_one.len() > 2 * SESSIONS);
    assert_eq!(run(usize::MAX), one_by_one);
    assert_eq!(run(10), one_by_one);
}

/// A callback that blocks has frames of others lent to its thread.
struct Blocked {
    world: World,
    release: mpsc::Sender<()>,
    dispatcher: thread::JoinHandle<usize>,
}

fn blocked() -> Blocked {
    let (release, until) = mpsc::channel::<()>();
    let (entered, has_entered) = mpsc::channel();
    let until = Mutex::new(until);
    let world = world(move |_, _| {
        entered.send(()).unwrap();
        until.lock().unwrap().recv().unwrap();
        Verdict::Accepted
    });
    let engine = world.engine.clone();
    let dispatcher = thread::spawn(move || engine.dispatch(usize::MAX).unwrap());
    has_entered.recv_timeout(Duration::from_secs(30)).expect("the callback blocks");
    Blocked { world, release, dispatcher }
}

#[test]
fn what_is_lent_to_a_thread_that_is_blocked_is_delivered_by_another() {
    let Blocked { world, release, dispatcher } = blocked();
    assert_eq!(world.engine.dispatch(usize::MAX), Ok(SESSIONS - AT - 1));
    assert_eq!(world.seen(), world.without(&[AT]));
    release.send(()).unwrap();
    assert_eq!(dispatcher.join().unwrap(), AT + 1);
    assert_eq!(world.seen(), [world.sessions[AT]]);
}

#[test]
fn a_close_waits_for_the_frame_that_was_begun_and_for_no_other() {
    let Blocked { world, release, dispatcher } = blocked();
    // It would wait for ever.
    for &session in &world.sessions[AT + 1..] {
        world.engine.close(session).unwrap();
    }
    let (closed, has_closed) = mpsc::channel();
    let closer = thread::spawn({
        let (engine, session) = (world.engine.clone(), world.sessions[AT]);
        let seen = world.seen.clone();
        move || {
            engine.close(session).unwrap();
            closed.send(()).unwrap();
            seen.lock().unwrap().contains(&session)
        }
    });
    assert!(has_closed.try_recv().is_err(), "the callback is still at work");
    release.send(()).unwrap();
    assert!(closer.join().unwrap(), "close returned before the callback did");
    assert_eq!(dispatcher.join().unwrap(), AT + 1);
    assert_eq!(world.seen(), world.sessions[..=AT]);
}
