//! The same change again while nobody has read it yet.
//!
//! The peer that merges is the watch channel: shared, it forgets who has read what; one for each
//! receiver, it does what the engine does.

mod crowd;

use criterion::{BenchmarkId, Criterion, Throughput};
use tokio::sync::watch;

fn merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge");
    for count in [1000_usize, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::new("fanfare", count), &count, |b, &count| {
            let engine = crowd::engine();
            crowd::listeners(&engine, count);
            assert_eq!(crowd::raise(&engine), count);
            b.iter(|| crowd::raise(&engine));
        });
        group.bench_with_input(
            BenchmarkId::new("tokio watch shared", count),
            &count,
            |b, &count| {
                let (sender, receiver) = watch::channel(0_u64);
                let _receivers: Vec<_> = (1..count).map(|_| receiver.clone()).collect();
                b.iter(|| sender.send(1).expect("somebody receives"));
            },
        );
        group.bench_with_input(BenchmarkId::new("tokio watch each", count), &count, |b, &count| {
            let (senders, _receivers): (Vec<_>, Vec<_>) =
                (0..count).map(|_| watch::channel(0_u64)).unzip();
            b.iter(|| senders.iter().for_each(|sender| sender.send(1).expect("one receives")));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    merge(&mut criterion);
    criterion.final_summary();
}
