//! An event of some size to many sessions: encoded once and copied out, against serialised for
//! each recipient, which is what a server does that gives every client a message object.

mod crowd;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use fanfare::{Batch, Profile, Raise, SessionParams};
use serde_json::{Value, json};

const SESSIONS: usize = 100;

/// Params of about that many bytes, with something to escape in them.
fn params(bytes: usize) -> Value {
    let lines: Vec<_> =
        (0..bytes / 50).map(|n| format!("step {n:06}: \"copied\", 0 failed")).collect();
    json!({ "task_id": "abc", "result": "success", "lines": lines })
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for bytes in [100_usize, 1000, 16_000] {
        let params = params(bytes);
        group.throughput(Throughput::Elements(SESSIONS as u64));
        group.bench_with_input(BenchmarkId::new("fanfare", bytes), &params, |b, params| {
            let engine = crowd::engine();
            for _ in 0..SESSIONS {
                engine.open(SessionParams::new(Profile::Open)).expect("it opens");
            }
            let mut batch = Batch::new();
            b.iter(|| {
                // The host's own serialising is part of the work on both sides.
                let text = params.to_string();
                let reached = engine.notify("notifications/complete", Some(&text), &Raise::ALL);
                assert_eq!(reached, Ok(SESSIONS));
                assert_eq!(crowd::drain(&engine, &mut batch), SESSIONS);
            });
        });
        group.bench_with_input(BenchmarkId::new("serde_json each", bytes), &params, |b, params| {
            let method = "notifications/complete";
            let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
            let mut out = Vec::new();
            b.iter(|| {
                for _ in 0..SESSIONS {
                    out.clear();
                    serde_json::to_writer(&mut out, black_box(&message)).expect("a Vec takes all");
                    out.push(b'\n');
                    black_box(&out);
                }
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    encode(&mut criterion);
    criterion.final_summary();
}
