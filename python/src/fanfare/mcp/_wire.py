"""From the engine's frames to the SDK's types."""

from __future__ import annotations

from typing import Any

from mcp_types import (
    PromptListChangedNotification,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    ServerNotification,
    SubscriptionsAcknowledgedNotification,
    ToolListChangedNotification,
)

from .. import Revision

_TYPES: dict[str, type[ServerNotification]] = {
    "notifications/subscriptions/acknowledged": SubscriptionsAcknowledgedNotification,
    "notifications/resources/updated": ResourceUpdatedNotification,
    "notifications/resources/list_changed": ResourceListChangedNotification,
    "notifications/tools/list_changed": ToolListChangedNotification,
    "notifications/prompts/list_changed": PromptListChangedNotification,
}


REVISIONS = {revision.name[1:].replace("_", "-"): revision for revision in Revision}
"""By the names that the protocol has for them."""


def notification(message: dict[str, Any]) -> ServerNotification:
    """A notification that the engine has made, as the SDK sends one."""
    return _TYPES[message["method"]].model_validate(message, by_name=False)
