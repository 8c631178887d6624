//! The ways out: read, batches, packed buffers, waiting, the descriptor, callbacks and threads
//! (DESIGN 4.6).

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::*;
use fanfare::{
    Batch, Config, Dispatcher, EndReason, Engine, ErrorKind, Framing, Hooks, Profile, Raise,
    Revision, SessionId, SessionParams, Target, Verdict,
};

fn raise(engine: &Engine, n: usize) {
    engine.notify("x", Some(&format!(r#"{{"n":{n}}}"#)), &Raise::ALL).unwrap();
}

fn event(n: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"x","params":{{"n":{n}}}}}"#)
}

#[test]
fn framing_is_that_of_the_session() {
    let engine = engine(&[]);
    for (framing, expected) in [
        (Framing::Json, event(1)),
        (Framing::Ndjson, format!("{}\n", event(1))),
        (Framing::Sse, format!("event: message\ndata: {}\n\n", event(1))),
    ] {
        let session = engine.open(SessionParams::new(Profile::Open).framing(framing)).unwrap();
        let broken_up = "{\"n\":\r\n1}";
        engine.notify("x", Some(broken_up), &to(session)).unwrap();
        let got = frames(&engine, session).remove(0);
        assert_eq!(got.replace("  ", ""), expected, "R4: no line break inside");
    }
}

#[test]
fn read_copies_whole_frames_only() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    assert_eq!(engine.read(session, &mut [0; 10]), Ok(0));
    for n in 0..3 {
        raise(&engine, n);
    }
    let size = event(0).len();
    let error = engine.read(session, &mut vec![0; size - 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.detail().contains(&size.to_string()), "{error}");
    let mut buf = vec![0; 2 * size + 1];
    assert_eq!(engine.read(session, &mut buf), Ok(2 * size));
    assert_eq!(buf[..2 * size], *format!("{}{}", event(0), event(1)).as_bytes());
    assert_eq!(engine.read(session, &mut buf), Ok(size));
}

#[test]
fn drain_packs_many_sessions_into_one_buffer() {
    let engine = engine(&[]);
    let sessions = [0, 1, 2].map(|_| open(&engine, Profile::Open));
    raise(&engine, 7);
    raise(&engine, 8);
    let mut buf = vec![0xff; 4096];
    let used = engine.drain(&mut buf).unwrap();
    let mut rest = &buf[..used];
    let mut got = Vec::new();
    while !rest.is_empty() {
        let word = |at: usize| u64::from_ne_bytes(rest[at..at + 8].try_into().unwrap());
        let half = |at: usize| u32::from_ne_bytes(rest[at..at + 4].try_into().unwrap());
        let len = half(20) as usize;
        assert_eq!(half(16), 0);
        let session = SessionId::from_raw(word(0));
        assert_eq!(engine.stream(session).unwrap().to_raw(), word(8));
        got.push((session, String::from_utf8(rest[24..24 + len].to_vec()).unwrap()));
        let end = 24 + len.next_multiple_of(8);
        assert!(rest[24 + len..end].iter().all(|&b| b == 0));
        rest = &rest[end..];
    }
    let expected: Vec<_> =
        sessions.into_iter().flat_map(|s| [(s, event(7)), (s, event(8))]).collect();
    assert_eq!(got, expected);
    raise(&engine, 9);
    let error = engine.drain(&mut [0; 30]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(engine.stats().queued_frames, 3, "nothing is lost");
}

#[test]
fn streams_take_turns() {
    let engine = engine(&[("session.max_queued_frames", "1000")]);
    let [a, b] = [0, 1].map(|_| open(&engine, Profile::Open));
    for n in 0..200 {
        raise(&engine, n);
    }
    let mut batch = Batch::new();
    assert_eq!(engine.recv(None, 128, &mut batch), Ok(128));
    let of_a = batch.iter().filter(|frame| frame.session == a).count();
    assert_eq!(of_a, 64, "neither waits for all of the other");
    assert_eq!(batch.iter().filter(|frame| frame.session == b).count(), 64);
}

#[test]
fn a_paused_session_is_not_offered_and_loses_nothing() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    raise(&engine, 1);
    engine.pause(session).unwrap();
    raise(&engine, 2);
    let mut ready = Vec::new();
    engine.ready_sessions(10, &mut ready);
    assert_eq!(ready, []);
    assert!(!engine.wait(Some(Duration::ZERO)));
    engine.resume(session).unwrap();
    engine.ready_sessions(10, &mut ready);
    assert_eq!(ready, [session]);
    assert_eq!(frames(&engine, session), [event(1), event(2)]);
}

#[test]
fn wait_returns_for_output_for_a_wake_up_and_for_its_time() {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, Profile::Open);
    assert!(!engine.wait(Some(Duration::from_millis(1))));
    engine.wakeup();
    assert!(!engine.wait(None));
    let raiser = std::thread::spawn({
        let engine = engine.clone();
        move || raise(&engine, 1)
    });
    assert!(engine.wait(None));
    raiser.join().unwrap();
    assert!(engine.wait(None), "as long as there is output");
    frames(&engine, session);
    assert!(!engine.wait(Some(Duration::ZERO)));
}

#[test]
fn wait_does_what_falls_due() {
    let mut config = Config::default();
    config.set("progress.min_interval_ms", "200").unwrap();
    let engine = Engine::new(config);
    let session = open(&engine, legacy(fanfare::Revision::V2025_06_18));
    passed(&engine, session, &request("1", "tools/call", r#"{"_meta":{"progressToken":1}}"#));
    for n in 1..=2 {
        let params = format!(r#"{{"progressToken":1,"progress":{n}}}"#);
        engine.notify("notifications/progress", Some(&params), &Raise::ALL).unwrap();
        // Taken out and no more: looking at it closely could take longer than the interval.
        engine.recv(Some(session), 10, &mut Batch::new()).unwrap();
    }
    assert!(engine.wait(None), "the held value comes without a further call");
    assert!(frames(&engine, session)[0].contains(r#""progress":2"#));
}

#[cfg(unix)]
#[test]
fn the_descriptor_is_readable_exactly_while_there_is_output() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    let fd = engine.fd().unwrap();
    assert_eq!(engine.fd(), Some(fd));
    for _ in 0..3 {
        assert!(!is_readable(fd));
        raise(&engine, 1);
        raise(&engine, 2);
        assert!(is_readable(fd));
        let mut batch = Batch::new();
        engine.recv(Some(session), 1, &mut batch).unwrap();
        assert!(is_readable(fd), "one frame is left");
        engine.pause(session).unwrap();
        assert!(!is_readable(fd));
        engine.resume(session).unwrap();
        assert!(is_readable(fd));
        engine.recv(None, 1, &mut batch).unwrap();
    }
    raise(&engine, 1);
    engine.close(session).unwrap();
    assert!(!is_readable(fd));
    // Asked for while there is output already.
    let late = common::engine(&[]);
    open(&late, Profile::Open);
    raise(&late, 1);
    assert!(is_readable(late.fd().unwrap()));
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "the standard library cannot poll a descriptor")]
fn is_readable(fd: i32) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid pollfd is passed, and does not outlive the call.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 }
}

#[test]
fn the_wake_hook_is_called_once_per_edge() {
    let wakes = Arc::new(AtomicUsize::new(0));
    let count = wakes.clone();
    let hooks = Hooks::new().on_wake(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let engine = Engine::with_hooks(config(&[]), hooks);
    let sessions = [0, 1].map(|_| open(&engine, Profile::Open));
    for round in 1..=3 {
        raise(&engine, 1);
        raise(&engine, 2);
        assert_eq!(wakes.load(Ordering::SeqCst), round);
        let _ = sessions.map(|session| frames(&engine, session));
    }
}

#[test]
fn the_deadline_hook_is_called_when_something_is_due_sooner() {
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let hooks = Hooks::new().on_deadline(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let keys =
        [("clock", "manual"), ("debounce.resource_ms", "100"), ("debounce.tool_list_ms", "50")];
    let engine = Engine::with_hooks(config(&keys), hooks);
    // An interval runs where somebody has heard.
    let _hears_all = open(&engine, Profile::Open);
    assert_eq!(called.load(Ordering::SeqCst), 0);
    engine.notify_resource_updated("file:///a", &Raise::ALL).unwrap();
    assert_eq!((called.load(Ordering::SeqCst), engine.next_deadline_ms()), (1, Some(100)));
    // Later than what is planned already, and at the same time.
    engine.advance(10).unwrap();
    engine.notify_resource_updated("file:///b", &Raise::ALL).unwrap();
    engine.notify_resource_updated("file:///a", &Raise::ALL).unwrap();
    assert_eq!((called.load(Ordering::SeqCst), engine.next_deadline_ms()), (1, Some(100)));
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!((called.load(Ordering::SeqCst), engine.next_deadline_ms()), (2, Some(60)));
    // That the next one is later is no news.
    engine.advance(60).unwrap();
    assert_eq!((called.load(Ordering::SeqCst), engine.next_deadline_ms()), (2, Some(100)));
}

#[test]
fn hooks_may_call_the_engine() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (sender, receiver) = mpsc::channel::<Arc<Engine>>();
    let receiver = Mutex::new(receiver);
    let ends = told.clone();
    let hooks = Hooks::new().on_session_end(move |end| {
        let engine = receiver.lock().unwrap().recv().unwrap();
        assert_eq!(engine.session_stats(end.session).unwrap_err().kind(), ErrorKind::Gone);
        ends.lock().unwrap().push((end.reason, end.user_data));
    });
    let engine = Arc::new(Engine::with_hooks(config(&[]), hooks));
    let session = engine.open(SessionParams::new(Profile::Open).user_data(42)).unwrap();
    sender.send(engine.clone()).unwrap();
    engine.end(session, EndReason::Revoked).unwrap();
    assert_eq!(*told.lock().unwrap(), [(EndReason::Revoked, 42)]);
}

/// An engine whose session's frames land in a list, with a verdict for each.
fn pushed(verdict: fn(usize) -> Verdict) -> (Arc<Engine>, SessionId, Arc<Mutex<Vec<String>>>) {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, Profile::Open);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let list = seen.clone();
    engine
        .on_frame(
            Some(session),
            Box::new(move |frame| {
                let mut list = list.lock().unwrap();
                list.push(String::from_utf8(frame.data.to_vec()).unwrap());
                verdict(list.len())
            }),
        )
        .unwrap();
    (engine, session, seen)
}

#[test]
fn dispatch_calls_back_in_order_on_this_thread() {
    let (engine, _, seen) = pushed(|_| Verdict::Accepted);
    for n in 0..5 {
        raise(&engine, n);
    }
    let mut batch = Batch::new();
    assert_eq!(engine.recv(None, 10, &mut batch), Ok(0), "a callback's session is not pulled");
    assert_eq!(engine.dispatch(2), Ok(2));
    assert_eq!(engine.dispatch(100), Ok(3));
    assert_eq!(engine.dispatch(100), Ok(0));
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 4].map(event));
    assert_eq!(engine.stats().delivered, 5);
}

#[test]
fn not_now_keeps_the_frame_and_what_follows() {
    let (engine, session, seen) =
        pushed(|count| if count == 2 { Verdict::NotNow } else { Verdict::Accepted });
    for n in 0..3 {
        raise(&engine, n);
    }
    assert_eq!(engine.dispatch(100), Ok(1));
    assert_eq!(engine.dispatch(100), Ok(0));
    engine.resume(session).unwrap();
    assert_eq!(engine.dispatch(100), Ok(2));
    assert_eq!(*seen.lock().unwrap(), [0, 1, 1, 2].map(event));
}

#[test]
fn gone_closes_the_session() {
    let (engine, session, _) = pushed(|_| Verdict::Gone);
    raise(&engine, 0);
    raise(&engine, 1);
    assert_eq!(engine.dispatch(100), Ok(0));
    assert_eq!(engine.session_stats(session).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(engine.stats().queued_frames, 0);
}

#[test]
fn a_callback_may_call_anything_but_dispatch() {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, Profile::Open);
    let inner = Arc::downgrade(&engine);
    let results = Arc::new(Mutex::new(Vec::new()));
    let list = results.clone();
    let callback = move |_: &fanfare::Frame<'_>| {
        let engine = inner.upgrade().unwrap();
        let mut list = list.lock().unwrap();
        list.push(engine.dispatch(1).map_err(|e| e.kind()));
        if list.len() == 1 {
            raise(&engine, 1);
        } else {
            engine.close(session).unwrap();
        }
        Verdict::Accepted
    };
    engine.on_frame(None, Box::new(callback)).unwrap();
    raise(&engine, 0);
    assert_eq!(engine.dispatch(100), Ok(2));
    assert_eq!(*results.lock().unwrap(), [Err(ErrorKind::Reentrant); 2]);
    assert_eq!(engine.stats().sessions, 0);
}

#[test]
fn a_notice_raised_while_it_is_in_hand_is_not_lost() {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, Profile::Open);
    let inner = Arc::downgrade(&engine);
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let callback = move |_: &fanfare::Frame<'_>| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            let engine = inner.upgrade().unwrap();
            engine.notify_tool_list_changed(&Raise::ALL).unwrap();
            engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        }
        Verdict::Accepted
    };
    engine.on_frame(Some(session), Box::new(callback)).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(engine.dispatch(100), Ok(2));
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_in_a_callback_leaves_engine_and_frame_whole() {
    let (engine, session, seen) =
        pushed(|count| if count == 1 { panic!("planted") } else { Verdict::Accepted });
    raise(&engine, 0);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| engine.dispatch(1)));
    assert!(panicked.is_err());
    seen.clear_poison();
    raise(&engine, 1);
    engine.resume(session).unwrap();
    assert_eq!(engine.dispatch(100), Ok(2));
    assert_eq!(*seen.lock().unwrap(), [0, 0, 1].map(event));
}

#[test]
fn threads_deliver_everything_in_order_without_overlap() {
    const SESSIONS: usize = 8;
    const EVENTS: usize = 500;
    let engine = Arc::new(engine(&[("session.max_queued_frames", "100000")]));
    let (done, finished) = mpsc::channel();
    for _ in 0..SESSIONS {
        let session = open(&engine, Profile::Open);
        let next = AtomicUsize::new(0);
        let inside = AtomicUsize::new(0);
        let done = done.clone();
        let callback = move |frame: &fanfare::Frame<'_>| {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "never two at once");
            let n = next.fetch_add(1, Ordering::SeqCst);
            let is_next = frame.data == event(n).as_bytes();
            inside.fetch_sub(1, Ordering::SeqCst);
            if !is_next || n + 1 == EVENTS {
                done.send(is_next).unwrap();
            }
            Verdict::Accepted
        };
        engine.on_frame(Some(session), Box::new(callback)).unwrap();
    }
    let dispatcher = Dispatcher::start(engine.clone(), 3).unwrap();
    for n in 0..EVENTS {
        raise(&engine, n);
    }
    for _ in 0..SESSIONS {
        assert!(finished.recv_timeout(Duration::from_secs(30)).expect("all are delivered"));
    }
    dispatcher.stop().unwrap();
    raise(&engine, 0);
    assert_eq!(engine.stats().queued_frames, SESSIONS as u64, "stopped threads take nothing");
}

#[test]
fn a_callback_that_blocks_delays_nobody_else() {
    let engine = Arc::new(engine(&[]));
    let [slow, quick] = [0, 1].map(|_| open(&engine, Profile::Open));
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let (entered, has_entered) = mpsc::channel();
    let wait = move |_: &fanfare::Frame<'_>| {
        entered.send(()).unwrap();
        blocked.lock().unwrap().recv().unwrap();
        Verdict::Accepted
    };
    engine.on_frame(Some(slow), Box::new(wait)).unwrap();
    let (heard, has_heard) = mpsc::channel();
    let hear = move |_: &fanfare::Frame<'_>| {
        heard.send(()).unwrap();
        Verdict::Accepted
    };
    engine.on_frame(Some(quick), Box::new(hear)).unwrap();
    let dispatcher = Dispatcher::start(engine.clone(), 2).unwrap();
    engine.notify("x", None, &to(slow)).unwrap();
    has_entered.recv_timeout(Duration::from_secs(30)).unwrap();
    for _ in 0..10 {
        engine.notify("x", None, &to(quick)).unwrap();
        has_heard.recv_timeout(Duration::from_secs(30)).expect("the other thread delivers");
    }
    release.send(()).unwrap();
    dispatcher.stop().unwrap();
}

#[test]
fn close_waits_for_the_callback_of_the_session() {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, Profile::Open);
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(blocked);
    let (entered, has_entered) = mpsc::channel();
    let is_over = Arc::new(AtomicUsize::new(0));
    let over = is_over.clone();
    let callback = move |_: &fanfare::Frame<'_>| {
        entered.send(()).unwrap();
        blocked.lock().unwrap().recv().unwrap();
        over.store(1, Ordering::SeqCst);
        Verdict::Accepted
    };
    engine.on_frame(Some(session), Box::new(callback)).unwrap();
    let dispatcher = Dispatcher::start(engine.clone(), 1).unwrap();
    raise(&engine, 0);
    has_entered.recv_timeout(Duration::from_secs(30)).unwrap();
    let closer = std::thread::spawn({
        let (engine, is_over) = (engine.clone(), is_over.clone());
        move || {
            engine.close(session).unwrap();
            is_over.load(Ordering::SeqCst)
        }
    });
    release.send(()).unwrap();
    assert_eq!(closer.join().unwrap(), 1, "close returned before the callback did");
    dispatcher.stop().unwrap();
}

#[test]
fn any_thread_may_raise_feed_and_drain() {
    const ROUNDS: usize = 2000;
    let engine = Arc::new(engine(&[("session.max_queued_frames", "1000000")]));
    let session = open(&engine, Profile::Open);
    let modern = open(&engine, Profile::Modern);
    let threads: Vec<_> = (0..3)
        .map(|thread| {
            let engine = engine.clone();
            std::thread::spawn(move || {
                for n in 0..ROUNDS {
                    match thread {
                        0 => raise(&engine, n),
                        1 => {
                            engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
                        }
                        _ => {
                            let listen = listen("1", r#"{"resourceSubscriptions":["a:"]}"#);
                            engine.receive(modern, None, listen.as_bytes()).unwrap();
                            engine.receive(modern, None, cancelled("1").as_bytes()).unwrap();
                        }
                    }
                }
            })
        })
        .collect();
    let mut events = Vec::new();
    let mut batch = Batch::new();
    loop {
        let is_over = threads.iter().all(std::thread::JoinHandle::is_finished);
        engine.recv(None, 64, &mut batch).unwrap();
        for frame in batch.iter().filter(|frame| frame.session == session) {
            let text = String::from_utf8(frame.data.to_vec()).unwrap();
            if text.contains("\"x\"") {
                events.push(text);
            }
        }
        if is_over && batch.is_empty() {
            break;
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let expected: Vec<String> = (0..ROUNDS).map(event).collect();
    assert_eq!(events, expected);
    assert_eq!(engine.stats().subscriptions, 0);
    assert_eq!(engine.stats().queued_frames, 0);
}

#[test]
fn a_batch_of_like_frames_has_the_text_of_each() {
    let engine = engine(&[]);
    let ids = ["1", "1", "2", "10", r#""1""#, "7", "7", r#""é""#, "12", "345"];
    let sessions: Vec<_> = ids
        .iter()
        .zip([Framing::Json, Framing::Json, Framing::Json, Framing::Ndjson].iter().cycle())
        .map(|(id, framing)| {
            let params = SessionParams::new(Profile::Modern).framing(*framing);
            let session = open_with(&engine, params);
            let filter = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:","b:"]}"#;
            engine.listen(session, None, id, filter).unwrap();
            session
        })
        .collect();
    let plain = open(&engine, legacy(Revision::V2025_06_18));
    engine.subscribe(plain, "a:").unwrap();
    let mut batch = Batch::new();
    engine.recv(None, usize::MAX, &mut batch).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let context = Raise::to(Target::Session(sessions[2])).context(r#"{"n":1}"#);
    engine.notify_resource_updated("b:", &context).unwrap();
    engine.notify_resource_updated("b:", &Raise::to(Target::Session(sessions[3]))).unwrap();
    engine.recv(None, usize::MAX, &mut batch).unwrap();
    let mut by_session: HashMap<_, Vec<String>> = HashMap::new();
    for frame in batch.iter() {
        let text = String::from_utf8(frame.data.to_vec()).unwrap();
        by_session.entry(frame.session).or_default().push(text);
    }
    for (at, (session, id)) in sessions.iter().zip(ids).enumerate() {
        let end = if at % 4 == 3 { "\n" } else { "" };
        let mut expected = vec![tagged(id, "a:"), tagged_list(id, "tools")];
        match at {
            2 => expected.push(tagged(id, "b:").replace(r#":2},"#, r#":2,"n":1},"#)),
            3 => expected.push(tagged(id, "b:")),
            _ => {}
        }
        let expected: Vec<_> = expected.into_iter().map(|text| text + end).collect();
        assert_eq!(by_session[session], expected);
    }
    let untagged = notification("notifications/tools/list_changed", "");
    assert_eq!(by_session[&plain], [updated("a:"), untagged]);
}
