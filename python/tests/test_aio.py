"""fanfare.aio on asyncio, on trio, and on a loop that takes no descriptors."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest

import fanfare
from fanfare import End, Framing, Profile, _handle, aio
from conftest import META, request

Run = Callable[[Callable[[], Awaitable[None]]], None]


class WithoutReaders(asyncio.SelectorEventLoop):
    """As the loop of Windows."""

    def add_reader(self, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


def on_anyio(backend: str, main: Callable[[], Awaitable[None]]) -> None:
    options = {"debug": True} if backend == "asyncio" else {}
    anyio.run(in_time(main), backend=backend, backend_options=options)


def without_readers(main: Callable[[], Awaitable[None]]) -> None:
    loop = WithoutReaders()
    try:
        loop.run_until_complete(in_time(main)())
    finally:
        loop.close()


def in_time(main: Callable[[], Awaitable[None]]) -> Callable[[], Any]:
    async def bounded() -> None:
        with anyio.fail_after(60):
            await main()

    return bounded


LOOPS: dict[str, Run] = {
    "asyncio": partial(on_anyio, "asyncio"),
    "trio": partial(on_anyio, "trio"),
    "asyncio without readers": without_readers,
}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test in each loop that there is."""
    return LOOPS[request.param]


async def collected(source: aio.Session | aio.Stream) -> list[str]:
    """What an iteration gives until it ends, by the names of the notifications."""
    return [json.loads(frame)["method"].removeprefix("notifications/") async for frame in source]


def test_frames_are_awaited(run: Run) -> None:
    async def main() -> None:
        async with aio.Engine() as engine:
            one, two = engine.open(), engine.open()
            engine.notify("notifications/x")
            engine.notify("notifications/y", to=two)
            engine.notify("notifications/z", to=one.others())
            one.end()
            two.end(End.SHUTDOWN)
            assert await collected(one) == ["x"]
            assert await collected(two) == ["x", "y", "z"]
            assert (await one.closed(), await two.closed()) == (End.GRACEFUL, End.SHUTDOWN)
            assert engine.sessions() == []

    run(main)


def test_a_frame_that_comes_later_is_awaited(run: Run) -> None:
    async def main() -> None:
        async with aio.Engine() as engine:
            session = engine.open()
            async with anyio.create_task_group() as group:
                heard: list[bytes] = []

                async def hear() -> None:
                    async for frame in session:
                        heard.append(frame)

                group.start_soon(hear)
                for n in range(20):
                    engine.notify("notifications/x", {"n": n})
                    while len(heard) == n:
                        await anyio.sleep(0)
                session.end()
            assert [json.loads(frame)["params"]["n"] for frame in heard] == list(range(20))

    run(main)


def test_another_thread_raises_and_opens(run: Run) -> None:
    async def main() -> None:
        async with aio.Engine(session_max_queued_frames=10_000) as engine:
            opened: list[aio.Session] = []

            def work() -> None:
                for _ in range(5):
                    opened.append(engine.open())
                    engine.notify("notifications/x")
                for session in opened:
                    session.end()

            thread = threading.Thread(target=work)
            thread.start()
            while len(opened) < 5:
                await anyio.sleep(0)
            heard = [await collected(session) for session in opened]
            assert [len(frames) for frames in heard] == [5, 4, 3, 2, 1]
            thread.join(60)

    run(main)


def test_what_becomes_due_is_delivered(run: Run) -> None:
    async def main() -> None:
        async with aio.Engine(debounce_resource_ms=30) as engine:
            session = engine.open()
            engine.resource_updated("doc://7")
            first = await anext(session)
            engine.resource_updated("doc://7")
            assert await anext(session) == first, "in its time, with nothing else to wake the loop"

    run(main)


def test_what_is_due_sooner_than_anything_is_delivered(run: Run) -> None:
    async def main() -> None:
        async with aio.Engine(sse_keep_alive_ms=20) as engine:
            # The loop sleeps without an end, and nothing is queued that would wake it.
            await anyio.sleep(0)
            session = engine.open(framing=Framing.SSE)
            assert (await anext(session)).startswith(b":")

    run(main)


def test_a_frame_that_is_drained_before_its_session_is_known(run: Run) -> None:
    class Late(aio.Engine):
        def _session(self, number: int) -> aio.Session:
            self.notify("notifications/x")
            while self.stats().delivered == 0:
                time.sleep(0)
            return super()._session(number)

    async def main() -> None:
        async with Late() as engine:
            opened: list[aio.Session] = []
            thread = threading.Thread(target=lambda: opened.append(engine.open()))
            thread.start()
            while not opened:
                await anyio.sleep(0)
            assert b"notifications/x" in await anext(opened[0])
            thread.join(60)

    run(main)


def test_a_session_that_nobody_awaits_is_paused_at_its_bound(run: Run) -> None:
    async def main() -> None:
        options: dict[str, fanfare.Option] = {"overflow": "close"}
        async with aio.Engine(
            options, buffer_bytes=1000, session_max_queued_frames=100_000
        ) as engine:
            session, other = engine.open(), engine.open()
            raised = 5000
            for n in range(raised):
                engine.notify("notifications/x", {"n": n}, to=session)
            engine.notify("notifications/y", to=other)
            assert "y" in (await anext(other)).decode()
            held = session.stats().queued_frames
            for _ in range(20):
                await anyio.sleep(0)
            assert session.stats().queued_frames == held > 0
            # One round of the loop, and what the bound holds.
            assert session._buffered <= 1000 + aio._ROUND_BYTES
            session.end()
            heard = [json.loads(frame)["params"]["n"] async for frame in session]
            assert heard == list(range(raised)), "in order, and none is lost"

    run(main)


def test_a_closed_session_ends_its_iteration(run: Run) -> None:
    async def main() -> None:
        async with aio.Engine() as engine:
            session = engine.open()
            engine.notify("notifications/x")
            async with anyio.create_task_group() as group:
                ended: list[End] = []

                async def closed() -> None:
                    ended.append(await session.closed())

                group.start_soon(closed)
                await anyio.sleep(0)
                session.close()
            assert ended == [End.DISCONNECTED] and await collected(session) == []
            engine.notify("notifications/x")
            assert engine.session(session.number) is None

    run(main)


def test_an_engines_end_ends_everything(run: Run) -> None:
    async def main() -> None:
        engine = aio.Engine()
        session = engine.open()
        async with anyio.create_task_group() as group:
            heard: list[list[str]] = []

            async def hear() -> None:
                heard.append(await collected(session))

            group.start_soon(hear)
            await anyio.sleep(0)
            engine.close()
            engine.close()
        assert heard == [[]] and await session.closed() == End.SHUTDOWN
        with pytest.raises(fanfare.ClosedError):
            engine.open()

    run(main)


def test_a_session_that_lags_is_closed(run: Run) -> None:
    async def main() -> None:
        ends: list[End] = []
        async with aio.Engine(on_session_end=lambda _, why: ends.append(why)) as engine:
            session = engine.open(overflow=fanfare.Overflow.CLOSE, max_queued_frames=1)
            engine.notify("notifications/x")
            engine.notify("notifications/x")
            assert await session.closed() == End.LAGGED
            assert ends == [End.LAGGED]

    run(main)


def test_streams_are_awaited_apart(run: Run) -> None:
    async def main() -> None:
        async with aio.Engine() as engine:
            session = engine.open(Profile.MODERN, framing=Framing.JSON)
            post = session.open_stream(fanfare.StreamKind.REQUEST)
            call = request(1, "tools/call", name="x", _meta={**META, "progressToken": "p"})
            session.receive(call, stream=post)
            engine.progress("p", 1, to=session)
            session.send({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}, stream=post)
            progress, result = [json.loads(frame) async for frame in post]
            assert progress["method"] == "notifications/progress" and result["id"] == 1
            # One that is cancelled is over with no frame to say so.
            other = session.open_stream(fanfare.StreamKind.REQUEST)
            session.receive(request(2, "tools/call", name="x", _meta=META), stream=other)
            other.close()
            assert [frame async for frame in other] == []
            legacy = engine.open(Profile.LEGACY, framing=Framing.JSON)
            third = legacy.open_stream(fanfare.StreamKind.REQUEST)
            legacy.receive(request(1, "tools/call", name="x"), stream=third)
            cancelled = {"method": "notifications/cancelled", "params": {"requestId": 1}}
            legacy.receive(json.dumps({"jsonrpc": "2.0", **cancelled}), stream=third)
            assert [frame async for frame in third] == []

    run(main)


def test_an_idle_session_takes_little_of_python() -> None:
    async def main() -> None:
        async with aio.Engine() as engine:
            sessions, n = [engine.open()], 1000
            tracemalloc.start()
            sessions += [engine.open() for _ in range(n)]
            engine.notify("notifications/x")
            for session in sessions:
                await anext(session)
            frames = engine.drain()
            gc.collect()
            taken, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert frames == [] and taken / n <= 1024, taken / n

    asyncio.run(main())


def test_it_belongs_to_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="inside a running loop"):
        aio.Engine()


def test_a_loop_that_is_over_leaves_no_engine(run: Run) -> None:
    gc.collect()
    before = len(_handle._living)
    engines = []

    async def main() -> None:
        engines.append(aio.Engine())
        engines[0].open()

    run(main)
    engines[0].notify("notifications/x")
    engines[0].close()
    engines.clear()
    gc.collect()
    assert len(_handle._living) == before


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_the_interpreter_ends_with_an_engine_that_lives(python: Any, loop: str) -> None:
    result = python(
        f"import {loop}, fanfare.aio\n"
        "async def main():\n"
        "    global engine\n"
        "    engine = fanfare.aio.Engine()\n"
        "    engine.open()\n"
        "    engine.notify('notifications/x')\n"
        f"    await {loop}.sleep(0)\n"
        f"{loop}.run(main" + "()" * (loop == "asyncio") + ")\n"
        "engine.notify('notifications/x')\n"
        "print('done')\n",
        options=("-W", "ignore"),
    )
    assert (result.stdout, result.stderr) == ("done\n", "")


def test_it_needs_no_other_library(python: Any) -> None:
    result = python(
        "import asyncio, sys, fanfare.aio\n"
        "async def main():\n"
        "    async with fanfare.aio.Engine() as engine:\n"
        "        session = engine.open()\n"
        "        engine.notify('notifications/x')\n"
        "        print(len(await anext(session)) > 0)\n"
        "asyncio.run(main())\n"
        "print({'trio', 'anyio', 'sniffio'} & set(sys.modules))\n"
    )
    assert (result.stdout, result.stderr) == ("True\nset()\n", "")
