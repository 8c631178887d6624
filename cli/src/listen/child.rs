//! A server as a child process: a wire over its stdin and stdout, and a decent end.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fanfare::framing::{Line, Lines};
use serde_json::Value;

use super::client::{Incoming, Wire};

/// The longest line that is taken from a server.
const MAX_LINE_BYTES: usize = 64 << 20;

/// How long a server may take to leave once it is asked to, in each of the two ways.
const PATIENCE: Duration = Duration::from_secs(2);

/// A child process that speaks JSON-RPC. When it is dropped without [`finish`](Self::finish), it
/// is killed.
pub(crate) struct ChildWire {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    incoming: Receiver<Incoming>,
    sender: Sender<Incoming>,
    closed: bool,
}

impl ChildWire {
    /// Starts the command; its stderr is ours.
    pub(crate) fn spawn(command: &[OsString]) -> anyhow::Result<Self> {
        let (program, arguments) = command.split_first().context("there is no command to start")?;
        let name = program.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            // Ctrl-C on the terminal is for us; the child is told to leave by us.
            command.process_group(0);
        }
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("the child has no stdout")?;
        let (sender, incoming) = channel();
        let lines = sender.clone();
        std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || read_lines(stdout, &lines))
            .context("cannot start a thread")?;
        Ok(Self { name, child, stdin, incoming, sender, closed: false })
    }

    /// What makes [`next`](Wire::next) return when the user wants to stop.
    pub(crate) fn stopper(&self) -> impl Fn() + Send + 'static {
        let sender = self.sender.clone();
        move || drop(sender.send(Incoming::Stop))
    }

    /// Asks the child to leave by closing its stdin, then by SIGTERM, then makes it go.
    pub(crate) fn finish(mut self) -> anyhow::Result<ExitStatus> {
        self.stdin = None;
        if let Some(status) = self.wait(PATIENCE)? {
            return Ok(status);
        }
        self.terminate()?;
        if let Some(status) = self.wait(PATIENCE)? {
            return Ok(status);
        }
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Asks the child to leave by SIGTERM; what it still says can be heard.
    pub(crate) fn terminate(&mut self) -> anyhow::Result<()> {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process};
            // It has not been waited for, so the number is still its own.
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            let pid = pid.context("the child has no process id")?;
            kill_process(pid, Signal::TERM)
                .with_context(|| format!("cannot stop {}", self.name))?;
        }
        Ok(())
    }

    /// Waits for the child's end for a while.
    fn wait(&mut self, patience: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        loop {
            let status =
                self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            // There is no portable way to wait for an end and a time at once.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ChildWire {
    fn drop(&mut self) {
        // Both fail when it has been waited for, and then all is well.
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

impl Wire for ChildWire {
    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("the server's stdin is closed")?;
        let line = format!("{message}\n");
        match stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()) {
            // It is gone, which its stdout will tell; there may be last words there.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            done => done.with_context(|| format!("cannot write to {}", self.name)),
        }
    }

    fn next(&mut self, deadline: Option<Instant>) -> anyhow::Result<Option<Incoming>> {
        if self.closed {
            return Ok(Some(Incoming::Closed));
        }
        let incoming = match deadline {
            None => self.incoming.recv().ok(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                match self.incoming.recv_timeout(left) {
                    Ok(incoming) => Some(incoming),
                    Err(RecvTimeoutError::Timeout) => return Ok(None),
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            }
        };
        let incoming = incoming.unwrap_or(Incoming::Closed);
        self.closed = matches!(incoming, Incoming::Closed);
        Ok(Some(incoming))
    }
}

/// Cuts what the child writes into lines, until it writes no more.
fn read_lines(mut stdout: ChildStdout, to: &Sender<Incoming>) {
    let mut lines = Lines::new(MAX_LINE_BYTES);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match stdout.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        // The last line may lack its end.
        lines.feed(if read == 0 { b"\n" } else { &buffer[..read] });
        while let Some(line) = lines.next() {
            let incoming = match line {
                Line::Message(line) => Incoming::Line(line.to_vec()),
                Line::TooLong => Incoming::TooLong,
            };
            if to.send(incoming).is_err() {
                return;
            }
        }
        if read == 0 {
            drop(to.send(Incoming::Closed));
            return;
        }
    }
}
