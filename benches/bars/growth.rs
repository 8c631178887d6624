//! How cost grows with what is there: bars 1 and 5 while the population doubles ten times.
//!
//! What is wanted is that a delivery costs the same whatever the number of links, and a raise to ten
//! holders the same whatever the number of sessions and topics. Memory does not give that to
//! anybody: a population that fits into no cache costs more to visit. So beside each stands the
//! least that can be done with as many, which grows by nothing but that; and what is held against
//! the bar is by how much faster ours grows: the difference of the exponents that fit best
//! (`cost = a * N^e`, least squares of the logarithms). A rule for the exponent itself would favour
//! what is slow: the same nanoseconds of memory are a smaller part of it. This one is lenient with
//! what is slow too, and sharp once ours is near the least, as bars 1 and 5 want it.

use std::hint::black_box;

use fanfare::Framing;

use crate::crowd::Crowd;
use crate::lookup;
use crate::measure::{Pair, in_turn};
use crate::table::{Row, Table};

/// How much faster than the least ours may grow. A search in a tree takes twice as long in a million
/// as in a thousand, which is an exponent of 0.1.
const MARGIN: f64 = 0.05;
const ROUNDS: usize = 3;

/// A record of a cache line for each receiver.
#[repr(align(64))]
#[derive(Clone, Copy, Default)]
struct Record {
    is_pending: bool,
    delivered: u32,
}

/// Bar 12.
pub(crate) fn growth(table: &mut Table, from: usize, doublings: usize) {
    let sizes: Vec<_> = (0..=doublings).map(|k| from << k).collect();
    let deliveries: Vec<_> = sizes.iter().map(|&n| (n, deliver(n))).collect();
    let raises: Vec<_> = sizes.iter().map(|&n| (n, lookup::ten_holders(n, ROUNDS))).collect();
    let mut curve = format!(
        "| {:>9} | {:>13} | {:>15} | {:>14} | {:>15} |\n|{}|\n",
        "N",
        "ns a delivery",
        "records in turn",
        "ns to reach 10",
        "ten ring writes",
        ["---"; 5].join("|")
    );
    for ((n, delivery), (_, raise)) in deliveries.iter().zip(&raises) {
        curve += &format!(
            "| {n:>9} | {:>13.1} | {:>15.1} | {:>14.1} | {:>15.1} |\n",
            delivery.ours, delivery.peer, raise.ours, raise.peer
        );
    }
    let largest = from << doublings;
    for (scenario, peer, points) in [
        ("growth of a delivery, all hold one topic", "records of 64 bytes in turn", deliveries),
        ("growth of a raise to ten holders", "a lookup and ten ring writes", raises),
    ] {
        let fit = Pair {
            ours: exponent(points.iter().map(|&(n, pair)| (n, pair.ours))),
            peer: exponent(points.iter().map(|&(n, pair)| (n, pair.peer))),
        };
        curve += &format!("{scenario}: N^{:.3}; {peer}: N^{:.3}\n", fit.ours, fit.peer);
        table.add(Row::difference((scenario, largest), fit, "exponent", peer, MARGIN));
    }
    table.show("How cost grows", curve);
}

/// Bar 1, fresh, beside one record for each receiver that is marked, and then read and cleared.
fn deliver(n: usize) -> Pair {
    let mut crowd = Crowd::new(n, Framing::Json);
    let mut records = vec![Record::default(); n];
    let mut bare = || {
        records.iter_mut().for_each(|record| record.is_pending = true);
        black_box(&mut records);
        for record in &mut records {
            record.delivered += u32::from(std::mem::take(&mut record.is_pending));
        }
        black_box(&mut records);
    };
    in_turn(ROUNDS, n, &mut || crowd.round(), &mut bare)
}

/// The e of the `a * N^e` that is nearest to the points.
fn exponent(points: impl Iterator<Item = (usize, f64)>) -> f64 {
    let logs: Vec<_> = points.map(|(n, cost)| ((n as f64).ln(), cost.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let slope =
        |part: fn(f64, f64) -> f64| logs.iter().map(|p| part(p.0 - x, p.1 - y)).sum::<f64>();
    slope(|dx, dy| dx * dy) / slope(|dx, _| dx * dx)
}
