"""An MCP server on asyncio, with fanfare through ctypes; nothing but the standard library.

    FANFARE_LIBRARY=../../target/debug/libfanfare.so python3 asyncio_server.py

The engine's file descriptor stands in the event loop like any socket: when it is readable, one
call drains all sessions. Two clients connect over a Unix socket and print what they hear: a legacy
one, which begins with `initialize`, and a modern one, which just asks.
"""

import asyncio
import ctypes as c
import json
import os
import struct
import tempfile

OK, PASS, AUTO, ALERT, REQUEST, SHUTDOWN = 0, 1, 3, 6, 2, 6
ON_END = c.CFUNCTYPE(None, c.c_void_p, c.c_uint64, c.c_uint32, c.c_void_p)


class Str(c.Structure):
    _fields_ = [("ptr", c.c_char_p), ("len", c.c_size_t)]

    @classmethod
    def of(cls, text):
        data = text.encode()
        return cls(data, len(data))


class SessionParams(c.Structure):
    _fields_ = [("struct_size", c.c_size_t)]
    _fields_ += [(name, c.c_uint32) for name in (
        "profile", "revision", "handshake", "framing",
        "overflow", "max_queued_frames", "max_queued_bytes", "reserved")]
    _fields_ += [("capabilities", Str), ("principal", Str), ("user_data", c.c_void_p)]


class Raise(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("target", c.c_uint32), ("reserved", c.c_uint32),
                ("session", c.c_uint64), ("principal", Str), ("request", Str), ("context", Str)]


class Engine:
    """The few functions that this server needs. Every failure is an exception with its text."""

    RECORD = struct.Struct("=QQII")  # session, stream, flags, length

    def __init__(self, on_end, **options):
        self.lib = c.CDLL(os.environ["FANFARE_LIBRARY"])
        self.lib.fanfare_config_new.restype = c.c_void_p
        self.lib.fanfare_last_error.argtypes = [c.c_char_p, c.c_size_t]
        self.lib.fanfare_last_error.restype = c.c_size_t
        config, self.ptr = c.c_void_p(self.lib.fanfare_config_new()), c.c_void_p()
        for key, value in options.items():
            self.must(self.lib.fanfare_config_set(config, key.encode(), value.encode()))
        # The engine calls it as long as it lives, so somebody must keep it alive.
        self.on_end = ON_END(lambda _ctx, session, _reason, _user_data: on_end(session))
        self.must(self.lib.fanfare_config_set_session_end(config, self.on_end, None, None))
        self.must(self.lib.fanfare_engine_new(config, c.byref(self.ptr)))
        self.lib.fanfare_config_free(config)
        self.buffer = c.create_string_buffer(1 << 16)

    def must(self, status):
        if status < 0:
            why = c.create_string_buffer(512)
            self.lib.fanfare_last_error(why, len(why))
            raise RuntimeError(why.value.decode())
        return status

    def call(self, name, *args):
        return self.must(getattr(self.lib, "fanfare_" + name)(self.ptr, *args))

    def open(self, profile):
        params, session = SessionParams(c.sizeof(SessionParams), profile), c.c_uint64()
        self.call("session_open", c.byref(params), c.byref(session))
        return session.value

    def receive(self, session, message):
        """Whether the server must act on the message itself."""
        disposition = c.c_uint32()
        self.call("receive", c.c_uint64(session), c.c_uint64(0),
                  message, c.c_size_t(len(message)), c.byref(disposition))
        return disposition.value == PASS

    def send(self, session, message):
        data = json.dumps(message).encode()
        self.call("send", c.c_uint64(session), c.c_uint64(0), data, c.c_size_t(len(data)))

    def resource_updated(self, uri):
        data = uri.encode()
        self.call("notify_resource_updated", data, c.c_size_t(len(data)), None, None)

    def progress(self, token, progress, total):
        token = json.dumps(token).encode()
        self.call("notify_progress", token, c.c_size_t(len(token)), c.c_double(progress),
                  c.c_double(total), None, c.c_size_t(0), None, None)

    def alert(self, logger, data, to=None):
        logger, data = logger.encode(), json.dumps(data).encode()
        self.call("notify_alert", c.c_uint32(ALERT), logger, c.c_size_t(len(logger)),
                  data, c.c_size_t(len(data)), to and c.byref(to), None)

    def drain(self):
        """Everything that waits, for all sessions: (session, bytes) each."""
        length = c.c_size_t()
        while self.call("drain", self.buffer, c.c_size_t(len(self.buffer)), c.byref(length)) == OK:
            filled, at = self.buffer.raw[:length.value], 0
            while at < len(filled):
                session, _stream, _flags, size = self.RECORD.unpack_from(filled, at)
                at += self.RECORD.size
                yield session, filled[at:at + size]
                at += (size + 7) // 8 * 8


# readme: server
class Server:
    def __init__(self):
        loop = asyncio.get_running_loop()
        # Called in the middle of a drain, before the last frames are written: so not at once.
        self.engine = Engine(lambda session: loop.call_soon(self.hang_up, session), **{
            "initialize.answer": "engine",
            "server.capabilities": '{"resources":{"subscribe":true},"logging":{},"tools":{}}'})
        self.writers, self.idle = {}, asyncio.Event()
        loop.add_reader(self.engine.lib.fanfare_engine_fd(self.engine.ptr), self.deliver)

    async def serve(self, reader, writer):
        """One client: what it sends goes to the engine; what is ours comes back."""
        session = self.engine.open(AUTO)
        self.writers[session] = writer
        async for line in reader:
            if self.engine.receive(session, line.strip()):
                message = json.loads(line)
                if message.get("method") == "tools/call":
                    asyncio.create_task(self.index(session, message))
        # The client hung up; if the session had ended before, there is nothing left to close.
        self.writers.pop(session, None)
        self.engine.lib.fanfare_session_close(self.engine.ptr, c.c_uint64(session))

    def deliver(self):
        for session, frame in self.engine.drain():
            writer = self.writers[session]
            writer.write(frame)
            if writer.transport.get_write_buffer_size() > 1 << 16:
                self.engine.call("session_pause", c.c_uint64(session))
                asyncio.create_task(self.resume(session, writer))

    async def resume(self, session, writer):
        await writer.drain()
        self.engine.lib.fanfare_session_resume(self.engine.ptr, c.c_uint64(session))

    def hang_up(self, session):
        if writer := self.writers.pop(session, None):
            writer.close()

    async def index(self, session, request):
        """The tool: long work, at the end of which a document has changed."""
        for step in range(1, 4):
            await asyncio.sleep(0.01)
            self.engine.progress(request["params"]["_meta"]["progressToken"], step, 3)
        alert = {"disk": "nearly full"}
        # All clients that may be told at any time, and this one, which hears of it in its request.
        self.engine.alert("disk", alert)
        to = Raise(c.sizeof(Raise), REQUEST, 0, session, Str(), Str.of(json.dumps(request["id"])))
        self.engine.alert("disk", alert, to)
        self.engine.resource_updated("doc://7")
        result = {"resultType": "complete", "content": []}
        self.engine.send(session, {"jsonrpc": "2.0", "id": request["id"], "result": result})
        self.idle.set()
    # readme: end

    def shut_down(self):
        """Goodbye to all. What is queued goes out before, and then `hang_up` is called."""
        for session in self.writers:
            self.engine.call("session_end", c.c_uint64(session), c.c_uint32(SHUTDOWN))


async def client(path, name, first, then):
    """Says `first`, hears the answer, says the rest, and listens to the end."""
    reader, writer = await asyncio.open_unix_connection(path)
    say = lambda message: writer.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    heard = []
    say(first)
    async for line in reader:
        heard.append(f"{name} <- {line.decode().strip()}")
        while then:
            say(then.pop(0))
    writer.close()
    return heard


async def main():
    server = Server()
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mcp.sock")
        async with await asyncio.start_unix_server(server.serve, path):
            legacy = asyncio.create_task(client(
                path, "legacy",
                {"id": 1, "method": "initialize", "params": {
                    "protocolVersion": "2025-06-18", "capabilities": {},
                    "clientInfo": {"name": "legacy", "version": "1"}}},
                [{"method": "notifications/initialized"},
                 {"id": 2, "method": "resources/subscribe", "params": {"uri": "doc://7"}}]))
            await subscribed(server.engine, 1)
            modern = asyncio.create_task(client(
                path, "modern",
                {"id": "listen", "method": "subscriptions/listen", "params": {
                    "_meta": meta, "notifications": {"resourceSubscriptions": ["doc://7"]}}},
                [{"id": 1, "method": "tools/call", "params": {"name": "index", "_meta": {
                    **meta, "io.modelcontextprotocol/logLevel": "warning",
                    "progressToken": "job"}}}]))
            await server.idle.wait()
            server.shut_down()
            for heard in await asyncio.gather(legacy, modern):
                print("\n".join(heard))
    asyncio.get_running_loop().remove_reader(server.engine.lib.fanfare_engine_fd(server.engine.ptr))
    server.engine.must(server.engine.lib.fanfare_engine_free(server.engine.ptr))


async def subscribed(engine, wanted):
    """Until so many clients would hear of the document."""
    count = c.c_size_t()
    while count.value < wanted:
        await asyncio.sleep(0.001)
        engine.call("subscriber_count", b"doc://7", c.c_size_t(7), c.byref(count))


asyncio.run(main())
