//! The admin socket of a running server: `fanfare notify` and `fanfare stats` speak to it, and so
//! may any program of the same user.
//!
//! # The wire
//!
//! A Unix stream socket. Each line that comes is a command, one JSON object; each command is
//! answered with one line, in order: `{"ok":true,...}`, or
//! `{"error":{"code":"...","text":"..."}}`, which means that nothing was done. The codes are the
//! engine's; the text names the field. An unknown field, or one given twice, is an error, too.
//!
//! | `op` | fields | answer |
//! |---|---|---|
//! | `notify` | `method`, `params`?, `context`?, `to`? | `matched`: how many subscriptions it reached (for events: sessions) |
//! | `stats` | | `engine`: the engine's numbers; over HTTP also `http`: what is open |
//! | `sessions` | `max`? (1,000) | `sessions`: who has said something and is still there, the oldest first; `more`: how many were left out |
//!
//! `to` is `{"session":N}`, `{"session":N,"request":ID}`, `{"except":N}` or `{"principal":"..."}`;
//! without it everybody may hear. A method is one of `notifications/...`, so that a typing error
//! is not sent to clients.
//!
//! # Bounds
//!
//! A command has at most [`MAX_LINE_BYTES`]; a longer one is answered with an error. There are at
//! most [`MAX_CONNECTIONS`]; one more is told so and closed. A connection on which no command is
//! completed for [`PATIENCE`], or an answer is not read for as long, is closed.

mod commands;
mod place;
mod roster;

use std::io::Write as _;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use fanfare::framing::{Line, Lines};
use fanfare_cli::http::Meter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, timeout, timeout_at};

use super::app::Server;
use crate::jsonl::{Answer, Failure};
use commands::Desk;
use place::Place;
pub(crate) use roster::Roster;

/// The longest command, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// How many connections there may be at once.
const MAX_CONNECTIONS: usize = 8;

/// How long a command may take to come, and an answer to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait where the system has no descriptor for one more connection.
const SHORTAGE: Duration = Duration::from_millis(50);

/// An admin socket that is served. Dropped, it is closed and taken away.
pub(crate) struct Admin {
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Let go of when the thread has ended.
    _place: Place,
}

/// Serves commands to that server at `path`, on a thread of its own. The meter is that of its HTTP
/// transport, if it has one. Sessions are known from then on.
pub(crate) fn start(
    path: &Path,
    server: &Arc<Server>,
    meter: Option<Meter>,
) -> anyhow::Result<Admin> {
    let shown = path.display();
    server.keep_roster();
    let desk = Desk::new(Arc::clone(server), meter);
    start_with(path, desk, PATIENCE).with_context(|| format!("--admin {shown}"))
}

fn start_with(path: &Path, desk: Desk, patience: Duration) -> anyhow::Result<Admin> {
    let (place, listener) = Place::take(path)?;
    listener.set_nonblocking(true).context("cannot set up the socket")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up a poll")?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("admin".to_owned())
        .spawn(move || {
            // What is still being said is cut off when these are dropped.
            let tasks = LocalSet::new();
            tasks.block_on(&runtime, async {
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, Rc::new(desk), patience) => {}
                }
            });
        })
        .context("cannot start a thread")?;
    Ok(Admin { stop: Some(stop), thread: Some(thread), _place: place })
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that has been said on stderr.
            drop(thread.join());
        }
    }
}

async fn accept(listener: StdListener, desk: Rc<Desk>, patience: Duration) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return desk.complain(&format!("the admin socket cannot be polled: {error}")),
    };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(SHORTAGE).await;
            continue;
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let desk = Rc::clone(&desk);
                drop(spawn_local(async move {
                    converse(&desk, stream, patience).await;
                    drop(place);
                }));
            }
            Err(_) => refuse(stream),
        }
    }
}

/// Tells one that came when there was no place. It is not waited for.
fn refuse(stream: UnixStream) {
    let why = format!("{MAX_CONNECTIONS} connections are open, and no more may");
    let answer = line(&Failure::new("LIMIT", why).into());
    if let Ok(mut stream) = stream.into_std() {
        // There is room for a line in a socket that nothing was written to.
        drop(stream.write(&answer));
    }
}

/// Answers commands until one side has had enough.
async fn converse(desk: &Desk, mut stream: UnixStream, patience: Duration) {
    let mut lines = Lines::new(MAX_LINE_BYTES);
    let mut piece = vec![0; 16 << 10];
    let mut deadline = Instant::now() + patience;
    loop {
        let read = match timeout_at(deadline, stream.read(&mut piece)).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => return,
            Err(_) => {
                let why = format!("no command was completed for {patience:?}");
                say(&mut stream, &Failure::new("LIMIT", why).into(), patience).await;
                return;
            }
        };
        // The last line may lack its end.
        lines.feed(if read == 0 { b"\n" } else { &piece[..read] });
        while let Some(line) = lines.next() {
            let answer = match line {
                Line::Message(command) => desk.answer(command),
                Line::TooLong => {
                    let why = format!("a command may have at most {MAX_LINE_BYTES} bytes");
                    Failure::new("LIMIT", why).into()
                }
            };
            if !say(&mut stream, &answer, patience).await {
                return;
            }
            deadline = Instant::now() + patience;
        }
        if read == 0 {
            return;
        }
    }
}

/// Whether the other side took it.
async fn say(stream: &mut UnixStream, answer: &Answer, patience: Duration) -> bool {
    matches!(timeout(patience, stream.write_all(&line(answer))).await, Ok(Ok(())))
}

fn line(answer: &Answer) -> Vec<u8> {
    let mut line = serde_json::to_vec(answer).expect("texts and numbers always serialise");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixStream;

    use fanfare::{Hooks, Level};
    use serde_json::Value;

    use super::*;
    use crate::serve::app::Running;
    use crate::serve::catalog::Catalog;
    use crate::serve::log::Log;

    const SHORT: Duration = Duration::from_millis(30);

    fn server(folder: &Path) -> Running {
        let catalog = Catalog::new(folder, 10).unwrap();
        let log = Log::start(Level::Error).unwrap();
        Server::start(catalog, 1, log, Hooks::new()).unwrap()
    }

    /// A client that is silent, however it is.
    #[test]
    fn who_is_silent_is_told_so_and_closed() {
        let folder = tempfile::tempdir().unwrap();
        let running = server(folder.path());
        let path = folder.path().join(".admin");
        let desk = Desk::new(Arc::clone(&running.server), None);
        let admin = start_with(&path, desk, SHORT).unwrap();
        for said in ["", r#"{"op":"#, "\n\n\n"] {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
            let lines: Vec<_> = BufReader::new(stream).lines().map(Result::unwrap).collect();
            let [line] = &lines[..] else { panic!("{said:?}: {lines:?}") };
            let answer: Value = serde_json::from_str(line).unwrap();
            assert_eq!(answer["error"]["code"], "LIMIT");
            assert_eq!(answer["error"]["text"], "no command was completed for 30ms");
        }
        drop(admin);
        assert!(!path.exists());
    }

    /// A client that says something all the time, and completes nothing. It is given long enough
    /// that a busy machine does not make it silent.
    #[test]
    fn who_drips_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let running = server(folder.path());
        let path = folder.path().join(".admin");
        let desk = Desk::new(Arc::clone(&running.server), None);
        let _admin = start_with(&path, desk, Duration::from_millis(500)).unwrap();
        let mut stream = UnixStream::connect(&path).unwrap();
        let start = std::time::Instant::now();
        // Until it is closed: each byte would begin the time anew if it counted.
        while stream.write_all(b" ").is_ok() {
            std::thread::yield_now();
            assert!(start.elapsed() < Duration::from_secs(20), "it is never closed");
        }
    }
}
