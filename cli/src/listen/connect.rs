//! Finds out which revision a server speaks, and agrees on it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use fanfare::Revision;
use serde_json::{Value, json};

use super::client::{CallError, Client, Wire, client_info};

/// How long a server may take to answer. The first answer includes its start, which on a busy
/// machine is long for one that is interpreted.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server may be silent about a request that it does not know.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// The error for a revision that is not supported.
const UNSUPPORTED_VERSION: i64 = -32022;

/// The server at the other end.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The revision that is spoken from now on.
    pub(crate) revision: Revision,
    /// Its name and version, if it gave them.
    pub(crate) name: String,
    /// What it advertises.
    pub(crate) capabilities: Value,
}

impl Peer {
    /// Whether it advertises a flag, as in `resources`, `subscribe`.
    pub(crate) fn can(&self, noun: &str, flag: &str) -> bool {
        self.capabilities.get(noun).and_then(|noun| noun.get(flag)) == Some(&Value::Bool(true))
    }

    /// What is told to the user when it is listened to.
    pub(crate) fn greeting(&self) -> String {
        format!("listening to {} in {}", self.name, self.revision)
    }
}

/// Agrees on `wanted`; or, if that is none, on 2026-07-28 if the server has it, and else on the
/// newest revision that both have.
pub(crate) fn connect<W: Wire>(
    client: &mut Client<W>,
    wanted: Option<Revision>,
) -> anyhow::Result<Peer> {
    match wanted {
        Some(revision) if revision.is_legacy() => initialize(client, revision),
        Some(_) => match discover(client, PATIENCE)? {
            Found::Modern(peer) => Ok(peer),
            Found::Legacy(why) => bail!("the server does not speak {}: {why}", Revision::MODERN),
        },
        None => match discover(client, PROBE_PATIENCE)? {
            Found::Modern(peer) => Ok(peer),
            Found::Legacy(why) => match initialize(client, Revision::LATEST_LEGACY) {
                Err(error) if refuses_every_handshake(&error) => {
                    match discover(client, PATIENCE)? {
                        Found::Modern(peer) => Ok(peer),
                        Found::Legacy(_) => Err(error),
                    }
                }
                done => done.with_context(|| {
                    format!("the server does not speak {}: {why}", Revision::MODERN)
                }),
            },
        },
    }
}

/// Whether the server was only slow: it took the question that got no answer in time for the
/// choice of an era (G22), and now knows nothing but 2026-07-28.
fn refuses_every_handshake(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(CallError::Refused(error)) => {
            error.code == UNSUPPORTED_VERSION && names_modern(&error.data["supported"])
        }
        _ => false,
    }
}

enum Found {
    Modern(Peer),
    /// It does not know the new way; what it said about it.
    Legacy(String),
}

/// Asks in the way of 2026-07-28. Whatever error is not one of that revision's own, and silence
/// too, means an older server: which code such a one answers with is not to be relied on.
fn discover<W: Wire>(client: &mut Client<W>, patience: Duration) -> anyhow::Result<Found> {
    client.set_modern(true);
    let found = match client.call("server/discover", Value::Null, patience) {
        Ok(result) if names_modern(&result["supportedVersions"]) => {
            let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
            return Ok(Found::Modern(Peer {
                revision: Revision::MODERN,
                name: name(info),
                capabilities: result["capabilities"].clone(),
            }));
        }
        Ok(result) => Found::Legacy(format!("it supports {}", result["supportedVersions"])),
        Err(CallError::Refused(error)) => match error.code {
            UNSUPPORTED_VERSION if !names_modern(&error.data["supported"]) => {
                Found::Legacy(format!("it supports {}", error.data["supported"]))
            }
            UNSUPPORTED_VERSION..=-32020 => bail!("the server refused server/discover: {error}"),
            _ => Found::Legacy(error.to_string()),
        },
        Err(error @ CallError::Silent(_)) => Found::Legacy(error.to_string()),
        Err(error) => return Err(error).context("server/discover"),
    };
    client.set_modern(false);
    Ok(found)
}

/// Revisions are compared for equality only.
fn names_modern(supported: &Value) -> bool {
    let mut names = supported.as_array().into_iter().flatten();
    names.any(|name| name == Revision::MODERN.as_str())
}

fn initialize<W: Wire>(client: &mut Client<W>, revision: Revision) -> anyhow::Result<Peer> {
    let params = json!({
        "protocolVersion": revision.as_str(),
        "capabilities": {},
        "clientInfo": client_info(),
    });
    let result = client.call("initialize", params, PATIENCE).context("initialize")?;
    let agreed = result["protocolVersion"]
        .as_str()
        .and_then(Revision::parse)
        .filter(|revision| revision.is_legacy());
    let Some(revision) = agreed else {
        bail!("the server wants to speak {}", result["protocolVersion"]);
    };
    client.notify("notifications/initialized", Value::Null)?;
    Ok(Peer {
        revision,
        name: name(&result["serverInfo"]),
        capabilities: result["capabilities"].clone(),
    })
}

fn name(info: &Value) -> String {
    let text = |key: &str| info.get(key).and_then(Value::as_str);
    match (text("name"), text("version")) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(name), None) => name.to_owned(),
        _ => "a server without a name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::client::Incoming;
    use super::*;

    /// A server whose lines are known beforehand; `None` is silence until nobody waits any more.
    struct Script(VecDeque<Option<&'static str>>);

    impl Wire for Script {
        fn send(&mut self, _: &Value) -> anyhow::Result<()> {
            Ok(())
        }

        fn next(&mut self, _: Option<std::time::Instant>) -> anyhow::Result<Option<Incoming>> {
            let line = self.0.pop_front().expect("nothing more is asked");
            Ok(line.map(|line| Incoming::Line(line.into())))
        }
    }

    fn agreed(lines: &[Option<&'static str>]) -> anyhow::Result<Peer> {
        connect(&mut Client::new(Script(lines.iter().copied().collect())), None)
    }

    const DISCOVERED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}"#;
    const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;
    const TOO_LATE: &str = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}"#;
    const DISCOVERED_THEN: &str = r#"{"jsonrpc":"2.0","id":3,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}"#;

    #[test]
    fn the_newest_revision_of_both_is_found() {
        let unknown = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;
        let modern = agreed(&[Some(DISCOVERED)]).unwrap();
        assert_eq!(modern.revision, Revision::MODERN);
        let legacy = agreed(&[Some(unknown), Some(INITIALIZED)]).unwrap();
        assert_eq!(legacy.revision, Revision::V2025_06_18);
        let silent = agreed(&[None, Some(INITIALIZED)]).unwrap();
        assert_eq!(silent.revision, Revision::V2025_06_18);
    }

    #[test]
    fn a_server_that_was_only_slow_is_asked_again() {
        let slow = [None, Some(DISCOVERED), Some(TOO_LATE), Some(DISCOVERED_THEN)];
        assert_eq!(agreed(&slow).unwrap().revision, Revision::MODERN);
        let other = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32022,"message":"no","data":{"supported":["2030-01-01"]}}}"#;
        let error = agreed(&[None, Some(other)]).unwrap_err();
        assert!(format!("{error:#}").contains("does not speak 2026-07-28"), "{error:#}");
    }
}
