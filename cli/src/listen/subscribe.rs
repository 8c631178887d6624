//! What the user wants to hear, in the words of each era.

use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use super::client::{CallError, Client, Event, Wire};
use super::connect::{PATIENCE, Peer};
use super::{Args, note};

/// What came of it.
pub(crate) struct Subscribed {
    /// The number of the `subscriptions/listen` that is open, in 2026-07-28.
    pub(crate) listen: Option<u64>,
}

/// Asks the server for what the user wants, and if this is the first time, tells what cannot be
/// had.
pub(crate) fn subscribe<W: Wire>(
    client: &mut Client<W>,
    peer: &Peer,
    args: &Args,
    is_first: bool,
) -> anyhow::Result<Subscribed> {
    let note = |what: &str| {
        if is_first {
            note(what);
        }
    };
    let lists = [
        (args.tools, "tools", "toolsListChanged"),
        (args.prompts, "prompts", "promptsListChanged"),
        (args.resources, "resources", "resourcesListChanged"),
    ];
    for (wanted, noun, _) in lists {
        if wanted && !peer.can(noun, "listChanged") {
            note(&format!("the server does not tell when its list of {noun} changes"));
        }
    }
    if !args.uris.is_empty() && !peer.can("resources", "subscribe") {
        note("the server does not tell when a resource changes");
    }
    if peer.revision.is_legacy() {
        legacy(client, peer, args, note)?;
        return Ok(Subscribed { listen: None });
    }
    if args.log.is_some() {
        note(&format!(
            "{} sends log messages only with a call; --log has no effect",
            peer.revision
        ));
    }
    let nothing_named = args.uris.is_empty() && lists.iter().all(|(wanted, ..)| !wanted);
    let mut filter = Map::new();
    for (wanted, _, key) in lists {
        if wanted || nothing_named {
            filter.insert(key.to_owned(), json!(true));
        }
    }
    if !args.uris.is_empty() {
        filter.insert("resourceSubscriptions".to_owned(), json!(args.uris));
    }
    let listen = modern(client, filter, !nothing_named && is_first)?;
    Ok(Subscribed { listen: Some(listen) })
}

fn legacy<W: Wire>(
    client: &mut Client<W>,
    peer: &Peer,
    args: &Args,
    note: impl Fn(&str),
) -> anyhow::Result<()> {
    for uri in &args.uris {
        client
            .call("resources/subscribe", json!({ "uri": uri }), PATIENCE)
            .with_context(|| format!("cannot subscribe to {uri}"))?;
    }
    if let Some(level) = args.log {
        if peer.capabilities.get("logging").is_none() {
            note("the server does not send log messages");
        } else {
            client
                .call("logging/setLevel", json!({ "level": level.as_str() }), PATIENCE)
                .context("cannot set the level of log messages")?;
        }
    }
    if !args.types.is_empty() {
        let params = json!({ "types": args.types });
        match client.call("notifications/subscribe", params, PATIENCE) {
            // Not part of the protocol: most servers do not know it, and what is not wanted is
            // left out here all the same.
            Ok(_) | Err(CallError::Refused(_)) => {}
            Err(error) => return Err(error).context("notifications/subscribe"),
        }
    }
    Ok(())
}

/// Opens a listen and waits for its acknowledgment (R41), which stays to be heard; tells what the
/// server does not honour.
fn modern<W: Wire>(
    client: &mut Client<W>,
    filter: Map<String, Value>,
    explicit: bool,
) -> anyhow::Result<u64> {
    let id = client.request("subscriptions/listen", json!({ "notifications": filter }))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match client.next(Some(deadline))? {
            Some(Event::Notification(heard)) if heard.subscription() == Some(&json!(id)) => {
                if heard.kind() != "subscriptions/acknowledged" {
                    note(&format!("{} came before the acknowledgment", heard.kind()));
                    continue;
                }
                let honoured = &heard.params["notifications"];
                if explicit {
                    unhonoured(&filter, honoured).iter().for_each(|what| {
                        note(&format!("the server does not honour {what}"));
                    });
                }
                client.keep(Event::Notification(heard));
                return Ok(id);
            }
            Some(Event::Response(of, answer)) if of == id => match answer {
                Ok(_) => bail!("the server has nothing of what is wanted"),
                Err(error) => {
                    return Err(CallError::Refused(error)).context("subscriptions/listen");
                }
            },
            Some(Event::Lost(lost)) if lost.request == Some(id) => {
                return Err(CallError::Lost(lost.loss).into());
            }
            Some(Event::Closed) => return Err(CallError::Closed.into()),
            Some(Event::Stop) => return Err(CallError::Stop.into()),
            Some(Event::Violation(what)) => note(&what),
            // Of no subscription, or what comes late of a request that was given up.
            Some(Event::Notification(_) | Event::Response(..) | Event::Lost(_)) => {}
            None => {
                return Err(CallError::Silent(PATIENCE)).context("subscriptions/listen");
            }
        }
    }
}

/// What was asked for and is not in the acknowledgment.
fn unhonoured(asked: &Map<String, Value>, honoured: &Value) -> Vec<String> {
    let mut missing = Vec::new();
    for (key, wanted) in asked {
        let got = honoured.get(key);
        match wanted {
            Value::Array(wanted) => {
                let got = got.and_then(Value::as_array);
                let lacks = |uri: &&Value| !got.is_some_and(|got| got.contains(uri));
                missing.extend(wanted.iter().filter(lacks).map(Value::to_string));
            }
            wanted if got != Some(wanted) => missing.push(key.clone()),
            _ => {}
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_acknowledged_is_named() {
        let asked = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a", "b"] });
        let asked = asked.as_object().unwrap();
        assert_eq!(unhonoured(asked, &Value::Object(asked.clone())), [""; 0]);
        let some = json!({ "resourceSubscriptions": ["b"] });
        assert_eq!(unhonoured(asked, &some), ["\"a\"", "toolsListChanged"]);
        assert_eq!(unhonoured(asked, &Value::Null), ["\"a\"", "\"b\"", "toolsListChanged"]);
    }
}
