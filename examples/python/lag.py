"""A client that does not read: how it is told, and how it comes back.

python3 lag.py
"""

import json

import fanfare
from fanfare import Level, Overflow, Profile

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(id, method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def connect(engine):
    """The client connects and listens: once at first, and again whenever it was ended."""
    session = engine.open(Profile.MODERN, overflow=Overflow.CLOSE, max_queued_frames=3)
    wanted = {"resourceSubscriptions": ["doc://7"]}
    session.receive(request("l", "subscriptions/listen", _meta=META, notifications=wanted))
    print(session.read().decode().strip())
    return session


# readme: hooks
def on_lag(lag):
    print(f"lags: {lag.queued_frames} frames wait, {lag.policy.name}")


def on_session_end(session, reason):
    """Its last frame has been taken out: what is left to do is to close its connection."""
    print("over:", reason.name)
# readme: end

with fanfare.Engine(on_lag=on_lag, on_session_end=on_session_end) as engine:
    session = connect(engine)
    chatty = {**META, "io.modelcontextprotocol/logLevel": "debug"}
    session.receive(request(1, "tools/call", name="index", _meta=chatty))
    engine.resource_updated("doc://7")
    for n in range(4):
        engine.log(Level.DEBUG, {"indexed": n}, to=session.request(1))

    # All that is left for it is why its listen ended: never a result, which would say that all is
    # well.
    print(session.read().decode().strip())

    # It comes back, listens, and reads doc://7, since it may have changed meanwhile.
    session = connect(engine)
    engine.resource_updated("doc://7")
    print(session.read().decode().strip())
