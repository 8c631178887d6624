//! Sessions that do not keep up: the host is told once, with what was queued, before anything is
//! done about it (promise 5).

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use fanfare::{
    Engine, Framing, Hooks, Lag, Level, Overflow, Profile, Raise, SessionId, SessionParams,
};

/// What the host was told, in order.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Lag(Lag),
    End(SessionId, &'static str),
}

struct Host {
    engine: Engine,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Host {
    fn new(settings: &[(&str, &str)]) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (lags, ends) = (Arc::clone(&told), Arc::clone(&told));
        let hooks = Hooks::new()
            .on_lag(move |lag| lags.lock().unwrap().push(Told::Lag(*lag)))
            .on_session_end(move |end| {
                ends.lock().unwrap().push(Told::End(end.session, end.reason.as_str()));
            });
        Self { engine: Engine::with_hooks(config(settings), hooks), told }
    }

    fn open(&self, policy: Overflow, frames: u32) -> SessionId {
        let params = SessionParams::new(Profile::Open).framing(Framing::Json).user_data(7);
        self.engine.open(params.overflow(policy).max_queued_frames(frames)).unwrap()
    }

    fn raise(&self) {
        self.engine.notify("x", None, &Raise::ALL).unwrap();
    }

    fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

/// `{"jsonrpc":"2.0","method":"x"}`.
const EVENT_BYTES: u64 = 30;

fn lag(session: SessionId, queued_frames: u64, policy: Overflow) -> Told {
    let queued_bytes = queued_frames * EVENT_BYTES;
    Told::Lag(Lag { session, user_data: 7, queued_frames, queued_bytes, policy })
}

#[test]
fn a_session_that_drops_is_told_once_until_it_has_been_empty() {
    for policy in [Overflow::DropOldest, Overflow::DropNewest] {
        for frames_max in [1, 3] {
            let host = Host::new(&[]);
            let session = host.open(policy, frames_max);
            let reader = host.open(policy, 100);
            for _ in 0..frames_max {
                host.raise();
            }
            assert_eq!(host.told(), []);
            for _ in 0..5 {
                host.raise();
            }
            assert_eq!(host.told(), [lag(session, frames_max.into(), policy)], "{policy:?}");
            assert_eq!(host.engine.session_stats(session).unwrap().dropped, 5);
            // Read in part, it is still the same stall.
            if frames_max > 1 {
                let mut batch = fanfare::Batch::new();
                assert_eq!(host.engine.recv(Some(session), 1, &mut batch), Ok(1));
                host.raise();
                host.raise();
                assert_eq!(host.told(), []);
            }
            // Once it has caught up, the next one is another.
            assert_eq!(frames(&host.engine, session).len(), frames_max as usize);
            for _ in 0..frames_max {
                host.raise();
            }
            assert_eq!(host.told(), []);
            host.raise();
            assert_eq!(host.told(), [lag(session, frames_max.into(), policy)]);
            assert!(!frames(&host.engine, reader).is_empty());
        }
    }
}

#[test]
fn a_session_that_ends_for_it_is_told_before_its_end() {
    let host = Host::new(&[]);
    let session = host.open(Overflow::Close, 2);
    for _ in 0..4 {
        host.raise();
    }
    assert_eq!(host.told(), [lag(session, 2, Overflow::Close), Told::End(session, "lagged")]);
    assert_eq!(host.engine.stats().lagged, 1);
}

#[test]
fn notices_that_wait_are_counted_among_the_frames_and_never_lag() {
    let host = Host::new(&[]);
    let session = host.open(Overflow::DropNewest, 1);
    host.engine.subscribe(session, "a:").unwrap();
    for _ in 0..100 {
        host.engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        host.engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    }
    assert_eq!(host.told(), []);
    host.raise();
    host.raise();
    let Some(Told::Lag(lag)) = host.told().pop() else { panic!("it is told") };
    assert_eq!((lag.queued_frames, lag.queued_bytes), (3, EVENT_BYTES));
}

#[test]
fn replies_that_nobody_reads_lag_too() {
    let host = Host::new(&[("session.max_reply_bytes", "1024")]);
    let session = host.open(Overflow::DropOldest, 8);
    let mut sent = 0;
    while host.told.lock().unwrap().is_empty() {
        let ping = request(&sent.to_string(), "ping", "");
        host.engine.receive(session, None, ping.as_bytes()).unwrap();
        sent += 1;
        assert!(sent < 100);
    }
    let told = host.told();
    // The session ends for it, whatever its policy for events is.
    let Told::Lag(lag) = &told[0] else { panic!("{told:?}") };
    assert_eq!((lag.session, lag.policy), (session, Overflow::Close));
    assert!(lag.queued_bytes > 1024 && lag.queued_frames == sent - 1, "{lag:?}");
    assert_eq!(told[1..], [Told::End(session, "lagged")]);
}

#[test]
fn each_session_has_stalls_of_its_own_and_the_hook_may_call_the_engine() {
    let cell: Arc<std::sync::OnceLock<Engine>> = Arc::default();
    let (inside, sessions) = (Arc::clone(&cell), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&sessions);
    let hooks = Hooks::new().on_lag(move |lag| {
        let engine = inside.get().unwrap();
        seen.lock().unwrap().push(lag.session);
        // What it would do in practice: give up on the client.
        engine.close(lag.session).unwrap();
    });
    let engine = cell.get_or_init(|| Engine::with_hooks(config(&[]), hooks));
    let params =
        SessionParams::new(Profile::Open).overflow(Overflow::DropOldest).max_queued_frames(1);
    let opened: Vec<_> = (0..3).map(|_| engine.open(params.clone()).unwrap()).collect();
    for _ in 0..2 {
        engine.notify_logging_message(Level::Error, None, "1", &Raise::ALL).unwrap();
    }
    assert_eq!(*sessions.lock().unwrap(), opened);
    assert_eq!(engine.stats().sessions, 0);
}
