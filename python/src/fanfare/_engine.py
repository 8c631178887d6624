"""The engine: everything that is raised, and everything that is drained."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Mapping
from ctypes import (
    Array,
    Structure,
    byref,
    c_char,
    c_char_p,
    c_size_t,
    c_uint64,
    c_void_p,
    cast,
    create_string_buffer,
    sizeof,
    string_at,
)
from math import ceil
from struct import Struct
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from . import _abi, _callbacks
from ._callbacks import Registration
from ._errors import InvalidArgumentError, checked, natural
from ._handle import Handle
from ._library import LIBRARY
from ._session import Session
from ._types import (
    Access,
    AccessRequest,
    Counters,
    End,
    Frame,
    FrameCallback,
    Framing,
    Lag,
    Level,
    Option,
    Others,
    Overflow,
    Principal,
    Profile,
    Request,
    Revision,
    Revoked,
    Topic,
    json_text,
)

if TYPE_CHECKING:
    from typing_extensions import Self

Target: TypeAlias = Session | Request | Others | Principal
"""To whom something is raised; None is everybody whose rules admit it."""

Context: TypeAlias = Mapping[str, object] | bytes
"""An object whose members land in params._meta, so that a client may be spared a second request."""

KEYS: Final[list[dict[str, str]]] = json.loads(LIBRARY.fanfare_config_schema())
"""Every configuration key: key, takes, default, doc."""

_BY_KEYWORD: Final = {row["key"].replace(".", "_"): row["key"] for row in KEYS}

# As fanfare_record: session, stream, flags, length. 24 bytes.
_RECORD: Final = Struct("=QQII")
_BUFFER_BYTES: Final = 1 << 18
_DRAIN_BYTES: Final = 1 << 22
# A wait without an end is one of many, or ctrl-C would have to wait too.
_SLICE_MS: Final = 250
_LONGEST_MS: Final = (1 << 31) - 1

_SessionT = TypeVar("_SessionT", bound=Session)


class BaseEngine(Generic[_SessionT]):
    """What the engines of this package have in common, whatever their sessions are."""

    __slots__ = ("__weakref__", "_buffers", "_finalizer", "_handle", "_is_woken", "_registrations")

    def __init__(
        self,
        config: Mapping[str, Option] | None = None,
        *,
        on_log: Callable[[Level, str, str], object] | None = None,
        log_level: Level = Level.INFO,
        on_lag: Callable[[Lag], object] | None = None,
        on_session_end: Callable[[int, End], object] | None = None,
        on_stream_end: Callable[[int, int], object] | None = None,
        on_wake: Callable[[], object] | None = None,
        on_deadline: Callable[[], object] | None = None,
        authorize: Callable[[AccessRequest], Access | bool] | None = None,
        **options: Option,
    ) -> None:
        """Makes an engine.

        `config` has the keys of docs/CONFIGURATION.md; as keywords they are written with an
        underscore for each dot. The hooks are called on the thread whose call caused it, with no
        lock held, and may call everything but `close`. What one of them raises goes to
        sys.unraisablehook and is counted (`callback_errors`); an `authorize` that raises refuses.
        """
        self._registrations: dict[int, Registration] = {}
        self._buffers: list[Array[c_char]] = []
        self._is_woken = False
        hooks: list[tuple[Callable[..., Any] | None, Callable[..., int], tuple[object, ...]]] = [
            (on_log, LIBRARY.fanfare_config_set_log, (int(log_level), _callbacks.log)),
            (on_lag, LIBRARY.fanfare_config_set_lag, (_callbacks.lag,)),
            (on_session_end, LIBRARY.fanfare_config_set_session_end, (_callbacks.session_end,)),
            (on_stream_end, LIBRARY.fanfare_config_set_stream_end, (_callbacks.stream_end,)),
            (on_wake, LIBRARY.fanfare_config_set_wake, (_callbacks.wake,)),
            (on_deadline, LIBRARY.fanfare_config_set_deadline, (_callbacks.deadline,)),
            (authorize, LIBRARY.fanfare_config_set_authorize, (_callbacks.authorize,)),
        ]
        address = LIBRARY.fanfare_config_new()
        try:
            for key, value in _all(config, options).items():
                text = json_text(value) if isinstance(value, Mapping) else str(value).encode()
                checked(LIBRARY.fanfare_config_set(address, _line(key, key), _line(key, text)))
            for function, set_hook, arguments in hooks:
                if function is not None:
                    self._register(function, set_hook, address, *arguments)
            self._handle = Handle(address)
        finally:
            LIBRARY.fanfare_config_free(address)
        for registration in self._registrations.values():
            registration.handle = self._handle
        self._finalizer = weakref.finalize(self, self._handle.collected)
        # At the interpreter's end handles are closed by themselves, whoever holds them.
        self._finalizer.atexit = False

    def _register(
        self, function: Callable[..., Any], call: Callable[..., int], *arguments: object
    ) -> Registration:
        """Has the library call `function`; the last argument is the trampoline for it."""
        registration = Registration(function, self._registrations)
        try:
            checked(call(*arguments, registration.number, _callbacks.dropped))
        except BaseException:
            registration.forget()
            raise
        return registration

    # Its life.

    def close(self) -> None:
        """Frees the engine with everything in it. Twice is once.

        Threads that are in `wait` are made to leave; calls and callbacks that are running are
        waited for. Every later call raises ClosedError. Not from inside a callback.
        """
        self._handle.close()

    @property
    def is_closed(self) -> bool:
        """Whether every further call is refused."""
        return self._handle.is_over

    @property
    def callback_errors(self) -> int:
        """How many exceptions hooks and frame callbacks have raised."""
        return self._handle.callback_errors

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Sessions.

    def _session(self, number: int) -> _SessionT:
        raise NotImplementedError

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
    ) -> _SessionT:
        """Opens a session. The zeros stand for what the engine's configuration says.

        It lives until it is closed or ends: also when nobody holds the object any more.
        """
        params = _abi.fanfare_session_params(
            sizeof(_abi.fanfare_session_params),
            int(profile),
            int(revision or 0),
            int(handshake),
            int(framing),
            int(overflow),
            natural("max_queued_frames", max_queued_frames),
            natural("max_queued_bytes", max_queued_bytes),
        )
        kept = [
            _set(params, "capabilities", None if capabilities is None else json_text(capabilities)),
            _set(params, "principal", None if principal is None else principal.encode()),
        ]
        number = c_uint64()
        self._handle.call(LIBRARY.fanfare_session_open, byref(params), byref(number))
        del kept
        return self._session(number.value)

    # What is raised. Each says how many subscriptions, or for an event sessions, it reached.

    def resource_updated(
        self, uri: str, *, to: Target | None = None, context: Context | None = None
    ) -> int:
        """Raises notifications/resources/updated for one resource."""
        data = uri.encode()
        return self._raise(
            LIBRARY.fanfare_notify_resource_updated, data, len(data), to=to, context=context
        )

    def tool_list_changed(self, *, to: Target | None = None, context: Context | None = None) -> int:
        """Raises notifications/tools/list_changed."""
        return self._raise(LIBRARY.fanfare_notify_tool_list_changed, to=to, context=context)

    def prompt_list_changed(
        self, *, to: Target | None = None, context: Context | None = None
    ) -> int:
        """Raises notifications/prompts/list_changed."""
        return self._raise(LIBRARY.fanfare_notify_prompt_list_changed, to=to, context=context)

    def resource_list_changed(
        self, *, to: Target | None = None, context: Context | None = None
    ) -> int:
        """Raises notifications/resources/list_changed."""
        return self._raise(LIBRARY.fanfare_notify_resource_list_changed, to=to, context=context)

    def progress(
        self,
        token: str | int,
        progress: float,
        total: float | None = None,
        message: str | None = None,
        *,
        to: Target | None = None,
        context: Context | None = None,
    ) -> int:
        """Raises notifications/progress. `progress` must grow, or it reaches nobody.

        Clients choose their tokens each for itself: name the session or the request by `to`,
        unless only one can be meant.
        """
        name = json_text(token)
        text = None if message is None else message.encode()
        return self._raise(
            LIBRARY.fanfare_notify_progress,
            name,
            len(name),
            progress,
            float("nan") if total is None else total,
            text,
            len(text or b""),
            to=to,
            context=context,
        )

    def log(
        self,
        level: Level,
        data: object,
        logger: str | None = None,
        *,
        to: Target | None = None,
        context: Context | None = None,
    ) -> int:
        """Raises notifications/message, a log message for clients; `data` is any JSON value.

        Modern clients hear of it only within a request: name it by `to=session.request(id)`.
        """
        function = LIBRARY.fanfare_notify_logging_message
        return self._say(function, level, data, logger, to, context)

    def alert(
        self,
        level: Level,
        data: object,
        logger: str | None = None,
        *,
        to: Target | None = None,
        context: Context | None = None,
    ) -> int:
        """As `log`, for what is wrong: refuses a level below Level.WARNING."""
        return self._say(LIBRARY.fanfare_notify_alert, level, data, logger, to, context)

    def task(
        self, params: object, *, to: Target | None = None, context: Context | None = None
    ) -> int:
        """Raises notifications/tasks (2026-07-28): a task is what `params` say, a DetailedTask."""
        text = json_text(params)
        return self._raise(LIBRARY.fanfare_notify_task, text, len(text), to=to, context=context)

    def task_status(
        self, params: object, *, to: Target | None = None, context: Context | None = None
    ) -> int:
        """Raises notifications/tasks/status (2025-11-25): a task is what `params` say, a Task."""
        text = json_text(params)
        function = LIBRARY.fanfare_notify_task_status
        return self._raise(function, text, len(text), to=to, context=context)

    def notify(
        self,
        method: str,
        params: object = None,
        *,
        to: Target | None = None,
        context: Context | None = None,
    ) -> int:
        """Raises any notification, by its full name, as in "notifications/build/done".

        What the protocol knows goes by the protocol's rules, as if raised by its own method.
        """
        name, text = method.encode(), None if params is None else json_text(params)
        return self._raise(
            LIBRARY.fanfare_notify,
            name,
            len(name),
            text,
            len(text or b""),
            to=to,
            context=context,
        )

    def _say(
        self,
        function: Callable[..., int],
        level: Level,
        data: object,
        logger: str | None,
        to: Target | None,
        context: Context | None,
    ) -> int:
        who, text = None if logger is None else logger.encode(), json_text(data)
        size = len(who or b"")
        return self._raise(function, int(level), who, size, text, len(text), to=to, context=context)

    def _raise(
        self,
        function: Callable[..., int],
        *arguments: object,
        to: Target | None,
        context: Context | None,
    ) -> int:
        matched = c_size_t()
        if to is None and context is None:
            self._handle.call(function, *arguments, None, byref(matched))
            return matched.value
        to_whom = _abi.fanfare_raise(sizeof(_abi.fanfare_raise))
        # What the struct points to, until the call is over.
        kept = [_set(to_whom, "context", None if context is None else json_text(context))]
        if isinstance(to, Principal):
            to_whom.target = _abi.FANFARE_TARGET_PRINCIPAL
            kept.append(_set(to_whom, "principal", to.name.encode()))
        elif isinstance(to, Others):
            to_whom.target, to_whom.session = _abi.FANFARE_TARGET_EXCEPT, to.session.number
        elif isinstance(to, Request):
            to_whom.target, to_whom.session = _abi.FANFARE_TARGET_REQUEST, to.session.number
            kept.append(_set(to_whom, "request", json_text(to.id)))
        elif to is not None:
            to_whom.target, to_whom.session = _abi.FANFARE_TARGET_SESSION, to.number
        self._handle.call(function, *arguments, byref(to_whom), byref(matched))
        del kept
        return matched.value

    # What is drained.

    def drain(self, limit: int = _DRAIN_BYTES) -> list[Frame]:
        """Takes what waits, of all sessions: (session, stream, flags, bytes) each.

        Stops when some `limit` bytes are taken, or nothing is left; what is not taken stays
        queued. Empty when nothing waits. Sessions with a frame callback are left to it.
        """
        frames: list[Frame] = []
        append, unpack, call = frames.append, _RECORD.unpack_from, self._handle.call
        # Several threads may drain: a buffer belongs to one of them at a time.
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = create_string_buffer(_BUFFER_BYTES)
        length, taken = c_size_t(), 0
        try:
            while taken < limit:
                size = min(len(buffer), max(limit - taken, _RECORD.size))
                status = call(LIBRARY.fanfare_drain, buffer, size, byref(length))
                if status == _abi.FANFARE_EMPTY:
                    break
                if status == _abi.FANFARE_TRUNCATED:
                    if frames and taken + length.value > limit:
                        break
                    # One that is larger than all that was asked for comes alone.
                    limit = max(limit, taken + length.value)
                    if length.value > len(buffer):
                        buffer = create_string_buffer(length.value)
                    continue
                filled, at = string_at(buffer, length.value), 0
                end = len(filled)
                taken += end
                while at < end:
                    session, stream, flags, size = unpack(filled, at)
                    start = at + 24
                    stop = start + size
                    append((session, stream, flags, filled[start:stop]))
                    at = stop + 7 & -8
        finally:
            if len(buffer) == _BUFFER_BYTES:
                self._buffers.append(buffer)
        return frames

    def wait(self, timeout: float | None = None, most: int = 64) -> list[int]:
        """Waits up to `timeout` seconds (None: no bound) until there is output.

        Returns the numbers of up to `most` sessions that have some; none when the time is over,
        or `wakeup` was called. Does what has become due by the machine's clock meanwhile.
        """
        ready, n = (c_uint64 * most)(), c_size_t()
        until = None if timeout is None else monotonic() + timeout
        in_slices = threading.current_thread() is threading.main_thread()
        while True:
            left = -1 if until is None else min(ceil((until - monotonic()) * 1000), _LONGEST_MS)
            if until is not None:
                left = max(left, 0)
            if in_slices and not 0 <= left <= _SLICE_MS:
                left = _SLICE_MS
            status = self._handle.call(LIBRARY.fanfare_engine_wait, left, ready, most, byref(n))
            if status == _abi.FANFARE_OK:
                return list(ready[: n.value])
            is_late = until is not None and monotonic() >= until
            if self._is_woken or is_late or not in_slices:
                self._is_woken = False
                return []

    def wakeup(self) -> None:
        """Makes the `wait` that is waiting now, or else the next one, return at once."""
        self._is_woken = True
        self._handle.call(LIBRARY.fanfare_engine_wakeup)

    def fileno(self) -> int:
        """A descriptor for poll or an event loop: readable exactly while there is output.

        Do not read from it and do not close it. -1 where the platform has none.
        """
        return self._handle.plain(LIBRARY.fanfare_engine_fd)

    # Time.

    def tick(self) -> float | None:
        """Does what has become due by the machine's clock.

        Returns the seconds that may pass until it wants to be called again, or None. `wait` does
        it by itself; a loop that polls `fileno` calls this after each round, and when
        `on_deadline` says that something is due sooner.
        """
        ms = c_uint64()
        self._handle.call(LIBRARY.fanfare_engine_tick, byref(ms))
        return None if ms.value == _abi.FANFARE_NEVER else ms.value / 1000

    def advance(self, now_ms: int) -> int | None:
        """Moves the time of an engine with clock=manual, and does what has become due.

        Returns the time in milliseconds at which it wants to be called again, or None.
        """
        ms, now_ms = c_uint64(), natural("now_ms", now_ms, _abi.FANFARE_NEVER - 1)
        self._handle.call(LIBRARY.fanfare_engine_advance, now_ms, byref(ms))
        return None if ms.value == _abi.FANFARE_NEVER else ms.value

    def now_ms(self) -> int:
        """The engine's time in milliseconds: from its own beginning, or as `advance` last said."""
        ms = c_uint64()
        self._handle.call(LIBRARY.fanfare_engine_now, byref(ms))
        return ms.value

    def next_deadline_ms(self) -> int | None:
        """The time at which something will be due, on the same scale."""
        ms = c_uint64()
        self._handle.call(LIBRARY.fanfare_engine_next_deadline, byref(ms))
        return None if ms.value == _abi.FANFARE_NEVER else ms.value

    # Callbacks for frames.

    def on_frame(self, callback: FrameCallback) -> None:
        """Has `callback` take the frames of every session that has none of its own.

        They come within `dispatch`, or on dispatcher threads, and no longer by `drain`. For one
        session callbacks never overlap. One that raises counts as Verdict.NOT_NOW: the frames
        stay queued until the session is resumed.
        """
        self._on_frame(LIBRARY.fanfare_engine_on_frame, callback)

    def _on_frame(self, function: Callable[..., int], callback: FrameCallback, *of: int) -> None:
        registration = Registration(callback, self._registrations)
        registration.handle = self._handle
        arguments = (*of, _callbacks.frame, registration.number, _callbacks.dropped)
        try:
            self._handle.call(function, *arguments)
        except BaseException:
            registration.forget()
            raise

    def dispatch(self, most: int = 1024) -> int:
        """Runs the frame callbacks on this thread; returns how many frames were accepted."""
        n = c_size_t()
        self._handle.call(LIBRARY.fanfare_dispatch, natural("most", most), byref(n))
        return n.value

    def start_dispatcher(self, threads: int = 1) -> None:
        """Starts threads that wait for output and run the frame callbacks."""
        self._handle.call(LIBRARY.fanfare_dispatcher_start, natural("threads", threads))
        self._handle.is_dispatching = True

    def stop_dispatcher(self) -> None:
        """Stops them. When this returns none of their callbacks is running."""
        self._handle.call(LIBRARY.fanfare_dispatcher_stop)
        self._handle.is_dispatching = False

    # Questions.

    def subscriber_count(self, uri: str) -> int:
        """How many subscriptions would hear of an update of a resource."""
        data, n = uri.encode(), c_size_t()
        self._handle.call(LIBRARY.fanfare_subscriber_count, data, len(data), byref(n))
        return n.value

    def revoke(
        self, principal: str | None = None, topic: Topic = Topic.ANY, name: str | None = None
    ) -> Revoked:
        """Has `authorize` asked again whether a principal (None: each) may hear of a topic.

        When this returns, nothing is delivered any more that was not allowed anew.
        """
        who = None if principal is None else principal.encode()
        what = None if name is None else name.encode()
        out = _abi.fanfare_revoked()
        self._handle.call(
            LIBRARY.fanfare_revoke,
            who,
            len(who or b""),
            int(topic),
            what,
            len(what or b""),
            byref(out),
        )
        return Revoked(out.asked, out.withdrawn, out.restored, out.ended)

    def stats(self) -> Counters:
        """What the engine has done and holds."""
        out = _abi.fanfare_counters(sizeof(_abi.fanfare_counters))
        self._handle.call(LIBRARY.fanfare_engine_stats, byref(out))
        return Counters(*(getattr(out, field) for field in Counters._fields))

    def prometheus(self) -> str:
        """The same as Prometheus text."""
        length, size = c_size_t(), 1 << 13
        while True:
            text = create_string_buffer(size)
            status = self._handle.call(
                LIBRARY.fanfare_engine_stats_text,
                _abi.FANFARE_STATS_PROMETHEUS,
                text,
                size,
                byref(length),
            )
            if status == _abi.FANFARE_OK:
                return text.value.decode()
            size = length.value + 64


class Engine(BaseEngine[Session]):
    """An engine: decides who must hear of what is raised, and hands back frames.

    Every method may be called from any thread at any time, and none but `wait` waits.
    """

    __slots__ = ()

    def _session(self, number: int) -> Session:
        return Session(self, number)

    def session(self, number: int) -> Session:
        """The session with that number, which what is drained and the hooks give."""
        return Session(self, number)


def _all(config: Mapping[str, Option] | None, options: Mapping[str, Option]) -> dict[str, Option]:
    """The configuration by its keys: what was given so, and what was given by keywords."""
    keywords = {_BY_KEYWORD.get(word, word): value for word, value in options.items()}
    return {**(config or {}), **keywords}


def _line(key: str, text: str | bytes) -> bytes:
    """Text as C ends it: at the first NUL, so there must be none in it."""
    data = text.encode() if isinstance(text, str) else text
    if b"\0" in data:
        why = f"{key!r}: a key and its value hold no NUL"
        raise InvalidArgumentError(_abi.FANFARE_E_INVALID_ARGUMENT, why)
    return data


def _set(struct: Structure, field: str, data: bytes | None) -> bytes | None:
    """Points a text field at bytes; they must be kept until the struct is used no more."""
    if data is not None:
        setattr(struct, field, _abi.fanfare_str(cast(c_char_p(data), c_void_p).value, len(data)))
    return data
