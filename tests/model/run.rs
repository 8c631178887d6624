//! One sequence, step by step: the engine and the reference do the same, and whatever can be seen
//! of the engine is what the reference says.

use std::fmt::Debug;

use fanfare::Revision;

use super::engine_side::World;
use super::ledger::Ledger;
use super::ops::Op;
use super::queue::Seen;
use super::reference::{Model, Outcome};
use super::script;
use super::state::{Life, News};
use super::words::{Command, Setup};

/// Whoever watches a sequence.
pub(crate) trait Watch {
    /// A sequence begins.
    fn start(&mut self) {}

    /// A line for `fanfare drive` is about to be done.
    fn line(&mut self, _line: &str) {}

    /// A frame of a session of that revision, or of none, has come out.
    fn frame(&mut self, _revision: Option<Revision>, _seen: &Seen) -> Result<(), String> {
        Ok(())
    }

    /// A command has come to this.
    fn outcome(&mut self, _outcome: &Outcome) {}

    /// The host was told that.
    fn news(&mut self, _news: &News) {}
}

/// Does a sequence. The error says where the engine and the reference part.
pub(crate) fn follow(setup: &Setup, ops: &[Op], watch: &mut dyn Watch) -> Result<(), String> {
    let mut pair =
        Pair { model: Model::new(*setup), world: World::new(setup), ledger: Ledger::default() };
    watch.start();
    let mut lines = 0;
    let mut step = |pair: &mut Pair, command: &Command| {
        lines += 1;
        watch.line(&script::line(command, pair.model.sessions.len()));
        pair.step(command, watch).map_err(|why| format!("line {lines}: {why}"))
    };
    for op in ops {
        if let Some(command) = op.resolve(&mut pair.model) {
            step(&mut pair, &command)?;
        }
    }
    for command in epilogue(&pair.model) {
        step(&mut pair, &command)?;
    }
    pair.ledger.settle(&pair.model)
}

/// At last everybody reads everything, and what was held back comes.
pub(crate) fn epilogue(model: &Model) -> Vec<Command> {
    let paused = (0..model.sessions.len()).filter(|&s| {
        let session = &model.sessions[s];
        session.is_paused && session.life != Life::Gone
    });
    let mut commands: Vec<Command> = paused.map(|session| Command::Resume { session }).collect();
    let drain = Command::Drain { session: None, stream: None, max: usize::MAX };
    commands.extend([drain.clone(), Command::Advance { ms: 1000 }, drain]);
    commands
}

struct Pair {
    model: Model,
    world: World,
    ledger: Ledger,
}

impl Pair {
    fn step(&mut self, command: &Command, watch: &mut dyn Watch) -> Result<(), String> {
        if let &Command::Drain { session, stream, max } = command {
            let seen = self.world.drain(session, stream, max);
            for frame in seen.iter().flatten() {
                watch.frame(self.model.sessions[frame.session].revision(), frame)?;
                self.ledger.see(&self.model, frame)?;
            }
            self.model.drained(session, stream, max, &seen)?;
        } else {
            self.ledger.before(&mut self.model, command);
            let got = self.world.perform(command);
            watch.outcome(&got);
            same("the outcome", &got, &self.model.perform(command))?;
            self.ledger.after(&self.model);
        }
        self.compare(watch)
    }

    /// Everything that can be asked without taking a frame out.
    fn compare(&mut self, watch: &mut dyn Watch) -> Result<(), String> {
        let (mut got, mut expected) =
            (self.world.take_news(), std::mem::take(&mut self.model.news));
        got.iter().for_each(|news| watch.news(news));
        // Who ends with one call ends in no order.
        got.sort_by_key(News::session);
        expected.sort_by_key(News::session);
        same("what the host is told", &got, &expected)?;
        same("the engine's numbers", &self.world.gauges(), &self.model.gauges())?;
        for (s, session) in self.model.sessions.iter().enumerate() {
            let is_there = session.life != Life::Gone;
            let expected = is_there.then(|| session.gauges());
            same(&format!("the numbers of s{s}"), &self.world.session_gauges(s), &expected)?;
            let expected = if is_there { session.revision() } else { None };
            same(&format!("the revision of s{s}"), &self.world.revision(s), &expected)?;
        }
        same("who has output", &self.world.ready(), &self.model.ready())?;
        // The engine may look for something to do too early, never too late.
        let next_ms = self.model.dues.iter().map(|(due_ms, _)| *due_ms).min();
        let told_ms = self.world.engine.next_deadline_ms();
        let is_in_time = next_ms.is_none_or(|next| told_ms.is_some_and(|told| told <= next));
        same("whether the next deadline is in time", &is_in_time, &true)
    }
}

fn same<T: PartialEq + Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}:\ngot      {got:?}\nexpected {expected:?}"))
}
