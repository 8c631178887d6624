"""The SDK's own client on servers of the SDK and of FastMCP whose bus is ours."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from http_peers import connect_http
from peers import DEADLINE, LEGACY, MODERN, SUBSCRIPTION_ID, Peer, connect

pytestmark = [
    pytest.mark.anyio,
    # What a legacy client does is out of date, and is what is tested.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

STATE, END = "doc://state", "doc://end"
KINDS = ["MCPServer", "Server", "FastMCP"]
PROGRAM = Path(__file__).with_name("server.py")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Link:
    """Orders to the server, and its answers."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream
        self._lines = BufferedByteReceiveStream(stream)

    async def next(self) -> Any:
        with anyio.fail_after(DEADLINE):
            return json.loads(await self._lines.receive_until(b"\n", 1 << 16))

    async def do(self, what: str, **more: object) -> Any:
        await self._stream.send(json.dumps({"do": what, **more}).encode() + b"\n")
        return await self.next()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["stdio", "http", "direct"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=[MODERN, LEGACY])
def era(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@asynccontextmanager
async def connected(kind: str, way: str, era: str, folder: Path) -> AsyncIterator[tuple[Peer, Link]]:
    """A server of that kind, and a client of that era."""
    path = str(folder / "link")
    command = [sys.executable, "-B", str(PROGRAM), kind, path]
    async with await anyio.create_unix_listener(path) as listener:
        if way == "stdio":
            async with connect(era, command, folder) as peer:
                async with await accepted(listener) as stream:
                    yield peer, Link(stream)
            return
        with (folder / "server.log").open("wb") as log:
            flags = ["--http", "--direct"] if way == "direct" else ["--http"]
            process = await anyio.open_process([*command, *flags], stdout=log, stderr=log)
        try:
            async with await accepted(listener) as stream:
                link = Link(stream)
                url = (await link.next())["at"]
                mode = "auto" if era == MODERN else "legacy"
                async with connect_http(mode, url) as peer:
                    if era == LEGACY:
                        await hears(peer, link)
                    yield peer, link
        except BaseException:
            print((folder / "server.log").read_text(), file=sys.stderr)
            raise
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            with anyio.CancelScope(shield=True):
                await process.aclose()


async def hears(peer: Peer, link: Link) -> None:
    """Waits until the client's stream is there: until then the SDK drops what is sent by it."""
    async with peer.watching(END):
        with anyio.fail_after(DEADLINE):
            while not peer.updated():
                await link.do("raise", times=0)
                await anyio.sleep(0.01)
    peer.forget()


async def accepted(listener: anyio.abc.SocketListener) -> anyio.abc.SocketStream:
    with anyio.fail_after(DEADLINE):
        return await listener.accept()


async def test_a_client_hears_of_what_a_tool_changes(
    kind: str, way: str, era: str, tmp_path: Path
) -> None:
    async with connected(kind, way, era, tmp_path) as (peer, _):
        capabilities = peer.sdk.server_capabilities
        assert capabilities.resources.subscribe
        assert capabilities.resources.list_changed
        assert capabilities.tools.list_changed
        assert [*await peer.resources()] == [STATE]
        async with watching(peer, STATE) as subscription:
            await peer.call("touch")
            await peer.until("the change", lambda: peer.updated() == [STATE])
            assert (await peer.read(STATE))[0]["text"] == "1"
            await peer.until("the list", lambda: peer.came("tools/list_changed") != [])
            for message in peer.came("resources/updated", "tools/list_changed"):
                meta = (message.get("params") or {}).get("_meta")
                wanted = {SUBSCRIPTION_ID: subscription.subscription_id} if subscription else None
                assert meta == wanted


async def test_one_that_subscribes_no_more_hears_no_more(
    kind: str, way: str, era: str, tmp_path: Path
) -> None:
    async with connected(kind, way, era, tmp_path) as (peer, link):
        async with watching(peer, STATE):
            pass
        await until(link, subscriptions=0)
        async with watching(peer, END):
            await link.do("raise", times=10)
            await peer.until("the end", lambda: END in peer.updated())
            assert peer.updated() == [END]


async def test_a_client_that_does_not_read_hears_of_the_last_state(
    kind: str, way: str, era: str, tmp_path: Path
) -> None:
    times = 100_000
    async with connected(kind, way, era, tmp_path) as (peer, link):
        async with watching(peer, STATE, END):
            # Once before, so that all there is to be set up is.
            await link.do("raise", times=1)
            await peer.until("the first", lambda: END in peer.updated())
            peer.forget()
            peer.pause()
            held = await link.do("raise", times=times)
            # One notice for each of the two, and what each raising makes for a moment.
            assert held["queued"] <= 2
            assert held["grown"] < 16 << 20
            peer.go_on()
            await peer.until("the last", lambda: END in peer.updated())
            # The end came after everything else, and what was told of before is the last state.
            assert peer.updated()[-1] == END
            assert 1 < len(peer.wire) < times // 4
            assert (await peer.read(STATE))[0]["text"] == str(1 + times)


async def test_closing_says_goodbye(kind: str, way: str, tmp_path: Path) -> None:
    async with (
        connected(kind, way, MODERN, tmp_path) as (peer, link),
        peer.watching(STATE) as subscription,
    ):
        await link.do("close")
        with anyio.fail_after(DEADLINE):
            assert [event async for event in subscription] == []
        [result] = [m["result"] for m in peer.wire if m.get("id") == subscription.subscription_id]
        assert result["resultType"] == "complete"
        assert result["_meta"][SUBSCRIPTION_ID] == subscription.subscription_id
        who = result["_meta"]["io.modelcontextprotocol/serverInfo"]
        assert (who["name"], who["version"]) == ("with-fanfare", "7")


@pytest.mark.parametrize("way", ["http", "direct"])
async def test_nothing_is_left_of_a_client_that_goes(
    kind: str, way: str, era: str, tmp_path: Path
) -> None:
    async with connected(kind, way, era, tmp_path) as (peer, link):
        async with watching(peer, STATE):
            held = await link.do("stats")
            assert held["subscriptions"] >= 1
        await peer.sdk.__aexit__(None, None, None)
        await until(link, sessions=0, subscriptions=0)


@asynccontextmanager
async def watching(peer: Peer, *uris: str) -> AsyncIterator[Any]:
    """Hears of these, and of the tools."""
    if peer.era == MODERN:
        async with peer.sdk.listen(resource_subscriptions=uris, tools_list_changed=True) as listen:
            yield listen
        return
    async with peer.watching(*uris):
        yield None


async def until(link: Link, **what: int) -> None:
    """Waits until the server holds this."""
    held: dict[str, int] = {}
    with anyio.move_on_after(DEADLINE):
        while not what.items() <= held.items():
            held = await link.do("stats")
        return
    raise AssertionError(f"{held}, and not {what}")
