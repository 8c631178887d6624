//! Streams of legacy HTTP sessions that outlive their connections (R30 to R35, R58).

use fanfare::{
    Batch, Engine, ErrorKind, Framing, Profile, Raise, Revision, SessionId, SessionParams,
    StreamId, StreamKind, Target,
};

use crate::common::*;

const TOOLS: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

fn open_sse(engine: &Engine, profile: Profile) -> SessionId {
    engine.open(SessionParams::new(profile).framing(Framing::Sse)).unwrap()
}

fn get(engine: &Engine, session: SessionId) -> StreamId {
    engine.open_stream(session, StreamKind::Standalone).unwrap()
}

/// A POST stream with one call on it, whose id and progress token are that number.
fn post(engine: &Engine, session: SessionId, id: u32) -> StreamId {
    let stream = engine.open_stream(session, StreamKind::Request).unwrap();
    let meta = format!(r#"{{"_meta":{{"progressToken":{id}}}}}"#);
    let call = request(&id.to_string(), "tools/call", &meta);
    engine.receive(session, Some(stream), call.as_bytes()).unwrap();
    stream
}

fn report(engine: &Engine, session: SessionId, token: u32, progress: u32) {
    let params = format!(r#"{{"progressToken":{token},"progress":{progress}}}"#);
    assert_eq!(engine.notify("notifications/progress", Some(&params), &to(session)), Ok(1));
}

fn respond(engine: &Engine, session: SessionId, id: u32) {
    engine.send(session, None, empty(&id.to_string()).as_bytes()).unwrap();
}

fn event(id: &str, text: &str) -> String {
    format!("id: {id}\nevent: message\ndata: {text}\n\n")
}

fn priming(id: &str) -> String {
    format!("id: {id}\ndata: \n\n")
}

fn progress(token: u32, progress: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{progress}}}}}"#
    )
}

/// What the first event of each revision is called: 2025-11-25 has one before it.
const NUMBERED: [Revision; 3] =
    [Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2025_11_25];

#[track_caller]
fn refused(engine: &Engine, session: SessionId, id: &str, kind: ErrorKind, part: &str) {
    let error = engine.resume_stream(session, id).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.detail().starts_with("cannot resume: "), "{error}");
    assert!(error.detail().contains(part), "{error}");
}

#[test]
fn r31_r34_ids_name_their_stream_and_are_never_twice_the_same() {
    for revision in NUMBERED {
        let engine = engine(&[]);
        let sessions = [0, 1].map(|_| open_sse(&engine, legacy(revision)));
        let mut ids = Vec::new();
        for session in sessions {
            let get = get(&engine, session);
            let posts = [1, 2].map(|id| (id, post(&engine, session, id)));
            engine.notify_tool_list_changed(&to(session)).unwrap();
            for (id, stream) in posts {
                report(&engine, session, id, 1);
                respond(&engine, session, id);
                ids.push(frames_of(&engine, stream));
            }
            ids.push(frames_of(&engine, get));
        }
        let of = |frame: &String| {
            frame.strip_prefix("id: ").unwrap().split('\n').next().unwrap().to_owned()
        };
        let mut all = Vec::new();
        for stream in &ids {
            let of_stream: Vec<_> = stream.iter().map(of).collect();
            let number = |id: &String| id.split_once('-').unwrap().0.to_owned();
            assert!(of_stream.iter().all(|id| number(id) == number(&of_stream[0])));
            all.extend(of_stream);
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{revision}");
    }
}

#[test]
fn r33_only_2025_11_25_begins_with_an_id_and_says_when_to_come_back() {
    for revision in NUMBERED {
        let engine = engine(&[]);
        let session = open_sse(&engine, legacy(revision));
        let stream = get(&engine, session);
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        let is_newest = revision == Revision::V2025_11_25;
        let first = if is_newest { vec![priming("1-0")] } else { vec![] };
        assert_eq!(frames_of(&engine, stream), [&first[..], &[event("1-1", TOOLS)]].concat());
        if !is_newest {
            let error = engine.hang_up(stream, 3000).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotNegotiated);
            continue;
        }
        // What is queued waits for the next connection.
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        engine.hang_up(stream, 3000).unwrap();
        let mut batch = Batch::new();
        engine.recv_stream(stream, 10, &mut batch).unwrap();
        assert_eq!(texts(&engine, &batch), ["retry: 3000\n\n"]);
        assert!(batch.iter().all(|frame| frame.flags.is_last()));
        assert_eq!(engine.recv(None, 10, &mut batch), Ok(0));
        assert_eq!(engine.close_stream(stream).unwrap_err().kind(), ErrorKind::Gone);
        let stream = engine.resume_stream(session, "1-1").unwrap();
        assert_eq!(frames_of(&engine, stream), [event("1-2", TOOLS)]);
    }
}

#[test]
fn r33_a_stream_can_be_hung_up_before_anything_was_said() {
    let engine = engine(&[]);
    let session = open_sse(&engine, legacy(Revision::V2025_11_25));
    let stream = post(&engine, session, 1);
    engine.hang_up(stream, 0).unwrap();
    assert_eq!(frames_of(&engine, stream), [priming("1-0"), "retry: 0\n\n".to_owned()]);
    respond(&engine, session, 1);
    let stream = engine.resume_stream(session, "1-0").unwrap();
    assert_eq!(frames_of(&engine, stream), [event("1-1", &empty("1"))]);
}

#[test]
fn r58_other_revisions_framings_and_unnamed_streams_have_no_ids() {
    let engine = engine(&[]);
    let plain = |text: &str| format!("event: message\ndata: {text}\n\n");
    let old = open_sse(&engine, legacy(Revision::V2024_11_05));
    let of_old = get(&engine, old);
    engine.notify_tool_list_changed(&to(old)).unwrap();
    assert_eq!(frames_of(&engine, of_old), [plain(TOOLS)]);
    refused(&engine, old, "1-1", ErrorKind::NotNegotiated, "2025-03-26 to 2025-11-25");

    let modern = open_sse(&engine, Profile::Modern);
    let stream = engine.open_stream(modern, StreamKind::Listen).unwrap();
    let text = listen("1", r#"{"toolsListChanged":true}"#);
    engine.receive(modern, Some(stream), text.as_bytes()).unwrap();
    let first = ack("1", r#"{"toolsListChanged":true}"#);
    assert_eq!(frames_of(&engine, stream), [plain(&first)]);
    refused(&engine, modern, "1-1", ErrorKind::NotNegotiated, "event ids");
    assert_eq!(engine.hang_up(stream, 1).unwrap_err().kind(), ErrorKind::NotNegotiated);

    let unnamed = open_sse(&engine, legacy(Revision::V2025_11_25));
    engine.notify_tool_list_changed(&to(unnamed)).unwrap();
    assert_eq!(frames(&engine, unnamed), [plain(TOOLS)]);

    let json = open(&engine, legacy(Revision::V2025_11_25));
    let stream = get(&engine, json);
    engine.notify_tool_list_changed(&to(json)).unwrap();
    assert_eq!(frames_of(&engine, stream), [TOOLS]);

    let off = crate::common::engine(&[("replay.max_frames", "0")]);
    let session = open_sse(&off, legacy(Revision::V2025_11_25));
    let stream = get(&off, session);
    off.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames_of(&off, stream), [plain(TOOLS)]);
    refused(&off, session, "1-0", ErrorKind::NotNegotiated, "replay.max_frames");
}

#[test]
fn a_session_that_negotiates_has_ids_from_then_on() {
    let engine = engine(&[("initialize.answer", "engine")]);
    let profile = Profile::Legacy { revision: Revision::V2025_11_25, handshake: true };
    let session = open_sse(&engine, profile);
    let first = engine.open_stream(session, StreamKind::Request).unwrap();
    let params = r#"{"protocolVersion":"2025-06-18","capabilities":{}}"#;
    let hello = request("0", "initialize", params);
    engine.receive(session, Some(first), hello.as_bytes()).unwrap();
    let got = frames_of(&engine, first);
    assert!(got[0].starts_with("event: message\n"), "no revision is settled yet: {got:?}");
    let stream = engine.open_stream(session, StreamKind::Request).unwrap();
    engine.receive(session, Some(stream), request("1", "ping", "").as_bytes()).unwrap();
    // 2025-06-18 was negotiated: no event without a message.
    assert_eq!(frames_of(&engine, stream), [event("1-1", &empty("1"))]);
}

#[test]
fn r32_a_stream_replays_its_own_and_only_what_followed() {
    let engine = engine(&[]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let (a, b) = (post(&engine, session, 1), post(&engine, session, 2));
    for n in 1..=4 {
        for (token, stream) in [(1, a), (2, b)] {
            report(&engine, session, token, n);
            assert_eq!(frames_of(&engine, stream).len(), 1);
        }
    }
    engine.close_stream(a).unwrap();
    for (from, seen) in [(1, 2..=4), (3, 4..=4), (2, 3..=4)] {
        let stream = engine.resume_stream(session, &format!("1-{from}")).unwrap();
        let expected: Vec<_> = seen.map(|n| event(&format!("1-{n}"), &progress(1, n))).collect();
        assert_eq!(frames_of(&engine, stream), expected);
    }
    assert_eq!(frames_of(&engine, b), [""; 0], "the other one is undisturbed");
}

#[test]
fn r30_r35_the_response_waits_for_the_stream_that_owes_it() {
    for revision in NUMBERED {
        let engine = engine(&[]);
        let session = open_sse(&engine, legacy(revision));
        let get = get(&engine, session);
        let call = post(&engine, session, 1);
        report(&engine, session, 1, 1);
        frames(&engine, session);
        engine.close_stream(call).unwrap();
        assert_eq!(engine.close_stream(call).unwrap_err().kind(), ErrorKind::Gone);
        report(&engine, session, 1, 2);
        engine
            .notify(
                "notifications/message",
                Some(r#"{"level":"info","data":"late"}"#),
                &Raise::to(Target::Request(session, "1")),
            )
            .unwrap();
        respond(&engine, session, 1);
        assert_eq!(frames_of(&engine, get), [""; 0], "R30");
        let mut batch = Batch::new();
        assert_eq!(engine.recv(None, 10, &mut batch), Ok(0));

        let stream = engine.resume_stream(session, "2-1").unwrap();
        engine.recv_stream(stream, 10, &mut batch).unwrap();
        let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"late"}}"#;
        assert_eq!(
            texts(&engine, &batch),
            [event("2-2", &progress(1, 2)), event("2-3", log), event("2-4", &empty("1"))]
        );
        let last: Vec<bool> = batch.iter().map(|frame| frame.flags.is_last()).collect();
        assert_eq!(last, [false, false, true]);

        // All of it was sent, and lost on the way: once more.
        let stream = engine.resume_stream(session, "2-3").unwrap();
        engine.recv_stream(stream, 10, &mut batch).unwrap();
        assert_eq!(texts(&engine, &batch), [event("2-4", &empty("1"))]);
        assert!(batch.iter().all(|frame| frame.flags.is_last()));
        refused(&engine, session, "2-4", ErrorKind::Gone, "2-4 was the last of its stream");
    }
}

/// However often the connection is cut, and wherever, what the client has put together in the end
/// is every message once, in order.
#[test]
fn hand_over_from_replay_to_live_has_neither_gap_nor_duplicate() {
    for seed in 1..=500_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut dice = |sides: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % sides
        };
        let engine = engine(&[]);
        let session = open_sse(&engine, legacy(Revision::V2025_11_25));
        let mut stream = post(&engine, session, 1);
        assert_eq!(frames_of(&engine, stream), [priming("1-0")]);
        let (mut seen, mut said) = (Vec::new(), Vec::new());
        let mut last_id = "1-0".to_owned();
        while seen.last() != Some(&empty("1")) {
            for _ in 0..dice(4) {
                if said.len() < 20 {
                    let params = format!(r#"{{"level":"info","data":{}}}"#, said.len());
                    let raise = Raise::to(Target::Request(session, "1"));
                    engine.notify("notifications/message", Some(&params), &raise).unwrap();
                    let method = "notifications/message";
                    said.push(format!(
                        r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#
                    ));
                } else if said.len() == 20 {
                    respond(&engine, session, 1);
                    said.push(empty("1"));
                }
            }
            let mut batch = Batch::new();
            let max = dice(6) as usize;
            let taken = engine.recv_stream(stream, max, &mut batch).unwrap();
            // Some of what was written is lost with the connection.
            let is_cut = dice(2) == 0;
            let got = if is_cut { dice(taken as u64 + 1) as usize } else { taken };
            for frame in texts(&engine, &batch).into_iter().take(got) {
                let (id, data) = frame[4..].split_once('\n').unwrap();
                last_id = id.to_owned();
                seen.push(data.trim_start_matches("event: message\ndata: ").trim_end().to_owned());
            }
            if is_cut && seen.last() != Some(&empty("1")) {
                // The server may not have noticed yet, or the stream may have ended for it.
                if dice(2) == 0 {
                    let _may_be_gone = engine.close_stream(stream);
                }
                stream = engine.resume_stream(session, &last_id).unwrap();
            }
        }
        assert_eq!(seen, said, "seed {seed}");
    }
}

#[test]
fn what_is_no_id_of_the_session_is_told_apart() {
    let engine = engine(&[]);
    let (mine, other) = (
        open_sse(&engine, legacy(Revision::V2025_11_25)),
        open_sse(&engine, legacy(Revision::V2025_11_25)),
    );
    let stream = get(&engine, mine);
    let of_other = get(&engine, other);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    frames_of(&engine, stream);
    frames_of(&engine, of_other);
    for id in ["", "1", "1-", "-1", "01-1", "1-1\n", "x", "1-1-1"] {
        refused(&engine, mine, id, ErrorKind::InvalidArgument, "is no event id");
    }
    refused(&engine, mine, "2-1", ErrorKind::InvalidArgument, "another session");
    refused(&engine, mine, "1-2", ErrorKind::InvalidArgument, "never given out");
    refused(&engine, mine, "3-0", ErrorKind::Gone, "not kept");
    // Nothing has changed.
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames_of(&engine, stream), [event("1-2", TOOLS)]);
    engine.close(mine).unwrap();
    assert_eq!(engine.resume_stream(mine, "1-1").unwrap_err().kind(), ErrorKind::Gone);
    refused(&engine, other, "1-1", ErrorKind::Gone, "not kept");
}

#[test]
fn a_resumed_stream_supersedes_the_connection_that_it_had() {
    let engine = engine(&[]);
    let session = open_sse(&engine, legacy(Revision::V2025_11_25));
    let before = get(&engine, session);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    frames_of(&engine, before);
    let after = engine.resume_stream(session, "1-0").unwrap();
    assert_ne!(before, after);
    // The transport notices late that the first connection is gone.
    assert_eq!(engine.close_stream(before).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(frames_of(&engine, after), [event("1-1", TOOLS)]);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames_of(&engine, after), [event("1-2", TOOLS)]);
}

#[test]
fn a_new_get_stream_begins_anew_with_what_waited() {
    let engine = engine(&[]);
    let session = open_sse(&engine, legacy(Revision::V2025_11_25));
    let first = get(&engine, session);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    frames_of(&engine, first);
    engine.close_stream(first).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let second = get(&engine, session);
    assert_eq!(frames_of(&engine, second), [priming("2-0"), event("2-1", TOOLS)]);
    refused(&engine, session, "1-1", ErrorKind::Gone, "not kept");
}

#[test]
fn the_ring_is_bounded_by_count_and_by_bytes() {
    for (key, value) in [("replay.max_frames", "3"), ("replay.max_bytes", "1024")] {
        let engine = engine(&[(key, value)]);
        let session = open_sse(&engine, legacy(Revision::V2025_06_18));
        let stream = get(&engine, session);
        let large = format!(r#"{{"level":"info","data":"{}"}}"#, "x".repeat(240));
        for _ in 0..10 {
            engine.notify("notifications/message", Some(&large), &Raise::ALL).unwrap();
        }
        assert_eq!(frames_of(&engine, stream).len(), 10);
        refused(&engine, session, "1-6", ErrorKind::Gone, "the oldest event that is kept is 1-8");
        let stream = engine.resume_stream(session, "1-7").unwrap();
        assert_eq!(frames_of(&engine, stream).len(), 3, "{key}");
    }
}

#[test]
fn streams_that_sent_the_same_notice_keep_one_text_of_it() {
    let engine = engine(&[]);
    let mut kept = Vec::new();
    for count in [1, 100] {
        let all: Vec<_> =
            (0..count).map(|_| open_sse(&engine, legacy(Revision::V2025_06_18))).collect();
        let streams: Vec<_> = all.iter().map(|&session| get(&engine, session)).collect();
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        streams.iter().for_each(|&stream| assert_eq!(frames_of(&engine, stream).len(), 1));
        kept.push(engine.stats().queued_bytes);
        all.into_iter().for_each(|session| engine.close(session).unwrap());
        assert_eq!(engine.stats().queued_bytes, 0);
    }
    let entry = kept[0] - TOOLS.len() as u64;
    assert_eq!(kept[1], TOOLS.len() as u64 + 100 * entry);
}

#[test]
fn a_kept_text_whose_place_was_taken_is_not_taken_for_it() {
    let engine = engine(&[("replay.max_frames", "1")]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let stream = get(&engine, session);
    // The third text lies where the first one lay.
    for raise in [
        Engine::notify_tool_list_changed,
        Engine::notify_prompt_list_changed,
        Engine::notify_resource_list_changed,
        Engine::notify_tool_list_changed,
    ] {
        raise(&engine, &Raise::ALL).unwrap();
        assert_eq!(frames_of(&engine, stream).len(), 1);
    }
    engine.close_stream(stream).unwrap();
    let stream = engine.resume_stream(session, "1-3").unwrap();
    assert_eq!(frames_of(&engine, stream), [event("1-4", TOOLS)]);
}

#[test]
fn a_frame_beyond_the_bound_leaves_nothing_behind() {
    let engine = engine(&[("replay.max_bytes", "1024")]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let stream = get(&engine, session);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let large = format!(r#"{{"level":"info","data":"{}"}}"#, "x".repeat(2000));
    engine.notify("notifications/message", Some(&large), &Raise::ALL).unwrap();
    assert_eq!(frames_of(&engine, stream).len(), 2);
    refused(&engine, session, "1-1", ErrorKind::Gone, "is kept any more");
    let stream = engine.resume_stream(session, "1-2").unwrap();
    assert_eq!(frames_of(&engine, stream), [""; 0]);
}

#[test]
fn frames_age_and_so_do_streams_that_have_ended() {
    let engine = engine(&[("replay.max_age_ms", "1000"), ("sse.keep_alive_ms", "0")]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let stream = get(&engine, session);
    let call = post(&engine, session, 1);
    for at in [0, 400, 800] {
        engine.advance(at).unwrap();
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        assert_eq!(frames_of(&engine, stream).len(), 1);
    }
    respond(&engine, session, 1);
    assert_eq!(frames_of(&engine, call).len(), 1);
    assert_eq!(engine.next_deadline_ms(), Some(1125), "the oldest, and an eighth");
    engine.advance(1399).unwrap();
    refused(&engine, session, "2-0", ErrorKind::InvalidArgument, "never given out");
    let again = engine.resume_stream(session, "1-1").unwrap();
    assert_eq!(frames_of(&engine, again).len(), 2);
    engine.advance(1400).unwrap();
    refused(&engine, session, "1-1", ErrorKind::Gone, "the oldest event that is kept is 1-3");
    assert_eq!(engine.stats().streams, 2);
    assert_eq!(engine.advance(1800), Ok(None));
    assert_eq!(engine.stats().streams, 1, "the answered call is forgotten");
    assert_eq!(engine.stats().queued_bytes, 0);
    refused(&engine, session, "1-2", ErrorKind::Gone, "is kept any more");
}

#[test]
fn a_call_that_takes_long_outlives_the_age_and_then_has_its_time() {
    let engine = engine(&[("replay.max_age_ms", "1000")]);
    let session = open_sse(&engine, legacy(Revision::V2025_11_25));
    let call = post(&engine, session, 1);
    assert_eq!(frames_of(&engine, call), [priming("1-0")]);
    engine.close_stream(call).unwrap();
    engine.advance(5000).unwrap();
    respond(&engine, session, 1);
    engine.advance(5999).unwrap();
    let call = engine.resume_stream(session, "1-0").unwrap();
    engine.close_stream(call).unwrap();
    engine.advance(6998).unwrap();
    assert_eq!(engine.stats().streams, 2);
    engine.advance(6999).unwrap();
    refused(&engine, session, "1-0", ErrorKind::Gone, "not kept");
    assert_eq!(engine.stats().queued_bytes, 0);
}

#[test]
fn what_is_being_replayed_does_not_age_away() {
    let engine = engine(&[("replay.max_age_ms", "1000")]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let stream = post(&engine, session, 1);
    for n in 1..=200 {
        report(&engine, session, 1, n);
        assert_eq!(frames_of(&engine, stream).len(), 1);
    }
    engine.advance(999).unwrap();
    let stream = engine.resume_stream(session, "1-100").unwrap();
    engine.advance(3000).unwrap();
    engine.advance(3001).unwrap();
    let got = frames_of(&engine, stream);
    assert_eq!(got.len(), 100);
    assert_eq!(got[0], event("1-101", &progress(1, 101)));
}

#[test]
fn a_session_keeps_so_many_streams_without_a_connection() {
    let engine = engine(&[("replay.max_streams", "2")]);
    let session = open_sse(&engine, legacy(Revision::V2025_11_25));
    let posts: Vec<_> = (1..=4).map(|id| post(&engine, session, id)).collect();
    frames(&engine, session);
    engine.close_stream(posts[0]).unwrap();
    engine.advance(1).unwrap();
    respond(&engine, session, 2);
    assert_eq!(frames_of(&engine, posts[1]).len(), 1);
    assert_eq!(engine.stats().streams, 5, "with the stream that waits for its GET");
    // The one that has said all goes before the one that owes a response, though that is older.
    engine.close_stream(posts[2]).unwrap();
    refused(&engine, session, "2-0", ErrorKind::Gone, "not kept");
    engine.close_stream(posts[3]).unwrap();
    refused(&engine, session, "1-0", ErrorKind::Gone, "not kept");
    let gone = engine.send(session, None, empty("1").as_bytes()).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone, "the call goes on, its stream is gone");
    for id in ["3-0", "4-0"] {
        engine.resume_stream(session, id).unwrap();
    }
}

#[test]
fn a_stream_of_which_nobody_has_an_id_is_not_kept() {
    let engine = engine(&[]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let call = post(&engine, session, 1);
    engine.close_stream(call).unwrap();
    assert_eq!(engine.stats().streams, 1);
    assert_eq!(engine.stats().requests, 1, "R35");
    assert_eq!(
        engine.send(session, None, empty("1").as_bytes()).unwrap_err().kind(),
        ErrorKind::Gone
    );
}

#[test]
fn what_was_sent_makes_room_for_what_was_not() {
    let engine = engine(&[("engine.max_queued_bytes", "65536"), ("replay.max_bytes", "1000000")]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let stream = get(&engine, session);
    let large = format!(r#"{{"level":"info","data":"{}"}}"#, "x".repeat(2000));
    for _ in 0..100 {
        assert_eq!(engine.notify("notifications/message", Some(&large), &Raise::ALL), Ok(1));
        assert_eq!(frames_of(&engine, stream).len(), 1);
        assert!(engine.stats().queued_bytes <= 65536);
    }
    assert!(engine.stats().queued_bytes > 40_000, "the ring uses what is there");
    refused(&engine, session, "1-50", ErrorKind::Gone, "the oldest event that is kept");
    engine.resume_stream(session, "1-90").unwrap();
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":9,"method":"x","params":{{"x":"{}"}}}}"#,
        "x".repeat(30_000)
    );
    engine.send(session, None, answer.as_bytes()).unwrap();
    assert_eq!(frames(&engine, session).len(), 11, "what is to be replayed stays");
    engine.close(session).unwrap();
    assert_eq!(engine.stats().queued_bytes, 0);
}

#[test]
fn an_end_takes_what_is_kept_with_it() {
    use fanfare::EndReason;
    for reason in EndReason::ALL {
        let engine = engine(&[]);
        let session = open_sse(&engine, legacy(Revision::V2025_11_25));
        let (get, call) = (get(&engine, session), post(&engine, session, 1));
        report(&engine, session, 1, 1);
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        assert_eq!(frames(&engine, session).len(), 4);
        engine.close_stream(call).unwrap();
        let again = engine.resume_stream(session, "2-0").unwrap();
        let other = post(&engine, session, 2);
        engine.end(session, reason).unwrap();
        if reason.is_graceful() {
            let error = engine.resume_stream(session, "1-0").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::State);
            assert_eq!(frames_of(&engine, get), [""; 0]);
            assert_eq!(frames_of(&engine, other), [""; 0], "it need not be primed any more");
            assert_eq!(frames_of(&engine, again), [event("2-1", &progress(1, 1))]);
        }
        let stats = engine.stats();
        assert_eq!((stats.sessions, stats.streams, stats.queued_bytes), (0, 0, 0), "{reason:?}");
    }
}

#[test]
fn an_ending_session_does_not_wait_for_a_connection_that_is_gone() {
    use fanfare::EndReason;
    for framing in [Framing::Json, Framing::Sse] {
        let engine = engine(&[]);
        let params = SessionParams::new(legacy(Revision::V2025_11_25)).framing(framing);
        let session = engine.open(params).unwrap();
        let stream = get(&engine, session);
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        engine.end(session, EndReason::Graceful).unwrap();
        assert_eq!(engine.stats().sessions, 1, "it can still be drained");
        engine.close_stream(stream).unwrap();
        assert_eq!(engine.stats().sessions, 0);
    }
}

#[test]
fn a_callback_gets_the_same_bytes_and_may_resume_and_hang_up() {
    use fanfare::Verdict;
    use std::sync::{Arc, Mutex};
    let engine = Arc::new(engine(&[]));
    let session = open_sse(&engine, legacy(Revision::V2025_11_25));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inside, noted) = (Arc::clone(&engine), Arc::clone(&seen));
    engine
        .on_frame(
            Some(session),
            Box::new(move |frame| {
                let text = String::from_utf8(frame.data.to_vec()).unwrap();
                let mut seen = noted.lock().unwrap();
                let is_first_time = !seen.contains(&text);
                seen.push(text.clone());
                drop(seen);
                if text.starts_with("id: 1-2") && is_first_time {
                    // The client is back before this frame has reached it.
                    inside.resume_stream(session, "1-0").unwrap();
                }
                if text.starts_with("id: 1-3") && is_first_time {
                    return Verdict::NotNow;
                }
                Verdict::Accepted
            }),
        )
        .unwrap();
    let stream = post(&engine, session, 1);
    let log = |n: u32| {
        let params = format!(r#"{{"level":"info","data":{n}}}"#);
        let raise = Raise::to(Target::Request(session, "1"));
        engine.notify("notifications/message", Some(&params), &raise).unwrap();
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{params}}}"#)
    };
    let (one, two) = (log(1), log(2));
    respond(&engine, session, 1);
    while engine.dispatch(1).unwrap() != 0 {}
    engine.resume(session).unwrap();
    while engine.dispatch(100).unwrap() != 0 {}
    let expected = [
        priming("1-0"),
        event("1-1", &one),
        event("1-2", &two),
        event("1-1", &one),
        event("1-2", &two),
        event("1-3", &empty("1")),
        event("1-3", &empty("1")),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(engine.close_stream(stream).unwrap_err().kind(), ErrorKind::Gone);
    seen.lock().unwrap().clear();
    let stream = engine.resume_stream(session, "1-2").unwrap();
    engine.hang_up(stream, 5).unwrap();
    while engine.dispatch(100).unwrap() != 0 {}
    assert_eq!(*seen.lock().unwrap(), ["retry: 5\n\n"]);
    engine.resume_stream(session, "1-2").unwrap();
    while engine.dispatch(100).unwrap() != 0 {}
    assert_eq!(seen.lock().unwrap()[1..], [event("1-3", &empty("1"))]);
    assert_eq!(engine.stats().streams, 2);
    engine.close(session).unwrap();
    assert_eq!(engine.stats().queued_bytes, 0);
}

#[test]
fn the_machine_s_clock_ages_what_is_kept() {
    let engine = Engine::new({
        let mut config = fanfare::Config::default();
        config.set("replay.max_age_ms", "1").unwrap();
        config
    });
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let stream = get(&engine, session);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(frames_of(&engine, stream).len(), 1);
    assert!(engine.stats().queued_bytes > 0);
    // Nothing becomes ready; what is waited for is that time passes.
    let start = std::time::Instant::now();
    while engine.stats().queued_bytes > 0 {
        assert!(start.elapsed().as_secs() < 20);
        engine.wait(Some(std::time::Duration::from_millis(5)));
    }
}

#[test]
fn a_replay_that_breaks_off_does_not_hold_its_frames_for_ever() {
    let engine = engine(&[("replay.max_age_ms", "1000")]);
    let session = open_sse(&engine, legacy(Revision::V2025_06_18));
    let stream = get(&engine, session);
    for _ in 0..3 {
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        assert_eq!(frames_of(&engine, stream).len(), 1);
    }
    let stream = engine.resume_stream(session, "1-1").unwrap();
    let mut batch = Batch::new();
    assert_eq!(engine.recv_stream(stream, 1, &mut batch), Ok(1));
    engine.close_stream(stream).unwrap();
    assert_eq!(engine.recv(None, 10, &mut batch), Ok(0));
    engine.advance(1000).unwrap();
    assert_eq!(engine.stats().queued_bytes, 0);
}

/// The frame that a callback has in hand when its stream is resumed went to a connection that is
/// gone. It is queued as before, and a change that comes now merges with it.
#[test]
fn a_resumption_inside_a_callback_takes_the_frame_out_of_its_hand() {
    use fanfare::Verdict;
    use std::sync::{Arc, Mutex};
    let engine = Arc::new(engine(&[]));
    let session = open_sse(&engine, legacy(Revision::V2025_11_25));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (inside, noted) = (Arc::clone(&engine), Arc::clone(&seen));
    engine
        .on_frame(
            Some(session),
            Box::new(move |frame| {
                noted.lock().unwrap().push(String::from_utf8(frame.data.to_vec()).unwrap());
                if noted.lock().unwrap().len() == 2 {
                    inside.resume_stream(session, "1-0").unwrap();
                    inside.notify_tool_list_changed(&Raise::ALL).unwrap();
                }
                Verdict::Accepted
            }),
        )
        .unwrap();
    get(&engine, session);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    while engine.dispatch(10).unwrap() != 0 {}
    let once = event("1-1", TOOLS);
    assert_eq!(*seen.lock().unwrap(), [priming("1-0"), once.clone(), once]);
    engine.close(session).unwrap();
    assert_eq!(engine.stats().queued_bytes, 0);
}
