//! Servers of ours, each in a process of its own: fanfare, and the least that can be done.
//!
//! Each prints where it listens, and raises as it is told on standard input, a line at a time:
//! `raise FIRST COUNT` so many different events, `repeat COUNT` the first one so many times. It
//! ends with its standard input. fanfare also has something to say to a session that does not read:
//! `spill` something large, `fill` until some of that is dropped, and `dropped` asks how much was.

mod ours;
mod probe;
mod raw;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use anyhow::{Context as _, bail, ensure};

use crate::URIS;

pub(crate) fn serve(name: &str) -> anyhow::Result<()> {
    match name {
        "fanfare" => ours::serve(),
        "raw write(2) loop" => raw::serve(),
        "epoll probe" => probe::serve(),
        _ => bail!("there is no server {name}"),
    }
}

/// What a line says: which events to raise, one after another.
fn events(line: &str) -> anyhow::Result<Box<dyn Iterator<Item = usize>>> {
    let words: Vec<_> = line.split_whitespace().collect();
    Ok(match words[..] {
        ["raise", first, count] => {
            let (first, count): (usize, usize) = (first.parse()?, count.parse()?);
            Box::new((first..first + count).map(|number| number % URIS))
        }
        ["repeat", count] => Box::new(std::iter::repeat_n(0, count.parse()?)),
        _ => bail!("what is {line:?}?"),
    })
}

fn say(address: SocketAddr) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}")?;
    Ok(stdout.flush()?)
}

// ---- for those that know no protocol ----

fn bind() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // The standard library asks for 128 places.
    rustix::net::listen(&listener, 4096)?;
    say(listener.local_addr()?)?;
    Ok(listener)
}

/// Reads the request, whatever it is, and begins the stream.
fn begin(socket: &mut TcpStream) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let (mut head, mut byte) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        let taken = socket.read(&mut byte)?;
        ensure!(taken != 0, "the client has gone");
        head.extend_from_slice(&byte[..taken]);
    }
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                  Transfer-Encoding: chunked\r\n\r\n";
    socket.write_all(answer.as_bytes()).context("the head cannot be written")
}

/// What stands in an event, as ours has it, before and after the id of the subscription.
fn parts(number: usize) -> (String, &'static str) {
    let head = format!(
        r#"event: message
data: {{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":{:?},"_meta":{{"io.modelcontextprotocol/subscriptionId":"#,
        crate::uri(number)
    );
    (head, "}}}\n\n")
}
