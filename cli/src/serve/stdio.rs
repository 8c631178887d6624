//! One client over stdin and stdout.
//!
//! Three threads: one reads stdin and takes each line in, one takes the engine's frames out and
//! writes them, and the one that called waits for the end. A stdout that nobody reads blocks the
//! writer alone, and, once too much is queued, those who would queue more: so a client that asks
//! without reading is not served for ever out of our memory (R76).

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fanfare::framing::{Line, Lines};
use fanfare::{Batch, Config, EndReason, Framing, Level, Profile, SessionId, SessionParams};

use super::app::{Running, Server};
use crate::signals;

/// How many frames are written at once.
const WRITE_FRAMES: usize = 64;

/// How long nothing may be written at the end while there is something to wait for.
const STILL_GRACE: Duration = Duration::from_secs(1);

/// How long the end may take in all.
const END_GRACE: Duration = Duration::from_secs(10);

/// How much is written before the writing counts as going on.
const WRITE_PIECE: usize = 64 << 10;

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

    let signalled = send.clone();
    signals::on_stop(move |signal| drop(signalled.send(End::Signal(signal))))?;
    let pieces = Arc::new(AtomicU64::new(0));
    let writer = Writer { server: Arc::clone(server), session, pieces: Arc::clone(&pieces) };
    let written = send.clone();
    thread("writer", move || drop(written.send(writer.run())))?;
    let reader = Reader { server: Arc::clone(server), session };
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
        End::Written => match ends.recv_timeout(STILL_GRACE) {
            Ok(End::Session(reason)) => anyhow::bail!("the session ended: {}", reason.as_str()),
            _ => anyhow::bail!("the session ended"),
        },
    }
    let mut patience = Patience::new(&pieces);
    // Who has closed its end may still read the answers to what it asked; who sends a signal
    // does not want to wait for them.
    let waits = matches!(end, End::Eof);
    while !server
        .calls()
        .wait_idle(Instant::now() + if waits { STILL_GRACE } else { Duration::ZERO })
    {
        if !waits || !patience.goes_on() {
            server.calls().cancel_all();
            break;
        }
    }
    farewell(server, session, &ends, patience)
}

/// Ends the session in the way of the protocol (R48), and waits until that is written: as long as
/// somebody reads, and within bounds.
fn farewell(
    server: &Server,
    session: SessionId,
    ends: &Receiver<End>,
    mut patience: Patience<'_>,
) -> anyhow::Result<ExitCode> {
    if let Err(error) = server.engine().end(session, EndReason::Shutdown) {
        server.log().say(Level::Debug, &format!("nothing to end: {error}"));
    }
    // If nothing was queued, nothing woke the writer.
    server.engine().wakeup();
    loop {
        match ends.recv_timeout(STILL_GRACE) {
            Ok(End::Written) => return Ok(ExitCode::SUCCESS),
            Ok(End::WriteFailed(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            Ok(End::WriteFailed(error)) => return Err(error).context("cannot write to stdout"),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                if !patience.goes_on() {
                    anyhow::bail!("stdout is not read: the last messages are lost");
                }
            }
        }
    }
}

/// Waits longer as long as something is written, but not for ever.
struct Patience<'a> {
    pieces: &'a AtomicU64,
    before: u64,
    last: Instant,
}

impl<'a> Patience<'a> {
    fn new(pieces: &'a AtomicU64) -> Self {
        Self { pieces, before: pieces.load(Ordering::Relaxed), last: Instant::now() + END_GRACE }
    }

    /// Whether something was written since this was asked last, and there is time left.
    fn goes_on(&mut self) -> bool {
        let now = self.pieces.load(Ordering::Relaxed);
        let moved = now != self.before;
        self.before = now;
        moved && Instant::now() < self.last
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .context("cannot start a thread")?;
    Ok(())
}

struct Reader {
    server: Arc<Server>,
    session: SessionId,
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

    fn take_all(&self, lines: &mut Lines) {
        while let Some(line) = lines.next() {
            self.server.room().when_free(self.server.engine(), self.session, || ());
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
    /// How many pieces were written, so that others see that it goes on.
    pieces: Arc<AtomicU64>,
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
            self.server.room().drained();
            match taken {
                Ok(0) => drop(engine.wait(None)),
                Ok(_) => {
                    for piece in bytes.chunks(WRITE_PIECE) {
                        if let Err(error) = stdout.write_all(piece).and_then(|()| stdout.flush()) {
                            return End::WriteFailed(error);
                        }
                        self.pieces.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(_) => return End::Written,
            }
        }
    }
}
