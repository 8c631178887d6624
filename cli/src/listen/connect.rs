//! Finds out which revision a server speaks, and agrees on it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use fanfare::Revision;
use serde_json::{Value, json};

use super::client::{CallError, Client, Wire, client_info};

/// How long a server may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may be silent about a request that it does not know.
const PROBE_PATIENCE: Duration = Duration::from_secs(3);

/// The server at the other end.
#[derive(Debug)]
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
            Found::Legacy(why) => initialize(client, Revision::LATEST_LEGACY)
                .with_context(|| format!("the server does not speak {}: {why}", Revision::MODERN)),
        },
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
            -32022 if !names_modern(&error.data["supported"]) => {
                Found::Legacy(format!("it supports {}", error.data["supported"]))
            }
            -32022..=-32020 => bail!("the server refused server/discover: {error}"),
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
