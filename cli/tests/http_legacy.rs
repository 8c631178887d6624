//! Streamable HTTP of 2025-03-26 to 2025-11-25, over real sockets.

#[path = "support/http.rs"]
mod http;

use fanfare::Raise;
use fanfare_cli::http::Gauges;
use http::*;
use serde_json::json;

const URI: &str = "file:///a.txt";
const REVISIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

#[test]
fn a_session_begins_with_an_id_and_ends_with_delete() {
    let host = Host::new();
    for revision in REVISIONS {
        let client = Legacy::open(host.address, revision);
        assert_eq!(client.call(1, "ping", json!({}))["result"], json!({}));
        assert_eq!(client.call(2, "tools/list", json!({}))["result"], json!({}));
        assert_eq!(host.meter.read().sessions, 1);
        let mut stream = client.listen();
        let mut call = client.send(&tool(3, "hold", json!({})));
        until("the call is held", || host.app.held.lock().unwrap().len() == 1);
        until("the stream is open", || host.meter.read().streams != 0);
        assert_eq!(client.delete(), 204);
        // The server has nothing more to say: that stream has its end.
        while let Some(event) = stream.try_event() {
            assert_eq!(event.data.as_deref(), Some(""));
        }
        assert!(stream.is_whole(), "the stream breaks off");
        // An answer that will not come breaks off, or is none; everything is 404 from now on.
        match call.head().status {
            200 => {
                assert_eq!(call.event().data.as_deref(), Some(""));
                assert_eq!(call.try_event(), None);
                assert!(!call.is_whole(), "{revision}");
            }
            status => assert_eq!(status, 404),
        }
        host.app.held.lock().unwrap().clear();
        drop((stream, call));
        assert_eq!(client.delete(), 404);
        assert_eq!(client.get(&[]).0.status, 404);
        let refused = client.post(&request(3, "ping", json!({})));
        assert_eq!((refused.head.status, &refused.json()["id"]), (404, &json!(3)));
        host.settle();
    }
    assert_eq!(host.app.gone.lock().unwrap().len(), 3);
}

#[test]
fn what_belongs_to_no_request_goes_to_the_get_stream_and_nowhere_else() {
    let host = Host::new();
    for revision in REVISIONS {
        let client = Legacy::open(host.address, revision);
        client.call(1, "resources/subscribe", json!({ "uri": URI }));
        let mut get = client.listen();
        let mut call = client.send(&tool(2, "hold", json!({})));
        until("the call is held", || host.app.held.lock().unwrap().len() == 1);
        host.app.update(URI);
        assert_eq!(get.message()["params"], json!({ "uri": URI }));
        host.engine().notify_tool_list_changed(&Raise::ALL).unwrap();
        assert_eq!(get.message()["method"], "notifications/tools/list_changed");
        host.app.answer_held("{}");
        let answer = call.answer();
        assert!(answer.body.contains(r#""result":{}"#), "{answer:?}");
        assert!(!answer.body.contains("notifications/"), "{answer:?}");
        assert_eq!(client.delete(), 204);
        drop((get, call));
        host.settle();
    }
}

#[test]
fn a_second_get_stream_is_refused_and_the_first_goes_on() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-06-18");
    client.call(1, "resources/subscribe", json!({ "uri": URI }));
    let mut get = client.listen();
    until("it is open", || host.meter.read().streams == 1);
    let (head, _wire) = client.get(&[]);
    assert_eq!(head.status, 409);
    host.app.update(URI);
    assert_eq!(get.message()["params"]["uri"], URI);
    // When it has gone, the next one may come, and has what was raised between.
    drop(get);
    until("it is closed", || host.meter.read().streams == 0);
    host.app.update(URI);
    assert_eq!(client.listen().message()["params"]["uri"], URI);
}

#[test]
fn an_error_that_answers_initialize_opens_no_session() {
    // The server refuses all of them.
    let host = Host::with(&[("initialize.answer", "host")], |options| options);
    let mut wire = Wire::open(host.address);
    let params = json!({ "protocolVersion": "2025-11-25" });
    wire.request("POST", &[BOTH], &request(1, "initialize", params).to_string());
    let answer = wire.answer();
    assert_eq!(answer.head.header("mcp-session-id"), None);
    assert_eq!(answer.json()["error"]["code"], -32602);
    assert_eq!(host.meter.read(), Gauges { connections: 1, streams: 0, sessions: 0 });
    drop(wire);
    host.settle();
}

#[test]
fn a_client_that_goes_has_not_cancelled() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-06-18");
    let call = client.send(&tool(2, "hold", json!({})));
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    drop(call);
    until("its connection is closed", || host.meter.read().connections == 0);
    assert_eq!(host.engine().stats().requests, 1);
    host.app.answer_held("{}");
    until("it is answered", || host.engine().stats().requests == 0);
    assert_eq!(client.call(3, "ping", json!({}))["result"], json!({}));
    assert_eq!(*host.app.gone.lock().unwrap(), []);
}

#[test]
fn a_cancelled_call_ends_with_nothing() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-06-18");
    let mut call = client.send(&tool(2, "hold", json!({})));
    until("the call is held", || host.app.held.lock().unwrap().len() == 1);
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } });
    assert_eq!(client.post(&cancel).head.status, 202);
    let answer = call.answer();
    assert_eq!((answer.head.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.head.header("content-type"), Some("text/event-stream"));
}

#[test]
fn a_batch_of_2025_03_26_is_answered_by_a_stream() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-03-26");
    let batch = json!([
        request(1, "ping", json!({})),
        { "jsonrpc": "2.0", "method": "notifications/x" },
        request(2, "tools/list", json!({})),
    ]);
    let mut wire = client.send(&batch);
    assert_eq!(wire.head().header("content-type"), Some("text/event-stream"));
    let mut ids = vec![wire.message()["id"].clone(), wire.message()["id"].clone()];
    ids.sort_by_key(|id| id.as_u64());
    assert_eq!(ids, [json!(1), json!(2)]);
    wire.end();
    let newer = Legacy::open(host.address, "2025-06-18");
    assert_eq!(newer.post(&batch).head.status, 400);
}

#[test]
fn statuses_are_those_of_the_older_revisions() {
    let host = Host::new();
    let client = Legacy::open(host.address, "2025-06-18");
    // An unknown method is an ordinary answer: 404 would be the session's.
    let answer = client.post(&request(1, "nothing", json!({})));
    assert_eq!((answer.head.status, answer.json()["error"]["code"].as_i64()), (200, Some(-32601)));
    let without = Legacy { session_id: "x y".to_owned(), ..client.clone() };
    assert_eq!(without.post(&request(1, "ping", json!({}))).head.status, 400);
    let other = Legacy { session_id: "nobodys".to_owned(), ..client.clone() };
    assert_eq!(other.post(&request(1, "ping", json!({}))).head.status, 404);
    let strange = Legacy { revision: "2024-01-01".to_owned(), ..client.clone() };
    assert_eq!(strange.post(&request(1, "ping", json!({}))).head.status, 400);
    let mut wire = Wire::open(host.address);
    wire.request("POST", &[BOTH], &request(1, "ping", json!({})).to_string());
    assert_eq!(wire.answer().head.status, 400);
    let pairs = [&client.pairs()[..], &[("Accept", "application/json")]].concat();
    wire.request("GET", &pairs, "");
    assert_eq!(wire.answer().head.status, 406);
    wire.request("POST", &pairs, &request(1, "ping", json!({})).to_string());
    assert_eq!(wire.answer().head.status, 406);
}
