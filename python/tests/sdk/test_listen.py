"""What the SDK's documentation promises of a bus and its listen handler, held by both: by the SDK's
own, so that the tests are known to say what it says, and by ours."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    SubscriptionBus,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

import fanfare.aio
import fanfare.mcp

pytestmark = pytest.mark.anyio

DEADLINE = 30
ID = "io.modelcontextprotocol/subscriptionId"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
Handler = ListenHandler | fanfare.mcp.ListenHandler
EVENTS: dict[str, ServerEvent] = {
    "notifications/tools/list_changed": ToolsListChanged(),
    "notifications/prompts/list_changed": PromptsListChanged(),
    "notifications/resources/list_changed": ResourcesListChanged(),
    "notifications/resources/updated": ResourceUpdated("doc://1"),
}
FILTERS: dict[str, dict[str, Any]] = {
    "notifications/tools/list_changed": {"toolsListChanged": True},
    "notifications/prompts/list_changed": {"promptsListChanged": True},
    "notifications/resources/list_changed": {"resourcesListChanged": True},
    "notifications/resources/updated": {"resourceSubscriptions": ["doc://1"]},
}
ALL = {key: value for filter in FILTERS.values() for key, value in filter.items()}


@dataclass
class Served:
    """A bus, its handler, and whether they are ours."""

    bus: SubscriptionBus
    handler: Callable[..., Any]
    is_ours: bool


@pytest.fixture(params=["sdk", "ours"])
def served(request: pytest.FixtureRequest) -> Any:
    if request.param == "sdk":
        theirs = InMemorySubscriptionBus()
        yield Served(theirs, lambda **options: ListenHandler(theirs, **options), False)
    else:
        bus = fanfare.mcp.Bus()
        yield Served(bus, lambda **options: fanfare.mcp.ListenHandler(bus, **options), True)
        bus.close()


@dataclass
class Client:
    """One listen, as the handler sees it; and what has been written to it."""

    request_id: str | int | None
    wire: list[dict[str, Any]] = field(default_factory=list)
    result: SubscriptionsListenResult | None = None
    error: MCPError | None = None
    news: anyio.Event = field(default_factory=anyio.Event)
    may_write: anyio.Event | None = None
    request: Any = None

    @property
    def session(self) -> Client:
        return self

    async def send_notification(
        self, notification: Any, related_request_id: str | int | None = None
    ) -> None:
        assert related_request_id == self.request_id, "it goes by the stream of the request"
        if self.may_write is not None and self.wire:
            await self.may_write.wait()
        self.wire.append(notification.model_dump(by_alias=True, mode="json", exclude_none=True))
        self._tell()

    async def serve(self, handler: Handler, filter: dict[str, Any]) -> None:
        params = SubscriptionsListenRequestParams.model_validate(
            {"_meta": META, "notifications": filter}
        )
        try:
            ctx = cast("ServerRequestContext[Any, Any]", self)
            self.result = await handler(ctx, params)
        except MCPError as error:
            self.error = error
        finally:
            self._tell()

    async def has(self, what: Callable[[Client], object]) -> Client:
        with anyio.fail_after(DEADLINE):
            while not what(self):
                await self.news.wait()
        return self

    async def heard(self, n: int) -> list[str]:
        """The methods of what it has heard after its acknowledgment, of which there will be n."""
        await self.has(lambda client: len(client.wire) > n)
        assert self.wire[0]["method"] == "notifications/subscriptions/acknowledged"
        return [message["method"] for message in self.wire[1:]]

    def _tell(self) -> None:
        self.news.set()
        self.news = anyio.Event()


@asynccontextmanager
async def listening(
    handler: Handler, filter: dict[str, Any], ids: list[str | int], **options: Any
) -> AsyncIterator[list[Client]]:
    """Clients whose listens are acknowledged."""
    clients = [Client(id, **options) for id in ids]
    async with anyio.create_task_group() as tasks:
        for client in clients:
            tasks.start_soon(client.serve, handler, filter)
        for client in clients:
            await client.has(lambda client: client.wire or client.error)
        yield clients
        tasks.cancel_scope.cancel()


async def test_the_acknowledgment_is_first_and_says_what_is_honoured(served: Served) -> None:
    filter = {**ALL, "promptsListChanged": False, "resourceSubscriptions": ["doc://1", "doc://2"]}
    async with listening(served.handler(), filter, ["a"]) as [client]:
        assert client.wire == [
            {
                "method": "notifications/subscriptions/acknowledged",
                "params": {
                    "_meta": {ID: "a"},
                    "notifications": {
                        "toolsListChanged": True,
                        "resourcesListChanged": True,
                        "resourceSubscriptions": ["doc://1", "doc://2"],
                    },
                },
            }
        ]


@pytest.mark.parametrize("method", list(EVENTS))
async def test_only_what_was_asked_for_is_heard(served: Served, method: str) -> None:
    async with listening(served.handler(), FILTERS[method], ["a"]) as [client]:
        for event in EVENTS.values():
            await served.bus.publish(event)
        await served.bus.publish(ResourceUpdated("doc://2"))
        # What comes after all of them has come last.
        assert await client.heard(1) == [method]
        client.wire.clear()
        await served.bus.publish(EVENTS[method])
        await client.has(lambda client: client.wire)
        assert [message["method"] for message in client.wire] == [method]


@pytest.mark.parametrize("id", ["text", 7, "7"])
async def test_every_frame_bears_the_id_of_its_request(served: Served, id: str | int) -> None:
    handler = served.handler()
    async with listening(handler, ALL, [id]) as [client]:
        for event in EVENTS.values():
            await served.bus.publish(event)
        await client.heard(4)
        handler.close()
        await client.has(lambda client: client.result)
    ids = [message["params"]["_meta"][ID] for message in client.wire]
    assert ids == [id] * 5
    assert [type(each) for each in ids] == [type(id)] * 5
    assert client.result is not None
    assert client.result.model_dump(by_alias=True)["_meta"] == {ID: id}


async def test_streams_are_told_apart(served: Served) -> None:
    handler = served.handler()
    async with (
        listening(handler, {"resourceSubscriptions": ["doc://1"]}, ["one"]) as [one],
        listening(handler, {"resourceSubscriptions": ["doc://2"]}, ["two"]) as [two],
        listening(handler, {"resourceSubscriptions": ["doc://1", "doc://2"]}, ["both"]) as [both],
    ):
        await served.bus.publish(ResourceUpdated("doc://1"))
        await served.bus.publish(ResourceUpdated("doc://2"))
        for client, uris in (one, ["doc://1"]), (two, ["doc://2"]), (both, ["doc://1", "doc://2"]):
            await client.heard(len(uris))
            assert [message["params"]["uri"] for message in client.wire[1:]] == uris


async def test_what_is_published_while_the_acknowledgment_is_written_is_heard(
    served: Served,
) -> None:
    class Slow(Client):
        async def send_notification(
            self, notification: Any, related_request_id: str | int | None = None
        ) -> None:
            if not self.wire:
                await served.bus.publish(ResourceUpdated("doc://1"))
            await super().send_notification(notification, related_request_id)

    client = Slow("a")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.serve, served.handler(), FILTERS["notifications/resources/updated"])
        assert await client.heard(1) == ["notifications/resources/updated"]
        tasks.cancel_scope.cancel()


async def test_a_client_that_goes_is_heard_of_no_more(served: Served) -> None:
    handler = served.handler(max_subscriptions=1)
    async with listening(handler, ALL, ["a"]) as [first]:
        pass
    await served.bus.publish(ToolsListChanged())
    # Its place is free again.
    async with listening(handler, ALL, ["b"]) as [second]:
        await served.bus.publish(ToolsListChanged())
        assert await second.heard(1) == ["notifications/tools/list_changed"]
    assert len(first.wire) == 1
    assert first.result is None


async def test_one_stream_too_many_is_refused_before_any_acknowledgment(served: Served) -> None:
    handler = served.handler(max_subscriptions=2)
    async with listening(handler, ALL, ["a", "b", "c"]) as clients:
        refused = [client for client in clients if client.error]
        assert len(refused) == 1
        assert refused[0].error is not None
        assert refused[0].error.code == INTERNAL_ERROR
        assert refused[0].error.message.startswith("Subscription limit reached")
        assert not refused[0].wire


async def test_a_notification_cannot_be_a_listen(served: Served) -> None:
    client = Client(None)
    await client.serve(served.handler(), ALL)
    assert client.error is not None
    assert client.error.code == INVALID_REQUEST
    assert not client.wire


async def test_closing_ends_every_stream_with_what_was_queued_and_a_result(served: Served) -> None:
    handler = served.handler()
    async with listening(handler, ALL, ["a", 2]) as clients:
        await served.bus.publish(ToolsListChanged())
        await served.bus.publish(ResourceUpdated("doc://1"))
        handler.close()
        handler.close()
        for client in clients:
            await client.has(lambda client: client.result or client.error)
            assert client.error is None
            assert await client.heard(2) == [
                "notifications/tools/list_changed",
                "notifications/resources/updated",
            ]
        # There may be new ones.
        async with listening(handler, ALL, ["b"]) as [client]:
            await served.bus.publish(ToolsListChanged())
            await client.heard(1)


async def test_nobody_needs_to_listen(served: Served) -> None:
    for event in EVENTS.values():
        await served.bus.publish(event)


# Listeners of the bus itself, which a server's own handler would be.


async def test_listeners_hear_everything_in_order_until_they_do_not(served: Served) -> None:
    first: list[ServerEvent] = []
    second: list[ServerEvent] = []
    take_back = served.bus.subscribe(first.append)
    served.bus.subscribe(second.append)
    for event in EVENTS.values():
        await served.bus.publish(event)
    assert first == second == list(EVENTS.values())
    take_back()
    take_back()
    await served.bus.publish(ToolsListChanged())
    assert len(first) == 4
    assert len(second) == 5


async def test_the_same_listener_twice_is_two(served: Served) -> None:
    heard: list[ServerEvent] = []
    takes_back = [served.bus.subscribe(heard.append) for _ in range(2)]
    await served.bus.publish(ToolsListChanged())
    assert len(heard) == 2
    takes_back[0]()
    await served.bus.publish(ToolsListChanged())
    assert len(heard) == 3
    takes_back[1]()
    await served.bus.publish(ToolsListChanged())
    assert len(heard) == 3


async def test_a_listener_that_raises_harms_no_other(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[ServerEvent] = []

    def fails(event: ServerEvent) -> None:
        raise ValueError("on purpose")

    served.bus.subscribe(fails)
    served.bus.subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        await served.bus.publish(ToolsListChanged())
    assert heard == [ToolsListChanged()]
    assert "listener" in caplog.text


async def test_a_listener_may_take_itself_back(served: Served) -> None:
    heard: list[ServerEvent] = []

    def once(event: ServerEvent) -> None:
        heard.append(event)
        take_back()

    take_back = served.bus.subscribe(once)
    await served.bus.publish(ToolsListChanged())
    await served.bus.publish(ToolsListChanged())
    assert heard == [ToolsListChanged()]
    again: list[ServerEvent] = []
    served.bus.subscribe(again.append)
    await served.bus.publish(PromptsListChanged())
    assert again == [PromptsListChanged()]


# Where they part.


async def test_a_client_that_does_not_read(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK's own gives the stream up when 1,024 events wait. Ours tells it of the last state."""
    last = 5_000
    client, may_write = Client("a"), anyio.Event()
    client.may_write = may_write
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.serve, served.handler(), ALL)
        await client.has(lambda client: client.wire)
        for _ in range(last):
            await served.bus.publish(ResourceUpdated("doc://1"))
        # Once only, when everything else has been said.
        await served.bus.publish(ToolsListChanged())
        may_write.set()
        if served.is_ours:
            await client.has(lambda client: "tools" in client.wire[-1]["method"])
            # What it held when it was paused, and one for all that came then.
            assert 2 < len(client.wire) < 200
            assert client.result is None
        else:
            await client.has(lambda client: client.result)
            assert len(client.wire) == 1026, "one was in hand, and 1,024 waited"
            assert "backlog full" in caplog.text
        tasks.cancel_scope.cancel()


# What only ours has.


async def test_anything_may_be_raised_from_any_thread() -> None:
    bus = fanfare.mcp.Bus()
    raises: tuple[Callable[[], int], ...] = (
        bus.tool_list_changed,
        bus.prompt_list_changed,
        bus.resource_list_changed,
        lambda: bus.resource_updated("doc://1"),
    )
    assert [call() for call in raises] == [0] * 4, "nobody is there yet"
    async with listening(fanfare.mcp.ListenHandler(bus), ALL, ["a", "b"]) as clients:
        for call in raises:
            assert await anyio.to_thread.run_sync(call) == 2
        for client in clients:
            assert await client.heard(4) == list(EVENTS)
    bus.close()


async def test_context_stands_beside_the_id_of_the_subscription() -> None:
    bus = fanfare.mcp.Bus()
    async with listening(fanfare.mcp.ListenHandler(bus), ALL, ["a"]) as [client]:
        bus.resource_updated("doc://1", context={"com.example/size": 7})
        await client.heard(1)
        assert client.wire[1]["params"]["_meta"] == {ID: "a", "com.example/size": 7}
    bus.close()


async def test_the_limits_of_the_bus_are_those_of_its_clients() -> None:
    bus = fanfare.mcp.Bus(principal=lambda: "ann", principal_max_subscriptions=2)
    handler = fanfare.mcp.ListenHandler(bus)
    filter = {"toolsListChanged": True}
    async with listening(handler, filter, ["a", "b", "c"]) as clients:
        [refused] = [client for client in clients if client.error]
        assert refused.error is not None
        assert "principal.max_subscriptions" in refused.error.message
    bus.close()


async def test_who_may_hear_of_what_is_asked() -> None:
    asked: list[tuple[str | None, str | None]] = []

    def authorize(request: fanfare.AccessRequest) -> bool:
        asked.append((request.principal, request.name))
        return request.name != "doc://2"

    bus = fanfare.mcp.Bus(principal=lambda: "ann", authorize=authorize)
    handler = fanfare.mcp.ListenHandler(bus)
    async with listening(handler, {"resourceSubscriptions": ["doc://2"]}, ["a"]) as [refused]:
        assert refused.error is not None
    async with listening(handler, {"resourceSubscriptions": ["doc://1"]}, ["b"]) as [client]:
        assert client.error is None
        assert bus.engine is not None
        authorized = asked[:]
        bus.engine.revoke("ann")
        assert asked[len(authorized) :] == [("ann", "doc://1")]
    assert authorized == [("ann", "doc://2"), ("ann", "doc://1")]
    bus.close()


def test_a_wrong_configuration_is_refused_at_once() -> None:
    with pytest.raises(fanfare.InvalidArgumentError, match="max_queued_frames"):
        fanfare.mcp.Bus(session_max_queued_frames=0)


def test_one_bus_serves_one_loop_after_another() -> None:
    bus = fanfare.mcp.Bus()
    engines: list[fanfare.aio.Engine | None] = []
    listened: list[ServerEvent] = []
    bus.subscribe(listened.append)

    async def heard() -> int:
        bus.here()
        engines.append(bus.engine)
        async with listening(fanfare.mcp.ListenHandler(bus), ALL, ["a"]) as [client]:
            await bus.publish(ToolsListChanged())
            return len(await client.heard(1))

    for backend in "asyncio", "trio", "asyncio":
        assert anyio.run(heard, backend=backend) == 1
    # Listeners need nobody to subscribe them anew.
    assert listened == [ToolsListChanged()] * 3
    # What is over is not kept.
    assert [engine and engine.is_closed for engine in engines] == [True, True, False]
    bus.close()


def test_two_loops_at_once_are_refused() -> None:
    bus = fanfare.mcp.Bus()

    async def inner() -> None:
        bus.here()

    async def outer() -> None:
        bus.here()
        with pytest.raises(RuntimeError, match="one event loop"):
            await anyio.to_thread.run_sync(anyio.run, inner)

    anyio.run(outer)
    bus.close()


async def test_closing_the_bus_ends_streams_without_a_word() -> None:
    bus = fanfare.mcp.Bus()
    async with listening(fanfare.mcp.ListenHandler(bus), ALL, ["a"]) as [client]:
        bus.close()
        await client.has(lambda client: client.error)
        assert client.error is not None
        assert "shutdown" in client.error.message
        assert len(client.wire) == 1
