//! Ways of telling many of one change, all on one thread: the engine, and what is used without one.
//!
//! The channels do less: they filter nothing, tag nothing and hand out what is shared.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::ensure;
use fanfare::{Batch, Config, Engine, Profile, Raise, SessionParams};
use serde_json::json;
use tokio::sync::{broadcast, mpsc};

/// What changes, and all listen to.
const SHARED: &str = "file:///srv/data/shared.json";

/// How many resources the sessions listen to beside the shared one, three each.
const OTHERS: usize = 1000;

/// How many frames are taken out of the engine at a time.
const BATCH: usize = 1024;

/// How many messages fit into a channel.
const ROOM: usize = 16;

/// One way, with its receivers.
pub(super) trait Means {
    /// Tells all of one change, and has all take it. How many took it.
    fn round(&mut self) -> anyhow::Result<usize>;
}

/// Opens one way with that many receivers.
pub(super) type Open = fn(usize) -> anyhow::Result<Box<dyn Means>>;

/// The name of ours.
pub(super) const OURS: &str = "fanfare";

/// What it is measured beside.
pub(super) static PEERS: [(&str, Open); 3] = [
    ("tokio broadcast", |count| Ok(Box::new(Broadcast::new(count)))),
    ("tokio mpsc each, Arc", |count| Ok(Box::new(Channels::new(count)))),
    ("serde_json for each sink", |count| Ok(Box::new(Sinks::new(count)))),
];

/// The engine, with modern sessions that listen to four resources each under ids of their own.
pub(super) struct Fanfare {
    engine: Engine,
    batch: Batch,
}

impl Fanfare {
    pub(super) fn new(count: usize) -> anyhow::Result<Self> {
        let mut config = Config::default();
        config.set("engine.max_sessions", &count.to_string())?;
        config.set("engine.max_subscriptions", &(4 * count).to_string())?;
        let mut ours = Self { engine: Engine::new(config), batch: Batch::new() };
        for at in 0..count {
            let session = ours.engine.open(SessionParams::new(Profile::Modern))?;
            let other = |n| format!("file:///srv/other/{}", (at * 3 + n) % OTHERS);
            let filter = json!({ "resourceSubscriptions": [other(0), SHARED, other(1), other(2)] });
            ours.engine.listen(session, None, &at.to_string(), &filter.to_string())?;
        }
        ensure!(ours.drain()? == count, "an acknowledgment is missing");
        Ok(ours)
    }

    fn drain(&mut self) -> anyhow::Result<usize> {
        let mut frames = 0;
        while let taken @ 1.. = self.engine.recv(None, BATCH, &mut self.batch)? {
            frames += taken;
            black_box(&self.batch);
        }
        Ok(frames)
    }
}

impl Means for Fanfare {
    fn round(&mut self) -> anyhow::Result<usize> {
        self.engine.notify_resource_updated(SHARED, &Raise::ALL)?;
        self.drain()
    }
}

/// The change as a message that is made once.
fn body() -> Arc<str> {
    message().to_string().into()
}

fn message() -> serde_json::Value {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/resources/updated",
        "params": { "uri": SHARED },
    })
}

/// One channel that all receive from.
struct Broadcast {
    sender: broadcast::Sender<Arc<str>>,
    receivers: Vec<broadcast::Receiver<Arc<str>>>,
    body: Arc<str>,
}

impl Broadcast {
    fn new(count: usize) -> Self {
        let (sender, _) = broadcast::channel(ROOM);
        let receivers = (0..count).map(|_| sender.subscribe()).collect();
        Self { sender, receivers, body: body() }
    }
}

impl Means for Broadcast {
    fn round(&mut self) -> anyhow::Result<usize> {
        self.sender.send(Arc::clone(&self.body))?;
        for receiver in &mut self.receivers {
            black_box(receiver.try_recv()?);
        }
        Ok(self.receivers.len())
    }
}

/// A channel for each receiver, as many servers have it.
struct Channels {
    senders: Vec<mpsc::Sender<Arc<str>>>,
    receivers: Vec<mpsc::Receiver<Arc<str>>>,
    body: Arc<str>,
}

impl Channels {
    fn new(count: usize) -> Self {
        let (senders, receivers) = (0..count).map(|_| mpsc::channel(ROOM)).unzip();
        Self { senders, receivers, body: body() }
    }
}

impl Means for Channels {
    fn round(&mut self) -> anyhow::Result<usize> {
        for sender in &self.senders {
            sender.try_send(Arc::clone(&self.body))?;
        }
        for receiver in &mut self.receivers {
            black_box(receiver.try_recv()?);
        }
        Ok(self.receivers.len())
    }
}

/// A loop over the clients that serialises the message for each.
struct Sinks(Vec<Vec<Vec<u8>>>);

impl Sinks {
    fn new(count: usize) -> Self {
        Self(vec![Vec::new(); count])
    }
}

impl Means for Sinks {
    fn round(&mut self) -> anyhow::Result<usize> {
        for sink in &mut self.0 {
            sink.push(serde_json::to_vec(&message())?);
        }
        Ok(self.0.iter_mut().filter_map(|sink| black_box(sink.pop())).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_means_reaches_all_each_time() {
        let mut all = vec![Box::new(Fanfare::new(30).unwrap()) as Box<dyn Means>];
        all.extend(PEERS.iter().map(|(_, open)| open(30).unwrap()));
        for means in &mut all {
            // More rounds than a channel has room, so what is not taken would be noticed.
            for _ in 0..2 * ROOM {
                assert_eq!(means.round().unwrap(), 30);
            }
        }
    }
}
