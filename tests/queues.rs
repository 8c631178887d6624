//! What waits to be sent: merging, order, lanes, bounds and overflow (DESIGN 4.2, 4.5, promises
//! 2, 4 and 5).

mod common;

use std::collections::HashMap;

use common::*;
use fanfare::{
    Batch, EndReason, Engine, ErrorKind, Framing, Level, Overflow, Profile, Raise, Revision,
    SessionId, SessionParams,
};

fn event(name: &str, n: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{name}","params":{{"n":{n}}}}}"#)
}

fn raise_event(engine: &Engine, name: &str, n: usize) -> usize {
    engine.notify(name, Some(&format!(r#"{{"n":{n}}}"#)), &Raise::ALL).unwrap()
}

fn listening(engine: &Engine, filter: &str) -> SessionId {
    let session = open(engine, Profile::Modern);
    asked(engine, session, &listen("1", filter));
    session
}

#[test]
fn a_notice_merges_while_it_waits_and_keeps_its_place() {
    let engine = engine(&[]);
    let session = listening(&engine, r#"{"resourceSubscriptions":["a:","b:"]}"#);
    for _ in 0..1000 {
        assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(1));
        assert_eq!(engine.notify_resource_updated("b:", &Raise::ALL), Ok(1));
    }
    assert_eq!(engine.session_stats(session).unwrap().queued_frames, 2);
    assert_eq!(frames(&engine, session), [tagged("1", "a:"), tagged("1", "b:")]);
    assert_eq!(engine.stats().merged, 1998);
    assert_eq!(engine.session_stats(session).unwrap().merged, 1998);
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [tagged("1", "a:")]);
}

#[test]
fn notices_and_events_leave_in_the_order_of_raising() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    raise_event(&engine, "x", 1);
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    raise_event(&engine, "x", 2);
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify_resource_updated("b:", &Raise::ALL).unwrap();
    let expected = [event("x", 1), updated("a:"), event("x", 2), updated("b:")];
    assert_eq!(frames(&engine, session), expected);
}

#[test]
fn a_merged_notice_carries_the_context_of_the_latest_raising() {
    let engine = engine(&[]);
    let session = listening(&engine, r#"{"resourceSubscriptions":["a:"],"toolsListChanged":true}"#);
    let with = |context| engine.notify_resource_updated("a:", &Raise::ALL.context(context));
    let framed =
        |context: &str| tagged("1", "a:").replace(r#"Id":1}"#, &format!(r#"Id":1{context}}}"#));
    with(r#"{"size":1}"#).unwrap();
    with(r#"{"size":2, "etag":"x"}"#).unwrap();
    assert_eq!(frames(&engine, session), [framed(r#","size":2, "etag":"x""#)]);
    with(r#"{"size":1}"#).unwrap();
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [framed("")]);
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    with(r#"{"size":3}"#).unwrap();
    assert_eq!(frames(&engine, session), [framed(r#","size":3"#)]);
    // Raised by its method, the context stands in `_meta`.
    let params = r#"{"uri":"a:","_meta":{"size":4}}"#;
    engine.notify("notifications/resources/updated", Some(params), &Raise::ALL).unwrap();
    assert_eq!(frames(&engine, session), [framed(r#","size":4"#)]);
    assert_eq!(engine.stats().queued_bytes, 0);

    let reserved = with(r#"{"io.modelcontextprotocol/subscriptionId":9}"#).unwrap_err();
    assert_eq!(reserved.kind(), ErrorKind::InvalidArgument);
    assert_eq!(with("7").unwrap_err().kind(), ErrorKind::Json);
    assert_eq!(frames(&engine, session), [""; 0]);
}

#[test]
fn the_context_of_one_target_does_not_reach_another() {
    let engine = engine(&[]);
    let [a, b] = [0, 1].map(|_| listening(&engine, r#"{"resourceSubscriptions":["a:"]}"#));
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify_resource_updated("a:", &to(a).context(r#"{"for":"a"}"#)).unwrap();
    assert!(frames(&engine, a)[0].contains(r#""for":"a""#));
    assert_eq!(frames(&engine, b), [tagged("1", "a:")]);
}

#[test]
fn an_event_may_carry_a_context_too() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    engine.notify("x", Some(r#"{ "n":1}"#), &Raise::ALL.context(r#"{"c":2}"#)).unwrap();
    engine.notify("x", None, &Raise::ALL.context(r#"{"c":2}"#)).unwrap();
    assert_eq!(
        frames(&engine, session),
        [
            r#"{"jsonrpc":"2.0","method":"x","params":{"_meta":{"c":2},"n":1}}"#,
            r#"{"jsonrpc":"2.0","method":"x","params":{"_meta":{"c":2}}}"#
        ]
    );
    let twice = engine.notify("x", Some(r#"{"_meta":{}}"#), &Raise::ALL.context("{}"));
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_graceful_end_drains_first_and_ends_last() {
    let engine = engine(&[]);
    let session = listening(&engine, r#"{"resourceSubscriptions":["a:"]}"#);
    asked(&engine, session, &listen("\"b\"", r#"{"toolsListChanged":true}"#));
    engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    engine.end(session, EndReason::Shutdown).unwrap();
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(0));
    assert_eq!(engine.end(session, EndReason::Graceful).unwrap_err().kind(), ErrorKind::State);
    let got = frames(&engine, session_once(&engine, session));
    assert_eq!(got[0], tagged("1", "a:"));
    assert!(got[1].contains("tools/list_changed"));
    assert_eq!(got[2..], [complete("1"), complete("\"b\"")]);
    assert_eq!(engine.session_stats(session).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(engine.stats().sessions, 0);
    assert_eq!(engine.stats().links, 0);
}

fn session_once(engine: &Engine, session: SessionId) -> SessionId {
    assert_eq!(engine.stats().sessions, 1);
    session
}

#[test]
fn an_end_that_is_not_graceful_never_looks_graceful() {
    for reason in [EndReason::Revoked, EndReason::Limit, EndReason::Lagged] {
        let name = reason.as_str();
        let error = format!(
            r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":-32603,"message":"subscription ended: {name}","data":{{"reason":"{name}"}}}}}}"#
        );
        // Who does not read is not given what is queued.
        let expected = match reason {
            EndReason::Lagged => vec![error],
            _ => vec![tagged("1", "a:"), error],
        };
        let engine = engine(&[]);
        let session = listening(&engine, r#"{"resourceSubscriptions":["a:"]}"#);
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        engine.end_subscription(engine.subscription(session, "1").unwrap(), reason).unwrap();
        assert_eq!(frames(&engine, session), expected);

        asked(&engine, session, &listen("1", r#"{"resourceSubscriptions":["a:"]}"#));
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        engine.end(session, reason).unwrap();
        assert_eq!(frames(&engine, session), expected);
        assert_eq!(engine.stats().sessions, 0);
    }
    for reason in [EndReason::Cancelled, EndReason::Disconnected] {
        let engine = engine(&[]);
        let session = listening(&engine, r#"{"resourceSubscriptions":["a:"]}"#);
        engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        engine.end(session, reason).unwrap();
        assert_eq!(engine.stats().sessions, 0, "nothing to say, so it is gone");
        assert_eq!(engine.stats().queued_frames, 0);
    }
}

#[test]
fn a_listen_that_ends_takes_its_own_notices_along_and_no_others() {
    let engine = engine(&[]);
    let session = listening(&engine, r#"{"resourceSubscriptions":["a:","b:"]}"#);
    asked(&engine, session, &listen("2", r#"{"resourceSubscriptions":["a:"]}"#));
    for uri in ["b:", "a:"] {
        engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
    }
    let first = engine.subscription(session, "1").unwrap();
    engine.end_subscription(first, EndReason::Graceful).unwrap();
    // Its notices and its end overtake the other one's, as control frames do.
    assert_eq!(
        frames(&engine, session),
        [tagged("1", "b:"), tagged("1", "a:"), complete("1"), tagged("2", "a:")]
    );
    assert_eq!(engine.notify_resource_updated("b:", &Raise::ALL), Ok(0));
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(1));
}

#[test]
fn a_cancelled_listen_is_silent_even_if_its_acknowledgment_still_waits() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let listen = listen("1", r#"{"toolsListChanged":true}"#);
    engine.receive(session, None, listen.as_bytes()).unwrap();
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(asked(&engine, session, &cancelled("1")), [""; 0]);
}

#[test]
fn a_response_overtakes_everything_but_what_belongs_to_its_request() {
    let engine = engine(&[]);
    let session = open(&engine, legacy(Revision::V2025_06_18));
    passed(&engine, session, &request("1", "tools/call", r#"{"_meta":{"progressToken":"p"}}"#));
    passed(&engine, session, &request("2", "tools/call", ""));
    for n in 0..3 {
        raise_event(&engine, "flood", n);
    }
    let progress = r#"{"progressToken":"p","progress":1}"#;
    engine.notify("notifications/progress", Some(progress), &Raise::ALL).unwrap();
    let of_request = Raise::to(fanfare::Target::Request(session, "1"));
    engine.notify_logging_message(Level::Info, None, "\"log of 1\"", &of_request).unwrap();
    raise_event(&engine, "flood", 3);
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    engine.send(session, None, response.as_bytes()).unwrap();
    let got = frames(&engine, session);
    assert!(got[0].contains(r#""progressToken":"p""#), "{got:?}");
    assert!(got[1].contains("log of 1"), "{got:?}");
    assert_eq!(got[2], response);
    assert_eq!(got[3..], [0, 1, 2, 3].map(|n| event("flood", n)));
    // R18: nothing after it.
    let late = r#"{"progressToken":"p","progress":2}"#;
    assert_eq!(engine.notify("notifications/progress", Some(late), &Raise::ALL), Ok(0));
    assert_eq!(engine.notify_logging_message(Level::Info, None, "1", &of_request), Ok(0));
    let again = engine.send(session, None, response.as_bytes()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::State);
    assert_eq!(frames(&engine, session), [""; 0]);
}

fn bounded(engine: &Engine, policy: Overflow) -> SessionId {
    let params = SessionParams::new(Profile::Open).framing(Framing::Json);
    engine.open(params.overflow(policy).max_queued_frames(3)).unwrap()
}

#[test]
fn drop_oldest_keeps_the_newest_events_and_counts() {
    let engine = engine(&[]);
    let session = bounded(&engine, Overflow::DropOldest);
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    for n in 0..10 {
        assert_eq!(raise_event(&engine, "x", n), 1);
    }
    assert_eq!(engine.session_stats(session).unwrap().dropped, 7);
    assert_eq!(engine.stats().dropped, 7);
    let got = frames(&engine, session);
    assert!(got[0].contains("tools/list_changed"), "a notice is never dropped: {got:?}");
    assert_eq!(got[1..], [7, 8, 9].map(|n| event("x", n)));
}

#[test]
fn drop_newest_keeps_the_oldest_events_and_counts() {
    let engine = engine(&[]);
    let session = bounded(&engine, Overflow::DropNewest);
    let reached: Vec<_> = (0..5).map(|n| raise_event(&engine, "x", n)).collect();
    assert_eq!(reached, [1, 1, 1, 0, 0]);
    assert_eq!(engine.session_stats(session).unwrap().dropped, 2);
    assert_eq!(frames(&engine, session), [0, 1, 2].map(|n| event("x", n)));
    assert_eq!(raise_event(&engine, "x", 5), 1);
}

#[test]
fn close_ends_the_session_that_lags_and_nobody_else() {
    let engine = engine(&[]);
    let slow = bounded(&engine, Overflow::Close);
    let quick = open(&engine, Profile::Open);
    for n in 0..5 {
        raise_event(&engine, "x", n);
        assert_eq!(frames(&engine, quick), [event("x", n)]);
    }
    assert_eq!(engine.session_stats(slow).unwrap_err().kind(), ErrorKind::Gone);
    let stats = engine.stats();
    assert_eq!(
        (stats.lagged, stats.sessions, stats.queued_frames, stats.queued_bytes),
        (1, 1, 0, 0)
    );
}

#[test]
fn bytes_are_bounded_like_frames() {
    let engine = engine(&[]);
    let params = SessionParams::new(Profile::Open).overflow(Overflow::DropNewest);
    let session = engine.open(params.max_queued_bytes(2 * event("x", 1).len() as u32)).unwrap();
    assert_eq!([1, 2, 3].map(|n| raise_event(&engine, "x", n)), [1, 1, 0]);
    assert_eq!(engine.session_stats(session).unwrap().queued_frames, 2);
}

#[test]
fn a_notice_for_an_open_session_takes_a_place_of_its_bound() {
    let engine = engine(&[]);
    let session = bounded(&engine, Overflow::DropOldest);
    for n in 0..10 {
        engine.notify_resource_updated(&format!("u:{n}"), &Raise::ALL).unwrap();
    }
    assert_eq!(frames(&engine, session), ["u:7", "u:8", "u:9"].map(updated));
    assert_eq!(engine.session_stats(session).unwrap().dropped, 7);
    assert_eq!(engine.stats().topics, 3, "the lists only: no topic outlives its links");
}

#[test]
fn the_engine_as_a_whole_is_bounded() {
    let engine = engine(&[("engine.max_queued_bytes", "65536"), ("overflow", "drop_newest")]);
    let sessions: Vec<_> = (0..10).map(|_| open(&engine, Profile::Open)).collect();
    let body = format!(r#"{{"x":"{}"}}"#, "y".repeat(1000));
    for _ in 0..200 {
        engine.notify("x", Some(&body), &Raise::ALL).unwrap();
    }
    let stats = engine.stats();
    assert!(stats.queued_bytes <= 65536 + 1100, "{stats:?}");
    assert!(stats.dropped > 0);
    for session in sessions {
        engine.close(session).unwrap();
    }
    assert_eq!(engine.stats().queued_bytes, 0);
}

#[test]
fn those_who_do_not_read_leave_room_for_those_who_do() {
    let engine = engine(&[("engine.max_queued_bytes", "65536")]);
    let idle = (0..4).map(|_| {
        let params = SessionParams::new(Profile::Open).framing(Framing::Json);
        engine.open(params.overflow(Overflow::DropNewest)).unwrap()
    });
    let idle: Vec<_> = idle.collect();
    let body = format!(r#"{{"x":"{}"}}"#, "y".repeat(500));
    for _ in 0..300 {
        engine.notify("x", Some(&body), &Raise::ALL).unwrap();
    }
    assert!(engine.stats().dropped > 0);
    let late = open(&engine, Profile::Open);
    for _ in 0..100 {
        engine.notify("x", Some(&body), &Raise::ALL).unwrap();
        assert_eq!(frames(&engine, late).len(), 1, "the policy is for the others");
    }
    assert!(engine.stats().queued_bytes <= 65536);
    assert_eq!(engine.stats().lagged, 0);
    assert!(idle.iter().all(|&session| !frames(&engine, session).is_empty()));
}

#[test]
fn a_notice_is_worth_more_than_its_context() {
    let settings = [("engine.max_queued_bytes", "65536"), ("params.max_bytes", "65536")];
    let engine = engine(&settings);
    let uris: Vec<String> = (0..4).map(|n| format!("u:{n}")).collect();
    let filter = format!(r#"{{"resourceSubscriptions":{}}}"#, serde_json::json!(uris));
    let session = listening(&engine, &filter);
    let context = format!(r#"{{"c":"{}"}}"#, "y".repeat(30_000));
    for uri in &uris {
        assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL.context(&context)), Ok(1));
    }
    assert!(engine.stats().queued_bytes <= 65536);
    let lens: Vec<bool> = frames(&engine, session).iter().map(|f| f.len() > 30_000).collect();
    assert_eq!(lens, [true, true, false, false]);
    assert_eq!(engine.stats().queued_bytes, 0);
}

#[test]
fn replies_that_nobody_reads_end_the_session() {
    let engine = engine(&[("session.max_reply_bytes", "1024")]);
    let session = open(&engine, Profile::Modern);
    asked(&engine, session, &listen("\"l\"", r#"{"toolsListChanged":true}"#));
    let mut n = 0;
    let gone = loop {
        n += 1;
        let wrong = request(&n.to_string(), "ping", "");
        if let Err(gone) = engine.receive(session, None, wrong.as_bytes()) {
            break gone;
        }
        assert!(n < 100, "replies are not bounded");
    };
    assert_eq!(gone.kind(), ErrorKind::State);
    assert_eq!(engine.stats().lagged, 1);
    assert!(frames(&engine, session)[0].contains("subscription ended: lagged"));
    assert_eq!(engine.stats().sessions, 0);
}

#[test]
fn heavy_params_are_refused_or_told_once_per_method() {
    use std::sync::{Arc, Mutex};
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = told.clone();
    let hooks = fanfare::Hooks::new().on_log(move |record| {
        log.lock().unwrap().push(record.message.clone());
    });
    let settings = [("params.max_bytes", "1000"), ("params.soft_bytes", "100")];
    let engine = Engine::with_hooks(config(&settings), hooks);
    let session = open(&engine, Profile::Open);
    let params = |size: usize| format!(r#"{{"x":"{}"}}"#, "y".repeat(size - 8));
    let error = engine.notify("m", Some(&params(1001)), &Raise::ALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    for part in ["1001", "1000", "params.max_bytes", " m "] {
        assert!(error.detail().contains(part), "{error} lacks {part}");
    }
    assert_eq!(frames(&engine, session), [""; 0]);
    for size in [1000, 101, 100] {
        assert_eq!(engine.notify("m", Some(&params(size)), &Raise::ALL), Ok(1));
    }
    engine.notify("n", Some(&params(500)), &Raise::ALL).unwrap();
    assert_eq!(engine.stats().heavy, 3);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("params of m are 1000 bytes"), "{told:?}");
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let run = || {
        let engine = engine(&[("overflow", "drop_oldest"), ("session.max_queued_frames", "4")]);
        let sessions: Vec<_> = (0..20)
            .map(|n| match n % 3 {
                0 => open(&engine, Profile::Open),
                1 => {
                    let session = open(&engine, legacy(Revision::V2025_06_18));
                    asked(&engine, session, &subscribe("1", &format!("u:{}", n % 5)));
                    session
                }
                _ => listening(&engine, r#"{"resourceSubscriptions":["u:1","u:2"]}"#),
            })
            .collect();
        for n in 0..50 {
            engine.notify_resource_updated(&format!("u:{}", n % 7), &Raise::ALL).unwrap();
            raise_event(&engine, "x", n);
            if n == 25 {
                engine.close(sessions[n % 20]).unwrap();
            }
        }
        let mut batch = fanfare::Batch::new();
        engine.recv(None, usize::MAX, &mut batch).unwrap();
        texts(&engine, &batch)
    };
    let first = run();
    assert!(first.len() > 50);
    assert_eq!(first, run());
}

/// More sessions than it takes to put the links of a topic in order, and more slots than stay at
/// hand.
#[test]
fn a_population_that_came_and_went_hears_everything_once_and_in_order() {
    let engine = engine(&[]);
    let count = 3000;
    let filter = r#"{"resourceSubscriptions":["a:","b:","c:","d:","e:","f:"]}"#;
    let join = |n: usize| {
        let session = open(&engine, Profile::Modern);
        engine.listen(session, None, &n.to_string(), filter).unwrap();
        (session, n)
    };
    let mut sessions: Vec<_> = (0..count).map(join).collect();
    for n in 0..2 * count {
        // Any order but that in which they came.
        let at = n * 7919 % count;
        engine.close(sessions[at].0).unwrap();
        sessions[at] = join(count + n);
    }
    let mut batch = Batch::new();
    assert_eq!(engine.recv(None, usize::MAX, &mut batch), Ok(count));
    for uris in [["a:", "b:"], ["b:", "a:"]] {
        for uri in uris {
            assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(count));
        }
        assert_eq!(engine.recv(None, usize::MAX, &mut batch), Ok(2 * count));
        let mut heard: HashMap<_, Vec<String>> = HashMap::new();
        for frame in batch.iter() {
            let text = String::from_utf8(frame.data.to_vec()).unwrap();
            heard.entry(frame.session).or_default().push(text);
        }
        for (session, n) in &sessions {
            assert_eq!(heard[session], uris.map(|uri| tagged(&n.to_string(), uri)));
        }
    }
}
