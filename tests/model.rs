//! model
#[path = "model/mod.rs"]
mod model;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use model::run::Run;
use model::{generate, script};

#[test]
fn engine_and_reference_agree() {
    let cases = std::env::var("FANFARE_MODEL_CASES").ok().map_or(10_000, |n| n.parse().unwrap());
    let seed: u64 = std::env::var("FANFARE_SEED").ok().map_or(1, |n| n.parse().unwrap());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&generate::sequence(), |(setup, ops)| {
        Run::default().follow(&setup, &ops).map_err(TestCaseError::fail)
    });
    if let Err(TestError::Fail(_, (setup, ops))) = outcome {
        let mut run = Run::default();
        let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.follow(&setup, &ops)));
        panic!("{why:?}\n{}\n{}", script::command_line(&setup), run.lines.join("\n"));
    }
}
