//! An allocator that keeps account of what is out.

#![expect(unsafe_code, reason = "what is allocated is counted by an allocator, an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

/// Bytes that are allocated now.
static ALLOCATED: AtomicIsize = AtomicIsize::new(0);

/// The system's allocator, with an account of what is out.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came, and its answer comes back as it
// is; the account on the side touches no memory that was handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let grown = size.cast_signed() - layout.size().cast_signed();
        ALLOCATED.fetch_add(grown, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are allocated now, by all of the process.
pub(crate) fn allocated() -> f64 {
    ALLOCATED.load(Ordering::Relaxed) as f64
}
