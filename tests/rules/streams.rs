//! Sessions with several ways out (R28 to R30, R35, R77, R78).

use fanfare::{
    Batch, Disposition, Engine, ErrorKind, Level, Raise, Revision, SessionId, StreamId, StreamKind,
    Target,
};

use crate::common::*;

const NONE: [&str; 0] = [];

fn receive(engine: &Engine, session: SessionId, stream: StreamId, message: &str) -> Disposition {
    engine.receive(session, Some(stream), message.as_bytes()).unwrap()
}

fn since_2025_03_26() -> impl Iterator<Item = Revision> {
    legacy_revisions().filter(|&revision| revision >= Revision::V2025_03_26)
}

#[test]
fn r28_a_message_goes_to_exactly_one_stream() {
    for revision in since_2025_03_26() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
        let posts = [0, 1, 2].map(|_| engine.open_stream(session, StreamKind::Request).unwrap());
        for (post, id) in posts.into_iter().zip(["1", "2", "3"]) {
            receive(&engine, session, post, &call(id, id));
        }
        asked_on(&engine, session, get, &subscribe("9", "a:"));
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        engine.notify("notifications/custom", None, &Raise::ALL).unwrap();
        engine.notify_alert(Level::Alert, None, "1", &Raise::ALL).unwrap();
        report(&engine, "2", "1");
        let all: Vec<String> = [get, posts[0], posts[1], posts[2]]
            .into_iter()
            .flat_map(|s| frames_of(&engine, s))
            .collect();
        let mut once = all.clone();
        once.sort();
        once.dedup();
        assert_eq!((all.len(), once.len()), (5, 5), "{revision}: {all:?}");
    }
}

/// A request that the engine answers on a stream, where the answer is of no interest.
fn asked_on(engine: &Engine, session: SessionId, stream: StreamId, message: &str) {
    assert_eq!(receive(engine, session, stream, message), Disposition::Handled);
    assert_eq!(frames_of(engine, stream).len(), 1);
}

#[test]
fn r29_what_belongs_to_a_request_rides_its_stream() {
    for revision in since_2025_03_26() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
        let post = engine.open_stream(session, StreamKind::Request).unwrap();
        receive(&engine, session, post, &call("1", "\"p\""));
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        report(&engine, "\"p\"", "1");
        let of_call = Raise::to(Target::Request(session, "1"));
        engine.notify_alert(Level::Alert, None, "1", &of_call).unwrap();
        respond(&engine, session, "1");
        let log = notification("notifications/message", r#"{"level":"alert","data":1}"#);
        assert_eq!(frames_of(&engine, post), [progressed("\"p\"", "1"), log, empty("1")]);
        let tools = notification("notifications/tools/list_changed", "");
        assert_eq!(frames_of(&engine, get), [tools], "{revision}");
    }
}

#[test]
fn r30_no_response_on_the_standalone_stream() {
    for revision in since_2025_03_26() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
        let post = engine.open_stream(session, StreamKind::Request).unwrap();
        receive(&engine, session, post, &request("1", "tools/call", ""));
        engine.close_stream(post).unwrap();
        // Whatever becomes of it, it is not there.
        let sent = engine.send(session, None, empty("1").as_bytes());
        assert!(sent.is_ok() || sent.unwrap_err().kind() == ErrorKind::Gone);
        assert_eq!(frames_of(&engine, get), NONE, "{revision}");
    }
}

#[test]
fn r35_a_dropped_connection_cancels_nothing() {
    for revision in since_2025_03_26() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(revision));
        let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
        let post = engine.open_stream(session, StreamKind::Request).unwrap();
        asked_on(&engine, session, get, &subscribe("1", "a:"));
        receive(&engine, session, post, &request("2", "tools/call", ""));
        engine.close_stream(post).unwrap();
        engine.close_stream(get).unwrap();
        let stats = engine.session_stats(session).unwrap();
        assert_eq!((stats.requests, stats.subscriptions), (1, 1));
        // Unrelated notices are kept, merged, for the next standalone stream (G19).
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
        assert_eq!(frames_of(&engine, get), [updated("a:")]);
    }
}

/// What a host answers with 202 and no body.
#[test]
fn r82_notifications_and_responses_queue_nothing() {
    let note = notification("notifications/roots/list_changed", "");
    let response = r#"{"jsonrpc":"2.0","id":"s","result":{}}"#;
    for revision in since_2025_03_26() {
        let mut bodies = vec![note.clone(), response.to_owned(), cancelled("7")];
        if revision == Revision::V2025_03_26 {
            bodies.extend([format!("[{note},{note}]"), format!("[{response},{response}]")]);
        }
        for body in bodies {
            let engine = engine(&[]);
            let session = open(&engine, legacy(revision));
            let post = engine.open_stream(session, StreamKind::Request).unwrap();
            receive(&engine, session, post, &body);
            assert_eq!(frames_of(&engine, post), NONE, "{revision}: {body}");
            assert_eq!(engine.stats().queued_frames, 0);
        }
    }
}

#[test]
fn r77_a_change_never_rides_the_stream_of_a_request() {
    let engine = engine(&[]);
    let session = open(&engine, fanfare::Profile::Modern);
    let listening = engine.open_stream(session, StreamKind::Listen).unwrap();
    let calling = engine.open_stream(session, StreamKind::Request).unwrap();
    receive(&engine, session, listening, &listen("1", r#"{"toolsListChanged":true}"#));
    receive(&engine, session, calling, &call_in(Revision::MODERN, "2", r#","progressToken":2"#));
    frames_of(&engine, listening);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    report(&engine, "2", "1");
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify("notifications/custom", None, &Raise::ALL).unwrap();
    assert_eq!(frames_of(&engine, listening), [tagged_list("1", "tools")]);
    assert_eq!(frames_of(&engine, calling), [progressed("2", "1")]);
}

#[test]
fn r78_the_response_is_the_last_frame_and_ends_the_stream() {
    let input =
        r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{}}}"#;
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#;
    for response in [input, error, &called_in(Revision::MODERN, "1")] {
        let engine = engine(&[]);
        let session = open(&engine, fanfare::Profile::Modern);
        let post = engine.open_stream(session, StreamKind::Request).unwrap();
        let meta = r#","progressToken":1,"io.modelcontextprotocol/logLevel":"debug""#;
        receive(&engine, session, post, &call_in(Revision::MODERN, "1", meta));
        report(&engine, "1", "1");
        engine.send(session, None, response.as_bytes()).unwrap();
        assert_eq!(report(&engine, "1", "2"), 0);
        let of_call = Raise::to(Target::Request(session, "1"));
        assert_eq!(engine.notify_alert(Level::Alert, None, "1", &of_call), Ok(0));
        let mut batch = Batch::new();
        engine.recv_stream(post, 10, &mut batch).unwrap();
        assert_eq!(texts(&engine, &batch), [progressed("1", "1"), response.to_owned()]);
        let last: Vec<bool> = batch.iter().map(|frame| frame.flags.is_last()).collect();
        assert_eq!(last, [false, true]);
        let gone = engine.recv_stream(post, 10, &mut batch).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::Gone);
    }
}
