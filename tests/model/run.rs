//! One sequence, step by step: the engine and the reference do the same, and whatever can be seen
//! of the engine is what the reference says.

use super::engine_side::World;
use super::ledger::Ledger;
use super::ops::Op;
use super::reference::Model;
use super::script;
use super::words::{Command, Setup};

/// A sequence that ran, as far as it did.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The lines for `fanfare drive`.
    pub(crate) lines: Vec<String>,
}

impl Run {
    /// Does a sequence. The error says where the engine and the reference part.
    pub(crate) fn follow(&mut self, setup: &Setup, ops: &[Op]) -> Result<(), String> {
        let mut pair = Pair {
            model: Model::new(*setup),
            world: World::new(setup),
            ledger: Ledger::default(),
        };
        for op in ops {
            if let Some(command) = op.resolve(&pair.model) {
                self.step(&mut pair, &command)?;
            }
        }
        // At last everybody reads, and what was held back comes.
        for s in 0..pair.model.sessions.len() {
            if pair.model.sessions[s].is_paused {
                self.step(&mut pair, &Command::Resume { session: s })?;
            }
        }
        let all = Command::Drain { session: None, stream: None, max: usize::MAX };
        for _ in 0..2 {
            self.step(&mut pair, &all)?;
            self.step(&mut pair, &Command::Advance { ms: 1000 })?;
        }
        self.step(&mut pair, &all)?;
        pair.ledger.settle(&pair.model)
    }

    fn step(&mut self, pair: &mut Pair, command: &Command) -> Result<(), String> {
        self.lines.push(script::line(command, pair.model.sessions.len()));
        pair.step(command).map_err(|why| format!("step {}: {why}", self.lines.len()))
    }
}

struct Pair {
    model: Model,
    world: World,
    ledger: Ledger,
}

impl Pair {
    fn step(&mut self, command: &Command) -> Result<(), String> {
        if let &Command::Drain { session, stream, max } = command {
            let seen = self.world.drain(session, stream, max);
            for frame in seen.iter().flatten() {
                self.ledger.see(frame)?;
            }
            self.model.drained(session, stream, max, &seen)?;
        } else {
            self.ledger.before(&mut self.model, command);
            let got = self.world.perform(command);
            let expected = self.model.perform(command);
            same("the outcome", &got, &expected)?;
            self.ledger.after(&self.model, command);
        }
        let mut expected = std::mem::take(&mut self.model.news);
        let mut got = self.world.take_news();
        expected.sort_by_key(|news| format!("{news:?}"));
        got.sort_by_key(|news| format!("{news:?}"));
        same("what the host is told", &got, &expected)?;
        same("the engine's numbers", &self.world.gauges(), &self.model.gauges())?;
        for (s, session) in self.model.sessions.iter().enumerate() {
            let is_gone = session.life == super::reference::Life::Gone;
            let expected = (!is_gone).then(|| session.gauges());
            same(&format!("the numbers of s{s}"), &self.world.session_gauges(s), &expected)?;
        }
        same("who has output", &self.world.ready(), &self.model.ready())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: got {got:?}, expected {expected:?}")) }
}
