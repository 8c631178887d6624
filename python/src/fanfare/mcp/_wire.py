"""From the engine's frames to the SDK's types."""

from __future__ import annotations

from mcp_types import (
    PromptListChangedNotification,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    ServerNotification,
    SubscriptionsAcknowledgedNotification,
    ToolListChangedNotification,
)

from .. import Revision

BEGIN = b'{"jsonrpc":"2.0","method":"'
"""How the engine's notifications begin, and its responses do not."""

EVENT = b"event: message\ndata: "
"""What comes before that with the framing for SSE."""

# By the method, as it stands in a frame after what all of them begin with.
_TYPES: dict[bytes, type[ServerNotification]] = {
    b"notifications/subscriptions/acknowledged": SubscriptionsAcknowledgedNotification,
    b"notifications/resources/updated": ResourceUpdatedNotification,
    b"notifications/resources/list_changed": ResourceListChangedNotification,
    b"notifications/tools/list_changed": ToolListChangedNotification,
    b"notifications/prompts/list_changed": PromptListChangedNotification,
}

REVISIONS = {revision.name[1:].replace("_", "-"): revision for revision in Revision}
"""By the names that the protocol has for them."""


def notification(frame: bytes) -> ServerNotification | None:
    """A notification that the engine has made, as the SDK sends one; None: it is a response."""
    begin = len(BEGIN)
    if frame[:begin] != BEGIN:
        return None
    # The type is read off, so that the JSON is looked at once only, and not by Python.
    model = _TYPES[frame[begin : frame.index(b'"', begin)]]
    return model.model_validate_json(frame, by_name=False)
