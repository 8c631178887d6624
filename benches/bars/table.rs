//! The table that the bars end in.

use crate::measure::median;

/// How far a measurement may be above its bar before it falls short: machines have moods.
const GRACE: f64 = 1.1;

/// One measurement of one bar.
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) n: usize,
    /// What ours took, in the unit of the row.
    pub(crate) ours: f64,
    pub(crate) peer_name: &'static str,
    pub(crate) peer: f64,
    pub(crate) unit: &'static str,
    /// What is held against the bar: a ratio, a difference, a size.
    pub(crate) measured: f64,
    pub(crate) bar: f64,
}

/// The runs of each row, in the order in which they first came.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Row>>,
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

    /// Prints the median of each row's runs. Whether all bars hold; a small run in a debug build
    /// says nothing of them.
    pub(crate) fn print(&self, full: bool) -> bool {
        println!(
            "| {:<42} | {:>9} | {:>9} | {:<28} | {:>9} | {:<12} | {:>8} | {:>6} | {:<11} |",
            "scenario", "N", "ours", "peer", "peer's", "unit", "measured", "bar", "verdict"
        );
        println!("|{}|", ["---"; 9].join("|"));
        let mut all_hold = true;
        for runs in &self.rows {
            let of = |part: fn(&Row) -> f64| median(runs.iter().map(part));
            let Row { scenario, n, peer_name, unit, bar, .. } = runs[0];
            let measured = of(|row| row.measured);
            let holds = measured <= bar * GRACE;
            all_hold &= holds;
            let verdict = match measured <= bar {
                _ if !full => "-",
                true => "holds",
                false if holds => "holds nearly",
                false => "falls short",
            };
            println!(
                "| {scenario:<42} | {n:>9} | {:>9.2} | {peer_name:<28} | {:>9.2} | {unit:<12} | {measured:>8.2} | {bar:>6.2} | {verdict:<11} |",
                of(|row| row.ours),
                of(|row| row.peer)
            );
        }
        all_hold
    }
}
