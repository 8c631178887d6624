"""The official Python SDK's server, both eras on /mcp: by itself, or with fanfare as its bus.

    python python.py sdk|bus|direct URI [URI ...]

`sdk` is as its users would write one: its own bus for listens, and who of the older revisions has
subscribed is kept and told in a loop, since the SDK does so for listens alone. `bus` is the same
server with `fanfare.mcp.Bus`, and `direct` has `fanfare.mcp.DirectStreams` around it.

It speaks as the benchmark's own servers do: it prints where it listens, and raises as it is told on
standard input, a line at a time.
"""

import asyncio
import os
import socket
import sys
import threading

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated

WAY, URIS = sys.argv[1], sys.argv[2:]


async def nothing_listed(context, params):
    return types.ListResourcesResult(resources=[], ttl_ms=0, cache_scope="public")


def by_itself():
    """The server, and what raises one resource."""
    bus = InMemorySubscriptionBus()
    subscribers = {uri: [] for uri in URIS}

    async def subscribe(context, params):
        subscribers[params.uri].append(context.session)
        return types.EmptyResult()

    async def unsubscribe(context, params):
        return types.EmptyResult()

    async def raised(uri):
        await bus.publish(ResourceUpdated(uri))
        for session in subscribers[uri]:
            await session.send_resource_updated(uri)

    server = Server(
        "python",
        on_list_resources=nothing_listed,
        on_subscribe_resource=subscribe,
        on_unsubscribe_resource=unsubscribe,
        # As many as are measured: it refuses more than 1,024 unless it is told otherwise.
        on_subscriptions_listen=ListenHandler(bus, max_subscriptions=100_000),
    )
    loop = asyncio.get_running_loop()
    return server, lambda uri: asyncio.run_coroutine_threadsafe(raised(uri), loop).result()


def with_fanfare():
    import fanfare.mcp

    bus = fanfare.mcp.Bus()
    server = Server("python", on_list_resources=nothing_listed)
    bus.attach(server)
    return server, bus.resource_updated


def obey(raise_):
    for line in sys.stdin:
        word, first, count = line.split()
        assert word == "raise", line
        for number in range(int(first), int(first) + int(count)):
            raise_(URIS[number % len(URIS)])
    os._exit(0)


class Abrupt(uvicorn.Server):
    """Does not wait for those who listen."""

    def handle_exit(self, sig, frame):
        os._exit(0)


async def main():
    server, raise_ = by_itself() if WAY == "sdk" else with_fanfare()
    app = server.streamable_http_app()
    if WAY == "direct":
        import fanfare.mcp

        app.add_middleware(fanfare.mcp.DirectStreams)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
        threading.Thread(target=obey, args=[raise_], daemon=True).start()
        await Abrupt(uvicorn.Config(app, log_level="critical")).serve(sockets=[listener])


asyncio.run(main())
