//! Many clients at once, over real sockets: order, and that nothing is left behind.

#[path = "support/http.rs"]
mod http;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};

use fanfare::{Level, Profile, Raise, SessionParams, Verdict};
use http::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The tests of this file count the descriptors of the process, so each runs alone, with as many
/// descriptors as the system gives.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    guard
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count())
}

/// Numbers count up in events, which nothing merges, by ten raisers at once.
#[test]
fn everything_reaches_five_hundred_clients_in_order() {
    const RAISERS: u64 = 10;
    const EACH: u64 = 20;
    const CLIENTS: usize = 500;
    let _alone = alone();
    let host = Host::with(&[("session.max_queued_frames", "100000")], |options| options);
    let before = descriptors();
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let revision = ["2025-03-26", "2025-06-18", "2025-11-25"][n % 3];
            let client = Legacy::open(host.address, revision);
            let wire = client.listen();
            (client, wire)
        })
        .collect();
    until("all are open", || host.meter.read().streams == CLIENTS);
    std::thread::scope(|scope| {
        for raiser in 0..RAISERS {
            let engine = host.engine();
            scope.spawn(move || {
                for n in 0..EACH {
                    let data = json!([raiser, n]).to_string();
                    engine.notify_alert(Level::Error, None, &data, &Raise::ALL).unwrap();
                }
            });
        }
        for chunk in clients.chunks_mut(CLIENTS / 4) {
            scope.spawn(move || {
                for (_, wire) in chunk {
                    let mut next = [0; RAISERS as usize];
                    for _ in 0..RAISERS * EACH {
                        let message = wire.message();
                        let data = &message["params"]["data"];
                        let raiser = data[0].as_u64().unwrap() as usize;
                        assert_eq!(data[1], next[raiser], "of raiser {raiser}");
                        next[raiser] += 1;
                    }
                    assert_eq!(next, [EACH; RAISERS as usize]);
                }
            });
        }
    });
    let stats = host.engine().stats();
    assert_eq!((stats.dropped, stats.lagged), (0, 0));
    drop(clients.into_iter().map(|(client, wire)| (client.delete(), wire)).collect::<Vec<_>>());
    host.settle();
    until("the descriptors are back", || descriptors() <= before + 16);
}

/// Each raising is waited for before the next, so that one that woke nobody would be noticed: of
/// several at the same time the last may come just when all before it have been taken out.
#[test]
fn no_raising_is_slept_through() {
    const RAISERS: usize = 3;
    let _alone = alone();
    let host = Host::with(&[("sse.keep_alive_ms", "0")], |options| options);
    let begin = Barrier::new(RAISERS);
    std::thread::scope(|scope| {
        for raiser in 0..RAISERS {
            let (host, begin) = (&host, &begin);
            scope.spawn(move || {
                let uri = format!("file:///{raiser}");
                let mut wire = listen(host.address, raiser, &uri);
                for _ in 0..2_000 {
                    begin.wait();
                    host.app.update(&uri);
                    assert_eq!(wire.message()["params"]["uri"], uri);
                }
            });
        }
    });
}

/// The engine shows that it has output as long as it has some for anybody, and tells nobody when
/// there is more: what a callback has not taken yet must not hide what a socket is to be sent.
#[test]
fn output_that_stays_hides_no_other() {
    let _alone = alone();
    let host = Host::with(&[("sse.keep_alive_ms", "0")], |options| options);
    let engine = host.engine();
    let pushed = engine.open(SessionParams::new(Profile::Open)).unwrap();
    engine.on_frame(Some(pushed), Box::new(|_| Verdict::Accepted)).unwrap();
    engine.subscribe(pushed, "file:///pushed").unwrap();
    let mut wire = listen(host.address, 1, "file:///a");
    host.app.update("file:///pushed");
    for _ in 0..100 {
        host.app.update("file:///a");
        assert_eq!(wire.message()["params"]["uri"], "file:///a");
    }
    assert_eq!(engine.dispatch(10).unwrap(), 1);
    engine.close(pushed).unwrap();
    drop(wire);
    host.settle();
}

/// Several listens of one client, over the same topics, are told apart by their ids alone.
#[test]
fn listens_that_overlap_are_separate() {
    let _alone = alone();
    let host = Host::new();
    let uri = |n: usize| format!("file:///{n}");
    let filters: [&[usize]; 4] = [&[0], &[0, 1], &[1, 2], &[2, 0, 1]];
    let ids = [json!(1), json!("1"), json!(2), json!("2")];
    let mut wires: Vec<_> = filters
        .iter()
        .zip(&ids)
        .map(|(filter, id)| {
            let uris: Vec<_> = filter.iter().map(|&n| uri(n)).collect();
            let mut wire = Modern::listen(
                id.clone(),
                json!({ "resourceSubscriptions": uris, "toolsListChanged": true }),
            )
            .stream(host.address);
            assert_eq!(wire.message()["params"]["_meta"][SUBSCRIPTION], *id);
            wire
        })
        .collect();
    for round in 0..50 {
        for n in 0..3 {
            host.app.update(&uri(n));
        }
        host.engine().notify_tool_list_changed(&Raise::ALL).unwrap();
        for ((wire, filter), id) in wires.iter_mut().zip(filters).zip(&ids) {
            let mut expected = filter.to_vec();
            expected.sort_unstable();
            for n in expected {
                let message = wire.message();
                assert_eq!(message["params"]["uri"], uri(n), "round {round}");
                assert_eq!(message["params"]["_meta"][SUBSCRIPTION], *id);
            }
            let message = wire.message();
            assert_eq!(message["method"], "notifications/tools/list_changed");
        }
    }
    // The end of one is not the end of the others.
    drop(wires.remove(0));
    until("it is closed", || host.meter.read().streams == 3);
    host.app.update(&uri(0));
    assert_eq!(wires[0].message()["params"]["uri"], uri(0));
    drop(wires);
    host.settle();
}

#[test]
fn cancelling_under_load_leaves_nothing() {
    let _alone = alone();
    let host = Host::new();
    let before = descriptors();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                host.app.update("file:///a");
                host.engine().notify_tool_list_changed(&Raise::ALL).unwrap();
            }
        });
        let listeners: Vec<_> = (0..4)
            .map(|thread| {
                let address = host.address;
                scope.spawn(move || {
                    for n in 0..25 {
                        let mut wire = listen(address, thread * 100 + n, "file:///a");
                        for _ in 0..n % 5 {
                            let message = wire.message();
                            assert_eq!(message["params"]["_meta"][SUBSCRIPTION], thread * 100 + n);
                        }
                        // Gone in the middle of it.
                    }
                })
            })
            .collect();
        for listener in listeners {
            listener.join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    host.settle();
    assert_eq!(host.app.gone.lock().unwrap().len(), 100);
    until("the descriptors are back", || descriptors() <= before + 16);
}

/// Two thousand connections that come, ask for anything, read some of it and go.
#[test]
fn connections_that_come_and_go_at_random_leave_nothing() {
    const CONNECTIONS: u64 = 2_000;
    const THREADS: u64 = 4;
    let _alone = alone();
    let host = Host::new();
    // One that stays, and hears everything that it should.
    let mut steady = listen(host.address, "steady", "file:///steady");
    let before = (descriptors(), host.engine().stats());
    let is_done = AtomicBool::new(false);
    let opened = AtomicU64::new(0);
    let clients: Vec<_> =
        (0..3).map(|_| Arc::new(Legacy::open(host.address, "2025-11-25"))).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !is_done.load(Ordering::Relaxed) {
                n += 1;
                host.app.update(&format!("file:///{}", n % 7));
                let data = json!(n).to_string();
                drop(host.engine().notify_alert(Level::Error, None, &data, &Raise::ALL));
                std::thread::yield_now();
            }
        });
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (host, clients, opened) = (&host, &clients, &opened);
                scope.spawn(move || {
                    let mut random = Random(thread + 1);
                    let mut open = Vec::new();
                    for n in 0..CONNECTIONS / THREADS {
                        open.push(some_connection(host, clients, &mut random, n));
                        opened.fetch_add(1, Ordering::Relaxed);
                        if open.len() > 20 {
                            let at = random.below(open.len() as u64) as usize;
                            drop(open.swap_remove(at));
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    assert_eq!(opened.load(Ordering::Relaxed), CONNECTIONS);
    host.app.update("file:///steady");
    assert_eq!(steady.message()["params"]["uri"], "file:///steady");
    clients.iter().for_each(|client| assert!([204, 404].contains(&client.delete())));
    // Whoever held a call has left without an answer.
    until("all is as it was", || {
        let stats = host.engine().stats();
        let open = host.meter.read();
        (stats.sessions, stats.streams, stats.subscriptions, stats.requests, stats.links)
            == (
                before.1.sessions,
                before.1.streams,
                before.1.subscriptions,
                before.1.requests,
                before.1.links,
            )
            && (open.connections, open.streams, open.sessions) == (0, 1, 0)
    });
    until("the descriptors are back", || descriptors() <= before.0 + 16);
    drop(steady);
    host.settle();
}

/// Opens a connection, asks for something, or half of it, and reads as much as it pleases.
fn some_connection(host: &Host, clients: &[Arc<Legacy>], random: &mut Random, n: u64) -> Wire {
    let address = host.address;
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
        2 => Modern::tool(n, "hold", json!({})).send(address),
        3 => Modern::tool(n, "steps", json!({ "n": 5 })).send(address),
        4 => client.send(&tool(1_000_000 + n * 64 + random.below(64), "steps", json!({ "n": 5 }))),
        5 => client.get(&[]).1,
        _ => {
            let uri = format!("file:///{}", random.below(7));
            let mut wire = listen(address, n, &uri);
            for _ in 0..random.below(3) {
                assert_eq!(wire.message()["params"]["uri"], uri);
            }
            wire
        }
    }
}

/// What a client that loses its connection again and again hears is all of it, and in order.
#[test]
fn who_comes_back_again_and_again_misses_nothing() {
    let _alone = alone();
    let keys = [("replay.max_frames", "100000"), ("session.max_queued_frames", "100000")];
    let host = Host::with(&keys, |options| options);
    const SAID: u64 = 2_000;
    let client = Legacy::open(host.address, "2025-11-25");
    let mut wire = client.listen();
    let mut last = wire.event().id.unwrap();
    let mut heard: HashMap<String, Value> = HashMap::new();
    std::thread::scope(|scope| {
        let engine = host.engine();
        scope.spawn(move || {
            for n in 0..SAID {
                engine.notify_alert(Level::Error, None, &n.to_string(), &Raise::ALL).unwrap();
            }
        });
        let mut random = Random(7);
        let mut next = 0;
        while next < SAID {
            for _ in 0..=random.below(100) {
                if next == SAID {
                    break;
                }
                let event = wire.event();
                let Some(data) = event.data.as_ref().filter(|data| !data.is_empty()) else {
                    continue;
                };
                let message: Value = serde_json::from_str(data).unwrap();
                assert_eq!(message["params"]["data"], next);
                next += 1;
                last = event.id.unwrap();
                assert!(heard.insert(last.clone(), message).is_none(), "{last} came twice");
            }
            if next < SAID {
                wire = client.resume(&last);
            }
        }
    });
    assert_eq!(client.delete(), 204);
    drop(wire);
    host.settle();
}
