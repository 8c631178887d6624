"""Something is wrong: who is told, from which level on, and why no alert is merged away.

    pip install ../../python && python3 alerts.py

Alerts are notifications/message. Legacy clients hear of them from the level that they set with
logging/setLevel, modern ones within a request that asked for a level, open sessions if they want
the type.
"""

import json

import fanfare
from fanfare import End, InvalidArgumentError, Level, Profile

NOTE = "file:///notes/today.md"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def say(session, method, params, id=None):
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    session.receive(json.dumps(message if id is None else {**message, "id": id}))


def deliver(clients):
    for name, session in clients.items():
        for frame in session.read().decode().splitlines():
            print(f"{name} <- {frame}")


# readme: alarm
def alarm(engine, level, data, calls):
    """Tells everyone who may be told at any time, and each call that asked for it."""
    reached = engine.alert(level, data, "disk")
    for session, id in calls:
        reached += engine.alert(level, data, "disk", to=session.request(id))
    print(f"# reached {reached}")
    # readme: end


def main():
    ended = []
    with fanfare.Engine(on_session_end=lambda *end: ended.append(end)) as engine:
        # readme: levels
        legacy = engine.open(Profile.LEGACY)
        say(legacy, "logging/setLevel", {"level": "error"}, id=1)
        say(legacy, "resources/subscribe", {"uri": NOTE}, id=2)

        modern = engine.open(Profile.MODERN)
        asked = {**META, "io.modelcontextprotocol/logLevel": "warning"}
        say(modern, "tools/call", {"name": "index", "_meta": asked}, id=1)
        calls = [(modern, 1)]

        inside = engine.open(Profile.OPEN)
        say(inside, "notifications/subscribe", {"types": ["message", "disk/full"]})
        # readme: end
        clients = {"legacy": legacy, "modern": modern, "inside": inside}
        deliver(clients)

        print("# little room is left, and then nearly none")
        alarm(engine, Level.WARNING, {"free": "10%"}, calls)
        alarm(engine, Level.CRITICAL, {"free": "1%"}, calls)
        deliver(clients)

        # readme: merge
        print("# alerts and writes, while nobody reads")
        for free in ("3%", "2%", "1%"):
            alarm(engine, Level.ALERT, {"free": free}, calls)
            engine.resource_updated(NOTE)
        deliver(clients)
        # readme: end

        # readme: custom
        print("# a type of our own, for those inside")
        engine.notify("notifications/disk/full", {"disk": "/dev/sda1"}, to=inside)
        deliver(clients)
        # readme: end

        try:
            engine.alert(Level.INFO, "all is well")
        except InvalidArgumentError as why:
            print(f"# {why.detail}")

        # readme: bound
        print("# one that never reads, and has room for two")
        stalled = engine.open(Profile.LEGACY, max_queued_frames=2)
        for n in 1, 2, 3:
            engine.alert(Level.ALERT, n, "disk", to=stalled)
        if (stalled.number, End.LAGGED) in ended:
            print("# stalled: ended, lagged")
        # readme: end


if __name__ == "__main__":
    main()
