//! Readers that stay slow, or stand still, while thousands of raisings go by: each raising is heard
//! by all others before there is another one.

#[path = "support/http.rs"]
mod http;

use std::collections::HashMap;

use fanfare::{Level, Raise};
use http::*;
use serde_json::json;

/// How many raisings go by while somebody stands still.
const RAISINGS: u64 = 20_000;

/// How many events a session may have queued.
const BOUND: u64 = 500;

/// What the system keeps at most for who does not read, beside what it keeps for the server. With
/// less than this it would hand it out by the timer.
const ROOM: usize = 128 << 10;

/// As much as soon fills a socket that is not read.
fn padding() -> String {
    "x".repeat(60 << 10)
}

/// An event, which nothing merges.
fn say(host: &Host, n: u64, padding: &str) {
    let data = json!({ "n": n, "text": padding }).to_string();
    host.engine().notify_alert(Level::Error, None, &data, &Raise::ALL).unwrap();
}

#[track_caller]
fn number(wire: &mut Wire) -> u64 {
    wire.message()["params"]["data"]["n"].as_u64().unwrap()
}

/// Who stands still costs its bound. What it reads afterwards is what the sockets held, in order,
/// then what the engine kept: the latest, without a gap.
#[test]
fn who_stands_still_for_long_reads_on_to_the_latest_events() {
    let bound = BOUND.to_string();
    let keys = [
        ("overflow", "drop_oldest"),
        ("session.max_queued_frames", &*bound),
        ("session.max_queued_bytes", "100000000"),
    ];
    let host = Host::with(&keys, |options| options);
    let still = Legacy::open(host.address, "2025-11-25");
    let reading = Legacy::open(host.address, "2025-06-18");
    let mut stands = still.listen().with_room_for(ROOM);
    let mut reads = reading.listen();
    until("both are open", || host.meter.read().streams == 2);
    let mut n = 0;
    let mut raise = |padding: &str| {
        n += 1;
        say(&host, n, padding);
        assert_eq!(number(&mut reads), n);
        assert!(host.engine().stats().queued_frames <= BOUND);
    };
    let large = padding();
    // Its bound is reached only when its sockets take no more.
    let dropped = host.engine().stats().dropped;
    while host.engine().stats().dropped == dropped {
        raise(&large);
    }
    for _ in 0..RAISINGS {
        raise("");
    }
    assert_eq!(host.engine().stats().lagged, 0);
    assert_eq!(host.engine().stats().queued_frames, BOUND);

    let mut heard: Vec<_> = std::iter::once(number(&mut stands)).collect();
    while heard.last() != Some(&n) {
        heard.push(number(&mut stands));
    }
    let gaps: Vec<_> = heard.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    // The sockets held a beginning, the engine the end.
    let [[before, after]] = gaps[..] else { panic!("{} gaps", gaps.len()) };
    assert_eq!((heard[0], n + 1 - after), (1, BOUND));
    assert_eq!(host.engine().stats().dropped - dropped, after - before - 1);
    say(&host, n + 1, "");
    assert_eq!((number(&mut stands), number(&mut reads)), (n + 1, n + 1));
    assert_eq!((still.delete(), reading.delete()), (204, 204));
    drop((stands, reads));
    host.settle();
}

/// A listen that is not read costs a slot for each of its topics, and says each of them again when
/// it is read, with nothing after the latest.
#[test]
fn who_stands_still_for_long_learns_of_all_that_has_changed() {
    const TOPICS: u64 = 8;
    let host = Host::new();
    let topic = |n: u64| format!("file:///topic/{}", n % TOPICS);
    // They fill the sockets, and are raised no more.
    let long: Vec<_> = (0..40).map(|n| format!("file:///{n}/{}", "d".repeat(6_000))).collect();
    let topics: Vec<_> = (0..TOPICS).map(topic).collect();
    let latest = "file:///latest";
    let all = [&long[..], &topics, &[latest.to_owned()]].concat();
    let slots = all.len() as u64;
    let listening = |id: u64, uris: &[String]| {
        let mut wire =
            Modern::listen(id, json!({ "resourceSubscriptions": uris })).stream(host.address);
        assert_eq!(wire.message()["method"], "notifications/subscriptions/acknowledged");
        wire
    };
    let mut stands = listening(1, &all).with_room_for(ROOM);
    let mut reads = listening(2, &[&topics[..], &[latest.to_owned()]].concat());
    let mut merged = host.engine().stats().merged;
    // Nothing merges while the sockets take what is raised.
    loop {
        long.iter().for_each(|uri| host.app.update(uri));
        host.app.update(&topics[0]);
        assert_eq!(reads.message()["params"]["uri"], *topics[0]);
        let now = host.engine().stats().merged;
        if now - merged == long.len() as u64 + 1 {
            break;
        }
        merged = now;
    }
    for n in 0..RAISINGS {
        let uri = topic(n);
        host.app.update(&uri);
        assert_eq!(reads.message()["params"]["uri"], *uri);
        assert!(host.engine().stats().queued_frames <= slots);
    }
    host.app.update(latest);
    assert_eq!(reads.message()["params"]["uri"], latest);

    // Of its last notices each is another topic's.
    let mut heard = Vec::new();
    while heard.last().is_none_or(|uri| uri != latest) {
        heard.push(stands.message()["params"]["uri"].as_str().unwrap().to_owned());
    }
    let mut last = HashMap::new();
    heard.iter().enumerate().for_each(|(at, uri)| _ = last.insert(uri, at));
    assert_eq!(last.len() as u64, slots);
    let tail = heard.len() - usize::try_from(slots).unwrap();
    assert!(last.values().all(|&at| at >= tail), "{heard:?}");
    host.app.update(&topics[3]);
    assert_eq!(stands.message()["params"]["uri"], *topics[3]);
    assert_eq!(reads.message()["params"]["uri"], *topics[3]);
    drop((stands, reads));
    host.settle();
}

/// Who reads a byte for each raising falls ever further behind, and yet has everything in order.
#[test]
fn who_reads_byte_by_byte_has_everything_in_order_and_delays_nobody() {
    const BEHIND: u64 = 100;
    const AFTERWARDS: u64 = 400;
    let keys = [
        ("session.max_queued_frames", "100000"),
        ("session.max_queued_bytes", "100000000"),
        ("uri.max_bytes", "100000"),
        ("filter.max_bytes", "100000000"),
        ("message.max_bytes", "100000000"),
        ("session.max_filter_bytes", "100000000"),
    ];
    let host = Host::with(&keys, |options| fanfare_cli::http::Options {
        max_body_bytes: 100_000_000,
        ..options
    });
    let client = || Legacy::open(host.address, "2025-06-18");
    let (sipping, reading) = (client(), client());
    let (mut sips, mut reads) = (sipping.listen().with_room_for(ROOM).by_bytes(), reading.listen());
    // Notices of different topics do not merge either.
    let uri = |n: u64| format!("file:///{n}/{}", "d".repeat(60 << 10));
    let some: Vec<_> = (0..100).map(uri).collect();
    let filter = json!({ "resourceSubscriptions": some });
    let mut sips_too = Modern::listen(1, filter.clone()).stream(host.address);
    assert_eq!(sips_too.message()["method"], "notifications/subscriptions/acknowledged");
    let mut sips_too = sips_too.with_room_for(ROOM).by_bytes();
    let mut reads_too = Modern::listen(2, filter).stream(host.address);
    assert_eq!(reads_too.message()["method"], "notifications/subscriptions/acknowledged");
    until("all are open", || host.meter.read().streams == 4);

    let mut n = 0;
    let (large, mut stalled_at) = (padding(), None);
    while stalled_at.is_none_or(|at| n < at + AFTERWARDS) {
        say(&host, n, if stalled_at.is_none() { &large } else { "" });
        assert_eq!(number(&mut reads), n);
        if let Some(uri) = usize::try_from(n).ok().and_then(|n| some.get(n)) {
            host.app.update(uri);
            assert_eq!(reads_too.message()["params"]["uri"], *uri);
        }
        assert!(sips.more());
        assert!(sips_too.more());
        n += 1;
        if host.engine().stats().queued_frames > BEHIND {
            stalled_at = stalled_at.or(Some(n));
        }
    }
    assert!(host.engine().stats().queued_frames > AFTERWARDS);
    assert!(n > 100, "only then is everything raised");
    for n in 0..n {
        assert_eq!(number(&mut sips), n);
    }
    for uri in &some {
        assert_eq!(sips_too.message()["params"]["uri"], *uri);
    }
    let stats = host.engine().stats();
    assert_eq!((stats.queued_frames, stats.dropped, stats.lagged), (0, 0, 0));
    assert_eq!((sipping.delete(), reading.delete()), (204, 204));
    drop((sips, reads, sips_too, reads_too));
    host.settle();
}
