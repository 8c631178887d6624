//! Versions, and what the next may do that the last has promised not to.

use std::fmt;

use super::support::root;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    pub(crate) fn read(text: &str) -> Self {
        let mut parts = text.split('.').map(|part| part.parse().expect("a version has numbers"));
        let mut next = || parts.next().expect("a version has three parts");
        let version = Self { major: next(), minor: next(), patch: next() };
        assert!(parts.next().is_none(), "{text} has more than three parts");
        version
    }

    /// Whether programs that were made for `released` need not work with this one any more: a
    /// greater major version, and before 1.0 a greater minor one.
    pub(crate) fn may_break(self, released: Self) -> bool {
        self.major > released.major
            || self.major == 0 && released.major == 0 && self.minor > released.minor
    }

    /// Whether the changelog has a chapter for it.
    pub(crate) fn is_released(self) -> bool {
        let changelog =
            std::fs::read_to_string(root().join("CHANGELOG.md")).expect("it is committed");
        changelog.lines().any(|line| {
            let name = line.strip_prefix("## ").and_then(|rest| rest.split_whitespace().next());
            name.is_some_and(|name| name.trim_matches(['[', ']']) == self.to_string())
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[test]
fn what_the_numbers_allow() {
    let may_break = |new, old| Version::read(new).may_break(Version::read(old));
    assert!(!may_break("0.1.0", "0.1.0"));
    assert!(!may_break("0.1.9", "0.1.0"));
    assert!(may_break("0.2.0", "0.1.9"));
    assert!(may_break("1.0.0", "0.9.0"));
    assert!(!may_break("1.3.0", "1.2.9"));
    assert!(may_break("2.0.0", "1.9.0"));
}
