//! How sequences are made, and made smaller.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::ops::{Kind, Op};
use super::words::Setup;

/// How often each kind of step is taken, in parts of the sum.
const WEIGHTS: &[(u32, Kind)] = &[
    (12, Kind::Notice),
    (6, Kind::DrainAll),
    (8, Kind::Drain),
    (3, Kind::Open),
    (6, Kind::Call),
    (5, Kind::Listen),
    (7, Kind::Event),
    (4, Kind::Log),
    (8, Kind::Progress),
    (4, Kind::Respond),
    (5, Kind::SubscribeUri),
    (3, Kind::UnsubscribeUri),
    (2, Kind::Types),
    (2, Kind::Cancel),
    (5, Kind::Handshake),
    (2, Kind::EndListen),
    (4, Kind::Advance),
    (2, Kind::Stream),
    (1, Kind::CloseStream),
    (1, Kind::SetLevel),
    (1, Kind::Ping),
    (1, Kind::Ask),
    (1, Kind::HostSubscribe),
    (1, Kind::HostUnsubscribe),
    (3, Kind::HostListen),
    (1, Kind::Pause),
    (1, Kind::Resume),
    (1, Kind::End),
    (1, Kind::Close),
    (5, Kind::Authorize),
    (5, Kind::Revoke),
];

/// How many steps follow the first sessions, at most.
const STEPS: usize = 70;

/// A configuration and a sequence.
pub(crate) fn sequence() -> impl Strategy<Value = (Setup, Vec<Op>)> {
    let first = any::<[u8; 6]>().prop_map(|dice| Op { kind: Kind::Open, dice });
    let first = proptest::collection::vec(first, 1..=3);
    let rest = proptest::collection::vec(op(), 1..=STEPS);
    (setup(), first, rest).prop_map(|(setup, first, rest)| (setup, [first, rest].concat()))
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
        let by_segments = one_in(segments, 3);
        // Whether a raising would be a toss-up (`Model::is_toss_up`) is known when it is at once.
        let is_debounced = one_in(resources, 3) && !by_segments;
        Setup {
            progress_interval_ms: if one_in(progress, 2) { 5 } else { 0 },
            debounce_ms: [one_in(lists, 3), is_debounced].map(|it| if it { 8 } else { 0 }),
            max_reply_bytes: if one_in(replies, 3) { 1024 + usize::from(replies) } else { 1 << 20 },
            max_subscriptions: if one_in(held, 4) { 3 } else { 100 },
            max_of_principal: if one_in(held, 5) { 3 } else { 0 },
            max_of_engine: if one_in(held, 6) { 4 } else { 1000 },
            max_requests: if one_in(counts, 3) { 2 } else { 100 },
            max_streams: if one_in(counts, 4) { 2 } else { 100 },
            max_sessions: if one_in(counts, 5) { 3 } else { 6 },
            holds_empty: one_in(empty, 3),
            by_segments,
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
