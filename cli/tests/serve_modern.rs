//! `fanfare serve` as clients of 2026-07-28 see it.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Folder, Server, assert_increasing, methods, progress_of, tool};

const TAG: &str = "io.modelcontextprotocol/subscriptionId";
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";
const UPDATED: &str = "notifications/resources/updated";
const LIST_CHANGED: &str = "notifications/resources/list_changed";

fn tag(message: &Value) -> &Value {
    &message["params"]["_meta"][TAG]
}

/// Opens a listen, reads its acknowledgment, and returns its id.
#[track_caller]
fn listen(server: &mut Server, filter: Value) -> u64 {
    let id = server.ask("subscriptions/listen", json!({ "notifications": filter }));
    let (_, ack) = server.until_matches(|message| *tag(message) == json!(id));
    assert_eq!(ack["method"], ACKNOWLEDGED);
    assert_eq!(ack["params"]["notifications"], filter);
    id
}

#[test]
fn every_result_carries_what_the_revision_requires() {
    let folder = Folder::new(&[("a.txt", b"hello"), ("b.png", b"\x89PNG\xff")]);
    let mut server = Server::modern(&folder);
    let uri = folder.uri("a.txt");
    for (method, params, kept) in [
        ("server/discover", json!({}), true),
        ("tools/list", json!({}), true),
        ("resources/list", json!({}), true),
        ("resources/templates/list", json!({}), true),
        ("resources/read", json!({ "uri": uri }), true),
        ("tools/call", json!({ "name": "checksum", "arguments": {} }), false),
    ] {
        let result = server.call(method, params);
        assert_eq!(result["resultType"], "complete", "{method}");
        let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(info["name"], "fanfare", "{method}");
        assert_eq!(result["ttlMs"].is_u64(), kept, "{method}");
        assert_eq!(result["cacheScope"].is_string(), kept, "{method}");
    }
    let discovered = server.call("server/discover", json!({}));
    assert_eq!(discovered["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(discovered["capabilities"]["resources"]["subscribe"], true);
    assert_eq!(discovered["capabilities"]["logging"], json!({}));
    let list = server.call("resources/list", json!({}));
    assert_eq!(list["resources"][0]["uri"], uri);
    let text = server.call("resources/read", json!({ "uri": uri }));
    assert_eq!(text["contents"][0]["text"], "hello");
    let blob = server.call("resources/read", json!({ "uri": folder.uri("b.png") }));
    assert_eq!(blob["contents"][0]["blob"], "iVBOR/8=");
    assert_eq!(methods(server.kept()), [""; 0]);
}

#[test]
fn what_is_not_there_has_the_codes_of_the_revision() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::modern(&folder);
    let missing = server.refusal("resources/read", json!({ "uri": folder.uri("none") }));
    assert_eq!(missing["code"], -32602);
    assert_eq!(missing["data"], json!({ "uri": folder.uri("none") }));
    // R61
    for gone in ["ping", "logging/setLevel", "resources/subscribe", "prompts/list", "nonsense"] {
        let params = json!({ "uri": folder.uri("a.txt"), "level": "info" });
        assert_eq!(server.refusal(gone, params)["code"], -32601, "{gone}");
    }
    // R52
    server.send(&json!({ "jsonrpc": "2.0", "id": 100, "method": "tools/list", "params": {
        "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } } }));
    assert_eq!(server.answer(100)["error"]["code"], -32602);
    server.send(
        &json!({ "jsonrpc": "2.0", "id": 101, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "1900-01-01",
        "io.modelcontextprotocol/clientCapabilities": {} } } }),
    );
    let unsupported = server.answer(101);
    assert_eq!(unsupported["error"]["code"], -32022);
    assert_eq!(unsupported["error"]["data"]["requested"], "1900-01-01");
}

#[test]
fn each_listen_hears_what_it_asked_for_and_is_told_so() {
    let folder = Folder::new(&[("a.txt", b"1"), ("b.txt", b"1"), ("c.txt", b"1")]);
    let mut server = Server::modern(&folder);
    let first = listen(&mut server, json!({ "resourceSubscriptions": [folder.uri("a.txt")] }));
    let both = [folder.uri("a.txt"), folder.uri("b.txt")];
    let second =
        listen(&mut server, json!({ "resourcesListChanged": true, "resourceSubscriptions": both }));

    folder.write("a.txt", b"22");
    let mut told = [first, second].map(|id| (json!(id), false));
    while told.iter().any(|(_, heard)| !heard) {
        let (before, update) = server.until_update(&folder.uri("a.txt"));
        assert_eq!(before, [] as [Value; 0]);
        let whose = told.iter_mut().find(|(id, _)| id == tag(&update));
        whose.unwrap_or_else(|| panic!("{update}")).1 = true;
    }
    // Of c nobody hears, of b and of the list only the second.
    folder.write("c.txt", b"22");
    folder.write("b.txt", b"22");
    folder.write("d.txt", b"1");
    let (before, change) = server.until(LIST_CHANGED);
    assert_eq!(tag(&change), &json!(second));
    let updates: Vec<_> = before.iter().filter(|message| message["method"] == UPDATED).collect();
    assert!(updates.iter().any(|update| update["params"]["uri"] == folder.uri("b.txt")));
    for update in updates {
        let uri = &update["params"]["uri"];
        assert!(*uri != folder.uri("c.txt") && *uri != folder.uri("d.txt"), "{update}");
        assert!(*uri != folder.uri("b.txt") || tag(update) == &json!(second), "{update}");
    }

    // What is cancelled is silent, without a result; the other goes on.
    server.notify("notifications/cancelled", json!({ "requestId": first }));
    server.call("tools/list", json!({}));
    server.forget_kept();
    folder.write("a.txt", b"333");
    folder.write("e.txt", b"1");
    let (before, _) = server.until(LIST_CHANGED);
    assert!(before.iter().any(|message| tag(message) == &json!(second)), "{before:?}");
    let of_first = before.iter().filter(|m| tag(m) == &json!(first) || m["id"] == first);
    assert_eq!(of_first.count(), 0, "{before:?}");

    // At the end, the second gets its result, as the last of all (R48).
    server.process.signal(rustix::process::Signal::TERM);
    let rest = server.rest();
    let last = rest.last().unwrap();
    assert_eq!(last["id"], second);
    assert_eq!(last["result"]["resultType"], "complete");
    assert_eq!(last["result"]["_meta"][TAG], second);
    assert_eq!(rest.iter().filter(|m| m.get("id").is_some()).count(), 1, "{rest:?}");
    assert!(server.process.wait().success());
}

#[test]
fn without_a_listen_nothing_is_heard_of_changes() {
    let folder = Folder::new(&[("a.txt", b"1"), ("b.txt", b"1")]);
    let mut server = Server::modern(&folder);
    server.call("server/discover", json!({}));
    folder.write("a.txt", b"22");
    folder.write("new.txt", b"1");
    fs::remove_file(folder.path("b.txt")).unwrap();
    std::os::unix::fs::symlink("b.txt", folder.path("b.txt")).unwrap();
    // The list shows that the server has noticed.
    let names =
        |server: &mut Server| server.call("resources/list", json!({}))["resources"].to_string();
    loop {
        let names = names(&mut server);
        if names.contains("new.txt") && !names.contains("b.txt") {
            break;
        }
    }
    listen(&mut server, json!({ "resourcesListChanged": true }));
    folder.write("fence.txt", b"1");
    let (before, _) = server.until(LIST_CHANGED);
    assert_eq!(before, [] as [Value; 0]);
}

#[test]
fn a_request_hears_its_own_progress_and_log_only() {
    let big = vec![7; 1 << 20];
    let folder = Folder::new(&[("big.bin", &big), ("broken.txt", b"1")]);
    let mut server = Server::modern(&folder);
    let list = listen(&mut server, json!({ "resourcesListChanged": true }));
    fs::remove_file(folder.path("broken.txt")).unwrap();
    std::os::unix::fs::symlink("broken.txt", folder.path("broken.txt")).unwrap();
    let (before, change) = server.until(LIST_CHANGED);
    assert_eq!(tag(&change), &json!(list));
    assert_eq!(before, [] as [Value; 0], "an alert is no business of a listen (R14)");

    let mut params = tool("checksum", json!({ "path": "big.bin" }), json!("t"));
    server.call("tools/call", params.clone());
    assert_increasing(&progress_of(server.kept(), &json!("t")));
    assert!(!methods(server.kept()).contains(&"notifications/message"), "R12");
    server.forget_kept();

    params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
    server.call("tools/call", params.clone());
    let logs: Vec<_> =
        server.kept().iter().filter(|m| m["method"] == "notifications/message").collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0]["params"]["level"], "info");
    assert_eq!(tag(logs[0]), &Value::Null);
    server.forget_kept();

    params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("error");
    params["arguments"]["path"] = json!("broken.txt");
    let result = server.call("tools/call", params.clone());
    assert_eq!(result["isError"], true);
    let logs: Vec<_> =
        server.kept().iter().filter(|m| m["method"] == "notifications/message").collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0]["params"]["data"]["uri"], folder.uri("broken.txt"));

    params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("loud");
    assert_eq!(server.refusal("tools/call", params)["code"], -32602, "R15");
}

#[test]
fn a_cancelled_call_is_never_answered() {
    let folder = Folder::new(&[]);
    let mut server = Server::modern(&folder);
    let cancelled = server.ask("tools/call", tool("wait", json!({ "seconds": 0.4 }), json!("c")));
    let other = server.ask("tools/call", tool("wait", json!({ "seconds": 0.8 }), json!("o")));
    server.notify("notifications/cancelled", json!({ "requestId": cancelled }));
    server.call("tools/list", json!({}));
    let before = server.kept().len();
    server.answer(other);
    let after = &server.kept()[before..];
    let of_cancelled = after
        .iter()
        .filter(|message| message["id"] == cancelled || message["params"]["progressToken"] == "c");
    assert_eq!(of_cancelled.count(), 0, "{after:?}");
}

#[test]
fn the_first_message_decides_for_good() {
    let folder = Folder::new(&[]);
    let mut modern = Server::modern(&folder);
    modern.call("server/discover", json!({}));
    let refused = modern.refusal("initialize", support::initialize_params("2025-11-25"));
    assert!([-32601, -32022].contains(&refused["code"].as_i64().unwrap()), "{refused}");
    let mut legacy = Server::legacy(&folder, "2025-11-25");
    let refused = legacy.refusal(
        "subscriptions/listen",
        json!({
            "notifications": { "resourcesListChanged": true },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }),
    );
    assert!([-32600, -32601].contains(&refused["code"].as_i64().unwrap()), "{refused}");
}
