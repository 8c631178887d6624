//! What a server of this kind comes down to: one epoll thread, a log that all clients share, the id
//! of each spliced in, and one write for each client and turn. It merges nothing, bounds nothing,
//! and knows no protocol.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

const LISTENER: u64 = u64::MAX;
const STDIN: u64 = u64::MAX - 1;

struct Client {
    socket: TcpStream,
    id: u32,
    /// How much of the log it has had.
    at: u32,
    rest: Vec<u8>,
}

pub(super) fn serve() -> anyhow::Result<()> {
    let (listener, poll) = (super::bind()?, epoll::create(CreateFlags::CLOEXEC)?);
    epoll::add(&poll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    epoll::add(&poll, std::io::stdin(), EventData::new_u64(STDIN), EventFlags::IN)?;
    let parts: Vec<_> = (0..crate::URIS).map(super::parts).collect();
    let (mut clients, mut log) = (Vec::<Client>::new(), Vec::<usize>::new());
    let mut ready = Vec::<Event>::with_capacity(256);
    let (mut events, mut wire, mut line) = (Vec::new(), Vec::new(), [0; 4096]);
    loop {
        ready.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut ready), None)?;
        for event in &ready {
            match event.data.u64() {
                LISTENER => {
                    let (mut socket, _) = listener.accept()?;
                    super::begin(&mut socket)?;
                    socket.set_nonblocking(true)?;
                    // Only a client that has not taken all is waited for.
                    let data = EventData::new_u64(clients.len() as u64);
                    epoll::add(&poll, &socket, data, EventFlags::OUT | EventFlags::ET)?;
                    let id = clients.len() as u32;
                    clients.push(Client { socket, id, at: 0, rest: Vec::new() });
                }
                STDIN => {
                    let taken = rustix::io::read(rustix::stdio::stdin(), &mut line)?;
                    if taken == 0 {
                        return Ok(());
                    }
                    // A line is shorter than a pipe writes at once, so none is cut.
                    for line in std::str::from_utf8(&line[..taken])?.lines() {
                        log.extend(super::events(line)?);
                    }
                }
                ix => clients[ix as usize].flush()?,
            }
        }
        for client in clients.iter_mut().filter(|client| client.rest.is_empty()) {
            events.clear();
            for &number in &log[client.at as usize..] {
                let (head, tail) = &parts[number];
                write!(events, "{head}{}{tail}", client.id)?;
            }
            client.at = log.len() as u32;
            if !events.is_empty() {
                wire.clear();
                write!(wire, "{:x}\r\n", events.len())?;
                wire.extend_from_slice(&events);
                wire.extend_from_slice(b"\r\n");
                client.write(&wire)?;
            }
        }
        if clients.iter().all(|client| client.at as usize == log.len()) {
            log.clear();
            clients.iter_mut().for_each(|client| client.at = 0);
        }
    }
}

impl Client {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let written = match self.socket.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            other => other?,
        };
        self.rest.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { Ok(()) } else { self.write(&rest) }
    }
}
