"""A session, its streams and its subscriptions: numbers of an engine, with methods."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from ctypes import byref, c_size_t, c_uint32, c_uint64, create_string_buffer, sizeof, string_at
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _abi, _callbacks
from ._errors import GoneError, natural
from ._library import LIBRARY
from ._types import (
    Disposition,
    End,
    Frame,
    FrameCallback,
    Others,
    Request,
    Revision,
    SessionCounters,
    StreamKind,
    json_text,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._engine import BaseEngine


class _Numbered:
    """What belongs to an engine and has a number there. Equal if both are the same."""

    __slots__ = ("engine", "number")

    def __init__(self, engine: BaseEngine[Any], number: int) -> None:
        self.engine = engine
        """Whose it is. It lives at least as long as this object."""
        self.number = number
        """Its number in the engine, which is never given out again."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self.number == other.number and self.engine is other.engine

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        return f"<fanfare {type(self).__name__} {self.number}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(GoneError):
            self._leave()

    def _leave(self) -> None:
        raise NotImplementedError

    def _call(self, function: Callable[..., int], *arguments: object) -> int:
        return self.engine._handle.call(function, self.number, *arguments)


class Subscription(_Numbered):
    """One subscriptions/listen of a modern session. As a context manager it ends gracefully."""

    __slots__ = ()

    def end(self, reason: End = End.GRACEFUL) -> None:
        """Ends it: what is queued of it goes out first, then its result or an error."""
        self._call(LIBRARY.fanfare_subscription_end, int(reason))

    def _leave(self) -> None:
        self.end()


class Stream(_Numbered):
    """One ordered way out of a session. As a context manager it is closed at the end."""

    __slots__ = ("session",)

    def __init__(self, session: Session, number: int) -> None:
        super().__init__(session.engine, number)
        self.session = session

    def close(self) -> None:
        """Its connection is gone."""
        self._call(LIBRARY.fanfare_stream_close)

    def hang_up(self, retry_ms: int) -> None:
        """Ends the connection, not the stream: its next frame asks the client to come back."""
        self._call(LIBRARY.fanfare_stream_hang_up, natural("retry_ms", retry_ms))

    def recv(self, most: int = 64) -> list[Frame]:
        """Takes up to `most` frames of this stream."""
        return _received(self, LIBRARY.fanfare_recv_stream, most)

    def _leave(self) -> None:
        self.close()


class Session(_Numbered):
    """One peer. As a context manager it is closed at the end, if it has not ended before."""

    __slots__ = ()

    # What comes in, and what goes out.

    def receive(self, message: bytes | str, *, stream: Stream | None = None) -> Disposition:
        """Takes in one message of the client: JSON text, without framing.

        Disposition.PASS: you must act on it. What is wrong with it is answered on the wire.
        """
        data = message.encode() if isinstance(message, str) else message
        out = c_uint32()
        self._call(LIBRARY.fanfare_receive, _number(stream), data, len(data), byref(out))
        return Disposition(out.value)

    def receive_each(self, message: bytes | str, *, stream: Stream | None = None) -> list[bytes]:
        """As `receive`, and returns the messages that you must act on, those of a batch too."""
        data = message.encode() if isinstance(message, str) else message
        out = c_uint32()
        return _callbacks.collect(
            lambda ctx: self._call(
                LIBRARY.fanfare_receive_each,
                _number(stream),
                data,
                len(data),
                _callbacks.message,
                ctx,
                byref(out),
            )
        )

    def receive_too_long(self, *, stream: Stream | None = None) -> Disposition:
        """Says that a message was longer than message.max_bytes, and that you skipped it."""
        out = c_uint32()
        self._call(LIBRARY.fanfare_receive_too_long, _number(stream), byref(out))
        return Disposition(out.value)

    def send(self, message: object, *, stream: Stream | None = None) -> None:
        """Queues a message of your own: a response, a request or a notification.

        A value that json can write, or bytes that are JSON text already. A response goes out
        after everything that belongs to its request.
        """
        text = json_text(message)
        self._call(LIBRARY.fanfare_send, _number(stream), text, len(text))

    def read(self, most: int = 1 << 16) -> bytes:
        """Takes as many whole frames as fit into `most` bytes, but one at least.

        b"" when nothing is queued. For a session with one stream.
        """
        buffer, length = create_string_buffer(most), c_size_t()
        status = self._call(LIBRARY.fanfare_read, buffer, most, byref(length))
        while status == _abi.FANFARE_TRUNCATED:
            most = length.value
            buffer = create_string_buffer(most)
            status = self._call(LIBRARY.fanfare_read, buffer, most, byref(length))
        return string_at(buffer, length.value)

    def recv(self, most: int = 64) -> list[Frame]:
        """Takes up to `most` frames, of all its streams."""
        return _received(self, LIBRARY.fanfare_recv, most)

    def on_frame(self, callback: FrameCallback) -> None:
        """Has `callback` take its frames, as `Engine.on_frame` does for all."""
        self.engine._on_frame(LIBRARY.fanfare_session_on_frame, callback, self.number)

    # Subscriptions.

    def subscribe(self, uri: str) -> None:
        """Subscribes a legacy or open session to a resource. Twice is once."""
        self._text(LIBRARY.fanfare_subscribe, uri)

    def unsubscribe(self, uri: str) -> None:
        """Takes it back; what is queued of that resource is dropped."""
        self._text(LIBRARY.fanfare_unsubscribe, uri)

    def subscribe_template(self, uri_template: str) -> None:
        """Subscribes a legacy or open session to all resources that a URI template matches."""
        self._text(LIBRARY.fanfare_subscribe_template, uri_template)

    def unsubscribe_template(self, uri_template: str) -> None:
        """Takes it back."""
        self._text(LIBRARY.fanfare_unsubscribe_template, uri_template)

    def listen(
        self, id: str | int, filter: object, *, stream: Stream | None = None
    ) -> Subscription:
        """Opens a subscription of a modern session, as subscriptions/listen does.

        `filter` is what params.notifications would be. The acknowledgment is queued.
        """
        name, text, out = json_text(id), json_text(filter), c_uint64()
        self._call(
            LIBRARY.fanfare_listen,
            _number(stream),
            name,
            len(name),
            text,
            len(text),
            byref(out),
        )
        return Subscription(self.engine, out.value)

    def subscription(self, id: str | int) -> Subscription:
        """The subscription that a client opened by a subscriptions/listen with that request id."""
        name, out = json_text(id), c_uint64()
        self._call(LIBRARY.fanfare_subscription_find, name, len(name), byref(out))
        return Subscription(self.engine, out.value)

    # To whom to raise.

    def request(self, id: str | int) -> Request:
        """The target of what belongs to one request in flight: `to=session.request(7)`."""
        return Request(self, id)

    def others(self) -> Others:
        """The target of what all but this session are to hear: `to=session.others()`."""
        return Others(self)

    # Streams.

    def open_stream(self, kind: StreamKind) -> Stream:
        """Opens a stream, for transports with several ways out of one session (HTTP)."""
        out = c_uint64()
        self._call(LIBRARY.fanfare_stream_open, int(kind), byref(out))
        return self._stream(out.value)

    def resume_stream(self, last_event_id: str) -> Stream:
        """The client is back, and has every event of a stream up to that id."""
        data, out = last_event_id.encode(), c_uint64()
        self._call(LIBRARY.fanfare_stream_resume, data, len(data), byref(out))
        return self._stream(out.value)

    def default_stream(self) -> Stream:
        """The stream that it has without opening one, or its only one."""
        out = c_uint64()
        self._call(LIBRARY.fanfare_stream_default, byref(out))
        return self._stream(out.value)

    def _stream(self, number: int) -> Stream:
        return Stream(self, number)

    # Its life.

    def end(self, reason: End = End.GRACEFUL) -> None:
        """Says goodbye. What is queued and the closing frames can still be drained."""
        self._call(LIBRARY.fanfare_session_end, int(reason))

    def close(self) -> None:
        """The peer is gone: nothing more can be drained.

        Waits for a frame callback of the session that runs on another thread.
        """
        self._call(LIBRARY.fanfare_session_close)

    def pause(self) -> None:
        """Stops offering its output, because its socket is full, say."""
        self._call(LIBRARY.fanfare_session_pause)

    def resume(self) -> None:
        """Offers it again: after `pause`, or after a callback that said Verdict.NOT_NOW."""
        self._call(LIBRARY.fanfare_session_resume)

    def revision(self) -> Revision | None:
        """The revision that it lives by; None while none is negotiated."""
        out = c_uint32()
        self._call(LIBRARY.fanfare_session_revision, byref(out))
        return Revision(out.value) if out.value else None

    def stats(self) -> SessionCounters:
        """What the session has had and holds."""
        out = _abi.fanfare_session_counters(sizeof(_abi.fanfare_session_counters))
        self._call(LIBRARY.fanfare_session_stats, byref(out))
        return SessionCounters(*(getattr(out, field) for field in SessionCounters._fields))

    def _leave(self) -> None:
        self.close()

    def _text(self, function: Callable[..., int], text: str) -> None:
        data = text.encode()
        self._call(function, data, len(data))


def _number(stream: Stream | None) -> int:
    return 0 if stream is None else stream.number


def _received(source: _Numbered, function: Callable[..., int], most: int) -> list[Frame]:
    batch = LIBRARY.fanfare_batch_new()
    try:
        source._call(function, natural("most", most), batch)
        n = c_size_t()
        frames = LIBRARY.fanfare_batch_frames(batch, byref(n))
        return [
            (f.session, f.stream, f.flags, string_at(f.data.ptr, f.data.len))
            for f in frames[: n.value]
        ]
    finally:
        LIBRARY.fanfare_batch_free(batch)
