"""Listens over Streamable HTTP, written as the engine framed them.

What the SDK's server does for a message on its way out (three models, two streams, a task's turn
each) costs many times what finding out who must hear of it does. `DirectStreams` stands around the
server's ASGI application and leaves everything that comes in to it: what a request must be, who may
send it, what else it asks for. Only when a listen has come through all that to `ListenHandler`, the
frames of its stream go past the SDK to the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import anyio
from mcp.server.context import ServerRequestContext

from ._wire import EVENT

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "fanfare.mcp.response"
_START: Message = {
    "type": "http.response.start",
    "status": 200,
    # As the SDK has them.
    "headers": [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache, no-transform"),
        (b"connection", b"keep-alive"),
        (b"x-accel-buffering", b"no"),
    ],
}


class DirectStreams:
    """An ASGI application that is another, but for the way out of its listens.

        app = fanfare.mcp.DirectStreams(server.streamable_http_app())

    or `app.add_middleware(fanfare.mcp.DirectStreams)`. It must stand around the SDK's application;
    what stands around it in turn (authorization, CORS, hosts) sees all that goes out. What stands
    between the two sees of a listen that the SDK takes it in, but not its frames.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection or request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = Response(send)
        await self._app({**scope, _KEY: response}, receive, response.send)


class Response:
    """The response to one request, which the SDK makes until a listen takes it over."""

    __slots__ = ("_is_json", "_send", "_turn")

    def __init__(self, send: Send) -> None:
        self._send = send
        # The SDK still writes its signs of life, and the listen's result.
        self._turn: anyio.Lock | None = None
        # Whether the SDK believes that the result is all there is to say.
        self._is_json = False

    async def send(self, message: Message) -> None:
        """What the SDK says. A response that is taken over has begun already."""
        if self._turn is None:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._is_json = (b"content-type", b"application/json") in [
                (name.lower(), value.partition(b";")[0]) for name, value in message["headers"]
            ]
        else:
            if self._is_json:
                message = {**message, "body": EVENT + message["body"] + b"\n\n"}
            async with self._turn:
                await self._send(message)

    async def write(self, data: bytes) -> None:
        """Writes events of a listen; waits while its client does not read."""
        if self._turn is None:
            self._turn = anyio.Lock()
            async with self._turn:
                await self._send(_START)
        async with self._turn:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})


def response_of(ctx: ServerRequestContext[Any, Any]) -> Response | None:
    """The way past the SDK, if the request has come by one."""
    response = None if ctx.request is None else ctx.request.scope.get(_KEY)
    return response if isinstance(response, Response) else None
