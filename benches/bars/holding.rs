//! What it costs to find the holders of a topic, to come and go, and to be there.

use std::hash::BuildHasher;
use std::hint::black_box;

use fanfare::{Capabilities, Config, Engine, Framing, Profile, Raise, Revision, SessionParams};
use hashbrown::HashTable;

use crate::allocated::allocated;
use crate::measure::{Random, in_turn, median, time};
use crate::table::{Row, Table};

fn uri(n: usize) -> String {
    // 61 bytes, as long as real ones are.
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

/// Sessions that hold ten topics each, every topic held by ten of them.
fn engine(sessions: usize) -> Engine {
    let mut config = Config::default();
    config.set("engine.max_sessions", "4000000").expect("it is in range");
    config.set("engine.max_subscriptions", "40000000").expect("it is in range");
    let engine = Engine::new(config);
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

/// Bars 4 and 5.
pub(crate) fn lookup(table: &mut Table, n: usize, rounds: usize) {
    const ASKED: usize = 1024;
    let engine = engine(n);
    let hasher = foldhash::fast::RandomState::default();
    let names: Vec<String> = (0..n).map(uri).collect();
    let mut probe: HashTable<u32> = HashTable::with_capacity(n);
    for ix in 0..n as u32 {
        let hash = |ix: &u32| hasher.hash_one(names[*ix as usize].as_str());
        probe.insert_unique(hash(&ix), ix, hash);
    }
    let find =
        |uri: &str| probe.find(hasher.hash_one(uri), |&ix| names[ix as usize] == uri).copied();

    // More than fit into a cache, as in life.
    let absent: Vec<_> = (0..n / 8).map(|at| uri(n + at)).collect();
    let mut ours = || {
        for uri in &absent {
            assert_eq!(engine.notify_resource_updated(uri, &Raise::ALL), Ok(0));
        }
    };
    let mut bare = || absent.iter().for_each(|uri| assert_eq!(black_box(find(uri)), None));
    let pair = in_turn(rounds, absent.len(), &mut ours, &mut bare);
    table.add(Row {
        scenario: "a topic that nobody holds",
        n,
        ours: pair.ours,
        peer_name: "the bare lookup, foldhash",
        peer: pair.peer,
        unit: "ns",
        measured: pair.ratio(),
        bar: 3.0,
    });

    let mut random = Random::new(5);
    let asked: Vec<String> = (0..ASKED).map(|_| uri(random.below(n))).collect();
    // A ring of 16 for each session, and ten of them at random for each topic.
    let mut rings = vec![[0_u32; 17]; n];
    let targets: Vec<u32> = (0..10 * n).map(|_| random.below(n) as u32).collect();
    let mut write = || {
        for uri in &asked {
            let topic = find(uri).expect("it is held");
            for &target in &targets[topic as usize * 10..][..10] {
                let ring = &mut rings[target as usize];
                ring[0] = (ring[0] + 1) % 16;
                ring[1 + ring[0] as usize] = topic;
            }
        }
    };
    let mut buf = vec![0; 1 << 20];
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        // Draining in between is not what is measured.
        let mut taken = 0.0;
        taken += time_once(&mut || {
            for uri in &asked {
                black_box(engine.notify_resource_updated(uri, &Raise::ALL)).expect("it is raised");
            }
        });
        while engine.drain(&mut buf).expect("it drains") > 0 {}
        ours.push(taken / ASKED as f64);
        bare.push(time(ASKED, &mut write));
    }
    let (ours, peer) = (median(ours.into_iter()), median(bare.into_iter()));
    table.add(Row {
        scenario: "ten holders of one topic among as many",
        n,
        ours,
        peer_name: "a lookup and ten ring writes",
        peer,
        unit: "ns a raise",
        measured: ours / peer,
        bar: 2.0,
    });
}

fn time_once(work: &mut dyn FnMut()) -> f64 {
    let begun = std::time::Instant::now();
    work();
    begun.elapsed().as_nanos() as f64
}

/// Bar 6.
pub(crate) fn weight(table: &mut Table, n: usize) {
    for (profile, scenario) in [
        (Profile::Modern, ["idle, modern, one subscription", "idle, modern, four subscriptions"]),
        (
            Profile::Legacy { revision: Revision::LATEST_LEGACY, handshake: false },
            ["idle, legacy, one subscription", "idle, legacy, four subscriptions"],
        ),
    ] {
        for (scenario, held, bar) in [(scenario[0], 1, 200.0), (scenario[1], 4, 320.0)] {
            let before = allocated();
            let mut config = Config::default();
            config.set("engine.max_sessions", "4000000").expect("it is in range");
            config.set("engine.max_subscriptions", "40000000").expect("it is in range");
            let engine = Engine::new(config);
            let mut batch = fanfare::Batch::new();
            for at in 0..n {
                let session = engine.open(SessionParams::new(profile)).expect("it opens");
                // A hundred sessions share each.
                let uris: Vec<_> = (0..held).map(|k| uri(at / 100 * held + k)).collect();
                if profile == Profile::Modern {
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
            let bytes = (allocated() - before) / n as f64;
            drop(engine);
            table.add(Row {
                scenario,
                n,
                ours: bytes,
                peer_name: "",
                peer: 0.0,
                unit: "bytes",
                measured: bytes,
                bar,
            });
        }
    }
}

/// Bar 10.
pub(crate) fn come_and_go(table: &mut Table, n: usize, rounds: usize) {
    let engine = engine(n);
    let uris: Vec<_> = (0..64).map(|at| uri(at * (n / 64))).collect();
    let mut at = 0;
    let mut cycle = || {
        at = (at + 1) % uris.len();
        let session = engine.open(subscriber()).expect("it opens");
        engine.subscribe(session, &uris[at]).expect("it subscribes");
        engine.close(session).expect("it is open");
    };
    let ours = median((0..rounds).map(|_| time(1, &mut cycle)));
    table.add(Row {
        scenario: "open, subscribe, close",
        n,
        ours,
        peer_name: "",
        peer: 0.0,
        unit: "ns",
        measured: ours,
        bar: 1000.0,
    });
    drop(engine);

    const TOPICS: usize = 1000;
    let crowd = n / 10;
    let mut config = Config::default();
    config.set("engine.max_subscriptions", "400000000").expect("it is in range");
    config.set("session.max_subscriptions", "100000").expect("it is in range");
    let engine = Engine::new(config);
    let open = || engine.open(subscriber()).expect("it opens");
    // Ten topics with very many links stand for a thousand of them, which would not fit.
    let crowded: Vec<_> = (0..10).map(uri).collect();
    for _ in 0..crowd {
        let session = open();
        crowded.iter().for_each(|uri| engine.subscribe(session, uri).expect("it subscribes"));
    }
    let mut each = Vec::new();
    for _ in 0..rounds {
        let sessions: Vec<_> = (0..TOPICS / crowded.len()).map(|_| open()).collect();
        for &session in &sessions {
            crowded.iter().for_each(|uri| engine.subscribe(session, uri).expect("it subscribes"));
        }
        let taken = time_once(&mut || {
            sessions.iter().for_each(|&session| engine.close(session).expect("it is open"));
        });
        each.push(taken / TOPICS as f64);
    }
    let ours = median(each.into_iter());
    table.add(Row {
        scenario: "closing, a subscription to a crowded topic",
        n: crowd,
        ours,
        peer_name: "",
        peer: 0.0,
        unit: "ns each",
        measured: ours,
        bar: 100.0,
    });
}
