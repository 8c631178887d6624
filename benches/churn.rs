//! A session comes, listens, hears that it does, and leaves, while many others are there. Its cost
//! must not grow with their number.

mod crowd;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion};
use fanfare::Batch;
use tokio::sync::broadcast;

fn churn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("churn");
    for others in [0_usize, 1000, 100_000] {
        group.bench_with_input(BenchmarkId::new("fanfare", others), &others, |b, &others| {
            let engine = crowd::engine();
            crowd::listeners(&engine, others);
            let mut batch = Batch::new();
            b.iter(|| {
                let session = crowd::listener(&engine, crowd::SHARED);
                assert_eq!(engine.recv(Some(session), 8, &mut batch), Ok(1));
                engine.close(session).expect("it is open");
            });
        });
        group.bench_with_input(
            BenchmarkId::new("tokio broadcast", others),
            &others,
            |b, &others| {
                let (sender, _receiver) = broadcast::channel::<Arc<str>>(16);
                let _others: Vec<_> = (0..others).map(|_| sender.subscribe()).collect();
                b.iter(|| drop(sender.subscribe()));
            },
        );
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    churn(&mut criterion);
    criterion.final_summary();
}
