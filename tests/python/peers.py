"""The official SDK's clients, of both eras, behind one face.

Both releases of the SDK are asked by the same names here; where they differ (how a connection is
made, how a client says what it wants to hear) this file knows, and the tests do not.

A recorder sits between the SDK's transport and its session. So the tests see two things: what came
over the wire, complete and in its order, and what the SDK made of it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
from mcp import ClientSession, StdioServerParameters, stdio_client

SDK = version("mcp")
TWO = SDK.startswith("2.")
if TWO:
    from mcp import Client
    from mcp.shared.exceptions import MCPError as Refused
else:
    from mcp.shared.exceptions import McpError as Refused

MODERN, LEGACY = "modern", "legacy"
ERAS = [MODERN, LEGACY] if TWO else [LEGACY]

# The longest that anything may take, on a machine that is busy with other things. Nothing waits
# this long unless the test is about to fail.
DEADLINE = 30.0

SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"


class Peer:
    """One connected client: its SDK object, and all that it heard."""

    def __init__(self, era: str) -> None:
        self.era = era
        self.revision = ""
        self.sdk: Any = None
        self.wire: list[dict[str, Any]] = []
        """Every message that came, in the order in which it came."""
        self.logs: list[dict[str, Any]] = []
        """What the SDK handed to its logging callback."""
        self.handled: list[dict[str, Any]] = []
        """The notifications that the SDK understood and handed to its message handler."""
        self._news = anyio.Event()
        self._pause: anyio.Event | None = None

    # How it reads.

    def pause(self) -> None:
        """Stops reading: what comes stays in the transport, and where that is full, in the server."""
        self._pause = anyio.Event()

    def go_on(self) -> None:
        """Reads again."""
        if self._pause is not None:
            self._pause.set()
            self._pause = None

    async def reads(self, item: Any) -> None:
        """Takes down one message of the transport, before the SDK sees it."""
        while self._pause is not None:
            await self._pause.wait()
        if isinstance(item, Exception):
            raise item
        self.wire.append(item.message.model_dump(by_alias=True, mode="json", exclude_unset=True))
        self._note()

    # What the server has.

    async def resources(self) -> dict[str, dict[str, Any]]:
        """The listed resources by URI, over all pages."""
        found: dict[str, dict[str, Any]] = {}
        cursor = None
        while True:
            page = dump(await self._list_page(cursor))
            for resource in page["resources"]:
                assert resource["uri"] not in found, f"{resource['uri']} is listed twice"
                found[resource["uri"]] = resource
            cursor = page.get("nextCursor")
            if cursor is None:
                return found

    async def _list_page(self, cursor: str | None) -> Any:
        if TWO:
            return await self.sdk.list_resources(cursor=cursor)
        from mcp.types import PaginatedRequestParams

        return await self.sdk.list_resources(params=PaginatedRequestParams(cursor=cursor))

    async def read(self, uri: str) -> list[dict[str, Any]]:
        """The contents of a resource, by the client's cache if it believes in it."""
        return dump(await self.sdk.read_resource(self._url(uri)))["contents"]

    async def call(
        self,
        tool: str,
        arguments: dict[str, Any] | None = None,
        progress: Callable[[float, float | None, str | None], Awaitable[None]] | None = None,
        level: str | None = None,
    ) -> dict[str, Any]:
        """Calls a tool; `level` is the least severe log message that this client wants to hear."""
        meta = None
        if level is not None and self.era == MODERN:
            meta = {LOG_LEVEL: level}
        elif level is not None:
            await self.sdk.set_logging_level(level)
        result = await self.sdk.call_tool(tool, arguments or {}, progress_callback=progress, meta=meta)
        return dump(result)

    # What the client wants to hear.

    @asynccontextmanager
    async def watching(self, *uris: str, lists: bool = False) -> AsyncIterator[Any]:
        """Subscribed to these resources, in the way of the era, until the block ends.

        `lists` asks for changes of the resource list too, which only the modern era has to ask for.
        Gives the SDK's own subscription, where the era has one.
        """
        if self.era == MODERN:
            async with self.sdk.listen(
                resource_subscriptions=uris, resources_list_changed=lists
            ) as subscription:
                yield subscription
            return
        for uri in uris:
            await self.sdk.subscribe_resource(self._url(uri))
        yield None
        for uri in uris:
            await self.sdk.unsubscribe_resource(self._url(uri))

    def _url(self, uri: str) -> Any:
        if TWO:
            return uri
        from pydantic import AnyUrl

        return AnyUrl(uri)

    # What it heard.

    def came(self, *methods: str) -> list[dict[str, Any]]:
        """The notifications that came over the wire: all, or those of these methods."""
        return only(methods, [m for m in self.wire if "method" in m and "id" not in m])

    def heard(self, *methods: str) -> list[dict[str, Any]]:
        """The notifications that the SDK handed on: all, or those of these methods."""
        return only(methods, self.handled)

    def updated(self) -> list[str]:
        """The URIs of every `resources/updated` that the SDK handed on."""
        return [message["params"]["uri"] for message in self.heard("resources/updated")]

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Waits for a condition on what was heard; fails by saying what was heard instead."""
        with anyio.move_on_after(DEADLINE):
            while not holds():
                await self._news.wait()
            return
        raise AssertionError(f"{what}: not within {DEADLINE} s; heard {self.wire}")

    def forget(self) -> None:
        """Forgets all that it has heard."""
        self.wire.clear()
        self.logs.clear()
        self.handled.clear()

    def _note(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def on_log(self, params: Any) -> None:
        """The SDK's logging callback."""
        self.logs.append(dump(params))
        self._note()

    async def on_message(self, message: Any) -> None:
        """The SDK's message handler: notifications, and what went wrong in the transport."""
        if isinstance(message, Exception):
            raise message
        notification = getattr(message, "root", message)
        self.handled.append(dump(notification))
        self._note()


@asynccontextmanager
async def connect(era: str, command: Sequence[str], notes: Path) -> AsyncIterator[Peer]:
    """Starts a server and connects a client to its pipe.

    The server's stderr is kept in the folder `notes`, and so is its exit status: when the client
    has gone, the server must have ended by itself, and well.
    """
    peer = Peer(era)
    log, status = notes / "server.log", notes / "status"
    status.unlink(missing_ok=True)
    script = f"{shlex.join(command)} 2>{shlex.quote(str(log))}; echo $? >{shlex.quote(str(status))}"
    server = StdioServerParameters(command="/bin/sh", args=["-c", script])
    callbacks = {"logging_callback": peer.on_log, "message_handler": peer.on_message}
    try:
        transport = recorded(stdio_client(server), peer.reads)
        if TWO:
            mode = "auto" if era == MODERN else "legacy"
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
        if log.exists():
            error.add_note(f"the server's stderr:\n{log.read_text()}")
        raise error from None
    # The SDK closes the pipe, and after two seconds kills what is still there: then no status.
    assert status.exists(), "the server did not end when its input did"
    assert status.read_text() == "0\n", f"exit {status.read_text()}; stderr:\n{log.read_text()}"


@asynccontextmanager
async def recorded(
    transport: Any, reads: Callable[[Any], Awaitable[None]]
) -> AsyncIterator[tuple[Any, Any]]:
    """A transport of the SDK, with `reads` awaited for each message before the session has it."""
    send, receive = anyio.create_memory_object_stream[Any](0)

    async def pump() -> None:
        async with send:
            async for item in read:
                await reads(item)
                try:
                    await send.send(item)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return  # the session has closed

    async with transport as (read, write), anyio.create_task_group() as tasks, receive:
        tasks.start_soon(pump)
        yield receive, write
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def serving(fanfare: str, era: str, folder: Path) -> AsyncIterator[Peer]:
    """A client of that era on `fanfare serve FOLDER`."""
    async with connect(era, [fanfare, "serve", str(folder)], folder.parent) as peer:
        yield peer


def add(path: Path, text: str) -> None:
    """A write in one appended piece, so that no reader sees half of it."""
    with path.open("a") as file:
        file.write(text)


def break_link(path: Path) -> None:
    """Puts a link to itself in the place of a file, in one step: nobody can read that, root
    included."""
    aside = path.parent.parent / "aside"
    aside.symlink_to(path.name)
    os.replace(aside, path)


def only(methods: Sequence[str], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those messages whose method, without `notifications/`, is one of these; all without any."""
    named = {f"notifications/{method}" for method in methods}
    return [message for message in messages if not named or message["method"] in named]


def dump(model: Any) -> dict[str, Any]:
    """A model of either SDK as it looks on the wire."""
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)
