"""fanfare for asyncio, and for trio (and so for anyio on either).

    async with fanfare.aio.Engine() as engine:
        session = engine.open(Profile.AUTO)
        ...
        async for frame in session:
            writer.write(frame)
            await writer.drain()

On asyncio the engine's descriptor stands in the event loop like any socket: one reader for all
sessions. Elsewhere, and where a loop takes no descriptors, a thread waits in its stead.

Everything that raises, receives and sends is the same as in `fanfare.Engine`, waits for nothing,
and may be called from any thread. What is awaited belongs to the loop in which the engine was made.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from ._engine import BaseEngine, _all
from ._errors import FanfareError, GoneError
from ._session import Session as PlainSession
from ._session import Stream as PlainStream
from ._types import (
    LAST,
    Access,
    AccessRequest,
    End,
    Frame,
    Framing,
    Lag,
    Level,
    Option,
    Overflow,
    Profile,
    Revision,
    StreamKind,
)

if TYPE_CHECKING:
    from typing_extensions import Self

# What one round of the loop takes at most, so that others have their turn.
_ROUND_BYTES = 1 << 16


class _Event(Protocol):
    def set(self) -> object: ...

    def wait(self) -> Coroutine[Any, Any, object]: ...


class _Asyncio:
    """What is needed of asyncio: a reader for the descriptor, and a timer for what becomes due."""

    def __init__(self, engine: Engine) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine = engine
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: _Waiter | None = None

    def start(self) -> None:
        try:
            self._loop.add_reader(self._engine.fileno(), self._ready)
        except (NotImplementedError, ValueError):
            # A loop without readers (Windows), or a platform without a descriptor.
            self._waiter = _Waiter(self._engine, self.soon)
        else:
            self.retime()

    def stop(self) -> None:
        """Before the engine is freed, and its descriptor with it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._waiter is not None:
            self._waiter.stop()
        elif not self._loop.is_closed():
            self._loop.remove_reader(self._engine.fileno())

    def is_here(self) -> bool:
        with suppress(RuntimeError):
            return asyncio.get_running_loop() is self._loop
        return False

    def is_over(self) -> bool:
        return self._loop.is_closed()

    def event(self) -> _Event:
        return asyncio.Event()

    def waiter(self) -> Awaitable[None]:
        return self._loop.create_future()

    def wake(self, waiter: Awaitable[None]) -> None:
        assert isinstance(waiter, asyncio.Future)
        if not waiter.done():
            waiter.set_result(None)

    def soon(self, function: Callable[..., object], *arguments: object) -> bool:
        """Has the loop call a function; from any thread. False: the loop is over."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)
            return True
        return False

    def retime(self) -> None:
        """Does what is due, and asks again when something will be."""
        if self._waiter is not None or self._engine.is_closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        seconds = self._engine.tick()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self.retime)

    def _ready(self) -> None:
        self._engine._deliver()
        self.retime()


class _Trio:
    """The same of trio, by a thread that waits."""

    def __init__(self, engine: Engine) -> None:
        self._trio: Any = sys.modules["trio"]
        self._token = self._trio.lowlevel.current_trio_token()
        self._engine = engine

    def start(self) -> None:
        self._waiter = _Waiter(self._engine, self.soon)

    def stop(self) -> None:
        self._waiter.stop()

    def is_here(self) -> bool:
        with suppress(RuntimeError):
            return self._trio.lowlevel.current_trio_token() is self._token
        return False

    def is_over(self) -> bool:
        return not self.soon(lambda: None)

    def event(self) -> _Event:
        event: _Event = self._trio.Event()
        return event

    def waiter(self) -> Awaitable[None]:
        return _Parked(self._trio.Event())

    def wake(self, waiter: Awaitable[None]) -> None:
        assert isinstance(waiter, _Parked)
        waiter.event.set()

    def soon(self, function: Callable[..., object], *arguments: object) -> bool:
        with suppress(self._trio.RunFinishedError):
            self._token.run_sync_soon(function, *arguments)
            return True
        return False

    def retime(self) -> None:
        """The thread that waits does what is due by itself."""


class _Parked:
    """Somebody in trio who waits for an event."""

    __slots__ = ("event",)

    def __init__(self, event: _Event) -> None:
        self.event = event

    def __await__(self) -> Generator[Any, Any, None]:
        yield from self.event.wait().__await__()


class _Waiter:
    """A thread that waits for output, and has the loop take it."""

    def __init__(self, engine: Engine, soon: Callable[..., bool]) -> None:
        self._engine, self._soon = engine, soon
        self._is_taken = threading.Event()
        self._is_over = False
        # It must not keep the interpreter, which closes the engine at its end.
        threading.Thread(target=self._run, name="fanfare-wait", daemon=True).start()

    def stop(self) -> None:
        self._is_over = True
        self._is_taken.set()

    def _run(self) -> None:
        with suppress(FanfareError):
            while not self._is_over:
                if self._engine.wait(None, 1):
                    self._is_taken.clear()
                    if not self._soon(self._take):
                        return
                    # There is output until it has been taken. Closing ends this wait too.
                    if not self._is_over:
                        self._is_taken.wait()

    def _take(self) -> None:
        try:
            if not self._engine.is_closed:
                self._engine._deliver()
        finally:
            self._is_taken.set()


def _backend(engine: Engine) -> _Asyncio | _Trio:
    with suppress(RuntimeError):
        return _Asyncio(engine)
    if "trio" in sys.modules:
        with suppress(RuntimeError):
            return _Trio(engine)
    raise RuntimeError("fanfare.aio.Engine is made inside a running loop of asyncio or trio")


class _Inbox:
    """Frames that were drained and not yet awaited. Belongs to the loop."""

    __slots__ = ("_frames", "_is_over", "_session", "_waiting")

    def __init__(self, session: Session) -> None:
        self._session = session
        # An empty deque is the larger part of what an idle session would take.
        self._frames: deque[bytes] | None = None
        # Who awaits: as a rule nobody, or one.
        self._waiting: Awaitable[None] | list[Awaitable[None]] | None = None
        self._is_over = False

    def put(self, data: bytes) -> None:
        if self._frames is None:
            self._frames = deque()
        self._frames.append(data)
        self._wake()

    def finish(self) -> None:
        """What is in it can still be had."""
        self._is_over = True
        self._wake()

    async def next(self) -> bytes:
        while not self._frames:
            if self._is_over:
                raise StopAsyncIteration
            me = self._session.engine._backend.waiter()
            self._waiting = [*_each(self._waiting), me] if self._waiting else me
            try:
                await me
            except BaseException:
                self._leave(me)
                raise
        data = self._frames.popleft()
        if not self._frames:
            self._frames = None
        self._session._taken(len(data))
        return data

    async def all(self) -> list[bytes]:
        try:
            frames = [await self.next()]
        except StopAsyncIteration:
            return []
        if self._frames is not None:
            more, self._frames = self._frames, None
            frames += more
            self._session._taken(sum(map(len, more)))
        return frames

    def _leave(self, me: Awaitable[None]) -> None:
        """Whoever waited by that waits no more."""
        self._waiting = [each for each in _each(self._waiting) if each is not me] or None

    def forget(self) -> None:
        """Nobody will await what is in it."""
        self._session._taken(sum(map(len, self._frames or ())))
        self._frames = None
        self.finish()

    def _wake(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            for each in _each(waiting):
                self._session.engine._backend.wake(each)


def _each(waiting: Awaitable[None] | list[Awaitable[None]] | None) -> list[Awaitable[None]]:
    if waiting is None:
        return []
    return waiting if isinstance(waiting, list) else [waiting]


class Stream(PlainStream):
    """A stream whose frames are awaited: `async for frame in stream`.

    The iteration ends after the frame that is the stream's last.
    """

    __slots__ = ("_inbox",)
    session: Session

    def __init__(self, session: Session, number: int) -> None:
        super().__init__(session, number)
        self._inbox = _Inbox(session)

    def close(self) -> None:
        """Its connection is gone."""
        if self.session._streams is not None:
            self.session._streams.pop(self.number, None)
        self._inbox.forget()
        super().close()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return self._inbox.next()


class Session(PlainSession):
    """A session whose frames are awaited: `async for frame in session`.

    The iteration ends with the session. Frames of streams that were opened one by one come by
    those streams. A session whose frames nobody awaits is paused when it holds more than the
    engine's `buffer_bytes`, and goes on when half of them are gone; so `pause` and `resume` are not
    for the host here.
    """

    __slots__ = ("_buffered", "_ended", "_inbox", "_is_paused", "_reason", "_streams")
    engine: Engine

    def __init__(self, engine: Engine, number: int) -> None:
        super().__init__(engine, number)
        self._inbox = _Inbox(self)
        # As a rule it has none of its own: an empty dictionary would weigh on each that is idle.
        self._streams: dict[int, Stream] | None = None
        self._buffered = 0
        self._is_paused = False
        self._reason: End | None = None
        self._ended: _Event | None = None

    async def closed(self) -> End:
        """Waits until the session is over, and says why.

        Its last frames may still be there to be awaited.
        """
        while self._reason is None:
            if self._ended is None:
                self._ended = self.engine._backend.event()
            await self._ended.wait()
        return self._reason

    def close(self) -> None:
        """The peer is gone: nothing more can be drained, nor awaited. In the loop's thread."""
        try:
            super().close()
        finally:
            self.engine._sessions.pop(self.number, None)
            for inbox in self._inboxes():
                inbox.forget()
            self._over(End.DISCONNECTED)

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return self._inbox.next()

    def next_frames(self) -> Awaitable[list[bytes]]:
        """Waits for frames, and gives all that there are, to be written at once.

        Empty when the session is over. Frames of streams that were opened one by one are not there.
        """
        return self._inbox.all()

    def open_stream(self, kind: StreamKind) -> Stream:
        """Opens a stream. In the loop's thread."""
        stream = super().open_stream(kind)
        assert isinstance(stream, Stream)
        return stream

    def resume_stream(self, last_event_id: str) -> Stream:
        """The client is back, and has every event of a stream up to that id. In the loop's thread.

        If the stream had a connection still, whoever writes to it has to be cancelled.
        """
        stream = super().resume_stream(last_event_id)
        assert isinstance(stream, Stream)
        return stream

    def default_stream(self) -> Stream:
        """The stream that it has without opening one, or its only one.

        Its frames come by it from now on.
        """
        stream = super().default_stream()
        assert isinstance(stream, Stream)
        return stream

    def _stream(self, number: int) -> Stream:
        if self._streams is None:
            self._streams = {}
        return self._streams.setdefault(number, Stream(self, number))

    def _inboxes(self) -> list[_Inbox]:
        return [self._inbox, *(stream._inbox for stream in (self._streams or {}).values())]

    def _put(self, stream: int, flags: int, data: bytes) -> None:
        """A frame has been drained."""
        of = self._streams.get(stream) if self._streams else None
        self._buffered += len(data)
        (of._inbox if of else self._inbox).put(data)
        if of and flags & LAST:
            self._stream_over(stream)
        if self._buffered > self.engine._buffer_bytes and not self._is_paused:
            self._is_paused = True
            # It may have ended with this frame.
            with suppress(GoneError):
                self.pause()

    def _taken(self, size: int) -> None:
        """Frames have been awaited."""
        self._buffered -= size
        if self._is_paused and self._buffered * 2 <= self.engine._buffer_bytes:
            self._is_paused = False
            with suppress(GoneError):
                self.resume()

    def _stream_over(self, stream: int) -> None:
        if self._streams and (of := self._streams.pop(stream, None)):
            of._inbox.finish()

    def _over(self, reason: End) -> None:
        if self._reason is None:
            self._reason = reason
            for inbox in self._inboxes():
                inbox.finish()
            self._streams = None
            if self._ended is not None:
                self._ended.set()


class Engine(BaseEngine[Session]):
    """An engine whose frames are awaited. Made inside a running loop, to which it belongs.

    `buffer_bytes` bounds what a session may have drained and not awaited; one round of the loop may
    exceed it by 64 KiB, or by one frame that is larger. All else is as in
    `fanfare.Engine`; the hooks are called on the thread whose call caused it.
    """

    def __init__(
        self,
        config: Mapping[str, Option] | None = None,
        *,
        buffer_bytes: int = 1 << 18,
        on_log: Callable[[Level, str, str], object] | None = None,
        log_level: Level = Level.INFO,
        on_lag: Callable[[Lag], object] | None = None,
        on_session_end: Callable[[int, End], object] | None = None,
        on_stream_end: Callable[[int, int], object] | None = None,
        authorize: Callable[[AccessRequest], Access | bool] | None = None,
        **options: Option,
    ) -> None:
        self._buffer_bytes = buffer_bytes
        self._sessions: dict[int, Session] = {}
        # A hook that runs within an opening may open another.
        self._opening = threading.RLock()
        self._backend: _Asyncio | _Trio = _backend(self)
        backend = self._backend

        def session_end(session: int, reason: End) -> None:
            backend.soon(self._session_over, session, reason)
            if on_session_end is not None:
                on_session_end(session, reason)

        def stream_end(session: int, stream: int) -> None:
            backend.soon(self._stream_over, session, stream)
            if on_stream_end is not None:
                on_stream_end(session, stream)

        super().__init__(
            _all(config, options),
            on_log=on_log,
            log_level=log_level,
            on_lag=on_lag,
            on_session_end=session_end,
            on_stream_end=stream_end,
            on_deadline=lambda: backend.soon(backend.retime),
            authorize=authorize,
        )
        backend.start()

    def close(self) -> None:
        """Frees the engine with everything in it, and ends all iterations. In the loop's thread."""
        if not self.is_closed:
            self._backend.stop()
        super().close()
        for session in list(self._sessions.values()):
            session._over(End.SHUTDOWN)
        self._sessions.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(
        self,
        profile: Profile = Profile.OPEN,
        *,
        revision: Revision | None = None,
        handshake: bool = False,
        framing: Framing = Framing.NDJSON,
        overflow: Overflow = Overflow.DEFAULT,
        max_queued_frames: int = 0,
        max_queued_bytes: int = 0,
        capabilities: Mapping[str, object] | bytes | None = None,
        principal: str | None = None,
    ) -> Session:
        """Opens a session, as `fanfare.Engine.open`. Its frames are kept until they are awaited."""
        # Frames may be drained before the session is known here; whoever drains then waits.
        with self._opening:
            return super().open(
                profile,
                revision=revision,
                handshake=handshake,
                framing=framing,
                overflow=overflow,
                max_queued_frames=max_queued_frames,
                max_queued_bytes=max_queued_bytes,
                capabilities=capabilities,
                principal=principal,
            )

    def is_here(self) -> bool:
        """Whether the loop that is running is the engine's own. From any thread."""
        return self._backend.is_here()

    def is_loop_over(self) -> bool:
        """Whether its loop is closed, so that nothing will be delivered any more."""
        return self._backend.is_over()

    def session(self, number: int) -> Session | None:
        """The session with that number, if it is not over yet."""
        return self._sessions.get(number)

    def sessions(self) -> list[Session]:
        """Those that are not over yet."""
        return list(self._sessions.values())

    def _session(self, number: int) -> Session:
        session = self._sessions[number] = Session(self, number)
        return session

    def _known(self, number: int) -> Session | None:
        session = self._sessions.get(number)
        if session is None:
            with self._opening:
                session = self._sessions.get(number)
        return session

    def _deliver(self) -> None:
        """There is output: gives each session its own."""
        frames: list[Frame] = self.drain(_ROUND_BYTES)
        for number, stream, flags, data in frames:
            # What a session had that was closed meanwhile is nobody's.
            if session := self._known(number):
                session._put(stream, flags, data)

    def _session_over(self, number: int, reason: End) -> None:
        if session := self._known(number):
            del self._sessions[number]
            session._over(reason)

    def _stream_over(self, number: int, stream: int) -> None:
        if session := self._known(number):
            session._stream_over(stream)
