"""An MCP server on asyncio, with the package `fanfare` (pip install ./python).

    python3 package_server.py            serves one client over stdin and stdout
    python3 package_server.py mcp.sock   serves any number over a Unix socket, until interrupted

It has one tool, `index`, which does some work, and one document, doc://7, which has changed then.
Clients of every revision may connect: the engine answers their handshakes and subscriptions, and
knows who must hear of what.
"""

import asyncio
import json
import signal
import sys

import fanfare.aio
from fanfare import Disposition, End, Level, Profile


async def index(engine, session, request):
    """The tool: long work, at the end of which a document has changed."""
    token = request["params"].get("_meta", {}).get("progressToken")
    for step in range(1, 4):
        await asyncio.sleep(0.01)
        if token is not None:
            engine.progress(token, step, 3, to=session)
    # All clients that may be told at any time, and this one, which hears of it in its request.
    for to in session.others(), session.request(request["id"]):
        engine.alert(Level.ALERT, {"disk": "nearly full"}, "disk", to=to)
    engine.resource_updated("doc://7")
    session.send({"jsonrpc": "2.0", "id": request["id"], "result": {"content": []}})


# readme: hear
async def hear(engine, session, reader):
    """What a client sends goes to the engine; what it leaves to the server is the tool."""
    async with asyncio.TaskGroup() as group:
        async for line in reader:
            if session.receive(line.strip()) == Disposition.PASS:
                message = json.loads(line)
                if message.get("method") == "tools/call":
                    group.create_task(index(engine, session, message))
    # It has no more to say. What it asked for is answered, and then it is told goodbye.
    session.end(End.SHUTDOWN)
# readme: end


# readme: serve
async def serve(engine, reader, writer):
    """One client, until it or the session is gone."""
    with engine.open(Profile.AUTO) as session:
        hearing = asyncio.create_task(hear(engine, session, reader))
        try:
            async for frame in session:
                writer.write(frame)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            hearing.cancel()
            writer.close()
# readme: end


async def pipes():
    """Standard input and output as streams."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    unused = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: unused, sys.stdout)
    return reader, asyncio.StreamWriter(transport, unused, None, loop)


async def main():
    capabilities = {"resources": {"subscribe": True}, "logging": {}, "tools": {}}
    async with fanfare.aio.Engine(
        initialize_answer="engine", server_capabilities=capabilities
    ) as engine:
        if len(sys.argv) == 1:
            await serve(engine, *await pipes())
            return
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        connected = lambda reader, writer: serve(engine, reader, writer)
        async with await asyncio.start_unix_server(connected, sys.argv[1]):
            await stop.wait()
            for session in engine.sessions():
                session.end(End.SHUTDOWN)
                await session.closed()


if __name__ == "__main__":
    asyncio.run(main())
