"""Raising, draining, waiting, asking."""

from __future__ import annotations

import json
import pickle
import select
import threading
from collections.abc import Callable
from typing import Any

import pytest

import fanfare
from fanfare import Framing, Level, Principal, Profile, Topic
from conftest import META, heard, methods, request


def test_each_kind_is_raised_by_its_own_method(engine: fanfare.Engine) -> None:
    session = engine.open()
    reached = [
        engine.resource_updated("doc://7"),
        engine.tool_list_changed(),
        engine.prompt_list_changed(),
        engine.resource_list_changed(),
        engine.progress("job", 1, 3, "a third"),
        engine.progress(7, 0.5),
        engine.log(Level.DEBUG, [1, None]),
        engine.alert(Level.ALERT, {"disk": "full"}, "disk"),
        engine.task({"taskId": "t", "status": "working"}),
        engine.task_status({"taskId": "t", "status": "working"}),
        engine.notify("notifications/build/done", {"ok": True}),
        engine.notify("notifications/quiet"),
    ]
    assert reached == [1] * len(reached)
    frames = heard(engine.drain())
    assert {number for number, _ in frames} == {session.number}
    said = [(m["method"].removeprefix("notifications/"), m.get("params")) for _, m in frames]
    job = {"progressToken": "job", "progress": 1, "total": 3, "message": "a third"}
    disk = {"level": "alert", "logger": "disk", "data": {"disk": "full"}}
    task = {"taskId": "t", "status": "working"}
    assert said == [
        ("resources/updated", {"uri": "doc://7"}),
        ("tools/list_changed", None),
        ("prompts/list_changed", None),
        ("resources/list_changed", None),
        ("progress", job),
        ("progress", {"progressToken": 7, "progress": 0.5}),
        ("message", {"level": "debug", "data": [1, None]}),
        ("message", disk),
        ("tasks", task),
        ("tasks/status", task),
        ("build/done", {"ok": True}),
        ("quiet", None),
    ]
    assert engine.drain() == []


def test_a_target_narrows_who_hears(engine: fanfare.Engine) -> None:
    one, two = engine.open(principal="alice"), engine.open(principal="bob")
    third = engine.open(principal="alice")

    def hear(to: fanfare.Target | None) -> list[int]:
        engine.notify("notifications/x", to=to)
        return [session for session, *_ in engine.drain()]

    assert sorted(hear(None)) == sorted(s.number for s in (one, two, third))
    assert hear(two) == [two.number]
    assert sorted(hear(two.others())) == sorted([one.number, third.number])
    assert sorted(hear(Principal("alice"))) == sorted([one.number, third.number])
    assert hear(Principal("nobody")) == []


def test_a_request_is_a_target(engine: fanfare.Engine) -> None:
    modern = engine.open(Profile.MODERN)
    meta = {**META, "io.modelcontextprotocol/logLevel": "warning"}
    call = request("7", "tools/call", name="work", _meta=meta)
    assert modern.receive(call) == fanfare.Disposition.PASS
    assert engine.alert(Level.ERROR, "no", to=modern.request("7")) == 1
    assert engine.alert(Level.ERROR, "no", to=modern.request(7)) == 0, "another id"
    assert engine.alert(Level.ERROR, "no") == 0
    modern.send({"jsonrpc": "2.0", "id": "7", "result": {"content": []}})
    alert, result = heard(modern.recv())
    assert alert[1]["method"] == "notifications/message"
    assert result[1]["id"] == "7"


def test_a_context_lands_in_meta(engine: fanfare.Engine) -> None:
    engine.open()
    engine.resource_updated("doc://é", context={"etag": "ß"})
    engine.resource_updated("doc://2", context=b'{"size":1}', to=Principal("nobody"))
    [(_, message)] = heard(engine.drain())
    assert message["params"] == {"uri": "doc://é", "_meta": {"etag": "ß"}}


def test_json_text_is_passed_as_it_is(engine: fanfare.Engine) -> None:
    engine.open(framing=Framing.JSON)
    engine.notify("notifications/x", b'{"a":1.50}')
    [(_, _, flags, data)] = engine.drain()
    assert (flags, data) == (0, b'{"jsonrpc":"2.0","method":"notifications/x","params":{"a":1.50}}')


def test_a_drain_takes_everything_in_order(engine: fanfare.Engine) -> None:
    sessions = [engine.open(framing=Framing.JSON) for _ in range(50)]
    sizes = [1, 2, 7, 8, 9, 1000, 60_000]
    for size in sizes:
        engine.notify("notifications/x", {"a": "x" * size})
    frames = engine.drain()
    assert len(frames) == len(sizes) * len(sessions)
    for session in sessions:
        mine = [json.loads(data) for number, _, _, data in frames if number == session.number]
        assert [len(message["params"]["a"]) for message in mine] == sizes
    assert engine.stats().delivered == len(frames)


def test_a_drain_stops_at_its_limit_and_loses_nothing(engine: fanfare.Engine) -> None:
    engine.open(framing=Framing.JSON)
    for n in range(100):
        engine.notify("notifications/x", {"n": n})
    heads = []
    while frames := engine.drain(200):
        assert sum(24 + len(data) for *_, data in frames) <= 200
        heads += [message["params"]["n"] for _, message in heard(frames)]
    assert heads == list(range(100))


def test_a_frame_larger_than_the_buffer_is_drained() -> None:
    options: dict[str, fanfare.Option] = {"params.max_bytes": 1 << 22, "overflow": "drop_oldest"}
    with fanfare.Engine(options, session_max_queued_bytes=1 << 24) as engine:
        engine.open(framing=Framing.JSON)
        engine.notify("notifications/x", {"n": 0})
        engine.notify("notifications/x", {"a": "x" * (1 << 20)})
        engine.notify("notifications/x", {"n": 1})
        small, large, last = engine.drain()
        assert len(large[3]) > 1 << 20 and json.loads(last[3])["params"] == {"n": 1}
        # Alone, if it is larger than what was asked for.
        engine.notify("notifications/x", {"a": "x" * (1 << 20)})
        engine.notify("notifications/x", {"n": 1})
        assert [len(data) > 1 << 20 for *_, data in engine.drain(1)] == [True]
        assert len(engine.drain()) == 1


def test_what_is_ready_is_waited_for(engine: fanfare.Engine) -> None:
    one, two = engine.open(), engine.open()
    assert engine.wait(0) == []
    engine.notify("notifications/x", to=two)
    assert engine.wait() == [two.number]
    engine.notify("notifications/x", to=one)
    assert set(engine.wait(10)) == {one.number, two.number}
    assert len(engine.wait(most=1)) == 1
    engine.drain()
    assert engine.wait(0) == []


def test_the_descriptor_is_readable_while_there_is_output(engine: fanfare.Engine) -> None:
    engine.open()

    def readable() -> bool:
        return bool(select.select([engine], [], [], 0)[0])

    assert not readable()
    engine.notify("notifications/x")
    assert readable() and readable()
    engine.drain()
    assert not readable()


def test_a_wait_is_woken(engine: fanfare.Engine) -> None:
    engine.wakeup()
    assert engine.wait() == [], "the next one, if none waits"
    woken: list[list[int]] = []
    thread = threading.Thread(target=lambda: woken.append(engine.wait()))
    thread.start()
    engine.wakeup()
    thread.join(60)
    assert woken == [[]]


def test_the_main_thread_hears_signals_while_it_waits(python: Any) -> None:
    result = python(
        "import fanfare, os, signal, threading\n"
        "engine = fanfare.Engine()\n"
        "threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try: engine.wait()\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    assert result.stdout == "interrupted\n"


def test_virtual_time() -> None:
    with fanfare.Engine(clock="manual", debounce_resource_ms=100) as engine:
        engine.open()
        engine.resource_updated("doc://7")
        assert len(engine.drain()) == 1
        engine.resource_updated("doc://7")
        assert engine.drain() == []
        assert engine.next_deadline_ms() == 100
        assert engine.advance(99) == 100 and engine.drain() == []
        engine.advance(100)
        assert len(engine.drain()) == 1
        assert engine.now_ms() == 100


def test_the_machines_time() -> None:
    with fanfare.Engine(debounce_resource_ms=3_600_000) as engine:
        engine.open()
        assert engine.tick() is None
        engine.resource_updated("doc://7")
        engine.drain()
        engine.resource_updated("doc://7")
        left = engine.tick()
        assert left is not None and 3000 < left <= 3600
        with pytest.raises(fanfare.StateError):
            engine.advance(1)


def test_configuration_by_key_and_by_keyword() -> None:
    with fanfare.Engine({"session.max_queued_frames": 1}, overflow="drop_newest") as engine:
        engine.open()
        assert [engine.notify("notifications/x", {"n": n}) for n in (1, 2)]
        assert [message["params"]["n"] for _, message in heard(engine.drain())] == [1]
        assert engine.stats().dropped == 1
    # A keyword stands for one key only, and every key has one.
    words = [row["key"].replace(".", "_") for row in fanfare.KEYS]
    assert len(set(words)) == len(words) > 30 and all(map(str.isidentifier, words))
    with pytest.raises(fanfare.InvalidArgumentError, match="max_queued_frames: .* whole number"):
        fanfare.Engine(session_max_queued_frames="many")
    with pytest.raises(fanfare.InvalidArgumentError, match='no such configuration key: "on_laag"'):
        fanfare.Engine(on_laag=1)


def test_a_mapping_is_a_value() -> None:
    info = {"name": "é", "version": "1"}
    with fanfare.Engine(initialize_answer="engine", server_info=info) as engine:
        session = engine.open(Profile.AUTO)
        session.receive(request(1, "server/discover", _meta=META))
        [(_, answer)] = heard(session.recv())
        assert info in (answer["result"].get("serverInfo"), *answer["result"]["_meta"].values())


def test_a_number_that_c_cannot_hold_is_refused(engine: fanfare.Engine) -> None:
    session = engine.open()
    calls: list[Callable[[], object]] = [
        lambda: engine.advance(-1),
        lambda: engine.advance(1 << 64),
        lambda: engine.open(max_queued_frames=-1),
        lambda: engine.open(max_queued_bytes=1 << 32),
        lambda: engine.dispatch(-1),
        lambda: engine.start_dispatcher(-1),
        lambda: session.recv(-1),
        lambda: session.default_stream().hang_up(-1),
    ]
    for call in calls:
        with pytest.raises(fanfare.InvalidArgumentError, match="is a whole number from 0 to"):
            call()
    assert engine.now_ms() == 0 and engine.stats().sessions == 1
    for options in ({"server.instructions": "a\0b"}, {"over\0flow": "close"}):
        with pytest.raises(fanfare.InvalidArgumentError, match="NUL"):
            fanfare.Engine(options)


def test_an_error_says_what_was_wrong(engine: fanfare.Engine) -> None:
    with pytest.raises(fanfare.FanfareError) as caught:
        engine.progress([], 1)  # type: ignore[arg-type]
    error = caught.value
    assert type(error) is fanfare.InvalidArgumentError
    assert (error.code, error.name) == (-1, "FANFARE_E_INVALID_ARGUMENT")
    assert str(error) == f"{error.name}: {error.detail}" and "token" in error.detail
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))


def test_a_long_detail_is_whole() -> None:
    key = "x" * 2000
    with pytest.raises(fanfare.InvalidArgumentError, match=key):
        fanfare.Engine({key: 1})


def test_each_status_has_its_class(engine: fanfare.Engine) -> None:
    session, modern = engine.open(), engine.open(Profile.MODERN)
    with pytest.raises(fanfare.JsonError):
        engine.notify("notifications/x", b"{")
    with pytest.raises(fanfare.LimitError, match="params.max_bytes"):
        engine.notify("notifications/x", {"a": "x" * 100_000})
    with pytest.raises(fanfare.NotNegotiatedError):
        modern.subscribe("doc://7")
    with pytest.raises(fanfare.Utf8Error):
        engine.notify("notifications/x", b'{"a":"\xff"}')
    with pytest.raises(fanfare.StateError):
        engine.revoke()
    with pytest.raises(fanfare.InvalidArgumentError, match="level"):
        engine.alert(Level.INFO, "x")
    session.close()
    with pytest.raises(fanfare.GoneError):
        session.close()
    with pytest.raises(ValueError):
        engine.notify("notifications/x", {"a": float("nan")})


def test_access_is_asked_for_and_revoked() -> None:
    asked: list[fanfare.AccessRequest] = []
    refused: set[str] = {"doc://secret"}

    def authorize(request: fanfare.AccessRequest) -> fanfare.Access | bool:
        asked.append(request)
        if request.name == "doc://odd":
            return fanfare.Access.OMIT
        return request.name not in refused

    with fanfare.Engine(authorize=authorize) as engine:
        session = engine.open(principal="alice")
        session.subscribe("doc://7")
        name = "doc://7"
        question = (session.number, "alice", Topic.RESOURCE, name, False)
        assert asked == [question]
        with pytest.raises(fanfare.DeniedError):
            session.subscribe("doc://secret")
        modern = engine.open(Profile.MODERN)
        modern.listen(1, {"resourceSubscriptions": ["doc://7", "doc://odd"]})
        [(_, acknowledged)] = heard(modern.recv())
        assert acknowledged["params"]["notifications"] == {"resourceSubscriptions": ["doc://7"]}
        refused.add("doc://7")
        asked.clear()
        revoked = engine.revoke("alice", Topic.RESOURCE, "doc://7")
        assert (revoked.asked, revoked.withdrawn, revoked.ended) == (1, 1, 0)
        assert asked == [(session.number, "alice", Topic.RESOURCE, name, True)]
        assert engine.revoke().ended == 1, "the listen of nobody in particular"


def test_numbers(engine: fanfare.Engine) -> None:
    session = engine.open()
    session.subscribe("doc://7")
    assert engine.subscriber_count("doc://7") >= 1
    engine.resource_updated("doc://7")
    engine.resource_updated("doc://7")
    stats = engine.stats()
    assert (stats.raised, stats.merged, stats.sessions, stats.queued_frames) == (2, 1, 1, 1)
    assert "fanfare_" in engine.prometheus() and "# TYPE" in engine.prometheus()


def test_several_streams(engine: fanfare.Engine) -> None:
    session = engine.open(Profile.LEGACY, framing=Framing.SSE)
    standalone = session.open_stream(fanfare.StreamKind.STANDALONE)
    with session.open_stream(fanfare.StreamKind.REQUEST) as post:
        session.receive(
            request(1, "tools/call", name="x", _meta={"progressToken": "p"}), stream=post
        )
        engine.progress("p", 1, to=session)
        engine.tool_list_changed()
        session.send({"jsonrpc": "2.0", "id": 1, "result": {}}, stream=post)
        mine = post.recv()
        # Where the client may resume from comes first, then progress, then the response.
        assert [number for _, number, _, _ in mine] == [post.number] * 3
        assert [flags for _, _, flags, _ in mine] == [0, 0, fanfare.LAST]
    *_, (_, number, _, data) = standalone.recv()
    assert number == standalone.number and b"tools/list_changed" in data
    event = data.split(b"id: ")[1].split(b"\n")[0].decode()
    engine.prompt_list_changed()
    standalone.recv()
    standalone.close()
    again = session.resume_stream(event)
    [(_, number, _, data)] = again.recv()
    assert number == again.number and b"prompts/list_changed" in data
    again.hang_up(500)
    [(_, _, flags, data)] = again.recv()
    assert flags == fanfare.LAST and b"retry: 500" in data


def test_streams_are_told_apart_by_the_drain(engine: fanfare.Engine) -> None:
    session = engine.open()
    engine.notify("notifications/x")
    [(_, stream, _, _)] = engine.drain()
    assert session.default_stream().number == stream
    assert methods(engine.drain()) == []
