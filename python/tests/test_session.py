"""What a session takes in, gives out and holds."""

from __future__ import annotations

import json

import pytest

import fanfare
from fanfare import Disposition, End, Framing, Profile, Revision
from fanfare._library import LIBRARY
from conftest import META, heard, methods, request


def test_a_legacy_client_subscribes(engine: fanfare.Engine) -> None:
    session = engine.open(Profile.LEGACY, revision=Revision.R2025_06_18)
    assert session.revision() == Revision.R2025_06_18
    assert session.receive(request(1, "resources/subscribe", uri="doc://7")) == Disposition.HANDLED
    assert session.receive(request(2, "tools/list").decode()) == Disposition.PASS
    assert engine.resource_updated("doc://7") == 1
    assert engine.resource_updated("doc://8") == 0
    answer, update = [json.loads(line) for line in session.read().splitlines()]
    assert answer == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert update["params"] == {"uri": "doc://7"}
    assert session.read() == b""


def test_the_host_subscribes_a_session(engine: fanfare.Engine) -> None:
    session = engine.open(Profile.LEGACY)
    session.subscribe("doc://7")
    session.subscribe_template("file:///{dir}/{name}")
    assert engine.resource_updated("doc://7") + engine.resource_updated("file:///a/b") == 2
    session.unsubscribe("doc://7")
    session.unsubscribe_template("file:///{dir}/{name}")
    with pytest.raises(fanfare.GoneError):
        session.unsubscribe("doc://7")
    assert engine.drain() == []


def test_a_modern_client_listens(engine: fanfare.Engine) -> None:
    session = engine.open(Profile.MODERN)
    filter = {"toolsListChanged": True}
    session.receive(request("a", "subscriptions/listen", _meta=META, notifications=filter))
    found = session.subscription("a")
    with session.listen(2, filter) as mine:
        assert mine != found and mine == session.subscription(2)
        assert engine.tool_list_changed() == 2
    with pytest.raises(fanfare.GoneError):
        mine.end()
    found.end(End.REVOKED)
    messages = [message for _, message in heard(session.recv())]
    ends = [message for message in messages if "id" in message]
    assert [("result" in end, end["id"]) for end in ends] == [(True, 2), (False, "a")]
    with pytest.raises(fanfare.GoneError):
        session.subscription("a")


def test_a_batch_is_taken_apart(engine: fanfare.Engine) -> None:
    session = engine.open(Profile.LEGACY, revision=Revision.R2025_03_26)
    batch = b"[%s,%s,%s]" % (
        request(1, "tools/list"),
        request(2, "ping"),
        request(3, "prompts/list"),
    )
    with pytest.raises(fanfare.StateError):
        session.receive(batch)
    passed = session.receive_each(batch)
    assert [json.loads(message)["id"] for message in passed] == [1, 3]
    assert session.receive_each(request(4, "ping")) == []


def test_a_message_that_was_skipped_is_refused_on_the_wire(engine: fanfare.Engine) -> None:
    session = engine.open(Profile.LEGACY)
    assert session.receive_too_long() == Disposition.HANDLED
    [(_, answer)] = heard(session.recv())
    assert "error" in answer


def test_a_read_grows_with_the_frame(engine: fanfare.Engine) -> None:
    session = engine.open(framing=Framing.JSON)
    engine.notify("notifications/x", {"a": "x" * 5000})
    engine.notify("notifications/y")
    assert len(session.read(16)) > 5000
    assert json.loads(session.read())["method"] == "notifications/y"


def test_every_batch_is_freed(engine: fanfare.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    new, free = LIBRARY.fanfare_batch_new, LIBRARY.fanfare_batch_free

    def counted() -> int:
        made.append(new() or 0)
        return made[-1]

    def freed(batch: int) -> None:
        made.remove(batch)
        free(batch)

    monkeypatch.setattr(LIBRARY, "fanfare_batch_new", counted)
    monkeypatch.setattr(LIBRARY, "fanfare_batch_free", freed)
    session = engine.open()
    engine.notify("notifications/x")
    assert len(session.recv()) == 1 and session.recv() == []
    session.close()
    with pytest.raises(fanfare.GoneError):
        session.recv()
    assert made == []


def test_a_paused_session_is_not_drained(engine: fanfare.Engine) -> None:
    session = engine.open()
    session.pause()
    engine.notify("notifications/x")
    assert engine.drain() == []
    session.resume()
    assert methods(engine.drain()) == ["x"]


def test_a_session_is_a_context_manager(engine: fanfare.Engine) -> None:
    with engine.open() as session:
        assert engine.stats().sessions == 1
    assert engine.stats().sessions == 0
    with engine.open() as ended:
        ended.end(End.DISCONNECTED)
    assert session != ended and session == engine.session(session.number)
    assert {session: 1}[engine.session(session.number)] == 1


def test_its_counters(engine: fanfare.Engine) -> None:
    session = engine.open(overflow=fanfare.Overflow.DROP_OLDEST, max_queued_frames=2)
    for n in range(3):
        engine.notify("notifications/x", {"n": n})
    stats = session.stats()
    assert (stats.queued_frames, stats.dropped, stats.delivered) == (2, 1, 0)
    engine.drain()
    assert session.stats().delivered == 2


def test_a_capability_that_is_not_advertised_is_not_used(engine: fanfare.Engine) -> None:
    engine.open(Profile.LEGACY, capabilities={"tools": {"listChanged": True}})
    assert (engine.tool_list_changed(), engine.prompt_list_changed()) == (1, 0)
    with pytest.raises(fanfare.JsonError):
        engine.open(capabilities=b"{")
