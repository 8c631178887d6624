//! One change to many sessions: raised, and taken out by all.
//!
//! The peers do less: a broadcast channel filters nothing, tags nothing and hands out a shared
//! body; a channel for each receiver is what most servers do by hand, and a loop that serialises
//! for each client is what the others do.

mod crowd;
mod peers;

use criterion::{BenchmarkId, Criterion, Throughput};
use fanfare::Batch;

use peers::{Broadcast, Channels, Sinks};

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fanout");
    for count in [100_usize, 1000, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::new("fanfare", count), &count, |b, &count| {
            let engine = crowd::engine();
            crowd::listeners(&engine, count);
            let mut batch = Batch::new();
            b.iter(|| {
                crowd::raise(&engine);
                assert_eq!(crowd::drain(&engine, &mut batch), count);
            });
        });
        group.bench_with_input(BenchmarkId::new("tokio broadcast", count), &count, |b, &count| {
            let mut peer = Broadcast::new(count);
            b.iter(|| peer.round());
        });
        group.bench_with_input(BenchmarkId::new("tokio mpsc each", count), &count, |b, &count| {
            let mut peer = Channels::new(count);
            b.iter(|| peer.round());
        });
        group.bench_with_input(BenchmarkId::new("serde_json each", count), &count, |b, &count| {
            let mut peer = Sinks::new(count);
            b.iter(|| peer.round());
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    fanout(&mut criterion);
    criterion.final_summary();
}
