//! The fan-out beside its peers, for one number of sessions after the other.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use indicatif::ProgressBar;
use serde_json::json;

use super::peers::{Fanfare, Means, OURS, PEERS};

/// How often each is measured; the median counts.
const ROUNDS: usize = 7;

/// How long a round takes at least, if nothing is said of messages.
const ROUND: Duration = Duration::from_millis(10);

/// One of those that were measured.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: &'static str,
    /// Sessions, rising, and the ns of a delivery to one of them.
    pub(super) points: Vec<(u32, f64)>,
}

/// What was measured: ours first.
#[derive(Debug)]
pub(super) struct Comparison(pub(super) Vec<Series>);

impl Comparison {
    /// Measures with each of these numbers of sessions, and that many messages a round.
    pub(super) fn measure(sessions: &[u32], messages: Option<u64>) -> anyhow::Result<Self> {
        let mut sessions = sessions.to_vec();
        sessions.sort_unstable();
        sessions.dedup();
        let names = std::iter::once(OURS).chain(PEERS.iter().map(|(name, _)| *name));
        let mut series: Vec<_> = names.map(|name| Series { name, points: Vec::new() }).collect();
        let bar = super::bar((sessions.len() * PEERS.len() * ROUNDS) as u64, "rounds");
        for count in sessions {
            let times = in_turn(count as usize, messages, &bar)
                .with_context(|| format!("with {count} sessions"))?;
            for (series, ns) in series.iter_mut().zip(times) {
                series.points.push((count, ns));
            }
        }
        bar.finish_and_clear();
        Ok(Self(series))
    }

    /// One JSON object, on one line.
    pub(super) fn json(&self) -> String {
        let point =
            |&(sessions, ns): &(u32, f64)| json!({ "sessions": sessions, "ns_per_delivery": ns });
        let series = |series: &Series| {
            let points: Vec<_> = series.points.iter().map(point).collect();
            json!({ "name": series.name, "points": points })
        };
        let series: Vec<_> = self.0.iter().map(series).collect();
        json!({ "scenario": "fanout", "via": "engine", "series": series }).to_string()
    }

    /// A table for a person.
    pub(super) fn text(&self) -> String {
        let mut out = "ns per delivery\n  sessions".to_owned();
        let mut put =
            |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("a String takes all");
        for Series { name, .. } in &self.0 {
            put(format_args!("  {name:>8}"));
        }
        put(format_args!("\n"));
        for (row, (sessions, _)) in self.0[0].points.iter().enumerate() {
            put(format_args!("{sessions:>10}"));
            for Series { name, points } in &self.0 {
                put(format_args!("  {:>width$.1}", points[row].1, width = name.len().max(8)));
            }
            put(format_args!("\n"));
        }
        out
    }
}

/// The ns of a delivery by each, ours first, in the order of [`PEERS`]. Each peer takes turns with
/// ours, so that a machine that slows down slows both; only one of them is in memory at a time.
fn in_turn(count: usize, messages: Option<u64>, bar: &ProgressBar) -> anyhow::Result<Vec<f64>> {
    let mut ours = Fanfare::new(count).context("opening sessions")?;
    let mut our_times = Vec::new();
    let mut medians = vec![0.0];
    for (name, open) in &PEERS {
        let mut peer = open(count).context(*name)?;
        // Once for nothing: buffers grow, and memory is asked for.
        ours.round()?;
        peer.round().context(*name)?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            our_times.push(time(&mut ours, count, messages).context(OURS)?);
            times.push(time(peer.as_mut(), count, messages).context(*name)?);
            bar.inc(1);
        }
        medians.push(median(times));
    }
    medians[0] = median(our_times);
    Ok(medians)
}

/// The ns of a delivery in one round.
fn time(means: &mut dyn Means, count: usize, messages: Option<u64>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut sent = 0;
    loop {
        let delivered = means.round()?;
        ensure!(delivered == count, "{delivered} of {count} deliveries were made");
        sent += 1;
        let taken = begun.elapsed();
        if messages.map_or(taken >= ROUND, |messages| sent >= messages) {
            return Ok(taken.as_nanos() as f64 / (sent as f64 * count as f64));
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it is asked for, and reaches one too few when told to.
    struct Counting {
        rounds: u64,
        reach: usize,
    }

    impl Means for Counting {
        fn round(&mut self) -> anyhow::Result<usize> {
            self.rounds += 1;
            Ok(self.reach)
        }
    }

    #[test]
    fn as_many_messages_are_sent_as_were_asked_for_and_a_lost_one_is_an_error() {
        let mut means = Counting { rounds: 0, reach: 5 };
        assert!(time(&mut means, 5, Some(12)).unwrap() > 0.0);
        assert_eq!(means.rounds, 12);
        let error = time(&mut means, 6, Some(1)).unwrap_err();
        assert_eq!(error.to_string(), "5 of 6 deliveries were made");
    }

    #[test]
    fn the_table_has_a_row_for_each_number_of_sessions() {
        let series = |name, ns| Series { name, points: vec![(10, ns), (2000, 2.0 * ns)] };
        let text = Comparison(vec![series(OURS, 1.25), series("a channel", 40.0)]).text();
        let rows: Vec<Vec<&str>> =
            text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows, [["10", "1.2", "40.0"], ["2000", "2.5", "80.0"]], "{text}");
        assert!(text.lines().skip(1).all(|line| line.len() == 10 + 10 + 11), "{text}");
    }
}
