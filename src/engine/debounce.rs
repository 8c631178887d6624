//! Debounce, per kind of notice: the first raising of a topic goes out at once; those that come
//! within the interval after it wait for its end, and go out as one. So there is at most one per
//! interval, the last one is never lost, and none waits for longer than the interval.
//!
//! Invariant: a topic has an entry here, and one timer, exactly while its interval runs.

use std::collections::HashMap;

use crate::engine::Core;
use crate::engine::timer::Due;
use crate::params::{SessionId, Target};
use crate::protocol::kind::NoticeKind;

/// A topic by kind and URI: it may lose its last link, and its index, while it waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    kind: NoticeKind,
    uri: Box<str>,
}

/// The topics whose interval runs, with what waits for its end.
#[derive(Debug, Default)]
pub(crate) struct Debounce {
    pub(super) running: HashMap<Key, Vec<Waiting>>,
}

/// A raising that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    target: OwnedTarget,
    /// The members of its context.
    context: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OwnedTarget {
    All,
    Session(SessionId),
    Except(SessionId),
    Principal(Box<str>),
}

impl OwnedTarget {
    fn of(target: Target<'_>) -> Self {
        match target {
            Target::All => Self::All,
            Target::Session(session) | Target::Request(session, _) => Self::Session(session),
            Target::Except(session) => Self::Except(session),
            Target::Principal(name) => Self::Principal(name.into()),
        }
    }

    fn lend(&self) -> Target<'_> {
        match self {
            Self::All => Target::All,
            Self::Session(session) => Target::Session(*session),
            Self::Except(session) => Target::Except(*session),
            Self::Principal(name) => Target::Principal(name),
        }
    }
}

/// How many raisings of a topic may wait side by side, because they differ in their target. One
/// more, and all of them go out early.
const MOST_WAITING: usize = 16;

impl Core {
    /// Whether the raising has to wait, and does so now. If not, the interval begins with it.
    pub(crate) fn debounce(
        &mut self,
        kind: NoticeKind,
        uri: &str,
        target: Target<'_>,
        context: &Option<Box<str>>,
    ) -> bool {
        if self.config.debounce_ms(kind) == 0 {
            return false;
        }
        let key = Key { kind, uri: uri.into() };
        let Some(waiting) = self.debounce.running.get_mut(&key) else {
            self.begin_interval(key);
            return false;
        };
        let target = OwnedTarget::of(target);
        let context = context.clone();
        // The latest raising for the same target stands for all of them.
        waiting.retain(|it| it.target != target);
        waiting.push(Waiting { target, context });
        if waiting.len() > MOST_WAITING {
            let all = std::mem::take(waiting);
            self.raise_waiting(&key, all);
        }
        true
    }

    fn begin_interval(&mut self, key: Key) {
        let interval_ms = u64::from(self.config.debounce_ms(key.kind));
        self.timers.set(self.now_ms.saturating_add(interval_ms), Due::Debounce(key.clone()));
        self.debounce.running.insert(key, Vec::new());
    }

    /// The interval of a topic is over: what waited goes out, and another one begins with it.
    pub(crate) fn end_interval(&mut self, key: Key) {
        let Some(waiting) = self.debounce.running.remove(&key) else { return };
        if !waiting.is_empty() {
            self.raise_waiting(&key, waiting);
            self.begin_interval(key);
        }
    }

    fn raise_waiting(&mut self, key: &Key, waiting: Vec<Waiting>) {
        for Waiting { target, context } in waiting {
            // A session that has gone meanwhile needs to hear nothing.
            if let Ok(audience) = self.audience(target.lend()) {
                // Raising one may have let it go.
                let topic = self.topics.intern(key.kind, &key.uri);
                self.raise_now(topic, &key.uri, audience, context);
            }
        }
    }
}
