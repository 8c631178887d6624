//! Delivery by callback on the host's own thread: each frame by itself, with a verdict. The peers are
//! the same frames taken out in batches, and the bare call through a pointer that a callback cannot
//! do without.

mod crowd;

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use fanfare::{Batch, Frame, FrameCallback, Verdict};

fn accept(frame: &Frame<'_>) -> Verdict {
    black_box(frame);
    Verdict::Accepted
}

fn callbacks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("callbacks");
    for count in [100_usize, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        // Raising is the same for all, and not measured.
        let raised = |engine: &fanfare::Engine| assert_eq!(crowd::raise(engine), count);
        group.bench_with_input(BenchmarkId::new("fanfare dispatch", count), &count, |b, &count| {
            let engine = crowd::engine();
            crowd::listeners(&engine, count);
            engine.on_frame(None, Box::new(accept)).expect("it is registered");
            b.iter_batched(
                || raised(&engine),
                |()| assert_eq!(engine.dispatch(usize::MAX), Ok(count)),
                BatchSize::PerIteration,
            );
        });
        group.bench_with_input(BenchmarkId::new("fanfare recv", count), &count, |b, &count| {
            let engine = crowd::engine();
            crowd::listeners(&engine, count);
            let mut batch = Batch::new();
            b.iter_batched(
                || raised(&engine),
                |()| assert_eq!(crowd::drain(&engine, &mut batch), count),
                BatchSize::PerIteration,
            );
        });
        group.bench_with_input(BenchmarkId::new("bare call", count), &count, |b, &count| {
            let engine = crowd::engine();
            crowd::listeners(&engine, count);
            raised(&engine);
            let mut batch = Batch::new();
            engine.recv(None, count, &mut batch).expect("it drains");
            let callback: FrameCallback = black_box(Box::new(accept));
            b.iter(|| assert!(batch.iter().all(|frame| callback(&frame) == Verdict::Accepted)));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    callbacks(&mut criterion);
    criterion.final_summary();
}
