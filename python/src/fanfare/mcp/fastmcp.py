"""fanfare in servers of FastMCP 4.1.

    bus = fanfare.mcp.Bus()
    server = FastMCP("notes", middleware=[fanfare.mcp.fastmcp.Middleware(bus)])
    ...
    bus.resource_updated("note://a")   # from a tool, or any thread

FastMCP serves neither listens nor subscriptions by itself, nor does its context publish what has
changed: that is said to the bus directly.
"""

from __future__ import annotations

from typing import Any

from fastmcp.server import FastMCP
from fastmcp.server.middleware import CallNext, MiddlewareContext
from fastmcp.server.middleware import Middleware as _Middleware
from mcp.server.context import HandlerResult, ServerRequestContext

from ._bus import Bus
from ._listen import ListenHandler
from ._middleware import Middleware as _Served


class Middleware(_Middleware):
    """What stands among the middlewares of a FastMCP server, the first of them best."""

    def __init__(self, bus: Bus) -> None:
        self._served = _Served(bus)

    @property
    def listens(self) -> ListenHandler:
        """Serves the listens: its `close` ends them with their results."""
        return self._served.listens

    async def __call__(
        self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]
    ) -> HandlerResult:
        """Takes what is the bus's, and passes everything else on."""
        own = context.fastmcp_context
        current = None if own is None else own.request_context
        if own is None or current is None or context.method not in self._served.METHODS:
            result: HandlerResult = await call_next(context)
            return result

        async def onward(_: ServerRequestContext[Any, Any]) -> HandlerResult:
            passed: HandlerResult = await call_next(context)
            return passed

        # The SDK's own context, by what FastMCP calls the escape hatch to it: its own has the id of
        # the request as text, also where it is a number.
        server: FastMCP[Any] = own.fastmcp
        return await self._served.serve(current._srctx, onward, server)
