"""A server on HTTP, a line to it that can be cut, and clients that connect over it."""

from __future__ import annotations

import asyncio
import re
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import anyio
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from peers import DEADLINE, LEGACY, MODERN, TWO, Peer, recorded

if TWO:
    from mcp import Client

# Every way in which this release can be told to speak.
MODES = ["auto", "legacy", "2026-07-28"] if TWO else ["legacy"]


@asynccontextmanager
async def serving_http(fanfare: str, folder: Path) -> AsyncIterator[str]:
    """`fanfare serve FOLDER --http`; gives its URL. At the end it is told to stop, and must end
    well."""
    command = [fanfare, "serve", str(folder), "--http", "127.0.0.1:0"]
    server = await asyncio.create_subprocess_exec(*command, stderr=PIPE)
    try:
        with anyio.fail_after(DEADLINE):
            url = await url_of(server.stderr)
        yield url
    finally:
        with suppress(ProcessLookupError):
            server.send_signal(signal.SIGTERM)
        with anyio.fail_after(DEADLINE, shield=True):
            _, said = await server.communicate()
    assert server.returncode == 0, f"exit {server.returncode}; stderr:\n{said.decode()}"


async def url_of(said: asyncio.StreamReader) -> str:
    """The URL that a server says it listens on."""
    before = b""
    async for line in said:
        if found := re.match(r"listening on (\S+)", line.decode()):
            return found[1]
        before += line
    raise AssertionError(f"the server ended before it listened: {before.decode()}")


class Line:
    """Passes bytes on to a server, and can cut what it passes."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        self.url = ""

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[Line]:
        """Begins to pass on; `url` is where."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = self._to._replace(netloc=f"127.0.0.1:{port}").geturl()
        try:
            yield self
        finally:
            server.close()
            self.cut()
            with anyio.CancelScope(shield=True):
                await server.wait_closed()

    def cut(self) -> int:
        """Cuts every connection in the middle of whatever it does; says how many there were."""
        cut = len(self._open) // 2
        for writer in self._open:
            writer.transport.abort()
        return cut

    async def _pass_on(self, up: asyncio.StreamReader, down: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection(self._to.hostname, self._to.port)
        ends = {down, here}
        self._open |= ends
        try:
            await asyncio.gather(_pump(up, here, ends), _pump(there, down, ends))
        finally:
            self._open -= ends


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
) -> None:
    """One direction. When it ends, so does the other: what it died of is nobody's concern."""
    with suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    for end in ends:
        end.transport.abort()


@asynccontextmanager
async def connect_http(mode: str, url: str) -> AsyncIterator[Peer]:
    """Connects a client to a server's endpoint, in one of the `MODES`."""
    peer = Peer(LEGACY if mode == "legacy" else MODERN)
    callbacks = {"logging_callback": peer.on_log, "message_handler": peer.on_message}
    try:
        transport = recorded(two_ways(url), peer.reads)
        if TWO:
            async with Client(transport, mode=mode, **callbacks) as peer.sdk:
                peer.revision = peer.sdk.protocol_version
                yield peer
        else:
            async with transport as streams, ClientSession(*streams, **callbacks) as peer.sdk:
                peer.revision = (await peer.sdk.initialize()).protocolVersion
                yield peer
    except BaseException as error:
        # Each task group on the way wraps what failed once more; the one inside is what counts.
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


@asynccontextmanager
async def two_ways(url: str) -> AsyncIterator[tuple]:
    """The SDK's own transport. The old release gives a third thing with it, and leaves one end of
    what it reads to whoever reads it."""
    async with streamable_http_client(url) as (read, write, *_), read:
        yield read, write
