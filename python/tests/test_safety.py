"""What Python does to objects: collects them, in any order; forks; ends; runs threads."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import fanfare
from fanfare import _handle


def living() -> int:
    return len(_handle._living)


def test_a_closed_engine_refuses_everything() -> None:
    engine = fanfare.Engine()
    session = engine.open()
    engine.close()
    engine.close()
    assert engine.is_closed
    calls: list[Callable[[], object]] = [
        engine.drain,
        engine.stats,
        engine.wait,
        engine.wakeup,
        engine.fileno,
        engine.open,
        engine.tool_list_changed,
        session.read,
        session.close,
    ]
    for call in calls:
        with pytest.raises(fanfare.ClosedError, match="closed"):
            call()
    with session:
        pass


def test_an_engine_that_nobody_holds_is_freed() -> None:
    gc.collect()
    before = living()
    fanfare.Engine().open()
    gc.collect()
    assert living() == before


def test_a_session_keeps_its_engine() -> None:
    session = fanfare.Engine().open()
    gc.collect()
    session.engine.notify("notifications/x")
    assert session.read()
    gc.collect()
    before = living()
    del session
    gc.collect()
    assert living() == before - 1


def test_a_circle_through_a_hook_is_collected() -> None:
    class Host:
        def __init__(self) -> None:
            self.engine = fanfare.Engine(on_session_end=self.ended)
            self.session = self.engine.open()
            self.session.on_frame(lambda frame: self.ended(frame[0], fanfare.End.GRACEFUL))

        def ended(self, session: int, reason: fanfare.End) -> None:
            raise AssertionError("after its end")

    gc.collect()
    before = living()
    host = Host()
    gone = weakref.ref(host)
    assert living() == before + 1
    del host
    gc.collect()
    assert gone() is None and living() == before


def test_an_engine_with_threads_is_collected_too() -> None:
    gc.collect()
    before = living()
    entered, leave = threading.Event(), threading.Event()

    def callback(frame: fanfare.Frame) -> None:
        entered.set()
        leave.wait(60)

    engine = fanfare.Engine()
    engine.on_frame(callback)
    engine.open()
    engine.start_dispatcher()
    engine.notify("notifications/x")
    assert entered.wait(60)
    # The callback runs, and whoever lets go of the engine does not wait for it.
    del engine
    gc.collect()
    closing = [thread for thread in threading.enumerate() if thread.name == "fanfare-close"]
    assert len(closing) == 1 and living() == before + 1
    leave.set()
    closing[0].join(60)
    assert living() == before


def test_closing_ends_the_waits_of_other_threads() -> None:
    engine = fanfare.Engine()
    begun = threading.Barrier(4)
    ends: list[str] = []

    def wait() -> None:
        begun.wait()
        try:
            while True:
                engine.wait()
        except fanfare.ClosedError as end:
            ends.append(end.name)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    begun.wait()
    engine.close()
    for thread in threads:
        thread.join(60)
    assert ends == ["FANFARE_E_GONE"] * 3


def test_closing_in_the_midst_of_calls() -> None:
    for _ in range(20):
        close_amid_calls()


def close_amid_calls() -> None:
    engine = fanfare.Engine(overflow="drop_oldest")
    engine.on_frame(lambda frame: None)
    session = engine.open()
    ready = threading.Barrier(5)
    faults: list[BaseException] = []

    def work(call: Callable[[], object]) -> None:
        ready.wait()
        try:
            while True:
                call()
        except fanfare.ClosedError:
            pass
        except BaseException as error:
            faults.append(error)

    calls: list[Callable[[], object]] = [
        lambda: engine.notify("notifications/x"),
        engine.dispatch,
        session.stats,
        engine.drain,
    ]
    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    ready.wait()
    engine.close()
    for thread in threads:
        thread.join(60)
    assert faults == []


def test_several_threads_drain_without_losing_or_mixing_frames() -> None:
    with fanfare.Engine(session_max_queued_frames=100_000) as engine:
        sessions = [engine.open(framing=fanfare.Framing.JSON) for _ in range(20)]
        raised = 300
        taken: list[list[fanfare.Frame]] = [[], [], []]
        over = threading.Event()

        def drain(mine: list[fanfare.Frame]) -> None:
            while not over.is_set():
                mine += engine.drain(1000)
            mine += engine.drain()

        threads = [threading.Thread(target=drain, args=(mine,)) for mine in taken]
        for thread in threads:
            thread.start()
        for n in range(raised):
            engine.notify("notifications/x", {"n": n})
        over.set()
        for thread in threads:
            thread.join(60)
        frames = [(session, data) for mine in taken for session, _, _, data in mine]
        expected = {
            (session.number, b'{"jsonrpc":"2.0","method":"notifications/x","params":{"n":%d}}' % n)
            for session in sessions
            for n in range(raised)
        }
        assert len(frames) == len(expected) and set(frames) == expected


def test_the_interpreter_ends_with_engines_that_live(python: Any) -> None:
    result = python(
        "import fanfare, threading\n"
        "engine = fanfare.Engine(on_wake=lambda: None, on_session_end=lambda *_: None)\n"
        "engine.on_frame(lambda frame: None)\n"
        "engine.start_dispatcher(2)\n"
        "session = engine.open()\n"
        "engine.notify('notifications/x')\n"
        "begun = threading.Barrier(3)\n"
        "def wait(call):\n"
        "    begun.wait()\n"
        "    try:\n"
        "        while True: call()\n"
        "    except fanfare.ClosedError: pass\n"
        "for call in engine.wait, lambda: engine.notify('notifications/x'):\n"
        "    threading.Thread(target=wait, args=(call,), daemon=True).start()\n"
        "begun.wait()\n"
        "print('over')\n"
    )
    assert (result.stdout, result.stderr) == ("over\n", "")


def test_what_comes_after_the_end_finds_the_engine_closed(python: Any) -> None:
    result = python(
        "import fanfare\n"
        "engine = fanfare.Engine()\n"
        "class Late:\n"
        "    def __del__(self): \n"
        "        try: engine.stats()\n"
        "        except fanfare.ClosedError: print('closed')\n"
        "late = Late()\n"
    )
    assert (result.stdout, result.stderr) == ("closed\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_is_told_that_the_engine_is_not_its_own(python: Any) -> None:
    result = python(
        "import fanfare, gc, os\n"
        "engine = fanfare.Engine(on_wake=lambda: None)\n"
        "session = engine.open()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    for call in engine.drain, session.read, engine.fileno:\n"
        "        try: call()\n"
        "        except fanfare.ForkedError as why: print(why, flush=True)\n"
        "    engine.close()\n"
        "    del engine, session\n"
        "    gc.collect()\n"
        "    with fanfare.Engine() as mine:\n"
        "        mine.open(); mine.notify('notifications/x')\n"
        "        print(len(mine.drain()), flush=True)\n"
        "    raise SystemExit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "engine.notify('notifications/x')\n"
        "print(len(engine.drain()))\n",
        options=("-X", "dev", "-W", "ignore::DeprecationWarning"),
    )
    why = "FANFARE_E_STATE: the engine belongs to the parent process; make one after the fork"
    assert result.stdout.splitlines() == [why] * 3 + ["1", "1"]
    assert result.stderr == ""


def test_a_signal_handler_in_the_midst_of_a_call_may_not_close() -> None:
    with fanfare.Engine() as engine:
        # As a handler that comes between the call's beginning and its end.
        with pytest.raises(fanfare.ReentrantError, match="inside a callback or a call"):
            engine._handle.plain(lambda address: engine.close() or 0)  # type: ignore[func-returns-value]
        assert not engine.is_closed and engine.drain() == []


def test_a_library_that_is_not_one(python: Any) -> None:
    for path, why in (
        ("/nowhere.so", "/nowhere.so is not fanfare's library"),
        ("libm.so.6", "not fan"),
    ):
        result = python(
            f"import os; os.environ['FANFARE_LIBRARY'] = {path!r}\n"
            "try: import fanfare\n"
            "except ImportError as error: print(error)\n"
        )
        assert why in result.stdout
