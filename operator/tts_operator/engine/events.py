"""Events: a record for people in addition to the status. They are written last, and nothing depends on them.

The controllers decide what to report.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.objects import EVENT

logger = logging.getLogger(__name__)

REPORTER = "ttsoperator.dev/tts-operator"
NOTE_LIMIT = 1000
"""Longest note in characters; the API server takes 1024."""


@dataclass(frozen=True)
class Event:
    """One thing that happened to a resource."""

    type: Literal["Normal", "Warning"]
    reason: str
    note: str
    action: str = "Reconcile"


async def emit(api: Api, regarding: Mapping[str, Any], event: Event, now: datetime) -> None:
    """Write the event. A failure is only logged, because the status says the same already."""
    seed = f"{regarding['uid']} {event.reason} {event.note} {now.isoformat()}".encode()
    body = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {
            "name": f"{regarding['name']}.{hashlib.sha256(seed).hexdigest()[:16]}",
            "namespace": regarding["namespace"],
        },
        "eventTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "regarding": dict(regarding),
        "type": event.type,
        "reason": event.reason,
        "note": _shortened(event.note),
        "action": event.action,
        "reportingController": REPORTER,
        "reportingInstance": "tts-operator",
    }
    try:
        await api.create(EVENT, body)
    except ApiError as error:
        logger.info("an event was not written: %s", error)


def _shortened(note: str) -> str:
    """The note within its limit. The middle is left out of a long one, because its end is the remedy."""
    if len(note) <= NOTE_LIMIT:
        return note
    end = NOTE_LIMIT // 3
    return f"{note[: NOTE_LIMIT - end - 5]} ... {note[-end:]}"
