//! The ways out give the same bytes: batches, batches in parts, buffers flat and packed, all at
//! once and session by session (DESIGN 4.6). Engines that are told the same have the same to say
//! (promise 8), so each way is tried on an engine of its own.

mod common;
#[path = "ways_out/population.rs"]
mod population;

use std::collections::{BTreeMap, HashSet};

use common::*;
use fanfare::{
    Batch, ErrorKind, Framing, Profile, Raise, Revision, SessionParams, Target, VectoredBatch,
};
use population::{Dice, Seen, World};

/// Ids whose JSON text is of every length around the longest that is kept by value, 14 bytes.
const IDS: [&str; 12] = [
    "1",
    "1",
    "2",
    r#""1""#,
    r#""""#,
    "1234567890123",
    "12345678901234",
    "123456789012345",
    r#""é23456789ab""#,
    r#""é23456789abc""#,
    "-99999999999999999999999999999999",
    "7",
];

/// A modern session for each of those ids, and all framings in turn.
fn listening() -> World {
    let mut world = World::new();
    for (at, id) in IDS.iter().enumerate() {
        let framing = Framing::ALL[at / 3 % 3];
        let session = world.open(SessionParams::new(Profile::Modern).framing(framing)).unwrap();
        let filter = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:","b:"]}"#;
        world.engine.listen(world.sessions[session], None, id, filter).unwrap();
    }
    world
}

fn all(world: &World) -> Vec<Seen> {
    world.recv(None, usize::MAX)
}

#[test]
fn the_parts_are_what_comes_before_an_id_the_id_and_what_follows_it() {
    let world = listening();
    all(&world);
    world.engine.notify_tool_list_changed(&Raise::ALL).unwrap();
    let mut batch = VectoredBatch::new();
    assert_eq!(world.engine.recv_vectored(None, usize::MAX, &mut batch), Ok(IDS.len()));
    assert_eq!((batch.len(), batch.is_empty()), (IDS.len(), false));
    for (frame, id) in batch.iter().zip(IDS) {
        let session = world.session(frame.session);
        let framing = Framing::ALL[session / 3 % 3];
        let [_, middle, behind] = frame.parts;
        let (head, tail) = match framing {
            Framing::Json => ("", ""),
            Framing::Ndjson => ("", "\n"),
            Framing::Sse => ("event: message\ndata: ", "\n\n"),
        };
        let whole = format!("{head}{}{tail}", tagged_list(id, "tools"));
        assert_eq!(String::from_utf8(frame.parts.concat()).unwrap(), whole);
        // One that is not kept by value stands in the text, which is then of one part.
        let is_short = id.len() <= 14;
        assert_eq!(middle, if is_short { id.as_bytes() } else { b"" }, "{id}");
        assert_eq!(behind.is_empty(), !is_short, "{id}");
    }
}

#[test]
fn what_the_frames_of_a_notice_have_in_common_stands_there_once() {
    let mut world = World::new();
    for _ in 0..3 {
        let params = SessionParams::new(Profile::Modern).framing(Framing::Json);
        let session = world.open(params).unwrap();
        for id in ["1", "2", r#""three""#] {
            let filter = r#"{"toolsListChanged":true}"#;
            world.engine.listen(world.sessions[session], None, id, filter).unwrap();
        }
    }
    all(&world);
    let mut batch = VectoredBatch::new();
    // Of a session by itself, and of all.
    for (session, count) in [(Some(world.sessions[0]), 3), (None, 9)] {
        all(&world);
        world.engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        assert_eq!(world.engine.recv_vectored(session, usize::MAX, &mut batch), Ok(count));
        let mut places = HashSet::new();
        for frame in batch.iter() {
            places.insert([frame.parts[0], frame.parts[2]].map(<[u8]>::as_ptr));
        }
        assert_eq!(places.len(), 1);
    }
}

#[test]
fn a_batch_in_parts_is_used_again_and_left_alone_by_a_call_that_fails() {
    let mut world = listening();
    all(&world);
    let modern = world.sessions[0];
    let gone = world.open(SessionParams::new(Profile::Open)).unwrap();
    let gone = world.sessions[gone];
    world.engine.close(gone).unwrap();
    let mut batch = VectoredBatch::new();
    let texts = |batch: &VectoredBatch| -> Vec<String> {
        batch.iter().map(|frame| String::from_utf8(frame.parts.concat()).unwrap()).collect()
    };
    assert_eq!(world.engine.recv_vectored(None, 9, &mut batch), Ok(0));
    assert!(batch.is_empty());
    world.engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
    world.engine.notify_resource_updated("b:", &to(modern)).unwrap();
    assert_eq!(world.engine.recv_vectored(Some(modern), 1, &mut batch), Ok(1));
    assert_eq!(texts(&batch), [tagged("1", "a:")]);
    let error = world.engine.recv_vectored(Some(gone), 9, &mut batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
    assert_eq!(texts(&batch), [tagged("1", "a:")]);
    // The next taking forgets it, also where the text before it was of the same kind.
    assert_eq!(world.engine.recv_vectored(Some(modern), 9, &mut batch), Ok(1));
    assert_eq!(texts(&batch), [tagged("1", "b:")]);
    assert_eq!(world.engine.recv_vectored(None, 1, &mut batch), Ok(1));
    assert_eq!(texts(&batch), [tagged("1", "a:")]);
    assert_eq!(world.engine.recv_vectored(None, 1, &mut batch), Ok(1));
    assert_eq!(texts(&batch), [tagged("2", "a:")]);
    assert_eq!(world.engine.recv_vectored(None, 0, &mut batch), Ok(0));
    assert!(batch.is_empty());
}

/// With the same topic in every place of a session's queue, and others between: what a sink knows
/// of the frame before must hold.
#[test]
fn topics_that_alternate_are_not_taken_for_each_other() {
    let say = |world: &World| {
        let engine = &world.engine;
        let one = world.sessions[1];
        for uri in ["a:", "b:", "a:"] {
            engine.notify_resource_updated(uri, &Raise::ALL).unwrap();
            engine.notify_resource_updated(uri, &to(one).context(r#"{"n":1}"#)).unwrap();
        }
        engine.notify_tool_list_changed(&Raise::ALL).unwrap();
        engine.notify("x", None, &Raise::ALL).unwrap();
    };
    let world = || {
        let mut world = listening();
        for framing in [Framing::Ndjson, Framing::Json, Framing::Json, Framing::Sse] {
            let plain = SessionParams::new(legacy(Revision::V2025_06_18)).framing(framing);
            let session = world.open(plain).unwrap();
            for uri in ["b:", "a:"] {
                world.engine.subscribe(world.sessions[session], uri).unwrap();
            }
            world.open(SessionParams::new(Profile::Open).framing(framing)).unwrap();
        }
        all(&world);
        say(&world);
        world
    };
    let expected = all(&world());
    for n in [1, 2, 7, usize::MAX] {
        let world = world();
        let mut seen = Vec::new();
        while let taken = world.recv_vectored(None, n)
            && !taken.is_empty()
        {
            assert!(taken.len() <= n);
            seen.extend(taken);
        }
        assert_eq!(by_stream(&seen), by_stream(&expected), "{n}");
        assert!(n != usize::MAX || seen == expected);
    }
    assert!(by_stream(&expected).values().all(|frames| frames.len() >= 3));
    packed_in_every_way(&expected, world);
}

/// The same frames, those of each stream by themselves: what is promised of their order.
fn by_stream(frames: &[Seen]) -> BTreeMap<(usize, usize), Vec<&Seen>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for frame in frames {
        found.entry((frame.session, frame.stream)).or_default().push(frame);
    }
    found
}

/// How many bytes a frame takes up in a buffer that is packed.
fn packed(frame: &Seen) -> usize {
    24 + frame.data.len().next_multiple_of(8)
}

/// Buffers that end with each of the frames, and one byte before: with nothing behind it to write
/// into, and with no place for it.
fn packed_in_every_way(expected: &[Seen], world: impl Fn() -> World) {
    for n in 1..=expected.len() {
        let fits: usize = expected[..n].iter().map(packed).sum();
        for missing in 0..=1 {
            let world = world();
            let n = n - missing;
            let mut seen = match world.drain(fits - missing) {
                Ok(seen) => seen,
                Err(needed) => {
                    assert_eq!((n, needed), (0, fits));
                    Vec::new()
                }
            };
            assert!(seen == expected[..n], "{fits} bytes, {missing} missing");
            seen.extend(world.drain(1 << 16).unwrap());
            assert!(seen == expected, "{fits} bytes, {missing} missing, and the rest");
        }
    }
}

#[test]
fn a_packed_buffer_ends_where_a_frame_ends() {
    let world = || {
        let world = listening();
        all(&world);
        world.engine.notify_resource_updated("a:", &Raise::ALL).unwrap();
        world
    };
    packed_in_every_way(&all(&world()), world);
}

/// An id is written with what pads it: wherever a batch's buffer ends, there is room for that.
#[test]
fn a_batch_has_room_wherever_its_buffer_ends() {
    let mut world = World::new();
    let open = world.open(SessionParams::new(Profile::Open).framing(Framing::Json)).unwrap();
    for id in ["1", "2", "3"] {
        let params = SessionParams::new(Profile::Modern).framing(Framing::Json);
        let session = world.open(params).unwrap();
        let filter = r#"{"promptsListChanged":true}"#;
        world.engine.listen(world.sessions[session], None, id, filter).unwrap();
    }
    all(&world);
    for len in 0..500 {
        let params = format!(r#"{{"x":"{}"}}"#, "x".repeat(len));
        world.engine.notify("x", Some(&params), &to(world.sessions[open])).unwrap();
        let except = Raise::to(Target::Except(world.sessions[open]));
        assert_eq!(world.engine.notify_prompt_list_changed(&except), Ok(3));
        let mut batch = Batch::new();
        assert_eq!(world.engine.recv(None, usize::MAX, &mut batch), Ok(4));
        let mut expected = vec![notification("x", &params)];
        expected.extend(["1", "2", "3"].map(|id| tagged_list(id, "prompts")));
        assert!(batch.iter().map(|frame| frame.data).eq(expected.iter().map(String::as_bytes)));
    }
}

/// What a random sequence takes out: the same of every engine, each in its own way.
#[test]
fn everything_that_is_said_leaves_by_every_way_as_it_is() {
    let (mut seen, mut again) = (Vec::new(), 0);
    for seed in 1..=6 {
        let frames = follow(seed);
        let mut ids = HashSet::new();
        let numbered = frames.iter().filter(|frame| frame.text().starts_with("id: "));
        again += numbered.filter(|frame| !ids.insert(frame.text().lines().next())).count();
        seen.extend(frames);
    }
    assert!(again >= 20, "{again} frames were sent again to somebody who had come back");
    // What the sequences do not reach, they do not test.
    for part in [
        r#"subscriptionId":12345678901234}"#,
        r#"subscriptionId":123456789012345}"#,
        r#"subscriptionId":"é23456789ab"}"#,
        r#"subscriptionId":7,"n":1}"#,
        r#""_meta":{"n":1}"#,
        "event: message\ndata: {",
        "\nevent: message\ndata: {",
        "\ndata: \n\n",
        "notifications/tasks\"",
        "subscriptions/acknowledged",
        "resources/list_changed",
        "notifications/progress",
        "notifications/message",
        r#""resultType":"complete""#,
        r#""result":{}"#,
        "\n",
        "}",
    ] {
        let count = seen.iter().filter(|frame| frame.text().contains(part)).count();
        assert!(count >= 20, "{part} {count} times of {}", seen.len());
    }
    assert!(seen.iter().filter(|frame| frame.flags == 1).count() >= 20);
    assert!(seen.iter().filter(|frame| frame.text() == ":\n\n").count() >= 5);
}

fn follow(seed: u64) -> Vec<Seen> {
    let mut dice = Dice(seed);
    let mut worlds: [World; 4] = std::array::from_fn(|_| World::new());
    let mut all = Vec::new();
    for step in 0..4000 {
        let thrown = dice.throw();
        let outcomes = worlds.each_mut().map(|world| world.step(&thrown));
        assert!(outcomes.iter().all(|one| *one == outcomes[0]), "{seed}, {step}: {outcomes:?}");
        let [a, b, ..] = dice.throw();
        match a % 40 {
            // All there is, in four ways.
            0..=3 => {
                let [whole, parts, packed, each] = &worlds;
                let expected = whole.recv(None, usize::MAX);
                assert_eq!(parts.recv_vectored(None, usize::MAX), expected, "{seed}, {step}");
                let seen = drain_in_pieces(packed, &expected, b as usize);
                assert_eq!(by_stream(&seen), by_stream(&expected), "{seed}, {step}");
                let seen = session_by_session(each, &expected, b as usize);
                assert_eq!(by_stream(&seen), by_stream(&expected), "{seed}, {step}");
                all.extend(expected);
            }
            // A part of it: in turns, or of one session.
            4..=8 => {
                let sessions = &worlds[0].sessions;
                let is_one = b.is_multiple_of(3) && !sessions.is_empty();
                let session = is_one.then(|| b as usize / 3 % sessions.len());
                let max = [1, 2, 5, 100][a as usize / 40 % 4];
                let [whole, parts, packed, each] = &worlds;
                let expected = whole.recv(session, max);
                assert!(expected.len() <= max);
                assert_eq!(parts.recv_vectored(session, max), expected, "{seed}, {step}");
                assert_eq!(packed.recv(session, max), expected, "{seed}, {step}");
                assert_eq!(each.recv_vectored(session, max), expected, "{seed}, {step}");
                all.extend(expected);
            }
            _ => continue,
        }
        let stats = worlds.each_ref().map(World::numbers);
        assert!(stats.iter().all(|one| *one == stats[0]), "{seed}, {step}: {stats:?}");
    }
    all
}

/// Everything, into buffers that fit some frames exactly, are one byte too small for the last, or
/// larger.
fn drain_in_pieces(world: &World, expected: &[Seen], die: usize) -> Vec<Seen> {
    let n = if expected.is_empty() { 0 } else { 1 + die % expected.len() };
    let fits: usize = expected[..n].iter().map(packed).sum();
    let missing = (die / 7 % 2).min(fits);
    let mut seen = world.drain(fits - missing).unwrap_or_default();
    assert!(seen[..] == expected[..n - missing.min(n)]);
    let largest = expected.iter().map(packed).max().unwrap_or_default();
    while let taken = world.drain(largest + die % 300).unwrap()
        && !taken.is_empty()
    {
        seen.extend(taken);
    }
    seen
}

/// Everything, by the way that does not know of others: into batches, batches in parts, and buffers
/// with just enough room.
fn session_by_session(world: &World, expected: &[Seen], die: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    for session in world.ready() {
        match (die + session) % 3 {
            0 => seen.extend(world.recv(Some(session), usize::MAX)),
            1 => seen.extend(world.recv_vectored(Some(session), usize::MAX)),
            // Only a session with one stream can be read.
            _ if world.engine.stream(world.sessions[session]).is_err() => {
                seen.extend(world.recv(Some(session), usize::MAX));
            }
            _ => {
                let its = expected.iter().filter(|frame| frame.session == session);
                let its: Vec<Seen> = its.cloned().collect();
                read(world, session, &its, die);
                seen.extend(its);
            }
        }
    }
    seen
}

/// Reads those frames: first some of them and no more, then all but the last, then the last.
fn read(world: &World, session: usize, frames: &[Seen], die: usize) {
    let bytes = |frames: &[Seen]| frames.iter().flat_map(|it| it.data.clone()).collect::<Vec<_>>();
    let Some((last, _)) = frames.split_last() else {
        assert_eq!(world.read(session, 100), Ok(Vec::new()));
        return;
    };
    let (now, later) = frames.split_at(die % frames.len());
    let all = bytes(later);
    if !now.is_empty() {
        let now = bytes(now);
        assert_eq!(world.read(session, now.len()), Ok(now));
    }
    let before = bytes(&later[..later.len() - 1]);
    let expected = if before.is_empty() { Err(last.data.len()) } else { Ok(before) };
    assert_eq!(world.read(session, all.len() - 1), expected);
    assert_eq!(world.read(session, last.data.len()), Ok(last.data.clone()));
}
