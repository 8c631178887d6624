"""Clients of the official SDK on `fanfare serve`: real files, real writes, both eras."""

from __future__ import annotations

import hashlib
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from peers import LEGACY, MODERN, Peer, add, serving

pytestmark = pytest.mark.anyio


async def test_the_era_is_the_clients(fanfare: str, era: str, folder: Path) -> None:
    async with serving(fanfare, era, folder) as peer:
        assert peer.revision == {MODERN: "2026-07-28", LEGACY: "2025-11-25"}[era]


async def test_lists_and_reads_what_is_there(fanfare: str, era: str, folder: Path) -> None:
    (folder / "notes.txt").write_text("one\n")
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "data.json").write_text("[1, 2]")
    (folder / "grüße (1).md").write_text("# Grüße\n", encoding="utf-8")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "secret.txt").write_text("no")
    (folder / ".gitignore").write_text("*.tmp\n")
    (folder / "scratch.tmp").write_text("no")
    async with serving(fanfare, era, folder) as peer:
        found = await peer.resources()
        expected = {
            path.as_uri(): path
            for path in [folder / "notes.txt", folder / "deep/er/data.json", folder / "grüße (1).md"]
        }
        assert {r["name"] for r in found.values()} >= {"notes.txt"}
        assert len(found) == len(expected), found
        notes = found[(folder / "notes.txt").as_uri()]
        assert notes["mimeType"] == "text/plain"
        assert notes["size"] == 4
        for uri in found:
            [content] = await peer.read(uri)
            assert content["uri"] == uri
            assert content["text"] in {path.read_text(encoding="utf-8") for path in expected.values()}
        assert len({(await peer.read(uri))[0]["text"] for uri in found}) == len(expected)


async def test_hears_a_write_and_reads_what_was_written(
    fanfare: str, era: str, folder: Path
) -> None:
    notes = folder / "notes.txt"
    notes.write_text("one\n")
    uri = notes.as_uri()
    async with serving(fanfare, era, folder) as peer, peer.watching(uri):
        [before] = await peer.read(uri)
        assert before["text"] == "one\n"
        add(notes, "two\n")
        await peer.until("resources/updated", lambda: uri in peer.updated())
        # The SDK's cache, if the result allowed one, must have been told too.
        [after] = await peer.read(uri)
        assert after["text"] == "one\ntwo\n"


async def test_hears_a_save_by_rename(fanfare: str, era: str, folder: Path) -> None:
    """Editors write aside and rename over: the file is another one then, its URI the same."""
    notes = folder / "notes.txt"
    notes.write_text("one\n")
    async with serving(fanfare, era, folder) as peer, peer.watching(notes.as_uri()):
        aside = folder.parent / "aside"
        aside.write_text("two\n")
        os.replace(aside, notes)
        await peer.until("resources/updated", lambda: notes.as_uri() in peer.updated())
        [after] = await peer.read(notes.as_uri())
        assert after["text"] == "two\n"


async def test_hears_nothing_of_a_file_it_did_not_subscribe_to(
    fanfare: str, era: str, folder: Path
) -> None:
    mine, other = folder / "mine.txt", folder / "other.txt"
    for path in (mine, other):
        path.write_text("one\n")
    async with serving(fanfare, era, folder) as peer, peer.watching(mine.as_uri()):
        add(other, "x")
        # The fence: what the other file causes would come before what this one causes.
        add(mine, "x")
        await peer.until("resources/updated", lambda: peer.updated() != [])
        assert {message["params"]["uri"] for message in peer.came("resources/updated")} == {
            mine.as_uri()
        }
        assert len(peer.came()) == len(
            peer.came("resources/updated", "subscriptions/acknowledged")
        )


async def test_hears_nothing_after_it_unsubscribed(fanfare: str, era: str, folder: Path) -> None:
    early, late = folder / "early.txt", folder / "late.txt"
    for path in (early, late):
        path.write_text("one\n")
    async with serving(fanfare, era, folder) as peer:
        async with peer.watching(early.as_uri()):
            add(early, "x")
            await peer.until("the early one", lambda: early.as_uri() in peer.updated())
        # Answered in order behind the unsubscribe, so what came until here came in time.
        await peer.resources()
        heard = len(peer.came("resources/updated"))
        async with peer.watching(late.as_uri()):
            add(early, "x")
            add(late, "x")
            await peer.until("the late one", lambda: late.as_uri() in peer.updated())
        after = peer.came("resources/updated")[heard:]
        assert {message["params"]["uri"] for message in after} == {late.as_uri()}


async def test_hears_of_new_and_deleted_files(fanfare: str, era: str, folder: Path) -> None:
    (folder / "old.txt").write_text("old")
    new = folder / "sub" / "new.txt"
    async with serving(fanfare, era, folder) as peer, peer.watching(lists=True):
        assert len(await peer.resources()) == 1

        async def leads_to(names: set[str]) -> None:
            listed = None
            while listed != names:
                seen = len(told)
                await peer.until(f"a list with {names}", lambda: len(changes()) > seen)
                told[:] = changes()
                listed = {uri.rpartition("/")[2] for uri in await peer.resources()}

        def changes() -> list[dict[str, Any]]:
            return peer.heard("resources/list_changed")

        told: list[dict[str, Any]] = []
        new.parent.mkdir()
        new.write_text("new")
        await leads_to({"old.txt", "new.txt"})
        new.unlink()
        await leads_to({"old.txt"})


async def test_checksum_tells_its_progress(fanfare: str, era: str, folder: Path) -> None:
    big = folder / "big.bin"
    content = os.urandom(1 << 20) * 8
    big.write_bytes(content)
    told: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total))

    async with serving(fanfare, era, folder) as peer:
        result = await peer.call("checksum", {"path": "big.bin"}, progress=progress)
        assert not result.get("isError"), result
        assert hashlib.sha256(content).hexdigest() in json.dumps(result)
        came = [message["params"] for message in peer.came("progress")]
        assert told == [(params["progress"], params["total"]) for params in came]
        # Strictly increasing, up to every byte, and nothing after the response.
        assert all(a < b for (a, _), (b, _) in pairwise(told))
        assert len(told) > 1
        assert told[-1] == (len(content), len(content))
        assert "result" in peer.wire[-1]


async def test_no_progress_without_a_token(fanfare: str, era: str, folder: Path) -> None:
    (folder / "a.bin").write_bytes(bytes(1 << 20))
    async with serving(fanfare, era, folder) as peer:
        await peer.call("checksum")
        assert peer.came("progress") == []
