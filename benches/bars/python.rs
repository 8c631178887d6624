//! The same from Python, in a process of its own: see python.py.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::measure::{Pair, compare, median};
use crate::table::{Row, Table};

/// The ns of each round.
#[derive(Deserialize)]
struct Times {
    drained: Vec<f64>,
    delivered: Vec<f64>,
    sdk: Option<Vec<f64>>,
}

/// Bar 11, from Python. `FANFARE_BENCH_PYTHON` names an interpreter that has the official SDK.
pub(crate) fn in_python(table: &mut Table, n: usize, rounds: usize) {
    let named = std::env::var_os("FANFARE_BENCH_PYTHON").filter(|name| !name.is_empty());
    let Some(python) = named else {
        let why = "FANFARE_BENCH_PYTHON names no interpreter; `make bench` makes one";
        return table.lacks("Python", why);
    };
    let this = std::env::current_exe().expect("a benchmark knows where it is");
    // Cargo builds every crate type of the package's library beside its benchmarks.
    let library = this.with_file_name("libfanfare.so");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bars/python.py");
    let output = Command::new(&python)
        .args(["-B".as_ref(), script.as_os_str(), library.as_os_str()])
        // One round more, as a warm-up.
        .args([n.to_string(), (rounds + 1).to_string()])
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}", python.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}: {errors}", script.display(), output.status);
    let times: Times = serde_json::from_slice(&output.stdout).expect("it prints its times");
    assert_eq!(times.drained.len(), rounds + 1, "one time for each round");

    let drained = median(times.drained[1..].iter().copied());
    let scenario = ("packed drain by ctypes, bytes made", n);
    table.add(Row::amount(scenario, drained, "ns a frame", 250.0));
    let Some(sdk) = times.sdk else {
        return table.lacks("the Python SDK's bus", "the interpreter does not have `mcp`");
    };
    let pair: Pair = compare(rounds, &mut one_by_one(times.delivered), &mut one_by_one(sdk));
    let scenario = ("raise and drain from Python", n);
    // A thirtieth of the time is thirty times the deliveries.
    table.add(Row::ratio(scenario, pair, "ns each", "the Python SDK's bus, 2.3.0", 1.0 / 30.0));
}

fn one_by_one(times: Vec<f64>) -> impl FnMut() -> f64 {
    let mut times = times.into_iter();
    move || times.next().expect("one for each round")
}
