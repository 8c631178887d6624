//! Streams that are lost and taken up again (2025-03-26 to 2025-11-25), over real sockets.

#[path = "support/http.rs"]
mod http;

use std::collections::HashSet;
use std::time::Duration;

use fanfare::{Level, Raise};
use http::*;
use serde_json::json;

const URI: &str = "file:///a.txt";

/// Says something to everybody that is not merged with what was said before.
fn say(host: &Host, n: u64) {
    let data = json!(n).to_string();
    host.engine().notify_alert(Level::Error, None, &data, &Raise::ALL).unwrap();
}

#[test]
fn streams_of_2025_11_25_begin_with_an_id_and_others_do_not() {
    let host = Host::new();
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let client = Legacy::open(host.address, revision);
        let mut get = client.listen();
        let mut post = client.send(&tool(2, "steps", json!({ "n": 3 })));
        assert_eq!(post.head().header("content-type"), Some("text/event-stream"));
        say(&host, 1);
        let mut ids = HashSet::new();
        for wire in [&mut get, &mut post] {
            let first = wire.event();
            let is_priming = first.data.as_deref() == Some("");
            assert_eq!(is_priming, revision == "2025-11-25", "{revision}: {first:?}");
            assert!(ids.insert(first.id.expect("an id")));
        }
        while let Some(event) = post.try_event() {
            assert!(ids.insert(event.id.expect("an id")));
        }
        assert!(post.is_whole());
    }
}

#[test]
fn a_get_stream_goes_on_behind_the_last_event() {
    let host = Host::new();
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let client = Legacy::open(host.address, revision);
        let mut get = client.listen();
        until("it is open", || host.meter.read().streams == 1);
        let mut last = String::new();
        for n in 1..=5 {
            say(&host, n);
            let event = loop {
                let event = get.event();
                if event.data.as_deref() != Some("") {
                    break event;
                }
            };
            assert_eq!(event.json()["params"]["data"], n);
            if n == 3 {
                last = event.id.unwrap();
            }
        }
        drop(get);
        until("it is closed", || host.meter.read().streams == 0);
        say(&host, 6);
        let mut get = client.resume(&last);
        for n in 4..=6 {
            assert_eq!(get.message()["params"]["data"], n, "{revision}");
        }
        say(&host, 7);
        assert_eq!(get.message()["params"]["data"], 7);
        assert_eq!(client.delete(), 204);
        drop(get);
        host.settle();
    }
}

#[test]
fn an_answer_waits_for_the_client_to_come_back() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-11-25");
    let mut post = client.send(&tool(2, "hold", json!({})));
    assert_eq!(post.head().status, 200);
    let first = post.event().id.unwrap();
    drop(post);
    until("it is closed", || host.meter.read().streams == 0);
    host.app.answer_held(r#"{"n":1}"#);
    // Twice: it is kept for a while.
    for _ in 0..2 {
        let mut again = client.resume(&first);
        assert_eq!(again.message(), json!({ "jsonrpc": "2.0", "id": 2, "result": { "n": 1 } }));
        again.end();
    }
}

#[test]
fn who_comes_back_supersedes_a_connection_that_looks_alive() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-11-25");
    let mut old = client.listen();
    let first = old.event().id.unwrap();
    let mut new = client.resume(&first);
    old.end();
    say(&host, 1);
    assert_eq!(new.message()["params"]["data"], 1);
    until("one is left", || host.meter.read().streams == 1);
}

#[test]
fn what_cannot_be_resumed_is_400_and_the_session_goes_on() {
    let host = Host::with(&[("replay.max_frames", "1")], |options| options);
    let client = Legacy::open(host.address, "2025-11-25");
    let other = Legacy::open(host.address, "2025-11-25");
    let mut theirs = other.listen();
    let id = theirs.event().id.unwrap();
    let mut get = client.listen();
    let first = get.event().id.unwrap();
    for n in 1..=3 {
        say(&host, n);
        assert_eq!(get.message()["params"]["data"], n);
    }
    drop(get);
    until("it is closed", || host.meter.read().streams == 1);
    for wrong in [id.as_str(), "x", "1-2-3", "999-1", "\u{e9}", &"9".repeat(5000), &first] {
        let (head, _wire) = client.get(&[("Last-Event-ID", wrong)]);
        assert_eq!(head.status, 400, "{wrong}");
    }
    // Nobody else has noticed.
    say(&host, 4);
    let mut seen = 0;
    while seen != 4 {
        seen = theirs.message()["params"]["data"].as_u64().unwrap();
    }
    assert_eq!(client.call(3, "ping", json!({}))["result"], json!({}));
}

#[test]
fn a_stream_that_is_hung_up_says_when_to_come_back() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-11-25");
    let mut post = client.send(&tool(2, "hold", json!({})));
    assert_eq!(post.head().status, 200);
    let first = post.event().id.unwrap();
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    let stream = host.app.held.lock().unwrap()[0].1;
    host.engine().hang_up(stream, 1234).unwrap();
    assert_eq!(post.event().retry, Some(1234));
    post.end();
    let mut again = client.resume(&first);
    host.app.answer_held("{}");
    assert_eq!(again.message()["id"], 2);
    again.end();
}

#[test]
fn a_session_that_nobody_uses_ends() {
    let host = Host::with(&[], |options| fanfare_cli::http::Options {
        idle_timeout: Duration::from_millis(100),
        ..options
    });
    let (idle, busy) =
        (Legacy::open(host.address, "2025-06-18"), Legacy::open(host.address, "2025-06-18"));
    let mut stream = busy.listen();
    until("it has ended", || host.meter.read().sessions == 1);
    assert_eq!(idle.post(&request(1, "ping", json!({}))).head.status, 404);
    assert_eq!(host.app.gone.lock().unwrap().len(), 1);
    // With an open stream it is in use, however long nothing happens.
    host.engine().notify_tool_list_changed(&Raise::ALL).unwrap();
    assert_eq!(stream.message()["method"], "notifications/tools/list_changed");
    drop(stream);
    host.settle();
}

#[test]
fn silent_streams_show_signs_of_life() {
    let host = Host::with(&[("sse.keep_alive_ms", "20")], |options| options);
    let client = Legacy::open(host.address, "2025-11-25");
    let mut legacy = client.listen();
    assert_eq!(legacy.event().data.as_deref(), Some(""));
    let mut modern = listen(host.address, 1, URI);
    let mut call = Modern::tool(2, "hold", json!({})).send(host.address);
    for _ in 0..3 {
        for wire in [&mut legacy, &mut modern] {
            assert!(wire.any_event().unwrap().comment.is_some());
        }
    }
    // A call that has said nothing yet begins its stream with one.
    assert_eq!(call.head().header("content-type"), Some("text/event-stream"));
    assert!(call.any_event().unwrap().comment.is_some());
    host.app.answer_held("{}");
    assert_eq!(call.message()["id"], 2);
    call.end();
}
