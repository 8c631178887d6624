//! What is measured, of whom, and what it is held against.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;
use hdrhistogram::Histogram;

use crate::URIS;
use crate::dial::{Dialect, Stalled};
use crate::fleet::{Fleet, Load};
use crate::machine::Cores;
use crate::server::{SDKS, Server};
use crate::table::{Bar, Row, Table, median};

/// A moderate rate: deliveries a second, of all connections together.
const MODERATE: usize = 20_000;

/// The longest that is told apart: a minute, in ns.
const LONGEST: u64 = 60_000_000_000;

/// How many connections the servers of SDKs are measured with at most: with five times as many,
/// opening them takes longer than all else together.
const MOST_OF_SDKS: usize = 1000;

/// How many connections are opened before memory is looked at for the first time.
const WARM: usize = 50;

/// How measuring goes.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// How long a server is loaded at a time.
    pub(crate) turn: Duration,
    pub(crate) eras: Vec<Era>,
    pub(crate) parts: Vec<Part>,
    pub(crate) is_trial: bool,
}

/// A scenario, by the name that the command line has for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Idle,
    One,
    Burst,
    Merged,
    Paced,
    Stalled,
}

impl Part {
    pub(crate) const ALL: [Self; 6] =
        [Self::Idle, Self::One, Self::Burst, Self::Merged, Self::Paced, Self::Stalled];

    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::One => "one",
            Self::Burst => "burst",
            Self::Merged => "merged",
            Self::Paced => "paced",
            Self::Stalled => "stalled",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Listen,
    Get,
}

impl Era {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "listen" => Some(Self::Listen),
            "get" => Some(Self::Get),
            _ => None,
        }
    }

    fn dialect(self) -> Dialect {
        match self {
            Self::Listen => Dialect::Listen,
            Self::Get => Dialect::Get,
        }
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listen => "listen",
            Self::Get => "legacy GET",
        })
    }
}

/// A server, and the streams that are open on it.
struct Party {
    server: Server,
    fleet: Fleet,
}

impl Party {
    /// With how many bytes of memory each connection costs it: as many resources are subscribed to.
    fn open(
        mut server: Server,
        dialect: Dialect,
        n: usize,
        uris: usize,
    ) -> anyhow::Result<(Self, f64)> {
        let mut fleet = Fleet::new()?;
        let warm = WARM.min(n / 2);
        fleet.grow(&server, dialect, warm, uris)?;
        let before = server.own_memory()?;
        fleet.grow(&server, dialect, n, uris)?;
        let bytes = (server.own_memory()? as f64 - before as f64) / (n - warm) as f64;
        if uris == URIS {
            fleet.check(&mut server)?;
        }
        Ok((Self { server, fleet }, bytes))
    }
}

pub(crate) fn measure(
    table: &mut Table,
    plan: &Plan,
    cores: &Cores,
    era: Era,
    n: usize,
) -> anyhow::Result<()> {
    let wants = |part| plan.parts.contains(&part);
    if wants(Part::Idle) {
        idle(table, cores, era, n)?;
    }
    if plan.parts == [Part::Idle] {
        return Ok(());
    }
    let (ours, _) = Party::open(Server::own(cores, "fanfare")?, era.dialect(), n, URIS)?;
    let mut parties = vec![ours];
    match Server::nchan(cores)? {
        Ok(nchan) => parties.push(Party::open(nchan, Dialect::EventSource, n, URIS)?.0),
        Err(why) => table.lacks("nginx with nchan, and the bars against it", &why),
    }
    for sdk in SDKS.iter().filter(|_| n <= MOST_OF_SDKS) {
        let party = Server::sdk(cores, sdk)?.and_then(|server| {
            let opened = Party::open(server, era.dialect(), n, URIS);
            opened.map_err(|error| format!("{error:#}"))
        });
        match party {
            Ok((party, _)) => parties.push(party),
            Err(why) => table.lacks(&format!("{}, {era}", sdk.name), &why),
        }
    }
    let floor = |name| {
        Party::open(Server::own(cores, name)?, Dialect::EventSource, n, URIS).map(|opened| opened.0)
    };
    if wants(Part::One) {
        parties.push(floor("raw write(2) loop")?);
        under_load(table, plan, &format!("{era}, 1 outstanding"), n, &mut parties, 1)?;
        parties.pop();
    }
    if wants(Part::Burst) {
        parties.push(floor("epoll probe")?);
        under_load(table, plan, &format!("{era}, {URIS} outstanding"), n, &mut parties, URIS)?;
        parties.pop();
    }
    if wants(Part::Merged) {
        merged(table, plan, era, n, &mut parties[0])?;
    }
    if wants(Part::Paced) {
        paced(table, plan, era, n, &mut parties)?;
    }
    if wants(Part::Stalled) {
        stalled(table, plan, era, n, &mut parties[0])?;
    }
    Ok(())
}

/// What a connection costs that has one subscription and hears nothing.
fn idle(table: &mut Table, cores: &Cores, era: Era, n: usize) -> anyhow::Result<()> {
    let scenario = format!("{era}, idle");
    let bytes_of = |server, dialect| Party::open(server, dialect, n, 1).map(|opened| opened.1);
    let ours = bytes_of(Server::own(cores, "fanfare")?, era.dialect())?;
    let mut row = Row::new(&scenario, n, "fanfare");
    row.bytes = Some(ours);
    let mut rows = Vec::new();
    for sdk in SDKS.iter().filter(|_| n <= MOST_OF_SDKS) {
        // Why one is lacking is said where it is loaded.
        if let Ok(server) = Server::sdk(cores, sdk)?
            && let Ok(bytes) = bytes_of(server, era.dialect())
        {
            let mut peer = Row::new(&scenario, n, sdk.name);
            peer.bytes = Some(bytes);
            rows.push(peer);
        }
    }
    if let Ok(nchan) = Server::nchan(cores)? {
        let mut peer = Row::new(&scenario, n, nchan.name);
        let bytes = bytes_of(nchan, Dialect::EventSource)?;
        peer.bytes = Some(bytes);
        rows.push(peer);
        // Of few connections the pages are seen rather than they.
        if n >= 5000 {
            row.bars.push(Bar::at_most("bytes of nchan's", ours / bytes, 1.0));
        }
    }
    table.add(row);
    rows.into_iter().for_each(|row| table.add(row));
    Ok(())
}

fn under_load(
    table: &mut Table,
    plan: &Plan,
    scenario: &str,
    n: usize,
    parties: &mut [Party],
    outstanding: usize,
) -> anyhow::Result<()> {
    let mut loads: Vec<Vec<Load>> = vec![Vec::new(); parties.len()];
    // Once for nothing: caches, and memory that is asked for the first time.
    for round in 0..=plan.rounds {
        for (party, loads) in parties.iter_mut().zip(&mut loads) {
            let load = party.fleet.load(&mut party.server, outstanding, plan.turn)?;
            if round > 0 {
                loads.push(load);
            }
        }
    }
    for (party, of) in parties.iter().zip(&loads) {
        let mut row = Row::new(scenario, n, party.server.name);
        row.per_second = Some(median(of.iter().map(|load| load.per_second)));
        row.cpu_us = Some(median(of.iter().map(|load| load.cpu_us)));
        if row.server == "fanfare" {
            for (peer, theirs) in parties.iter().zip(&loads) {
                let ratio = |part: fn(&Load) -> f64| {
                    median(of.iter().zip(theirs).map(|(ours, peer)| part(ours) / part(peer)))
                };
                let (cpu, rate) = (|load: &Load| load.cpu_us, |load: &Load| load.per_second);
                let bar = match (peer.server.name, outstanding) {
                    ("nginx with nchan", 1) => Bar::at_most("CPU of nchan's", ratio(cpu), 1.0),
                    ("raw write(2) loop", 1) => Bar::at_most("CPU of the loop's", ratio(cpu), 1.3),
                    ("nginx with nchan", _) => Bar::at_least("rate of nchan's", ratio(rate), 8.0),
                    ("epoll probe", _) => Bar::at_most("CPU of the probe's", ratio(cpu), 2.0),
                    _ => continue,
                };
                row.bars.push(bar);
            }
        }
        table.add(row);
    }
    Ok(())
}

/// How often each hears of one thing that was raised many times at once.
fn merged(
    table: &mut Table,
    plan: &Plan,
    era: Era,
    n: usize,
    ours: &mut Party,
) -> anyhow::Result<()> {
    let Party { server, fleet } = ours;
    // A raiser that shares its processor with the writer may be put off in the middle, and then
    // what it raises later is news.
    let rounds: Result<Vec<_>, _> = (0..=plan.rounds).map(|_| fleet.merged(server)).collect();
    let mut row = Row::new(&format!("{era}, {URIS} raises of one"), n, server.name);
    row.bars.push(Bar::at_most("deliveries of it", median(rounds?.into_iter()), 1.0));
    table.add(row);
    Ok(())
}

/// How long a delivery takes at a moderate rate.
fn paced(
    table: &mut Table,
    plan: &Plan,
    era: Era,
    n: usize,
    parties: &mut [Party],
) -> anyhow::Result<()> {
    let mut quantiles: Vec<Vec<[f64; 2]>> = vec![Vec::new(); parties.len()];
    for round in 0..=plan.rounds {
        for (party, of) in parties.iter_mut().zip(&mut quantiles) {
            let mut took = Histogram::new_with_bounds(1, LONGEST, 3)?;
            let turn = plan.turn * 3;
            party.fleet.paced(&mut party.server, MODERATE, turn, &mut took, |_| Ok(()))?;
            if round > 0 {
                of.push([0.5, 0.99].map(|q| took.value_at_quantile(q) as f64 / 1e3));
            }
        }
    }
    for (party, of) in parties.iter().zip(&quantiles) {
        let mut row = Row::new(&format!("{era}, {MODERATE} a second"), n, party.server.name);
        row.p50_us = Some(median(of.iter().map(|[p50, _]| *p50)));
        row.p99_us = Some(median(of.iter().map(|[_, p99]| *p99)));
        let nchan = parties.iter().position(|party| party.server.name == "nginx with nchan");
        if row.server == "fanfare"
            && let Some(at) = nchan
        {
            let pairs = of.iter().zip(&quantiles[at]);
            let ratio = median(pairs.map(|(ours, nchan)| ours[1] / nchan[1]));
            row.bars.push(Bar::at_most("p99 of nchan's", ratio, 1.0));
        }
        table.add(row);
    }
    Ok(())
}

/// How much longer a delivery takes while somebody else does not read, and what is said to them
/// overflows.
fn stalled(
    table: &mut Table,
    plan: &Plan,
    era: Era,
    n: usize,
    ours: &mut Party,
) -> anyhow::Result<()> {
    let Party { server, fleet } = ours;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..2 * plan.rounds {
        // Each comes first as often as the other.
        for is_beside in [round % 2 == 0, round % 2 != 0] {
            let reader =
                is_beside.then(|| Stalled::open(server.address, server.path)).transpose()?;
            let before = if is_beside { server.fill()? } else { 0 };
            let (mut spilled, mut took) = (0, Histogram::new_with_bounds(1, LONGEST, 3)?);
            // What came before is felt for a while: so that is passed over, of both alike.
            for turn in [plan.turn * 2, plan.turn * 3] {
                took.reset();
                fleet.paced(server, MODERATE, turn, &mut took, |server| {
                    spilled += u64::from(is_beside);
                    if is_beside { server.spill() } else { Ok(()) }
                })?;
            }
            if let Some(reader) = reader {
                let dropped = server.dropped()? - before;
                ensure!(dropped == spilled, "{dropped} of {spilled} did not fit: it has read");
                reader.close()?;
            }
            let of = if is_beside { &mut beside } else { &mut alone };
            of.push([0.5, 0.99].map(|q| took.value_at_quantile(q) as f64 / 1e3));
        }
    }
    let mut row = Row::new(&format!("{era}, one reader stalled"), n, server.name);
    row.p50_us = Some(median(beside.iter().map(|[p50, _]| *p50)));
    row.p99_us = Some(median(beside.iter().map(|[_, p99]| *p99)));
    let ratio = median(beside.iter().zip(&alone).map(|(beside, alone)| beside[1] / alone[1]));
    row.bars.push(Bar::at_most("p99 without it", ratio, 1.2));
    table.add(row);
    Ok(())
}
