"""A server made with the official SDK, which says and does what a test tells it.

    python sdk_server.py SOCKET [--http [--numbered] [--json]]

It serves MCP over stdio, or over Streamable HTTP: with --numbered it keeps its events for those who
come back, and with --json its answers are no streams. The client chooses the era. On the Unix socket
it tells the test what the client asked for, and takes orders: one JSON object a line, both ways.

    says:   {"at": URL}, over HTTP, before all else
            {"saw": "subscribe", "uri": …}  {"saw": "unsubscribe", "uri": …}
            {"saw": "level", "level": …}    {"saw": "listen"}  {"saw": "listen ended"}
    takes:  {"do": "updated", "uri": …}  {"do": "tools"|"prompts"|"resources"}
            {"do": "log", "level": …, "data": …}  {"do": "end"}, of all listens
            {"do": "forget"}, of the sessions over HTTP
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import anyio
import uvicorn
from anyio.streams.text import TextReceiveStream
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

TWO = version("mcp").startswith("2.")
if TWO:
    import mcp_types as types
    from mcp.server.subscriptions import (
        InMemorySubscriptionBus,
        ListenHandler,
        PromptsListChanged,
        ResourcesListChanged,
        ResourceUpdated,
        ToolsListChanged,
    )
else:
    from mcp import types
    from pydantic import AnyUrl

Say = Callable[..., None]
Do = Callable[[dict[str, Any]], Awaitable[None]]


class Legacy:
    """What a legacy client needs: its session, which is known once it has asked for anything."""

    session: Any = None

    async def do(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "updated":
                uri = order["uri"] if TWO else AnyUrl(order["uri"])
                await self.session.send_resource_updated(uri)
            case "tools":
                await self.session.send_tool_list_changed()
            case "prompts":
                await self.session.send_prompt_list_changed()
            case "resources":
                await self.session.send_resource_list_changed()
            case "log":
                await self.session.send_log_message(level=order["level"], data=order["data"])
            case unknown:
                raise ValueError(f"no such order: {unknown}")


def two(say: Say) -> tuple[Server, Do]:
    """The server with the SDK of both eras."""
    legacy = Legacy()

    class Bus(InMemorySubscriptionBus):
        """Says when a listen is there to be heard, and when it has gone."""

        open = 0

        def subscribe(self, listener: Any) -> Any:
            unsubscribe = super().subscribe(listener)
            self.open += 1
            say(saw="listen")

            def end() -> None:
                unsubscribe()
                self.open -= 1
                say(saw="listen ended")

            return end

    bus = Bus()
    listens = ListenHandler(bus)

    async def subscribe(context: Any, params: Any) -> Any:
        legacy.session = context.session
        say(saw="subscribe", uri=params.uri)
        return types.EmptyResult()

    async def unsubscribe(context: Any, params: Any) -> Any:
        say(saw="unsubscribe", uri=params.uri)
        return types.EmptyResult()

    async def set_level(context: Any, params: Any) -> Any:
        legacy.session = context.session
        say(saw="level", level=params.level)
        return types.EmptyResult()

    async def do(order: dict[str, Any]) -> None:
        if not bus.open:
            return await legacy.do(order)
        match order["do"]:
            case "updated":
                await bus.publish(ResourceUpdated(uri=order["uri"]))
            case "tools":
                await bus.publish(ToolsListChanged())
            case "prompts":
                await bus.publish(PromptsListChanged())
            case "resources":
                await bus.publish(ResourcesListChanged())
            case "end":
                listens.close()
            case unknown:
                raise ValueError(f"no such order for a modern client: {unknown}")

    async def nothing_listed(kind: str) -> Any:
        return {
            "tools": types.ListToolsResult(tools=[], ttl_ms=0, cache_scope="public"),
            "prompts": types.ListPromptsResult(prompts=[], ttl_ms=0, cache_scope="public"),
            "resources": types.ListResourcesResult(resources=[], ttl_ms=0, cache_scope="public"),
        }[kind]

    server = Server(
        "sdk-server",
        version="1",
        # A capability is advertised for what has a handler.
        on_list_tools=lambda context, params: nothing_listed("tools"),
        on_list_prompts=lambda context, params: nothing_listed("prompts"),
        on_list_resources=lambda context, params: nothing_listed("resources"),
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=unsubscribe,
        on_subscriptions_listen=listens,
        on_set_logging_level=set_level,
    )
    return server, do


def one(say: Say) -> tuple[Server, Do]:
    """The server with the SDK of the old line."""
    legacy = Legacy()
    server: Server = Server("sdk-server", version="1")

    @server.list_tools()
    async def tools() -> list[Any]:
        return []

    @server.list_prompts()
    async def prompts() -> list[Any]:
        return []

    @server.list_resources()
    async def resources() -> list[Any]:
        return []

    @server.subscribe_resource()
    async def subscribe(uri: Any) -> None:
        legacy.session = server.request_context.session
        say(saw="subscribe", uri=str(uri))

    @server.unsubscribe_resource()
    async def unsubscribe(uri: Any) -> None:
        say(saw="unsubscribe", uri=str(uri))

    @server.set_logging_level()
    async def set_level(level: str) -> None:
        legacy.session = server.request_context.session
        say(saw="level", level=level)

    return server, legacy.do


class Events(EventStore):
    """Keeps every event of every stream."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self._kept.append((stream_id, message))
        return str(len(self._kept))

    async def replay_events_after(self, last_event_id: str, send: Any) -> str | None:
        at = int(last_event_id)
        stream = self._kept[at - 1][0]
        for number, (of, message) in enumerate(self._kept[at:], at + 1):
            if of == stream and message is not None:
                await send(EventMessage(message, str(number)))
        return stream


class Http:
    """The server over HTTP, on a port of its own."""

    def __init__(self, server: Server, flags: list[str]) -> None:
        self._manager = StreamableHTTPSessionManager(
            server,
            event_store=Events() if "--numbered" in flags else None,
            json_response="--json" in flags,
        )

    async def run(self, say: Say) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            say(at=f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
            options = uvicorn.Config(
                self._answer, interface="asgi3", lifespan="off", log_level="critical"
            )
            async with self._manager.run():
                await uvicorn.Server(options).serve(sockets=[listener])

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await self._manager.handle_request(scope, receive, send)

    def forget(self) -> None:
        """As a server does that is started anew."""
        self._manager._server_instances.clear()


async def main(path: str, flags: list[str]) -> None:
    async with await anyio.connect_unix(path) as link:
        # Said from handlers that cannot wait; the queue is the test's to empty.
        said, to_say = anyio.create_memory_object_stream[bytes](1000)

        def say(**what: Any) -> None:
            said.send_nowait(json.dumps(what).encode() + b"\n")

        server, do = (two if TWO else one)(say)
        options = server.create_initialization_options(NotificationOptions(True, True, True))
        if not TWO:
            # The old line advertises no `subscribe`, though it serves it.
            options.capabilities.resources.subscribe = True
            server.create_initialization_options = lambda *_: options
        elif "--http" in flags:
            server.create_initialization_options = lambda *_: options
        http = Http(server, flags) if "--http" in flags else None

        async def talk() -> None:
            async for line in to_say:
                await link.send(line)

        async def obey() -> None:
            rest = ""
            async for text in TextReceiveStream(link):
                *lines, rest = (rest + text).split("\n")
                for line in lines:
                    order = json.loads(line)
                    if http and order["do"] == "forget":
                        http.forget()
                    else:
                        await do(order)
            if http:
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk)
            tasks.start_soon(obey)
            if http:
                await http.run(say)
            else:
                async with stdio_server() as (read, write):
                    await server.run(read, write, options)
            tasks.cancel_scope.cancel()


anyio.run(main, sys.argv[1], sys.argv[2:])
