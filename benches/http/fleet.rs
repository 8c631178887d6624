//! The load client: as many streams of one server, all read by one thread.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::dial::{Dialect, dial};
use crate::server::Server;
use crate::{MARK, URIS, uri};

/// How long a delivery may take before something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Faster than this, all events are raised before a server that was put off for a moment has sent the
/// first: then that merges with the next one of its resource.
const LEAST_PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Fleet {
    epoll: OwnedFd,
    conns: Vec<Conn>,
    /// Events of all.
    heard: u64,
    /// Events that each should have heard.
    asked: u64,
    ready: Vec<Event>,
    buffer: Vec<u8>,
}

struct Conn {
    socket: TcpStream,
    heard: u64,
}

impl Fleet {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            conns: Vec::new(),
            heard: 0,
            asked: 0,
            ready: Vec::with_capacity(256),
            buffer: vec![0; 256 << 10],
        })
    }

    /// Opens streams until there are as many. Nothing may have been raised before.
    pub(crate) fn grow(
        &mut self,
        server: &Server,
        dialect: Dialect,
        n: usize,
        uris: usize,
    ) -> anyhow::Result<()> {
        while self.conns.len() < n {
            let ix = self.conns.len();
            let socket = dial(server.address, server.path, dialect, uris)
                .with_context(|| format!("connection {ix} of {}", server.name))?;
            socket.set_nonblocking(true)?;
            epoll::add(&self.epoll, &socket, EventData::new_u64(ix as u64), EventFlags::IN)?;
            self.conns.push(Conn { socket, heard: 0 });
        }
        Ok(())
    }

    /// Waits for something to come, and reads it: `on` is called with how many events a connection
    /// has had, how many came, and the text.
    fn turn(
        &mut self,
        timeout: Duration,
        mut on: impl FnMut(usize, u64, u64, &[u8]),
    ) -> anyhow::Result<()> {
        let timeout = Timespec::try_from(timeout)?;
        self.ready.clear();
        let room = rustix::buffer::spare_capacity(&mut self.ready);
        match epoll::wait(&self.epoll, room, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            other => other.map(drop)?,
        }
        for event in &self.ready {
            let ix = usize::try_from(event.data.u64())?;
            let conn = &mut self.conns[ix];
            let taken = match rustix::io::read(&conn.socket, self.buffer.as_mut_slice()) {
                Ok(0) => bail!("the server closed connection {ix}"),
                Ok(taken) => taken,
                Err(rustix::io::Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            };
            let text = &self.buffer[..taken];
            let events = memchr::memchr_iter(MARK, text).count() as u64;
            on(ix, conn.heard, events, text);
            conn.heard += events;
            self.heard += events;
        }
        Ok(())
    }

    /// Waits until each has had so many events more.
    fn gather(
        &mut self,
        each: u64,
        mut on: impl FnMut(usize, u64, u64, &[u8]),
    ) -> anyhow::Result<()> {
        self.asked += each;
        let target = self.asked * self.conns.len() as u64;
        let late = Instant::now() + PATIENCE;
        while self.heard < target {
            self.turn(Duration::from_secs(1), &mut on)?;
            ensure!(Instant::now() < late, "{} events are missing", target - self.heard);
        }
        self.verify()
    }

    /// Whether each has had its own, and no other's in its place.
    fn verify(&self) -> anyhow::Result<()> {
        for (ix, conn) in self.conns.iter().enumerate() {
            let (heard, asked) = (conn.heard, self.asked);
            ensure!(heard == asked, "connection {ix} has {heard} events of {asked}");
        }
        Ok(())
    }

    /// Raises all events once, and looks at what comes: each event once on each connection, in the
    /// order in which they were raised.
    pub(crate) fn check(&mut self, server: &mut Server) -> anyhow::Result<()> {
        let mut texts = vec![Vec::new(); self.conns.len()];
        server.raise(0, URIS)?;
        self.gather(URIS as u64, |ix, _, _, text| texts[ix].extend_from_slice(text))?;
        server.settle()?;
        for (ix, text) in texts.iter().enumerate() {
            let mut from = 0;
            for number in 0..URIS {
                let uri = uri(number);
                let at = memchr::memmem::find(&text[from..], uri.as_bytes())
                    .with_context(|| format!("connection {ix} has not heard of {uri} in turn"))?;
                from += at + uri.len();
            }
        }
        Ok(())
    }

    /// Raises so many events, waits until all have them, and does so again for so long. How many
    /// deliveries that were, how long it took, and how long the server was at it.
    pub(crate) fn load(
        &mut self,
        server: &mut Server,
        outstanding: usize,
        turn: Duration,
    ) -> anyhow::Result<Load> {
        let (cpu, begun, before) = (server.cpu_time()?, Instant::now(), self.heard);
        let mut next = 0;
        while begun.elapsed() < turn {
            server.raise(next, outstanding)?;
            next = (next + outstanding) % URIS;
            self.gather(outstanding as u64, |_, _, _, _| ())?;
        }
        let (wall, deliveries) = (begun.elapsed(), self.heard - before);
        server.settle()?;
        let cpu = server.cpu_time()? - cpu;
        Ok(Load {
            per_second: deliveries as f64 / wall.as_secs_f64(),
            cpu_us: cpu.as_secs_f64() * 1e6 / deliveries as f64,
        })
    }

    /// Raises one event as often as there are different ones, then another one, and says how many
    /// deliveries of the first a connection has had.
    pub(crate) fn merged(&mut self, server: &mut Server) -> anyhow::Result<f64> {
        let last = uri(URIS - 1).into_bytes();
        let mut tails = vec![Vec::new(); self.conns.len()];
        let (mut ended, before) = (0, self.heard);
        server.repeat(URIS)?;
        server.raise(URIS - 1, 1)?;
        let late = Instant::now() + PATIENCE;
        while ended < self.conns.len() {
            self.turn(Duration::from_secs(1), |ix, _, _, text| {
                let tail: &mut Vec<u8> = &mut tails[ix];
                tail.extend_from_slice(text);
                ended += usize::from(memchr::memmem::find(tail, &last).is_some());
            })?;
            ensure!(Instant::now() < late, "an event is missing");
        }
        let n = self.conns.len() as u64;
        let heard = self.heard - before - n;
        // Whatever came, the next gathering begins from here.
        for conn in &mut self.conns {
            conn.heard = self.asked;
        }
        self.heard = self.asked * n;
        Ok(heard as f64 / n as f64)
    }

    /// Raises events at a pace at which all have so many deliveries a second together, and notes
    /// how long each took, in ns. With each, `also` has the server do something else.
    pub(crate) fn paced(
        &mut self,
        server: &mut Server,
        per_second: usize,
        turn: Duration,
        took: &mut Histogram<u64>,
        mut also: impl FnMut(&mut Server) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let pause = Duration::from_secs(self.conns.len() as u64) / u32::try_from(per_second)?;
        let pause = pause.max(LEAST_PAUSE);
        let (begun, first) = (Instant::now(), self.asked);
        let mut raised: Vec<Instant> = Vec::new();
        while begun.elapsed() < turn {
            raised.push(Instant::now());
            server.raise((raised.len() - 1) % URIS, 1)?;
            also(server)?;
            let next = begun + pause * u32::try_from(raised.len())?;
            loop {
                let left = next.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                self.turn(left, |_, had, came, _| note(&raised, had - first, came, took))?;
            }
        }
        self.gather(raised.len() as u64, |_, had, came, _| {
            note(&raised, had - first, came, took);
        })?;
        server.settle()
    }
}

/// Events of one connection come in the order in which they were raised.
fn note(raised: &[Instant], had: u64, came: u64, took: &mut Histogram<u64>) {
    let now = Instant::now();
    for ix in had..had + came {
        let nanos = now.duration_since(raised[ix as usize]).as_nanos() as u64;
        took.saturating_record(nanos);
    }
}

/// What a server did under load.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
}
