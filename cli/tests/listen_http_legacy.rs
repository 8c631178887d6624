//! `fanfare listen --http` in the revisions before 2026-07-28: sessions, the stream of news, and
//! what is sent again after a lost connection. Each step of the server is made by hand.

#[path = "support/scripted.rs"]
mod scripted;
mod support;

use rustix::process::Signal;
use scripted::{Listener, Request, Server, Stream};
use serde_json::{Value, json};

fn initialized(revision: &str) -> Value {
    json!({
        "protocolVersion": revision,
        "capabilities": { "resources": { "subscribe": true }, "logging": {} },
        "serverInfo": { "name": "scripted", "version": "1" },
    })
}

fn updated(uri: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": uri } })
}

/// A request of a session must say so.
#[track_caller]
fn assert_session(request: &Request, session: Option<&str>, revision: &str) {
    assert_eq!(request.header("mcp-session-id"), session, "{}", request.body);
    assert_eq!(request.header("mcp-protocol-version"), Some(revision), "{}", request.body);
}

/// Takes the handshake up to the stream of news, which it opens.
#[track_caller]
fn shake_hands(server: &Server, session: &str, revision: &str) -> Stream {
    let request = server.call("initialize");
    assert_eq!(request.header("mcp-session-id"), None);
    assert_eq!(request.header("mcp-protocol-version"), None);
    request.result(&[&format!("Mcp-Session-Id: {session}")], &initialized(revision));
    let request = server.call("notifications/initialized");
    assert_session(&request, Some(session), revision);
    request.accept();
    let request = server.verb("GET");
    assert_session(&request, Some(session), revision);
    assert_eq!(request.header("accept"), Some("text/event-stream"));
    assert_eq!(request.header("last-event-id"), None);
    request.stream(&[])
}

#[track_caller]
fn accept_subscription(server: &Server, session: &str, revision: &str) {
    let request = server.call("resources/subscribe");
    assert_session(&request, Some(session), revision);
    assert_eq!(request.body["params"], json!({ "uri": "x:a" }));
    request.result(&[], &json!({}));
}

const D: &str = "2025-11-25";

/// A listener of a file in 2025-11-25, and the stream on which it hears.
#[track_caller]
fn listening(server: &Server, options: &[&str]) -> (Listener, Stream) {
    let options = [&["--revision", D, "--resource", "x:a"], options].concat();
    let listener = Listener::start(&server.url(), &options);
    let news = shake_hands(server, "s1", D);
    accept_subscription(server, "s1", D);
    listener.until_says("listening to scripted 1 in 2025-11-25");
    (listener, news)
}

/// Ends a listener, which must take leave of the session.
#[track_caller]
fn finish(server: &Server, listener: Listener, session: &str) -> String {
    listener.signal(Signal::INT);
    let request = server.verb("DELETE");
    assert_session(&request, Some(session), D);
    request.answer(405, &["Allow: GET, POST"], "");
    let (code, printed, said) = listener.finish();
    assert_eq!((code, printed.len()), (Some(0), 0), "{said}");
    server.assert_no_more();
    said
}

#[test]
fn a_session_is_opened_listened_to_and_ended() {
    let server = Server::start();
    for revision in ["2025-03-26", "2025-06-18", D] {
        let options = ["--resource", "x:a", "--log", "error"];
        let listener = Listener::start(&server.url(), &options);
        server.call("server/discover").answer(404, &[], "");
        let mut news = shake_hands(&server, "s1", revision);
        // What comes before all is set up is not lost.
        news.message(&updated("x:early"));
        // An answer may be a stream, with something before it, and something on the other stream.
        let request = server.call("resources/subscribe");
        assert_session(&request, Some("s1"), revision);
        let mut answer = request.stream(&[]);
        answer.message(&updated("x:beside"));
        answer.result(&json!({}));
        answer.end();
        let request = server.call("logging/setLevel");
        assert_eq!(request.body["params"], json!({ "level": "error" }));
        request.result(&[], &json!({}));
        let mut uris =
            [listener.heard(), listener.heard()].map(|heard| heard["params"]["uri"].to_string());
        uris.sort_unstable();
        assert_eq!(uris, [r#""x:beside""#, r#""x:early""#]);
        // A ping is answered, by a POST of its own.
        news.message(&json!({ "jsonrpc": "2.0", "id": "p", "method": "ping" }));
        let pong = server.verb("POST");
        assert_eq!(pong.body, json!({ "jsonrpc": "2.0", "id": "p", "result": {} }));
        assert_session(&pong, Some("s1"), revision);
        // That the server does not like the answer is no reason to stop.
        pong.answer(400, &[], "no");
        listener.until_says("the server does not take an answer: the server refused: HTTP 400");
        let batch = json!([updated("x:one"), updated("x:two")]);
        news.message(&batch);
        assert_eq!(listener.heard()["params"]["uri"], "x:one");
        assert_eq!(listener.heard()["params"]["uri"], "x:two");
        listener.signal(Signal::TERM);
        let request = server.verb("DELETE");
        assert_session(&request, Some("s1"), revision);
        request.answer(200, &[], "");
        assert_eq!(listener.finish().0, Some(0));
        server.assert_no_more();
    }
}

#[test]
fn a_server_without_sessions_is_not_told_of_their_end() {
    let server = Server::start();
    let listener = Listener::start(&server.url(), &["--revision", D]);
    server.call("initialize").result(&[], &initialized(D));
    server.call("notifications/initialized").accept();
    let request = server.verb("GET");
    assert_session(&request, None, D);
    let mut news = request.stream(&[]);
    news.message(&updated("x:a"));
    listener.assert_heard("resources/updated");
    listener.until_says("listening to");
    listener.signal(Signal::INT);
    assert_eq!(listener.finish().0, Some(0));
    server.assert_no_more();
}

#[test]
fn a_numbered_stream_is_taken_up_where_it_was_left() {
    let server = Server::start();
    let (listener, mut news) = listening(&server, &[]);
    news.text("id: n-0\ndata:\n\n");
    let mut last = "n-0".to_owned();
    for round in 1..=3 {
        if round > 1 {
            last = format!("n-{round}");
            news.numbered(&last, &updated("x:a"));
            listener.assert_heard("resources/updated");
        } else {
            // Only the priming event came; it is heard of by the request below.
            listener.said();
        }
        // An event that is not complete does not count.
        news.text(&format!("id: never\ndata: {}\n", updated("x:half")));
        news.cut();
        let request = server.verb("GET");
        assert_session(&request, Some("s1"), D);
        assert_eq!(request.header("last-event-id"), Some(&*last));
        news = request.stream(&[]);
        let said = listener.until_says(&format!("listening again, from event {last} on"));
        assert!(said.iter().all(|line| !line.contains("missed")), "{said:?}");
    }
    finish(&server, listener, "s1");
}

#[test]
fn a_stream_without_numbers_is_opened_anew_and_the_gap_is_told() {
    let server = Server::start();
    let (listener, mut news) = listening(&server, &[]);
    for cut in [true, false] {
        news.message(&updated("x:a"));
        listener.assert_heard("resources/updated");
        if cut {
            news.cut()
        } else {
            news.end()
        }
        // It may be that the server has not noticed the end of the connection.
        server.verb("GET").answer(409, &[], "only one");
        server.verb("GET").cut();
        let request = server.verb("GET");
        assert_eq!(request.header("last-event-id"), None);
        news = request.stream(&[]);
        listener.until_says("listening again; something may have been missed");
    }
    finish(&server, listener, "s1");
}

#[test]
fn a_server_that_wants_to_be_polled_is_left_alone_as_long_as_it_asks() {
    let server = Server::start();
    let (listener, mut news) = listening(&server, &["--retries", "1"]);
    for round in 1..=4 {
        let id = format!("n-{round}");
        news.text(&format!("id: {id}\nretry: 100\ndata:\n\n"));
        let closed = std::time::Instant::now();
        news.end();
        let request = server.verb("GET");
        assert!(closed.elapsed().as_millis() >= 100, "round {round}");
        assert_eq!(request.header("last-event-id"), Some(&*id));
        news = request.stream(&[]);
        news.numbered("n-0", &updated("x:a"));
        listener.assert_heard("resources/updated");
    }
    // That is how it is meant to be, and not worth a word.
    assert_eq!(finish(&server, listener, "s1"), "");
}

#[test]
fn an_answer_is_waited_for_over_several_connections() {
    let server = Server::start();
    let listener = Listener::start(&server.url(), &["--revision", D, "--resource", "x:a"]);
    let request = server.call("initialize");
    let id = request.id().clone();
    let mut stream = request.stream(&["Mcp-Session-Id: s1"]);
    stream.text("id: i-0\nretry: 50\ndata: \n\n");
    stream.end();
    let request = server.verb("GET");
    assert_eq!(request.header("mcp-session-id"), Some("s1"));
    assert_eq!(request.header("last-event-id"), Some("i-0"));
    let mut stream = request.stream(&[]);
    stream.numbered("i-1", &json!({ "jsonrpc": "2.0", "id": id, "result": initialized(D) }));
    stream.end();
    let request = server.call("notifications/initialized");
    assert_session(&request, Some("s1"), D);
    request.accept();
    let mut news = server.verb("GET").stream(&[]);
    // The same for a connection that breaks.
    let request = server.call("resources/subscribe");
    let id = request.id().clone();
    let mut stream = request.stream(&[]);
    stream.text("id: j-0\ndata: \n\n");
    stream.cut();
    let request = server.verb("GET");
    assert_eq!(request.header("last-event-id"), Some("j-0"));
    let mut stream = request.stream(&[]);
    stream.message(&json!({ "jsonrpc": "2.0", "id": id, "result": {} }));
    stream.end();
    listener.until_says("listening to scripted 1");
    news.message(&updated("x:a"));
    listener.assert_heard("resources/updated");
    finish(&server, listener, "s1");
}

#[test]
fn a_session_that_is_over_is_followed_by_another() {
    let server = Server::start();
    let (listener, mut news) = listening(&server, &[]);
    // 404 is what it must be (R36); 400 is what some say.
    for (status, old, new) in [(404, "s1", "s2"), (400, "s2", "s3")] {
        news.cut();
        let request = server.verb("GET");
        assert_session(&request, Some(old), D);
        request.answer(status, &[], "no such session");
        news = shake_hands(&server, new, D);
        accept_subscription(&server, new, D);
        listener.until_says("the server has ended the session; trying again in");
        listener.until_says("listening again; something may have been missed");
        news.message(&updated("x:a"));
        listener.assert_heard("resources/updated");
    }
    // It may as well be told in answer to anything else.
    news.message(&json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }));
    let pong = server.verb("POST");
    assert_session(&pong, Some("s3"), D);
    pong.answer(404, &[], "");
    let _news = shake_hands(&server, "s4", D);
    news.assert_closed();
    accept_subscription(&server, "s4", D);
    finish(&server, listener, "s4");
}

#[test]
fn a_handshake_that_breaks_is_made_again_once_it_was_good() {
    let server = Server::start();
    let (listener, news) = listening(&server, &[]);
    news.cut();
    server.verb("GET").answer(404, &[], "");
    server.call("initialize").cut();
    let _news = shake_hands(&server, "s2", D);
    // The session outlives the connection of one of its requests.
    server.call("resources/subscribe").cut();
    accept_subscription(&server, "s2", D);
    listener.until_says("listening again");
    finish(&server, listener, "s2");
}

#[test]
fn what_comes_while_something_is_waited_for_is_not_gathered_without_bound() {
    let server = Server::start();
    let (listener, news) = listening(&server, &[]);
    news.cut();
    server.verb("GET").answer(404, &[], "");
    let news = shake_hands(&server, "s2", D);
    server.call("resources/subscribe").answer(503, &["Retry-After: 86400"], "busy");
    listener.until_says("HTTP 503 Service Unavailable: busy; trying again in 86400.000 s");
    assert!(news.flood(&updated(&"x".repeat(60_000))) < 1000);
    finish(&server, listener, "s2");
}

#[test]
fn an_event_that_the_server_has_forgotten_is_given_up() {
    let server = Server::start();
    let (listener, mut news) = listening(&server, &[]);
    news.numbered("n-1", &updated("x:a"));
    listener.assert_heard("resources/updated");
    news.cut();
    let request = server.verb("GET");
    assert_eq!(request.header("last-event-id"), Some("n-1"));
    request.answer(400, &[], "what event?");
    let request = server.verb("GET");
    assert_eq!(request.header("last-event-id"), None);
    let _news = request.stream(&[]);
    listener.until_says("listening again; something may have been missed");
    finish(&server, listener, "s1");
}

#[test]
fn a_server_that_offers_no_news_is_left() {
    for (status, kind) in [(405, "text/plain"), (200, "application/json"), (404, "text/plain")] {
        let server = Server::start();
        let listener = Listener::start(&server.url(), &["--revision", D]);
        // Without a session, 404 is about the address.
        server.call("initialize").result(&[], &initialized(D));
        server.call("notifications/initialized").accept();
        server.verb("GET").answer(status, &[&format!("Content-Type: {kind}")], "{}");
        let (code, _, said) = listener.finish();
        assert_eq!(code, Some(1), "{said}");
        let cause = format!("the server does not open a stream: HTTP {status}");
        assert!(said.contains(&cause), "{said}");
    }
}

#[test]
fn a_stream_that_cannot_be_opened_again_is_given_up() {
    let server = Server::start();
    let (listener, news) = listening(&server, &["--retries", "2"]);
    news.cut();
    server.verb("GET").cut();
    server.verb("GET").answer(503, &[], "busy");
    // It is polite all the same.
    server.verb("DELETE").answer(200, &[], "");
    let (code, _, said) = listener.finish();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("HTTP 503 Service Unavailable: busy; gave up (--retries 2)"), "{said}");
}
