//! One client over stdin and stdout.
//!
//! Three threads: one reads stdin and takes each line in, one takes the engine's frames out and
//! writes them, and the one that called waits for the end. A stdout that nobody reads blocks the
//! writer alone, and, once too much is queued, the reader: so a client that asks without reading
//! is not served for ever out of our memory (R76).

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fanfare::framing::{Line, Lines};
use fanfare::{Batch, Config, EndReason, Framing, Level, Profile, SessionId, SessionParams};

use super::app::{Running, Server};
use crate::signals;

/// Beyond so many bytes of queued output nothing more is read.
const MAX_UNREAD_BYTES: u64 = 4 << 20;

/// How many frames are written at once.
const WRITE_FRAMES: usize = 64;

/// How long calls may go on once the client has closed its end.
const CALL_GRACE: Duration = Duration::from_secs(1);

/// How long the last words may take to be written.
const WRITE_GRACE: Duration = Duration::from_secs(1);

/// What ends the serving.
#[derive(Debug)]
pub(crate) enum End {
    /// The client closed stdin: it will ask nothing more.
    Eof,
    /// Reading failed.
    ReadFailed(io::Error),
    /// Everything is written, and the session is gone.
    Written,
    /// Writing failed.
    WriteFailed(io::Error),
    /// The session ended by itself.
    Session(EndReason),
    /// Somebody wants us to stop.
    Signal(&'static str),
}

/// The two ends of what [`serve`] waits on: made before the server, whose hooks write to it.
pub(crate) fn ends() -> (Sender<End>, Receiver<End>) {
    channel()
}

/// Serves until one side has had enough.
pub(crate) fn serve(
    running: &Running,
    ends: (Sender<End>, Receiver<End>),
) -> anyhow::Result<ExitCode> {
    let (send, ends) = ends;
    let server = &running.server;
    let params = SessionParams::new(Profile::Auto)
        .framing(Framing::Ndjson)
        .capabilities(Server::capabilities());
    let session = server.engine().open(params).context("cannot open a session")?;
    let gate = Arc::new(Gate::default());

    let signalled = send.clone();
    signals::on_stop(move |signal| drop(signalled.send(End::Signal(signal))))?;
    let writer = Writer { server: Arc::clone(server), session, gate: Arc::clone(&gate) };
    let written = send.clone();
    thread("writer", move || drop(written.send(writer.run())))?;
    let reader = Reader { server: Arc::clone(server), session, gate };
    thread("reader", move || drop(send.send(reader.run())))?;

    let end = ends.recv().context("reader and writer are gone")?;
    match end {
        End::Eof => server.log().say(Level::Info, "stdin is closed"),
        End::Signal(signal) => server.log().say(Level::Info, signal),
        // The client is gone, and does not care for the rest.
        End::WriteFailed(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            server.log().say(Level::Info, "stdout is closed");
            return Ok(ExitCode::SUCCESS);
        }
        End::WriteFailed(error) => return Err(error).context("cannot write to stdout"),
        End::ReadFailed(error) => return Err(error).context("cannot read from stdin"),
        End::Session(reason) => anyhow::bail!("the session ended: {}", reason.as_str()),
        End::Written => anyhow::bail!("the session ended"),
    }
    // Who has closed its end may still read the answers to what it asked; who sends a signal
    // does not want to wait for them.
    let grace = if matches!(end, End::Eof) { CALL_GRACE } else { Duration::ZERO };
    if !server.calls().wait_idle(Instant::now() + grace) {
        server.calls().cancel_all();
    }
    farewell(server, session, &ends)
}

/// Ends the session in the way of the protocol (R48), and waits until that is written.
fn farewell(server: &Server, session: SessionId, ends: &Receiver<End>) -> anyhow::Result<ExitCode> {
    let deadline = Instant::now() + WRITE_GRACE;
    if let Err(error) = server.engine().end(session, EndReason::Shutdown) {
        server.log().say(Level::Debug, &format!("nothing to end: {error}"));
    }
    // If nothing was queued, nothing woke the writer.
    server.engine().wakeup();
    loop {
        match ends.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(End::Written) => return Ok(ExitCode::SUCCESS),
            Ok(End::WriteFailed(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            Ok(End::WriteFailed(error)) => return Err(error).context("cannot write to stdout"),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                anyhow::bail!("stdout is not read: the last messages are lost")
            }
        }
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .context("cannot start a thread")?;
    Ok(())
}

/// Keeps the reader out while too much is queued.
#[derive(Default)]
struct Gate {
    lock: Mutex<()>,
    written: Condvar,
}

impl Gate {
    /// Waits while `full`, which is asked again after each writing.
    fn wait_while(&self, full: impl Fn() -> bool) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.written.wait_while(guard, |()| full()).unwrap_or_else(PoisonError::into_inner));
    }

    /// Something has been written.
    fn open(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.written.notify_all();
    }
}

struct Reader {
    server: Arc<Server>,
    session: SessionId,
    gate: Arc<Gate>,
}

impl Reader {
    /// Takes lines in until there are no more.
    fn run(self) -> End {
        let limit = Config::default().value("message.max_bytes").ok().and_then(|v| v.parse().ok());
        let mut lines = Lines::new(limit.unwrap_or(4 << 20));
        let mut stdin = io::stdin().lock();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => {
                    // The last line may lack its end.
                    lines.feed(b"\n");
                    self.take_all(&mut lines);
                    return End::Eof;
                }
                Ok(read) => {
                    lines.feed(&buffer[..read]);
                    self.take_all(&mut lines);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return End::ReadFailed(error),
            }
        }
    }

    fn is_full(&self) -> bool {
        let stats = self.server.engine().session_stats(self.session);
        stats.is_ok_and(|stats| stats.queued_bytes > MAX_UNREAD_BYTES)
    }

    fn take_all(&self, lines: &mut Lines) {
        while let Some(line) = lines.next() {
            self.gate.wait_while(|| self.is_full());
            let taken = match line {
                Line::Message(message) => self.server.take(self.session, None, message),
                Line::TooLong => {
                    self.server.engine().receive_too_long(self.session, None).map(|_| ())
                }
            };
            if let Err(error) = taken {
                self.server.log().say(Level::Debug, &format!("a message was not taken: {error}"));
            }
        }
    }
}

struct Writer {
    server: Arc<Server>,
    session: SessionId,
    gate: Arc<Gate>,
}

impl Writer {
    /// Writes frames until the session is gone and nothing is left of it.
    fn run(self) -> End {
        let engine = self.server.engine();
        let mut stdout = io::stdout().lock();
        let (mut batch, mut bytes) = (Batch::new(), Vec::new());
        loop {
            let taken = engine.recv(Some(self.session), WRITE_FRAMES, &mut batch);
            bytes.clear();
            batch.iter().for_each(|frame| bytes.extend_from_slice(frame.data));
            match taken {
                Ok(0) => drop(engine.wait(None)),
                Ok(_) => {
                    if let Err(error) = stdout.write_all(&bytes).and_then(|()| stdout.flush()) {
                        return End::WriteFailed(error);
                    }
                    self.gate.open();
                }
                Err(_) => return End::Written,
            }
        }
    }
}
