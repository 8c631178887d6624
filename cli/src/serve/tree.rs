//! One look at the folder on disk: which files are there to be served, and which folders must be
//! watched. It keeps nothing.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ignore::WalkBuilder;

/// What was found below the folder.
pub(crate) struct Tree {
    /// By path relative to the folder.
    pub(crate) files: BTreeMap<PathBuf, Found>,
    /// Absolute, the folder itself included.
    pub(crate) folders: Vec<PathBuf>,
    /// There is more than the limit allowed.
    pub(crate) truncated: bool,
}

/// One thing that is a file, or should be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// How the regular file looks from outside; an error if there is none to be had (a link that
    /// leads nowhere, in a circle, or out of the folder).
    pub(crate) stamp: Result<Stamp, String>,
    /// For a link: the file that it leads to.
    pub(crate) target: Option<PathBuf>,
}

/// What tells that a file is another, or has changed, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    modified: Option<SystemTime>,
    /// Device and inode.
    identity: (u64, u64),
    /// When its metadata (who may read it, for one) last changed.
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let (identity, changed) = {
            use std::os::unix::fs::MetadataExt as _;
            ((metadata.dev(), metadata.ino()), (metadata.ctime(), metadata.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let (identity, changed) = ((0, 0), (i64::from(metadata.permissions().readonly()), 0));
        Self { size: metadata.len(), modified: metadata.modified().ok(), identity, changed }
    }

    /// Whether the content is, as far as can be seen from outside, what it was.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        (self.size, self.modified, self.identity) == (other.size, other.modified, other.identity)
    }
}

/// Looks at everything below `root`, which must be canonical: at most `max_files` files and as
/// many folders. Hidden files and folders are left out, and so is what a `.gitignore` in `root`
/// or below it ignores, in a git repository or not.
///
/// `enter` is called with each folder before the names in it are read.
pub(crate) fn look(
    root: &Path,
    max_files: usize,
    mut enter: impl FnMut(&Path),
) -> io::Result<Tree> {
    let mut tree =
        Tree { files: BTreeMap::new(), folders: vec![root.to_owned()], truncated: false };
    enter(root);
    // The folder itself must be there; trouble further down only hides what it concerns.
    std::fs::read_dir(root)?;
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .hidden(true)
        .git_ignore(true)
        .require_git(false)
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build();
    for entry in walk {
        let Ok(entry) = entry else { continue };
        let Some(kind) = entry.file_type() else { continue };
        let Ok(name) = entry.path().strip_prefix(root) else { continue };
        if name.as_os_str().is_empty() {
            continue;
        }
        if kind.is_dir() {
            if tree.folders.len() > max_files {
                tree.truncated = true;
                break;
            }
            enter(entry.path());
            tree.folders.push(entry.path().to_owned());
        } else if kind.is_file() || kind.is_symlink() {
            let Some(found) = find(root, entry.path(), kind.is_symlink()) else { continue };
            if tree.files.len() == max_files {
                tree.truncated = true;
                break;
            }
            tree.files.insert(name.to_owned(), found);
        }
    }
    Ok(tree)
}

/// What stands at one path; `None` for what is no file and does not pretend to be one.
fn find(root: &Path, path: &Path, link: bool) -> Option<Found> {
    if !link {
        let metadata = std::fs::symlink_metadata(path).ok().filter(Metadata::is_file)?;
        return Some(Found { stamp: Ok(Stamp::of(&metadata)), target: None });
    }
    let fault = |why: String| Some(Found { stamp: Err(why), target: None });
    let target = match path.canonicalize() {
        Ok(target) => target,
        Err(error) => return fault(error.to_string()),
    };
    if !target.starts_with(root) {
        return fault(LEADS_OUT.to_owned());
    }
    match std::fs::metadata(&target) {
        Ok(metadata) if metadata.is_file() => {
            Some(Found { stamp: Ok(Stamp::of(&metadata)), target: Some(target) })
        }
        Ok(_) => None,
        Err(error) => fault(error.to_string()),
    }
}

/// Why a link to somewhere else is not served.
pub(crate) const LEADS_OUT: &str = "it is a link that leads out of the served folder";
