//! How sequences are made, and made smaller.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::ops::{Kind, Op};
use super::words::Setup;

/// How often each kind of step is taken, in parts of the sum.
const WEIGHTS: &[(u32, Kind)] = &[
    (7, Kind::Notice),
    (3, Kind::DrainAll),
    (4, Kind::Drain),
    (5, Kind::Open),
    (6, Kind::Call),
    (5, Kind::Listen),
    (7, Kind::Event),
    (4, Kind::Log),
    (8, Kind::Progress),
    (4, Kind::Respond),
    (3, Kind::SubscribeUri),
    (2, Kind::UnsubscribeUri),
    (3, Kind::Types),
    (2, Kind::Cancel),
    (4, Kind::Handshake),
    (2, Kind::EndListen),
    (3, Kind::Advance),
    (2, Kind::Stream),
    (1, Kind::CloseStream),
    (1, Kind::SetLevel),
    (1, Kind::Ping),
    (1, Kind::Ask),
    (1, Kind::HostSubscribe),
    (1, Kind::HostUnsubscribe),
    (1, Kind::HostListen),
    (1, Kind::Pause),
    (1, Kind::Resume),
    (1, Kind::End),
    (1, Kind::Close),
    (3, Kind::Authorize),
    (3, Kind::Revoke),
];

/// The longest sequence.
const STEPS: usize = 60;

/// A configuration and a sequence.
pub(crate) fn sequence() -> impl Strategy<Value = (Setup, Vec<Op>)> {
    (setup(), proptest::collection::vec(op(), 1..=STEPS))
}

fn op() -> impl Strategy<Value = Op> {
    let kinds: Vec<Kind> = WEIGHTS
        .iter()
        .flat_map(|(weight, kind)| std::iter::repeat_n(*kind, *weight as usize))
        .collect();
    let kind = proptest::sample::select(kinds);
    (kind, any::<[u8; 6]>()).prop_map(|(kind, dice)| Op { kind, dice })
}

fn setup() -> impl Strategy<Value = Setup> {
    let dice = any::<[u8; 9]>();
    dice.prop_map(|[progress, lists, resources, replies, held, counts, empty, segments, asks]| {
        let one_in = |die: u8, n: u8| die % n == n - 1;
        Setup {
            progress_interval_ms: if one_in(progress, 2) { 10 } else { 0 },
            debounce_ms: [lists, resources].map(|die| if one_in(die, 3) { 20 } else { 0 }),
            max_reply_bytes: if one_in(replies, 4) { 1024 } else { 1 << 20 },
            max_subscriptions: if one_in(held, 3) { 2 } else { 100 },
            max_of_principal: if one_in(held, 4) { 3 } else { 0 },
            max_of_engine: if one_in(held, 5) { 4 } else { 1000 },
            max_requests: if one_in(counts, 3) { 2 } else { 100 },
            max_streams: if one_in(counts, 4) { 2 } else { 100 },
            max_sessions: if one_in(counts, 5) { 3 } else { 6 },
            holds_empty: one_in(empty, 3),
            by_segments: one_in(segments, 4),
            asks: one_in(asks, 2),
        }
    })
}

/// A source of sequences that are the same each time.
pub(crate) fn runner(seed: u64, cases: u32) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
