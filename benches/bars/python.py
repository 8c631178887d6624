"""Fan-out from Python: fanfare's packed drain through ctypes, beside the official SDK's bus.

    python.py LIBRARY STREAMS ROUNDS

Prints one JSON object: for each round the ns that a frame took to be drained, that a delivery took
with the raising, and that a delivery took with the SDK (null if it is not installed).

Both sides have as many listens, each to four resources, one of which is raised; and both end in
the same place: a bytes object for each client with the JSON text that its connection is to write.
What comes after that (SSE, sockets) is left out on both sides. So is, on the SDK's, all of its
server that stands between a listen and that text: its own bus and listen handler run here, and
serialise as its stdio transport does.
"""

import asyncio
import ctypes as c
import json
import struct
import sys
import time

from sdk import SHARED, Theirs, uris

OK, MODERN, FRAMING_JSON = 0, 2, 1
# How often ours is done in a round: the SDK's takes that much longer.
REPEATS = 20


class Str(c.Structure):
    _fields_ = [("ptr", c.c_char_p), ("len", c.c_size_t)]


class SessionParams(c.Structure):
    _fields_ = [("struct_size", c.c_size_t)]
    _fields_ += [(name, c.c_uint32) for name in (
        "profile", "revision", "handshake", "framing",
        "overflow", "max_queued_frames", "max_queued_bytes", "reserved")]
    _fields_ += [("capabilities", Str), ("principal", Str), ("user_data", c.c_void_p)]


class Ours:
    # Session and length of a record; its stream and flags are passed over.
    RECORD = struct.Struct("=Q12xI")

    def __init__(self, library, streams):
        self.lib = c.CDLL(library)
        self.lib.fanfare_notify_resource_updated.argtypes = [
            c.c_void_p, c.c_char_p, c.c_size_t, c.c_void_p, c.c_void_p]
        self.lib.fanfare_drain.argtypes = [c.c_void_p, c.c_void_p, c.c_size_t, c.c_void_p]
        self.engine = c.c_void_p()
        assert self.lib.fanfare_engine_new(None, c.byref(self.engine)) == OK
        self.buffer, self.length = c.create_string_buffer(1 << 20), c.c_size_t()
        self.sessions = [self.listen(n) for n in range(streams)]
        assert len(self.drain()) == streams, "one acknowledgment each"

    def listen(self, n):
        params = SessionParams(c.sizeof(SessionParams), MODERN, framing=FRAMING_JSON)
        session, subscription = c.c_uint64(), c.c_uint64()
        assert self.lib.fanfare_session_open(
            self.engine, c.byref(params), c.byref(session)) == OK
        request, filter = str(n).encode(), json.dumps({"resourceSubscriptions": uris(n)}).encode()
        assert self.lib.fanfare_listen(
            self.engine, session, c.c_uint64(0), request, c.c_size_t(len(request)),
            filter, c.c_size_t(len(filter)), c.byref(subscription)) == OK
        return session.value

    def publish(self):
        uri = SHARED.encode()
        assert self.lib.fanfare_notify_resource_updated(
            self.engine, uri, len(uri), None, None) == OK

    def drain(self):
        """Everything that waits, for all sessions: (session, bytes) each."""
        frames = []
        append, unpack = frames.append, self.RECORD.unpack_from
        while self.lib.fanfare_drain(
                self.engine, self.buffer, len(self.buffer), c.byref(self.length)) == OK:
            filled = c.string_at(self.buffer, self.length.value)
            at, end = 0, len(filled)
            while at < end:
                session, size = unpack(filled, at)
                start = at + 24
                stop = start + size
                append((session, filled[start:stop]))
                at = stop + 7 & -8
        return frames


async def main(library, streams, rounds):
    ours = Ours(library, streams)
    try:
        theirs = Theirs(streams)
    except ImportError:
        theirs = None
    else:
        await theirs.all_written()  # the acknowledgments
        ours.publish()
        frames = dict(ours.drain())
        mine = [json.loads(frames[session]) for session in ours.sessions]
        others = [json.loads(text) for _n, text in sorted(await theirs.published())]
        assert mine == others, "the same for the same listens"
    times = {"drained": [], "delivered": [], "sdk": theirs and []}
    clock = time.perf_counter_ns
    for _ in range(rounds):
        draining = raising = 0
        for _ in range(REPEATS):
            begun = clock()
            ours.publish()
            raised = clock()
            frames = ours.drain()
            draining += clock() - raised
            raising += raised - begun
            assert len(frames) == streams
        times["drained"].append(draining / REPEATS / streams)
        times["delivered"].append((raising + draining) / REPEATS / streams)
        if theirs:
            begun = clock()
            frames = await theirs.published()
            times["sdk"].append((clock() - begun) / streams)
            assert len(frames) == streams
    if theirs:
        await theirs.stop()
    print(json.dumps(times))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
