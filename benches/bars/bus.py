"""The official SDK's bus for subscriptions/listen beside ours, by how many streams there are.

    python bus.py [--rounds N] [--changes N] [STREAMS ...]    with the packages fanfare and mcp

Four ways from a change to bytes that are ready to be written, one bytes object for each client:

    sdk        the SDK's bus and listen handler, and its serialisation
    handler    our bus and listen handler in the place of those two, and the same serialisation:
               what a server of the SDK gains by `fanfare.mcp.Bus`
    awaited    our engine, each client's frames awaited in a task of its own (`fanfare.aio`)
    drained    our engine, all frames taken at once (`Engine.drain`): what a server of one's own does

All have the same listens, each to four resources, one of which is raised. Prints a table, and ends
with the bars: it fails where one falls short by more than a tenth.

Memory is what the process grows by, as the system counts it, for each idle stream; and what it
grows by over 100,000 changes that one client does not read, once with room for them in the SDK's
buffer, without which it gives the stream up at 1,024.
"""

import argparse
import asyncio
import ctypes
import gc
import multiprocessing
import os
import statistics
import sys
import time

from sdk import SHARED, Context, Listens, Theirs, Written, uris

import fanfare.aio
import fanfare.mcp
from fanfare import Framing, Profile

WAYS = ["sdk", "handler", "awaited", "drained"]


class Handler(Listens):
    """Our bus and handler, in the SDK's way."""

    def __init__(self, streams):
        bus = fanfare.mcp.Bus()
        super().__init__(bus, fanfare.mcp.ListenHandler(bus), streams)

    async def stop(self):
        await super().stop()
        self.bus.close()


class Awaited(Written):
    """Our engine, with a task for each client."""

    def __init__(self, streams):
        self.engine = fanfare.aio.Engine()
        self.written = []
        self.sessions = [listening(self.engine, n) for n in range(streams)]
        self.tasks = [asyncio.create_task(self.write(session)) for session in self.sessions]

    async def write(self, session):
        async for frame in session:
            self.written.append((session.number, frame))
            # Nothing is kept while it waits.
            del frame

    async def published(self):
        self.engine.resource_updated(SHARED)
        return await self.all_written()

    async def stop(self):
        await super().stop()
        self.engine.close()


class Drained:
    """Our engine alone."""

    def __init__(self, streams):
        self.engine = fanfare.Engine()
        self.sessions = [listening(self.engine, n) for n in range(streams)]

    async def published(self):
        self.engine.resource_updated(SHARED)
        return await self.all_written()

    async def all_written(self):
        frames = []
        while drained := self.engine.drain():
            frames += drained
        return frames

    async def stop(self):
        self.engine.close()


class Waiting(Written):
    """What tasks that wait for something take, whatever that is."""

    def __init__(self, streams):
        self.tasks = [asyncio.create_task(self.wait()) for _ in range(streams)]

    async def wait(self):
        await asyncio.get_running_loop().create_future()

    async def all_written(self):
        await asyncio.sleep(0)


def listening(engine, n):
    session = engine.open(Profile.MODERN, framing=Framing.JSON)
    session.listen(n, {"resourceSubscriptions": uris(n)})
    return session


MADE = dict(zip([*WAYS, "task"], [Theirs, Handler, Awaited, Drained, Waiting]))


async def timed(way, streams, deliveries):
    """Nanoseconds a delivery."""
    made = MADE[way](streams)
    assert len(await made.all_written()) == streams, "one acknowledgment each"
    repeats = max(1, deliveries // streams)
    begun = time.perf_counter_ns()
    for _ in range(repeats):
        frames = await made.published()
        assert len(frames) == streams
    taken = time.perf_counter_ns() - begun
    await made.stop()
    return taken / repeats / streams


async def idle(way, streams):
    """Bytes that are allocated more for each stream."""
    warm = MADE[way](8)
    await warm.all_written()
    await warm.stop()
    before = allocated()
    made = MADE[way](streams)
    await made.all_written()
    grown = allocated() - before
    await made.stop()
    return grown / streams


async def stalled(way, changes):
    """Bytes that are allocated more while one client did not read, and what it then got."""
    never = asyncio.Event()

    class Stalls(Context):
        async def send_notification(self, notification, related_request_id=None):
            if self.written:
                await never.wait()
            await super().send_notification(notification, related_request_id)

    kept = sys.modules["sdk"].Context
    sys.modules["sdk"].Context = Stalls
    try:
        made = Theirs(1, max_buffered_events=changes + 2000) if way == "sdk" else Handler(1)
    finally:
        sys.modules["sdk"].Context = kept
    while not made.written:
        await asyncio.sleep(0)
    for _ in range(1000):
        await made.bus.publish(made.event)
    before = allocated()
    for _ in range(changes):
        await made.bus.publish(made.event)
    grown = allocated() - before
    never.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not made.tasks[0].done(), "it goes on"
    await made.stop()
    return grown


class Mallinfo(ctypes.Structure):
    """What mallinfo2(3) says, of which two are added up: the bytes in use, of the heap and of maps."""

    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd",
        "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


def allocated():
    """Bytes that are allocated: all of Python's too, where PYTHONMALLOC is malloc."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    info = mallinfo()
    return info.uordblks + info.hblkhd


def alone(of, *arguments):
    """In a process of its own, which has nothing yet that others have left."""
    os.environ["PYTHONMALLOC"] = "pymalloc" if of is timed else "malloc"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, (of, *arguments))


def run(of, *arguments):
    return asyncio.run(of(*arguments))


def main(counts, turns, changes):
    print(f"{'streams':>8} {'':9}" + "".join(f"{way:>12}" for way in WAYS))
    times, sizes = {}, {}
    for streams in counts:
        rounds = {way: [] for way in WAYS}
        # By turns, so that what else the machine does falls on all.
        for _ in range(turns):
            for way in WAYS:
                deliveries = (1 if way in ("sdk", "handler") else 10) * 4 * changes // 10
                rounds[way].append(alone(timed, way, streams, deliveries))
        times[streams] = {way: statistics.median(of) for way, of in rounds.items()}
        rates = "".join(f"{1e9 / times[streams][way]:12,.0f}" for way in WAYS)
        print(f"{streams:8} {'each s':9}{rates}")
        if streams >= 100:
            sizes[streams] = {way: alone(idle, way, streams) for way in WAYS}
            row = "".join(f"{sizes[streams][way]:12,.0f}" for way in WAYS)
            print(f"{'':8} {'bytes':9}{row}")
    growth = {way: alone(stalled, way, changes) for way in WAYS[:2]}
    row = "".join(f"{growth[way]:12,.0f}" for way in growth)
    print(f"{'stalled':>8} {'bytes':9}{row}")
    bars = []
    if 1000 in times:
        ratio = times[1000]["sdk"] / times[1000]["drained"]
        bars.append(("drained, of the sdk's rate, 1,000 streams", ratio, 40, ratio >= 36))
    if sizes:
        most = max(sizes)
        # A task of its own is a client's way to write, and not the stream.
        size = sizes[most]["awaited"] - alone(idle, "task", most)
        bars.append((f"bytes of an idle stream, {most:,} of them", size, 1024, size <= 1126))
    bars.append(("bytes that a stalled stream grows by", growth["handler"], 1 << 18,
                 growth["handler"] <= 1 << 18))
    for name, is_, bar, holds in bars:
        print(f"{name:45} {is_:12,.1f} {bar:12,.0f}  {'holds' if holds else 'falls short'}")
    return 0 if all(holds for *_, holds in bars) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("streams", type=int, nargs="*", default=[1, 100, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--changes", type=int, default=100_000)
    told = parser.parse_args()
    sys.exit(main(told.streams, told.rounds, told.changes))
