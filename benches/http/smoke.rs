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
        ] {
            for server in servers {
                let begins = format!("| {era}, {scenario} ");
                let is_it = |line: &&str| line.starts_with(&begins) && line.contains(server);
                let rows = table.lines().filter(is_it).count();
                assert_ne!(rows, 0, "{era}, {scenario}, {server} is missing:\n{table}");
            }
        }
    }
    // Where nchan is not installed, the table says so.
    let has_nchan = table.contains("nginx with nchan  |");
    assert_ne!(has_nchan, table.contains("*** NOT MEASURED: nginx with nchan"), "{table}");
}
