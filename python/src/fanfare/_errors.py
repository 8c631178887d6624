"""One exception for each status of the library that is an error."""

from __future__ import annotations

from ctypes import create_string_buffer
from typing import Final

from . import _abi
from ._library import LIBRARY


class FanfareError(Exception):
    """What the library refused to do. Nothing has changed then."""

    code: int
    """The status, as in the header: a negative number."""
    name: str
    """Its name, as in "FANFARE_E_GONE"."""
    detail: str
    """What was wrong with this call: names the argument, and the limit where there is one."""

    def __init__(self, code: int, detail: str) -> None:
        # The arguments as they are, so that the exception can be copied and pickled.
        super().__init__(code, detail)
        self.code = code
        self.name = LIBRARY.fanfare_status_name(code).decode()
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


class InvalidArgumentError(FanfareError):
    """An argument is outside what the call accepts."""


class NullError(FanfareError):
    """A pointer is NULL that must not be."""


class Utf8Error(FanfareError):
    """Text that has to be UTF-8 is not."""


class JsonError(FanfareError):
    """Text that has to be JSON (of a certain shape) is not."""


class GoneError(FanfareError):
    """What was named has ended: a session, a stream, a subscription, an engine."""


class StateError(FanfareError):
    """The call does not fit the state that its object is in."""


class ReentrantError(FanfareError):
    """The call was made from inside a callback that may not make it."""


class LimitError(FanfareError):
    """A limit would be exceeded; the detail names it."""


class NotNegotiatedError(FanfareError):
    """The session's revision, capabilities or profile do not admit it."""


class VersionError(FanfareError):
    """The library is older than what is asked of it."""


class SystemRefusedError(FanfareError):
    """The operating system refused."""


class PanicError(FanfareError):
    """The library failed inside, and caught it. A fault of the library: report it."""


class DeniedError(FanfareError):
    """The host itself refused the access, when its `authorize` was asked."""


class ClosedError(GoneError):
    """The engine was closed."""


class ForkedError(StateError):
    """The engine belongs to the process that this one was forked from. Make another one here."""


CLASSES: Final[dict[int, type[FanfareError]]] = {
    _abi.FANFARE_E_INVALID_ARGUMENT: InvalidArgumentError,
    _abi.FANFARE_E_NULL: NullError,
    _abi.FANFARE_E_UTF8: Utf8Error,
    _abi.FANFARE_E_JSON: JsonError,
    _abi.FANFARE_E_GONE: GoneError,
    _abi.FANFARE_E_STATE: StateError,
    _abi.FANFARE_E_REENTRANT: ReentrantError,
    _abi.FANFARE_E_LIMIT: LimitError,
    _abi.FANFARE_E_NOT_NEGOTIATED: NotNegotiatedError,
    _abi.FANFARE_E_VERSION: VersionError,
    _abi.FANFARE_E_OS: SystemRefusedError,
    _abi.FANFARE_E_PANIC: PanicError,
    _abi.FANFARE_E_DENIED: DeniedError,
}
"""Which class a status is raised as. One that is not here is a plain FanfareError."""


def natural(what: str, value: int, most: int = (1 << 32) - 1) -> int:
    """The value, if C can hold it: ctypes would quietly make another of it."""
    if not 0 <= value <= most:
        text = f"{what} is a whole number from 0 to {most}, not {value}"
        raise InvalidArgumentError(_abi.FANFARE_E_INVALID_ARGUMENT, text)
    return value


def latest(status: int) -> FanfareError:
    """The error of this thread's latest call, which came to `status`."""
    buffer = create_string_buffer(512)
    length = LIBRARY.fanfare_last_error(buffer, len(buffer))
    if length >= len(buffer):
        buffer = create_string_buffer(length + 1)
        LIBRARY.fanfare_last_error(buffer, len(buffer))
    detail = buffer.value.decode(errors="replace")
    return CLASSES.get(status, FanfareError)(status, detail)


def checked(status: int) -> int:
    """The status, unless it is an error, which is raised."""
    if status < 0:
        raise latest(status)
    return status
