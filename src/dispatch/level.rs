//! A file descriptor that is readable exactly while it is raised, for hosts with a poll loop.
//!
//! The one place that knows the operating system: eventfd on Linux, a pipe on other Unixes,
//! nothing elsewhere.

#[cfg(unix)]
pub(crate) use unix::Level;

#[cfg(not(unix))]
pub(crate) struct Level;

#[cfg(not(unix))]
impl Level {
    pub(crate) fn new() -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn fd(&self) -> i32 {
        -1
    }

    pub(crate) fn raise(&self) {}

    pub(crate) fn lower(&self) {}
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, Read, Write};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

    #[derive(Debug)]
    pub(crate) struct Level {
        readable: File,
        writable: File,
    }

    impl Level {
        #[cfg(target_os = "linux")]
        pub(crate) fn new() -> io::Result<Self> {
            use rustix::event::{EventfdFlags, eventfd};

            let readable = File::from(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
            let writable = readable.try_clone()?;
            Ok(Self { readable, writable })
        }

        #[cfg(not(target_os = "linux"))]
        pub(crate) fn new() -> io::Result<Self> {
            use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};

            let (readable, writable) = rustix::pipe::pipe()?;
            for fd in [&readable, &writable] {
                ioctl_fionbio(fd, true)?;
                fcntl_setfd(fd, FdFlags::CLOEXEC)?;
            }
            Ok(Self { readable: readable.into(), writable: writable.into() })
        }

        pub(crate) fn fd(&self) -> i32 {
            self.as_fd().as_raw_fd()
        }

        /// Makes it readable. It is not raised twice, so the eight bytes always fit.
        pub(crate) fn raise(&self) {
            let _ = (&self.writable).write(&1u64.to_ne_bytes());
        }

        /// Makes it unreadable.
        pub(crate) fn lower(&self) {
            let _ = (&self.readable).read(&mut [0; 8]);
        }
    }

    impl AsFd for Level {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.readable.as_fd()
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn it_is_readable_while_raised() {
        let level = Level::new().unwrap();
        for _ in 0..3 {
            assert!(!is_readable(&level));
            level.raise();
            assert!(is_readable(&level));
            assert!(is_readable(&level));
            level.lower();
        }
        assert!(!is_readable(&level));
    }

    fn is_readable(level: &Level) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut wanted = [PollFd::new(level, PollFlags::IN)];
        poll(&mut wanted, Some(&at_once)).unwrap() == 1
    }
}
