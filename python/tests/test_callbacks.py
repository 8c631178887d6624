"""Hooks and frame callbacks: when they run, what they may do, and what their failure does."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import fanfare
from fanfare import End, Frame, Framing, Level, Overflow, Profile, Verdict, _callbacks
from conftest import META, methods, request


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException | None]]:
    """What sys.unraisablehook is given."""
    errors: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: errors.append(args.exc_value))
    yield errors
    # They refer to what their frames held.
    errors.clear()


def test_the_log_has_lines_from_its_level_up() -> None:
    lines: list[tuple[Level, str, str]] = []
    with fanfare.Engine(
        on_log=lambda *line: lines.append(line), log_level=Level.WARNING, params_soft_bytes=10
    ) as engine:
        engine.open()
        engine.notify("notifications/x", {"a": "x" * 100})
    [(level, target, message)] = lines
    assert level >= Level.WARNING and target.startswith("fanfare") and "notifications/x" in message


def test_a_session_that_lags_is_told_of() -> None:
    lags: list[fanfare.Lag] = []
    ends: list[tuple[int, End]] = []
    with fanfare.Engine(
        on_lag=lags.append, on_session_end=lambda *end: ends.append(end), overflow="close"
    ) as engine:
        session = engine.open(max_queued_frames=2)
        for n in range(3):
            engine.notify("notifications/x", {"n": n})
        engine.drain()
    [lag] = lags
    assert (lag.session, lag.policy) == (session.number, Overflow.CLOSE)
    assert lag.queued_frames >= 2 and lag.queued_bytes > 0
    assert ends == [(session.number, End.LAGGED)]


def test_a_stream_that_is_over_without_a_word() -> None:
    over: list[tuple[int, int]] = []
    with fanfare.Engine(on_stream_end=lambda *stream: over.append(stream)) as engine:
        session = engine.open(Profile.LEGACY, framing=Framing.JSON)
        stream = session.open_stream(fanfare.StreamKind.REQUEST)
        session.receive(request(1, "tools/call", name="x"), stream=stream)
        session.receive(
            b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
            stream=stream,
        )
        engine.drain()
        assert over == [(session.number, stream.number)]


def test_an_idle_engine_wakes_once() -> None:
    woken: list[str] = []
    with fanfare.Engine(on_wake=lambda: woken.append("wake")) as engine:
        engine.open()
        engine.notify("notifications/x")
        engine.notify("notifications/y")
        assert woken == ["wake"]
        engine.drain()
        engine.notify("notifications/x")
        assert woken == ["wake"] * 2


def test_what_is_due_sooner_is_told_of() -> None:
    due: list[int | None] = []
    engine = fanfare.Engine(
        clock="manual", debounce_resource_ms=100, on_deadline=lambda: due.append(1)
    )
    with engine:
        engine.open()
        engine.resource_updated("doc://7")
        engine.drain()
        engine.resource_updated("doc://7")
        assert due == [1] and engine.next_deadline_ms() == 100


def test_frames_come_by_callback(engine: fanfare.Engine) -> None:
    all_others: list[Frame] = []
    its_own: list[Frame] = []
    one, two = engine.open(), engine.open()
    engine.on_frame(all_others.append)
    two.on_frame(its_own.append)
    engine.notify("notifications/x")
    engine.notify("notifications/y")
    assert engine.drain() == [], "left to the callbacks"
    assert (engine.dispatch(1), engine.dispatch(), engine.dispatch()) == (1, 3, 0)
    assert [frame[0] for frame in all_others] == [one.number] * 2
    assert methods(its_own) == ["x", "y"] and its_own[0][0] == two.number


def test_a_callback_may_say_not_now_or_gone(engine: fanfare.Engine) -> None:
    verdict = Verdict.NOT_NOW
    session = engine.open()
    engine.on_frame(lambda _: verdict)
    engine.notify("notifications/x")
    assert engine.dispatch() == 0 and engine.dispatch() == 0
    verdict = Verdict.ACCEPTED
    assert engine.dispatch() == 0, "not before it is resumed"
    session.resume()
    assert engine.dispatch() == 1
    verdict = Verdict.GONE
    engine.notify("notifications/x")
    engine.dispatch()
    with pytest.raises(fanfare.GoneError):
        session.resume()


def test_a_callback_may_call_its_engine(engine: fanfare.Engine) -> None:
    refused: list[type[Exception]] = []

    def callback(frame: Frame) -> None:
        if methods([frame]) == ["x"]:
            engine.notify("notifications/y")
            for forbidden in (engine.close, engine.dispatch):
                with pytest.raises(fanfare.ReentrantError) as caught:
                    forbidden()
                refused.append(caught.type)
        else:
            engine.session(frame[0]).close()

    engine.on_frame(callback)
    engine.open()
    engine.notify("notifications/x")
    while engine.dispatch():
        pass
    assert len(refused) == 2 and engine.callback_errors == 0
    assert engine.stats().sessions == 0


def test_an_exception_in_a_frame_callback_loses_no_frame(
    engine: fanfare.Engine, reported: list[BaseException]
) -> None:
    taken: list[Frame] = []

    def callback(frame: Frame) -> None:
        if not reported:
            raise ZeroDivisionError("the host's fault")
        taken.append(frame)

    engine.on_frame(callback)
    session = engine.open()
    engine.notify("notifications/x")
    assert engine.dispatch() == 0
    assert [type(error) for error in reported] == [ZeroDivisionError]
    assert engine.callback_errors == 1
    session.resume()
    assert engine.dispatch() == 1 and methods(taken) == ["x"]


def test_a_wrong_verdict_is_a_fault_too(
    engine: fanfare.Engine, reported: list[BaseException]
) -> None:
    engine.on_frame(lambda frame: "fine")  # type: ignore[arg-type, return-value]
    engine.open()
    engine.notify("notifications/x")
    assert engine.dispatch() == 0 and [type(error) for error in reported] == [ValueError]


def test_an_exception_in_authorize_refuses(reported: list[BaseException]) -> None:
    def authorize(request: fanfare.AccessRequest) -> bool:
        raise LookupError(request.name)

    with fanfare.Engine(authorize=authorize) as engine:
        session = engine.open()
        with pytest.raises(fanfare.DeniedError):
            session.subscribe("doc://7")
        assert [str(error) for error in reported] == ["doc://7"]
        assert engine.callback_errors == 1


def test_even_an_exit_stays_inside(reported: list[BaseException]) -> None:
    def wake() -> None:
        raise SystemExit(3)

    with fanfare.Engine(on_wake=wake) as engine:
        engine.open()
        assert engine.notify("notifications/x") == 1
        assert [type(error) for error in reported] == [SystemExit]


def test_the_report_names_the_hook(python: Any) -> None:
    result = python(
        "import fanfare\n"
        "def broken(): raise ZeroDivisionError('see me')\n"
        "with fanfare.Engine(on_wake=broken) as engine:\n"
        "    engine.open(); engine.notify('notifications/x'); print(engine.callback_errors)\n"
    )
    assert result.stdout == "1\n"
    assert "fanfare on_wake" in result.stderr and "ZeroDivisionError: see me" in result.stderr
    assert "in broken" in result.stderr


def test_dispatcher_threads_deliver_each_session_in_order() -> None:
    frames: dict[int, list[int]] = {}
    threads: set[int] = set()
    done = threading.Event()
    expected, n_sessions = 200, 8
    left = [n_sessions]

    def callback(frame: Frame) -> None:
        threads.add(threading.get_ident())
        mine = frames.setdefault(frame[0], [])
        mine.append(int(frame[3].split(b'"n":')[1].split(b"}")[0]))
        if len(mine) == expected:
            left.pop() if sum(len(f) == expected for f in frames.values()) == n_sessions else None
            if not left:
                done.set()

    with fanfare.Engine(session_max_queued_frames=1000) as engine:
        engine.on_frame(callback)
        sessions = [engine.open() for _ in range(n_sessions)]
        engine.start_dispatcher(2)
        with pytest.raises(fanfare.StateError):
            engine.start_dispatcher()
        for n in range(expected):
            engine.notify("notifications/x", {"n": n})
        assert done.wait(60)
        engine.stop_dispatcher()
        assert frames == {s.number: list(range(expected)) for s in sessions}
        assert threading.get_ident() not in threads
        engine.notify("notifications/x", {"n": 0})
        assert engine.dispatch() == n_sessions, "stopped: what is queued stays queued"


def test_a_callback_is_kept_until_it_is_replaced_and_no_longer(engine: fanfare.Engine) -> None:
    class Callback:
        def __call__(self, frame: Frame) -> None:
            pass

    def registered() -> weakref.ref[Callback]:
        callback = Callback()
        engine.on_frame(callback)
        return weakref.ref(callback)

    first = registered()
    gc.collect()
    assert first() is not None
    second = registered()
    gc.collect()
    assert first() is None and second() is not None
    session = engine.open()
    mine = Callback()
    session.on_frame(mine)
    its, mine = weakref.ref(mine), Callback()
    session.close()
    gc.collect()
    assert its() is None, "gone with its session"
    engine.close()
    gc.collect()
    assert second() is None, "gone with its engine"


def test_nothing_is_left_of_an_engine() -> None:
    before = len(_callbacks._registrations)
    for _ in range(10):
        engine = fanfare.Engine(on_wake=lambda: None, on_lag=lambda lag: None)
        session = engine.open()
        session.on_frame(lambda frame: None)
        with pytest.raises(fanfare.GoneError):
            engine.session(1).on_frame(lambda frame: None)
        engine.close()
    with pytest.raises(fanfare.InvalidArgumentError):
        fanfare.Engine(on_wake=lambda: None, on_log=print, log_level=99)  # type: ignore[arg-type]
    gc.collect()
    assert len(_callbacks._registrations) == before


def test_a_listen_is_acknowledged_through_a_callback(engine: fanfare.Engine) -> None:
    frames: list[Frame] = []
    session = engine.open(Profile.MODERN)
    session.on_frame(frames.append)
    session.receive(
        request("l", "subscriptions/listen", _meta=META, notifications={"toolsListChanged": True})
    )
    engine.tool_list_changed()
    engine.dispatch()
    assert methods(frames) == ["subscriptions/acknowledged", "tools/list_changed"]
