//! Authorization (R69): the host is asked who may hear of what, and takes it back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use fanfare::{
    Access, Engine, ErrorKind, Framing, Hooks, Profile, Raise, Revision, Revoked, SessionId,
    SessionParams, Target, Topic,
};

use crate::common::*;

const TOOLS: &str = r#"{"toolsListChanged":true}"#;
const A: &str = r#"{"resourceSubscriptions":["a:"]}"#;
const A_AND_B: &str = r#"{"resourceSubscriptions":["a:","b:"]}"#;

/// An engine whose host has a table of what it does not allow, and remembers what it was asked.
struct Host {
    engine: Arc<Engine>,
    table: Arc<Mutex<HashMap<(String, String), Access>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    fn new(settings: &[(&str, &str)]) -> Self {
        let table: Arc<Mutex<HashMap<(String, String), Access>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (of_hook, noted) = (Arc::clone(&table), Arc::clone(&asked));
        let hooks = Hooks::new().authorize(move |request| {
            let name = match request.topic {
                Topic::Resource(uri) => uri,
                Topic::ToolList => "tools",
                _ => return Access::Allow,
            };
            let principal = request.principal.unwrap_or("nobody");
            let again = if request.is_again { " again" } else { "" };
            noted.lock().unwrap().push(format!("{principal} {name}{again}"));
            let key = (principal.to_owned(), name.to_owned());
            of_hook.lock().unwrap().get(&key).copied().unwrap_or(Access::Allow)
        });
        let engine = Arc::new(Engine::with_hooks(config(settings), hooks));
        Self { engine, table, asked }
    }

    fn open(&self, profile: Profile, principal: &str) -> SessionId {
        let params = SessionParams::new(profile).framing(Framing::Json).principal(principal);
        open_with(&self.engine, params)
    }

    fn says(&self, principal: &str, name: &str, access: Access) {
        let key = (principal.to_owned(), name.to_owned());
        self.table.lock().unwrap().insert(key, access);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn update(&self, uri: &str) -> usize {
        self.engine.notify_resource_updated(uri, &Raise::ALL).unwrap()
    }

    fn revoke(&self, principal: &str, uri: &str) -> Revoked {
        self.engine.revoke(Some(principal), Some(Topic::Resource(uri))).unwrap()
    }
}

fn refusal(id: &str, field: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32602,"message":"{field}: access to \"a:\" is refused"}}}}"#
    )
}

#[test]
fn r69_who_may_not_read_a_resource_does_not_hear_of_it_either() {
    for revision in Revision::ALL {
        let host = Host::new(&[]);
        host.says("bob", "a:", Access::Refuse);
        let alice = host.open(settled(revision), "alice");
        let bob = host.open(settled(revision), "bob");
        let (message, field, fine, told) = if revision.is_legacy() {
            (subscribe("1", "a:"), "params.uri", empty("1"), updated("a:"))
        } else {
            (listen("1", A), "params.notifications", ack("1", A), tagged("1", "a:"))
        };
        assert_eq!(asked(&host.engine, alice, &message), [fine]);
        assert_eq!(asked(&host.engine, bob, &message), [refusal("1", field)]);
        assert_eq!(host.update("a:"), 1);
        assert_eq!(frames(&host.engine, alice), [told], "{revision}");
        assert_eq!(frames(&host.engine, bob), [""; 0]);
        // Nothing of it is left, and he may come again when he may.
        assert_eq!(host.engine.session_stats(bob).unwrap().subscriptions, 0);
        host.says("bob", "a:", Access::Allow);
        assert_eq!(asked(&host.engine, bob, &message).len(), 1);
        assert_eq!(host.update("a:"), 2);
    }
}

#[test]
fn r69_lists_that_a_legacy_session_hears_of_unasked_are_asked_for_as_well() {
    for revision in legacy_revisions() {
        for answers in ["engine", "host"] {
            let host = Host::new(&[
                ("initialize.answer", answers),
                ("server.capabilities", r#"{"tools":{"listChanged":true}}"#),
            ]);
            host.says("bob", "tools", Access::Refuse);
            let greeting = Profile::Legacy { revision, handshake: true };
            let (alice, bob) = (host.open(greeting, "alice"), host.open(greeting, "bob"));
            for session in [alice, bob] {
                let params = format!(
                    r#"{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"c","version":"1"}}}}"#
                );
                let hello = request("0", "initialize", &params);
                host.engine.receive(session, None, hello.as_bytes()).unwrap();
                if answers == "host" {
                    let result = format!(
                        r#"{{"jsonrpc":"2.0","id":0,"result":{{"protocolVersion":"{revision}","capabilities":{{"tools":{{"listChanged":true}}}},"serverInfo":{{"name":"s","version":"1"}}}}}}"#
                    );
                    host.engine.send(session, None, result.as_bytes()).unwrap();
                }
                passed(&host.engine, session, &notification("notifications/initialized", ""));
                assert_eq!(frames(&host.engine, session).len(), 1);
            }
            assert_eq!(host.asked(), ["alice tools", "bob tools"]);
            assert_eq!(host.engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
            assert_eq!(frames(&host.engine, alice).len(), 1);
            assert_eq!(frames(&host.engine, bob), [""; 0]);
            // It is held for him until he may.
            host.says("bob", "tools", Access::Allow);
            let revoked = host.engine.revoke(None, Some(Topic::ToolList)).unwrap();
            assert_eq!(revoked, Revoked { asked: 2, restored: 1, ..Revoked::default() });
            assert_eq!(host.engine.notify_tool_list_changed(&Raise::ALL), Ok(2));
        }
    }
}

#[test]
fn r69_a_list_that_changes_while_the_host_is_asked_is_told() {
    let (engine, questions) = {
        let place: Arc<OnceLock<Arc<Engine>>> = Arc::default();
        let count = Arc::new(AtomicUsize::new(0));
        let (inside, counted) = (Arc::clone(&place), Arc::clone(&count));
        let hooks = Hooks::new().authorize(move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            if request.topic == Topic::ToolList {
                inside.get().unwrap().notify_tool_list_changed(&Raise::ALL).unwrap();
            }
            Access::Allow
        });
        let engine = Arc::new(Engine::with_hooks(config(&[]), hooks));
        assert!(place.set(Arc::clone(&engine)).is_ok());
        (engine, count)
    };
    let session = open(&engine, legacy(Revision::V2025_11_25));
    assert_eq!(questions.load(Ordering::Relaxed), 3);
    let told = notification("notifications/tools/list_changed", "");
    assert_eq!(frames(&engine, session), [told]);
}

#[test]
fn r69_every_subscription_of_a_batch_is_asked_for() {
    let host = Host::new(&[]);
    host.says("bob", "a:", Access::Refuse);
    let bob = host.open(legacy(Revision::V2025_03_26), "bob");
    let drop_b = request("3", "resources/unsubscribe", r#"{"uri":"b:"}"#);
    let batch =
        [subscribe("1", "a:"), subscribe("2", "b:"), drop_b, subscribe("4", "b:")].join(",");
    let got = asked(&host.engine, bob, &format!("[{batch}]"));
    assert_eq!(got, [refusal("1", "params.uri"), empty("2"), empty("3"), empty("4")]);
    assert_eq!((host.update("a:"), host.update("b:")), (0, 1));
}

#[test]
fn r69_an_answer_counts_for_all_sessions_of_a_principal_while_one_holds_the_topic() {
    let host = Host::new(&[]);
    let first = host.open(Profile::Modern, "alice");
    let second = host.open(legacy(Revision::V2025_11_25), "alice");
    host.asked();
    asked(&host.engine, first, &listen("1", A));
    asked(&host.engine, first, &listen("2", A));
    asked(&host.engine, second, &subscribe("1", "a:"));
    assert_eq!(host.asked(), ["alice a:"]);
    assert!(host.engine.receive(first, None, cancelled("1").as_bytes()).is_ok());
    host.engine.close(first).unwrap();
    asked(&host.engine, second, &subscribe("2", "a:"));
    assert_eq!(host.asked(), [""; 0]);
    host.engine.unsubscribe(second, "a:").unwrap();
    asked(&host.engine, second, &subscribe("3", "a:"));
    assert_eq!(host.asked(), ["alice a:"]);
    // Without a principal each session is one by itself, and a refusal is never remembered.
    host.says("nobody", "b:", Access::Refuse);
    for _ in 0..2 {
        let alone = open(&host.engine, Profile::Modern);
        for id in ["1", "2"] {
            asked(&host.engine, alone, &listen(id, A_AND_B));
        }
    }
    assert_eq!(host.asked(), ["nobody a:", "nobody b:"].repeat(4));
}

#[test]
fn r69_nothing_is_asked_for_what_is_refused_anyway() {
    let host = Host::new(&[("filter.max_uris", "1"), ("uri.max_bytes", "64")]);
    let session = host.open(Profile::Modern, "alice");
    let old = host.open(legacy(Revision::V2025_06_18), "bob");
    host.asked();
    let long = "far:".repeat(17);
    let too_long = format!(r#"{{"resourceSubscriptions":["{long}"]}}"#);
    for wrong in [A_AND_B, &too_long, "[]"] {
        code_of(&asked(&host.engine, session, &listen("1", wrong))[0], "1");
    }
    code_of(&asked(&host.engine, old, &subscribe("1", &long))[0], "1");
    let none = fanfare::Capabilities::none();
    let params = SessionParams::new(Profile::Modern).framing(Framing::Json).capabilities(none);
    let unserved = open_with(&host.engine, params);
    assert_eq!(asked(&host.engine, unserved, &listen("1", A))[0], ack("1", "{}"));
    assert_eq!(host.asked(), [""; 0]);
}

#[test]
fn r69_a_host_that_subscribes_a_session_is_asked_too() {
    let host = Host::new(&[]);
    host.says("bob", "a:", Access::Refuse);
    let old = host.open(legacy(Revision::V2025_06_18), "bob");
    let error = host.engine.subscribe(old, "a:").unwrap_err();
    assert_eq!(error.to_string(), r#"DENIED: params.uri: access to "a:" is refused"#);
    let session = host.open(Profile::Modern, "bob");
    let error = host.engine.listen(session, None, "1", A).unwrap_err();
    assert_eq!((error.kind(), host.update("a:")), (ErrorKind::Denied, 0));
    assert_eq!(frames(&host.engine, session), [""; 0]);
    host.says("bob", "a:", Access::Omit);
    host.engine.subscribe(old, "a:").unwrap();
    assert_eq!(host.update("a:"), 0);
}

#[test]
fn g07_a_listen_is_granted_what_its_client_may_have_and_is_told_which() {
    let host = Host::new(&[]);
    host.says("bob", "a:", Access::Omit);
    let bob = host.open(Profile::Modern, "bob");
    let granted = r#"{"resourceSubscriptions":["b:"]}"#;
    assert_eq!(asked(&host.engine, bob, &listen("1", A_AND_B)), [ack("1", granted)]);
    assert_eq!((host.update("a:"), host.update("b:")), (0, 1));
    assert_eq!(frames(&host.engine, bob), [tagged("1", "b:")]);
    // Nothing left of it: as if the server had none of it (G11).
    assert_eq!(asked(&host.engine, bob, &listen("2", A)), [ack("2", "{}"), complete("2")]);
}

#[test]
fn g08_what_is_omitted_looks_like_what_nobody_knows() {
    let host = Host::new(&[]);
    host.says("bob", "a:", Access::Omit);
    let bob = host.open(legacy(Revision::V2025_06_18), "bob");
    let unsubscribe = request("2", "resources/unsubscribe", r#"{"uri":"a:"}"#);
    for _ in 0..2 {
        assert_eq!(asked(&host.engine, bob, &subscribe("1", "a:")), [empty("1")]);
        assert_eq!(host.update("a:"), 0);
        assert_eq!(asked(&host.engine, bob, &unsubscribe), [empty("2")]);
    }
    assert_eq!(frames(&host.engine, bob), [""; 0]);
    // An open session that names what it may not hear of does not hear of everything instead.
    let open = host.open(Profile::Open, "bob");
    assert_eq!(asked(&host.engine, open, &subscribe("1", "a:")), [empty("1")]);
    assert_eq!((host.update("a:"), host.update("c:")), (0, 0));
}

#[test]
fn g23_revoked_access_ends_the_delivery_and_comes_back_when_it_is_allowed() {
    for revision in Revision::ALL {
        let host = Host::new(&[]);
        let bob = host.open(settled(revision), "bob");
        let is_legacy = revision.is_legacy();
        let told = |uri: &str| if is_legacy { updated(uri) } else { tagged("1", uri) };
        if is_legacy {
            asked(&host.engine, bob, &subscribe("1", "a:"));
            asked(&host.engine, bob, &subscribe("2", "b:"));
        } else {
            asked(&host.engine, bob, &listen("1", A_AND_B));
        }
        host.asked();
        assert_eq!((host.update("a:"), host.update("b:")), (1, 1));
        // Still allowed: nothing changes, what is queued stays.
        assert_eq!(host.revoke("bob", "a:"), Revoked { asked: 1, ..Revoked::default() });
        assert_eq!(host.asked(), ["bob a: again"]);
        host.says("bob", "a:", Access::Omit);
        let withdrawn = Revoked { asked: 1, withdrawn: 1, ..Revoked::default() };
        assert_eq!(host.revoke("bob", "a:"), withdrawn);
        assert_eq!(frames(&host.engine, bob), [told("b:")], "{revision}");
        assert_eq!((host.update("a:"), host.update("b:")), (0, 1));
        assert_eq!(frames(&host.engine, bob), [told("b:")]);
        host.says("bob", "a:", Access::Allow);
        let restored = Revoked { asked: 1, restored: 1, ..Revoked::default() };
        assert_eq!(host.revoke("bob", "a:"), restored);
        assert_eq!(host.update("a:"), 1);
        assert_eq!(frames(&host.engine, bob), [told("a:")]);
        if is_legacy {
            let unsubscribe = request("3", "resources/unsubscribe", r#"{"uri":"a:"}"#);
            assert_eq!(asked(&host.engine, bob, &unsubscribe), [empty("3")]);
        }
    }
}

#[test]
fn g23_a_refusal_ends_the_listen_and_never_looks_graceful() {
    let host = Host::new(&[]);
    let bob = host.open(Profile::Modern, "bob");
    for (id, filter) in [("1", A_AND_B), ("2", TOOLS)] {
        asked(&host.engine, bob, &listen(id, filter));
    }
    let alice = host.open(Profile::Modern, "alice");
    asked(&host.engine, alice, &listen("1", A_AND_B));
    host.says("bob", "a:", Access::Refuse);
    assert_eq!((host.update("a:"), host.update("b:")), (2, 2));
    let revoked = host.engine.revoke(None, Some(Topic::Resource("a:"))).unwrap();
    assert_eq!(revoked, Revoked { asked: 2, withdrawn: 1, ended: 1, restored: 0 });
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"subscription ended: revoked","data":{"reason":"revoked"}}}"#;
    assert_eq!(frames(&host.engine, bob), [tagged("1", "b:"), error.to_owned()]);
    // The others are undisturbed, those of the session and those of the topic.
    assert_eq!(host.engine.notify_tool_list_changed(&Raise::ALL), Ok(1));
    assert_eq!(frames(&host.engine, bob).len(), 1);
    assert_eq!(frames(&host.engine, alice), [tagged("1", "a:"), tagged("1", "b:")]);
    // He may listen again, and is asked again.
    let got = asked(&host.engine, bob, &listen("3", A));
    assert_eq!(got, [refusal("3", "params.notifications")]);
}

#[test]
fn g23_a_principal_can_be_looked_at_as_a_whole_and_so_can_everybody() {
    let host = Host::new(&[]);
    let bob = host.open(Profile::Modern, "bob");
    asked(&host.engine, bob, &listen("1", A_AND_B));
    asked(&host.engine, bob, &listen("2", A));
    let alice = host.open(Profile::Modern, "alice");
    asked(&host.engine, alice, &listen("1", A));
    host.asked();
    let asked_of = |principal, topic| {
        host.engine.revoke(principal, topic).unwrap();
        let mut asked = host.asked();
        asked.sort();
        asked
    };
    assert_eq!(asked_of(Some("bob"), None), ["bob a: again", "bob b: again"]);
    assert_eq!(asked_of(None, Some(Topic::Resource("a:"))), ["alice a: again", "bob a: again"]);
    assert_eq!(asked_of(None, None), ["alice a: again", "bob a: again", "bob b: again"]);
    assert_eq!(asked_of(Some("carol"), None), [""; 0]);
    assert_eq!(asked_of(None, Some(Topic::Resource("c:"))), [""; 0]);
    assert_eq!(asked_of(Some("alice"), Some(Topic::PromptList)), [""; 0]);
}

#[test]
fn g23_what_is_withdrawn_stays_so_whatever_types_a_session_chooses() {
    let host = Host::new(&[]);
    let bob = host.open(legacy(Revision::V2025_11_25), "bob");
    asked(&host.engine, bob, &subscribe("1", "a:"));
    host.says("bob", "a:", Access::Omit);
    host.revoke("bob", "a:");
    for types in [r#"["tools/list_changed"]"#, r#"["resources/updated"]"#] {
        let params = format!(r#"{{"types":{types}}}"#);
        asked(&host.engine, bob, &notification("notifications/subscribe", &params));
        assert_eq!(host.update("a:"), 0, "{types}");
    }
    asked(&host.engine, bob, &notification("notifications/subscribe", r#"{"types":[]}"#));
    host.says("bob", "a:", Access::Allow);
    host.revoke("bob", "a:");
    assert_eq!(host.update("a:"), 0, "it has chosen to hear of nothing");
    asked(&host.engine, bob, &notification("notifications/unsubscribe", ""));
    assert_eq!(host.update("a:"), 1);
}

#[test]
fn g23_a_container_that_is_withdrawn_takes_what_is_in_it_along() {
    let host = Host::new(&[("resources.match", "segments")]);
    let bob = host.open(legacy(Revision::V2025_11_25), "bob");
    asked(&host.engine, bob, &subscribe("1", "file:///a/"));
    assert_eq!(host.update("file:///a/x"), 1);
    host.says("bob", "file:///a/", Access::Omit);
    host.revoke("bob", "file:///a/");
    assert_eq!(frames(&host.engine, bob), [""; 0]);
    assert_eq!((host.update("file:///a/x"), host.update("file:///a/")), (0, 0));
}

#[test]
fn g23_without_somebody_to_ask_nothing_can_be_revoked() {
    let engine = engine(&[]);
    let error = engine.revoke(None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    assert!(error.detail().contains("authorize"), "{error}");
}

#[test]
fn r69_an_answer_that_was_revoked_before_it_counted_is_asked_for_again() {
    let engine: Arc<OnceLock<Arc<Engine>>> = Arc::default();
    let (inside, count) = (Arc::clone(&engine), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let hooks = Hooks::new().authorize(move |_| {
        // The right goes while the answer is on its way, as on another thread.
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            inside.get().unwrap().revoke(None, None).unwrap();
            return Access::Allow;
        }
        Access::Refuse
    });
    engine.set(Arc::new(Engine::with_hooks(config(&[]), hooks))).unwrap();
    let engine = engine.get().unwrap();
    let session = open(engine, Profile::Modern);
    assert_eq!(asked(engine, session, &listen("1", A)), [refusal("1", "params.notifications")]);
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn r69_a_host_that_revokes_with_each_answer_is_refused_in_the_end() {
    let engine: Arc<OnceLock<Arc<Engine>>> = Arc::default();
    let inside = Arc::clone(&engine);
    let hooks = Hooks::new().authorize(move |_| {
        inside.get().unwrap().revoke(None, None).unwrap();
        Access::Allow
    });
    engine.set(Arc::new(Engine::with_hooks(config(&[]), hooks))).unwrap();
    let engine = engine.get().unwrap();
    let session = open(engine, Profile::Modern);
    assert_eq!(asked(engine, session, &listen("1", A)), [refusal("1", "params.notifications")]);
}

/// An engine whose host, when it is asked again for the first time, calls the engine itself; and
/// whatever it is asked after that it answers with the last.
fn reentrant(
    call: impl Fn(&Engine) + Send + Sync + 'static,
    first: Access,
    last: Access,
) -> (Arc<Engine>, Arc<Mutex<Vec<bool>>>) {
    let place: Arc<OnceLock<Arc<Engine>>> = Arc::default();
    let asked: Arc<Mutex<Vec<bool>>> = Arc::default();
    let (inside, noted) = (Arc::clone(&place), Arc::clone(&asked));
    let hooks = Hooks::new().authorize(move |request| {
        let is_first = request.is_again && !noted.lock().unwrap().contains(&true);
        noted.lock().unwrap().push(request.is_again);
        if is_first {
            call(inside.get().unwrap());
            return first;
        }
        if noted.lock().unwrap().contains(&true) { last } else { Access::Allow }
    });
    let engine = Arc::new(Engine::with_hooks(config(&[]), hooks));
    assert!(place.set(Arc::clone(&engine)).is_ok());
    (engine, asked)
}

#[test]
fn r69_what_is_being_asked_about_again_is_not_taken_for_known() {
    let session: Arc<OnceLock<SessionId>> = Arc::default();
    let listener = Arc::clone(&session);
    let again = move |engine: &Engine| {
        engine.receive(*listener.get().unwrap(), None, listen("2", A).as_bytes()).unwrap();
    };
    let (engine, questions) = reentrant(again, Access::Allow, Access::Omit);
    session.set(open(&engine, Profile::Modern)).unwrap();
    let session = *session.get().unwrap();
    assert_eq!(asked(&engine, session, &listen("1", A)), [ack("1", A)]);
    engine.revoke(None, None).unwrap();
    assert_eq!(*questions.lock().unwrap(), [false, true, false]);
    assert_eq!(frames(&engine, session), [ack("2", "{}"), complete("2")]);
}

#[test]
fn g23_the_latest_revocation_has_the_last_word() {
    let again = |engine: &Engine| {
        engine.revoke(None, None).unwrap();
    };
    let (engine, questions) = reentrant(again, Access::Allow, Access::Omit);
    let session = open(&engine, Profile::Modern);
    asked(&engine, session, &listen("1", A));
    // The older question is answered after the newer one.
    let outer = engine.revoke(None, None).unwrap();
    assert_eq!(outer, Revoked { asked: 1, ..Revoked::default() });
    assert_eq!(*questions.lock().unwrap(), [false, true, true]);
    assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(0));
}

#[test]
fn r69_no_subscription_slips_through_a_revocation_on_another_thread() {
    let allowed = Arc::new(AtomicBool::new(true));
    let says = Arc::clone(&allowed);
    let hooks = Hooks::new()
        .authorize(move |_| if says.load(Ordering::SeqCst) { Access::Allow } else { Access::Omit });
    let engine = Engine::with_hooks(config(&[]), hooks);
    let is_over = AtomicBool::new(false);
    /// Whatever happens, the others come to an end.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        for name in ["alice", "bob"] {
            let (engine, is_over) = (&engine, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let params = SessionParams::new(Profile::Modern).principal(name);
                    let session = engine.open(params).unwrap();
                    for id in ["1", "2"] {
                        engine.receive(session, None, listen(id, A).as_bytes()).unwrap();
                    }
                    engine.close(session).unwrap();
                }
            });
        }
        // Often enough, and until some that had subscribed were met.
        let (mut rounds, mut withdrawn) = (0, 0);
        while rounds < 500 || withdrawn == 0 {
            allowed.store(false, Ordering::SeqCst);
            withdrawn += engine.revoke(None, None).unwrap().withdrawn;
            assert_eq!(engine.notify_resource_updated("a:", &Raise::ALL), Ok(0));
            allowed.store(true, Ordering::SeqCst);
            engine.revoke(None, None).unwrap();
            rounds += 1;
        }
    });
}

#[test]
fn r69_sessions_of_others_are_not_asked_about() {
    let host = Host::new(&[]);
    let (bob, alice) = (host.open(Profile::Modern, "bob"), host.open(Profile::Modern, "alice"));
    for session in [bob, alice] {
        asked(&host.engine, session, &listen("1", A));
    }
    host.says("bob", "a:", Access::Omit);
    host.says("alice", "a:", Access::Omit);
    host.revoke("bob", "a:");
    let to_alice = Raise::to(Target::Principal("alice"));
    assert_eq!(host.engine.notify_resource_updated("a:", &to_alice), Ok(1));
    assert_eq!(host.update("a:"), 1);
}
