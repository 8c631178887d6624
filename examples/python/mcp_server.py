"""A server made with the official SDK, with fanfare as its bus (pip install './python[mcp]').

    python3 mcp_server.py           serves one client over stdin and stdout
    python3 mcp_server.py 8000      serves any number at http://127.0.0.1:8000/mcp

It keeps notes: the tool `write` writes one, and whoever has subscribed to it hears that it has
changed, whatever revision it speaks; and so does whoever has subscribed to note://uptime, which a
thread changes once a second.
"""

import sys
import threading
import time

import uvicorn
from mcp.server.mcpserver import Context, MCPServer

import fanfare.mcp

# readme: bus
bus = fanfare.mcp.Bus()
server = MCPServer("notes", version="1", subscriptions=bus)
listens = bus.attach(server)
# readme: end

notes = {"uptime": "0 s"}


@server.resource("note://{name}")
def note(name: str) -> str:
    return notes.get(name, "")


# readme: tool
@server.tool()
async def write(name: str, text: str, context: Context) -> str:
    """Writes a note."""
    is_new = name not in notes
    notes[name] = text
    await context.notify_resource_updated(f"note://{name}")
    if is_new:
        await context.notify_resources_changed()
    return f"{name} has {len(text)} characters"
# readme: end


# readme: thread
def count() -> None:
    begun = time.monotonic()
    while True:
        time.sleep(1)
        notes["uptime"] = f"{time.monotonic() - begun:.0f} s"
        bus.resource_updated("note://uptime")
# readme: end


# What is served over HTTP. Its listens are written past the SDK.
# readme: direct
app = server.streamable_http_app()
app.add_middleware(fanfare.mcp.DirectStreams)
# readme: end


if __name__ == "__main__":
    threading.Thread(target=count, daemon=True).start()
    if len(sys.argv) == 1:
        server.run()
    else:
        uvicorn.run(app, port=int(sys.argv[1]))
