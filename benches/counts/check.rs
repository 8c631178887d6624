//! Holds the instructions that `measure.rs` was counted to take against the committed `baseline`.
//!
//! Takes the file that gungraun's JSON output went to. Exits with 1 if a scenario is off its
//! baseline by more than [`TOLERANCE`] in either direction, if either side has a scenario that the
//! other has not, or if the baseline is of another compiler and `CI` is `true`. With
//! `FANFARE_BLESS=1` the baseline is written anew instead, and nothing is compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context as _, ensure};
use serde_json::Value;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline");

/// How far a count may be from its baseline, in percent of it. From run to run they differ by less
/// than a tenth of that: tables of topics are hashed with a new seed in every process.
const TOLERANCE: u64 = 5;

/// What to do about a baseline that is no longer true.
const RENEW: &str = "if that is meant, renew the baseline: make counts-renew";

fn main() -> ExitCode {
    run().unwrap_or_else(|cause| {
        eprintln!("counts: {cause:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    let file = env::args().nth(1).context("the file with gungraun's JSON lines is not given")?;
    let lines = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let measured = Counts { compiler: compiler()?, instructions: instructions(&lines)? };
    if env::var_os("FANFARE_BLESS").is_some() {
        fs::write(BASELINE, measured.to_text()).with_context(|| format!("writing {BASELINE}"))?;
        println!("counts: {BASELINE} is written anew");
        return Ok(ExitCode::SUCCESS);
    }
    let text = fs::read_to_string(BASELINE).with_context(|| format!("reading {BASELINE}"))?;
    let baseline = Counts::from_text(&text).context(BASELINE)?;
    let verdict = judge(&measured, &baseline);
    print!("{}", verdict.table);
    for complaint in &verdict.complaints {
        eprintln!("counts: {complaint}");
    }
    let ci = env::var("CI").is_ok_and(|ci| ci == "true");
    Ok(if verdict.fails(ci) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What each scenario took, and what compiled it.
#[derive(Clone, Debug, PartialEq)]
struct Counts {
    /// Release and target; with another one the same source is other instructions.
    compiler: String,
    instructions: BTreeMap<String, u64>,
}

impl Counts {
    fn to_text(&self) -> String {
        let mut text =
            "# Instructions by scenario, with this compiler. Written by `make counts-renew`.\n"
                .to_owned();
        writeln!(text, "{}", self.compiler).expect("a String takes all");
        for (name, count) in &self.instructions {
            writeln!(text, "{name} {count}").expect("a String takes all");
        }
        text
    }

    fn from_text(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let compiler = lines.next().context("it is empty")?.to_owned();
        let mut instructions = BTreeMap::new();
        for line in lines {
            let row = || format!("{line:?} is no name and number");
            let (name, count) = line.split_once(' ').with_context(row)?;
            instructions.insert(name.to_owned(), count.parse().with_context(row)?);
        }
        Ok(Self { compiler, instructions })
    }
}

/// What rustc says it is.
fn compiler() -> anyhow::Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("-vV").output().context("asking rustc what it is")?;
    ensure!(said.status.success(), "rustc -vV: {}", said.status);
    let said = String::from_utf8(said.stdout).context("rustc -vV")?;
    let release = said.lines().next().context("rustc -vV said nothing")?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(format!("{release} for {}", host.context("rustc -vV named no host")?))
}

/// The total of each scenario, from a JSON object a line.
fn instructions(lines: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for line in lines.lines() {
        let summary: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let word = |key: &str| summary[key].as_str().with_context(|| format!("no {key}: {line}"));
        let name = format!("{}.{}", word("function_name")?, word("id")?);
        let count = &summary["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        counts.insert(name, count.as_u64().with_context(|| format!("no count: {line}"))?);
    }
    ensure!(!counts.is_empty(), "nothing was measured");
    Ok(counts)
}

/// What came of comparing.
struct Verdict {
    table: String,
    /// Why it fails.
    complaints: Vec<String>,
    /// Whether the two can be compared at all; if not, that is the only complaint.
    comparable: bool,
}

impl Verdict {
    /// What cannot be checked fails nobody's work but a run of CI, which is to have checked all.
    fn fails(&self, ci: bool) -> bool {
        !self.complaints.is_empty() && (self.comparable || ci)
    }
}

fn judge(measured: &Counts, baseline: &Counts) -> Verdict {
    let mut table =
        format!("{:<28} {:>12} {:>12}  change\n", "scenario", "instructions", "baseline");
    let mut complaints = Vec::new();
    for (name, &now) in &measured.instructions {
        let Some(&then) = baseline.instructions.get(name) else {
            writeln!(table, "{name:<28} {now:>12} {:>12}", "-").expect("a String takes all");
            complaints.push(format!("{name} is not in the baseline; {RENEW}"));
            continue;
        };
        let percent = (now as f64 / then as f64 - 1.0) * 100.0;
        writeln!(table, "{name:<28} {now:>12} {then:>12}  {percent:+.2} %")
            .expect("a String takes all");
        if now.abs_diff(then) * 100 <= then * TOLERANCE {
            continue;
        }
        complaints.push(if now > then {
            format!("{name} takes {percent:.1} % more than it did; {RENEW}")
        } else {
            format!(
                "{name} takes {:.1} % less than it did. So that it stays so: make counts-renew",
                -percent
            )
        });
    }
    for name in baseline.instructions.keys() {
        if !measured.instructions.contains_key(name) {
            complaints.push(format!("{name} is in the baseline and was not measured; {RENEW}"));
        }
    }
    let comparable = measured.compiler == baseline.compiler;
    if !comparable {
        complaints = vec![format!(
            "*** NOT CHECKED: the baseline is of {}, and this is {}; to go over to this one: make counts-renew ***",
            baseline.compiler, measured.compiler
        )];
    }
    Verdict { table, complaints, comparable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(compiler: &str, instructions: &[(&str, u64)]) -> Counts {
        let instructions = instructions.iter().map(|&(name, count)| (name.to_owned(), count));
        Counts { compiler: compiler.to_owned(), instructions: instructions.collect() }
    }

    fn judged(now: &[(&str, u64)]) -> Verdict {
        judge(&counts("c", now), &counts("c", &[("raise.a", 1000), ("raise.b", 2000)]))
    }

    #[test]
    fn up_to_five_percent_either_way_holds() {
        let verdict = judged(&[("raise.a", 1050), ("raise.b", 1900)]);
        assert!(!verdict.fails(true), "{:?}", verdict.complaints);
        assert!(verdict.table.contains("+5.00 %") && verdict.table.contains("-5.00 %"));
    }

    #[test]
    fn more_than_five_percent_either_way_fails_and_names_the_scenario() {
        let verdict = judged(&[("raise.a", 1051), ("raise.b", 2000)]);
        assert!(verdict.fails(false));
        assert!(verdict.complaints[0].starts_with("raise.a takes 5.1 % more"));
        let verdict = judged(&[("raise.a", 1000), ("raise.b", 1898)]);
        assert!(verdict.fails(false));
        assert!(verdict.complaints[0].starts_with("raise.b takes 5.1 % less"));
        assert!(verdict.complaints[0].contains("make counts-renew"));
    }

    #[test]
    fn a_scenario_that_only_one_side_has_fails() {
        let verdict = judged(&[("raise.a", 1000)]);
        assert!(verdict.fails(false));
        assert!(verdict.complaints[0].contains("raise.b is in the baseline"));
        let verdict = judged(&[("raise.a", 1000), ("raise.b", 2000), ("raise.c", 1)]);
        assert!(verdict.fails(false));
        assert!(verdict.complaints[0].contains("raise.c is not in the baseline"));
    }

    #[test]
    fn another_compiler_cannot_be_compared_and_fails_ci_alone() {
        let verdict = judge(&counts("new", &[("a", 9)]), &counts("old", &[("a", 1)]));
        assert!(verdict.fails(true));
        assert!(!verdict.fails(false));
        assert_eq!(verdict.complaints.len(), 1, "{:?}", verdict.complaints);
        assert!(verdict.complaints[0].contains("is of old, and this is new"));
    }

    #[test]
    fn the_baseline_reads_as_it_was_written() {
        let counts = counts("rustc 1.0.0 (abc) for here", &[("raise.a", 1), ("raise.b", 2)]);
        assert_eq!(Counts::from_text(&counts.to_text()).expect("it reads"), counts);
        for wrong in ["", "rustc\nraise.a", "rustc\nraise.a many"] {
            Counts::from_text(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn the_total_of_callgrind_is_taken() {
        let line = |id: &str, ir: &str| {
            format!(
                r#"{{"function_name":"raise","id":"{id}","profiles":[{{"data":{{"total":{{"metrics":{{"Ir":{{"values":{{"new":{ir},"old":7}}}}}}}}}}}}]}}"#
            )
        };
        let both = format!("{}\n{}\n", line("a", "12"), line("b", "34"));
        let counts = instructions(&both).expect("both are right");
        let expected = [("raise.a".to_owned(), 12), ("raise.b".to_owned(), 34)];
        assert_eq!(counts, BTreeMap::from(expected));
        instructions(&line("a", "null")).expect_err("no count");
        instructions("").expect_err("nothing at all");
    }
}
