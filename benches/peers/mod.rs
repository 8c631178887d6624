//! The other ways in which a server can tell many clients of one change.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::hint::black_box;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};

/// What all of them deliver.
pub(crate) const BODY: &str = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///srv/data/shared.json"}}"#;

/// Many receivers of one channel, which filters nothing and hands out what is shared.
pub(crate) struct Broadcast {
    sender: broadcast::Sender<Arc<str>>,
    receivers: Vec<broadcast::Receiver<Arc<str>>>,
    body: Arc<str>,
}

impl Broadcast {
    pub(crate) fn new(count: usize) -> Self {
        let (sender, first) = broadcast::channel(16);
        let mut receivers: Vec<_> = (1..count).map(|_| sender.subscribe()).collect();
        receivers.push(first);
        Self { sender, receivers, body: BODY.into() }
    }

    /// One message, sent and received by all; likewise below.
    pub(crate) fn round(&mut self) {
        self.sender.send(Arc::clone(&self.body)).expect("somebody receives");
        for receiver in &mut self.receivers {
            black_box(receiver.try_recv().expect("one message"));
        }
    }
}

/// A channel for each receiver: what most servers do by hand.
pub(crate) struct Channels {
    senders: Vec<mpsc::Sender<Arc<str>>>,
    receivers: Vec<mpsc::Receiver<Arc<str>>>,
    body: Arc<str>,
}

impl Channels {
    pub(crate) fn new(count: usize) -> Self {
        let (senders, receivers) = (0..count).map(|_| mpsc::channel(16)).unzip();
        Self { senders, receivers, body: BODY.into() }
    }

    pub(crate) fn round(&mut self) {
        for sender in &self.senders {
            sender.try_send(Arc::clone(&self.body)).expect("room for one");
        }
        for receiver in &mut self.receivers {
            black_box(receiver.try_recv().expect("one message"));
        }
    }
}

/// The loop that hosts write: a message for each client, serialised for it.
pub(crate) struct Sinks {
    sinks: Vec<Vec<Vec<u8>>>,
}

impl Sinks {
    pub(crate) fn new(count: usize) -> Self {
        Self { sinks: vec![Vec::new(); count] }
    }

    pub(crate) fn round(&mut self) {
        for sink in &mut self.sinks {
            let message = serde_json::json!({
                "jsonrpc": "2.0",
                "method": "notifications/resources/updated",
                "params": { "uri": "file:///srv/data/shared.json" },
            });
            sink.push(serde_json::to_vec(&message).expect("it serialises"));
        }
        for sink in &mut self.sinks {
            black_box(sink.pop().expect("one message"));
        }
    }
}
