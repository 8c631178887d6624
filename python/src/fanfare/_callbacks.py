"""The functions that the library calls, one of each kind, and whom they call in turn.

They are made once and live as long as the module, so the library never calls what is gone. The
context that they are given is a number, under which a registration is found. It is held by its
engine alone and only looked up here: an engine whose callbacks refer to itself can be collected.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
import weakref
from collections.abc import Callable
from ctypes import string_at
from typing import Any, Final, TypeVar

from . import _abi
from ._handle import Handle, inside
from ._types import Access, AccessRequest, End, Lag, Level, Overflow, Topic, Verdict

_T = TypeVar("_T")
_numbers: Final = itertools.count(1)
_counting: Final = threading.Lock()
_registrations: Final[dict[int, weakref.ref[Registration]]] = {}


class Registration:
    """One callback that the library was given."""

    __slots__ = ("__weakref__", "_keeper", "function", "handle", "number")

    def __init__(self, function: Callable[..., Any], keeper: dict[int, Registration]) -> None:
        self.function = function
        self.handle: Handle | None = None
        self.number = next(_numbers)
        self._keeper = keeper
        keeper[self.number] = self
        _registrations[self.number] = weakref.ref(self)

    def forget(self) -> None:
        """It was not taken, or is not needed any more."""
        _registrations.pop(self.number, None)
        self._keeper.pop(self.number, None)


def _run(ctx: int | None, what: str, otherwise: _T, body: Callable[[Callable[..., Any]], _T]) -> _T:
    """Has `body` call the function that was registered; what goes wrong stays here."""
    found = _registrations.get(ctx or 0)
    registration = found() if found else None
    if registration is None or registration.handle is None:
        return otherwise
    handle = registration.handle
    inside.of.append(handle)
    try:
        return body(registration.function)
    except BaseException as error:
        with _counting:
            handle.callback_errors += 1
        _report(what, error)
        return otherwise
    finally:
        inside.of.pop()


def _report(what: str, error: BaseException) -> None:
    """Gives an exception to sys.unraisablehook, as ctypes does with those of its callbacks."""

    def callback() -> None:
        raise error

    callback.__qualname__ = f"fanfare {what}"
    ctypes.CFUNCTYPE(None)(callback)()


def _text(text: Any) -> str | None:
    return string_at(text.ptr, text.len).decode(errors="replace") if text.ptr else None


def _dropped(ctx: int | None) -> None:
    found = _registrations.pop(ctx or 0, None)
    registration = found() if found else None
    if registration is not None:
        registration.forget()


def _log(ctx: int | None, record: Any) -> None:
    line = record.contents

    def body(function: Callable[..., Any]) -> None:
        function(Level(line.level), _text(line.target) or "", _text(line.message) or "")

    _run(ctx, "on_log", None, body)


def _wake(ctx: int | None) -> None:
    _run(ctx, "on_wake", None, lambda function: function())


def _deadline(ctx: int | None) -> None:
    _run(ctx, "on_deadline", None, lambda function: function())


def _lag(ctx: int | None, lag: Any) -> None:
    of = lag.contents

    def body(function: Callable[..., Any]) -> None:
        function(Lag(of.session, of.queued_frames, of.queued_bytes, Overflow(of.policy)))

    _run(ctx, "on_lag", None, body)


def _session_end(ctx: int | None, session: int, reason: int, _user_data: int | None) -> None:
    _run(ctx, "on_session_end", None, lambda function: function(session, End(reason)))


def _stream_end(ctx: int | None, session: int, stream: int, _user_data: int | None) -> None:
    _run(ctx, "on_stream_end", None, lambda function: function(session, stream))


def _authorize(ctx: int | None, request: Any) -> int:
    of = request.contents

    def body(function: Callable[..., Any]) -> int:
        principal, name = _text(of.principal), _text(of.name)
        asked = AccessRequest(of.session, principal, Topic(of.topic), name, bool(of.is_again))
        answer = function(asked)
        if isinstance(answer, bool):
            return Access.ALLOW if answer else Access.REFUSE
        return int(Access(answer))

    return _run(ctx, "authorize", int(Access.REFUSE), body)


def _frame(ctx: int | None, frame: Any) -> int:
    of = frame.contents

    def body(function: Callable[..., Any]) -> int:
        data = string_at(of.data.ptr, of.data.len)
        verdict = function((of.session, of.stream, of.flags, data))
        return int(Verdict.ACCEPTED if verdict is None else Verdict(verdict))

    return _run(ctx, "frame callback", int(Verdict.NOT_NOW), body)


_messages: Final[dict[int, list[bytes]]] = {}


def _message(ctx: int | None, message: int | None, length: int) -> None:
    _messages[ctx or 0].append(string_at(message or 0, length))


def collect(call: Callable[[int], object]) -> list[bytes]:
    """The messages that `message` was given while `call` ran, with the context that it takes."""
    number, messages = next(_numbers), []  # type: int, list[bytes]
    _messages[number] = messages
    try:
        call(number)
    finally:
        del _messages[number]
    return messages


# What the library is given. The contexts are the numbers of registrations; `message` has its own.
dropped: Final = _abi.fanfare_drop_fn(_dropped)
log: Final = _abi.fanfare_log_fn(_log)
wake: Final = _abi.fanfare_wake_fn(_wake)
deadline: Final = _abi.fanfare_deadline_fn(_deadline)
lag: Final = _abi.fanfare_lag_fn(_lag)
session_end: Final = _abi.fanfare_session_end_fn(_session_end)
stream_end: Final = _abi.fanfare_stream_end_fn(_stream_end)
authorize: Final = _abi.fanfare_authorize_fn(_authorize)
frame: Final = _abi.fanfare_frame_fn(_frame)
message: Final = _abi.fanfare_message_fn(_message)
