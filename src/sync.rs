//! The primitives that threads meet at: the standard library's, or those of a model checker that
//! tries every way in which the threads of a test can interleave (`make loom`).

#[cfg(not(all(test, fanfare_loom)))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, fence},
};
#[cfg(not(all(test, fanfare_loom)))]
pub(crate) use std::thread_local;

#[cfg(all(test, fanfare_loom))]
pub(crate) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, fence},
};
#[cfg(all(test, fanfare_loom))]
pub(crate) use loom::thread_local;
