"""Clients that lose their connection and come back: what they missed, and how they get it.

    pip install ../../python && python3 clients_that_come_back.py

A legacy client (2025-11-25) over HTTP resumes its streams by Last-Event-ID. A modern one
(2026-07-28) listens anew, and reads everything again.
"""

import json

import fanfare
from fanfare import Framing, GoneError, Profile, StreamKind

NOTE = "file:///notes/today.md"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(id, method, params):
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


# readme: hear
def hear(name, source):
    """Prints what waits in a session or a stream; the last event id, as a client remembers it."""
    last = None
    for _, _, _, data in source.recv():
        for line in data.decode().splitlines():
            if line:
                print(f"{name} <- {line}".rstrip())
            if line.startswith("id: "):
                last = line.removeprefix("id: ")
    return last
    # readme: end


def legacy(engine):
    session = engine.open(Profile.LEGACY, framing=Framing.SSE)
    print("# a call, whose connection breaks before the answer")
    # readme: resume
    call = session.open_stream(StreamKind.REQUEST)
    work = {"name": "index", "_meta": {"progressToken": "job"}}
    session.receive(request(1, "tools/call", work), stream=call)
    engine.progress("job", 1, 4)
    last = hear("legacy", call)
    engine.progress("job", 2, 4)
    call.recv()  # written to a connection that is gone already
    call.close()  # now we know; the work goes on

    engine.progress("job", 3, 4)
    engine.progress("job", 4, 4)
    session.send({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})

    print(f"# it is back, with Last-Event-ID: {last}")
    hear("legacy", session.resume_stream(last))
    # readme: end

    print("# the stream for what belongs to no call breaks too, and the client is away for long")
    # readme: too-late
    session.subscribe(NOTE)
    listening = session.open_stream(StreamKind.STANDALONE)
    engine.resource_updated(NOTE)
    last = hear("legacy", listening)
    engine.resource_updated(NOTE)
    listening.recv()
    listening.close()
    engine.advance(600_000)
    try:
        session.resume_stream(last)
    except GoneError as why:
        print(f"# {why.detail}")
    listening = session.open_stream(StreamKind.STANDALONE)
    engine.resource_updated(NOTE)  # here it would read the note, and all that it knows of
    hear("legacy", listening)
    # readme: end
    session.close()


def modern(engine):
    listen = request(
        "notes",
        "subscriptions/listen",
        {"_meta": META, "notifications": {"resourceSubscriptions": [NOTE]}},
    )
    print("# a listen, whose connection breaks")
    # readme: listen
    session = engine.open(Profile.MODERN)
    session.receive(listen)
    hear("modern", session)
    engine.resource_updated(NOTE)  # queued, and lost with the connection
    session.close()
    print(f"# while it is away, {engine.resource_updated(NOTE)} hear of it")

    print("# it is back")
    session = engine.open(Profile.MODERN)
    session.receive(listen)
    hear("modern", session)  # acknowledged: now it reads the note again
    engine.resource_updated(NOTE)
    hear("modern", session)
    # readme: end


def main():
    with fanfare.Engine(clock="manual", sse_keep_alive_ms=0) as engine:
        legacy(engine)
        modern(engine)


if __name__ == "__main__":
    main()
