//! `fanfare listen --http` on `fanfare serve --http`, over a line that is cut.

#[path = "support/scripted.rs"]
mod scripted;
mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use scripted::Listener;
use support::{Folder, PROGRAM};

/// A server of a folder, and a line to it.
struct Served {
    server: Child,
    line: Arc<Line>,
    /// By that line, and around it.
    url: String,
    direct: String,
}

impl Served {
    fn start(folder: &Folder) -> Self {
        let mut server = Command::new(PROGRAM)
            .arg("serve")
            .arg(folder.root())
            .args(["--http", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(server.stderr.take().unwrap());
        let mut said = String::new();
        while !said.starts_with("listening on http://") {
            said.clear();
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "the server has ended");
        }
        let url = said.trim_end().trim_start_matches("listening on http://");
        let (address, path) = url.split_once('/').unwrap();
        let (line, at) = Line::lay(address.parse().unwrap());
        let (url, direct) = (format!("http://{at}/{path}"), format!("http://{url}"));
        // What else it says goes the way of ours.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::stderr()));
        Self { server, line, url, direct }
    }

    fn terminate(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.server.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.server.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// Passes bytes on, until it is cut.
#[derive(Default)]
struct Line(Mutex<State>);

#[derive(Default)]
struct State {
    open: Vec<TcpStream>,
    /// Nothing is passed on; who connects is hung up on.
    is_dead: bool,
}

impl Line {
    fn lay(to: SocketAddr) -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (line, at) = (Arc::new(Self::default()), listener.local_addr().unwrap());
        let passing = Arc::clone(&line);
        std::thread::spawn(move || {
            for here in listener.incoming() {
                let here = here.unwrap();
                let mut state = passing.0.lock().unwrap();
                // A server that is gone hangs up as well.
                let Ok(there) = TcpStream::connect(to) else { continue };
                if state.is_dead {
                    continue;
                }
                for (from, to) in [(&here, &there), (&there, &here)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || pump(from, to));
                }
                state.open.extend([here, there]);
            }
        });
        (line, at)
    }

    /// Cuts every connection, and each that comes until it is mended.
    fn cut(&self) {
        let mut state = self.0.lock().unwrap();
        state.is_dead = true;
        for end in state.open.drain(..) {
            // It may be over already.
            drop(end.shutdown(Shutdown::Both));
        }
    }

    fn mend(&self) {
        self.0.lock().unwrap().is_dead = false;
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

/// Changes the file in one step, which is heard once.
fn add(folder: &Folder) {
    let mut file = std::fs::File::options().append(true).open(folder.path("a.txt")).unwrap();
    file.write_all(b"x").unwrap();
}

#[test]
fn a_modern_listen_is_made_again_and_ends_with_the_server() {
    let folder = Folder::new(&[("a.txt", b"1")]);
    let (uri, mut served) = (folder.uri("a.txt"), Served::start(&folder));
    let listener = Listener::start(&served.url, &["--resource", &uri, "--retries", "1000"]);
    listener.assert_heard("subscriptions/acknowledged");
    listener.until_says("in 2026-07-28");
    for _ in 0..3 {
        add(&folder);
        assert_eq!(listener.assert_heard("resources/updated")["params"]["uri"], uri);
        served.line.cut();
        listener.until_says("trying again in");
        served.line.mend();
        listener.until_says("listening again; something may have been missed");
        listener.assert_heard("subscriptions/acknowledged");
    }
    served.terminate();
    let (code, printed, said) = listener.finish();
    assert_eq!((code, printed.len()), (Some(0), 0), "{said}");
    assert!(said.contains("the server ended the subscription"), "{said}");
}

#[test]
fn a_legacy_session_misses_nothing_while_the_line_is_dead() {
    let folder = Folder::new(&[("a.txt", b"1"), ("b.txt", b"1")]);
    let (uri, mut served) = (folder.uri("a.txt"), Served::start(&folder));
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        // Another listener, whose line stays whole, tells when the server has raised it.
        let witness = Listener::start(&served.direct, &["--resource", &uri]);
        witness.assert_heard("subscriptions/acknowledged");
        let options = ["--revision", revision, "--resource", &uri, "--retries", "1000"];
        let listener = Listener::start(&served.url, &options);
        listener.until_says("listening to");
        let write = || {
            add(&folder);
            witness.assert_heard("resources/updated");
        };
        write();
        listener.assert_heard("resources/updated");
        for _ in 0..3 {
            served.line.cut();
            listener.until_says("trying again in");
            write();
            served.line.mend();
            let said = listener.until_says("listening again, from event");
            assert!(said.iter().all(|line| !line.contains("missed")), "{said:?}");
            assert_eq!(listener.assert_heard("resources/updated")["params"]["uri"], uri);
        }
        listener.signal(Signal::INT);
        let (code, printed, said) = listener.finish();
        assert_eq!((code, printed.len()), (Some(0), 0), "{said}");
    }
    let options = ["--revision", "2025-11-25", "--retries", "1"];
    let listener = Listener::start(&served.url, &options);
    listener.until_says("listening to");
    served.terminate();
    let (code, _, said) = listener.finish();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("gave up (--retries 1)"), "{said}");
}
