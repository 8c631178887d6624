//! A server in a process of its own, and how it is told to raise.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use crate::machine::{self, Cores};
use crate::{URIS, uri};

const PATIENCE: Duration = Duration::from_secs(10);

/// Where Debian puts what it has as libnginx-mod-nchan.
const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    /// The process that does the work.
    worker: u32,
    child: Child,
    control: Control,
    /// What it is configured by.
    _folder: Option<TempDir>,
}

/// The server of an SDK: a program of `peers`.
pub(crate) struct Sdk {
    pub(crate) name: &'static str,
    /// The variable of the environment that names it.
    variable: &'static str,
    /// What runs it, if it does not run by itself, with options.
    interpreter: &'static [&'static str],
    /// What it is told before the URIs.
    arguments: &'static [&'static str],
}

/// The variable names the Python in whose environment the SDK is, with ours.
const fn python(name: &'static str, arguments: &'static [&'static str]) -> Sdk {
    Sdk { name, variable: "FANFARE_BENCH_PYTHON", interpreter: &[], arguments }
}

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/python.py");

pub(crate) const SDKS: [Sdk; 5] = [
    Sdk { name: "rmcp", variable: "FANFARE_BENCH_RMCP", interpreter: &[], arguments: &[] },
    Sdk {
        name: "TypeScript SDK",
        variable: "FANFARE_BENCH_TYPESCRIPT",
        // Seen through a link beside what is installed, it finds that.
        interpreter: &["node", "--preserve-symlinks", "--preserve-symlinks-main"],
        arguments: &[],
    },
    python("Python SDK", &["-B", PYTHON, "sdk"]),
    python("Python SDK on our bus", &["-B", PYTHON, "bus"]),
    python("Python SDK, direct", &["-B", PYTHON, "direct"]),
];

enum Control {
    /// Lines on its standard input, each written at once; what it says to some on its output.
    Lines(ChildStdin, BufReader<ChildStdout>),
    /// A message is posted; the answers are read now and then.
    Posts { socket: TcpStream, posts: Vec<String>, unanswered: usize },
}

impl Server {
    /// One of ours, by the name that `serve` knows it by.
    pub(crate) fn own(cores: &Cores, name: &'static str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", name]);
        Self::start(cores, name, command)
    }

    /// The server of an SDK, or why it is not there.
    pub(crate) fn sdk(cores: &Cores, sdk: &Sdk) -> anyhow::Result<Result<Self, String>> {
        let Some(program) = std::env::var_os(sdk.variable).filter(|path| !path.is_empty()) else {
            return Ok(Err(format!(
                "{} names no program; `make bench-http` makes one, or says why it cannot",
                sdk.variable
            )));
        };
        let mut command = match sdk.interpreter {
            [] => Command::new(program),
            [name, options @ ..] => {
                let mut command = Command::new(name);
                command.args(options).arg(program);
                command
            }
        };
        command.args(sdk.arguments).args((0..URIS).map(uri));
        Ok(Self::start(cores, sdk.name, command).map_err(|error| format!("{error:#}")))
    }

    /// A process that says where it listens, and is told by lines.
    fn start(cores: &Cores, name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cores
            .as_server(|| command.spawn())?
            .with_context(|| format!("{:?} does not start", command.get_program()))?;
        let mut said = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("{name} said {line:?}"))?;
        let stdin = child.stdin.take().context("no standard input")?;
        let (worker, control) = (child.id(), Control::Lines(stdin, said));
        Ok(Self { name, address, path: "/mcp", worker, child, control, _folder: None })
    }

    /// nginx with nchan, or why it is not there.
    pub(crate) fn nchan(cores: &Cores) -> anyhow::Result<Result<Self, String>> {
        if !Path::new(NCHAN).exists() {
            return Ok(Err(format!("{NCHAN} is not there (Debian: libnginx-mod-nchan)")));
        }
        let folder = TempDir::new()?;
        // It takes no port of the system's choice, so one is found for it.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let at = folder.path().join("nginx.conf");
        std::fs::write(&at, nginx_conf(folder.path(), address))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&at).arg("-e").arg("error.log");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match cores.as_server(|| command.spawn())? {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Err("nginx is not there (Debian: nginx-light)".to_owned()));
            }
            other => other?,
        };
        let log = folder.path().join("error.log");
        let failed = || std::fs::read_to_string(&log).unwrap_or_default();
        let mut started = Self {
            name: "nginx with nchan",
            address,
            path: "/sub",
            worker: 0,
            child,
            control: Control::Posts {
                socket: connect(address).with_context(failed)?,
                posts: (0..URIS).map(|number| post(address, number)).collect(),
                unanswered: 0,
            },
            _folder: Some(folder),
        };
        // There is a worker when there is an answer.
        started.raise(0, 1).and_then(|()| started.settle()).with_context(failed)?;
        let [worker] = machine::children(started.child.id())?[..] else {
            bail!("nginx has not one worker: {}", failed());
        };
        started.worker = worker;
        Ok(Ok(started))
    }

    /// Has it raise so many different events, from that one on.
    pub(crate) fn raise(&mut self, first: usize, count: usize) -> anyhow::Result<()> {
        match &mut self.control {
            Control::Lines(stdin, _) => {
                stdin.write_all(format!("raise {first} {count}\n").as_bytes())?;
            }
            Control::Posts { socket, posts, unanswered } => {
                let text: String =
                    (first..first + count).map(|number| &*posts[number % URIS]).collect();
                *unanswered += count;
                socket.write_all(text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Has it raise the first event so many times.
    pub(crate) fn repeat(&mut self, times: usize) -> anyhow::Result<()> {
        match &mut self.control {
            Control::Lines(stdin, _) => {
                Ok(stdin.write_all(format!("repeat {times}\n").as_bytes())?)
            }
            Control::Posts { .. } => bail!("{} merges nothing", self.name),
        }
    }

    /// Has it say something large to the stalled session alone.
    pub(crate) fn spill(&mut self) -> anyhow::Result<()> {
        let Control::Lines(stdin, _) = &mut self.control else { bail!("{} has none", self.name) };
        Ok(stdin.write_all(b"spill\n")?)
    }

    /// Has it do so until what the session does not read is dropped. How much that was in all.
    pub(crate) fn fill(&mut self) -> anyhow::Result<u64> {
        self.ask("fill\n")
    }

    /// How much the stalled session has not been sent because it does not read.
    pub(crate) fn dropped(&mut self) -> anyhow::Result<u64> {
        self.ask("dropped\n")
    }

    fn ask(&mut self, line: &str) -> anyhow::Result<u64> {
        let Control::Lines(stdin, said) = &mut self.control else {
            bail!("{} is not asked", self.name)
        };
        stdin.write_all(line.as_bytes())?;
        let mut answer = String::new();
        said.read_line(&mut answer)?;
        answer.trim().parse().with_context(|| format!("to {line:?} it said {answer:?}"))
    }

    /// Reads the answers to what was posted.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        let Control::Posts { socket, unanswered, .. } = &mut self.control else { return Ok(()) };
        let mut text = Vec::new();
        let mut part = vec![0; 64 << 10];
        let late = Instant::now() + PATIENCE;
        while memchr::memmem::find_iter(&text, b"HTTP/1.1 20").count() < *unanswered {
            let taken = socket.read(&mut part)?;
            ensure!(taken != 0 && Instant::now() < late, "what was posted is not answered");
            text.extend_from_slice(&part[..taken]);
        }
        *unanswered = 0;
        Ok(())
    }

    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        machine::cpu_time(self.worker)
    }

    pub(crate) fn own_memory(&self) -> anyhow::Result<u64> {
        machine::own_memory(self.worker)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx's worker ends with its master where that is asked to end. Either call fails where
        // the server has ended by itself.
        let (pid, end) = (Pid::from_child(&self.child), Signal::TERM);
        if kill_process(pid, end).is_err() || self.child.wait().is_err() {
            eprintln!("{} has ended before it was told to", self.name);
        }
    }
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let late = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(address) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(PATIENCE))?;
                return Ok(socket);
            }
            Err(error) if Instant::now() > late => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn post(address: SocketAddr, number: usize) -> String {
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":{:?},"_meta":{{"io.modelcontextprotocol/subscriptionId":1}}}}}}"#,
        uri(number)
    );
    format!(
        "POST /pub HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn nginx_conf(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    // A worker that was started by root runs as root, who may write to the folder.
    let user = if geteuid().is_root() { "user root;" } else { "" };
    format!(
        "load_module {NCHAN};
daemon off; {user} worker_processes 1; worker_rlimit_nofile 15000;
pid {folder}/nginx.pid;
events {{ worker_connections 12000; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; tcp_nodelay on;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen {address} backlog=4096;
        location = /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 64; }}
        location = /sub {{ nchan_subscriber eventsource; nchan_channel_id bench;
            nchan_subscriber_first_message newest; }}
    }}
}}
"
    )
}
