//! Watches the folder: turns what the system tells of it into changes of the catalog.
//!
//! Two threads. The one of the `notify` crate only notes which paths something happened to; ours
//! takes the notes, looks, and announces. Notes about the same path fall together while ours is
//! busy, and their number is bounded: beyond it (or when the system's own queue overflowed) it is
//! only noted that changes were lost, and then everything counts as changed, for a notice too many
//! is harmless and one too few is not.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context as _;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::catalog::{Catalog, Change};

/// What the watch has to say.
#[derive(Debug)]
pub(crate) enum News {
    Changes(Vec<Change>),
    /// Something stands in the way of watching; for the log.
    Trouble(String),
}

/// A watched folder, until it is dropped.
pub(crate) struct Watch {
    notes: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Fills the catalog, and from then on keeps it up to date and tells each change.
    pub(crate) fn start(
        catalog: Arc<Catalog>,
        tell: impl Fn(News) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let notes = Arc::new(Shared::default());
        let noting = Arc::clone(&notes);
        let watcher = notify::recommended_watcher(move |event| noting.note(event))
            .context("cannot watch files")?;
        let mut folders = Folders {
            watcher,
            watched: BTreeSet::new(),
            refused: BTreeSet::new(),
            faults: Vec::new(),
            truncated: false,
        };
        let changes = folders
            .look(&catalog, &tell)
            .with_context(|| format!("cannot read the folder {}", catalog.root().display()))?;
        for fault in folders.faults.drain(..) {
            // A folder further down that may not be read is left out, as its files are.
            if fault.limit || fault.folder == catalog.root() {
                anyhow::bail!(fault.text);
            }
            tell(News::Trouble(fault.text));
        }
        for change in changes {
            if let Change::Unreadable { uri, cause } = change {
                tell(News::Trouble(format!("{uri} cannot be read: {cause}")));
            }
        }
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn({
                let notes = Arc::clone(&notes);
                move || {
                    while let Some(batch) = notes.take() {
                        folders.follow(&catalog, batch, &tell);
                    }
                }
            })
            .context("cannot start a thread")?;
        Ok(Self { notes, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.notes.lock().stop = true;
        self.notes.noted.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic over there has been printed already.
            drop(thread.join());
        }
    }
}

/// The folders that the system watches for us, each by itself: what is hidden or ignored costs
/// nothing then.
struct Folders {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    /// Where watching failed, and that was told.
    refused: BTreeSet<PathBuf>,
    /// What failed, and was not told yet.
    faults: Vec<Fault>,
    /// There is more than may be served, and that was told.
    truncated: bool,
}

/// Why a folder is not watched.
struct Fault {
    folder: PathBuf,
    text: String,
    /// The system watches as many as it may.
    limit: bool,
}

impl Folders {
    fn follow(&mut self, catalog: &Catalog, batch: Notes, tell: &impl Fn(News)) {
        let mut changes = Vec::new();
        let mut look = !batch.moved.is_empty() || batch.lost;
        for (path, written) in batch.touched_in_order() {
            look |= self.watched.contains(&path) || path.ends_with(".gitignore");
            changes.extend(catalog.touch(&path, written));
        }
        if look {
            for path in &batch.moved {
                self.forget(path);
            }
            if batch.lost {
                self.forget(catalog.root());
            }
            match self.look(catalog, tell) {
                Ok(more) => changes.extend(more),
                Err(error) => {
                    let root = catalog.root().display();
                    tell(News::Trouble(format!("the folder {root} cannot be read: {error}")));
                    changes.extend(catalog.clear());
                }
            }
        }
        if batch.lost {
            tell(News::Trouble("changes came too fast; everything counts as changed".to_owned()));
            changes.extend(catalog.all_changed());
        }
        for fault in self.faults.drain(..) {
            tell(News::Trouble(fault.text));
        }
        if !changes.is_empty() {
            tell(News::Changes(changes));
        }
    }

    /// Looks until no folder turned up that was not watched when its names were read.
    fn look(&mut self, catalog: &Catalog, tell: &impl Fn(News)) -> std::io::Result<Vec<Change>> {
        let mut changes = Vec::new();
        loop {
            let mut news = false;
            let (tree, more) = catalog.look(|folder| news |= self.watch(folder))?;
            changes.extend(more);
            if news {
                continue;
            }
            let now: BTreeSet<_> = tree.folders.into_iter().collect();
            for gone in self.watched.difference(&now) {
                // The system may have let go of it by itself.
                drop(self.watcher.unwatch(gone));
            }
            self.watched.retain(|folder| now.contains(folder));
            self.refused.retain(|folder| now.contains(folder));
            if tree.truncated && !self.truncated {
                let limit = catalog.max_files();
                tell(News::Trouble(format!(
                    "there are more than {limit} files or folders; the rest is not served \
                     (see --max-files)"
                )));
            }
            self.truncated = tree.truncated;
            return Ok(changes);
        }
    }

    /// Watches a folder; says whether it was not watched before.
    fn watch(&mut self, folder: &Path) -> bool {
        if self.watched.contains(folder) || self.refused.contains(folder) {
            return false;
        }
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => self.watched.insert(folder.to_owned()),
            // It has gone in the meantime: the next look will not find it.
            Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => false,
            Err(mut error) => {
                error.paths.clear();
                let limit = matches!(error.kind, notify::ErrorKind::MaxFilesWatch);
                let hint = if limit { " (fs.inotify.max_user_watches is the limit)" } else { "" };
                let text = format!(
                    "cannot watch the folder {}: {error}{hint}; changes in it are not noticed",
                    folder.display()
                );
                self.faults.push(Fault { folder: folder.to_owned(), text, limit });
                self.refused.insert(folder.to_owned());
                false
            }
        }
    }

    /// Something else may stand at `path` now: what is watched there and below may be another
    /// folder of the same name, and has to be watched anew.
    fn forget(&mut self, path: &Path) {
        let stale: Vec<_> = self
            .watched
            .range(path.to_owned()..)
            .take_while(|folder| folder.starts_with(path))
            .cloned()
            .collect();
        for folder in stale {
            drop(self.watcher.unwatch(&folder));
            self.watched.remove(&folder);
        }
        self.refused.retain(|folder| !folder.starts_with(path));
    }
}

/// How many paths may be noted before it is only noted that changes were lost.
const MAX_NOTES: usize = 8192;

/// What happened since the last time the notes were taken.
#[derive(Default)]
struct Notes {
    /// Files that may have changed, with the order in which they were first noted, and whether
    /// they were certainly written to.
    touched: HashMap<PathBuf, (usize, bool)>,
    /// Where a name appeared, went, or now means something else.
    moved: BTreeSet<PathBuf>,
    lost: bool,
    stop: bool,
}

impl Notes {
    fn touched_in_order(&self) -> Vec<(PathBuf, bool)> {
        let mut all: Vec<_> = self.touched.iter().collect();
        all.sort_by_key(|(_, (order, _))| *order);
        all.into_iter().map(|(path, (_, written))| (path.clone(), *written)).collect()
    }

    fn touch(&mut self, path: PathBuf, written: bool) {
        let order = self.touched.len();
        self.touched.entry(path).or_insert((order, false)).1 |= written;
    }

    fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.moved.is_empty() && !self.lost
    }
}

#[derive(Default)]
struct Shared {
    notes: Mutex<Notes>,
    noted: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the system tells.
    fn note(&self, event: notify::Result<notify::Event>) {
        let mut notes = self.lock();
        match event {
            Ok(event) => {
                notes.lost |= event.need_rescan();
                for path in event.paths {
                    match event.kind {
                        EventKind::Modify(ModifyKind::Data(_)) => notes.touch(path, true),
                        // Who may read it, or its times; or the end of writing through a mapping,
                        // which nothing tells of while it goes on.
                        EventKind::Modify(ModifyKind::Metadata(_))
                        | EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                            notes.touch(path, false);
                        }
                        // Our own reading, above all.
                        EventKind::Access(_) => {}
                        _ => {
                            notes.moved.insert(path);
                        }
                    }
                }
            }
            Err(_) => notes.lost = true,
        }
        if notes.touched.len() + notes.moved.len() > MAX_NOTES {
            *notes = Notes { lost: true, stop: notes.stop, ..Notes::default() };
        }
        if !notes.is_empty() {
            self.noted.notify_one();
        }
    }

    /// Waits for notes and takes them; `None` when it is time to stop.
    fn take(&self) -> Option<Notes> {
        let mut notes = self.lock();
        while notes.is_empty() && !notes.stop {
            notes = self.noted.wait(notes).unwrap_or_else(PoisonError::into_inner);
        }
        (!notes.stop).then(|| std::mem::take(&mut *notes))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::{Duration, Instant};

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        catalog: Arc<Catalog>,
        news: Receiver<News>,
        watch: Watch,
    }

    impl Fixture {
        fn new(files: &[&str]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for name in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "1").unwrap();
            }
            let catalog = Arc::new(Catalog::new(folder.path(), 100).unwrap());
            let (send, news) = channel();
            let watch =
                Watch::start(Arc::clone(&catalog), move |news| drop(send.send(news))).unwrap();
            Self { folder, catalog, news, watch }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn updated(&self, name: &str) -> Change {
            Change::Updated { uri: self.catalog.uri_of(name) }
        }

        /// What is told up to and including the news of `last`.
        #[track_caller]
        fn until(&self, last: &Change) -> Vec<Change> {
            let deadline = Instant::now() + Duration::from_secs(10);
            let mut told = Vec::new();
            while !told.contains(last) {
                let left = deadline.saturating_duration_since(Instant::now());
                match self.news.recv_timeout(left) {
                    Ok(News::Changes(changes)) => told.extend(changes),
                    Ok(News::Trouble(what)) => panic!("{what}"),
                    Err(_) => panic!("{last:?} was not told, only {told:?}"),
                }
            }
            told
        }
    }

    #[test]
    fn a_write_is_told_of_that_file_only() {
        let fixture = Fixture::new(&["a", "b"]);
        fs::write(fixture.path("a"), "22").unwrap();
        let told = fixture.until(&fixture.updated("a"));
        assert!(told.iter().all(|change| *change == fixture.updated("a")), "{told:?}");
    }

    #[test]
    fn two_writes_of_the_same_size_within_one_tick_are_both_told() {
        let fixture = Fixture::new(&["a"]);
        for text in ["2", "3", "4"] {
            fs::write(fixture.path("a"), text).unwrap();
            fixture.until(&fixture.updated("a"));
        }
    }

    #[test]
    fn a_file_moved_over_another_is_an_update() {
        let fixture = Fixture::new(&["a"]);
        fs::write(fixture.path(".a.tmp"), "2").unwrap();
        fs::rename(fixture.path(".a.tmp"), fixture.path("a")).unwrap();
        let told = fixture.until(&fixture.updated("a"));
        assert!(!told.contains(&Change::List), "{told:?}");
    }

    #[test]
    fn new_folders_are_watched_with_all_that_is_in_them() {
        let fixture = Fixture::new(&[]);
        fs::create_dir_all(fixture.path("x/y")).unwrap();
        fs::write(fixture.path("x/y/a"), "1").unwrap();
        fixture.until(&fixture.updated("x/y/a"));
        fs::write(fixture.path("x/y/a"), "22").unwrap();
        fixture.until(&fixture.updated("x/y/a"));
    }

    #[test]
    fn a_folder_that_is_made_again_is_watched_again() {
        let fixture = Fixture::new(&["x/y/a"]);
        for text in ["22", "333", "4444"] {
            fs::remove_dir_all(fixture.path("x")).unwrap();
            fs::create_dir_all(fixture.path("x/y")).unwrap();
            fs::write(fixture.path("x/y/a"), text).unwrap();
            fixture.until(&fixture.updated("x/y/a"));
            fs::write(fixture.path("x/y/b"), text).unwrap();
            fixture.until(&fixture.updated("x/y/b"));
        }
    }

    #[test]
    fn a_folder_that_is_moved_is_watched_where_it_is() {
        let fixture = Fixture::new(&["x/y/a"]);
        let mut from = "x".to_owned();
        for to in ["z", "x", "w"] {
            fs::rename(fixture.path(&from), fixture.path(to)).unwrap();
            let file = format!("{to}/y/a");
            let told = fixture.until(&fixture.updated(&file));
            assert!(told.contains(&Change::List), "{told:?}");
            fs::write(fixture.path(&file), to).unwrap();
            fixture.until(&fixture.updated(&file));
            from = to.to_owned();
        }
    }

    #[test]
    fn what_is_ignored_is_silent_until_it_is_not_ignored_any_more() {
        let fixture = Fixture::new(&["a", "x.log", ".hidden/b"]);
        fs::write(fixture.path(".gitignore"), "*.log").unwrap();
        fixture.until(&fixture.updated("x.log"));
        fs::write(fixture.path("x.log"), "22").unwrap();
        fs::write(fixture.path(".hidden/b"), "22").unwrap();
        fs::write(fixture.path("a"), "22").unwrap();
        let told = fixture.until(&fixture.updated("a"));
        assert!(!told.contains(&fixture.updated("x.log")), "{told:?}");
        assert!(!told.contains(&fixture.updated(".hidden/b")), "{told:?}");
        fs::write(fixture.path(".gitignore"), "").unwrap();
        fixture.until(&fixture.updated("x.log"));
    }

    #[test]
    fn a_folder_that_is_gone_takes_its_files_along() {
        let fixture = Fixture::new(&["x/a", "b"]);
        fs::remove_dir_all(fixture.path("x")).unwrap();
        let told = fixture.until(&fixture.updated("x/a"));
        assert!(told.contains(&Change::List), "{told:?}");
        assert_eq!(fixture.catalog.list().len(), 1);
    }

    #[test]
    fn what_is_noted_keeps_its_order_and_that_it_was_written() {
        let shared = Shared::default();
        let data = EventKind::Modify(ModifyKind::Data(notify::event::DataChange::Any));
        let metadata = EventKind::Modify(ModifyKind::Metadata(notify::event::MetadataKind::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        for (kind, path) in
            [(closed, "b"), (data, "c"), (metadata, "a"), (opened, "d"), (data, "a"), (closed, "c")]
        {
            shared.note(Ok(notify::Event::new(kind).add_path(path.into())));
        }
        let notes = shared.take().unwrap();
        let expected = [("b", false), ("c", true), ("a", true)];
        assert_eq!(notes.touched_in_order(), expected.map(|(path, w)| (PathBuf::from(path), w)));
        assert!(notes.moved.is_empty() && !notes.lost);
    }

    #[test]
    fn a_storm_of_notes_is_bounded_and_nothing_is_missed() {
        let shared = Shared::default();
        let event = |path: usize| {
            let kind = EventKind::Modify(ModifyKind::Data(notify::event::DataChange::Any));
            Ok(notify::Event::new(kind).add_path(PathBuf::from(path.to_string())))
        };
        for path in 0..MAX_NOTES {
            shared.note(event(path));
            shared.note(event(0));
        }
        assert_eq!(shared.lock().touched.len(), MAX_NOTES);
        assert!(!shared.lock().lost);
        shared.note(event(MAX_NOTES));
        let notes = shared.take().unwrap();
        assert!(notes.lost && notes.touched.is_empty());

        let fixture = Fixture::new(&["a", "b"]);
        fixture.watch.notes.lock().lost = true;
        fixture.watch.notes.noted.notify_one();
        match fixture.news.recv_timeout(Duration::from_secs(10)) {
            Ok(News::Trouble(_)) => {}
            other => panic!("{other:?}"),
        }
        let told = fixture.until(&fixture.updated("b"));
        assert_eq!(told, [Change::List, fixture.updated("a"), fixture.updated("b")]);
        // And the watching goes on.
        fs::write(fixture.path("a"), "22").unwrap();
        fixture.until(&fixture.updated("a"));
    }
}
