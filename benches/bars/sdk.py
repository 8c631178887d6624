"""Listens as the official Python SDK serves them, up to the bytes that its stdio transport would write."""

import asyncio

SHARED = "file:///srv/data/shared.json"


def uris(n):
    """What the listen with this number hears of: one resource that all hear of, and three more."""
    return [SHARED, *(f"file:///srv/other/{(3 * n + k) % 1000}" for k in range(3))]


class Written:
    """Streams with a task each, which write what comes to `written`."""

    async def all_written(self):
        """Waits until each stream has written once; (stream, bytes) each."""
        while len(self.written) < len(self.tasks):
            await asyncio.sleep(0)
        frames = self.written[:]
        self.written.clear()
        return frames

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Listens(Written):
    """A bus, and the streams that a listen handler serves."""

    def __init__(self, bus, handler, streams):
        from mcp.server.subscriptions import ResourceUpdated
        from mcp_types import SubscriptionsListenRequestParams

        self.bus, self.event = bus, ResourceUpdated(SHARED)
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {}}
        self.written, self.tasks = [], []
        for n in range(streams):
            params = SubscriptionsListenRequestParams.model_validate(
                {"_meta": meta, "notifications": {"resourceSubscriptions": uris(n)}})
            self.tasks.append(asyncio.create_task(handler(Context(n, self.written), params)))

    async def published(self):
        await self.bus.publish(self.event)
        return await self.all_written()


class Theirs(Listens):
    """The SDK's own bus and handler."""

    def __init__(self, streams, **options):
        from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

        bus = InMemorySubscriptionBus()
        super().__init__(bus, ListenHandler(bus, max_subscriptions=streams, **options), streams)


class Context:
    """What the SDK's listen handler sees of a request, and of the session that it came by."""

    def __init__(self, request_id, written):
        self.request_id, self.session, self.written = request_id, self, written
        self.request = None

    async def send_notification(self, notification, related_request_id=None):
        from mcp_types import JSONRPCNotification

        # As the SDK's session does it, and then its stdio transport.
        data = notification.model_dump(by_alias=True, mode="json", exclude_none=True)
        message = JSONRPCNotification(
            jsonrpc="2.0", method=data["method"], params=data.get("params"))
        text = message.model_dump_json(by_alias=True, exclude_unset=True)
        self.written.append((self.request_id, text.encode()))
