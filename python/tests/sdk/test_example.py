"""The examples that are servers of the SDK and of FastMCP with our bus, with the SDK's own client."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from peers import LEGACY, MODERN, connect

from conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples" / "python"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("era", [MODERN, LEGACY])
@pytest.mark.parametrize("name", ["mcp_server", "fastmcp_server"])
@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_notes_are_written_and_heard_of(
    name: str, era: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-B", str(EXAMPLES / f"{name}.py")]
    async with connect(era, command, tmp_path) as peer, peer.watching("note://a", lists=True):
        result = await peer.call("write", {"name": "a", "text": "hello"})
        assert result["content"][0]["text"] == "a has 5 characters"
        await peer.until("the note", lambda: peer.updated() == ["note://a"])
        await peer.until("the list", lambda: peer.came("resources/list_changed") != [])
        assert (await peer.read("note://a"))[0]["text"] == "hello"
        if name == "fastmcp_server":
            return
        # What a thread changes is heard of too.
        async with peer.watching("note://uptime"):
            await peer.until("the time", lambda: "note://uptime" in peer.updated())
        assert (await peer.read("note://uptime"))[0]["text"] != "0 s"
