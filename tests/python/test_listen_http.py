"""`fanfare listen --http` on a server of the official SDK, over a line that is cut."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest

from http_peers import Line
from listeners import LISTS, MINE, OTHER, Lines, Listening
from peers import DEADLINE, ERAS, MODERN

pytestmark = pytest.mark.anyio

# Over Streamable HTTP, which came with the second of the revisions.
LEGACY_REVISIONS = ["2025-03-26", "2025-06-18", "2025-11-25"]
AGAIN = "listening again"
MISSED = "something may have been missed"


class Remote(Listening):
    """A running `fanfare listen --http`, and the line between it and the server."""

    line: Line
    errors: Path

    async def says(self, text: str, times: int = 1) -> None:
        """Waits until it has said something so often on stderr."""
        with anyio.move_on_after(DEADLINE):
            while self.said().count(text) < times:
                await anyio.sleep(0.01)
            return
        raise AssertionError(f"{text!r} is not said {times} times: {self.said()}")

    def said(self) -> str:
        return self.errors.read_text()


@asynccontextmanager
async def listening(
    fanfare: str, folder: Path, *flags: str, server: tuple[str, ...] = ()
) -> AsyncIterator[Remote]:
    """`fanfare listen --http` and the SDK's server; the listener must end cleanly on Ctrl-C."""
    path = str(folder / "link")
    script = str(Path(__file__).with_name("sdk_server.py"))
    command = [sys.executable, "-B", script, path, "--http", *server]
    errors = folder / "stderr"
    async with (
        await anyio.create_unix_listener(path) as listener,
        await anyio.open_process(command, stdout=None, stderr=None) as process,
    ):
        try:
            with anyio.fail_after(DEADLINE):
                link = await listener.accept()
            async with link:
                url = (await Lines(link).next())["at"]
                async with Line(url).laid() as line:
                    async with remote(fanfare, line, link, errors, *flags) as running:
                        yield running
        finally:
            with suppress(ProcessLookupError):
                process.kill()


@asynccontextmanager
async def remote(
    fanfare: str, line: Line, link: anyio.abc.SocketStream, errors: Path, *flags: str
) -> AsyncIterator[Remote]:
    quickly = ["--retry-delay", "20", "--retry-max-delay", "200", "--retries", "50"]
    command = [fanfare, "listen", "--json", *quickly, *flags, "--http", line.url]
    with errors.open("wb") as stderr:
        process = await anyio.open_process(command, stderr=stderr)
    async with process:
        try:
            running = Remote(process, link)
            running.line, running.errors = line, errors
            yield running
            if process.returncode is None:
                await running.interrupt()
        except BaseException as error:
            error.add_note(f"the program's stderr:\n{errors.read_text()}")
            with suppress(ProcessLookupError):  # it has ended by itself
                process.kill()
            raise


modern = pytest.mark.skipif(
    MODERN not in ERAS, reason="this release of the SDK knows no modern era"
)


@modern
async def test_hears_a_modern_server(fanfare: str, tmp_path: Path) -> None:
    flags = ["--resource", MINE, *(f"--{name}" for name in LISTS)]
    async with listening(fanfare, tmp_path, *flags) as running:
        assert await running.saw.next() == {"saw": "listen"}
        assert (await running.heard_acknowledgment())["resourceSubscriptions"] == [MINE]
        await running.order("updated", uri=OTHER)
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE
        for name in LISTS:
            await running.order(name)
            assert (await running.heard())[0] == f"{name}/list_changed"
        await running.says("in 2026-07-28")
        await running.interrupt()
        # The closed connection is all that the server needs to know.
        assert await running.saw.next() == {"saw": "listen ended"}


@modern
async def test_listens_again_to_a_modern_server(fanfare: str, tmp_path: Path) -> None:
    async with listening(fanfare, tmp_path, "--resource", MINE) as running:
        assert await running.saw.next() == {"saw": "listen"}
        for times in range(1, 4):
            await running.heard_acknowledgment()
            await running.order("updated", uri=MINE)
            assert await running.heard_update() == MINE
            assert running.line.cut()
            saw = [await running.saw.next(), await running.saw.next()]
            assert sorted(one["saw"] for one in saw) == ["listen", "listen ended"]
            await running.says(f"{AGAIN}; {MISSED}", times)
        await running.heard_acknowledgment()
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE


@modern
async def test_ends_well_when_a_modern_server_ends_the_listen(
    fanfare: str, tmp_path: Path
) -> None:
    async with listening(fanfare, tmp_path, "--resource", MINE) as running:
        assert await running.saw.next() == {"saw": "listen"}
        await running.heard_acknowledgment()
        await running.order("end")
        with anyio.fail_after(DEADLINE):
            assert await running.process.wait() == 0
        assert "the server ended the subscription" in running.said()


@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize("server", [(), ("--numbered",), ("--json",)])
async def test_hears_a_legacy_server(
    fanfare: str, tmp_path: Path, revision: str, server: tuple[str, ...]
) -> None:
    flags = ["--revision", revision, "--resource", MINE, "--log", "warning"]
    async with listening(fanfare, tmp_path, *flags, server=server) as running:
        assert await running.saw.next() == {"saw": "subscribe", "uri": MINE}
        assert await running.saw.next() == {"saw": "level", "level": "warning"}
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE
        for name in LISTS:
            await running.order(name)
            assert (await running.heard())[0] == f"{name}/list_changed"
        await running.order("log", level="error", data={"disk": "full", "grüße": "ü"})
        method, params = await running.heard()
        assert (method, params["level"]) == ("message", "error")
        assert params["data"] == {"disk": "full", "grüße": "ü"}
        await running.says(f"in {revision}")


@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
async def test_takes_up_a_numbered_stream_where_it_was_left(
    fanfare: str, tmp_path: Path, revision: str
) -> None:
    flags = ["--revision", revision, "--resource", MINE]
    async with listening(fanfare, tmp_path, *flags, server=("--numbered",)) as running:
        assert await running.saw.next() == {"saw": "subscribe", "uri": MINE}
        await running.order("updated", uri=f"{MINE}/0")
        assert await running.heard_update() == f"{MINE}/0"
        for times in range(1, 4):
            assert running.line.cut()
            # Whether the server has noticed yet or not: none is lost, and none comes twice.
            for number in range(5):
                await running.order("updated", uri=f"{MINE}/{times}.{number}")
            for number in range(5):
                assert await running.heard_update() == f"{MINE}/{times}.{number}"
            await running.says(f"{AGAIN}, from event", times)
        assert MISSED not in running.said()


async def test_opens_a_stream_without_numbers_anew(fanfare: str, tmp_path: Path) -> None:
    flags = ["--revision", "2025-11-25", "--resource", MINE]
    async with listening(fanfare, tmp_path, *flags) as running:
        assert await running.saw.next() == {"saw": "subscribe", "uri": MINE}
        for times in range(1, 4):
            await running.order("updated", uri=MINE)
            assert await running.heard_update() == MINE
            assert running.line.cut()
            await running.says(f"{AGAIN}; {MISSED}", times)
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE


async def test_begins_another_session_when_the_server_has_forgotten_it(
    fanfare: str, tmp_path: Path
) -> None:
    flags = ["--revision", "2025-11-25", "--resource", MINE]
    async with listening(fanfare, tmp_path, *flags) as running:
        assert await running.saw.next() == {"saw": "subscribe", "uri": MINE}
        await running.says("listening to")
        await running.order("forget")
        # The order is carried out before the next one is.
        await running.order("tools")
        assert (await running.heard())[0] == "tools/list_changed"
        assert running.line.cut()
        assert await running.saw.next() == {"saw": "subscribe", "uri": MINE}
        await running.says(f"{AGAIN}; {MISSED}")
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE
        assert "has ended the session" in running.said()


async def test_finds_out_the_era_by_itself(fanfare: str, tmp_path: Path) -> None:
    async with listening(fanfare, tmp_path, "--resource", MINE) as running:
        if MODERN in ERAS:
            assert await running.saw.next() == {"saw": "listen"}
            await running.heard_acknowledgment()
        else:
            assert await running.saw.next() == {"saw": "subscribe", "uri": MINE}
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE
