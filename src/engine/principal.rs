//! Who the sessions belong to.
//!
//! Invariant: a session of a principal stands at its `principal_pos`; a principal without a
//! session is forgotten.

use std::collections::HashMap;

/// The principals, and the sessions of each.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    pub(super) names: HashMap<Box<str>, u32>,
    pub(super) members: Vec<(Box<str>, Vec<u32>)>,
    /// How many subscriptions the sessions of each hold.
    pub(super) held: Vec<u64>,
    free: Vec<u32>,
}

impl Principals {
    /// Yields the principal, and the session's place among its own.
    pub(super) fn join(&mut self, name: &str, session: u32) -> (u32, u32) {
        let of = match self.names.get(name) {
            Some(&of) => of,
            None => {
                let of = self.free.pop().unwrap_or_else(|| {
                    self.members.push(("".into(), Vec::new()));
                    self.held.push(0);
                    self.members.len() as u32 - 1
                });
                self.members[of as usize].0 = name.into();
                self.names.insert(name.into(), of);
                of
            }
        };
        let members = &mut self.members[of as usize].1;
        members.push(session);
        (of, members.len() as u32 - 1)
    }

    /// Yields the session that took the place of the one that left.
    pub(super) fn leave(&mut self, of: u32, pos: u32) -> Option<u32> {
        let (name, members) = &mut self.members[of as usize];
        members.swap_remove(pos as usize);
        let moved = members.get(pos as usize).copied();
        if members.is_empty() {
            self.names.remove(name);
            self.free.push(of);
        }
        moved
    }

    /// The name of a principal, if it is one.
    pub(crate) fn name(&self, of: u32) -> Option<&str> {
        self.members.get(of as usize).map(|(name, _)| &**name)
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// How many subscriptions the sessions of a principal hold.
    pub(crate) fn held(&self, of: u32) -> u64 {
        self.held[of as usize]
    }

    pub(crate) fn held_mut(&mut self, of: u32) -> &mut u64 {
        &mut self.held[of as usize]
    }

    pub(crate) fn sessions(&self, name: &str) -> &[u32] {
        self.names.get(name).map_or(&[], |&of| &self.members[of as usize].1)
    }
}
