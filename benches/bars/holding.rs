//! What it costs to be there, and to come and go.

use fanfare::{Batch, Capabilities, Config, Engine, Framing, Profile, Revision, SessionParams};

use crate::allocated::allocated;
use crate::cold;
use crate::measure::{Random, median, time, time_once};
use crate::table::{Row, Table};

/// What opening, subscribing and closing may take, and what a link may take of a closing, in ns.
const COMING: f64 = 1000.0;
const LEAVING: f64 = 100.0;

/// A URI of 61 bytes, as long as real ones are.
pub(crate) fn uri(n: usize) -> String {
    format!("file:///srv/projects/data/records/and/more/of/them/{n:07}.js")
}

/// A session that hears of nothing but what it subscribes to.
fn subscriber() -> SessionParams {
    let resources = Capabilities { resources_subscribe: true, ..Capabilities::none() };
    let revision = Revision::LATEST_LEGACY;
    SessionParams::new(Profile::Legacy { revision, handshake: false })
        .framing(Framing::Json)
        .capabilities(resources)
}

/// An engine for more than the usual limits admit.
pub(crate) fn large() -> Engine {
    let mut config = Config::default();
    config.set("engine.max_sessions", "4000000").expect("it is in range");
    config.set("engine.max_subscriptions", "400000000").expect("it is in range");
    Engine::new(config)
}

/// As many sessions as topics, each topic held by ten sessions at random.
pub(crate) fn engine(sessions: usize) -> Engine {
    let engine = large();
    let mut random = Random::new(3);
    let ids: Vec<_> = (0..sessions).map(|_| engine.open(subscriber()).expect("it opens")).collect();
    for n in 0..sessions {
        let topic = uri(n);
        for _ in 0..10 {
            let session = ids[random.below(sessions)];
            engine.subscribe(session, &topic).expect("it subscribes");
        }
    }
    engine
}

/// A legacy session that was advertised everything, as one is that says nothing else.
fn listener() -> SessionParams {
    let revision = Revision::LATEST_LEGACY;
    SessionParams::new(Profile::Legacy { revision, handshake: false })
}

/// Bar 6: sessions that hold so many subscriptions and nothing else. Who hears of the three lists
/// besides holds as many links more, and is shown above the table.
pub(crate) fn weight(table: &mut Table, n: usize) {
    let modern = || SessionParams::new(Profile::Modern);
    for (scenario, params, held, bar) in [
        ("idle, modern, one subscription", modern as fn() -> SessionParams, 1, 200.0),
        ("idle, modern, four subscriptions", modern, 4, 320.0),
        ("idle, legacy, one subscription", subscriber, 1, 200.0),
        ("idle, legacy, four subscriptions", subscriber, 4, 320.0),
    ] {
        table.add(Row::amount((scenario, n), idle(n, params, held), "bytes", bar));
    }
    let [one, four] = [1, 4].map(|held| idle(n, listener, held));
    let more = format!("{one:.2} bytes with one subscription, {four:.2} with four\n");
    table.show("idle, legacy, with the three lists besides", more);
}

/// How many bytes each of so many sessions takes up, each of which holds so many URIs.
fn idle(n: usize, params: fn() -> SessionParams, held: usize) -> f64 {
    let before = allocated();
    let engine = large();
    let mut batch = Batch::new();
    for at in 0..n {
        let session = engine.open(params()).expect("it opens");
        // A hundred sessions share each.
        let uris: Vec<_> = (0..held).map(|k| uri(at / 100 * held + k)).collect();
        if engine.revision(session).expect("it is open") == Some(Revision::MODERN) {
            let uris = serde_json::to_string(&uris).expect("it serialises");
            let filter = format!(r#"{{"resourceSubscriptions":{uris}}}"#);
            engine.listen(session, None, "1", &filter).expect("it listens");
            engine.recv(Some(session), 1, &mut batch).expect("its acknowledgment");
        } else {
            for uri in &uris {
                engine.subscribe(session, uri).expect("it subscribes");
            }
        }
    }
    drop(batch);
    (allocated() - before) / n as f64
}

/// Bar 10: who comes wants what others who came just now want too, or anything that there is.
pub(crate) fn come_and_go(table: &mut Table, n: usize, rounds: usize) {
    let engine = engine(n);
    let mut random = Random::new(11);
    for (scenario, topics) in [
        ("open, subscribe to one of 64, close", 64),
        ("open, subscribe to any, close", n.div_ceil(8)),
    ] {
        let uris: Vec<_> = (0..topics).map(|_| uri(random.below(n))).collect();
        let mut wanted = uris.iter().cycle();
        let mut cycle = || {
            let session = engine.open(subscriber()).expect("it opens");
            engine.subscribe(session, wanted.next().expect("it cycles")).expect("it subscribes");
            engine.close(session).expect("it is open");
        };
        let ours = median((0..rounds).map(|_| time(1, &mut cycle)));
        table.add(Row::amount((scenario, n), ours, "ns", COMING));
    }
    drop(engine);
    cold::come_and_go(table, n, rounds, COMING);
}

/// Bar 10, sessions that leave crowds: each topic that they hold is held by so many others. A hundred
/// million links take 5 GB.
pub(crate) fn leave_crowds(table: &mut Table, topics: usize, crowd: usize) {
    let engine = large();
    let topics: Vec<_> = (0..topics).map(uri).collect();
    let come = || {
        let session = engine.open(subscriber()).expect("it opens");
        topics.iter().for_each(|uri| engine.subscribe(session, uri).expect("it subscribes"));
        session
    };
    // They came when the crowd did, so that they stand in the middle of it, and are cold; each so far
    // from the others that they have no page of memory in common.
    let mut leaving = Vec::new();
    for at in 0..crowd {
        if at % 1000 == 0 {
            leaving.push(come());
        }
        come();
    }
    let each = leaving
        .iter()
        .map(|&session| time_once(topics.len(), || engine.close(session).expect("it is open")));
    let ours = median(each);
    let scenario = ("closing, a subscription to a crowded topic", crowd);
    table.add(Row::amount(scenario, ours, "ns each", LEAVING));
    let held = topics.len();
    drop((engine, topics));
    cold::leave_crowds(table, held, crowd, LEAVING);
}
