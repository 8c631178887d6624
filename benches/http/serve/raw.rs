//! The floor: one thread that writes the same bytes to one socket after another.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) fn serve() -> anyhow::Result<()> {
    let listener = super::bind()?;
    let clients: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let accepted = Arc::clone(&clients);
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            // The client waits for the head: by then it is one of them.
            let mut clients = accepted.lock().unwrap_or_else(PoisonError::into_inner);
            if super::begin(&mut socket).is_ok() {
                clients.push(socket);
            }
        }
    });
    let chunks: Vec<_> = (0..crate::URIS).map(chunk).collect();
    for line in std::io::stdin().lines() {
        let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        for number in super::events(&line?)? {
            for client in clients.iter_mut() {
                client.write_all(&chunks[number])?;
            }
        }
    }
    Ok(())
}

fn chunk(number: usize) -> Vec<u8> {
    let (head, tail) = super::parts(number);
    let event = format!("{head}1{tail}");
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}
