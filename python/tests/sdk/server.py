"""A server of the official SDK with our bus, which says and does what a test tells it.

    python server.py KIND SOCKET [--http [--direct]]

KIND is MCPServer, Server (the low-level one) or FastMCP. It serves MCP over stdio, or over
Streamable HTTP, with --direct past the SDK where it can be. It has a document, doc://state, whose text is a number, and the tool `touch`, which
raises the number. On the Unix socket it takes orders from the test and answers each: one JSON
object a line, both ways.

    says:   {"at": URL}, over HTTP, before all else
    takes:  {"do": "raise", "times": n}: raises the number so often, from a thread of its own, and
            at the end, once, that doc://end has changed
            {"do": "stats"}: what the engine holds    {"do": "close"}: ends all listens
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import uvicorn
from anyio.streams.text import TextReceiveStream
from mcp.server.mcpserver import Context, MCPServer

import fanfare.mcp

STATE, END = "doc://state", "doc://end"


class Document:
    """What the server has: a number."""

    def __init__(self, bus: fanfare.mcp.Bus) -> None:
        self.bus = bus
        self.number = 0
        self.listens: fanfare.mcp.ListenHandler
        self.loop: Any = None

    def raise_often(self, times: int) -> None:
        """From a thread that is not the loop's."""
        for _ in range(times):
            self.number += 1
            self.bus.resource_updated(STATE)
        self.bus.resource_updated(END)

    def stats(self) -> dict[str, int]:
        if self.bus.engine is None:
            return {"sessions": 0, "subscriptions": 0, "queued": 0}
        held = self.bus.engine.stats()
        return {
            "sessions": held.sessions,
            "subscriptions": held.subscriptions,
            "queued": held.queued_frames,
        }

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "raise":
                before = resident()
                await anyio.to_thread.run_sync(self.raise_often, order["times"])
                return {"grown": resident() - before, **self.stats()}
            case "stats":
                return self.stats()
            case "close":
                self.listens.close()
                return {}
            case unknown:
                raise ValueError(f"no such order: {unknown}")


def resident() -> int:
    """How many bytes of memory the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def mcp_server(document: Document) -> Any:
    server = MCPServer("with-fanfare", version="7", subscriptions=document.bus)
    document.listens = document.bus.attach(server)

    @server.resource(STATE)
    def state() -> str:
        return str(document.number)

    @server.tool()
    async def touch(context: Context) -> str:
        document.number += 1
        await context.notify_resource_updated(STATE)
        await context.notify_tools_changed()
        return str(document.number)

    return server


def fast_mcp(document: Document) -> Any:
    from fastmcp import FastMCP

    from fanfare.mcp.fastmcp import Middleware

    middleware = Middleware(document.bus)
    document.listens = middleware.listens
    server: FastMCP[Any] = FastMCP("with-fanfare", version="7", middleware=[middleware])

    @server.resource(STATE)
    def state() -> str:
        return str(document.number)

    @server.tool
    async def touch() -> str:
        document.number += 1
        document.bus.resource_updated(STATE)
        document.bus.tool_list_changed()
        return str(document.number)

    return server


def low_level(document: Document) -> Any:
    import mcp_types as types
    from mcp.server.lowlevel import Server

    async def read(context: Any, params: Any) -> Any:
        text = types.TextResourceContents(uri=params.uri, text=str(document.number))
        return types.ReadResourceResult(contents=[text], ttl_ms=0, cache_scope="public")

    async def resources(context: Any, params: Any) -> Any:
        listed = [types.Resource(uri=STATE, name="state")]
        return types.ListResourcesResult(resources=listed, ttl_ms=0, cache_scope="public")

    async def tools(context: Any, params: Any) -> Any:
        tool = types.Tool(name="touch", input_schema={"type": "object"})
        return types.ListToolsResult(tools=[tool], ttl_ms=0, cache_scope="public")

    async def touch(context: Any, params: Any) -> Any:
        document.number += 1
        document.bus.resource_updated(STATE)
        document.bus.tool_list_changed()
        return types.CallToolResult(content=[types.TextContent(text=str(document.number))])

    # Its own handler, in the one way, and all else by attaching.
    document.listens = fanfare.mcp.ListenHandler(document.bus)
    server: Any = Server(
        "with-fanfare",
        version="7",
        on_list_resources=resources,
        on_read_resource=read,
        on_list_tools=tools,
        on_call_tool=touch,
        on_subscriptions_listen=document.listens,
    )
    document.listens = document.bus.attach(server)
    return server


KINDS = {"MCPServer": mcp_server, "FastMCP": fast_mcp, "Server": low_level}


async def serve_stdio(kind: str, server: Any) -> None:
    match kind:
        case "Server":
            from mcp.server.stdio import stdio_server

            async with stdio_server() as (read, write):
                await server.run(read, write, server.create_initialization_options())
        case "FastMCP":
            await server.run_stdio_async(show_banner=False)
        case _:
            await server.run_stdio_async()


async def serve_http(
    kind: str, server: Any, listener: socket.socket, *, is_direct: bool
) -> None:
    app = server.http_app() if kind == "FastMCP" else server.streamable_http_app()
    if is_direct:
        app.add_middleware(fanfare.mcp.DirectStreams)
    options = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
    await uvicorn.Server(options).serve(sockets=[listener])


async def main(kind: str, path: str, flags: list[str]) -> None:
    document = Document(fanfare.mcp.Bus())
    server = KINDS[kind](document)
    async with await anyio.connect_unix(path) as link, anyio.create_task_group() as tasks:

        async def obey() -> None:
            rest = ""
            async for text in TextReceiveStream(link):
                *lines, rest = (rest + text).split("\n")
                for line in lines:
                    said = await document.obey(json.loads(line))
                    await link.send(json.dumps(said).encode() + b"\n")
            # The test has gone.
            tasks.cancel_scope.cancel()

        tasks.start_soon(obey)
        if "--http" in flags:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                at = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
                await link.send(json.dumps({"at": at}).encode() + b"\n")
                await serve_http(kind, server, listener, is_direct="--direct" in flags)
        else:
            await serve_stdio(kind, server)
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], sys.argv[3:])
