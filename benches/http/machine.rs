//! Processors, descriptors, and what the system says of a process.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Descriptors that are no connection's.
const OTHERS: usize = 100;

/// Which processor is whose.
pub(crate) struct Cores {
    server: usize,
    client: usize,
}

impl Cores {
    /// The first two that we may use.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let ours = sched_getaffinity(None)?;
        let mut all = (0..CpuSet::MAX_CPU).filter(|&cpu| ours.is_set(cpu));
        let server = all.next().context("there is no processor to run on")?;
        Ok(Self { server, client: all.next().unwrap_or(server) })
    }

    pub(crate) fn shared(&self) -> Option<&'static str> {
        (self.server == self.client).then_some("there is one processor, and it serves both")
    }

    /// Puts this thread where the client runs.
    pub(crate) fn client(&self) -> anyhow::Result<()> {
        pin(self.client)
    }

    /// Does something where servers run: what is started there stays there.
    pub(crate) fn as_server<T>(&self, work: impl FnOnce() -> T) -> anyhow::Result<T> {
        pin(self.server)?;
        let done = work();
        pin(self.client)?;
        Ok(done)
    }
}

fn pin(cpu: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// As many descriptors as we may have, for us and the servers.
pub(crate) fn raise_descriptors() -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Why there cannot be as many connections.
pub(crate) fn lacks_descriptors(connections: usize) -> Option<String> {
    let limit = getrlimit(Resource::Nofile).current?;
    let wanted = connections + OTHERS;
    (limit < wanted as u64)
        .then(|| format!("it takes {wanted} descriptors, and `ulimit -Hn` is {limit}"))
}

/// How long the threads of a process have been on a processor.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end in between; those that matter do not.
        let Ok(line) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let first = line.split(' ').next().unwrap_or_default();
        nanos += first.parse::<u64>().with_context(|| format!("schedstat of {pid}: {line:?}"))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The memory of a process that is its own and resident: bytes.
pub(crate) fn own_memory(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = kib.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kib: u64 = kib.with_context(|| format!("no RssAnon of {pid}"))?.parse()?;
    Ok(kib << 10)
}

/// The processes that a process has started.
pub(crate) fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(list.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}
