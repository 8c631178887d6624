//! Sessions with several ways out (R28 to R30, R35, R77): legacy HTTP and 2026-07-28.

mod common;

use common::*;
use fanfare::{
    Batch, Disposition, EndReason, Engine, ErrorKind, Framing, Profile, Raise, Revision, SessionId,
    SessionParams, StreamId, StreamKind,
};

fn receive(engine: &Engine, session: SessionId, stream: StreamId, message: &str) -> Disposition {
    engine.receive(session, Some(stream), message.as_bytes()).unwrap()
}

#[test]
fn every_message_goes_to_exactly_one_stream() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_11_25));
    let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
    let posts = [0, 1, 2].map(|_| engine.open_stream(session, StreamKind::Request).unwrap());
    let call = request("1", "tools/call", r#"{"_meta":{"progressToken":1}}"#);
    assert_eq!(receive(&engine, session, posts[0], &call), Disposition::Pass);
    assert_eq!(receive(&engine, session, posts[1], &subscribe("2", "a:")), Disposition::Handled);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    let progress = r#"{"progressToken":1,"progress":1}"#;
    engine.notify("notifications/progress", Some(progress), &Raise::ALL).unwrap();
    engine.send(session, None, empty("1").as_bytes()).unwrap();

    let of_get = frames_of(&engine, get);
    assert_eq!(of_get.len(), 2, "{of_get:?}");
    assert_eq!(of_get[1], updated("a:"));
    let mut batch = Batch::new();
    engine.recv_stream(posts[0], 10, &mut batch).unwrap();
    let got = texts(&engine, &batch);
    assert!(got[0].contains("progressToken") && got[1] == empty("1"), "{got:?}");
    let last: Vec<bool> = batch.iter().map(|frame| frame.flags.is_last()).collect();
    assert_eq!(last, [false, true], "R78: the response ends the stream");
    assert_eq!(frames_of(&engine, posts[1]), [empty("2")]);
    assert_eq!(frames_of(&engine, posts[2]), [""; 0]);
    let gone = engine.recv_stream(posts[0], 1, &mut batch).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone, "a stream that has said all is gone");
}

#[test]
fn what_belongs_to_no_request_waits_for_a_standalone_stream() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let post = engine.open_stream(session, StreamKind::Request).unwrap();
    receive(&engine, session, post, &subscribe("1", "a:"));
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    let mut batch = Batch::new();
    engine.recv(None, 10, &mut batch).unwrap();
    assert_eq!(texts(&engine, &batch), [empty("1")], "nothing can be drained that has no stream");
    let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
    assert_eq!(frames_of(&engine, get), [updated("a:")]);
    // Gone, and back again (G19).
    engine.close_stream(get).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    assert_eq!(engine.recv(None, 10, &mut batch), Ok(0));
    let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
    assert_eq!(frames_of(&engine, get), [updated("a:")]);
    let second = engine.open_stream(session, StreamKind::Standalone).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::State);
}

#[test]
fn a_dropped_connection_cancels_in_2026_only() {
    let engine = engine(&[]);
    let modern = open(&engine, Profile::Modern);
    let post = engine.open_stream(modern, StreamKind::Request).unwrap();
    let call = request("1", "tools/call", &modern_params(r#","progressToken":1"#, ""));
    receive(&engine, modern, post, &call);
    let stream = engine.open_stream(modern, StreamKind::Listen).unwrap();
    receive(&engine, modern, stream, &listen("2", r#"{"toolsListChanged":true}"#));
    engine.close_stream(post).unwrap();
    assert_eq!(
        engine.send(modern, None, empty("1").as_bytes()).unwrap_err().kind(),
        ErrorKind::State
    );
    engine.close_stream(stream).unwrap();
    assert_eq!(engine.notify_tool_list_changed(&Raise::ALL), Ok(0));
    assert_eq!(engine.stats().subscriptions, 0);
    assert_eq!(engine.stats().requests, 0);

    let old = open(&engine, legacy(Revision::V2025_06_18));
    let post = engine.open_stream(old, StreamKind::Request).unwrap();
    receive(&engine, old, post, &request("1", "tools/call", ""));
    engine.close_stream(post).unwrap();
    assert_eq!(engine.stats().requests, 1, "R35: it goes on");
    assert_eq!(engine.send(old, None, empty("1").as_bytes()).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(engine.stats().requests, 0, "the host has done its part");
}

#[test]
fn a_listen_has_its_stream_to_itself_and_ends_it() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
    receive(&engine, session, stream, &listen("0", r#"{"toolsListChanged":true}"#));
    assert_eq!(frames_of(&engine, stream), [ack("0", r#"{"toolsListChanged":true}"#)]);
    let subscription = engine.subscription(session, "0").unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.end_subscription(subscription, EndReason::Graceful).unwrap();
    let mut batch = Batch::new();
    engine.recv_stream(stream, 10, &mut batch).unwrap();
    assert_eq!(texts(&engine, &batch)[1], complete("0"));
    assert!(batch.iter().last().unwrap().flags.is_last());
    assert_eq!(engine.recv_stream(stream, 1, &mut batch).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn a_call_must_name_the_stream_where_there_are_several() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    let other = open(&engine, Profile::Open);
    let only = engine.stream(session).unwrap();
    let post = engine.open_stream(session, StreamKind::Request).unwrap();
    assert_eq!(engine.stream(session), Ok(post));
    assert_ne!(only, post);
    engine.open_stream(session, StreamKind::Request).unwrap();
    let ping = request("1", "ping", "");
    let error = engine.receive(session, None, ping.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    let error = engine.receive(other, Some(post), ping.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(receive(&engine, session, post, &ping), Disposition::Handled);
}

#[test]
fn closing_the_only_way_out_is_the_end_of_the_session() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    engine.close_stream(engine.stream(session).unwrap()).unwrap();
    assert_eq!(engine.session_stats(session).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(engine.stats().sessions, 0);
}

#[test]
fn a_text_is_kept_as_long_as_a_frame_of_it_is() {
    let engine = engine(&[("replay.max_frames", "4")]);
    let opened = [0, 1].map(|_| {
        let params = SessionParams::new(legacy(Revision::V2025_06_18)).framing(Framing::Sse);
        let session = engine.open(params).unwrap();
        engine.subscribe(session, "a:").unwrap();
        (session, engine.open_stream(session, StreamKind::Standalone).unwrap())
    });
    let mut batch = Batch::new();
    let mut last = String::new();
    for _ in 0..20 {
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        assert_eq!(engine.recv(None, 10, &mut batch), Ok(2));
        let frames = texts(&engine, &batch);
        assert!(frames.iter().all(|frame| frame.contains(&updated("a:"))), "{frames:?}");
        last.clone_from(&frames[0]);
    }
    // Both streams hold the one text, each four times.
    let four = engine.stats().queued_bytes;
    let (session, get) = opened[0];
    engine.close_stream(get).unwrap();
    let (id, _) = last.strip_prefix("id: ").unwrap().split_once('\n').unwrap();
    let (stream, seq) = id.split_once('-').unwrap();
    let back = format!("{stream}-{}", seq.parse::<u32>().unwrap() - 4);
    let resumed = engine.resume_stream(session, &back).unwrap();
    let again = frames_of(&engine, resumed);
    assert_eq!(again.len(), 4, "{again:?}");
    assert_eq!(again[3], last);
    assert_eq!(engine.stats().queued_bytes, four, "it is still kept");
    for (session, _) in opened {
        engine.close(session).unwrap();
    }
    assert_eq!(engine.stats().queued_bytes, 0);
}
