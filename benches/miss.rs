//! A change that nobody listens to, among many that somebody does. The peer is the hash lookup
//! that it cannot do without.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use fanfare::{Config, Engine, Profile, Raise, Revision, SessionParams};

/// How many different topics are asked for in turn, so that no cache line is always the same.
const ASKED: usize = 1024;

fn held(n: usize) -> String {
    format!("file:///srv/data/{n}.json")
}

fn miss(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("miss");
    let asked: Vec<String> = (0..ASKED).map(|n| format!("file:///srv/none/{n}.json")).collect();
    for topics in [1000_usize, 100_000] {
        group.bench_with_input(BenchmarkId::new("fanfare", topics), &topics, |b, &topics| {
            let mut config = Config::default();
            config.set("session.max_subscriptions", &topics.to_string()).expect("it takes that");
            config.set("session.max_filter_bytes", "1000000000").expect("it takes that");
            let engine = Engine::new(config);
            let profile = Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: false };
            let session = engine.open(SessionParams::new(profile)).expect("it opens");
            for n in 0..topics {
                engine.subscribe(session, &held(n)).expect("it subscribes");
            }
            let mut uris = asked.iter().cycle();
            b.iter(|| {
                let uri = uris.next().expect("it cycles");
                assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(0));
            });
        });
        group.bench_with_input(BenchmarkId::new("std HashMap", topics), &topics, |b, &topics| {
            let map: HashMap<String, usize> = (0..topics).map(|n| (held(n), n)).collect();
            let mut uris = asked.iter().cycle();
            b.iter(|| {
                let uri = uris.next().expect("it cycles");
                assert_eq!(map.get(black_box(uri)), None);
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    miss(&mut criterion);
    criterion.final_summary();
}
