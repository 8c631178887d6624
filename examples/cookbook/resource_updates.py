"""A resource changes, and three kinds of clients hear of it.

    pip install ../../python && python3 resource_updates.py

The legacy client (2025-11-25) subscribes with resources/subscribe, the modern one (2026-07-28) with
subscriptions/listen, and a part of the program itself chooses the types that it wants. The server
does not need to know which is which.
"""

import json

import fanfare
from fanfare import Profile

NOTE, OTHER = "file:///notes/today.md", "file:///notes/old.md"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def say(session, method, params, id=None):
    """What the client sends, as it comes out of its pipe."""
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    return session.receive(json.dumps(message if id is None else {**message, "id": id}))


def deliver(clients):
    """What waits for each client. A server writes it to the client's socket."""
    for name, session in clients.items():
        for frame in session.read().decode().splitlines():
            print(f"{name} <- {frame}")


def subscribe(engine):
    """Three clients, each with its own way to say what it wants."""
    # readme: subscribe
    legacy = engine.open(Profile.LEGACY)
    say(legacy, "resources/subscribe", {"uri": NOTE}, id=1)

    modern = engine.open(Profile.MODERN)
    wanted = {"resourceSubscriptions": [NOTE], "resourcesListChanged": True}
    say(modern, "subscriptions/listen", {"_meta": META, "notifications": wanted}, id="notes")

    inside = engine.open(Profile.OPEN)
    say(inside, "notifications/subscribe", {"types": ["resources/updated"]})
    # readme: end
    return {"legacy": legacy, "modern": modern, "inside": inside}


def main():
    # Time is what this program says it is, so that it prints the same whenever it is run.
    with fanfare.Engine(clock="manual", debounce_resource_list_ms=500) as engine:
        clients = subscribe(engine)
        deliver(clients)

        # readme: raise
        print("# the note is written")
        engine.resource_updated(NOTE)
        deliver(clients)

        print("# the note is written a hundred times before anybody reads")
        for _ in range(100):
            engine.resource_updated(NOTE)
        deliver(clients)

        print("# another note is written")
        reached = engine.resource_updated(OTHER)
        print(f"# reached {reached}")
        deliver(clients)
        # readme: end

        # readme: list
        for made in range(10):
            engine.advance(made * 50)
            print(f"# {made * 50} ms: a note is made")
            engine.resource_list_changed()
            deliver(clients)
        engine.advance(500)
        print("# 500 ms")
        deliver(clients)
        # readme: end

        print("# two of them have had enough")
        say(clients["legacy"], "resources/unsubscribe", {"uri": NOTE}, id=2)
        say(clients["modern"], "notifications/cancelled", {"_meta": META, "requestId": "notes"})
        # readme: count
        if engine.subscriber_count(NOTE) > 0:  # else nobody needs to look whether it has changed
            reached = engine.resource_updated(NOTE)
            print(f"# reached {reached}")
        # readme: end
        deliver(clients)


if __name__ == "__main__":
    main()
