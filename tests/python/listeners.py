"""A running `fanfare listen`, what it prints, and the line to the SDK's server behind it."""

from __future__ import annotations

import json
import signal
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream
from anyio.streams.buffered import BufferedByteReceiveStream

from peers import DEADLINE

LEGACY_REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
MINE, OTHER = "note:///mine", "note:///other"
LISTS = ["tools", "prompts", "resources"]


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
    """A running `fanfare listen`, and the line to the server that it listens to."""

    def __init__(self, process: anyio.abc.Process, link: Any) -> None:
        self.process = process
        self.printed = Lines(process.stdout)
        self.saw = Lines(link)
        self._link: ByteSendStream = link

    async def order(self, do: str, **more: Any) -> None:
        await self._link.send(json.dumps({"do": do, **more}).encode() + b"\n")

    async def heard(self) -> tuple[str, dict[str, Any]]:
        """Method, without `notifications/`, and parameters of the next line that was printed."""
        line = await self.printed.next()
        assert set(line) <= {"time_ms", "method", "params"}
        return line["method"].removeprefix("notifications/"), line.get("params", {})

    async def heard_acknowledgment(self) -> dict[str, Any]:
        """What the server agreed to; the next line must say so."""
        method, params = await self.heard()
        assert method == "subscriptions/acknowledged"
        return params["notifications"]

    async def heard_update(self) -> str:
        """Of which resource; the next line must be an update."""
        method, params = await self.heard()
        assert method == "resources/updated"
        return params["uri"]

    async def interrupt(self) -> None:
        """Ctrl-C, after which it must end, and well."""
        self.process.send_signal(signal.SIGINT)
        with anyio.fail_after(DEADLINE):
            assert await self.process.wait() == 0
