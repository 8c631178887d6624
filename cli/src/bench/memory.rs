//! What the process occupies, from the kernel's own account.
//!
//! Counting in a global allocator would be more exact and would miss what counts: the allocator's
//! own overhead, and pages that are held though not all of them is used.

/// Resident memory at one moment, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resident(u64);

impl Resident {
    /// What is resident now; none where there is no `/proc`.
    pub(super) fn now() -> Option<Self> {
        // The roll-up counts pages; status is quicker, and may be off by some dozen of them.
        Self::read("/proc/self/smaps_rollup", "Rss:")
            .or_else(|| Self::read("/proc/self/status", "VmRSS:"))
    }

    fn read(file: &str, name: &str) -> Option<Self> {
        let text = std::fs::read_to_string(file).ok()?;
        let row = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = row.split_whitespace().next()?.parse().ok()?;
        Some(Self(kib * 1024))
    }

    /// How much more is resident now.
    pub(super) fn growth(self) -> Option<u64> {
        Some(Self::now()?.0.saturating_sub(self.0))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_written_is_resident() {
        let before = Resident::now().expect("Linux has /proc");
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let grown = before.growth().expect("Linux has /proc");
        assert!((64 << 20..96 << 20).contains(&grown), "{grown} bytes for {}", block.len());
    }
}
