"""`fanfare listen` on a server of the official SDK: hears what that server says, and all of it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest

from listeners import LEGACY_REVISIONS, LISTS, MINE, OTHER, Listening
from peers import DEADLINE, ERAS, MODERN

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def listening(fanfare: str, folder: Path, *flags: str) -> AsyncIterator[Listening]:
    """`fanfare listen` with an SDK server behind it; must end cleanly on Ctrl-C."""
    path = str(folder / "link")
    server = [sys.executable, "-B", str(Path(__file__).with_name("sdk_server.py")), path]
    command = [fanfare, "listen", *flags, "--json", "--", *server]
    errors = folder / "stderr"
    async with await anyio.create_unix_listener(path) as listener:
        with errors.open("wb") as stderr:
            process = await anyio.open_process(command, stderr=stderr)
        async with process:
            try:
                with anyio.fail_after(DEADLINE):
                    link = await listener.accept()
                async with link:
                    running = Listening(process, link)
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
    flags = ["--revision", "2026-07-28", "--resource", MINE, *(f"--{name}" for name in LISTS)]
    async with listening(fanfare, tmp_path, *flags) as running:
        assert await running.saw.next() == {"saw": "listen"}
        assert (await running.heard_acknowledgment())["resourceSubscriptions"] == [MINE]
        await running.order("updated", uri=OTHER)
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE
        for name in LISTS:
            await running.order(name)
            assert (await running.heard())[0] == f"{name}/list_changed"
        await running.interrupt()
        # It took leave of the subscription before it closed the pipe.
        assert await running.saw.next() == {"saw": "listen ended"}


@modern
async def test_asks_a_modern_server_for_no_more_than_it_was_told(
    fanfare: str, tmp_path: Path
) -> None:
    flags = ["--revision", "2026-07-28", "--resource", MINE, "--prompts"]
    async with listening(fanfare, tmp_path, *flags) as running:
        assert await running.saw.next() == {"saw": "listen"}
        asked = {"resourceSubscriptions": [MINE], "promptsListChanged": True}
        assert await running.heard_acknowledgment() == asked
        for order in ("tools", "resources", "prompts"):
            await running.order(order)
        assert (await running.heard())[0] == "prompts/list_changed"


@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
async def test_hears_a_legacy_server(fanfare: str, tmp_path: Path, revision: str) -> None:
    flags = ["--revision", revision, "--resource", MINE, "--log", "warning"]
    flags += [f"--{name}" for name in LISTS]
    async with listening(fanfare, tmp_path, *flags) as running:
        saw = [await running.saw.next(), await running.saw.next()]
        assert {"saw": "subscribe", "uri": MINE} in saw
        assert {"saw": "level", "level": "warning"} in saw
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE
        for name in LISTS:
            await running.order(name)
            assert (await running.heard())[0] == f"{name}/list_changed"
        await running.order("log", level="error", data={"disk": "full", "grüße": "ü"})
        method, params = await running.heard()
        assert method == "message"
        assert params["level"] == "error"
        assert params["data"] == {"disk": "full", "grüße": "ü"}


async def test_finds_out_the_era_by_itself(fanfare: str, tmp_path: Path) -> None:
    async with listening(fanfare, tmp_path, "--resource", MINE) as running:
        if MODERN in ERAS:
            assert await running.saw.next() == {"saw": "listen"}
            await running.heard_acknowledgment()
        else:
            assert await running.saw.next() == {"saw": "subscribe", "uri": MINE}
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE


async def test_prints_only_the_types_it_was_told(fanfare: str, tmp_path: Path) -> None:
    flags = ["--resource", MINE, "--tools", "--type", "resources/updated"]
    async with listening(fanfare, tmp_path, *flags) as running:
        assert (await running.saw.next())["saw"] in ("listen", "subscribe")
        await running.order("tools")
        await running.order("updated", uri=MINE)
        assert await running.heard_update() == MINE
