//! Readers that are slow, or stop: what they cost, and that nobody else notices.

#[path = "support/http.rs"]
mod http;

use std::io::Read as _;

use fanfare::{Level, Raise};
use http::*;
use serde_json::{Value, json};

const URI: &str = "file:///a.txt";

/// As much as no socket takes at once.
fn large() -> String {
    "x".repeat(200 << 10)
}

/// Says something large to every legacy session.
fn say(host: &Host, n: u64) {
    let data = json!({ "n": n, "text": large() }).to_string();
    // A session that ends for it is what some tests are about.
    let config = host.engine().notify_alert(Level::Error, None, &data, &Raise::ALL);
    config.unwrap();
}

fn keys() -> [(&'static str, &'static str); 2] {
    [("params.max_bytes", "1000000"), ("session.max_queued_bytes", "2000000")]
}

/// Raises until the sockets of some session take no more.
fn fill(host: &Host) -> u64 {
    let mut said = 0;
    while host.engine().stats().queued_frames == 0 {
        said += 1;
        say(host, said);
        // What the sockets take is taken out at once.
        let mut looks = 0;
        until("it is written or stays", || {
            looks += 1;
            host.engine().stats().queued_frames == 0 || looks == 50
        });
    }
    said
}

/// A session whose GET stream is stalled.
struct Stalled {
    client: Legacy,
    get: Wire,
    /// How often something was said.
    said: u64,
}

impl Stalled {
    fn new(host: &Host, revision: &str) -> Self {
        let client = Legacy::open(host.address, revision);
        let get = client.listen();
        until("it is open", || host.meter.read().streams == 1);
        let said = fill(host);
        Self { client, get, said }
    }

    /// Reads everything that was said, which is in order.
    #[track_caller]
    fn catch_up(&mut self) {
        for n in 1..=self.said {
            assert_eq!(self.get.message()["params"]["data"]["n"], n);
        }
    }

    /// Ends the session, which leaves nothing.
    #[track_caller]
    fn leave(self, host: &Host) {
        assert_eq!(self.client.delete(), 204);
        drop(self.get);
        host.settle();
    }
}

#[test]
fn who_reads_again_has_everything_in_order() {
    let host = Host::with(&keys(), |options| options);
    for revision in ["2025-06-18", "2025-11-25"] {
        let mut stalled = Stalled::new(&host, revision);
        assert!(stalled.said > 1);
        stalled.catch_up();
        // And goes on.
        let next = stalled.said + 1;
        say(&host, next);
        assert_eq!(stalled.get.message()["params"]["data"]["n"], next);
        stalled.leave(&host);
    }
}

#[test]
fn a_stalled_reader_ends_as_lagged_and_the_others_go_on() {
    let host = Host::with(&keys(), |options| options);
    let stalled = Legacy::open(host.address, "2025-06-18");
    let mut silent = stalled.listen();
    let reading = Legacy::open(host.address, "2025-06-18");
    let mut heard = reading.listen();
    let mut modern = listen(host.address, 1, URI);
    until("all are open", || host.meter.read().streams == 3);
    let mut n = 0;
    while host.engine().stats().lagged == 0 {
        n += 1;
        say(&host, n);
        host.app.update(URI);
        assert_eq!(heard.message()["params"]["data"]["n"], n);
        assert_eq!(modern.message()["params"]["uri"], URI);
        // Its bounds, and a frame for each of the others.
        assert!(host.engine().stats().queued_bytes < 3_000_000);
    }
    // Nothing is said to it that would look like an orderly end.
    until("it is closed", || host.meter.read().streams == 2);
    assert_eq!(host.meter.read().sessions, 1);
    let mut last = 0;
    while let Some(event) = silent.try_event() {
        let message = event.json();
        if message["method"] == "notifications/message" {
            let n = message["params"]["data"]["n"].as_u64().unwrap();
            assert_eq!(n, last + 1);
            last = n;
        }
    }
    assert!(!silent.is_whole());
    assert_eq!(stalled.post(&request(1, "ping", json!({}))).head.status, 404);
    say(&host, n + 1);
    assert_eq!(heard.message()["params"]["data"]["n"], n + 1);
}

#[test]
fn a_stalled_listen_costs_nothing_more_and_learns_the_latest() {
    let host = Host::new();
    // Long URIs fill a socket.
    let uris: Vec<_> = (0..900).map(|n| format!("file:///{n}/{}", "d".repeat(6000))).collect();
    let filter = json!({ "resourceSubscriptions": uris });
    let host = {
        drop(host);
        let keys = [
            ("filter.max_bytes", "10000000"),
            ("message.max_bytes", "20000000"),
            ("session.max_filter_bytes", "20000000"),
        ];
        Host::with(&keys, |options| fanfare_cli::http::Options {
            max_body_bytes: 20_000_000,
            ..options
        })
    };
    let mut wire = Modern::listen(1, filter).stream(host.address);
    let acknowledged = wire.message();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    let mut other = listen(host.address, 2, URI);
    for _ in 0..5 {
        uris.iter().for_each(|uri| host.app.update(uri));
        host.app.update(URI);
        assert_eq!(other.message()["params"]["uri"], URI);
    }
    until("it is stalled", || host.engine().stats().queued_frames != 0);
    assert!(host.engine().stats().queued_frames <= 900);
    assert_eq!(host.engine().stats().lagged, 0);
    // It has every one at least once, and no more often than it was raised.
    let mut heard = std::collections::HashMap::<String, u32>::new();
    while heard.len() < uris.len() {
        let message = wire.message();
        let uri = message["params"]["uri"].as_str().unwrap().to_owned();
        *heard.entry(uri).or_default() += 1;
    }
    assert!(heard.values().all(|&times| times <= 5));
    drop((wire, other));
    host.settle();
}

#[test]
fn of_one_session_a_stalled_stream_holds_up_no_other() {
    let host = Host::with(&keys(), |options| options);
    for revision in ["2025-06-18", "2025-11-25"] {
        let mut stalled = Stalled::new(&host, revision);
        let client = &stalled.client;
        // Calls by JSON and by a stream are answered.
        for id in 1..=5 {
            assert_eq!(client.call(id, "ping", json!({}))["id"], id);
            let mut call = client.send(&tool(100 + id, "steps", json!({ "n": 3 })));
            assert_eq!(call.head().header("content-type"), Some("text/event-stream"));
            loop {
                let message = call.message();
                if message.get("result").is_some() {
                    break;
                }
                assert_eq!(message["method"], "notifications/progress");
            }
            call.end();
        }
        assert!(host.engine().stats().queued_frames != 0);
        stalled.catch_up();
        stalled.leave(&host);
    }
}

#[test]
fn a_byte_at_a_time_is_read_as_it_was_written() {
    let host = Host::new();
    let text = json!({ "text": large(), "ends": "€".repeat(1000) });
    let mut wire = Modern::tool(1, "steps", json!({ "n": 1 })).send(host.address);
    assert_eq!(wire.head().status, 200);
    assert_eq!(wire.message()["method"], "notifications/progress");
    assert_eq!(wire.message()["id"], 1);
    wire.end();
    // A large result, behind a comment of its stream, so that it is a chunk and not a body.
    let host = Host::with(&[("sse.keep_alive_ms", "10")], |options| options);
    let mut wire = Modern::tool(1, "hold", json!({})).send(host.address);
    assert_eq!(wire.head().header("transfer-encoding"), Some("chunked"));
    host.app.answer_held(&text.to_string());
    let mut bytes = Vec::new();
    let mut byte = [0];
    while wire.socket.read(&mut byte).unwrap() != 0 {
        bytes.push(byte[0]);
    }
    assert!(bytes.ends_with(b"\n\n\r\n0\r\n\r\n"));
    let whole = String::from_utf8(bytes).unwrap();
    let data = whole.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let message: Value = serde_json::from_str(data).unwrap();
    assert_eq!(message["result"]["text"], text["text"]);
    assert_eq!(message["result"]["ends"], text["ends"]);
}

#[test]
fn a_stream_that_has_ended_and_is_not_read_is_cut() {
    let host = Host::with(&[], |options| fanfare_cli::http::Options {
        linger_timeout: std::time::Duration::from_millis(50),
        ..options
    });
    let client = Legacy::open(host.address, "2025-11-25");
    let wire = client.send(&tool(1, "hold", json!({}))).narrow();
    host.app.answer_held(&too_much());
    until("it is cut", || {
        host.meter.read() == fanfare_cli::http::Gauges { connections: 0, streams: 0, sessions: 1 }
    });
    drop(wire);
    assert_eq!(client.delete(), 204);
    host.settle();
}
