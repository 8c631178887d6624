"""Clients of the official SDK on examples/cpp/http_server.cpp: fanfare in a C++ server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from http_peers import MODES, Line, connect_http, url_of
from peers import DEADLINE, LEGACY, MODERN, TWO, Refused

if TWO:
    from mcp.client.subscriptions import SubscriptionLost

pytestmark = pytest.mark.anyio

TODAY, TOMORROW = "note://today", "note://tomorrow"


@pytest.fixture(scope="session")
def program() -> str:
    """The server, as `make sdk-test` has built it."""
    program = os.environ.get("FANFARE_CPP_SERVER")
    if not program and os.environ.get("CI") != "true":
        pytest.skip("NOT CHECKED for want of cpp-httplib: the C++ server (FANFARE_CPP_SERVER)")
    assert program, "FANFARE_CPP_SERVER must name the built examples/cpp/http_server.cpp"
    return program


class Server(str):
    """The URL of a server that runs."""

    pid: int

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def cpu(self) -> float:
        """The seconds that it has worked."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def serving(program: str) -> AsyncIterator[Server]:
    """The server. At the end it is told to stop, and must end well: with nothing that a sanitizer
    complains of."""
    server = await asyncio.create_subprocess_exec(program, stdout=PIPE, stderr=PIPE)
    try:
        with anyio.fail_after(DEADLINE):
            url = Server(await url_of(server.stdout))
        url.pid = server.pid
        yield url
    finally:
        with suppress(ProcessLookupError):
            server.send_signal(signal.SIGTERM)
        with anyio.fail_after(DEADLINE, shield=True):
            _, said = await server.communicate()
    assert server.returncode == 0, f"exit {server.returncode}; stderr:\n{said.decode()}"
    assert said == b"", said.decode()


@pytest.mark.parametrize("mode", MODES)
async def test_hears_what_it_asked_for(program: str, mode: str) -> None:
    async with (
        serving(program) as url,
        connect_http(mode, url) as peer,
        connect_http("legacy", url) as writer,
    ):
        assert peer.revision == {MODERN: "2026-07-28", LEGACY: "2025-11-25"}[peer.era]
        assert set(await peer.resources()) == {TODAY, TOMORROW}
        tools = (await peer.sdk.list_tools()).tools
        assert [tool.name for tool in tools] == ["write", "count"]

        async with peer.watching(TODAY):
            await write(writer, TOMORROW, "rest")
            for text in ("one", "two"):
                await write(writer, TODAY, text)
                await peer.until("resources/updated", lambda: TODAY in peer.updated())
                [note] = await peer.read(TODAY)
                assert note["text"] == text
                peer.handled.clear()
        assert TOMORROW not in [m["params"]["uri"] for m in peer.came("resources/updated")]

        # What it gave up it hears of no more: what comes later has come after it.
        await write(writer, TODAY, "three")
        async with peer.watching(TOMORROW):
            await write(writer, TOMORROW, "work")
            await peer.until("resources/updated", lambda: TOMORROW in peer.updated())
        assert peer.updated() == [TOMORROW]

        with pytest.raises(Refused):
            await peer.read("note://never")


@pytest.mark.parametrize("mode", MODES)
async def test_progress_comes_before_its_result(program: str, mode: str) -> None:
    async with serving(program) as url, connect_http(mode, url) as peer:
        seen: list[float] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            seen.append(done)

        result = await peer.call("count", {"to": 40}, progress=progress)
        assert result["content"][0]["text"] == "counted to 40"
        told = [message["params"] for message in peer.came("progress")]
        assert all(a["progress"] < b["progress"] for a, b in pairwise(told))
        assert len(told) > 1 and (told[-1]["progress"], told[-1]["total"]) == (40, 40)
        last = [m for m in peer.wire if m.get("method") == "notifications/progress"][-1]
        answer = next(m for m in peer.wire if "counted to 40" in json.dumps(m))
        assert peer.wire.index(last) < peer.wire.index(answer)
        assert seen[-1:] == [40]


@pytest.mark.parametrize("mode", MODES)
async def test_hears_on_after_its_line_was_cut(program: str, mode: str) -> None:
    async with (
        serving(program) as url,
        Line(url).laid() as line,
        connect_http(mode, line.url) as peer,
        connect_http("legacy", url) as writer,
    ):
        if peer.era == LEGACY:
            # It takes up its streams where they were, that of a call included (R30, R32).
            async with peer.watching(TODAY):
                cuts: list[int] = []

                async def cut(done: float, total: float | None, message: str | None) -> None:
                    if not cuts:
                        cuts.append(line.cut())

                with anyio.fail_after(DEADLINE):
                    result = await peer.call("count", {"to": 100}, progress=cut)
                assert cuts and result["content"][0]["text"] == "counted to 100"
                await write(writer, TODAY, "one")
                await peer.until("resources/updated", lambda: TODAY in peer.updated())
            return
        async with peer.watching(TODAY) as subscription:
            assert line.cut()
            with anyio.fail_after(DEADLINE), pytest.raises(SubscriptionLost):
                while True:
                    await anext(subscription)
        async with peer.watching(TODAY):
            await write(writer, TODAY, "one")
            await peer.until("resources/updated", lambda: TODAY in peer.updated())


async def test_many_listen_at_once(program: str) -> None:
    """More than a pool of threads would have: each open stream has a thread of its own."""
    async with serving(program) as url, anyio.create_task_group() as tasks:
        heard = 0
        listening, done = anyio.Semaphore(0), anyio.Event()

        async def listen() -> None:
            nonlocal heard
            async with connect_http(MODES[0], url) as peer, peer.watching(TODAY):
                listening.release()
                await peer.until("resources/updated", lambda: TODAY in peer.updated())
                heard += 1
                await done.wait()

        for _ in range(24):
            tasks.start_soon(listen)
        with anyio.fail_after(DEADLINE):
            for _ in range(24):
                await listening.acquire()
            async with connect_http("legacy", url) as writer:
                await write(writer, TODAY, "one")
                while heard < 24:
                    await anyio.sleep(0.01)
            done.set()


async def test_who_does_not_read_delays_nobody_and_is_let_go(program: str) -> None:
    async with serving(program) as url:
        threads = url.threads()
        async with stalled(url) as (_, session), connect_http(MODES[0], url) as peer:
            async with peer.watching(TODAY):
                text = "x" * 10_000
                with anyio.fail_after(DEADLINE):
                    for number in range(200):
                        peer.handled.clear()
                        await write(peer, TODAY, f"{number} {text}")
                        # It hears of each, however little the other reads.
                        await peer.until("updated", lambda: TODAY in peer.updated())
                        if await is_gone(url, session):
                            break
                    else:
                        raise AssertionError("the engine did not let go of it")
                assert number > 64, "the queue is longer than that"
                # Nor does it keep a thread: there is one left, which that stream has.
                with anyio.fail_after(DEADLINE):
                    while url.threads() > threads + 1:
                        await anyio.sleep(0.01)


async def test_who_reads_late_has_missed_nothing(program: str) -> None:
    async with serving(program) as url, connect_http("legacy", url) as writer:
        async with stalled(url) as (reader, session):
            # Each is more than its socket takes at once, and all are less than the engine keeps.
            for number in range(15):
                await write(writer, TODAY, f"{number} " + "x" * 60_000)
            # Another stream of the same session goes on, for longer than the server waits for a
            # write; and nobody is busy with what cannot be written.
            worked = url.cpu()
            count = {"name": "count", "arguments": {"to": 400}}
            with anyio.fail_after(DEADLINE):
                call = {"id": 3, "method": "tools/call", "params": count}
                _, answer = await post(url, call, session)
            assert b"counted to 400" in answer
            assert url.cpu() - worked < 0.8
            raw, heard = b"", []
            with anyio.fail_after(DEADLINE):
                while len(heard) < 15:
                    piece = await reader.read(1 << 16)
                    assert piece, f"it ended after {heard}"
                    raw += piece
                    whole = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", raw)
                    heard = [int(number) for number in re.findall(rb'"text":"(\d+) x', whole)]
            assert heard == list(range(15))


async def test_says_goodbye(program: str) -> None:
    """Told to stop, the server ends what is open, and waits for nobody who does not read."""
    async with AsyncExitStack() as stack:
        server = AsyncExitStack()
        url = await server.enter_async_context(serving(program))
        await stack.enter_async_context(stalled(url))
        async with connect_http("legacy", url) as writer:
            for _ in range(15):
                await write(writer, TODAY, "x" * 60_000)
        if not TWO:
            await server.aclose()
            return
        peer = await stack.enter_async_context(connect_http("2026-07-28", url))
        subscription = await stack.enter_async_context(peer.watching(TODAY))
        await server.aclose()
        # It ended, and was not lost.
        with anyio.fail_after(DEADLINE):
            assert [event async for event in subscription] == []


@asynccontextmanager
async def stalled(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, str]]:
    """A legacy session that wants to hear of what is written, and does not read its stream for
    GET."""
    initialize = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "stalled", "version": "1"},
    }
    head, _ = await post(url, {"id": 1, "method": "initialize", "params": initialize})
    session = head["mcp-session-id"]
    await post(url, {"method": "notifications/initialized"}, session)
    level = {"id": 2, "method": "logging/setLevel", "params": {"level": "info"}}
    assert (await post(url, level, session))[0][":status"] == "200"
    # It takes little, and so the server has little out of its hands.
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    at = urlsplit(url)
    await asyncio.get_running_loop().sock_connect(sock, (at.hostname, at.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    try:
        writer.write(head_of(url, "GET", session))
        status = await reader.readline()
        assert status.split()[1] == b"200", status
        yield reader, session
    finally:
        writer.close()


async def is_gone(url: str, session: str) -> bool:
    head, _ = await post(url, {"id": 2, "method": "ping"}, session)
    return head[":status"] == "404"


async def post(url: str, message: dict, session: str = "") -> tuple[dict[str, str], bytes]:
    """One request in the legacy era, by hand: the head of the answer, and its body."""
    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(head_of(url, "POST", session, len(body)) + body)
    raw, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    first, *lines = raw.decode().split("\r\n")
    head = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return head | {":status": first.split()[1]}, rest


def head_of(url: str, method: str, session: str, length: int = 0) -> bytes:
    lines = [f"{method} /mcp HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    lines += ["Accept: application/json, text/event-stream", "Content-Type: application/json"]
    lines += ["MCP-Protocol-Version: 2025-11-25"] if session else []
    lines += [f"MCP-Session-Id: {session}"] if session else []
    lines += [f"Content-Length: {length}"] if method == "POST" else []
    return "\r\n".join([*lines, "", ""]).encode()


async def write(peer, uri: str, text: str) -> None:
    result = await peer.call("write", {"uri": uri, "text": text})
    assert not result.get("isError"), result
