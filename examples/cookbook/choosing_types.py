"""Which type to raise for what: what is left of each for a client that was slow.

    pip install ../../python && python3 choosing_types.py

Everything is raised three times. The quick client reads after each raising, the slow one when the
third is over; it has room for two events, and chose to lose the oldest.
"""

import json

import fanfare
from fanfare import Level, Overflow, Profile

NOTE = "file:///notes/today.md"
TASK = {
    "taskId": "t-1",
    "createdAt": "2025-11-25T12:00:00Z",
    "lastUpdatedAt": "2025-11-25T12:00:00Z",
    "ttl": None,
    "status": "working",
}


def say(session, method, params, id):
    session.receive(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": id}))


def hear(name, session):
    """Prints what waits for a client; how many frames it was."""
    frames = session.read().decode().splitlines()
    for frame in frames:
        print(f"{name} <- {frame}")
    return len(frames)


def main():
    with fanfare.Engine() as engine:
        quick = engine.open(Profile.LEGACY)
        slow = engine.open(Profile.LEGACY, max_queued_frames=2, overflow=Overflow.DROP_OLDEST)
        for name, session in ("quick", quick), ("slow", slow):
            say(session, "resources/subscribe", {"uri": NOTE}, id=1)
            # Each client chooses its own tokens; here they can be told apart.
            call = {"name": "index", "_meta": {"progressToken": name}}
            say(session, "tools/call", call, id=2)
            hear(name, session)

        # readme: kinds
        def one_resource(n):
            """It changed, read it again: a notice for that resource."""
            engine.resource_updated(NOTE)

        def the_list(n):
            """What there is changed: a notice for the list."""
            engine.tool_list_changed()

        def how_far(n):
            """The newest is all that counts: progress."""
            for name in "quick", "slow":
                engine.progress(name, n, 3)

        def a_task(n):
            """The state of long work that outlives its request: each one told."""
            engine.task_status({**TASK, "statusMessage": f"step {n} of 3"})

        def something_wrong(n):
            """Each one counts: a message, which is an event."""
            engine.alert(Level.ERROR, {"failures": n}, "build")

        def your_own(n):
            """Each one counts, and MCP has no word for it: an event of your own."""
            engine.notify("notifications/build/done", {"build": n})
        # readme: end

        # readme: slow
        for kind in one_resource, the_list, how_far, a_task, something_wrong, your_own:
            title = kind.__name__.replace("_", " ")
            print(f"# {title}, three times")
            heard, lost_before = 0, slow.stats().dropped
            for n in 1, 2, 3:
                kind(n)
                heard += hear("quick", quick)
            late = hear("slow", slow)
            lost = slow.stats().dropped - lost_before
            print(f"# {title}: quick heard {heard}, slow {late} and lost {lost}")
        # readme: end


if __name__ == "__main__":
    main()
