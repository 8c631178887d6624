//! The path of the admin socket: nobody else's is taken, and none is left behind.
//!
//! Whoever serves at PATH holds a lock on PATH.fanfare-lock as long as it does, so that of any
//! number that begin at the same time one is the server. Only its holder looks whether the socket
//! that it found is stale, replaces it, and takes it away at the end.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A path at which we are the ones who listen.
pub(super) struct Place {
    path: PathBuf,
    socket: Metadata,
    _lock: Lock,
}

impl Place {
    /// Listens there, for this user alone. An error says who is in the way.
    pub(super) fn take(path: &Path) -> anyhow::Result<(Self, UnixListener)> {
        let lock = Lock::take(path)?;
        clear(path)?;
        // Made where nobody else can reach it, it is open to this user alone from the first
        // moment, and it listens before it can be found.
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let hidden = tempfile::Builder::new()
            .prefix(".ff")
            .tempdir_in(folder)
            .with_context(|| format!("cannot make a socket in {}", folder.display()))?;
        let made = hidden.path().join("s");
        let listener = UnixListener::bind(&made).context("cannot make a socket")?;
        fs::set_permissions(&made, Permissions::from_mode(0o600)).context("cannot protect it")?;
        let socket = fs::symlink_metadata(&made).context("cannot find the new socket")?;
        // A link replaces nothing, whatever may have come there meanwhile.
        fs::hard_link(&made, path).context("cannot put the socket there")?;
        Ok((Self { path: path.to_owned(), socket, _lock: lock }, listener))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove_if_same(&self.path, &self.socket);
    }
}

/// Takes a stale socket away; anything else that is there is an error.
fn clear(path: &Path) -> anyhow::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("cannot look what is there"),
        Ok(there) if !there.file_type().is_socket() => bail!("it exists, and is no socket"),
        Ok(_) => {}
    }
    // One that does not wait, for who listens there may be too busy to accept.
    match mio::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).context("cannot take a stale socket away")
        }
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            Err(error).context("cannot tell whether somebody listens there")
        }
        Ok(_) | Err(_) => bail!("somebody listens there already"),
    }
}

/// The file beside the socket, locked. It is empty, and is taken away at the end.
struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    fn take(socket: &Path) -> anyhow::Result<Self> {
        let mut path = OsString::from(socket);
        path.push(".fanfare-lock");
        let path = PathBuf::from(path);
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => bail!("a server serves there already"),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
            // Its holder may have taken the file away between our opening and our locking it:
            // then the lock is worth nothing.
            let locked = file.metadata().context("cannot look at the lock")?;
            if fs::symlink_metadata(&path).is_ok_and(|there| is_same(&there, &locked)) {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still locked: who opens it before gets no lock, who does so after gets
        // another file.
        if let Ok(file) = self.file.metadata() {
            remove_if_same(&self.path, &file);
        }
    }
}

fn remove_if_same(path: &Path, ours: &Metadata) {
    if fs::symlink_metadata(path).is_ok_and(|there| is_same(&there, ours)) {
        // There is nobody to tell, and the next server copes with what is left.
        drop(fs::remove_file(path));
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
