//! `fanfare demo` holds all that it promises, and says so.

use std::process::Command;

#[test]
fn every_expectation_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_fanfare")).arg("demo").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stdout}{stderr}");
    assert_eq!(stderr, "");
    let held = stdout.matches("✓").count();
    assert!(held > 30, "{stdout}");
    assert!(stdout.contains(&format!("{held} of {held} expectations held")), "{stdout}");
    for part in [
        "legacy  hears resources/updated      notes.txt",
        "modern  hears resources/updated      notes.txt",
        "open    hears resources/updated      plan.md",
        "legacy  hears nothing of plan.md",
        "legacy  hears message                error",
        "modern  hears no alert",
        "open    hears no alert",
        "never got an answer to what it cancelled",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}
