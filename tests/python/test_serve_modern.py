"""What only the modern era has: subscriptions with an identity, heard by the SDK's own iterators."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from peers import DEADLINE, ERAS, MODERN, SUBSCRIPTION_ID, add, break_link, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(MODERN not in ERAS, reason="this release of the SDK knows no modern era"),
]


async def test_lists_are_silent_to_a_modern_client_that_asked_for_a_file_only(
    fanfare: str, folder: Path
) -> None:
    """The old revisions need no opt-in for `list_changed`; the new one does."""
    mine = folder / "mine.txt"
    mine.write_text("one")
    async with serving(fanfare, MODERN, folder) as peer, peer.watching(mine.as_uri()):
        (folder / "new.txt").write_text("new")
        add(mine, "x")
        await peer.until("resources/updated", lambda: peer.updated() != [])
        assert peer.came("resources/list_changed") == []


async def test_each_listen_gets_its_own_tagged_copy(fanfare: str, folder: Path) -> None:
    both, one = folder / "both.txt", folder / "one.txt"
    for path in (both, one):
        path.write_text("x")
    async with (
        serving(fanfare, MODERN, folder) as peer,
        peer.watching(both.as_uri()) as first,
        peer.watching(both.as_uri(), one.as_uri()) as second,
    ):
        assert first.honored.resource_subscriptions == [both.as_uri()]
        assert second.honored.resource_subscriptions == [both.as_uri(), one.as_uri()]
        add(both, "x")
        add(one, "x")
        # The SDK's own iterators, which drop what is not tagged for them.
        with anyio.fail_after(DEADLINE):
            assert (await anext(first)).uri == both.as_uri()
            assert (await anext(second)).uri == both.as_uri()
            while (await anext(second)).uri != one.as_uri():
                pass
        tags = {
            (message["params"]["uri"], message["params"]["_meta"][SUBSCRIPTION_ID])
            for message in peer.came("resources/updated")
        }
        assert tags == {
            (both.as_uri(), first.subscription_id),
            (both.as_uri(), second.subscription_id),
            (one.as_uri(), second.subscription_id),
        }
        # The acknowledgment of each is the first frame that carries its tag (R41).
        for subscription in (first, second):
            tagged = [
                message["method"]
                for message in peer.came()
                if message["params"]["_meta"].get(SUBSCRIPTION_ID) == subscription.subscription_id
            ]
            assert tagged[0] == "notifications/subscriptions/acknowledged"
            assert tagged.count(tagged[0]) == 1


async def test_hears_no_log_without_asking_for_it(fanfare: str, folder: Path) -> None:
    """R12: no level in the request, no log message for it."""
    break_link(folder / "broken.txt")
    async with serving(fanfare, MODERN, folder) as peer:
        assert (await peer.call("checksum", {"path": "broken.txt"}))["isError"]
        assert peer.came() == []
        await peer.call("checksum", {"path": "broken.txt"}, level="debug")
        assert peer.came("message") != []
