"""A middleware of the SDK's servers: takes listens and subscriptions over, for both eras."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SERVER_INFO_META_KEY,
    Implementation,
    SubscriptionsListenRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

from .. import ClosedError, FanfareError, GoneError, LimitError, Profile, aio
from ._bus import FRAMING, Bus, Identified
from ._listen import ListenHandler
from ._wire import REVISIONS, notification


class Attached:
    """What stands in `server.middleware`. It sees every message before the SDK looks at it."""

    def __init__(self, bus: Bus, server: Identified) -> None:
        self.middleware = Middleware(bus)
        self._server = server

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        return await self.middleware.serve(ctx, call_next, self._server)


class Middleware:
    """What is the same for all servers whose clients are served."""

    METHODS = frozenset(
        {
            "initialize",
            "notifications/initialized",
            "resources/subscribe",
            "resources/unsubscribe",
            "server/discover",
            "subscriptions/listen",
        }
    )
    """All other messages are passed on as they are."""

    def __init__(self, bus: Bus) -> None:
        self.listens = ListenHandler(bus)
        self._legacy = Legacy(bus)

    async def serve(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext, server: Identified
    ) -> HandlerResult:
        """Takes what is the bus's, and passes everything else on."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            match ctx.method:
                case "subscriptions/listen" if ctx.request_id is not None:
                    return await self._listen(ctx, server)
                case "server/discover":
                    return told_of(await call_next(ctx))
            return await call_next(ctx)
        legacy, session = self._legacy, ctx.session
        match ctx.method:
            case "initialize" if session.can_send_request:
                result = told_of(await call_next(ctx))
                legacy.initialized_with(result)
                return result
            case "notifications/initialized":
                result = await call_next(ctx)
                await legacy.tell(session)
                return result
            case "resources/subscribe" | "resources/unsubscribe":
                try:
                    result = await call_next(ctx)
                except MCPError as error:
                    # A server that has a handler of its own has been asked first. By now the SDK
                    # has also seen to it that the params are what they must be.
                    if error.code != METHOD_NOT_FOUND or not legacy.serves(session):
                        raise
                    result = {}
                is_new = ctx.method == "resources/subscribe"
                legacy.subscribe(session, (ctx.params or {})["uri"], is_new=is_new)
                return result
        return await call_next(ctx)

    async def _listen(
        self, ctx: ServerRequestContext[Any, Any], server: Identified
    ) -> dict[str, Any]:
        params = SubscriptionsListenRequestParams.model_validate(ctx.params or {}, by_name=False)
        result = await self.listens(ctx, params)
        dumped = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        # Who answers in the place of a handler says who the server is, too.
        dumped["_meta"] = {**dumped["_meta"], SERVER_INFO_META_KEY: info(server)}
        return dumped


def info(server: Identified) -> dict[str, Any]:
    """Who the server is, as its results say."""
    optional = {
        name: getattr(server, name, None)
        for name in ("title", "description", "website_url", "icons")
    }
    who = Implementation(name=server.name, version=server.version or "", **optional)
    return who.model_dump(by_alias=True, mode="json", exclude_none=True)


def told_of(result: HandlerResult) -> HandlerResult:
    """The answer to `initialize` or `server/discover`, which now says what the bus tells of."""
    if result is None:
        return None
    told = _dict(result)
    capabilities = {**told.get("capabilities", {})}
    for kind in ("prompts", "resources", "tools"):
        if kind in capabilities:
            capabilities[kind] = {**capabilities[kind], "listChanged": True}
    if "resources" in capabilities:
        capabilities["resources"]["subscribe"] = True
    told["capabilities"] = capabilities
    return type(result).model_validate(told) if isinstance(result, BaseModel) else told


def _dict(result: BaseModel | dict[str, Any]) -> dict[str, Any]:
    if isinstance(result, BaseModel):
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {**result}


class Legacy:
    """The clients that have no listens: a session of the engine for each connection.

    A connection is known by its `client_params`, which are made once for each and are there as long
    as it is; what is known of it is forgotten with them. What it is to hear is written by `tell`.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sessions: dict[int, _Told] = {}
        # Of the servers' last answer to `initialize`: it is the same for all clients.
        self._capabilities: Mapping[str, Any] | None = None

    def serves(self, session: ServerSession) -> bool:
        """Whether there is a way to the client that outlives a request, and its handshake is over."""
        return session.can_send_request and session.client_params is not None

    def initialized_with(self, result: HandlerResult) -> None:
        """A client has been answered, and knows what the server has."""
        if result is not None:
            self._capabilities = _dict(result).get("capabilities")

    def subscribe(self, of: ServerSession, uri: str, *, is_new: bool) -> None:
        """A client wants to hear of a resource, or no more."""
        if not self.serves(of):
            return
        session = self._of(of).session
        try:
            if is_new:
                session.subscribe(uri)
            else:
                session.unsubscribe(uri)
        except (GoneError, ClosedError):
            raise MCPError(INTERNAL_ERROR, "the session is over") from None
        except FanfareError as error:
            code = INTERNAL_ERROR if isinstance(error, LimitError) else INVALID_PARAMS
            raise MCPError(code, error.detail) from error

    async def tell(self, client: ServerSession) -> None:
        """Writes to a client what it is to hear. Cancelled when its connection ends."""
        if not self.serves(client):
            return
        own = self._of(client)
        if own.is_told:
            # It has said twice that it is initialized.
            return
        own.is_told = True
        try:
            async for frame in own.session:
                # Without a request it belongs to: by the connection's own way.
                if made := notification(frame):
                    await client.send_notification(made)
        finally:
            # Known until the connection is forgotten: nobody would write for a second session.
            own.close()

    def _of(self, client: ServerSession) -> _Told:
        params = client.client_params
        key = id(params)
        own = self._sessions.get(key)
        if own is None:
            session = self._bus.here().open(
                Profile.LEGACY,
                revision=REVISIONS[client.protocol_version],
                framing=FRAMING,
                capabilities=self._capabilities,
                principal=self._bus.principal(),
            )
            own = self._sessions[key] = _Told(session)
            # A connection may end before `tell` has begun.
            weakref.finalize(params, self._forget, key).atexit = False
        return own

    def _forget(self, key: int) -> None:
        own = self._sessions.pop(key, None)
        if own is not None:
            own.close()


@dataclass(slots=True)
class _Told:
    """A connection's session, and whether somebody writes what it has."""

    session: aio.Session
    is_told: bool = False

    def close(self) -> None:
        """Twice is once."""
        with suppress(GoneError, ClosedError):
            self.session.close()
