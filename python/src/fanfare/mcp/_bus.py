"""The bus: one engine for all servers of a loop, behind the SDK's `SubscriptionBus`."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict

import anyio.lowlevel
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import principal_components
from mcp.server.context import ServerMiddleware
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.subscriptions import event_from_wire

from .. import (
    Access,
    AccessRequest,
    ClosedError,
    Framing,
    GoneError,
    Lag,
    Level,
    Option,
    aio,
)
from .. import Engine as PlainEngine
from .._engine import Context, _all

if TYPE_CHECKING:
    from ._listen import ListenHandler

_logger = logging.getLogger(__name__)

Listener: TypeAlias = Callable[[ServerEvent], None]


class Identified(Protocol):
    """A server that says who it is. It may have a title, and what else an implementation has."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str | None: ...


class Attachable(Identified, Protocol):
    """What is asked of a server: `MCPServer` has it, and the low-level `Server`."""

    @property
    def middleware(self) -> list[ServerMiddleware[Any]]: ...


class _Hooks(TypedDict):
    on_log: Callable[[Level, str, str], object] | None
    log_level: Level
    on_lag: Callable[[Lag], object] | None
    authorize: Callable[[AccessRequest], Access | bool] | None


def access_token() -> str | None:
    """Who asks, by the access token that the SDK has verified: client, issuer and subject as JSON.

    All three, as the SDK itself tells principals apart: a subject alone may be another issuer's.
    """
    token = get_access_token()
    return None if token is None else json.dumps(principal_components(token))


class Bus:
    """A `SubscriptionBus` of the official SDK, and the engine behind it.

    `MCPServer(subscriptions=bus)` makes it the bus of a server, and `attach` has it serve the
    server's clients too. One bus may be shared by any number of servers of one event loop, the
    first that it meets; a loop that is over makes room for the next.

    What is raised (`resource_updated` and its like) may be raised from any thread; `publish` is for
    the loop. Nothing waits for a client: while one does not read, what it is to hear stays in the
    engine, where like notices are one. `buffer_bytes` bounds what a client's stream may hold
    outside of that, in bytes of JSON.

    `principal` says on whose behalf a client asks, so that limits by principal count and
    `authorize` knows: by default '["client", "issuer", "subject"]' of the SDK's access token, with
    null for what it does not say. The other arguments are those of `fanfare.aio.Engine`.
    """

    def __init__(
        self,
        config: Mapping[str, Option] | None = None,
        *,
        buffer_bytes: int = 1 << 12,
        principal: Callable[[], str | None] = access_token,
        on_log: Callable[[Level, str, str], object] | None = None,
        log_level: Level = Level.INFO,
        on_lag: Callable[[Lag], object] | None = None,
        authorize: Callable[[AccessRequest], Access | bool] | None = None,
        **options: Option,
    ) -> None:
        self.principal = principal
        # The SDK sends signs of life by itself.
        self._config: dict[str, Option] = {"sse.keep_alive_ms": 0, **_all(config, options)}
        self._buffer_bytes = buffer_bytes
        self._hooks = _Hooks(
            on_log=on_log, log_level=log_level, on_lag=on_lag, authorize=authorize
        )
        # What is wrong with the configuration is said here, and not when the first client comes.
        PlainEngine(self._config).close()
        # Held while it is looked up: raisings come from any thread.
        self._lock = threading.Lock()
        self._engine: aio.Engine | None = None
        # By a key of its own each: like callables may be subscribed more than once.
        self._listeners: dict[object, Listener] = {}
        self._tap: _Tap | None = None

    # What is raised. Each says how many subscriptions it reached.

    def resource_updated(self, uri: str, *, context: Context | None = None) -> int:
        """Raises notifications/resources/updated for one resource. From any thread."""
        return self._raise(lambda engine: engine.resource_updated(uri, context=context))

    def tool_list_changed(self, *, context: Context | None = None) -> int:
        """Raises notifications/tools/list_changed. From any thread."""
        return self._raise(lambda engine: engine.tool_list_changed(context=context))

    def prompt_list_changed(self, *, context: Context | None = None) -> int:
        """Raises notifications/prompts/list_changed. From any thread."""
        return self._raise(lambda engine: engine.prompt_list_changed(context=context))

    def resource_list_changed(self, *, context: Context | None = None) -> int:
        """Raises notifications/resources/list_changed. From any thread."""
        return self._raise(lambda engine: engine.resource_list_changed(context=context))

    def _raise(self, call: Callable[[aio.Engine], int]) -> int:
        engine = self.engine
        if engine is not None:
            # Closed in that instant: then nobody is there to hear of it either.
            with suppress(ClosedError):
                return call(engine)
        return 0

    async def publish(self, event: ServerEvent) -> None:
        """Raises what `event` says, as `ctx.notify_resource_updated` and its like do."""
        if self._listeners:
            self.here()
        match event:
            case ResourceUpdated(uri=uri):
                self.resource_updated(uri)
            case ToolsListChanged():
                self.tool_list_changed()
            case PromptsListChanged():
                self.prompt_list_changed()
            case ResourcesListChanged():
                self.resource_list_changed()
        # At once, and not when the loop looks at descriptors next: listeners are called before this
        # returns, as those of the SDK's own bus are, and streams are written to in the next turn.
        engine = self.engine
        if engine is not None and engine.is_here():
            engine._deliver()
        await anyio.lowlevel.checkpoint()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Has `listener` called in the loop for everything that is raised, until it is taken back.

        It gets each change when the loop comes to it, like changes of one moment as one. It cannot
        say that its client is slow; who is served by `ListenHandler` needs none.
        """
        key = object()
        self._listeners[key] = listener
        if self.engine is not None:
            self._listen_in(self.here())

        def unsubscribe() -> None:
            self._listeners.pop(key, None)
            if not self._listeners and self._tap is not None:
                self._tap.end_of_listening()
                self._tap = None

        return unsubscribe

    # Who is served.

    def attach(self, server: Attachable) -> ListenHandler:
        """Has the bus serve the clients of a server, by a middleware of that server.

        Modern clients' `subscriptions/listen` goes to the `ListenHandler` that is returned; legacy
        clients' `resources/subscribe` is taken in, and they are told of what the server has said at
        `initialize` that it tells of: their resources, and the lists. For an `MCPServer` that was
        made with `subscriptions=` this bus, or a low-level `Server`. FastMCP has middlewares of
        another kind: `fanfare.mcp.fastmcp`.
        """
        from ._middleware import Attached

        attached = Attached(self, server)
        server.middleware.append(attached)
        return attached.middleware.listens

    # The engine.

    @property
    def engine(self) -> aio.Engine | None:
        """The engine, for its counters say; None while no client has come."""
        with self._lock:
            engine = self._engine
        return None if engine is None or engine.is_closed else engine

    def here(self) -> aio.Engine:
        """The engine of the running loop, made if there is none. In the loop's thread."""
        with self._lock:
            engine = self._engine
            if engine is not None and not engine.is_closed:
                if engine.is_here():
                    return engine
                if not engine.is_loop_over():
                    raise RuntimeError("a fanfare.mcp.Bus serves one event loop, and this is another")
                engine.close()
            self._tap = None
            engine = self._engine = aio.Engine(
                self._config, buffer_bytes=self._buffer_bytes, **self._hooks
            )
        if self._listeners:
            self._listen_in(engine)
        return engine

    def close(self) -> None:
        """Frees the engine: all streams end without a word. In the loop's thread, or after it.

        `ListenHandler.close` says goodbye to clients before.
        """
        with self._lock:
            engine, self._engine, self._tap = self._engine, None, None
        if engine is not None:
            engine.close()

    def _listen_in(self, engine: aio.Engine) -> None:
        if self._tap is None:
            # Nothing may be drained for it before it is known.
            with engine._opening:
                number = engine.open().number
                tap = engine._sessions[number] = _Tap(engine, number, self._hear)
            self._tap = tap

    def _hear(self, event: ServerEvent) -> None:
        for listener in list(self._listeners.values()):
            try:
                listener(event)
            except Exception:
                # As the SDK's own bus: one that fails is no reason not to call the others.
                _logger.exception("a listener of the bus raised")


class _Tap(aio.Session):
    """The session by which the listeners of the bus hear."""

    __slots__ = ("_hear",)

    def __init__(self, engine: aio.Engine, number: int, hear: Listener) -> None:
        super().__init__(engine, number)
        self._hear = hear

    def _put(self, stream: int, flags: int, data: bytes) -> None:
        message = json.loads(data)
        event = event_from_wire(message["method"], message.get("params"))
        if event is not None:
            self._hear(event)

    def end_of_listening(self) -> None:
        """Nobody is called any more."""
        with suppress(GoneError, ClosedError):
            self.close()


FRAMING = Framing.JSON
"""The SDK delimits messages itself."""
