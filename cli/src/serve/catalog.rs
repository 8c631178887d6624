//! The files that are served: what is known of each, what changed since the last look, and the
//! one way in which a URI becomes an open file.
//!
//! Invariant: the catalog is brought up to date before a change is announced, so whoever reacts
//! to a notification finds what it speaks of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::tree::{self, Found, LEADS_OUT, Stamp, Tree};
use super::uri;

/// The files below one folder.
pub(crate) struct Catalog {
    root: PathBuf,
    max_files: usize,
    files: RwLock<BTreeMap<PathBuf, Entry>>,
}

/// What is known of one file.
struct Entry {
    found: Found,
    /// Why it cannot be read, if it cannot.
    fault: Option<String>,
}

impl Entry {
    /// Whether it is a resource. A link that leads nowhere is known, but is none.
    fn listed(&self) -> Option<&Stamp> {
        self.found.stamp.as_ref().ok()
    }
}

/// One file as it is listed.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Its path below the folder.
    pub(crate) name: String,
    pub(crate) uri: String,
    pub(crate) mime: Option<&'static str>,
    pub(crate) size: u64,
}

/// What must be announced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// The file is not what it was: written, replaced, gone, back, readable no more or again.
    Updated { uri: String },
    /// There is a file more or less.
    List,
    /// The file can no longer be read.
    Unreadable { uri: String, cause: String },
}

/// Why a URI did not become an open file.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no such resource.
    NotFound(String),
    /// There is, or was, but it cannot be read.
    Unreadable(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::NotFound(why) | Self::Unreadable(why)) = self;
        f.write_str(why)
    }
}

impl Catalog {
    /// The catalog of a folder; empty until the first [`look`](Self::look).
    pub(crate) fn new(folder: &Path, max_files: usize) -> io::Result<Self> {
        let root = folder.canonicalize()?;
        Ok(Self { root, max_files, files: RwLock::default() })
    }

    /// The folder, canonical.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn max_files(&self) -> usize {
        self.max_files
    }

    /// Every resource, by name.
    pub(crate) fn list(&self) -> Vec<Resource> {
        self.read().iter().filter_map(|(name, entry)| self.resource(name, entry)).collect()
    }

    /// Opens the file of that URI and says what it is.
    pub(crate) fn open(&self, uri: &str) -> Result<(Resource, File), Refusal> {
        let not_found = |why: &str| Refusal::NotFound(format!("{uri}: {why}"));
        let path = uri::to_path(uri).ok_or_else(|| not_found("not a file:/// URI"))?;
        self.open_path(&path).map_err(|refusal| match refusal {
            Refusal::NotFound(why) => not_found(&why),
            Refusal::Unreadable(why) => Refusal::Unreadable(format!("{uri}: {why}")),
        })
    }

    /// The URI that an argument of a tool means: a URI, or a path, absolute or below the folder.
    pub(crate) fn uri_of(&self, argument: &str) -> String {
        match uri::to_path(argument) {
            Some(_) => argument.to_owned(),
            None => uri::from_path(&self.root.join(argument)),
        }
    }

    fn open_path(&self, path: &Path) -> Result<(Resource, File), Refusal> {
        let not_found = |why: &str| Refusal::NotFound(why.to_owned());
        let name = path
            .strip_prefix(&self.root)
            .ok()
            .filter(|name| name.components().all(|part| matches!(part, Component::Normal(_))))
            .ok_or_else(|| not_found("outside of the served folder"))?;
        let resource = {
            let files = self.read();
            let entry = files.get(name).ok_or_else(|| not_found("no such resource"))?;
            match &entry.found.stamp {
                Ok(_) => self.resource(name, entry).ok_or_else(|| not_found("no such resource"))?,
                Err(why) => return Err(Refusal::Unreadable(why.clone())),
            }
        };
        let file = open_below(&self.root, path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => not_found("no such resource"),
            _ => Refusal::Unreadable(error.to_string()),
        })?;
        let size = file.metadata().map_err(|e| Refusal::Unreadable(e.to_string()))?.len();
        Ok((Resource { size, ..resource }, file))
    }

    /// Looks at the folder again and says what is different, each change once. `enter` is called
    /// with each folder before the names in it are read.
    pub(crate) fn look(&self, enter: impl FnMut(&Path)) -> io::Result<(Tree, Vec<Change>)> {
        let tree = tree::look(&self.root, self.max_files, enter)?;
        let mut changes = BTreeSet::new();
        let mut files = self.write();
        let gone: Vec<_> =
            files.keys().filter(|name| !tree.files.contains_key(*name)).cloned().collect();
        for name in gone {
            if files.remove(&name).is_some_and(|entry| entry.listed().is_some()) {
                changes.insert(Change::List);
                changes.insert(Change::Updated { uri: self.uri(&name) });
            }
        }
        for (name, found) in &tree.files {
            self.settle(&mut files, name, found.clone(), false, &mut changes);
        }
        drop(files);
        Ok((tree, changes.into_iter().collect()))
    }

    /// The file at an absolute path may have been written to (`written`: it was). Says what is
    /// different; also for links that lead to it.
    pub(crate) fn touch(&self, path: &Path, written: bool) -> Vec<Change> {
        let mut files = self.write();
        let itself = path.strip_prefix(&self.root).ok().and_then(|name| files.get_key_value(name));
        let links = files.iter().filter(|(_, entry)| entry.found.target.as_deref() == Some(path));
        let names: Vec<_> = itself
            .into_iter()
            .chain(links)
            .map(|(name, entry)| (name.clone(), entry.found.target.clone()))
            .collect();
        let mut changes = BTreeSet::new();
        for (name, target) in names {
            // What is no regular file any more is told by an event of its own, and found then.
            let Ok(metadata) = std::fs::symlink_metadata(path) else { continue };
            if metadata.is_file() {
                let found = Found { stamp: Ok(Stamp::of(&metadata)), target };
                self.settle(&mut files, &name, found, written, &mut changes);
            }
        }
        changes.into_iter().collect()
    }

    /// Everything may have changed: changes were lost.
    pub(crate) fn all_changed(&self) -> Vec<Change> {
        let files = self.read();
        let updated = files.keys().map(|name| Change::Updated { uri: self.uri(name) });
        std::iter::once(Change::List).chain(updated).collect()
    }

    /// The folder is gone, and all files with it.
    pub(crate) fn clear(&self) -> Vec<Change> {
        let changes = self.all_changed();
        self.write().clear();
        changes
    }

    /// Takes over what was found at `name`, and notes what is different from before.
    fn settle(
        &self,
        files: &mut BTreeMap<PathBuf, Entry>,
        name: &Path,
        found: Found,
        written: bool,
        changes: &mut BTreeSet<Change>,
    ) {
        let before = files.get(name);
        if before.is_some_and(|before| before.found == found) && !written {
            return;
        }
        let fault = match &found.stamp {
            Ok(_) => open_below(&self.root, &self.root.join(name)).err().map(|e| e.to_string()),
            Err(why) => Some(why.clone()),
        };
        let after = Entry { found, fault };
        let uri = self.uri(name);
        let was_listed = before.and_then(Entry::listed);
        let same_content = match (was_listed, after.listed()) {
            (Some(before), Some(after)) => before.same_content(after) && !written,
            (None, None) => true,
            _ => {
                changes.insert(Change::List);
                false
            }
        };
        let fault_before = before.and_then(|before| before.fault.as_ref());
        if !same_content || (was_listed.is_some() && fault_before != after.fault.as_ref()) {
            changes.insert(Change::Updated { uri: uri.clone() });
        }
        if let Some(cause) = &after.fault
            && (!same_content || fault_before != Some(cause))
        {
            changes.insert(Change::Unreadable { uri, cause: cause.clone() });
        }
        files.insert(name.to_owned(), after);
    }

    fn resource(&self, name: &Path, entry: &Entry) -> Option<Resource> {
        Some(Resource {
            name: name.to_string_lossy().into_owned(),
            uri: self.uri(name),
            mime: mime_guess::from_path(name).first_raw(),
            size: entry.listed()?.size,
        })
    }

    fn uri(&self, name: &Path) -> String {
        uri::from_path(&self.root.join(name))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<PathBuf, Entry>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<PathBuf, Entry>> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a regular file that stands below `root` once all links are followed.
fn open_below(root: &Path, path: &Path) -> io::Result<File> {
    let real = path.canonicalize()?;
    if !real.starts_with(root) {
        return Err(io::Error::other(LEADS_OUT));
    }
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // `real` has no link in it. If it has become one since, it is refused; and should it
        // have become a FIFO, opening it does not wait for a writer.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    let file = options.open(&real)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        catalog: Catalog,
    }

    impl Fixture {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let catalog = Catalog::new(folder.path(), 100).unwrap();
            let fixture = Self { folder, catalog };
            for (name, text) in files {
                fixture.write(name, text);
            }
            fixture.look();
            fixture
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.catalog.root().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn look(&self) -> Vec<Change> {
            self.catalog.look(|_| ()).unwrap().1
        }

        fn uri(&self, name: &str) -> String {
            self.catalog.uri_of(name)
        }

        fn names(&self) -> Vec<String> {
            self.catalog.list().into_iter().map(|resource| resource.name).collect()
        }

        fn updated(&self, name: &str) -> Change {
            Change::Updated { uri: self.uri(name) }
        }
    }

    #[test]
    fn lists_what_is_neither_hidden_nor_ignored() {
        let fixture = Fixture::new(&[
            ("a.txt", "a"),
            ("sub/b.json", "{}"),
            (".env", "secret"),
            (".git/config", "x"),
            (".gitignore", "*.log\nbuild/\n"),
            ("x.log", "x"),
            ("build/y", "y"),
            ("sub/.gitignore", "c\n"),
            ("sub/c", "c"),
        ]);
        assert_eq!(fixture.names(), ["a.txt", "sub/b.json"]);
        let listed = fixture.catalog.list();
        assert_eq!(listed[1].mime, Some("application/json"));
        assert_eq!(listed[1].size, 2);
        for refused in [".env", "x.log", "build/y", "sub/c", "none"] {
            let refusal = fixture.catalog.open(&fixture.uri(refused)).unwrap_err();
            assert!(matches!(refusal, Refusal::NotFound(_)), "{refused}: {refusal:?}");
        }
    }

    #[test]
    fn the_limit_on_files_holds() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["c", "a", "b"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let catalog = Catalog::new(folder.path(), 2).unwrap();
        assert!(catalog.look(|_| ()).unwrap().0.truncated);
        let names: Vec<_> = catalog.list().into_iter().map(|resource| resource.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn every_kind_of_change_is_told_once() {
        let fixture = Fixture::new(&[("a", "1"), ("b", "1")]);
        assert_eq!(fixture.look(), []);
        fixture.write("a", "22");
        assert_eq!(fixture.look(), [fixture.updated("a")]);
        fixture.write("c", "1");
        assert_eq!(fixture.look(), [fixture.updated("c"), Change::List]);
        fs::remove_file(fixture.folder.path().join("b")).unwrap();
        assert_eq!(fixture.look(), [fixture.updated("b"), Change::List]);
        assert_eq!(fixture.look(), []);
        let path = fixture.catalog.root().join("a");
        assert_eq!(fixture.catalog.touch(&path, true), [fixture.updated("a")]);
        assert_eq!(fixture.catalog.touch(&path, false), []);
    }

    #[test]
    fn a_link_within_is_served_and_follows_its_target() {
        let fixture = Fixture::new(&[("a", "1")]);
        symlink("a", fixture.folder.path().join("link")).unwrap();
        assert_eq!(fixture.look(), [fixture.updated("link"), Change::List]);
        assert!(fixture.catalog.open(&fixture.uri("link")).is_ok());
        let changes = fixture.catalog.touch(&fixture.catalog.root().join("a"), true);
        assert_eq!(changes, [fixture.updated("a"), fixture.updated("link")]);
    }

    #[test]
    fn a_link_in_a_circle_is_an_alert_and_no_resource() {
        let fixture = Fixture::new(&[("a", "1")]);
        let path = fixture.folder.path().join("a");
        fs::remove_file(&path).unwrap();
        symlink("a", &path).unwrap();
        let changes = fixture.look();
        assert_eq!(changes[..2], [fixture.updated("a"), Change::List]);
        let Change::Unreadable { uri, cause } = &changes[2] else { panic!("{changes:?}") };
        assert_eq!(*uri, fixture.uri("a"));
        assert!(cause.contains("os error 40"), "{cause}");
        assert_eq!(fixture.look(), [], "one alert is enough");
        assert_eq!(fixture.names(), [""; 0]);
        let refusal = fixture.catalog.open(&fixture.uri("a")).unwrap_err();
        assert!(matches!(refusal, Refusal::Unreadable(_)), "{refusal:?}");
    }

    #[test]
    fn no_way_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let fixture = Fixture::new(&[("a", "1"), ("sub/b", "1")]);
        let root = fixture.folder.path();
        symlink(outside.path().join("secret"), root.join("file")).unwrap();
        symlink(outside.path(), root.join("folder")).unwrap();
        fixture.look();
        assert_eq!(fixture.names(), ["a", "sub/b"]);
        let base = fixture.uri("");
        let (base, name) = (base.trim_end_matches('/'), outside.path().file_name().unwrap());
        let name = name.to_str().unwrap();
        for uri in [
            format!("{base}/file"),
            format!("{base}/folder/secret"),
            format!("{base}/../{name}/secret"),
            format!("{base}/sub/../../{name}/secret"),
            format!("{base}/%2e%2e/{name}/secret"),
            format!("{base}/..%2f{name}/secret"),
            fixture.uri(&format!("../{name}/secret")),
            uri::from_path(&outside.path().join("secret")),
            "file:///etc/passwd".to_owned(),
            "/etc/passwd".to_owned(),
            "https://example.com/a".to_owned(),
        ] {
            assert!(fixture.catalog.open(&uri).is_err(), "{uri}");
        }
        // A file that becomes a link out after it was listed is refused too.
        fs::remove_file(root.join("a")).unwrap();
        symlink(outside.path().join("secret"), root.join("a")).unwrap();
        let refusal = fixture.catalog.open(&fixture.uri("a")).unwrap_err();
        assert!(refusal.to_string().contains(LEADS_OUT), "{refusal}");
    }
}
