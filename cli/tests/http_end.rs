//! The end of a server: what is said to whom, and how long it takes at most.

#[path = "support/http.rs"]
mod http;

use std::time::{Duration, Instant};

use fanfare_cli::http::Options;
use http::*;
use serde_json::json;

const URI: &str = "file:///a.txt";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

#[test]
fn every_listen_ends_with_its_result_and_legacy_clients_are_asked_to_come_back() {
    let mut host = Host::new();
    let listens: Vec<_> = (0..50).map(|id| listen(host.address, id, URI)).collect();
    let clients = ["2025-11-25"; 5].map(|revision| Legacy::open(host.address, revision));
    let polled: Vec<_> = clients.iter().map(Legacy::listen).collect();
    let older = Legacy::open(host.address, "2025-06-18");
    let mut plain = older.listen();
    let mut call = Modern::tool("c", "hold", json!({})).send(host.address);
    until("all is open", || {
        host.meter.read().streams == 56 && host.app.held.lock().unwrap().len() == 1
    });
    host.app.update(URI);
    host.stop();
    for (id, mut wire) in listens.into_iter().enumerate() {
        assert_eq!(wire.message()["method"], "notifications/resources/updated");
        let last = wire.message();
        assert_eq!(last["id"], id);
        assert_eq!(last["result"]["resultType"], "complete");
        assert_eq!(last["result"]["_meta"][SUBSCRIPTION], id);
        wire.end();
    }
    let mut waits = Vec::new();
    for mut wire in polled {
        assert_eq!(wire.event().data.as_deref(), Some(""));
        waits.push(wire.event().retry.expect("when to come back"));
        wire.end();
    }
    assert!(waits.iter().all(|ms| (1_000..3_000).contains(ms)), "{waits:?}");
    assert!(waits.iter().any(|ms| ms != &waits[0]), "{waits:?}");
    plain.end();
    // Who waits for an answer has it.
    assert!(host.is_running());
    host.app.answer_held("{}");
    assert_eq!(call.answer().json()["id"], "c");
    host.join().unwrap();
    host.settle();
}

#[test]
fn who_does_not_read_is_cut_off_in_the_end() {
    let mut host = Host::with(&[("params.max_bytes", "1000000")], |options| Options {
        drain_timeout: Duration::from_millis(200),
        ..options
    });
    let client = Legacy::open(host.address, "2025-11-25");
    let stalled = client.send(&tool(1, "hold", json!({}))).narrow();
    host.app.answer_held(&too_much());
    let held = Modern::tool("c", "hold", json!({})).send(host.address);
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    let began = Instant::now();
    host.stop();
    host.join().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200));
    host.settle();
    assert_eq!(host.app.gone.lock().unwrap().len(), 2);
    drop((stalled, held));
}

#[test]
fn no_new_work_is_taken() {
    let mut host = Host::new();
    let mut idle = Wire::open(host.address);
    let call = Modern::new(1, "tools/list", json!({}));
    idle.request("POST", &call.pairs(), &call.body);
    assert_eq!(idle.answer().head.status, 200);
    let mut waiting = Modern::tool("c", "hold", json!({})).send(host.address);
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    host.stop();
    // A connection that asks for nothing just now is closed.
    assert!(idle.is_closed());
    host.app.answer_held("{}");
    let answer = waiting.answer();
    assert_eq!(answer.head.header("connection"), Some("close"));
    host.join().unwrap();
    assert!(std::net::TcpStream::connect(host.address).is_err());
}
