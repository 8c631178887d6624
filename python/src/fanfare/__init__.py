"""fanfare: the notification half of an MCP server.

    import fanfare

    with fanfare.Engine() as engine, engine.open() as session:
        engine.resource_updated("doc://7")
        print(session.read().decode())

An engine is given the JSON-RPC messages that clients send (`Session.receive`) and the changes that
an application makes (`Engine.resource_updated` and its like). It decides who must hear of each
change, in which revision of the protocol, and hands back framed bytes (`Engine.drain`): in order,
bounded in memory, and with no client ever able to delay another. `fanfare.aio` is the same for
asyncio and trio.
"""

from ._engine import KEYS, Engine, Target
from ._errors import (
    ClosedError,
    DeniedError,
    FanfareError,
    ForkedError,
    GoneError,
    InvalidArgumentError,
    JsonError,
    LimitError,
    NotNegotiatedError,
    NullError,
    PanicError,
    ReentrantError,
    StateError,
    SystemRefusedError,
    Utf8Error,
    VersionError,
)
from ._library import LIBRARY as _LIBRARY
from ._session import Session, Stream, Subscription
from ._types import (
    LAST,
    Access,
    AccessRequest,
    Counters,
    Disposition,
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
    SessionCounters,
    StreamKind,
    Topic,
    Verdict,
)

__version__: str = _LIBRARY.fanfare_version_string().decode()
"""The version of the library that is loaded."""

__all__ = [
    "KEYS",
    "LAST",
    "Access",
    "AccessRequest",
    "ClosedError",
    "Counters",
    "DeniedError",
    "Disposition",
    "End",
    "Engine",
    "FanfareError",
    "ForkedError",
    "Frame",
    "FrameCallback",
    "Framing",
    "GoneError",
    "InvalidArgumentError",
    "JsonError",
    "Lag",
    "Level",
    "LimitError",
    "NotNegotiatedError",
    "NullError",
    "Option",
    "Others",
    "Overflow",
    "PanicError",
    "Principal",
    "Profile",
    "ReentrantError",
    "Request",
    "Revision",
    "Revoked",
    "Session",
    "SessionCounters",
    "StateError",
    "Stream",
    "StreamKind",
    "Subscription",
    "SystemRefusedError",
    "Target",
    "Topic",
    "Utf8Error",
    "Verdict",
    "VersionError",
]
