"""fanfare in servers made with the official SDK (`mcp` 2.3): pip install 'fanfare-mcp[mcp]'.

    bus = fanfare.mcp.Bus()
    server = MCPServer("notes", subscriptions=bus)
    bus.attach(server)

From then on every change that is published (`ctx.notify_resource_updated`, or `bus.resource_updated`
from any thread) reaches the listens of modern clients and the `resources/subscribe` of legacy ones:
merged while a client does not read, in order, and without any client delaying another.
"""

from ._bus import Bus
from ._direct import DirectStreams
from ._listen import ListenHandler

__all__ = ["Bus", "DirectStreams", "ListenHandler"]
