//! One change to many sessions: raised, and taken out by all.
//!
//! The peers do less: a broadcast channel filters nothing, tags nothing and hands out a shared
//! body; a channel for each receiver is what most servers do by hand.

mod crowd;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use fanfare::Batch;
use tokio::sync::{broadcast, mpsc};

const BODY: &str = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///srv/data/shared.json"}}"#;

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
            let (sender, first) = broadcast::channel::<Arc<str>>(16);
            let mut receivers: Vec<_> = (1..count).map(|_| sender.subscribe()).collect();
            receivers.push(first);
            let body: Arc<str> = BODY.into();
            b.iter(|| {
                sender.send(Arc::clone(&body)).expect("somebody receives");
                for receiver in &mut receivers {
                    black_box(receiver.try_recv().expect("one message"));
                }
            });
        });
        group.bench_with_input(BenchmarkId::new("tokio mpsc each", count), &count, |b, &count| {
            let (senders, mut receivers): (Vec<_>, Vec<_>) =
                (0..count).map(|_| mpsc::channel::<Arc<str>>(16)).unzip();
            let body: Arc<str> = BODY.into();
            b.iter(|| {
                for sender in &senders {
                    sender.try_send(Arc::clone(&body)).expect("room for one");
                }
                for receiver in &mut receivers {
                    black_box(receiver.try_recv().expect("one message"));
                }
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    fanout(&mut criterion);
    criterion.final_summary();
}
