//! That everything is still measured that the table has, with a handful of connections.

use std::process::Command;

#[test]
fn a_small_trial_measures_every_scenario() {
    let ran = Command::new(env!("CARGO_BIN_EXE_fanfare-bench-http"))
        .args(["--trial", "--n", "10", "--rounds", "1", "--millis", "20"])
        .output()
        .unwrap();
    let (table, said) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{table}\n{said}");
    for era in ["listen", "legacy GET"] {
        for (scenario, servers) in [
            ("idle", &["fanfare"][..]),
            ("1 outstanding", &["fanfare", "raw write(2) loop"]),
            ("32 outstanding", &["fanfare", "epoll probe"]),
            ("32 raises of one", &["fanfare"]),
            ("20000 a second", &["fanfare"]),
            ("one reader stalled", &["fanfare"]),
        ] {
            for server in servers {
                let begins = format!("| {era}, {scenario} ");
                let is_it = |line: &&str| line.starts_with(&begins) && line.contains(server);
                let rows = table.lines().filter(is_it).count();
                assert_ne!(rows, 0, "{era}, {scenario}, {server} is missing:\n{table}");
            }
        }
    }
    // Where one is not installed, the table says so.
    for (server, missing) in [
        ("nginx with nchan", "nginx with nchan, and the bars against it"),
        ("rmcp", "rmcp, listen"),
        ("rmcp", "rmcp, legacy GET"),
        ("TypeScript SDK", "TypeScript SDK, listen"),
        ("TypeScript SDK", "TypeScript SDK, legacy GET"),
        ("Python SDK", "Python SDK, listen"),
        ("Python SDK on our bus", "Python SDK on our bus, legacy GET"),
        ("Python SDK, direct", "Python SDK, direct, listen"),
    ] {
        let is_said = table.contains(&format!("*** NOT MEASURED: {missing}"));
        let era = if missing.ends_with("GET") { "legacy GET, 1 " } else { "listen, 1 " };
        let is_there = table.lines().any(|line| {
            line.starts_with(&format!("| {era}")) && line.contains(&format!("| {server} "))
        });
        assert_ne!(is_there, is_said, "{server}, {era}:\n{table}");
    }
}

#[test]
fn one_scenario_alone_is_measured() {
    let ran = Command::new(env!("CARGO_BIN_EXE_fanfare-bench-http"))
        .args(["--trial", "--n", "4", "--rounds", "1", "--millis", "5"])
        .args(["--era", "get", "--only", "merged"])
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{table}\n{}", String::from_utf8_lossy(&ran.stderr));
    let rows: Vec<_> = table.lines().filter(|line| line.contains("fanfare")).collect();
    assert_eq!(rows.len(), 1, "{table}");
    assert!(rows[0].starts_with("| legacy GET, 32 raises of one "), "{table}");
}
