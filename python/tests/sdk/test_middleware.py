"""The middleware by itself: which messages it takes, and what becomes of a legacy connection."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    ClientCapabilities,
    Implementation,
    InitializeRequestParams,
)

import fanfare.mcp
from fanfare.mcp._bus import Attachable, access_token

pytestmark = pytest.mark.anyio

CAPABILITIES = {"resources": {}, "tools": {"listChanged": False}, "logging": {}}


class Server:
    """A server as the bus sees it: its middlewares, and who it is."""

    name, version = "server", "1"

    def __init__(self) -> None:
        self.middleware: list[Any] = []


class Connection:
    """One client, by the SDK's session object: of which each message has another."""

    def __init__(self, server: Server, *, can_send_request: bool = True) -> None:
        self.server = server
        self.can_send_request = can_send_request
        self.protocol_version = "2025-11-25"
        self.client_params: InitializeRequestParams | None = None
        self.wire: list[dict[str, Any]] = []
        self.news = anyio.Event()

    async def send_notification(self, notification: Any) -> None:
        self.wire.append(notification.model_dump(by_alias=True, mode="json", exclude_none=True))
        self.news.set()
        self.news = anyio.Event()

    async def says(self, method: str, answer: object = None, **params: object) -> Any:
        """A message through the middleware; `answer` is what the SDK says to it itself."""

        async def call_next(ctx: Any) -> Any:
            assert ctx.params == params
            if isinstance(answer, MCPError):
                raise answer
            return answer

        ctx = ServerRequestContext[Any, Any](
            session=cast("Any", self),
            lifespan_context=None,
            protocol_version=self.protocol_version,
            method=method,
            params=params,
            request_id=None if method.startswith("notifications/") else 1,
        )
        [middleware] = self.server.middleware
        return await middleware(ctx, call_next)

    async def handshake(self) -> Any:
        result = await self.says("initialize", {"capabilities": CAPABILITIES})
        self.client_params = InitializeRequestParams(
            protocol_version=self.protocol_version,
            capabilities=ClientCapabilities(),
            client_info=Implementation(name="client", version="1"),
        )
        return result

    async def subscribes(self, uri: str, method: str = "resources/subscribe") -> Any:
        return await self.says(method, MCPError(METHOD_NOT_FOUND, "Method not found"), uri=uri)

    async def heard(self, n: int) -> list[str]:
        with anyio.fail_after(30):
            while len(self.wire) < n:
                await self.news.wait()
        return [message["method"] for message in self.wire]


@pytest.fixture
def bus() -> Any:
    bus = fanfare.mcp.Bus()
    yield bus
    bus.close()


@pytest.fixture
def server(bus: fanfare.mcp.Bus) -> Server:
    server = Server()
    bus.attach(cast("Attachable", server))
    return server


@asynccontextmanager
async def told(connection: Connection) -> AsyncIterator[None]:
    """While the connection is there, after its handshake."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.says, "notifications/initialized")
        yield
        tasks.cancel_scope.cancel()


async def test_what_is_told_of_is_advertised(server: Server) -> None:
    result = await Connection(server).handshake()
    assert result["capabilities"] == {
        "resources": {"subscribe": True, "listChanged": True},
        "tools": {"listChanged": True},
        "logging": {},
    }
    assert CAPABILITIES["resources"] == {}, "what the server has is not changed"


async def test_only_lists_that_are_there_are_told_of(bus: fanfare.mcp.Bus, server: Server) -> None:
    connection = Connection(server)
    await connection.handshake()
    async with told(connection):
        await connection.subscribes("doc://1")
        assert bus.prompt_list_changed() == 0, "it has no prompts"
        assert bus.tool_list_changed() == 1
        assert await connection.heard(1) == ["notifications/tools/list_changed"]


async def test_a_subscription_before_the_client_is_ready_counts(
    bus: fanfare.mcp.Bus, server: Server
) -> None:
    connection = Connection(server)
    await connection.handshake()
    assert await connection.subscribes("doc://1") == {}
    assert bus.resource_updated("doc://1") == 1
    async with told(connection):
        assert await connection.heard(1) == ["notifications/resources/updated"]
        assert connection.wire[0]["params"] == {"uri": "doc://1"}
        assert await connection.subscribes("doc://1", "resources/unsubscribe") == {}
        assert bus.resource_updated("doc://1") == 0


async def test_a_client_that_is_ready_twice_is_told_once(
    bus: fanfare.mcp.Bus, server: Server
) -> None:
    connection = Connection(server)
    await connection.handshake()
    await connection.subscribes("doc://1")
    async with told(connection):
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(30):
            await connection.says("notifications/initialized")
        bus.resource_updated("doc://1")
        assert len(await connection.heard(1)) == 1


async def test_nothing_is_left_of_a_connection(bus: fanfare.mcp.Bus, server: Server) -> None:
    connection = Connection(server)
    await connection.handshake()
    async with told(connection):
        await connection.subscribes("doc://1")
    assert bus.engine is not None
    assert bus.engine.stats().sessions == 0
    # One that ends before it is ready.
    early = Connection(server)
    await early.handshake()
    await early.subscribes("doc://1")
    assert bus.engine.stats().sessions == 1
    del early
    gc.collect()
    assert bus.engine.stats().sessions == 0


async def test_a_handler_of_the_server_is_asked_first(
    bus: fanfare.mcp.Bus, server: Server
) -> None:
    connection = Connection(server)
    await connection.handshake()
    with pytest.raises(MCPError, match="not yours"):
        await connection.says("resources/subscribe", MCPError(-32000, "not yours"), uri="doc://1")
    assert bus.resource_updated("doc://1") == 0
    answer = {"_meta": {"com.example/a": 1}}
    assert await connection.says("resources/subscribe", answer, uri="doc://1") == answer
    assert bus.resource_updated("doc://1") == 1


async def test_one_without_a_way_back_is_not_served(server: Server) -> None:
    connection = Connection(server, can_send_request=False)
    result = await connection.handshake()
    assert result["capabilities"] == CAPABILITIES
    with pytest.raises(MCPError) as refused:
        await connection.subscribes("doc://1")
    assert refused.value.code == METHOD_NOT_FOUND
    with anyio.fail_after(30):
        await connection.says("notifications/initialized")


async def test_limits_of_a_principal_are_for_its_legacy_clients_too() -> None:
    server, bus = Server(), fanfare.mcp.Bus(principal=lambda: "ann", principal_max_subscriptions=1)
    bus.attach(cast("Attachable", server))
    one, two = Connection(server), Connection(server)
    for connection in one, two:
        await connection.handshake()
    await one.subscribes("doc://1")
    with pytest.raises(MCPError, match=r"principal\.max_subscriptions"):
        await two.subscribes("doc://1")
    bus.close()


async def test_a_client_whose_session_is_over_is_not_left_waiting(
    bus: fanfare.mcp.Bus, server: Server
) -> None:
    connection = Connection(server)
    await connection.handshake()
    async with told(connection):
        await connection.subscribes("doc://1")
        await anyio.wait_all_tasks_blocked()
        bus.close()
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(MCPError, match="the session is over"):
            await connection.subscribes("doc://2")


def test_a_principal_is_client_issuer_and_subject() -> None:
    assert access_token() is None
    claims = {"iss": "https://issuer.example"}
    for subject in "ann", None:
        token = AccessToken(
            token="t", client_id="app", scopes=[], subject=subject, claims=claims
        )
        was = auth_context_var.set(AuthenticatedUser(token))
        try:
            assert json.loads(access_token() or "") == ["app", "https://issuer.example", subject]
        finally:
            auth_context_var.reset(was)


async def test_refusals_say_why() -> None:
    server, bus = Server(), fanfare.mcp.Bus(session_max_subscriptions=1)
    bus.attach(cast("Attachable", server))
    connection = Connection(server)
    await connection.handshake()
    with pytest.raises(MCPError, match=r"uri\.max_bytes") as refused:
        await connection.subscribes("doc://" + "x" * 10_000)
    assert refused.value.code == INTERNAL_ERROR
    with pytest.raises(MCPError) as refused:
        await connection.subscribes("")
    assert refused.value.code == INVALID_PARAMS
    await connection.subscribes("doc://1")
    with pytest.raises(MCPError, match=r"session\.max_subscriptions") as refused:
        await connection.subscribes("doc://2")
    assert refused.value.code == INTERNAL_ERROR
    bus.close()
    with pytest.raises(MCPError, match="over"):
        await connection.subscribes("doc://1")


async def test_all_else_passes(server: Server) -> None:
    connection = Connection(server)
    await connection.handshake()
    for version in "2025-11-25", "2026-07-28":
        connection.protocol_version = version
        assert await connection.says("tools/list", {"tools": []}) == {"tools": []}
    # In the modern era there are no subscriptions of that kind.
    with pytest.raises(MCPError):
        await connection.subscribes("doc://1")


async def test_what_is_no_listen_goes_out_as_it_is() -> None:
    said: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": scope["type"], "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message: Any) -> None:
        said.append(message)

    for kind in "lifespan", "http":
        said.clear()
        await fanfare.mcp.DirectStreams(app)({"type": kind}, cast("Any", None), send)
        assert [message.get("body") for message in said] == [None, b"{}"]
