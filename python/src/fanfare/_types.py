"""The words of the library: its numbers by name, and what it reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from . import _abi

if TYPE_CHECKING:
    from ._session import Session


class Level(IntEnum):
    """How serious a log message is."""

    DEBUG = _abi.FANFARE_LEVEL_DEBUG
    INFO = _abi.FANFARE_LEVEL_INFO
    NOTICE = _abi.FANFARE_LEVEL_NOTICE
    WARNING = _abi.FANFARE_LEVEL_WARNING
    ERROR = _abi.FANFARE_LEVEL_ERROR
    CRITICAL = _abi.FANFARE_LEVEL_CRITICAL
    ALERT = _abi.FANFARE_LEVEL_ALERT
    EMERGENCY = _abi.FANFARE_LEVEL_EMERGENCY


class Profile(IntEnum):
    """The rules that a session lives by."""

    OPEN = _abi.FANFARE_PROFILE_OPEN
    LEGACY = _abi.FANFARE_PROFILE_LEGACY
    MODERN = _abi.FANFARE_PROFILE_MODERN
    AUTO = _abi.FANFARE_PROFILE_AUTO


class Revision(IntEnum):
    """The revisions of the protocol."""

    R2024_11_05 = _abi.FANFARE_REVISION_2024_11_05
    R2025_03_26 = _abi.FANFARE_REVISION_2025_03_26
    R2025_06_18 = _abi.FANFARE_REVISION_2025_06_18
    R2025_11_25 = _abi.FANFARE_REVISION_2025_11_25
    R2026_07_28 = _abi.FANFARE_REVISION_2026_07_28


class Framing(IntEnum):
    """How frames are delimited."""

    NDJSON = _abi.FANFARE_FRAMING_NDJSON
    JSON = _abi.FANFARE_FRAMING_JSON
    SSE = _abi.FANFARE_FRAMING_SSE


class Overflow(IntEnum):
    """What happens to an event that finds its session's queue full."""

    DEFAULT = _abi.FANFARE_OVERFLOW_DEFAULT
    DROP_OLDEST = _abi.FANFARE_OVERFLOW_DROP_OLDEST
    DROP_NEWEST = _abi.FANFARE_OVERFLOW_DROP_NEWEST
    CLOSE = _abi.FANFARE_OVERFLOW_CLOSE


class End(IntEnum):
    """Why a session or a subscription ended."""

    GRACEFUL = _abi.FANFARE_END_GRACEFUL
    CANCELLED = _abi.FANFARE_END_CANCELLED
    DISCONNECTED = _abi.FANFARE_END_DISCONNECTED
    LAGGED = _abi.FANFARE_END_LAGGED
    LIMIT = _abi.FANFARE_END_LIMIT
    REVOKED = _abi.FANFARE_END_REVOKED
    SHUTDOWN = _abi.FANFARE_END_SHUTDOWN


class StreamKind(IntEnum):
    """What a stream is for."""

    DUPLEX = _abi.FANFARE_STREAM_DUPLEX
    LISTEN = _abi.FANFARE_STREAM_LISTEN
    REQUEST = _abi.FANFARE_STREAM_REQUEST
    STANDALONE = _abi.FANFARE_STREAM_STANDALONE


class Disposition(IntEnum):
    """What became of a message that was received."""

    HANDLED = _abi.FANFARE_HANDLED
    PASS = _abi.FANFARE_PASS


class Topic(IntEnum):
    """A thing that can change."""

    ANY = _abi.FANFARE_TOPIC_ANY
    TOOL_LIST = _abi.FANFARE_TOPIC_TOOL_LIST
    PROMPT_LIST = _abi.FANFARE_TOPIC_PROMPT_LIST
    RESOURCE_LIST = _abi.FANFARE_TOPIC_RESOURCE_LIST
    RESOURCE = _abi.FANFARE_TOPIC_RESOURCE
    TASK = _abi.FANFARE_TOPIC_TASK


class Access(IntEnum):
    """The answer of an `authorize` hook."""

    ALLOW = _abi.FANFARE_ACCESS_ALLOW
    OMIT = _abi.FANFARE_ACCESS_OMIT
    REFUSE = _abi.FANFARE_ACCESS_REFUSE


class Verdict(IntEnum):
    """The answer of a frame callback."""

    ACCEPTED = _abi.FANFARE_VERDICT_ACCEPTED
    NOT_NOW = _abi.FANFARE_VERDICT_NOT_NOW
    GONE = _abi.FANFARE_VERDICT_GONE


LAST: int = _abi.FANFARE_FRAME_LAST
"""In the flags of a frame: nothing follows on its stream; once written, close the connection."""


Frame: TypeAlias = tuple[int, int, int, bytes]
"""What is drained: the session's number, the stream's, the flags (LAST or 0), and the bytes."""


class Lag(NamedTuple):
    """A session that does not keep up."""

    session: int
    queued_frames: int
    queued_bytes: int
    policy: Overflow


class AccessRequest(NamedTuple):
    """May the client of that session hear of that topic?"""

    session: int
    principal: str | None
    topic: Topic
    name: str | None
    is_again: bool


class Revoked(NamedTuple):
    """What `Engine.revoke` found and did."""

    asked: int
    withdrawn: int
    restored: int
    ended: int


class SessionCounters(NamedTuple):
    """What a session has had and holds; the header says what each number counts."""

    queued_frames: int
    queued_bytes: int
    delivered: int
    merged: int
    dropped: int
    subscriptions: int
    requests: int


class Counters(NamedTuple):
    """What an engine has done and holds; the header says what each number counts."""

    raised: int
    matched: int
    merged: int
    delivered: int
    delivered_bytes: int
    dropped: int
    lagged: int
    received: int
    rejected: int
    heavy: int
    progress_refused: int
    sessions: int
    streams: int
    subscriptions: int
    links: int
    topics: int
    requests: int
    queued_frames: int
    queued_bytes: int
    limited: int


@dataclass(frozen=True, slots=True)
class Request:
    """The target of what belongs to one request in flight of a session."""

    session: Session
    id: str | int


@dataclass(frozen=True, slots=True)
class Others:
    """The target of what everybody but one session is to hear."""

    session: Session


@dataclass(frozen=True, slots=True)
class Principal:
    """The target of what all sessions of one principal are to hear."""

    name: str


Option: TypeAlias = str | int | Mapping[str, object]
"""The value of a configuration key; a mapping becomes JSON."""

FrameCallback: TypeAlias = Callable[[Frame], "Verdict | None"]
"""Takes one frame. None is as good as Verdict.ACCEPTED; an exception counts as NOT_NOW."""


def json_text(value: object) -> bytes:
    """The JSON text of a value. Bytes are JSON text already."""
    if isinstance(value, bytes):
        return value
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()
