//! `fanfare serve` as clients of the revisions with a handshake see it.

mod support;

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};
use support::{
    Folder, LEGACY, PATIENCE, Server, assert_increasing, initialize_params, methods, progress_of,
    tool,
};

const UPDATED: &str = "notifications/resources/updated";
const LIST_CHANGED: &str = "notifications/resources/list_changed";

#[test]
fn each_revision_is_negotiated_and_answered_in_its_own_way() {
    let folder = Folder::new(&[("a.txt", b"hello"), ("b.png", b"\x89PNG\xff")]);
    for revision in LEGACY {
        let mut server = Server::start(&folder);
        let hello = server.call("initialize", initialize_params(revision));
        assert_eq!(hello["protocolVersion"], revision);
        assert_eq!(
            hello["capabilities"],
            json!({
                "logging": {},
                "resources": { "subscribe": true, "listChanged": true },
                "tools": {},
            })
        );
        assert_eq!(hello["serverInfo"]["name"], "fanfare");
        server.notify("notifications/initialized", Value::Null);

        let list = server.call("resources/list", json!({}));
        assert_eq!(
            list,
            json!({ "resources": [
                { "uri": folder.uri("a.txt"), "name": "a.txt", "mimeType": "text/plain", "size": 5 },
                { "uri": folder.uri("b.png"), "name": "b.png", "mimeType": "image/png", "size": 5 },
            ] }),
            "{revision}"
        );
        let text = server.call("resources/read", json!({ "uri": folder.uri("a.txt") }));
        assert_eq!(
            text,
            json!({ "contents": [
                { "uri": folder.uri("a.txt"), "mimeType": "text/plain", "text": "hello" },
            ] })
        );
        let blob = server.call("resources/read", json!({ "uri": folder.uri("b.png") }));
        assert_eq!(
            blob,
            json!({ "contents": [
                { "uri": folder.uri("b.png"), "mimeType": "image/png", "blob": "iVBOR/8=" },
            ] })
        );
        let templates = server.call("resources/templates/list", Value::Null);
        assert_eq!(templates, json!({ "resourceTemplates": [] }));

        let tools = server.call("tools/list", json!({}));
        let names: Vec<_> =
            tools["tools"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect();
        assert_eq!(names, ["checksum", "wait"]);
        let newer = |since: &str| revision >= since;
        let checksum = &tools["tools"][0];
        assert_eq!(checksum.get("annotations").is_some(), newer("2025-03-26"), "{revision}");
        assert_eq!(checksum.get("outputSchema").is_some(), newer("2025-06-18"), "{revision}");

        let missing = server.refusal("resources/read", json!({ "uri": folder.uri("none") }));
        assert_eq!(missing["code"], -32002);
        assert_eq!(missing["data"], json!({ "uri": folder.uri("none") }));
        let unknown = server.refusal("prompts/list", json!({}));
        assert_eq!(unknown["code"], -32601);
        let modern = server.refusal("server/discover", json!({}));
        assert_eq!(modern["code"], -32601);
        assert_eq!(server.call("ping", Value::Null), json!({}));
        assert_eq!(methods(server.kept()), [""; 0], "nothing was raised");
    }
}

#[test]
fn a_revision_that_is_not_known_gets_the_newest_one() {
    let folder = Folder::new(&[]);
    for revision in ["1999-01-01", "2026-07-28", ""] {
        let hello = Server::start(&folder).call("initialize", initialize_params(revision));
        assert_eq!(hello["protocolVersion"], "2025-11-25", "{revision:?}");
    }
    let mut server = Server::start(&folder);
    let refused = server.refusal("initialize", json!({ "capabilities": {} }));
    assert_eq!(refused["code"], -32602);
}

#[test]
fn a_write_is_heard_by_who_subscribed_to_that_file_only() {
    for revision in LEGACY {
        let folder = Folder::new(&[("a.txt", b"1"), ("b.txt", b"1"), ("fence.txt", b"1")]);
        let mut server = Server::legacy(&folder, revision);
        for name in ["a.txt", "fence.txt"] {
            let done = server.call("resources/subscribe", json!({ "uri": folder.uri(name) }));
            assert_eq!(done, json!({}));
        }
        folder.write("a.txt", b"22");
        let (before, update) = server.until(UPDATED);
        assert_eq!(before, [] as [Value; 0]);
        assert_eq!(update["params"], json!({ "uri": folder.uri("a.txt") }));
        assert_eq!(update.get("id"), None);

        folder.write("b.txt", b"22");
        folder.write("fence.txt", b"22");
        let (before, _) = server.until_update(&folder.uri("fence.txt"));
        let of_b = before.iter().filter(|message| message["params"]["uri"] == folder.uri("b.txt"));
        assert_eq!(of_b.count(), 0, "{before:?}");

        server.call("resources/unsubscribe", json!({ "uri": folder.uri("a.txt") }));
        server.forget_kept();
        folder.write("a.txt", b"333");
        folder.write("new.txt", b"1");
        let (before, _) = server.until(LIST_CHANGED);
        let of_a = before.iter().filter(|message| message["params"]["uri"] == folder.uri("a.txt"));
        assert_eq!(of_a.count(), 0, "{revision}: {before:?}");
    }
}

#[test]
fn files_that_come_and_go_change_the_list() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::legacy(&folder, "2025-06-18");
    let names = |server: &mut Server| -> Vec<String> {
        let list = server.call("resources/list", json!({}));
        let list = list["resources"].as_array().unwrap().clone();
        list.iter().map(|resource| resource["name"].as_str().unwrap().to_owned()).collect()
    };
    folder.write("sub/new.txt", b"1");
    // The folder and the file may be found one after the other.
    while names(&mut server) != ["a.txt", "sub/new.txt"] {
        server.until(LIST_CHANGED);
    }
    server.forget_kept();
    let uri = folder.uri("sub/new.txt");
    server.call("resources/subscribe", json!({ "uri": uri }));
    folder.write("sub/new.txt", b"22");
    server.until_update(&uri);
    fs::remove_file(folder.path("sub/new.txt")).unwrap();
    server.until(LIST_CHANGED);
    assert_eq!(names(&mut server), ["a.txt"]);
}

#[test]
fn a_file_that_breaks_is_an_alert_and_heals_again() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::legacy(&folder, "2025-11-25");
    server.call("logging/setLevel", json!({ "level": "error" }));
    fs::remove_file(folder.path("a.txt")).unwrap();
    std::os::unix::fs::symlink("a.txt", folder.path("a.txt")).unwrap();
    let (_, alert) = server.until("notifications/message");
    assert_eq!(alert["params"]["level"], "error");
    assert_eq!(alert["params"]["data"]["uri"], folder.uri("a.txt"));
    assert!(alert["params"]["data"]["error"].as_str().unwrap().contains("os error 40"), "{alert}");
    let refusal = server.refusal("resources/read", json!({ "uri": folder.uri("a.txt") }));
    assert_eq!(refusal["code"], -32603);
    let result =
        server.call("tools/call", json!({ "name": "checksum", "arguments": { "path": "a.txt" } }));
    assert_eq!(result["isError"], true);
    let (_, log) = server.until("notifications/message");
    assert_eq!(log["params"]["logger"], "checksum");
    assert_eq!(log["params"]["data"]["uri"], folder.uri("a.txt"));

    server.forget_kept();
    fs::remove_file(folder.path("a.txt")).unwrap();
    folder.write("a.txt", b"again");
    server.until(LIST_CHANGED);
    let text = server.call("resources/read", json!({ "uri": folder.uri("a.txt") }));
    assert_eq!(text["contents"][0]["text"], "again");
}

#[test]
fn log_messages_come_from_the_level_up_that_was_set() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::legacy(&folder, "2025-03-26");
    let checksum = json!({ "name": "checksum", "arguments": {} });
    server.call("logging/setLevel", json!({ "level": "info" }));
    server.call("tools/call", checksum.clone());
    let (_, log) = server.until("notifications/message");
    assert_eq!(log["params"]["level"], "info");
    assert_eq!(log["params"]["data"], json!({ "files": 1, "failed": 0, "bytes": 1 }));
    server.call("logging/setLevel", json!({ "level": "warning" }));
    server.call("tools/call", checksum);
    // What belongs to a request comes before its response.
    assert_eq!(methods(server.kept()), [""; 0]);
    let refused = server.refusal("logging/setLevel", json!({ "level": "loud" }));
    assert_eq!(refused["code"], -32602);
}

#[test]
fn a_checksum_is_right_and_its_progress_ends_at_the_size() {
    // More than one buffer, in all.
    let big = vec![7; 3 << 20];
    for revision in LEGACY {
        let folder = Folder::new(&[("abc.txt", b"abc"), ("big.bin", &big)]);
        let mut server = Server::legacy(&folder, revision);
        server.call("logging/setLevel", json!({ "level": "error" }));
        for token in [json!("t"), json!(7)] {
            let result = server.call("tools/call", tool("checksum", json!({}), token.clone()));
            let messages = server.kept().to_vec();
            server.forget_kept();
            let steps = progress_of(&messages, &token);
            assert_increasing(&steps);
            assert_eq!(*steps.last().unwrap(), f64::from((3 << 20) + 3));
            for message in &messages {
                assert_eq!(message["params"]["total"], f64::from((3 << 20) + 3), "{message}");
                let has_message = message["params"].get("message").is_some();
                assert_eq!(has_message, revision != "2024-11-05", "{message}");
            }
            assert_eq!(result["isError"], false);
            let text = result["content"][0]["text"].as_str().unwrap();
            let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            assert!(text.starts_with(&format!("{abc}  abc.txt\n")), "{text}");
            let structured = revision >= "2025-06-18";
            assert_eq!(result.get("structuredContent").is_some(), structured, "{revision}");
            if structured {
                let file = &result["structuredContent"]["files"][0];
                assert_eq!(
                    *file,
                    json!({ "uri": folder.uri("abc.txt"), "sha256": abc, "size": 3 })
                );
            }
        }
        // Without a token there is nothing to tell.
        server
            .call("tools/call", json!({ "name": "checksum", "arguments": { "path": "abc.txt" } }));
        assert_eq!(methods(server.kept()), [""; 0]);
        // By URI as well as by path.
        let by_uri = json!({ "name": "checksum", "arguments": { "path": folder.uri("abc.txt") } });
        assert_eq!(server.call("tools/call", by_uri)["isError"], false);
    }
}

#[test]
fn wait_reports_the_tenths_and_others_are_served_meanwhile() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::legacy(&folder, "2025-11-25");
    let start = Instant::now();
    let id = server.ask("tools/call", tool("wait", json!({ "seconds": 2 }), json!("w")));
    server.call("resources/list", json!({}));
    assert_eq!(server.call("ping", Value::Null), json!({}));
    assert!(server.kept().iter().all(|message| message["id"] != id), "others had to wait");
    let answer = server.answer(id);
    assert!(start.elapsed().as_secs_f64() >= 2.0);
    assert_eq!(answer["result"]["isError"], false);
    let steps = progress_of(server.kept(), &json!("w"));
    assert_increasing(&steps);
    // Each is a tenth. On a machine that is late, one may take the place of the one before.
    let tenths = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0];
    assert!(steps.iter().all(|step| tenths.contains(step)), "{steps:?}");
    assert!(steps.len() >= 5 && steps.last() == Some(&10.0), "{steps:?}");
}

#[test]
fn a_cancelled_call_is_never_answered() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::legacy(&folder, "2025-06-18");
    let cancelled = server.ask("tools/call", tool("wait", json!({ "seconds": 0.4 }), json!("c")));
    let other = server.ask("tools/call", tool("wait", json!({ "seconds": 0.8 }), json!("o")));
    server.notify("notifications/cancelled", json!({ "requestId": cancelled, "reason": "no" }));
    // Unknown, finished and malformed ones are of no consequence.
    server.notify("notifications/cancelled", json!({ "requestId": 4711 }));
    server.notify("notifications/cancelled", json!({ "requestId": [1] }));
    server.notify("notifications/cancelled", Value::Null);
    server.call("ping", Value::Null);
    let before = server.kept().len();
    // It would have been answered long before the other one is.
    server.answer(other);
    let after = &server.kept()[before..];
    let of_cancelled = after
        .iter()
        .filter(|message| message["id"] == cancelled || message["params"]["progressToken"] == "c");
    assert_eq!(of_cancelled.count(), 0, "{after:?}");
}

#[test]
fn calls_are_limited_and_cancelled_ones_make_room() {
    // A file that takes hours to read, without taking up room.
    let folder = Folder::new(&[("a.txt", b"1")]);
    let file = fs::File::create(folder.path("huge.bin")).unwrap();
    file.set_len(1 << 40).unwrap();
    let mut server = Server::legacy(&folder, "2025-11-25");
    let huge = || json!({ "name": "checksum", "arguments": { "path": "huge.bin" } });
    let small = || json!({ "name": "checksum", "arguments": { "path": "a.txt" } });
    let ids: Vec<_> = (0..32).map(|_| server.ask("tools/call", huge())).collect();
    let refused = server.refusal("tools/call", small());
    assert_eq!(refused["code"], -32603, "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("32"), "{refused}");
    for id in &ids {
        server.notify("notifications/cancelled", json!({ "requestId": id }));
    }
    // They would be at it for hours if they did not stop.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let id = server.ask("tools/call", small());
        if server.answer(id).get("result").is_some() {
            break;
        }
        assert!(Instant::now() < deadline, "the cancelled calls go on");
    }
    let answered = server.kept().iter().filter(|message| message.get("id").is_some());
    assert_eq!(answered.count(), 0);
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let mut server = Server::legacy(&folder, "2025-11-25");
    for params in [
        json!({}),
        json!({ "name": 1 }),
        json!({ "name": "none" }),
        json!({ "name": "wait", "arguments": [1] }),
    ] {
        let refused = server.refusal("tools/call", params.clone());
        assert_eq!(refused["code"], -32602, "{params}: {refused}");
    }
    // What a model got wrong, it is to see.
    for (name, arguments) in [
        ("wait", json!({})),
        ("wait", json!({ "seconds": "1" })),
        ("wait", json!({ "seconds": -1 })),
        ("wait", json!({ "seconds": 1e9 })),
        ("checksum", json!({ "path": 1 })),
        ("checksum", json!({ "path": "none" })),
    ] {
        let call = json!({ "name": name, "arguments": arguments });
        let result = server.call("tools/call", call.clone());
        assert_eq!(result["isError"], true, "{call}: {result}");
    }
    for params in [Value::Null, json!({ "uri": 1 })] {
        let refused = server.refusal("resources/read", params.clone());
        assert_eq!(refused["code"], -32602, "{params}: {refused}");
    }
    let refused = server.refusal("resources/list", json!({ "cursor": "x" }));
    assert_eq!(refused["code"], -32602);
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let outside = Folder::new(&[("secret.txt", b"secret")]);
    let folder = Folder::new(&[("a.txt", b"1"), (".env", b"secret")]);
    std::os::unix::fs::symlink(outside.path("secret.txt"), folder.path("link.txt")).unwrap();
    std::os::unix::fs::symlink(outside.root(), folder.path("folder")).unwrap();
    let mut server = Server::legacy(&folder, "2025-06-18");
    let list = server.call("resources/list", json!({}));
    assert_eq!(list["resources"].as_array().unwrap().len(), 1, "{list}");
    let name = outside.root().file_name().unwrap().to_str().unwrap();
    for uri in [
        outside.uri("secret.txt"),
        folder.uri(&format!("../{name}/secret.txt")),
        folder.uri(&format!("%2e%2e/{name}/secret.txt")),
        folder.uri(&format!("..%2F{name}%2Fsecret.txt")),
        folder.uri("link.txt"),
        folder.uri("folder/secret.txt"),
        folder.uri(".env"),
        folder.uri("a.txt%00"),
        "file:///etc/passwd".to_owned(),
        "file://elsewhere/etc/passwd".to_owned(),
        "/etc/passwd".to_owned(),
        "http://localhost/".to_owned(),
        String::new(),
    ] {
        let refused = server.refusal("resources/read", json!({ "uri": uri }));
        assert!(!refused.to_string().contains("secret\""), "{refused}");
        let sum = json!({ "name": "checksum", "arguments": { "path": uri } });
        let result = server.call("tools/call", sum);
        assert_eq!(result["isError"], true, "{uri}: {result}");
    }
    for path in ["../x", "/etc/passwd", "link.txt", ".env", &format!("../{name}/secret.txt")] {
        let sum = json!({ "name": "checksum", "arguments": { "path": path } });
        assert_eq!(server.call("tools/call", sum)["isError"], true, "{path}");
    }
}

#[test]
fn a_name_with_every_kind_of_character_is_served() {
    let name = "sp ace/ü#?%41&.txt";
    let folder = Folder::new(&[(name, b"1")]);
    let mut server = Server::legacy(&folder, "2025-06-18");
    let list = server.call("resources/list", json!({}));
    let uri = list["resources"][0]["uri"].clone();
    assert_eq!(uri, folder.uri("sp%20ace/%C3%BC%23%3F%2541%26.txt"));
    assert_eq!(list["resources"][0]["name"], name);
    let text = server.call("resources/read", json!({ "uri": uri }));
    assert_eq!(text["contents"][0]["text"], "1");
    server.call("resources/subscribe", json!({ "uri": uri }));
    folder.write(name, b"22");
    server.until_update(uri.as_str().unwrap());
}
