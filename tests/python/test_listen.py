"""`fanfare listen` on a server of the official SDK: hears what that server says, and all of it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import ByteReceiveStream, ByteSendStream
from anyio.streams.buffered import BufferedByteReceiveStream

from peers import DEADLINE, LEGACY, MODERN

pytestmark = pytest.mark.anyio

REVISION = {MODERN: "2026-07-28", LEGACY: "2025-11-25"}
A, B = "note:///a", "note:///b"


class Lines:
    """JSON objects, one a line."""

    def __init__(self, stream: ByteReceiveStream) -> None:
        self._stream = BufferedByteReceiveStream(stream)
        self.seen: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        with anyio.move_on_after(DEADLINE):
            line = await self._stream.receive_until(b"\n", 1 << 20)
            self.seen.append(json.loads(line))
            return self.seen[-1]
        raise AssertionError(f"no further line within {DEADLINE} s after {self.seen}")


class Listening:
    """A running `fanfare listen`, and the line to the server that it started."""

    def __init__(self, process: anyio.abc.Process, link: Any) -> None:
        self.process = process
        self.printed = Lines(process.stdout)
        self.saw = Lines(link)
        self._link: ByteSendStream = link

    async def order(self, do: str, **more: Any) -> None:
        await self._link.send(json.dumps({"do": do, **more}).encode() + b"\n")

    async def heard(self) -> dict[str, Any]:
        """The next notification that was printed."""
        return await self.printed.next()


@asynccontextmanager
async def listening(fanfare: str, era: str, folder: Path, *flags: str) -> AsyncIterator[Listening]:
    """`fanfare listen` with an SDK server of that era behind it; must end cleanly on Ctrl-C."""
    path = str(folder / "link")
    server = [sys.executable, "-B", str(Path(__file__).with_name("sdk_server.py")), path]
    command = [fanfare, "listen", "--revision", REVISION[era], *flags, "--json", "--", *server]
    errors = folder / "stderr"
    async with await anyio.create_unix_listener(path) as listener:
        with errors.open("wb") as stderr:
            process = await anyio.open_process(command, stderr=stderr)
        async with process:
            try:
                with anyio.fail_after(DEADLINE):
                    link = await listener.accept()
                async with link:
                    yield Listening(process, link)
                    process.send_signal(signal.SIGINT)
                    with anyio.fail_after(DEADLINE):
                        assert await process.wait() == 0
            except BaseException as error:
                error.add_note(f"the program's stderr:\n{errors.read_text()}")
                process.kill()
                raise
