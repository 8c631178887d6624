"""Clients of the official SDK on `fanfare serve --http`, over a line that is cut."""

from __future__ import annotations

import hashlib
import json
import os
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from http_peers import MODES, Line, connect_http, serving_http
from peers import DEADLINE, LEGACY, MODERN, TWO, Peer, Refused, add

if TWO:
    from mcp.client.subscriptions import SubscriptionLost

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", MODES)
async def test_hears_of_the_next_write_after_its_line_was_cut(
    fanfare: str, mode: str, folder: Path
) -> None:
    notes, later, big = (folder / name for name in ("notes.txt", "later.txt", "big.bin"))
    for path in (notes, later):
        path.write_text("one\n")
    content = os.urandom(1 << 20) * 8
    big.write_bytes(content)
    async with (
        serving_http(fanfare, folder) as url,
        Line(url).laid() as line,
        connect_http(mode, line.url) as peer,
    ):
        assert peer.revision == {MODERN: "2026-07-28", LEGACY: "2025-11-25"}[peer.era]
        assert set(await peer.resources()) == {path.as_uri() for path in (notes, later, big)}

        async with peer.watching(notes.as_uri(), later.as_uri()) as subscription:
            assert peer.updated() == []
            add(notes, "two\n")
            await peer.until("resources/updated", lambda: notes.as_uri() in peer.updated())
            [after] = await peer.read(notes.as_uri())
            assert after["text"] == "one\ntwo\n"
            result = await peer.call("checksum", {"path": "big.bin"}, progress=ignored)
            assert hashlib.sha256(content).hexdigest() in json.dumps(result)
            told = [message["params"] for message in peer.came("progress")]
            assert len(told) > 1
            assert all(a["progress"] < b["progress"] for a, b in pairwise(told))
            assert (told[-1]["progress"], told[-1]["total"]) == (len(content), len(content))

            # The line is cut while a call is under way, which has told of its progress once.
            cuts: list[int] = []

            async def cut(done: float, total: float | None, message: str | None) -> None:
                if not cuts:
                    cuts.append(line.cut())

            before = len(peer.came("progress"))
            if peer.era == LEGACY:
                # It takes up the stream of the call where it was, and misses nothing (R30, R32).
                with anyio.fail_after(DEADLINE):
                    result = await peer.call("wait", {"seconds": 1}, progress=cut)
                assert not result.get("isError"), result
                told = [message["params"] for message in peer.came("progress")[before:]]
                assert all(a["progress"] < b["progress"] for a, b in pairwise(told))
                assert told[-1]["progress"] == 10
                await next_write(peer, later)
            else:
                # Nothing can be resumed (R58): both are lost, and the client knows.
                with anyio.fail_after(DEADLINE), pytest.raises(Refused):
                    await peer.call("wait", {"seconds": 1}, progress=cut)
                with anyio.fail_after(DEADLINE), pytest.raises(SubscriptionLost):
                    while True:
                        await anext(subscription)
            assert cuts and cuts[0] > 0
        if peer.era == MODERN:
            async with peer.watching(later.as_uri()):
                await next_write(peer, later)


async def next_write(peer: Peer, path: Path) -> None:
    """Writes to a file that nobody has written to yet, and the client hears of it."""
    assert path.as_uri() not in peer.updated()
    add(path, "two\n")
    await peer.until("resources/updated", lambda: path.as_uri() in peer.updated())
    [after] = await peer.read(path.as_uri())
    assert after["text"] == "one\ntwo\n"


async def ignored(done: float, total: float | None, message: str | None) -> None:
    """Progress that is looked at on the wire."""
