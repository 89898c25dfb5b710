"""Times as Kubernetes and the pods write them. What a time means is decided elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Stands for a time that is not known where times are compared."""


def timestamp(time: datetime) -> str:
    """The time as Kubernetes writes it: in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str | None) -> datetime | None:
    """The time that an RFC 3339 text gives; None for no text and for one that cannot be read."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
