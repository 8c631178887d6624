"""Clients that hang up, break, or stop reading, and what becomes of what was queued for them.

    pip install ../../python && python3 clients_that_go_away.py

Frames are taken by callbacks here. Each client has a context of its own, which goes with it.
"""

from dataclasses import dataclass

import fanfare
from fanfare import End, GoneError, Overflow, Profile, Verdict

NOTE = "file:///notes/today.md"


@dataclass
class Socket:
    """The server's end of a client's connection."""

    name: str
    is_full: bool = False
    is_broken: bool = False


# readme: verdict
class Context:
    """What a client's callback needs. It goes with the session."""

    def __init__(self, socket):
        self.socket = socket

    def __call__(self, frame):
        if self.socket.is_broken:
            return Verdict.GONE  # the session is closed
        if self.socket.is_full:
            return Verdict.NOT_NOW  # all stays queued, until session.resume()
        print(f"{self.socket.name} <- {frame[3].decode().rstrip()}")
        return Verdict.ACCEPTED

    def __del__(self):
        print(f"# {self.socket.name}: its context is dropped")
    # readme: end


class Server:
    # readme: hooks
    def __init__(self):
        self.names = {}
        self.engine = fanfare.Engine(on_lag=self.lags, on_session_end=self.ends)

    def lags(self, lag):
        """Told with the first event that a client loses, and not with each."""
        print(f"# {self.names[lag.session]}: lags, {lag.queued_frames} are queued")

    def ends(self, session, reason):
        """Told of each session that ended by anything but our own session.close()."""
        print(f"# {self.names.pop(session)}: ended, {reason.name.lower()}")
    # readme: end

    def open(self, socket, **params):
        session = self.engine.open(Profile.LEGACY, **params)
        self.names[session.number] = socket.name
        session.on_frame(Context(socket))
        session.subscribe(NOTE)
        return session

    def close(self, session):
        del self.names[session.number]
        session.close()

    def build(self, n):
        """An event: it is merged with nothing."""
        self.engine.notify("notifications/build/done", {"build": n})

    def deliver(self):
        while self.engine.dispatch() > 0:
            pass


def main():
    server = Server()
    engine = server.engine
    stayer = server.open(Socket("stayer"))

    print("# one hangs up while something is queued for it, one breaks")
    # readme: hang-up
    leaver = server.open(Socket("leaver"))
    broken = Socket("broken")
    server.open(broken)
    server.build(1)
    server.close(leaver)  # we saw it hang up
    broken.is_broken = True  # this we shall see when we write to it
    server.deliver()
    try:
        leaver.subscribe(NOTE)
    except GoneError as why:
        print(f"# leaver: {why.detail}")
    # readme: end

    print("# three stop reading; each has room for two events")
    # readme: stall
    policies = Overflow.DROP_OLDEST, Overflow.DROP_NEWEST, Overflow.CLOSE
    sockets = [Socket("oldest"), Socket("newest"), Socket("closed")]
    oldest, newest, _closed = (
        server.open(socket, overflow=policy, max_queued_frames=2)
        for socket, policy in zip(sockets, policies)
    )
    for socket in sockets:
        socket.is_full = True
    for n in range(2, 6):
        engine.resource_updated(NOTE)  # merged with the one that waits, so it needs no room
        server.build(n)
        server.deliver()

    print("# they read again")
    for socket in sockets:
        socket.is_full = False
    for session in oldest, newest:  # the third is gone
        session.resume()
    server.deliver()
    print(f"# lost: {oldest.stats().dropped} and {newest.stats().dropped}")
    # readme: end

    print("# the server shuts down")
    # readme: shutdown
    engine.resource_updated(NOTE)
    for session in stayer, oldest, newest:
        session.end(End.SHUTDOWN)
    server.deliver()  # what is queued goes out before
    engine.close()
    # readme: end


if __name__ == "__main__":
    main()
