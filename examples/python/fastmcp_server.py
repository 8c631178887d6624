"""A server made with FastMCP 4.1, with fanfare for what clients subscribe to.

    python3 fastmcp_server.py       serves one client over stdin and stdout

(pip install './python[mcp]' 'fastmcp>=4.1'.) It keeps notes, as mcp_server.py does.
"""

from fastmcp import FastMCP

import fanfare.mcp
from fanfare.mcp.fastmcp import Middleware

# readme: bus
bus = fanfare.mcp.Bus()
server = FastMCP("notes", version="1", middleware=[Middleware(bus)])
# readme: end

notes: dict[str, str] = {}


@server.resource("note://{name}")
def note(name: str) -> str:
    return notes.get(name, "")


# readme: tool
@server.tool
def write(name: str, text: str) -> str:
    """Writes a note."""
    is_new = name not in notes
    notes[name] = text
    bus.resource_updated(f"note://{name}")
    if is_new:
        bus.resource_list_changed()
    return f"{name} has {len(text)} characters"
# readme: end


if __name__ == "__main__":
    server.run(show_banner=False)
