"""`subscriptions/listen`, served by the engine through the SDK's own response streams."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    RequestId,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from .. import ClosedError, End, Framing, GoneError, LimitError, Profile, StateError, aio
from ._bus import FRAMING, Bus
from ._direct import Response, response_of
from ._wire import BEGIN, EVENT, notification


class ListenHandler:
    """Serves `subscriptions/listen`: one call is one stream of a client.

    `Bus.attach` makes one for an `MCPServer`; a low-level `Server` takes one as
    `on_subscriptions_listen=`. The acknowledgment is the first thing on each stream, then comes
    what the client asked for and nothing else, each change at most once at a time: what changes
    again before the client has read of it is told once. So a stream is never full, and never ended
    for that. `close` ends all of them with their results.

    `max_subscriptions` bounds how many there may be at once, beside the limits of the bus
    (`session_max_subscriptions`, `principal_max_subscriptions` and their like); one more is
    refused before any acknowledgment.
    """

    def __init__(self, bus: Bus, *, max_subscriptions: int | None = None) -> None:
        self._bus = bus
        self._max_subscriptions = max_subscriptions
        self._sessions: set[aio.Session] = set()

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serves one stream, until it ends or its client is gone (which cancels this)."""
        if ctx.request_id is None:
            raise MCPError(INVALID_REQUEST, "subscriptions/listen wants a request id")
        response = response_of(ctx)
        session = self._open(FRAMING if response is None else Framing.SSE)
        try:
            # Also what is wrong with it is answered by the engine.
            session.receive(_request(ctx.request_id, params))
            last = (
                await _send_each(session, ctx)
                if response is None
                else await _write_all(session, response)
            )
            if last is not None:
                return _result(ctx.request_id, last)
            reason = (await session.closed()).name
            raise MCPError(INTERNAL_ERROR, f"the subscription is over: {reason.lower()}")
        finally:
            self._sessions.discard(session)
            with suppress(GoneError, ClosedError):
                session.close()

    def _open(self, framing: Framing) -> aio.Session:
        most = self._max_subscriptions
        if most is not None and len(self._sessions) >= most:
            raise MCPError(INTERNAL_ERROR, f"Subscription limit reached: there are {most}")
        try:
            session = self._bus.here().open(
                Profile.MODERN, framing=framing, principal=self._bus.principal()
            )
        except LimitError as error:
            raise MCPError(INTERNAL_ERROR, f"Subscription limit reached: {error}") from error
        self._sessions.add(session)
        return session

    def close(self) -> None:
        """Ends all streams: what is queued goes out, and then each one's result."""
        for session in list(self._sessions):
            # One that is ending already is let be.
            with suppress(GoneError, ClosedError, StateError):
                session.end(End.GRACEFUL)


def _request(id: RequestId, params: SubscriptionsListenRequestParams) -> str:
    """The request as it came: what the SDK has made of it says the same."""
    request = {
        "jsonrpc": "2.0",
        "id": id,
        "method": "subscriptions/listen",
        "params": params.model_dump(by_alias=True, mode="json", exclude_none=True),
    }
    return json.dumps(request)


async def _send_each(session: aio.Session, ctx: ServerRequestContext[Any, Any]) -> bytes | None:
    """Has the SDK send what is no response, and gives what is; None: the session is over."""
    async for frame in session:
        made = notification(frame)
        if made is None:
            return frame
        await ctx.session.send_notification(made, related_request_id=ctx.request_id)
        # Nothing is kept while it waits.
        del made, frame
    return None


async def _write_all(session: aio.Session, response: Response) -> bytes | None:
    """The same past the SDK: all that is there is one write."""
    while frames := await session.next_frames():
        if frames[-1].startswith(EVENT + BEGIN):
            await response.write(b"".join(frames))
        else:
            *rest, last = frames
            if rest:
                await response.write(b"".join(rest))
            return last.removeprefix(EVENT)
        del frames
    return None


def _result(id: RequestId, frame: bytes) -> SubscriptionsListenResult:
    """What the engine has answered; raises what is an error."""
    if error := json.loads(frame).get("error"):
        raise MCPError(error["code"], error["message"], error.get("data"))
    return SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: id})
