//! The table that all of it ends in.

/// How far a measurement may be beyond its bar before it falls short: machines have moods.
const GRACE: f64 = 1.1;

/// What was measured of one server in one scenario.
pub(crate) struct Row {
    scenario: String,
    n: usize,
    pub(crate) server: &'static str,
    pub(crate) per_second: Option<f64>,
    pub(crate) cpu_us: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) bytes: Option<f64>,
    pub(crate) bars: Vec<Bar>,
}

impl Row {
    pub(crate) fn new(scenario: &str, n: usize, server: &'static str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            n,
            server,
            per_second: None,
            cpu_us: None,
            p50_us: None,
            p99_us: None,
            bytes: None,
            bars: Vec::new(),
        }
    }
}

/// What a measurement is held against.
pub(crate) struct Bar {
    /// What is measured, of whom.
    what: &'static str,
    measured: f64,
    bar: f64,
    is_least: bool,
}

impl Bar {
    pub(crate) fn at_most(what: &'static str, measured: f64, bar: f64) -> Self {
        Self { what, measured, bar, is_least: false }
    }

    pub(crate) fn at_least(what: &'static str, measured: f64, bar: f64) -> Self {
        Self { what, measured, bar, is_least: true }
    }

    /// How many times the bar allows what was measured: below 1 it holds.
    fn excess(&self) -> f64 {
        if self.is_least { self.bar / self.measured } else { self.measured / self.bar }
    }

    fn verdict(&self) -> &'static str {
        match self.excess() {
            excess if excess <= 1.0 => "holds",
            excess if excess <= GRACE => "holds nearly",
            _ => "falls short",
        }
    }
}

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// What could not be measured, and why.
    missing: Vec<String>,
}

impl Table {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Notes that something was not measured: said below the table, so that nobody takes a table
    /// without it for a whole one.
    pub(crate) fn lacks(&mut self, what: &str, why: &str) {
        let line = format!("*** NOT MEASURED: {what}: {why} ***");
        if !self.missing.contains(&line) {
            self.missing.push(line);
        }
    }

    /// Whether all bars hold.
    pub(crate) fn print(&self) -> bool {
        println!(
            "| {:<31} | {:>5} | {:<17} | {:>12} | {:>15} | {:>9} | {:>9} | {:>10} | {:<18} | {:>6} | {:>7} | {:<12} |",
            "scenario",
            "N",
            "server",
            "deliveries/s",
            "CPU us/delivery",
            "p50 us",
            "p99 us",
            "bytes/idle",
            "held against",
            "ratio",
            "bar",
            "verdict"
        );
        println!("|{}|", ["---"; 12].join("|"));
        let mut all_hold = true;
        for row in &self.rows {
            let Row { scenario, n, server, .. } = row;
            let [per_second, p50, p99, bytes] =
                [row.per_second, row.p50_us, row.p99_us, row.bytes].map(|value| number(value, 0));
            let cpu = number(row.cpu_us, 2);
            let mut line = format!(
                "| {scenario:<31} | {n:>5} | {server:<17} | {per_second:>12} | {cpu:>15} | {p50:>9} | {p99:>9} | {bytes:>10} |"
            );
            if row.bars.is_empty() {
                println!("{line} {:<18} | {:>6} | {:>7} | {:<12} |", "", "", "", "");
            }
            for bar in &row.bars {
                let sign = if bar.is_least { ">=" } else { "<=" };
                let limit = format!("{sign} {}", bar.bar);
                let (what, ratio, verdict) = (bar.what, bar.measured, bar.verdict());
                println!("{line} {what:<18} | {ratio:>6.2} | {limit:>7} | {verdict:<12} |");
                all_hold &= bar.excess() <= GRACE;
                // What a row measures stands once.
                line = format!(
                    "| {scenario:<31} | {n:>5} | {server:<17} | {:>12} | {:>15} | {:>9} | {:>9} | {:>10} |",
                    "", "", "", "", ""
                );
            }
        }
        self.missing.iter().for_each(|line| println!("\n{line}"));
        all_hold
    }
}

pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |value| format!("{value:.digits$}"))
}
