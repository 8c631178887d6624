//! The table that the bars end in.

use crate::measure::{Pair, median};

/// How far a measurement may be above its bar before it falls short: machines have moods.
const GRACE: f64 = 1.1;

/// One measurement of one bar. A bar is always an upper bound: what must be so many times as fast
/// takes at most that part of the peer's time.
pub(crate) struct Row {
    scenario: &'static str,
    n: usize,
    /// What ours took, in the unit of the row.
    ours: f64,
    peer_name: &'static str,
    /// None where a bar needs no peer.
    peer: Option<f64>,
    unit: &'static str,
    /// What is held against the bar: a ratio, a difference, a size.
    measured: f64,
    bar: f64,
    /// Whether it is not ours at all, but the least that can be done.
    is_floor: bool,
}

impl Row {
    /// The first of the two is held against a bar that is a multiple of the second.
    pub(crate) fn ratio(
        (scenario, n): (&'static str, usize),
        pair: Pair,
        unit: &'static str,
        peer_name: &'static str,
        bar: f64,
    ) -> Self {
        let Pair { ours, peer } = pair;
        let (peer, measured, is_floor) = (Some(peer), pair.ratio(), false);
        Self { scenario, n, ours, peer_name, peer, unit, measured, bar, is_floor }
    }

    /// What the first has above the second is held against the bar.
    pub(crate) fn difference(
        scenario: (&'static str, usize),
        pair: Pair,
        unit: &'static str,
        peer_name: &'static str,
        bar: f64,
    ) -> Self {
        let measured = pair.ours - pair.peer;
        Self { measured, ..Self::ratio(scenario, pair, unit, peer_name, bar) }
    }

    /// What is measured is itself held against the bar.
    pub(crate) fn amount(
        (scenario, n): (&'static str, usize),
        ours: f64,
        unit: &'static str,
        bar: f64,
    ) -> Self {
        let (peer_name, peer, measured, is_floor) = ("", None, ours, false);
        Self { scenario, n, ours, peer_name, peer, unit, measured, bar, is_floor }
    }

    /// The same as a floor: what the least that can be done takes, and so whether anything of its
    /// kind could hold the bar. Ours does not fall short where a floor does.
    pub(crate) fn floor(self) -> Self {
        Self { is_floor: true, ..self }
    }
}

/// The runs of each row, in the order in which they first came.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Row>>,
    /// What could not be measured, and why.
    missing: Vec<String>,
    /// What is shown above the table, by name: the latest of each.
    curves: Vec<(&'static str, String)>,
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        let is_it = |of: &&mut Vec<Row>| {
            (of[0].scenario, of[0].n, of[0].peer_name) == (row.scenario, row.n, row.peer_name)
        };
        match self.rows.iter_mut().find(is_it) {
            Some(runs) => runs.push(row),
            None => self.rows.push(vec![row]),
        }
    }

    /// Notes that something was not measured: said below the table, so that nobody takes a table
    /// without it for a whole one.
    pub(crate) fn lacks(&mut self, what: &str, why: &str) {
        let line = format!("*** NOT MEASURED: {what}: {why} ***");
        if !self.missing.contains(&line) {
            self.missing.push(line);
        }
    }

    /// Has a curve shown above the table, in place of an earlier one of that name.
    pub(crate) fn show(&mut self, name: &'static str, curve: String) {
        self.curves.retain(|(other, _)| *other != name);
        self.curves.push((name, curve));
    }

    /// Prints the median of each row's runs. Whether all bars hold; a small run in a debug build
    /// says nothing of them.
    pub(crate) fn print(&self, full: bool) -> bool {
        for (name, curve) in &self.curves {
            println!("{name}\n{curve}");
        }
        println!(
            "| {:<42} | {:>9} | {:>9} | {:<28} | {:>9} | {:<12} | {:>8} | {:>7} | {:<12} |",
            "scenario", "N", "ours", "peer", "peer's", "unit", "measured", "bar", "verdict"
        );
        println!("|{}|", ["---"; 9].join("|"));
        let mut all_hold = true;
        for runs in &self.rows {
            let of = |part: fn(&Row) -> f64| median(runs.iter().map(part));
            let Row { scenario, n, peer_name, peer, unit, bar, is_floor, .. } = runs[0];
            let measured = of(|row| row.measured);
            let holds = measured <= bar * GRACE;
            all_hold &= holds || is_floor;
            let verdict = match measured <= bar {
                _ if !full => "-",
                _ if is_floor && holds => "within reach",
                _ if is_floor => "out of reach",
                true => "holds",
                false if holds => "holds nearly",
                false => "falls short",
            };
            let ours = number(of(|row| row.ours));
            let peer = peer.map_or(String::new(), |_| number(of(|row| row.peer.unwrap_or(0.0))));
            let (measured, bar) = (number(measured), number(bar));
            println!(
                "| {scenario:<42} | {n:>9} | {ours:>9} | {peer_name:<28} | {peer:>9} | {unit:<12} | {measured:>8} | {bar:>7} | {verdict:<12} |",
            );
        }
        self.missing.iter().for_each(|line| println!("\n{line}"));
        all_hold
    }
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    if value.abs() < 0.1 { format!("{value:.3}") } else { format!("{value:.2}") }
}
