//! Signs of life on silent SSE streams (R59).

use std::sync::{Arc, Mutex};

use fanfare::{
    Batch, Engine, Framing, Profile, Raise, Revision, SessionId, SessionParams, StreamId,
    StreamKind, Verdict,
};

use crate::common::*;

const COMMENT: &str = ":\n\n";
const TOOLS: &str = r#"{"toolsListChanged":true}"#;

fn sse(engine: &Engine, profile: Profile) -> SessionId {
    open_with(engine, SessionParams::new(profile).framing(Framing::Sse))
}

fn event(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}

/// A session of 2026-07-28 with a listen that has been acknowledged.
fn listening(engine: &Engine) -> SessionId {
    let session = sse(engine, Profile::Modern);
    assert_eq!(asked(engine, session, &listen("1", TOOLS)), [event(&ack("1", TOOLS))]);
    session
}

/// Moves the time step by step, and says when the session had what.
fn watch(engine: &Engine, session: SessionId, until_ms: u64) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    for now_ms in (engine.now_ms()..=until_ms).step_by(500) {
        engine.advance(now_ms).unwrap();
        seen.extend(frames(engine, session).into_iter().map(|frame| (now_ms, frame)));
    }
    seen
}

#[test]
fn r59_a_silent_listen_shows_signs_of_life() {
    let engine = engine(&[]);
    let session = listening(&engine);
    assert_eq!(engine.next_deadline_ms(), Some(7500), "half of the interval");
    let seen = watch(&engine, session, 60_000);
    assert!(seen.iter().all(|(_, frame)| frame == COMMENT), "{seen:?}");
    let times: Vec<u64> = seen.into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [15_000, 30_000, 45_000, 60_000]);
    let stats = engine.session_stats(session).unwrap();
    assert_eq!((stats.delivered, stats.queued_frames), (1, 0), "a comment is no message");
    // What is said breaks the silence, wherever in the interval it is said.
    engine.advance(66_000).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let seen = watch(&engine, session, 90_000);
    assert_eq!(seen[0], (66_000, event(&tagged_list("1", "tools"))));
    assert_eq!(seen[1..], [(75_000, COMMENT.to_owned()), (90_000, COMMENT.to_owned())]);
}

#[test]
fn r59_no_stream_is_silent_for_longer_than_its_interval() {
    for opened_ms in (0..8000).step_by(500) {
        let engine = engine(&[("sse.keep_alive_ms", "4000")]);
        // Another stream has set the pace.
        listening(&engine);
        engine.advance(opened_ms).unwrap();
        let session = listening(&engine);
        let (mut last_ms, seen) = (opened_ms, watch(&engine, session, 30_000));
        for (at_ms, _) in seen {
            let silent_ms = at_ms - last_ms;
            assert!((2000..=4000).contains(&silent_ms), "{silent_ms} from {last_ms} on");
            last_ms = at_ms;
        }
        assert!(last_ms > 26_000, "{last_ms}");
    }
}

#[test]
fn r59_a_comment_never_stands_before_what_is_queued() {
    let engine = engine(&[]);
    let session = sse(&engine, Profile::Modern);
    engine.receive(session, None, listen("1", TOOLS).as_bytes()).unwrap();
    let mut expected = vec![event(&ack("1", TOOLS))];
    for now_ms in (0..60_000).step_by(5000) {
        engine.advance(now_ms).unwrap();
    }
    // A comment is no queue either: many intervals leave no more than one.
    assert_eq!(frames(&engine, session), expected);
    for now_ms in (60_000..120_000).step_by(5000) {
        engine.advance(now_ms).unwrap();
    }
    // It was due first, and is needless now.
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    expected = vec![event(&tagged_list("1", "tools"))];
    assert_eq!(frames(&engine, session), expected);
    for now_ms in (120_000..180_000).step_by(5000) {
        engine.advance(now_ms).unwrap();
    }
    assert_eq!(frames(&engine, session), [COMMENT]);
}

#[test]
fn r59_nothing_is_due_where_nothing_is_open() {
    let quiet = |engine: &Engine, session: SessionId| {
        assert_eq!(engine.next_deadline_ms(), None);
        assert_eq!(watch(engine, session, engine.now_ms() + 60_000), []);
    };
    // Switched off; not SSE; nothing asked for.
    let off = engine(&[("sse.keep_alive_ms", "0")]);
    quiet(&off, listening(&off));
    let engine = engine(&[]);
    for framing in [Framing::Json, Framing::Ndjson] {
        let params = SessionParams::new(Profile::Modern).framing(framing);
        let session = open_with(&engine, params);
        asked(&engine, session, &listen("1", TOOLS));
        quiet(&engine, session);
    }
    quiet(&engine, sse(&engine, Profile::Modern));
    quiet(&engine, sse(&engine, Profile::Auto));
    // Closed, with the session or its stream.
    let session = listening(&engine);
    assert!(engine.next_deadline_ms().is_some());
    engine.close(session).unwrap();
    assert_eq!(engine.next_deadline_ms(), None);
    let session = sse(&engine, Profile::Modern);
    let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
    engine.receive(session, Some(stream), listen("1", TOOLS).as_bytes()).unwrap();
    assert!(engine.next_deadline_ms().is_some());
    engine.close_stream(stream).unwrap();
    assert_eq!(engine.next_deadline_ms(), None);
    // Cancelled: the next look finds nothing to watch.
    let session = listening(&engine);
    asked(&engine, session, &cancelled("1"));
    let next_ms = engine.next_deadline_ms().unwrap();
    assert_eq!(engine.advance(next_ms), Ok(None));
    quiet(&engine, session);
}

/// Those of a request that the host works on, and the one for what belongs to none.
#[test]
fn r59_streams_of_older_revisions_show_signs_of_life_too() {
    for revision in [Revision::V2025_03_26, Revision::V2025_11_25] {
        let engine = engine(&[]);
        let session = sse(&engine, legacy(revision));
        let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
        let post = engine.open_stream(session, StreamKind::Request).unwrap();
        engine.receive(session, Some(post), call("1", "1").as_bytes()).unwrap();
        let ids = |stream| frames_of(&engine, stream).join("");
        let primed = (ids(get), ids(post));
        engine.advance(7500).unwrap();
        engine.advance(15_000).unwrap();
        assert_eq!((ids(get), ids(post)), (COMMENT.to_owned(), COMMENT.to_owned()), "{primed:?}");
        // A comment takes no place: what follows has the next id, and nothing is sent again.
        report(&engine, "1", "1");
        let told = ids(post);
        let id = told.strip_prefix("id: ").and_then(|rest| rest.split_once('\n')).unwrap().0;
        let before = if revision == Revision::V2025_11_25 { "-0" } else { "" };
        engine.advance(22_500).unwrap();
        engine.advance(30_000).unwrap();
        assert_eq!(ids(post), COMMENT);
        engine.close_stream(post).unwrap();
        if !before.is_empty() {
            let first = format!("{}{before}", id.rsplit_once('-').unwrap().0);
            let post = engine.resume_stream(session, &first).unwrap();
            assert_eq!(ids(post), told, "and no comment");
        }
        // Without a connection there is nobody to show it to.
        engine.close_stream(get).unwrap();
    }
    let engine = engine(&[]);
    let session = sse(&engine, legacy(Revision::V2024_11_05));
    assert_eq!(watch(&engine, session, 15_000), [(15_000, COMMENT.to_owned())]);
}

#[test]
fn r59_signs_of_life_come_by_callback_and_by_every_pull() {
    let engine = engine(&[]);
    let session = listening(&engine);
    engine.advance(7500).unwrap();
    engine.advance(15_000).unwrap();
    let mut ready = Vec::new();
    engine.ready_sessions(10, &mut ready);
    assert_eq!(ready, [session]);
    let mut buf = [0; 64];
    assert_eq!(engine.read(session, &mut buf).unwrap(), COMMENT.len());
    assert_eq!(&buf[..COMMENT.len()], COMMENT.as_bytes());
    assert!(engine.read(session, &mut buf) == Ok(0));
    let seen: Arc<Mutex<Vec<(StreamId, String)>>> = Arc::default();
    let verdicts = Mutex::new(vec![Verdict::Accepted, Verdict::NotNow]);
    let seen_by = seen.clone();
    let callback = Box::new(move |frame: &fanfare::Frame<'_>| {
        let text = String::from_utf8(frame.data.to_vec()).unwrap();
        assert!(!frame.flags.is_last());
        seen_by.lock().unwrap().push((frame.stream, text));
        verdicts.lock().unwrap().pop().unwrap_or(Verdict::Accepted)
    });
    engine.on_frame(Some(session), callback).unwrap();
    engine.advance(22_500).unwrap();
    assert_eq!(engine.dispatch(10), Ok(0), "the time has not come");
    engine.advance(30_000).unwrap();
    assert_eq!(engine.dispatch(10), Ok(0), "not now");
    engine.resume(session).unwrap();
    assert_eq!(engine.dispatch(10), Ok(1));
    assert_eq!(engine.dispatch(10), Ok(0));
    let stream = engine.stream(session).unwrap();
    let expected = [(stream, COMMENT.to_owned()), (stream, COMMENT.to_owned())];
    assert_eq!(*seen.lock().unwrap(), expected);
    // One that takes nothing just now needs no sign.
    engine.pause(session).unwrap();
    for now_ms in (30_000..90_000).step_by(5000) {
        engine.advance(now_ms).unwrap();
    }
    engine.resume(session).unwrap();
    let mut batch = Batch::new();
    assert_eq!(engine.recv(Some(session), 10, &mut batch), Ok(0));
}
