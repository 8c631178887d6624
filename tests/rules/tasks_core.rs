//! Tasks and elicitations of 2025-11-25 (R8, R23, R67, R68).

use fanfare::{
    Capabilities, Engine, ErrorKind, Framing, Profile, Raise, Revision, SessionId, SessionParams,
    StreamKind, Target,
};

use crate::common::*;
use crate::tasks::{STATUSES, core_task};

const NONE: [&str; 0] = [];
const D: Revision = Revision::V2025_11_25;
const ELICITED: &str = "notifications/elicitation/complete";

fn created(request: &str, task: &str) -> String {
    let task = core_task(task, "working");
    format!(r#"{{"jsonrpc":"2.0","id":{request},"result":{{"task":{task}}}}}"#)
}

fn told(task: &str, status: &str) -> String {
    notification("notifications/tasks/status", &core_task(task, status))
}

/// Progress that names its task.
fn related(task: &str, token: &str, progress: &str) -> String {
    let meta = format!(r#"{{"io.modelcontextprotocol/related-task":{{"taskId":"{task}"}}}}"#);
    notification(
        "notifications/progress",
        &format!(r#"{{"_meta":{meta},"progressToken":{token},"progress":{progress}}}"#),
    )
}

fn send(engine: &Engine, session: SessionId, message: &str) {
    engine.send(session, None, message.as_bytes()).unwrap();
}

/// A call with the token 1 that has become the task `t`.
fn becoming_a_task(engine: &Engine) -> SessionId {
    let session = open(engine, legacy(D));
    passed(engine, session, &call("7", "1"));
    send(engine, session, &created("7", "t"));
    assert_eq!(frames(engine, session), [created("7", "t")]);
    session
}

fn status(engine: &Engine, task: &str, status: &str) -> usize {
    engine.notify_task_status(&core_task(task, status), &Raise::ALL).unwrap()
}

#[test]
fn r23_the_token_of_a_task_lives_until_the_task_is_over() {
    for last in STATUSES[2..].iter() {
        let engine = engine(&[]);
        let session = open(&engine, legacy(D));
        passed(&engine, session, &call("7", "1"));
        report(&engine, "1", "1");
        send(&engine, session, &created("7", "t"));
        assert_eq!(report(&engine, "1", "2"), 1);
        assert_eq!(report(&engine, "1", "1.5"), 0, "R17 holds on beyond the response");
        assert_eq!(status(&engine, "t", "input_required"), 1);
        assert_eq!(report(&engine, "1", "3"), 1);
        // Progress that waits has its place from the first raising on.
        let expected = [
            progressed("1", "1"),
            created("7", "t"),
            related("t", "1", "3"),
            told("t", "input_required"),
        ];
        assert_eq!(frames(&engine, session), expected);
        assert_eq!(report(&engine, "1", "4"), 1);
        assert_eq!(status(&engine, "t", last), 1);
        assert_eq!(report(&engine, "1", "5"), 0, "{last} is the end of it");
        assert_eq!(frames(&engine, session), [related("t", "1", "4"), told("t", last)]);
        // The token is free again.
        passed(&engine, session, &call("8", "1"));
        assert_eq!(report(&engine, "1", "1"), 1);
        assert_eq!(frames(&engine, session), [progressed("1", "1")]);
    }
}

#[test]
fn r23_the_request_is_answered_though_its_token_lives() {
    let engine = engine(&[("session.max_requests", "1")]);
    let session = becoming_a_task(&engine);
    assert_eq!((engine.stats().requests, engine.session_stats(session).unwrap().requests), (0, 0));
    let again = engine.send(session, None, created("7", "t").as_bytes()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::State);
    // A task is not cancelled that way.
    assert_eq!(asked(&engine, session, &cancelled("7")), NONE);
    // Its id and its place are free, its token is not (R20).
    passed(&engine, session, &call("7", "1"));
    assert_eq!(report(&engine, "1", "1"), 1);
    send(&engine, session, &empty("7"));
    assert_eq!(report(&engine, "1", "2"), 1);
    assert_eq!(frames(&engine, session), [empty("7"), related("t", "1", "2")]);
}

#[test]
fn r23_the_token_ends_with_the_session_and_with_what_the_client_is_told() {
    let engine = engine(&[]);
    let session = becoming_a_task(&engine);
    engine.close(session).unwrap();
    assert_eq!(report(&engine, "1", "1"), 0);
    assert_eq!(status(&engine, "t", "completed"), 0);
    // tasks/get says that it is over: nobody has been told of its status yet, but of progress there
    // is none any more.
    let session = open(&engine, legacy(D));
    passed(&engine, session, &call("1", "1"));
    send(&engine, session, &created("1", "u"));
    for (id, word, reached) in [("2", "working", 1), ("3", "cancelled", 0)] {
        passed(&engine, session, &request(id, "tasks/get", r#"{"taskId":"u"}"#));
        let task = core_task("u", word);
        send(&engine, session, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{task}}}"#));
        assert_eq!(report(&engine, "1", id), reached, "{word}");
    }
    assert_eq!(status(&engine, "u", "cancelled"), 1);
    let got = frames(&engine, session);
    let said = |id: &str, word: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, core_task("u", word))
    };
    // Responses go first, but not before what they put an end to.
    let expected = [
        created("1", "u"),
        said("2", "working"),
        related("u", "1", "2"),
        said("3", "cancelled"),
        told("u", "cancelled"),
    ];
    assert_eq!(got, expected);
}

#[test]
fn r23_only_where_the_revision_and_the_server_have_tasks() {
    let without = Capabilities { tasks: false, ..Capabilities::all() };
    for (revision, capabilities) in Revision::ALL
        .into_iter()
        .map(|revision| (revision, Capabilities::all()))
        .filter(|(revision, _)| *revision != D)
        .chain([(D, without)])
    {
        let engine = engine(&[]);
        let params = SessionParams::new(settled(revision)).framing(Framing::Json);
        let session = open_with(&engine, params.capabilities(capabilities));
        passed(&engine, session, &call_in(revision, "7", r#","progressToken":1"#));
        send(&engine, session, &created("7", "t"));
        assert_eq!(report(&engine, "1", "1"), 0, "{revision}");
        assert_eq!(status(&engine, "t", "working"), 0, "{revision}");
        // R60: a result without a type is a complete one in this era.
        let typed =
            created("7", "t").replace(r#""result":{"#, r#""result":{"resultType":"complete","#);
        let expected = if revision.is_legacy() { created("7", "t") } else { typed };
        assert_eq!(frames(&engine, session), [expected]);
    }
    // A task that was over when it was told of has no progress either.
    let engine = engine(&[]);
    let session = open(&engine, legacy(D));
    passed(&engine, session, &call("7", "1"));
    status(&engine, "t", "failed");
    send(&engine, session, &created("7", "t"));
    assert_eq!(report(&engine, "1", "1"), 0);
}

#[test]
fn r23_progress_held_back_is_sent_before_the_end_of_its_task() {
    let engine = engine(&[("progress.min_interval_ms", "100")]);
    let session = becoming_a_task(&engine);
    report(&engine, "1", "1");
    assert_eq!(frames(&engine, session), [related("t", "1", "1")]);
    report(&engine, "1", "2");
    report(&engine, "1", "3");
    assert_eq!(frames(&engine, session), NONE);
    status(&engine, "t", "completed");
    assert_eq!(frames(&engine, session), [related("t", "1", "3"), told("t", "completed")]);
    engine.advance(1000).unwrap();
    assert_eq!(frames(&engine, session), NONE);
}

#[test]
fn r23_r29_progress_of_a_task_rides_the_standalone_stream() {
    let engine = engine(&[]);
    let params = SessionParams::new(legacy(D)).framing(Framing::Json);
    let session = open_with(&engine, params);
    let post = engine.open_stream(session, StreamKind::Request).unwrap();
    let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
    engine.receive(session, Some(post), call("7", "1").as_bytes()).unwrap();
    report(&engine, "1", "1");
    engine.send(session, Some(post), created("7", "t").as_bytes()).unwrap();
    report(&engine, "1", "2");
    assert_eq!(frames_of(&engine, post), [progressed("1", "1"), created("7", "t")]);
    assert_eq!(engine.close_stream(post).unwrap_err().kind(), ErrorKind::Gone, "it has ended");
    assert_eq!(frames_of(&engine, get), [related("t", "1", "2")]);
    // It waits for the next one, and its last value with it.
    engine.close_stream(get).unwrap();
    report(&engine, "1", "3");
    report(&engine, "1", "4");
    status(&engine, "t", "completed");
    let get = engine.open_stream(session, StreamKind::Standalone).unwrap();
    assert_eq!(frames_of(&engine, get), [related("t", "1", "4"), told("t", "completed")]);
}

/// The end is raised while a callback has progress in hand, and newer progress waits in its place.
#[test]
fn r23_nothing_follows_the_end_whatever_is_in_hand() {
    use std::sync::{Arc, Mutex};
    let engine = Arc::new(engine(&[]));
    let session = becoming_a_task(&engine);
    report(&engine, "1", "1");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (heard, host) = (seen.clone(), Arc::downgrade(&engine));
    let callback = move |frame: &fanfare::Frame<'_>| {
        let mut heard = heard.lock().unwrap();
        heard.push(String::from_utf8(frame.data.to_vec()).unwrap());
        if heard.len() == 1 {
            let engine = host.upgrade().unwrap();
            report(&engine, "1", "2");
            status(&engine, "t", "completed");
        }
        fanfare::Verdict::Accepted
    };
    engine.on_frame(Some(session), Box::new(callback)).unwrap();
    engine.dispatch(usize::MAX).unwrap();
    let expected = [related("t", "1", "1"), related("t", "1", "2"), told("t", "completed")];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn r23_a_forgotten_task_takes_its_token_along() {
    let engine = engine(&[("tasks.max_known", "2")]);
    let session = open(&engine, legacy(D));
    for n in ["1", "2", "3"] {
        passed(&engine, session, &call(n, n));
        send(&engine, session, &created(n, n));
    }
    assert_eq!(["1", "2", "3"].map(|token| report(&engine, token, "1")), [0, 1, 1]);
    // One whose token lives is worth more than others: than those that are only known, and those of
    // sessions that have gone.
    for (id, value) in [("a", "2"), ("b", "3")] {
        assert_eq!(status(&engine, id, "working"), 1);
        assert_eq!(["2", "3"].map(|token| report(&engine, token, value)), [1, 1], "{id}");
    }
    let gone = open(&engine, legacy(D));
    status(&engine, "3", "completed");
    passed(&engine, gone, &call("4", "4"));
    send(&engine, gone, &created("4", "4"));
    engine.close(gone).unwrap();
    passed(&engine, session, &call("5", "5"));
    send(&engine, session, &created("5", "5"));
    assert_eq!(["2", "4", "5"].map(|token| report(&engine, token, "4")), [1, 0, 1]);
}

#[test]
fn r67_progress_names_its_task_and_the_status_does_not() {
    let engine = engine(&[]);
    let session = becoming_a_task(&engine);
    let raise = |params: &str| {
        engine.notify("notifications/progress", Some(params), &to(session)).unwrap();
        frames(&engine, session).remove(0)
    };
    assert_eq!(raise(r#"{"progressToken":1,"progress":1}"#), related("t", "1", "1"));
    let named = r#"{"progressToken":1,"progress":2,"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"a":1}}"#;
    assert_eq!(raise(named), notification("notifications/progress", named), "as it was written");
    let got = raise(r#"{"progressToken":1,"progress":3,"message":"m","_meta":{"a":1}}"#);
    let expected = r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"a":1},"progressToken":1,"progress":3,"message":"m"}"#;
    assert_eq!(got, notification("notifications/progress", expected));
    // What goes with a context is told apart from it.
    let context = to(session).context(r#"{"c":1}"#);
    engine
        .notify("notifications/progress", Some(r#"{"progressToken":1,"progress":4}"#), &context)
        .unwrap();
    let got = frames(&engine, session).remove(0);
    assert!(got.contains(r#""related-task":"#.trim_start_matches('"')) && got.contains(r#""c":1"#));
    // Other requests have no task to name, nor has the status.
    passed(&engine, session, &call("8", "8"));
    report(&engine, "8", "1");
    status(&engine, "t", "working");
    assert_eq!(frames(&engine, session), [progressed("8", "1"), told("t", "working")]);
}

#[test]
fn r08_a_task_status_is_for_those_to_whom_tasks_were_advertised() {
    for revision in Revision::ALL {
        for tasks in [false, true] {
            let engine = engine(&[]);
            let capabilities =
                Capabilities { tasks, tasks_extension: true, ..Capabilities::none() };
            let params = SessionParams::new(settled(revision)).framing(Framing::Json);
            let session = open_with(&engine, params.capabilities(capabilities));
            let reached = usize::from(tasks && revision == D);
            assert_eq!(status(&engine, "t", "working"), reached, "{revision} {tasks}");
            let named = engine.notify_task_status(&core_task("t", "working"), &to(session));
            assert_eq!(named, Ok(reached));
            assert_eq!(frames(&engine, session).len(), 2 * reached);
        }
    }
}

#[test]
fn r67_the_status_of_a_task_goes_to_the_session_that_was_given_it() {
    let engine = engine(&[]);
    let other = open(&engine, legacy(D));
    let hearer = open(&engine, Profile::Open);
    assert_eq!(status(&engine, "nobodys", "working"), 2, "whoever it is for");
    let session = becoming_a_task(&engine);
    // One without a progress token is a session's own as well.
    passed(&engine, other, &request("1", "tools/call", ""));
    send(&engine, other, &created("1", "u"));
    assert_eq!(status(&engine, "t", "working"), 2);
    assert_eq!(status(&engine, "u", "working"), 2);
    let named = engine.notify_task_status(&core_task("t", "working"), &to(other));
    assert_eq!(named, Ok(0));
    // The request that created it is no more, and its session hears of it all the same.
    let of_request = Raise::to(Target::Request(session, "7"));
    assert_eq!(engine.notify_task_status(&core_task("t", "working"), &of_request), Ok(1));
    assert_eq!(frames(&engine, session), [told("t", "working"), told("t", "working")]);
    let expected = [told("nobodys", "working"), created("1", "u"), told("u", "working")];
    let mut got = frames(&engine, other);
    got.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(got, expected);
    assert_eq!(frames(&engine, hearer).len(), 3);
    // Its session has gone, and with it whoever may hear of it.
    engine.close(session).unwrap();
    assert_eq!(status(&engine, "t", "completed"), 1);
    assert_eq!(frames(&engine, other), NONE);
}

// ---- elicitations ----

fn elicited(id: &str) -> String {
    notification(ELICITED, &format!(r#"{{"elicitationId":"{id}"}}"#))
}

fn complete_elicitation(
    engine: &Engine,
    id: &str,
    raise: &Raise<'_>,
) -> Result<usize, fanfare::Error> {
    engine.notify(ELICITED, Some(&format!(r#"{{"elicitationId":"{id}"}}"#)), raise)
}

fn elicit(id: &str, mode: &str) -> String {
    let params = format!(
        r#"{{"mode":"{mode}","elicitationId":"{id}","url":"https://example.com","message":"m"}}"#
    );
    request("\"e\"", "elicitation/create", &params)
}

#[test]
fn r68_elicitation_complete_goes_once_to_the_session_that_knows_the_id() {
    let engine = engine(&[]);
    let [session, other] = [0, 1].map(|_| open(&engine, legacy(D)));
    let hearer = open(&engine, Profile::Open);
    send(&engine, session, &elicit("a", "url"));
    // An error that asks for some gives ids as well.
    passed(&engine, other, &request("1", "tools/call", ""));
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","elicitationId":"b","url":"u","message":"m"},{"mode":"url","elicitationId":"c","url":"u","message":"m"}]}}}"#;
    send(&engine, other, error);
    frames(&engine, session);
    frames(&engine, other);
    let unknown = complete_elicitation(&engine, "a", &to(other)).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::State);
    assert!(unknown.detail().contains(r#""a""#), "{unknown}");
    assert_eq!(complete_elicitation(&engine, "a", &to(session)), Ok(1));
    assert_eq!(complete_elicitation(&engine, "b", &Raise::ALL), Ok(2));
    assert_eq!(frames(&engine, session), [elicited("a")]);
    assert_eq!(frames(&engine, other), [elicited("b")]);
    // Told once.
    for (id, session) in [("a", session), ("b", other)] {
        let again = complete_elicitation(&engine, id, &to(session)).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::State, "{id}");
        assert_eq!(complete_elicitation(&engine, id, &Raise::ALL), Ok(1), "the open one");
    }
    assert_eq!(frames(&engine, session), NONE);
    let except = Raise::to(Target::Except(other));
    assert_eq!(complete_elicitation(&engine, "c", &except), Ok(1), "the open one");
    engine.close(hearer).unwrap();
    engine.close(other).unwrap();
    assert_eq!(complete_elicitation(&engine, "c", &Raise::ALL), Ok(0));
    for wrong in [None, Some("{}"), Some(r#"{"elicitationId":7}"#)] {
        let error = engine.notify(ELICITED, wrong, &Raise::ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Json, "{wrong:?}");
    }
}

#[test]
fn r68_only_ids_that_were_given_by_url_and_in_that_revision_are_known() {
    for revision in legacy_revisions() {
        for mode in ["url", "form"] {
            let engine = engine(&[]);
            let session = open(&engine, legacy(revision));
            send(&engine, session, &elicit("a", mode));
            frames(&engine, session);
            let told = complete_elicitation(&engine, "a", &to(session));
            match (revision == D, mode) {
                (true, "url") => assert_eq!(told, Ok(1)),
                (true, _) => assert_eq!(told.unwrap_err().kind(), ErrorKind::State),
                (false, _) => assert_eq!(told, Ok(0), "{revision} has no such method"),
            }
        }
    }
}

#[test]
fn r68_of_too_many_ids_the_oldest_is_forgotten() {
    let engine = engine(&[("session.max_elicitations", "2")]);
    let [session, other] = [0, 1].map(|_| open(&engine, legacy(D)));
    send(&engine, other, &elicit("a", "url"));
    for id in ["a", "b", "a", "c"] {
        send(&engine, session, &elicit(id, "url"));
    }
    frames(&engine, session);
    frames(&engine, other);
    let forgotten = complete_elicitation(&engine, "a", &to(session)).unwrap_err();
    assert_eq!(forgotten.kind(), ErrorKind::State);
    assert!(forgotten.detail().contains("session.max_elicitations (2)"), "{forgotten}");
    for id in ["a", "b", "c"] {
        assert_eq!(complete_elicitation(&engine, id, &Raise::ALL), Ok(1), "{id}");
    }
    assert_eq!(frames(&engine, session), [elicited("b"), elicited("c")]);
    assert_eq!(frames(&engine, other), [elicited("a")]);
}
