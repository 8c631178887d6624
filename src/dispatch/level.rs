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
// The standard library can make neither an eventfd nor a descriptor that does not block.
#[allow(unsafe_code)]
mod unix {
    use std::fs::File;
    use std::io::{self, Read, Write};
    use std::os::fd::{AsRawFd, FromRawFd};

    #[derive(Debug)]
    pub(crate) struct Level {
        readable: File,
        writable: File,
    }

    impl Level {
        #[cfg(target_os = "linux")]
        pub(crate) fn new() -> io::Result<Self> {
            // SAFETY: eventfd takes no pointer; its result is checked before it is used.
            let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor is new and nobody else's.
            let readable = unsafe { File::from_raw_fd(fd) };
            let writable = readable.try_clone()?;
            Ok(Self { readable, writable })
        }

        #[cfg(not(target_os = "linux"))]
        pub(crate) fn new() -> io::Result<Self> {
            let mut fds = [0; 2];
            // SAFETY: pipe writes two descriptors into the array; its result is checked.
            if unsafe { libc::pipe(fds.as_mut_ptr()) } < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptors are new and nobody else's.
            let [readable, writable] = fds.map(|fd| unsafe { File::from_raw_fd(fd) });
            for fd in fds {
                // SAFETY: both descriptors are open; no pointer is passed.
                let is_set = unsafe {
                    libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) == 0
                        && libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) == 0
                };
                if !is_set {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(Self { readable, writable })
        }

        pub(crate) fn fd(&self) -> i32 {
            self.readable.as_raw_fd()
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
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn it_is_readable_while_raised() {
        let level = Level::new().unwrap();
        for _ in 0..3 {
            assert!(!is_readable(level.fd()));
            level.raise();
            assert!(is_readable(level.fd()));
            assert!(is_readable(level.fd()));
            level.lower();
        }
        assert!(!is_readable(level.fd()));
    }

    #[allow(unsafe_code)]
    fn is_readable(fd: i32) -> bool {
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd is passed, and does not outlive the call.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }
}
