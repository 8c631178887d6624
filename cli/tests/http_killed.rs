//! Clients that are killed, and connections by the thousand: nothing of them stays in the server,
//! which is a process of its own here, so that its descriptors and its memory can be looked at.
#![cfg(target_os = "linux")]

#[path = "support/http.rs"]
mod http;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::*;
use rustix::process::Signal;
use serde_json::{Value, json};

/// Names the server to whoever is started as a client.
const SERVER: &str = "FANFARE_TEST_SERVER";

/// A server of a file, whose legacy sessions end soon after their clients.
struct Served {
    program: Program,
    uri: String,
    admin: std::path::PathBuf,
    _folders: [tempfile::TempDir; 2],
}

/// What a server has open, as it says itself, and as the system says.
#[derive(Debug, PartialEq, Eq)]
struct Open {
    engine: [u64; 7],
    http: Value,
    descriptors: usize,
}

impl Served {
    fn start() -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let root = folders[0].path().canonicalize().unwrap();
        std::fs::write(root.join("a.txt"), "one").unwrap();
        let uri = format!("file://{}/a.txt", root.display());
        let admin = folders[1].path().join("admin");
        let admin_at = admin.to_str().unwrap();
        let options = ["--idle-timeout", "1", "--log-level", "error", "--admin", admin_at];
        let program = Program::start(&root, &options);
        Self { program, uri, admin, _folders: folders }
    }

    fn address(&self) -> SocketAddr {
        self.program.address
    }

    /// Once the admin connection is open.
    fn open(&self, admin: &mut Raw) -> Open {
        let stats = admin.ask(r#"{"op":"stats"}"#);
        let engine = ["sessions", "streams", "subscriptions", "links", "topics", "requests"];
        let queued = stats["engine"]["queued_frames"].as_u64().unwrap();
        let mut numbers = [queued; 7];
        for (at, name) in engine.iter().enumerate() {
            numbers[at] = stats["engine"][name].as_u64().unwrap();
        }
        let mut http = stats["http"].clone();
        let open = ["connections", "sessions", "streams"];
        http.as_object_mut().unwrap().retain(|name, _| open.contains(&&**name));
        Open { engine: numbers, http, descriptors: self.program.descriptors() }
    }

    #[track_caller]
    fn settles(&self, admin: &mut Raw, before: &Open) {
        let mut now = None;
        let deadline = std::time::Instant::now() + PATIENCE;
        while now.as_ref() != Some(before) {
            assert!(std::time::Instant::now() < deadline, "{now:?} is not {before:?}");
            std::thread::sleep(Duration::from_millis(10));
            now = Some(self.open(admin));
        }
    }
}

/// Raises as fast as the server takes it, until it is told to stop.
fn raise(admin: &Path, uri: &str, is_done: &AtomicBool) {
    let mut raw = Raw::open(admin);
    let updated = json!({
        "op": "notify", "method": "notifications/resources/updated", "params": { "uri": uri },
    });
    let said = json!({
        "op": "notify", "method": "notifications/message",
        "params": { "level": "error", "data": "x".repeat(200) },
    });
    while !is_done.load(Ordering::Relaxed) {
        for command in [&updated, &said] {
            let answer = raw.ask(&command.to_string());
            assert_eq!(answer["ok"], true, "{answer}");
        }
    }
}

/// A process that holds connections of every kind, and reads what it is sent until it is killed.
#[test]
#[ignore = "it is a client of another test, which starts it"]
fn client() {
    let (address, uri) = match std::env::var(SERVER) {
        Ok(text) => {
            let (address, uri) = text.split_once(' ').unwrap();
            (address.parse().unwrap(), uri.to_owned())
        }
        Err(_) => panic!("{SERVER} must name a server"),
    };
    let mut modern = listen(address, 1, &uri);
    let clients = ["2025-06-18", "2025-11-25"].map(|revision| Legacy::open(address, revision));
    let mut wires = clients.each_ref().map(|client| {
        client.call(1, "resources/subscribe", json!({ "uri": uri }));
        // A call that goes on, by a stream of its own, and the standalone one.
        let call = client.send(&tool(2, "wait", json!({ "seconds": 600 })));
        (call, client.listen())
    });
    let call = Modern::tool(2, "wait", json!({ "seconds": 600 })).send(address);
    // A request that is never whole.
    let mut half = Wire::open(address);
    half.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
    println!("\nready");
    loop {
        assert_eq!(modern.message()["params"]["uri"], *uri);
        wires.iter_mut().for_each(|(_, wire)| drop(wire.message()));
        let _ = (&call, &half);
    }
}

fn start_client(served: &Served) -> Child {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "client", "--nocapture"])
        .env(SERVER, format!("{} {}", served.address(), served.uri))
        .stdout(Stdio::piped())
        .spawn();
    child.unwrap()
}

fn start_listener(served: &Served, revision: &str) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .args(["listen", "--http", &format!("http://{}/mcp", served.address())])
        .args(["--resource", &served.uri, "--log", "error", "--revision", revision])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    child.unwrap()
}

/// Waits until a process says that it hears something, and has somebody read what else it says.
fn until_it_says(child: &mut Child, what: &str) {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(what) {
        line.clear();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "it has ended");
    }
    std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
}

#[test]
fn of_clients_that_are_killed_nothing_stays() {
    const ROUNDS: usize = 3;
    const EACH: usize = 4;
    let served = Served::start();
    let mut admin = Raw::open(&served.admin);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // One that stays, in each era.
        let mut steady = listen(served.address(), 1, &served.uri);
        let client = Legacy::open(served.address(), "2025-11-25");
        client.call(1, "resources/subscribe", json!({ "uri": served.uri }));
        let mut steady_too = client.listen();
        // The other connection to the admin socket is the raiser's.
        let mut other = Some(Raw::open(&served.admin));
        other.as_mut().unwrap().ask(r#"{"op":"stats"}"#);
        until("two streams alone are open", || {
            let open = served.open(&mut admin).http;
            open == json!({ "connections": 0, "sessions": 1, "streams": 2 })
        });
        let before = served.open(&mut admin);
        drop(other);
        let raiser = scope.spawn(|| raise(&served.admin, &served.uri, &is_done));
        for _ in 0..ROUNDS {
            let mut children = Vec::new();
            for n in 0..EACH {
                children.push((start_client(&served), "ready"));
                let revision = ["2025-06-18", "2025-11-25", "2026-07-28"][n % 3];
                children.push((start_listener(&served, revision), "updated"));
            }
            for (child, what) in &mut children {
                until_it_says(child, what);
            }
            for (child, _) in &mut children {
                kill(child, Signal::KILL);
                child.wait().unwrap();
            }
            // Those that stay are served all the while.
            assert_eq!(steady.message()["params"]["uri"], *served.uri);
            assert!(steady_too.message()["method"].is_string());
        }
        is_done.store(true, Ordering::Relaxed);
        raiser.join().unwrap();
        let mut other = Raw::open(&served.admin);
        let asked = json!({
            "op": "notify", "method": "notifications/resources/updated",
            "params": { "uri": served.uri }, "context": { "x/last": true },
        });
        other.ask(&asked.to_string());
        for wire in [&mut steady, &mut steady_too] {
            while wire.message()["params"]["_meta"]["x/last"] != true {}
        }
        served.settles(&mut admin, &before);
        assert_eq!(client.delete(), 204);
    });
    let nothing = json!({ "connections": 0, "sessions": 0, "streams": 0 });
    until("all is closed", || {
        let open = served.open(&mut admin);
        open.engine == [0; 7] && open.http == nothing
    });
}

/// Opens a connection, asks for something, or half of it, and reads as much as it pleases.
fn some_connection(served: &Served, clients: &[Legacy], random: &mut Random, n: u64) -> Wire {
    let address = served.address();
    let client = &clients[random.below(clients.len() as u64) as usize];
    match random.below(8) {
        0 => Wire::open(address),
        1 => {
            let call = Modern::new(n, "tools/list", json!({}));
            let mut wire = Wire::open(address);
            let len = random.below(call.body.len() as u64) as usize;
            let head = format!("POST /mcp HTTP/1.1\r\nContent-Length: {}\r\n\r\n", call.body.len());
            wire.send(head.as_bytes());
            wire.send(&call.body.as_bytes()[..len]);
            wire
        }
        2 => Modern::tool(n, "wait", json!({ "seconds": 600 })).send(address),
        3 => Modern::tool(n, "checksum", json!({})).send(address),
        4 => client.send(&tool(n, "checksum", json!({}))),
        5 => client.get(&[]).1,
        _ => {
            let mut wire = listen(address, n, &served.uri);
            for _ in 0..random.below(3) {
                assert_eq!(wire.message()["params"]["uri"], *served.uri);
            }
            wire
        }
    }
}

/// Two thousand connections that come and go at random, again and again: after the first time the
/// server has what it needs for so many, and no later time takes more.
#[test]
fn of_connections_by_the_thousand_no_memory_stays() {
    const CONNECTIONS: u64 = 2_000;
    const THREADS: u64 = 4;
    const AGAIN: usize = 5;
    /// What a connection may leave at most, as far as this can be told.
    const BYTES: u64 = 128;
    let served = Served::start();
    let mut admin = Raw::open(&served.admin);
    let mut other = Some(Raw::open(&served.admin));
    other.as_mut().unwrap().ask(r#"{"op":"stats"}"#);
    until("nothing is open", || served.open(&mut admin).engine == [0; 7]);
    let before = served.open(&mut admin);
    drop(other);
    let mut resident = Vec::new();
    for round in 0..=AGAIN {
        let clients = ["2025-06-18", "2025-11-25"].map(|it| Legacy::open(served.address(), it));
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let raiser = scope.spawn(|| raise(&served.admin, &served.uri, &is_done));
            let threads = (0..THREADS).map(|thread| {
                let (served, clients) = (&served, &clients);
                scope.spawn(move || {
                    let mut random = Random(round as u64 * THREADS + thread + 1);
                    let mut open = Vec::new();
                    for n in 0..CONNECTIONS / THREADS {
                        let id = thread * CONNECTIONS + n;
                        open.push(some_connection(served, clients, &mut random, id));
                        if open.len() > 20 {
                            let at = random.below(open.len() as u64) as usize;
                            drop(open.swap_remove(at));
                        }
                    }
                })
            });
            for thread in threads.collect::<Vec<_>>() {
                thread.join().unwrap();
            }
            is_done.store(true, Ordering::Relaxed);
            raiser.join().unwrap();
        });
        clients.iter().for_each(|client| assert!([204, 404].contains(&client.delete())));
        let _other = Raw::open(&served.admin).ask(r#"{"op":"stats"}"#);
        until("all is closed", || {
            let mut open = served.open(&mut admin);
            open.descriptors = before.descriptors;
            open == before
        });
        resident.push(served.program.resident());
    }
    // What the allocator keeps differs from time to time; a leak grows each time.
    let least = resident.windows(2).map(|two| two[1].saturating_sub(two[0])).min();
    assert!(least.is_some_and(|grown| grown < CONNECTIONS * BYTES), "{resident:?}");
    let mut other = Raw::open(&served.admin);
    other.ask(r#"{"op":"stats"}"#);
    served.settles(&mut admin, &before);
}
