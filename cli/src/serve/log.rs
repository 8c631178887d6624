//! What the server has to say to its operator: lines on stderr. Stdout belongs to the protocol.
//!
//! A thread of its own writes them, for a parent that never reads our stderr must not be able to
//! hold up anything: what does not fit is dropped and counted.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use fanfare::Level;

/// How many lines may wait to be written.
const MAX_WAITING: usize = 256;

/// How long the last lines may take.
const FLUSH_GRACE: Duration = Duration::from_millis(500);

/// Says what is at least this serious.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    least: Level,
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Line {
    Text(String),
    /// Everything before has been written: says so.
    Flush(SyncSender<()>),
}

impl Log {
    pub(crate) fn start(least: Level) -> anyhow::Result<Self> {
        let (lines, waiting) = sync_channel(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&waiting, &counted))
            .context("cannot start a thread")?;
        Ok(Self { least, lines, lost })
    }

    /// Says it, on one line. Never waits.
    pub(crate) fn say(&self, level: Level, what: &str) {
        if level >= self.least {
            // What a client sent may stand in it: it is not to write to the terminal.
            let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let line = Line::Text(format!("fanfare: {level}: {what}\n"));
            if self.lines.try_send(line).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits, but not for long, until all that was said is written.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.lines.try_send(Line::Flush(done)).is_ok() {
            // Nobody reads stderr if it fails, and then nobody misses anything.
            let _written = written.recv_timeout(FLUSH_GRACE);
        }
    }
}

fn write_lines(waiting: &Receiver<Line>, lost: &AtomicU64) {
    let mut stderr = std::io::stderr();
    for line in waiting {
        match line {
            // Whoever closed stderr does not want to know.
            Line::Text(text) => drop(stderr.write_all(text.as_bytes())),
            Line::Flush(done) => drop(done.send(())),
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            drop(writeln!(stderr, "fanfare: {lost} lines were lost, for nobody read them in time"));
        }
    }
}
