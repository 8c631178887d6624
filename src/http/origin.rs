//! Which origins and which hosts may speak to a server: the guard against DNS rebinding (R39).
//!
//! A page that a browser has loaded from somewhere else can reach a server on the user's machine,
//! by a name of its own that it has made to point there. The browser then tells on it: `Origin` is
//! where the page came from, and `Host` the name that it used.

use crate::error::{Error, Result};

/// The origins that may speak to a server. A request without `Origin` comes from no web page and
/// is admitted; `null` (a sandboxed page, a file) is refused unless it is listed.
///
/// ```
/// use fanfare::http::Origins;
/// let origins = Origins::loopback().allow("https://app.example")?;
/// assert!(origins.admits(b"https://APP.example:443"));
/// assert!(origins.admits(b"http://localhost:6274"));
/// assert!(!origins.admits(b"https://evil.example"));
/// # Ok::<(), fanfare::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    loopback: bool,
    null: bool,
    listed: Vec<Origin>,
}

impl Origins {
    /// Pages that come from this machine: of `localhost`, `127.0.0.1` and `[::1]`, over http and
    /// https, from any port.
    pub fn loopback() -> Self {
        Self { loopback: true, ..Self::none() }
    }

    /// No page at all, until one is listed.
    pub fn none() -> Self {
        Self { loopback: false, null: false, listed: Vec::new() }
    }

    /// One origin more: a scheme, a host, and a port unless it is the scheme's own, as in
    /// `https://app.example` or `http://10.0.0.7:8080`. Or `null`.
    ///
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if that is no origin.
    pub fn allow(mut self, origin: &str) -> Result<Self> {
        if origin == "null" {
            self.null = true;
            return Ok(self);
        }
        let Some(origin) = Origin::parse(origin.as_bytes()) else {
            return Err(Error::invalid(format!(
                "origin {origin:?} must be a scheme, a host and a port, as https://app.example:8443"
            )));
        };
        self.listed.push(origin);
        Ok(self)
    }

    /// Whether a request with that `Origin` may be served. Scheme, host and port must be those of
    /// one that is allowed; the case of scheme and host does not matter, and a port that is the
    /// scheme's own may be left out. What is no origin is refused.
    pub fn admits(&self, origin: &[u8]) -> bool {
        if origin == b"null" {
            return self.null;
        }
        let Some(origin) = Origin::parse(origin) else { return false };
        let is_web = matches!(&*origin.scheme, "http" | "https");
        self.loopback && is_web && origin.authority.is_loopback() || self.listed.contains(&origin)
    }
}

/// The names by which clients may call a server: the values of `Host` (`:authority` in HTTP/2)
/// that it answers to. A page on a rebound name sends no `Origin` with a GET, but its own name as
/// the `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    any: bool,
    loopback: bool,
    listed: Vec<Authority>,
}

impl Hosts {
    /// Every name. For a server behind a proxy that looks at names itself.
    pub fn any() -> Self {
        Self { any: true, loopback: false, listed: Vec::new() }
    }

    /// The names of this machine for itself, with any port: for a server that is meant for local
    /// clients.
    pub fn loopback() -> Self {
        Self { loopback: true, ..Self::none() }
    }

    /// No name, until one is listed.
    pub fn none() -> Self {
        Self { any: false, ..Self::any() }
    }

    /// One name more, as in `api.example`, which stands for every port, or `api.example:8443`,
    /// which stands for that one.
    ///
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if that is no host.
    pub fn allow(mut self, host: &str) -> Result<Self> {
        let Some(authority) = Authority::parse(host.as_bytes()) else {
            return Err(Error::invalid(format!(
                "host {host:?} must be a name or an address, and a port if only that one counts"
            )));
        };
        self.listed.push(authority);
        Ok(self)
    }

    /// Whether a request for that host may be served; its case does not matter.
    pub fn admits(&self, host: &[u8]) -> bool {
        if self.any {
            return true;
        }
        let Some(host) = Authority::parse(host) else { return false };
        let is_listed = |one: &Authority| {
            one.host == host.host && (one.port.is_none() || one.port == host.port)
        };
        self.loopback && host.is_loopback() || self.listed.iter().any(is_listed)
    }

    /// Whether a request may be without one, as HTTP/1.1 forbids.
    pub(super) fn admits_absence(&self) -> bool {
        self.any
    }
}

/// In lower case, and with its port even where that is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    authority: Authority,
}

impl Origin {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !is_scheme {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let mut authority = Authority::parse(rest.as_bytes())?;
        authority.port = authority.port.or(match &*scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        });
        Some(Self { scheme, authority })
    }
}

/// A host, in lower case, and a port where one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: String,
    port: Option<u16>,
}

impl Authority {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (host, port) = if text.starts_with('[') {
            let (address, rest) = text.split_once(']')?;
            let is_address = address[1..].contains(':')
                && address[1..].bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
            if !is_address {
                return None;
            }
            (&text[..=address.len()], rest)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            let (host, rest) = text.split_at(end);
            let is_name = !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
            if !is_name {
                return None;
            }
            (host, rest)
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse::<u16>().ok().filter(|port| *port != 0)?)
            }
            _ => return None,
        };
        Some(Self { host: host.to_ascii_lowercase(), port })
    }

    fn is_loopback(&self) -> bool {
        matches!(&*self.host, "localhost" | "127.0.0.1" | "[::1]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        let origins = Origins::none().allow("https://App.Example").unwrap();
        for yes in ["https://app.example", "HTTPS://APP.EXAMPLE", "https://app.example:443"] {
            assert!(origins.admits(yes.as_bytes()), "{yes}");
        }
        for no in [
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.",
            "https://app.example.evil",
            "https://evil.app.example",
            "https://app.example/",
            "https://app.example@evil",
            "https://user@app.example",
            "https://app.example https://app.example",
            "https://app.example:",
            "https://app.example:0",
            "https://app.example:+443",
            "https://app.example:65979",
            "https:app.example",
            "app.example",
            "://app.example",
            "",
            "null",
            "NULL",
            "http://localhost",
        ] {
            assert!(!origins.admits(no.as_bytes()), "{no}");
        }
        assert!(!origins.admits(b"https://app.example\xff"));
    }

    #[test]
    fn a_port_that_is_listed_is_that_port() {
        let origins = Origins::none().allow("http://10.0.0.7:8080").unwrap();
        let origins = origins.allow("http://[FE80::1]:81").unwrap().allow("app+x://host").unwrap();
        for yes in ["http://10.0.0.7:8080", "http://[fe80::1]:81", "App+X://host"] {
            assert!(origins.admits(yes.as_bytes()), "{yes}");
        }
        for no in ["http://10.0.0.7", "http://[fe80::1]", "http://fe80::1:81", "app+x://host:80"] {
            assert!(!origins.admits(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn this_machine_has_three_names() {
        let origins = Origins::loopback();
        for yes in
            ["http://localhost", "https://LOCALHOST:3000", "http://127.0.0.1:1", "http://[::1]"]
        {
            assert!(origins.admits(yes.as_bytes()), "{yes}");
        }
        for no in [
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.2",
            "http://0.0.0.0",
            "http://[::2]",
            "file://localhost",
            "null",
        ] {
            assert!(!origins.admits(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn null_is_an_origin_that_can_be_listed() {
        let origins = Origins::none().allow("null").unwrap();
        assert!(origins.admits(b"null"));
        assert!(!origins.admits(b"Null"));
    }

    #[test]
    fn what_is_no_origin_and_no_host_cannot_be_listed() {
        for wrong in ["", "app.example", "https://", "https://a/b", "https://[::1", "1a://b"] {
            let error = Origins::none().allow(wrong).unwrap_err();
            assert!(error.detail().starts_with("origin "), "{error}");
        }
        for wrong in ["", "a b", "http://a", "a:b", ":80", "[]", "a/"] {
            let error = Hosts::none().allow(wrong).unwrap_err();
            assert!(error.detail().starts_with("host "), "{error}");
        }
    }

    #[test]
    fn a_host_without_a_port_stands_for_every_port() {
        let hosts = Hosts::none().allow("Api.Example").unwrap().allow("other:81").unwrap();
        for yes in ["api.example", "API.example:8080", "other:81"] {
            assert!(hosts.admits(yes.as_bytes()), "{yes}");
        }
        for no in ["other", "other:82", "api.example.evil", "localhost", "", "api.example:x"] {
            assert!(!hosts.admits(no.as_bytes()), "{no}");
        }
        assert!(Hosts::loopback().admits(b"localhost:3000"));
        assert!(!Hosts::loopback().admits(b"evil.example"));
        assert!(Hosts::any().admits(b"anything at all"));
    }
}
