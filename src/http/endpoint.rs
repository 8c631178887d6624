//! How a host serves MCP over HTTP: its choices, as data.

use super::origin::{Hosts, Origins};
use super::status::{Era, Statuses};

/// One HTTP endpoint of a host, as its choices describe it. Make one at the start and ask it about
/// every request; it holds nothing of any of them, and may be used from all threads at once.
///
/// ```
/// use fanfare::http::{Endpoint, Era, Hosts, Origins};
/// let endpoint = Endpoint::new()
///     .only(Era::Modern)
///     .origins(Origins::none().allow("https://app.example")?)
///     .hosts(Hosts::none().allow("mcp.example")?);
/// # Ok::<(), fanfare::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) legacy: bool,
    pub(super) modern: bool,
    pub(super) sessions: bool,
    pub(super) get: bool,
    pub(super) delete: bool,
    pub(super) origins: Origins,
    pub(super) hosts: Hosts,
    pub(super) statuses: Statuses,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::new()
    }
}

impl Endpoint {
    /// Both eras, with session ids, GET and DELETE in the legacy one; pages from this machine may
    /// call it, by any name.
    pub fn new() -> Self {
        Self {
            legacy: true,
            modern: true,
            sessions: true,
            get: true,
            delete: true,
            origins: Origins::loopback(),
            hosts: Hosts::any(),
            statuses: Statuses::default(),
        }
    }

    /// Serves one era alone. Without the legacy one there is neither GET nor DELETE (R54).
    pub fn only(mut self, era: Era) -> Self {
        self.legacy = era == Era::Legacy;
        self.modern = era == Era::Modern;
        self
    }

    /// Gives out no session ids: each request of the legacy era is served on its own. GET and
    /// DELETE, which are about sessions, are refused.
    pub fn without_sessions(mut self) -> Self {
        self.sessions = false;
        self
    }

    /// Refuses GET with 405 (R83): clients of the legacy era hear of nothing but their requests.
    pub fn without_get(mut self) -> Self {
        self.get = false;
        self
    }

    /// Refuses DELETE with 405: a client cannot end its session.
    pub fn without_delete(mut self) -> Self {
        self.delete = false;
        self
    }

    /// The web pages that may call it (R39).
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// The names by which it may be called.
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// The statuses that the protocol leaves open (G24).
    pub fn statuses(mut self, statuses: Statuses) -> Self {
        self.statuses = statuses;
        self
    }

    /// The status of a response that is an error with that code, on its own;
    /// [`answer`](Self::answer) finds it for a frame.
    pub fn status(&self, era: Era, code: i64) -> u16 {
        self.statuses.of(era, code)
    }

    pub(super) fn has_get(&self) -> bool {
        self.legacy && self.sessions && self.get
    }

    pub(super) fn has_delete(&self) -> bool {
        self.legacy && self.sessions && self.delete
    }
}
