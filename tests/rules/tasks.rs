//! Tasks of the extension of 2026-07-28 (R64 to R66): who hears of one, and what becomes of an
//! update that waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fanfare::{
    Access, Capabilities, EndReason, Engine, ErrorKind, Framing, Hooks, Overflow, Profile, Raise,
    Revision, SessionId, SessionParams, StreamKind, Target, Topic, Verdict,
};

use crate::common::*;

const NONE: [&str; 0] = [];
const DECLARED: &str = r#""extensions":{"io.modelcontextprotocol/tasks":{}}"#;
pub(crate) const STATUSES: [&str; 5] =
    ["working", "input_required", "completed", "failed", "cancelled"];

/// A `DetailedTask` without its braces.
fn members(id: &str, status: &str) -> String {
    let more = match status {
        "input_required" => r#","inputRequests":{}"#,
        "completed" => r#","result":{"content":[]}"#,
        "failed" => r#","error":{"code":-32603,"message":"m"}"#,
        _ => "",
    };
    format!(
        r#""taskId":"{id}","status":"{status}","createdAt":"2026-08-01T00:00:00Z","lastUpdatedAt":"2026-08-01T00:00:01Z","ttlMs":null{more}"#
    )
}

fn task(id: &str, status: &str) -> String {
    format!("{{{}}}", members(id, status))
}

/// The frame that tells a listen of it.
fn told(listen: &str, id: &str, status: &str) -> String {
    let params = format!(
        r#"{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{listen}}},{}}}"#,
        members(id, status)
    );
    notification("notifications/tasks", &params)
}

/// A listen whose client has those capabilities.
fn listen_with(capabilities: &str, id: &str, filter: &str) -> String {
    listen(id, filter)
        .replace(r#"clientCapabilities":{}"#, &format!(r#"clientCapabilities":{{{capabilities}}}"#))
}

fn listen_to(engine: &Engine, session: SessionId, id: &str, tasks: &str) {
    let filter = format!(r#"{{"taskIds":[{tasks}]}}"#);
    let got = asked(engine, session, &listen_with(DECLARED, id, &filter));
    assert_eq!(got, [ack(id, &filter)]);
}

fn raise(engine: &Engine, id: &str, status: &str) -> usize {
    engine.notify_task(&task(id, status), &Raise::ALL).unwrap()
}

fn refused(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32021,"message":"the request needs the client capability extensions[\"io.modelcontextprotocol/tasks\"]","data":{{"requiredCapabilities":{{"extensions":{{"io.modelcontextprotocol/tasks":{{}}}}}}}}}}}}"#
    )
}

#[test]
fn r64_task_ids_need_the_extension_in_that_very_request() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    for (at, capabilities) in [
        "",
        r#""extensions":{}"#,
        r#""extensions":{"io.modelcontextprotocol/ui":{}}"#,
        r#""extensions":{"io.modelcontextprotocol/tasks":true}"#,
        r#""tasks":{}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let id = at.to_string();
        let filter = r#"{"toolsListChanged":true,"taskIds":["t"]}"#;
        let got = asked(&engine, session, &listen_with(capabilities, &id, filter));
        assert_eq!(got, [refused(&id)], "no acknowledgment, and nothing of it");
        // R57: an earlier request may have declared it.
        listen_to(&engine, session, &format!("\"{at}\""), "\"t\"");
    }
    assert_eq!(engine.stats().subscriptions, 5);
    raise(&engine, "t", "working");
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let ids = ["\"0\"", "\"1\"", "\"2\"", "\"3\"", "\"4\""];
    assert_eq!(frames(&engine, session), ids.map(|id| told(id, "t", "working")));
    // Naming no task is no asking.
    let nothing = r#"{"toolsListChanged":true,"taskIds":[]}"#;
    let got = asked(&engine, session, &listen("9", nothing));
    assert_eq!(got, [ack("9", r#"{"toolsListChanged":true}"#)]);
}

#[test]
fn r64_the_refusal_ends_its_stream_and_params_are_looked_at_before() {
    let engine = engine(&[("filter.max_uris", "2")]);
    let session = open(&engine, Profile::Modern);
    let stream = engine.open_stream(session, StreamKind::Listen).unwrap();
    let message = listen(r#""l""#, r#"{"taskIds":["t"]}"#);
    engine.receive(session, Some(stream), message.as_bytes()).unwrap();
    assert_eq!(frames_of(&engine, stream), [refused(r#""l""#)]);
    assert_eq!(engine.close_stream(stream).unwrap_err().kind(), ErrorKind::Gone);
    let session = open(&engine, Profile::Modern);
    for wrong in [r#"{"taskIds":"t"}"#, r#"{"taskIds":[7]}"#, r#"{"taskIds":["a","b","c"]}"#] {
        let got = asked(&engine, session, &listen("1", wrong));
        assert_eq!(code_of(&got[0], "1"), -32602, "{wrong}");
    }
}

#[test]
fn r64_without_the_extension_the_field_is_unknown() {
    let engine = engine(&[]);
    let none = Capabilities { tasks_extension: false, ..Capabilities::all() };
    let params = SessionParams::new(Profile::Modern).framing(Framing::Json).capabilities(none);
    let session = open_with(&engine, params);
    for (id, capabilities) in [("1", ""), ("2", DECLARED)] {
        for tasks in [r#"["t"]"#, "7"] {
            let filter = format!(r#"{{"toolsListChanged":true,"taskIds":{tasks}}}"#);
            let got = asked(&engine, session, &listen_with(capabilities, id, &filter));
            assert_eq!(got, [ack(id, r#"{"toolsListChanged":true}"#)]);
            asked(&engine, session, &cancelled(id));
        }
    }
    let got = asked(&engine, session, &listen("3", r#"{"taskIds":["t"]}"#));
    assert_eq!(got, [ack("3", "{}"), complete("3")]);
    assert_eq!(raise(&engine, "t", "working"), 0);
}

#[test]
fn r65_a_task_is_told_to_the_listens_that_named_it() {
    let engine = engine(&[]);
    let [session, other] = [0, 1].map(|_| open(&engine, Profile::Modern));
    let plain = Revision::ALL.map(|revision| open(&engine, settled(revision)));
    listen_to(&engine, session, "1", r#""t","u""#);
    listen_to(&engine, session, "\"1\"", r#""t""#);
    listen_to(&engine, other, "0", r#""u""#);
    assert_eq!(raise(&engine, "t", "working"), 2);
    assert_eq!(raise(&engine, "u", "completed"), 2);
    assert_eq!(raise(&engine, "v", "failed"), 0);
    let expected =
        [told("1", "t", "working"), told("\"1\"", "t", "working"), told("1", "u", "completed")];
    assert_eq!(frames(&engine, session), expected);
    assert_eq!(frames(&engine, other), [told("0", "u", "completed")]);
    for session in plain {
        assert_eq!(frames(&engine, session), NONE);
    }
    // It goes to whom the target leaves.
    let except = Raise::to(Target::Except(session));
    assert_eq!(engine.notify_task(&task("t", "working"), &except), Ok(0));
    assert_eq!(engine.notify_task(&task("t", "working"), &to(session)), Ok(2));
    assert_eq!(engine.notify_task(&task("t", "working"), &to(other)), Ok(0));
}

#[test]
fn r65_the_body_is_what_the_host_wrote() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    listen_to(&engine, session, "7", r#""t\"""#);
    let meta = r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":7"#;
    let rest = r#""statusMessage":"a\u0062","taskId":"t\"","status":"working","createdAt":"c","lastUpdatedAt":"u","ttlMs":60000,"pollIntervalMs":1"#;
    for (params, context, expected) in [
        (format!("{{{rest}}}"), None, format!("{meta}}},{rest}}}")),
        (
            format!("{{\"_meta\":{{\"k\":1.0}},{rest}}}"),
            None,
            format!("{meta},\"k\":1.0}},{rest}}}"),
        ),
        (format!("{{{rest},\"_meta\":{{}}}}"), None, format!("{meta}}},{rest}}}")),
        (format!("{{{rest}}}"), Some(r#"{"c":[1]}"#), format!("{meta},\"c\":[1]}},{rest}}}")),
    ] {
        let mut raise = Raise::ALL;
        if let Some(context) = context {
            raise = raise.context(context);
        }
        assert_eq!(engine.notify_task(&params, &raise), Ok(1));
        assert_eq!(frames(&engine, session), [notification("notifications/tasks", &expected)]);
    }
    let tagged = r#"{"taskId":"t\"","status":"working","_meta":{"io.modelcontextprotocol/subscriptionId":8}}"#;
    let error = engine.notify_task(tagged, &Raise::ALL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn r65_the_newest_state_stands_where_the_first_was_raised() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Modern);
    let filter = r#"{"toolsListChanged":true,"taskIds":["t","u"]}"#;
    asked(&engine, session, &listen_with(DECLARED, "1", filter));
    raise(&engine, "t", "working");
    engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    raise(&engine, "u", "working");
    raise(&engine, "t", "input_required");
    raise(&engine, "t", "working");
    assert_eq!(raise(&engine, "t", "completed"), 1);
    assert_eq!(engine.session_stats(session).unwrap().merged, 3);
    let expected =
        [told("1", "t", "completed"), tagged_list("1", "tools"), told("1", "u", "working")];
    assert_eq!(frames(&engine, session), expected);
    raise(&engine, "u", "failed");
    assert_eq!(frames(&engine, session), [told("1", "u", "failed")]);
}

#[test]
fn r65_a_task_is_never_a_resource() {
    let engine = engine(&[("resources.match", "segments")]);
    let session = open(&engine, Profile::Modern);
    let old = open(&engine, legacy(Revision::V2025_11_25));
    asked(&engine, old, &subscribe("1", "file:///a"));
    let filter = r#"{"resourceSubscriptions":["file:///a"],"taskIds":["file:///a","file:///a/b"]}"#;
    let got = asked(&engine, session, &listen_with(DECLARED, "1", filter));
    assert_eq!(got, [ack("1", filter)]);
    assert_eq!(engine.stats().topics, 6, "three lists, a resource and two tasks");
    assert_eq!(raise(&engine, "file:///a/b", "working"), 1);
    assert_eq!(raise(&engine, "file:///a", "working"), 1);
    let expected = [told("1", "file:///a/b", "working"), told("1", "file:///a", "working")];
    assert_eq!(frames(&engine, session), expected);
    assert_eq!(engine.notify_resource_updated("file:///a", &Raise::ALL), Ok(2));
    assert_eq!(frames(&engine, session), [tagged("1", "file:///a")]);
    assert_eq!(frames(&engine, old), [updated("file:///a")]);
}

#[test]
fn r65_what_waits_goes_with_the_listen_or_out_before_its_end() {
    for (reason, keeps) in
        [(EndReason::Graceful, true), (EndReason::Cancelled, false), (EndReason::Shutdown, true)]
    {
        for whole in [false, true] {
            let engine = engine(&[]);
            let session = open(&engine, Profile::Modern);
            listen_to(&engine, session, "1", r#""t""#);
            let subscription = engine.subscription(session, "1").unwrap();
            raise(&engine, "t", "working");
            raise(&engine, "t", "completed");
            if whole {
                engine.end(session, reason).unwrap();
            } else {
                engine.end_subscription(subscription, reason).unwrap();
            }
            let expected =
                if keeps { vec![told("1", "t", "completed"), complete("1")] } else { Vec::new() };
            if keeps || !whole {
                assert_eq!(frames(&engine, session), expected, "{reason:?} {whole}");
            } else {
                // Nothing was left to say, so it is gone at once.
                assert_eq!(engine.user_data(session).unwrap_err().kind(), ErrorKind::Gone);
            }
            let stats = engine.stats();
            assert_eq!((stats.queued_frames, stats.queued_bytes, stats.topics), (0, 0, 0));
        }
    }
}

#[test]
fn r65_an_update_that_waits_counts_as_an_event() {
    let policies = [Overflow::Close, Overflow::DropOldest, Overflow::DropNewest];
    for policy in policies {
        let engine = engine(&[]);
        let params = SessionParams::new(Profile::Modern).framing(Framing::Json);
        let session = open_with(&engine, params.overflow(policy).max_queued_frames(2));
        listen_to(&engine, session, "1", r#""a","b","c""#);
        for (id, status) in [("a", "working"), ("b", "working"), ("a", "completed")] {
            assert_eq!(raise(&engine, id, status), 1, "one that waits takes no more room");
        }
        let reached = usize::from(policy == Overflow::DropOldest);
        assert_eq!(raise(&engine, "c", "working"), reached);
        let lagged = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"subscription ended: lagged","data":{"reason":"lagged"}}}"#;
        let expected = match policy {
            Overflow::Close => vec![lagged.to_owned()],
            Overflow::DropOldest => vec![told("1", "b", "working"), told("1", "c", "working")],
            Overflow::DropNewest => vec![told("1", "a", "completed"), told("1", "b", "working")],
        };
        assert_eq!(frames(&engine, session), expected, "{policy:?}");
        assert_eq!(engine.stats().dropped, 1);
        assert_eq!(engine.stats().queued_bytes, 0);
    }
}

/// An update that waits is larger than the one before, and beyond the session's bound.
#[test]
fn r65_an_update_that_outgrows_its_place_is_up_to_the_policy() {
    for policy in [Overflow::Close, Overflow::DropOldest, Overflow::DropNewest] {
        let engine = engine(&[]);
        let params = SessionParams::new(Profile::Modern).framing(Framing::Json);
        let session = open_with(&engine, params.overflow(policy).max_queued_bytes(600));
        listen_to(&engine, session, "1", r#""a","b""#);
        raise(&engine, "a", "working");
        raise(&engine, "b", "working");
        let large = |bytes: usize| {
            let params = format!("{{{},\"m\":\"{}\"}}", members("b", "working"), "x".repeat(bytes));
            engine.notify_task(&params, &Raise::ALL).unwrap()
        };
        assert_eq!(large(10), 1);
        let reached = usize::from(policy == Overflow::DropOldest);
        assert_eq!(large(400), reached, "{policy:?}");
        let got = frames(&engine, session);
        match policy {
            Overflow::Close => assert!(got.len() == 1 && got[0].contains("lagged"), "{got:?}"),
            Overflow::DropOldest => {
                assert!(got.len() == 1 && got[0].len() > 400, "the large one alone: {got:?}");
                assert_eq!(large(600), 0, "it would not fit into an empty queue");
                assert_eq!(frames(&engine, session), NONE);
            }
            Overflow::DropNewest => {
                assert_eq!(got.len(), 2);
                assert!(got[1].contains("xxxxxxxxxx\""), "the one that fitted: {got:?}");
            }
        }
        assert_eq!(engine.stats().queued_bytes, 0);
    }
}

#[test]
fn r65_r76_updates_that_nobody_reads_cost_one_body_for_all() {
    let engine = engine(&[]);
    let sessions: Vec<_> = (0..50).map(|_| open(&engine, Profile::Modern)).collect();
    for &session in &sessions {
        listen_to(&engine, session, "1", r#""t""#);
    }
    raise(&engine, "t", "working");
    let after_one = engine.stats().queued_bytes;
    for _ in 0..1000 {
        assert_eq!(raise(&engine, "t", "working"), 50);
    }
    assert_eq!(engine.stats().queued_bytes, after_one);
    assert!(after_one < 50 * 128 + 300, "{after_one}");
    for session in sessions {
        assert_eq!(frames(&engine, session), [told("1", "t", "working")]);
    }
}

/// What a callback has in hand does not cover what is raised meanwhile.
#[test]
fn r65_an_update_raised_while_one_is_in_hand_follows_it() {
    let engine = Arc::new(engine(&[]));
    let session = open(&engine, Profile::Modern);
    listen_to(&engine, session, "1", r#""t""#);
    raise(&engine, "t", "working");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (told_to, host) = (seen.clone(), Arc::downgrade(&engine));
    let callback = move |frame: &fanfare::Frame<'_>| {
        let mut seen = told_to.lock().unwrap();
        seen.push(String::from_utf8(frame.data.to_vec()).unwrap());
        if seen.len() == 1 {
            raise(&host.upgrade().unwrap(), "t", "completed");
        }
        Verdict::Accepted
    };
    engine.on_frame(Some(session), Box::new(callback)).unwrap();
    engine.dispatch(usize::MAX).unwrap();
    assert_eq!(*seen.lock().unwrap(), [told("1", "t", "working"), told("1", "t", "completed")]);
    assert_eq!(engine.stats().queued_bytes, 0);
}

#[test]
fn r69_a_task_is_asked_about_and_can_be_withdrawn() {
    let asked_of = Arc::new(Mutex::new(Vec::new()));
    let (noted, refuses) = (asked_of.clone(), Arc::new(Mutex::new(String::new())));
    let withdrawn = refuses.clone();
    let hooks = Hooks::new().authorize(move |request| {
        let Topic::Task(id) = request.topic else { return Access::Allow };
        noted.lock().unwrap().push(id.to_owned());
        let is_kept = id != "secret" && id != *withdrawn.lock().unwrap();
        if is_kept { Access::Allow } else { Access::Omit }
    });
    let engine = Engine::with_hooks(config(&[]), hooks);
    let session = open(&engine, Profile::Modern);
    let filter = r#"{"taskIds":["t\"","secret","u"]}"#;
    assert_eq!(asked(&engine, session, &listen("1", filter)), [refused("1")]);
    assert!(asked_of.lock().unwrap().is_empty(), "what is refused anyway is not asked about");
    let got = asked(&engine, session, &listen_with(DECLARED, "1", filter));
    assert_eq!(got, [ack("1", r#"{"taskIds":["t\"","u"]}"#)]);
    assert_eq!(*asked_of.lock().unwrap(), ["t\"", "secret", "u"]);
    raise(&engine, "t\\\"", "working");
    raise(&engine, "u", "working");
    *refuses.lock().unwrap() = "t\"".to_owned();
    let revoked = engine.revoke(None, Some(Topic::Task("t\""))).unwrap();
    assert_eq!((revoked.asked, revoked.withdrawn), (1, 1));
    assert_eq!(raise(&engine, "t\\\"", "working"), 0);
    assert_eq!(frames(&engine, session), [told("1", "u", "working")]);
    assert_eq!(engine.stats().queued_bytes, 0);
    refuses.lock().unwrap().clear();
    assert_eq!(engine.revoke(None, None).unwrap().restored, 1);
    assert_eq!(raise(&engine, "t\\\"", "completed"), 1);
    assert_eq!(frames(&engine, session), [told("1", "t\\\"", "completed")]);
}

#[test]
fn r65_an_open_session_hears_of_tasks_as_of_any_event() {
    let engine = engine(&[]);
    let session = open(&engine, Profile::Open);
    assert_eq!(raise(&engine, "t", "working"), 1);
    assert_eq!(raise(&engine, "t", "completed"), 1);
    let expected =
        ["working", "completed"].map(|it| notification("notifications/tasks", &task("t", it)));
    assert_eq!(frames(&engine, session), expected);
}

/// A walk of a few tasks through statuses at random, in both ways in which a task is told of,
/// against a model that holds what each of them is.
#[test]
fn r66_a_status_takes_legal_steps_only() {
    let engine = engine(&[]);
    let modern = open(&engine, Profile::Modern);
    let old = open(&engine, legacy(Revision::V2025_11_25));
    let mut model: HashMap<(bool, String), &str> = HashMap::new();
    let mut seed = 7_u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let mut refusals = 0;
    for step in 0..20_000 {
        let id = format!("t{}", step / 20 + below(3));
        let status = STATUSES[if below(4) == 0 { below(5) } else { below(2) }];
        let is_core = below(2) == 0;
        let number = step.to_string();
        let listens = !is_core && below(2) == 0;
        if listens {
            listen_to(&engine, modern, &number, &format!("\"{id}\""));
        }
        let (raised, method) = if is_core {
            let raised = engine.notify_task_status(&core_task(&id, status), &Raise::ALL);
            (raised, "notifications/tasks/status")
        } else {
            let raised = engine.notify_task(&task(&id, status), &Raise::ALL);
            (raised, "notifications/tasks")
        };
        let before = model.get(&(is_core, id.clone())).copied();
        let is_over = matches!(before, Some("completed" | "failed" | "cancelled"));
        match raised {
            Ok(reached) => {
                assert!(!is_over, "{id} was {before:?}, and became {status}");
                model.insert((is_core, id.clone()), status);
                let session = if is_core { old } else { modern };
                let got = frames(&engine, session);
                assert_eq!(got.len(), reached);
                let says = format!(r#""taskId":"{id}","status":"{status}""#);
                assert!(got.iter().all(|it| it.contains(method) && it.contains(&says)), "{got:?}");
                assert_eq!(reached, usize::from(is_core || listens));
            }
            Err(error) => {
                assert!(is_over, "{id} was {before:?}, and may become {status}: {error}");
                assert_eq!(error.kind(), ErrorKind::State);
                let (id, before) = (format!("{id:?}"), before.unwrap());
                assert!(error.detail().contains(&id) && error.detail().contains(before), "{error}");
                refusals += 1;
            }
        }
        assert_eq!(asked(&engine, modern, &cancelled(&number)), NONE);
        assert_eq!(frames(&engine, old), NONE);
    }
    assert!(refusals > 1000 && model.len() > 1000, "{refusals} of {}", model.len());
}

/// A `Task` of 2025-11-25.
pub(crate) fn core_task(id: &str, status: &str) -> String {
    format!(
        r#"{{"taskId":"{id}","status":"{status}","createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:01Z","ttl":null}}"#
    )
}

#[test]
fn r66_what_is_no_task_is_refused_by_the_name_of_its_field() {
    let engine = engine(&[("uri.max_bytes", "64"), ("params.max_bytes", "1000")]);
    let session = open(&engine, Profile::Open);
    let too_long = core_task(&"t".repeat(65), "working");
    for method in ["notifications/tasks", "notifications/tasks/status"] {
        for (params, names) in [
            (
                Some(r#"{"taskId":"t","status":"done"}"#),
                r#"params.status must be one of working, input_required, completed, failed, cancelled, not "done""#,
            ),
            (Some(r#"{"taskId":"t"}"#), "params.status"),
            (Some(r#"{"taskId":7,"status":"working"}"#), "params.taskId"),
            (Some("[]"), "params"),
            (None, "params"),
        ] {
            let error = engine.notify(method, params, &Raise::ALL).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Json, "{method} {params:?}");
            assert!(error.detail().contains(names), "{error}");
        }
    }
    for raised in [
        engine.notify_task(&too_long, &Raise::ALL),
        engine.notify_task_status(&too_long, &Raise::ALL),
    ] {
        let error = raised.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_eq!(error.detail(), "the task id is 65 bytes; uri.max_bytes allows 64");
    }
    assert_eq!(frames(&engine, session), NONE);
    // A refusal for the target leaves the task as it was.
    engine.close(session).unwrap();
    let gone = engine.notify_task(&task("t", "completed"), &to(session)).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone);
    assert_eq!(raise(&engine, "t", "working"), 0);
}

#[test]
fn r66_of_too_many_tasks_the_one_longest_over_is_forgotten_first() {
    let engine = engine(&[("tasks.max_known", "3")]);
    let is_over = |id: &str| {
        let raised = engine.notify_task(&task(id, "working"), &Raise::ALL);
        raised.is_err_and(|error| error.kind() == ErrorKind::State)
    };
    raise(&engine, "a", "working");
    raise(&engine, "b", "completed");
    raise(&engine, "a", "failed");
    assert!(is_over("a") && is_over("b"));
    raise(&engine, "c", "working");
    raise(&engine, "d", "working");
    assert!(is_over("a"), "it was over after b");
    raise(&engine, "c", "completed");
    raise(&engine, "e", "working");
    raise(&engine, "f", "cancelled");
    assert!(
        is_over("f") && !is_over("c"),
        "f took the place of c, and not of one that is not over"
    );
}
