"""An engine of the library, who is in a call on it, and its end.

Nothing may be called on an engine once it is being freed, and Python frees whenever it likes: from
another thread, by garbage collection, at the interpreter's end. So each call is entered and left
here, and the end waits until everybody has left.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from ctypes import byref, c_void_p
from threading import get_ident
from typing import Final

from . import _abi
from ._errors import ClosedError, FanfareError, ForkedError, ReentrantError, checked, latest
from ._library import LIBRARY


class _Inside(threading.local):
    """The engines whose callbacks this thread is in, the innermost last."""

    def __init__(self) -> None:
        self.of: list[Handle] = []


inside: Final = _Inside()


class Handle:
    """An engine of the library. Knows nothing of Python's engine, so that that can be collected."""

    __slots__ = (
        "__weakref__",
        "_address",
        "_calls",
        "_ending",
        "_left",
        "_over",
        "callback_errors",
        "is_dispatching",
    )

    def __init__(self, config: int | None) -> None:
        self._calls: list[int] = []
        """The thread of each call that has not ended. To append and to remove is atomic."""
        self._over: type[FanfareError] | None = None
        self._left = threading.Event()
        self._ending = threading.Lock()
        self.callback_errors = 0
        self.is_dispatching = False
        address = c_void_p()
        checked(LIBRARY.fanfare_engine_new(config, byref(address)))
        self._address = address
        _living.add(self)

    @property
    def is_over(self) -> bool:
        """Whether every further call is refused."""
        return self._over is not None

    def call(self, function: Callable[..., int], *args: object) -> int:
        """Calls the library on this engine; raises what is an error."""
        status = self.plain(function, *args)
        if status < 0:
            raise latest(status)
        return status

    def plain(self, function: Callable[..., int], *args: object) -> int:
        """Calls the library on this engine, and gives what it returns."""
        calls, me = self._calls, get_ident()
        try:
            calls.append(me)
            if self._over is not None:
                raise self._refusal()
            return function(self._address, *args)
        finally:
            calls.remove(me)
            if self._over is not None:
                self._left.set()

    def close(self) -> None:
        """Frees the engine. When this returns no callback is running, and none will start."""
        # The second is also a signal handler that came in the middle of a call.
        if self in inside.of or get_ident() in self._calls:
            text = "an engine cannot be closed from inside a callback or a call of its own"
            raise ReentrantError(_abi.FANFARE_E_REENTRANT, text)
        with self._ending:
            if self._over is not None:
                return
            self._over = ClosedError
            while self._calls:
                self._left.clear()
                # One of those who wait leaves for each of these, and then sets the event.
                LIBRARY.fanfare_engine_wakeup(self._address)
                if self._calls:
                    self._left.wait()
            checked(LIBRARY.fanfare_engine_free(self._address))
            _living.discard(self)

    def collected(self) -> None:
        """The engine of Python's is no more, on whatever thread and in the middle of whatever."""
        if self._over is not None:
            return
        if not (self.is_dispatching or self in inside.of):
            self.close()
            return
        # Callbacks may be running, and may want a lock that this very thread holds.
        threading.Thread(target=self.close, name="fanfare-close").start()

    def forked(self) -> None:
        """This is the child: the engine's threads and locks stayed behind."""
        self._over = ForkedError

    def _refusal(self) -> FanfareError:
        if self._over is ForkedError:
            text = "the engine belongs to the parent process; make one after the fork"
            return ForkedError(_abi.FANFARE_E_STATE, text)
        return ClosedError(_abi.FANFARE_E_GONE, "the engine is closed")


_living: Final[weakref.WeakSet[Handle]] = weakref.WeakSet()


def _close_all() -> None:
    # While Python still runs: a callback that came later would find no interpreter.
    for handle in list(_living):
        handle.close()


def _forked() -> None:
    for handle in list(_living):
        handle.forked()
    _living.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
