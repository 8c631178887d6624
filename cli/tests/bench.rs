//! `fanfare bench` on small crowds: what it counts, not how fast it is.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .arg("bench")
        .args(args)
        .output()
        .expect("the program starts")
}

fn measured(scenario: &str, via: &str, sessions: u64, messages: u64) -> Value {
    let (sessions, messages) = (sessions.to_string(), messages.to_string());
    let numbers = ["--sessions", &sessions, "--messages", &messages];
    let output = bench(&[&numbers[..], &["--scenario", scenario, "--via", via, "--json"]].concat());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{scenario} via {via}: {text}");
    assert_eq!(text, "", "no bar where there is no terminal");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn every_scenario_delivers_what_is_due_in_every_way() {
    let (sessions, messages) = (30, 40);
    for (scenario, deliveries) in [
        ("fanout", sessions * messages),
        ("point", messages),
        // One in ten never reads.
        ("stalled", 27 * messages),
        // Of four messages: to all; then to open and legacy twice; then progress to the open ones.
        ("mixed", (30 + 20 + 20 + 10) * messages / 4),
    ] {
        for via in ["engine", "callback", "pull"] {
            let report = measured(scenario, via, sessions, messages);
            let what = format!("{scenario} via {via}: {report}");
            assert_eq!(report["scenario"], scenario, "{what}");
            assert_eq!(report["via"], via, "{what}");
            assert_eq!(report["deliveries"], deliveries, "{what}");
            let latency = |name: &str| report["latency_ns"][name].as_u64().expect("a number");
            let quantiles = ["p50", "p99", "p99_9", "max"].map(latency);
            assert!(quantiles[0] > 0 && quantiles.is_sorted(), "{what}");
            let rate = report["deliveries_per_second"].as_f64().unwrap();
            let each = report["ns_per_delivery"].as_f64().unwrap();
            assert!((rate * each / 1e9 - 1.0).abs() < 1e-6, "{what}");
        }
    }
}

/// A stalled session costs a bound, whatever is raised: its changes merge, its events drop.
#[test]
fn stalled_sessions_hold_no_more_after_long_than_after_short() {
    let short = measured("stalled", "engine", 20, 200);
    let long = measured("stalled", "engine", 20, 2000);
    assert!(short["dropped"].as_u64() > Some(0), "{short}");
    assert!(long["dropped"].as_u64() > short["dropped"].as_u64(), "{long}");
    assert_eq!(short["queued_frames"], long["queued_frames"], "{short} {long}");
    assert_eq!(short["queued_bytes"], long["queued_bytes"], "{short} {long}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_table_says_what_a_session_weighs() {
    let output = bench(&["--sessions", "3000", "--messages", "2", "--scenario", "fanout"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for row in ["deliveries per s", "ns per delivery", "p99.9", "bytes per session"] {
        assert!(text.contains(row), "{row:?} is not in:\n{text}");
    }
    let row = text.lines().find(|line| line.starts_with("bytes per session")).unwrap();
    let bytes: u64 = row.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((50..5000).contains(&bytes), "{row}");
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    for (args, words) in [
        (["--sessions", "0"], "--sessions"),
        (["--messages", "0"], "--messages"),
        (["--scenario", "none"], "stalled"),
        (["--via", "post"], "callback"),
    ] {
        let output = bench(&args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
}
