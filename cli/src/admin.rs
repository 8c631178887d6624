//! The other end of a server's admin socket: one command, one answer. What is spoken there,
//! `serve::admin` says.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::{Map, Value};

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// Has the server at `path` do something; yields the members of its answer. A refusal is an error
/// that has its code and text.
pub(crate) fn ask(path: &Path, command: &impl Serialize) -> anyhow::Result<Map<String, Value>> {
    let answer = exchange(path, command).with_context(|| format!("--admin {}", path.display()))?;
    let mut answer: Map<String, Value> =
        serde_json::from_slice(&answer).context("the server's answer is no JSON object")?;
    if let Some(error) = answer.get("error") {
        let part = |name| error.get(name).and_then(Value::as_str).unwrap_or("?");
        bail!("the server refuses: {}: {}", part("code"), part("text"));
    }
    match answer.remove("ok") {
        Some(Value::Bool(true)) => Ok(answer),
        _ => bail!("the server's answer says neither ok nor error"),
    }
}

fn exchange(path: &Path, command: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("no server is there: nothing has that name"),
        ErrorKind::ConnectionRefused => anyhow::anyhow!("no server is there: nobody listens"),
        _ => anyhow::Error::new(error).context("cannot connect"),
    })?;
    stream.set_read_timeout(Some(PATIENCE)).context("cannot limit the time")?;
    stream.set_write_timeout(Some(PATIENCE)).context("cannot limit the time")?;
    let mut line = serde_json::to_vec(command).context("cannot write the command")?;
    line.push(b'\n');
    match stream.write_all(&line) {
        // A server that takes nothing has said why.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            return Err(error).context("cannot send the command");
        }
        _ => {}
    }
    let mut answer = Vec::new();
    let mut reader = BufReader::new(stream).take(MAX_ANSWER_BYTES);
    match reader.read_until(b'\n', &mut answer) {
        Err(error) if is_late(&error) => bail!("the server does not answer within {PATIENCE:?}"),
        Err(error) => return Err(error).context("cannot read the answer"),
        Ok(_) if answer.ends_with(b"\n") => {}
        Ok(_) => bail!("the server went away before it answered"),
    }
    Ok(answer)
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
