//! Faults that there have been, each with what should have happened.

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use fanfare::{
    EndReason, Engine, ErrorKind, Framing, Profile, Raise, Revision, SessionId, SessionParams,
    StreamKind, Verdict,
};

const NONE: [&str; 0] = [];
const TOOLS: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

fn initialize(id: &str, version: &str) -> String {
    let params = format!(
        r#"{{"protocolVersion":"{version}","capabilities":{{}},"clientInfo":{{"name":"c","version":"1"}}}}"#
    );
    request(id, "initialize", &params)
}

#[test]
fn a_second_initialize_is_refused_and_promises_nothing() {
    let engine = engine(&[("initialize.answer", "engine")]);
    let greeting = Profile::Legacy { revision: Revision::V2025_11_25, handshake: true };
    for (profile, first) in [
        (greeting, Some("2025-03-26")),
        (Profile::Auto, Some("2025-03-26")),
        (legacy(Revision::V2025_03_26), None),
    ] {
        let session = open(&engine, profile);
        if let Some(version) = first {
            let answer = asked(&engine, session, &initialize("1", version));
            assert!(answer[0].contains(r#""protocolVersion":"2025-03-26""#), "{answer:?}");
        }
        for version in ["2024-11-05", "2025-03-26"] {
            let answer = asked(&engine, session, &initialize("2", version));
            assert_eq!((answer.len(), code_of(&answer[0], "2")), (1, -32600), "{answer:?}");
            assert_eq!(engine.revision(session), Ok(Some(Revision::V2025_03_26)));
        }
    }
}

#[test]
fn a_meta_that_is_no_object_is_refused_and_never_written_twice() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    let raises = [Raise::ALL, Raise::ALL.context(r#"{"c":1}"#)];
    for raise in raises {
        for params in [r#"{"_meta":null,"a":1}"#, r#"{"a":1,"_meta":[]}"#, r#"{"_meta":"x"}"#] {
            let error = engine.notify("notifications/x", Some(params), &raise).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Json, "{error}");
            assert!(error.detail().contains("params._meta"), "{error}");
        }
    }
    assert_eq!(frames(&engine, session), NONE);
    engine.notify("notifications/x", Some(r#"{"_meta":{}}"#), &Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session).len(), 1);
}

/// Two raisings that went out as two frames have not merged; two that went out as one have.
#[test]
fn what_is_raised_while_its_frame_is_in_hand_is_counted_as_it_turns_out() {
    for targeted in [false, true] {
        for (verdict, frames, merged) in [(Verdict::Accepted, 2, 1), (Verdict::NotNow, 1, 2)] {
            let engine = Arc::new(engine(&[]));
            let session = open(&engine, legacy(Revision::V2025_11_25));
            let raise = move |engine: &Engine| {
                let raise = if targeted { to(session) } else { Raise::ALL };
                assert_eq!(engine.notify_tool_list_changed(&raise), Ok(1));
            };
            raise(&engine);
            let meanwhile = move |engine: &Engine| {
                // The first of them is not in this frame; the second merges with the first.
                raise(engine);
                raise(engine);
            };
            let counted = dispatched(&engine, session, verdict, meanwhile);
            assert_eq!(counted, (frames, merged), "{verdict:?}");
        }
    }
}

/// The same of an update of a task, which waits in its link as a notice does.
#[test]
fn an_update_of_a_task_in_hand_is_counted_as_it_turns_out() {
    for (verdict, frames, merged) in [(Verdict::Accepted, 2, 0), (Verdict::NotNow, 1, 1)] {
        let engine = Arc::new(engine(&[]));
        let session = open(&engine, Profile::Modern);
        engine.listen(session, None, "1", r#"{"taskIds":["t"]}"#).unwrap();
        self::frames(&engine, session);
        let raise = |engine: &Engine, status: &str| {
            let params = format!(r#"{{"taskId":"t","status":"{status}"}}"#);
            assert_eq!(engine.notify_task(&params, &Raise::ALL), Ok(1));
        };
        raise(&engine, "working");
        let meanwhile = move |engine: &Engine| raise(engine, "completed");
        let counted = dispatched(&engine, session, verdict, meanwhile);
        assert_eq!(counted, (frames, merged), "{verdict:?}");
    }
}

/// Dispatches what is queued of a session, and does something while the first frame is in hand,
/// which then meets that verdict. Yields how many frames were accepted in the end, and how many
/// raisings were counted as merged, which the session and the engine agree on.
fn dispatched(
    engine: &Arc<Engine>,
    session: SessionId,
    verdict: Verdict,
    meanwhile: impl Fn(&Engine) + Send + Sync + 'static,
) -> (u32, u64) {
    let accepted = Arc::new(Mutex::new(0));
    let (count, host) = (accepted.clone(), Arc::downgrade(engine));
    let is_first = Mutex::new(true);
    let callback = move |_: &fanfare::Frame<'_>| {
        if std::mem::take(&mut *is_first.lock().unwrap()) {
            meanwhile(&host.upgrade().unwrap());
            if verdict != Verdict::Accepted {
                return verdict;
            }
        }
        *count.lock().unwrap() += 1;
        Verdict::Accepted
    };
    engine.on_frame(Some(session), Box::new(callback)).unwrap();
    engine.dispatch(10).unwrap();
    engine.resume(session).unwrap();
    engine.dispatch(10).unwrap();
    let merged = engine.stats().merged;
    assert_eq!(engine.session_stats(session).unwrap().merged, merged);
    let accepted = *accepted.lock().unwrap();
    (accepted, merged)
}

/// R7: what waits for `initialized` waits in vain then; answers go out.
#[test]
fn an_end_before_initialized_drops_what_was_held_and_keeps_the_answers() {
    for reason in [EndReason::Graceful, EndReason::Shutdown] {
        let settings = [
            ("initialize.answer", "engine"),
            ("server.capabilities", r#"{"tools":{"listChanged":true}}"#),
        ];
        let engine = engine(&settings);
        let greeting = Profile::Legacy { revision: Revision::V2025_11_25, handshake: true };
        let session = open(&engine, greeting);
        engine.receive(session, None, initialize("1", "2025-11-25").as_bytes()).unwrap();
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        engine.notify("notifications/x", None, &Raise::ALL).unwrap();
        engine.end(session, reason).unwrap();
        let got = frames(&engine, session);
        assert!(got.len() == 1 && got[0].contains("protocolVersion"), "{got:?}");
        assert_eq!(engine.stats().sessions, 0);
        // Once it has been said, what is queued goes out.
        let session = open(&engine, greeting);
        engine.receive(session, None, initialize("1", "2025-11-25").as_bytes()).unwrap();
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        let initialized = notification("notifications/initialized", "");
        engine.receive(session, None, initialized.as_bytes()).unwrap();
        engine.end(session, reason).unwrap();
        assert_eq!(frames(&engine, session)[1..], [TOOLS]);
    }
}

/// R35: a lost connection cancels nothing, so the host works on; its answer has nowhere to go, and
/// with it the request is over.
#[test]
fn a_request_whose_stream_is_lost_is_over_when_the_host_answers() {
    let engine = engine(&[("session.max_requests", "2"), ("replay.max_frames", "0")]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    for id in ["1", "2", "3", "4"] {
        let post = engine.open_stream(session, StreamKind::Request).unwrap();
        engine.receive(session, Some(post), call(id, id).as_bytes()).unwrap();
        assert_eq!(frames_of(&engine, post), NONE, "there is room for {id}");
        engine.close_stream(post).unwrap();
        assert_eq!(engine.session_stats(session).unwrap().requests, 1, "it is no cancellation");
        let error = engine.send(session, None, empty(id).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Gone);
        assert_eq!(engine.session_stats(session).unwrap().requests, 0);
        let error = engine.send(session, None, empty(id).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
    }
    // The id is free again.
    let post = engine.open_stream(session, StreamKind::Request).unwrap();
    engine.receive(session, Some(post), call("1", "1").as_bytes()).unwrap();
    respond(&engine, session, "1");
    assert_eq!(frames_of(&engine, post), [empty("1")]);
}

/// An engine that notes which streams were over without a last frame.
fn noting() -> (Arc<Engine>, Arc<Mutex<Vec<fanfare::StreamEnd>>>) {
    let ends: Arc<Mutex<Vec<_>>> = Arc::default();
    let noted = ends.clone();
    let hooks = fanfare::Hooks::new().on_stream_end(move |end| noted.lock().unwrap().push(*end));
    (Arc::new(Engine::with_hooks(config(&[]), hooks)), ends)
}

/// A stream whose last queued content is withdrawn has no frame that could say so.
#[test]
fn a_stream_of_which_everything_was_withdrawn_is_over_and_the_host_is_told() {
    let listening = listen("1", r#"{"toolsListChanged":true}"#);
    let modern_call = call_in(Revision::MODERN, "1", r#","progressToken":1"#);
    let drained = |engine: &Engine, stream| assert!(!frames_of(engine, stream).is_empty());
    for (profile, kind, first, is_drained) in [
        (Profile::Modern, StreamKind::Listen, &listening, true),
        (Profile::Modern, StreamKind::Listen, &listening, false),
        (Profile::Modern, StreamKind::Request, &modern_call, true),
        (Profile::Modern, StreamKind::Request, &modern_call, false),
        (legacy(Revision::V2025_06_18), StreamKind::Request, &call("1", "1"), true),
        (legacy(Revision::V2025_06_18), StreamKind::Request, &call("1", "1"), false),
    ] {
        for framing in [Framing::Json, Framing::Sse] {
            let (engine, ends) = noting();
            let params = SessionParams::new(profile).framing(framing).user_data(7);
            let session = open_with(&engine, params);
            let stream = engine.open_stream(session, kind).unwrap();
            let other = engine.open_stream(session, StreamKind::Request).unwrap();
            engine.receive(session, Some(stream), first.as_bytes()).unwrap();
            if kind == StreamKind::Request {
                report(&engine, "1", "1");
            }
            if is_drained {
                drained(&engine, stream);
            }
            assert_eq!(*ends.lock().unwrap(), []);
            engine.receive(session, Some(other), cancelled("1").as_bytes()).unwrap();
            let end = fanfare::StreamEnd { session, stream, user_data: 7 };
            assert_eq!(*ends.lock().unwrap(), [end], "{profile:?} {kind:?} {framing:?}");
            let mut batch = fanfare::Batch::new();
            let gone = engine.recv_stream(stream, 9, &mut batch).unwrap_err();
            assert_eq!(gone.kind(), ErrorKind::Gone);
            assert_eq!(frames(&engine, session), NONE);
            engine.close(session).unwrap();
            assert_eq!((ends.lock().unwrap().len(), engine.stats().streams), (1, 0));
        }
    }
}

#[test]
fn a_stream_that_says_its_end_or_goes_with_its_session_is_not_told_of() {
    let (engine, ends) = noting();
    let session = open(&engine, Profile::Modern);
    let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
    engine.receive(session, Some(stream), listen("1", "{}").as_bytes()).unwrap();
    assert_eq!(frames_of(&engine, stream).len(), 2);
    for last in ["end", "close", "close_stream"] {
        let session = open(&engine, Profile::Modern);
        let stream = engine.open_stream(session, StreamKind::Request).unwrap();
        let call = call_in(Revision::MODERN, "1", r#","progressToken":1"#);
        engine.receive(session, Some(stream), call.as_bytes()).unwrap();
        match last {
            "end" => engine.end(session, EndReason::Cancelled).unwrap(),
            "close" => engine.close(session).unwrap(),
            _ => engine.close_stream(stream).unwrap(),
        }
    }
    // What follows in the same batch may go on with the stream.
    let session = open(&engine, legacy(Revision::V2025_03_26));
    let stream = engine.open_stream(session, StreamKind::Request).unwrap();
    let batch = format!("[{},{},{}]", call("1", "1"), cancelled("1"), call("2", "2"));
    engine.receive_each(session, Some(stream), batch.as_bytes(), |_| {}).unwrap();
    respond(&engine, session, "2");
    assert_eq!(frames_of(&engine, stream), [empty("2")]);
    assert_eq!(*ends.lock().unwrap(), []);
}

#[test]
fn a_stream_whose_frame_is_in_hand_is_over_when_that_is_put_down() {
    for verdict in [Verdict::Accepted, Verdict::NotNow] {
        for framing in [Framing::Json, Framing::Sse] {
            let (engine, ends) = noting();
            let params = SessionParams::new(legacy(Revision::V2025_06_18)).framing(framing);
            let session = open_with(&engine, params);
            let stream = engine.open_stream(session, StreamKind::Request).unwrap();
            let other = engine.open_stream(session, StreamKind::Request).unwrap();
            for (stream, id) in [(stream, "1"), (other, "2")] {
                engine.receive(session, Some(stream), call(id, id).as_bytes()).unwrap();
            }
            let (host, noted) = (Arc::downgrade(&engine), ends.clone());
            let callback = move |frame: &fanfare::Frame<'_>| {
                assert!(!frame.flags.is_last());
                let engine = host.upgrade().unwrap();
                for id in ["1", "2"] {
                    engine.receive(session, Some(frame.stream), cancelled(id).as_bytes()).unwrap();
                }
                assert_eq!(*noted.lock().unwrap(), [], "it is being written");
                verdict
            };
            engine.on_frame(Some(session), Box::new(callback)).unwrap();
            report(&engine, "1", "1");
            engine.dispatch(10).unwrap();
            let mut over: Vec<_> = ends.lock().unwrap().iter().map(|end| end.stream).collect();
            over.sort_by_key(|stream| *stream != other);
            assert_eq!(over, [other, stream], "{verdict:?} {framing:?}");
        }
    }
}
