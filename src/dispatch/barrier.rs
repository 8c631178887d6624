//! A fence that costs nothing on one side: whoever passes there often has only the compiler keep its
//! order, and whoever passes on the other side, seldom, has every processor that runs a thread of
//! this process pass a real fence.
//!
//! Two threads that each write one thing and then read what the other writes have to pass a fence
//! between the two, or both may read what was there before. With [`light`] on one side and
//! [`heavy`] on the other at least one reads what the other wrote, as with a sequentially consistent
//! fence on both: for the processor of the first thread the fence of the second stands somewhere
//! between two of its instructions, and as the compiler keeps the order of the write and the read,
//! either the write is seen by the second thread or the read comes after what that has written.
//!
//! Linux does that since 4.14 (`membarrier`). Where there is none, or a sandbox forbids it, both
//! sides pass a fence; so they do for the model checker, which knows nothing of processors. Which of
//! the two it is is found out once, before the first fence.

#[cfg(all(test, fanfare_loom))]
pub(crate) use model::{Fence, heavy};
#[cfg(not(all(test, fanfare_loom)))]
pub(crate) use own::{Fence, heavy};

#[cfg(not(all(test, fanfare_loom)))]
mod own {
    use std::sync::OnceLock;
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{compiler_fence, fence};

    /// The side of who passes often. Asked for once, before the first of many.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Fence {
        is_light: bool,
    }

    impl Fence {
        pub(crate) fn find() -> Self {
            Self { is_light: is_asymmetric() }
        }

        /// Between its write and its read.
        #[inline(always)]
        pub(crate) fn pass(self) {
            if self.is_light {
                compiler_fence(SeqCst);
            } else {
                fence(SeqCst);
            }
        }
    }

    /// The side of who passes seldom, between its write and its read. Yields whether it was passed:
    /// a sandbox that was set up since the other side was asked for may forbid it.
    #[must_use]
    pub(crate) fn heavy() -> bool {
        fence(SeqCst);
        !is_asymmetric() || system::all_processors_pass()
    }

    fn is_asymmetric() -> bool {
        static IS_ASYMMETRIC: OnceLock<bool> = OnceLock::new();
        *IS_ASYMMETRIC.get_or_init(|| system::register() && system::all_processors_pass())
    }

    #[cfg(target_os = "linux")]
    mod system {
        use rustix::io::Result;
        use rustix::thread::MembarrierCommand::{PrivateExpedited, RegisterPrivateExpedited};
        use rustix::thread::{MembarrierQuery, membarrier, membarrier_query};

        pub(super) fn register() -> bool {
            membarrier_query().contains(MembarrierQuery::PRIVATE_EXPEDITED)
                && try_register().is_ok()
        }

        fn try_register() -> Result<()> {
            membarrier(RegisterPrivateExpedited)
        }

        pub(super) fn all_processors_pass() -> bool {
            let pass = || membarrier(PrivateExpedited);
            // A child that was forked off may have to register for itself.
            pass().or_else(|_| try_register().and_then(|()| pass())).is_ok()
        }
    }

    #[cfg(not(target_os = "linux"))]
    mod system {
        pub(super) fn register() -> bool {
            false
        }

        pub(super) fn all_processors_pass() -> bool {
            false
        }
    }
}

#[cfg(all(test, fanfare_loom))]
mod model {
    use loom::sync::atomic::Ordering::SeqCst;
    use loom::sync::atomic::fence;

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Fence;

    impl Fence {
        pub(crate) fn find() -> Self {
            Self
        }

        pub(crate) fn pass(self) {
            fence(SeqCst);
        }
    }

    pub(crate) fn heavy() -> bool {
        fence(SeqCst);
        true
    }
}
