//! `fanfare listen` against `fanfare serve`, and against servers that are up to no good.

mod support;

use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Folder, LEGACY, PROGRAM, Process, parse};

/// Starts a listener of a folder.
fn listen(folder: &Folder, options: &[&str]) -> Process {
    let root = folder.root().to_str().unwrap();
    Process::start(&[&["listen", "--json"], options, &["--", PROGRAM, "serve", root]].concat())
}

/// The notifications up to the first of that method.
#[track_caller]
fn until(process: &Process, method: &str) -> Vec<Value> {
    let mut heard = vec![];
    loop {
        let line = parse(&process.line().expect("the listener ended"));
        assert!(line["time_ms"].as_u64().unwrap() > 1_600_000_000_000);
        let found = line["method"] == method;
        heard.push(line);
        if found {
            return heard;
        }
    }
}

const UPDATED: &str = "notifications/resources/updated";
const LIST_CHANGED: &str = "notifications/resources/list_changed";

#[test]
fn the_newest_revision_is_found_and_everything_asked_for_is_heard() {
    let folder = Folder::new(&[("a.txt", b"1"), ("b.txt", b"1")]);
    let uri = folder.uri("a.txt");
    for revision in [&[][..], &["--revision", "2026-07-28"]] {
        let options = [&["--resources", "--resource", &uri], revision].concat();
        let mut listener = listen(&folder, &options);
        let ack = until(&listener, "notifications/subscriptions/acknowledged");
        assert_eq!(
            ack[0]["params"]["notifications"],
            json!({ "resourcesListChanged": true, "resourceSubscriptions": [uri] })
        );
        folder.write("b.txt", b"22");
        folder.write("a.txt", b"22");
        let heard = until(&listener, UPDATED);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0]["params"]["uri"], uri);
        folder.write(&format!("new{}.txt", revision.len()), b"1");
        until(&listener, LIST_CHANGED);
        listener.signal(Signal::INT);
        while listener.line().is_some() {}
        assert!(listener.wait().success());
    }
}

#[test]
fn the_older_revisions_are_spoken_too() {
    let folder = Folder::new(&[("a.txt", b"1"), ("b.txt", b"1")]);
    let uri = folder.uri("a.txt");
    for revision in LEGACY {
        let mut listener =
            listen(&folder, &["--revision", revision, "--resource", &uri, "--log", "error"]);
        // Nothing tells when an old server is ready, so the file is written until it is heard of.
        let heard = write_until_heard(&folder, &listener);
        assert_eq!(heard[0]["method"], UPDATED, "{heard:?}");
        assert!(heard[0]["params"].get("_meta").is_none(), "{heard:?}");
        std::fs::remove_file(folder.path("b.txt")).unwrap();
        std::os::unix::fs::symlink("b.txt", folder.path("b.txt")).unwrap();
        let heard = until(&listener, "notifications/message");
        assert_eq!(heard.last().unwrap()["params"]["data"]["uri"], folder.uri("b.txt"));
        assert!(heard.iter().any(|line| line["method"] == LIST_CHANGED), "{heard:?}");
        std::fs::remove_file(folder.path("b.txt")).unwrap();
        folder.write("b.txt", b"1");
        listener.signal(Signal::TERM);
        while listener.line().is_some() {}
        assert!(listener.wait().success(), "{revision}");
    }
}

/// Writes a.txt, again and again, on a thread, until something is heard.
#[track_caller]
fn write_until_heard(folder: &Folder, listener: &Process) -> Vec<Value> {
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                folder.write("a.txt", b"22");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let heard = until(listener, UPDATED);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        heard
    })
}

#[test]
fn types_narrow_what_is_printed() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let uri = folder.uri("a.txt");
    for (revision, kind) in
        [("2025-06-18", "resources/updated"), ("2026-07-28", "notifications/resources/updated")]
    {
        let options = ["--revision", revision, "--resources", "--resource", &uri, "--type", kind];
        let mut listener = listen(&folder, &options);
        write_until_heard(&folder, &listener);
        folder.write(&format!("new-{revision}.txt"), b"1");
        let mut heard = write_until_heard(&folder, &listener);
        heard.extend(write_until_heard(&folder, &listener));
        assert!(heard.iter().all(|line| line["method"] == UPDATED), "{heard:?}");
        listener.signal(Signal::INT);
        while listener.line().is_some() {}
        assert!(listener.wait().success());
    }
}

#[test]
fn a_person_gets_aligned_lines() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let (root, uri) = (folder.root().to_str().unwrap(), folder.uri("a.txt"));
    let listener = Process::start(&["listen", "--resource", &uri, "--", PROGRAM, "serve", root]);
    let ack = listener.line().unwrap();
    assert!(ack.contains("s  subscriptions/acknowledged  {"), "{ack}");
    folder.write("a.txt", b"22");
    let update = listener.line().unwrap();
    assert!(update.contains("s  resources/updated         file:///"), "{update}");
    assert!(!update.contains('\x1b'), "stdout is no terminal");
}

/// Runs a listener against a server that is a line of shell.
fn against(script: &str, options: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("listen")
        .args(options)
        .args(["--", "sh", "-c", script])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn what_goes_wrong_is_said_with_its_cause() {
    let hello = r#"read x; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"resources":{"subscribe":true}},"serverInfo":{"name":"s","version":"1"}}}'; read x;"#;
    let legacy = ["--revision", "2025-11-25"];
    let refusing = format!(
        r#"{hello} read x; echo '{{"jsonrpc":"2.0","id":2,"error":{{"code":-32002,"message":"no such thing"}}}}'; read x"#
    );
    for (script, options, cause) in [
        ("exit 3", &legacy[..], "closed its output"),
        ("read x", &legacy, "closed its output"),
        (
            r#"read x; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"not today"}}'; read x"#,
            &legacy,
            "not today",
        ),
        (
            r#"read x; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"1.0"}}'; read x"#,
            &legacy,
            "1.0",
        ),
        (&format!("{hello} exit 3"), &legacy, "exit status: 3"),
        (
            &refusing,
            &["--revision", "2025-11-25", "--resource", "x:y"],
            "cannot subscribe to x:y: the server refused: no such thing (-32002)",
        ),
        (
            r#"read x; echo '{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2099-01-01"]}}'; read x"#,
            &["--revision", "2026-07-28"],
            "2099-01-01",
        ),
    ] {
        let output = against(script, options);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{script}: {stderr}");
        assert!(stderr.contains(cause), "{script}: {stderr}");
        assert_eq!(output.stdout, b"", "{script}");
    }
    let output = Command::new(PROGRAM).args(["listen", "--", "/none/such"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/none/such"));
    for usage in [&["listen"][..], &["listen", "--revision", "2000-01-01", "--", "x"]] {
        let output = Command::new(PROGRAM).args(usage).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{usage:?}");
    }
}

#[test]
fn an_older_server_is_found_by_whatever_error_it_gives() {
    for error in [
        r#"{"code":-32601,"message":"m"}"#,
        r#"{"code":-32602,"message":"m"}"#,
        r#"{"code":0,"message":"m"}"#,
        r#"{"code":-32022,"message":"m","data":{"supported":["2025-06-18"],"requested":"2026-07-28"}}"#,
    ] {
        let script = format!(
            r#"read x; echo '{{"jsonrpc":"2.0","id":1,"error":{error}}}'
               read x; echo '{{"jsonrpc":"2.0","id":2,"result":{{"protocolVersion":"2025-06-18","capabilities":{{}},"serverInfo":{{"name":"old","version":"1"}}}}}}'
               read x; echo '{{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}}'"#
        );
        let output = against(&script, &["--json"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("listening to old 1 in 2025-06-18"), "{error}: {stderr}");
        let line = parse(String::from_utf8(output.stdout).unwrap().trim_end());
        assert_eq!(line["method"], "notifications/tools/list_changed", "{error}");
    }
}

#[test]
fn a_listen_that_ends_well_is_a_success_and_foreign_tags_are_not_printed() {
    let script = r#"read x; echo '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true}},"ttlMs":0,"cacheScope":"public"}}'
        read x
        echo '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":2},"notifications":{"toolsListChanged":true}}}'
        echo '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"2"}}}'
        echo '{"jsonrpc":"2.0","id":9,"method":"ping"}'
        echo nonsense
        echo '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":2}}}'
        echo '{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":2}}}'
        read x"#;
    let output = against(script, &["--json", "--tools", "--resources"]);
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let lines: Vec<_> = stdout.lines().map(parse).collect();
    assert_eq!(lines.len(), 2, "{stdout}");
    assert_eq!(lines[1]["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 2);
    for said in [
        "does not tell when its list of resources changes",
        "does not honour resourcesListChanged",
        "subscription \"2\" that was not made",
        "a request of the server: ping",
        "nonsense",
        "the server ended the subscription",
    ] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
}

#[test]
fn a_server_that_does_not_leave_is_made_to() {
    // It ignores the end of its input and SIGTERM.
    let script = r#"trap '' TERM; read x; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}'
        read x; echo '{"jsonrpc":"2.0","method":"notifications/ready"}'
        while :; do sleep 1; done"#;
    let mut listener =
        Process::start(&["listen", "--revision", "2025-11-25", "--", "sh", "-c", script]);
    assert!(listener.line().unwrap().contains("ready"));
    listener.signal(Signal::INT);
    assert!(listener.wait().success());
}
