"""Conditions on their way from one status to the next, and the events that tell of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tts_api.reasons import REASONS, ConditionType, Reason
from tts_api.resources.conditions import Truth
from tts_operator.engine.events import Event

MESSAGE_LIMIT = 2048
_ORDER = {member.value: place for place, member in enumerate(ConditionType)}


@dataclass(frozen=True)
class Finding:
    """One aspect as it was found now."""

    type: ConditionType
    status: Truth
    reason: Reason
    message: str = ""


def timestamp(now: datetime) -> str:
    """As Kubernetes writes a time, to the second."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def merge(
    old: Iterable[Mapping[str, Any]], findings: Iterable[Finding], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """The conditions with the findings in them; a transition time changes only with the status."""
    known = {condition["type"]: condition for condition in old}
    for finding in findings:
        before = known.get(finding.type.value, {})
        changed = before.get("status") != finding.status
        known[finding.type.value] = {
            "type": finding.type.value,
            "status": finding.status,
            "reason": finding.reason.value,
            "message": (finding.message or REASONS[finding.reason].meaning)[:MESSAGE_LIMIT],
            "lastTransitionTime": timestamp(now) if changed else before["lastTransitionTime"],
            "observedGeneration": generation,
        }
    return [dict(known[kind]) for kind in sorted(known, key=lambda kind: _ORDER.get(kind, len(_ORDER)))]


def holds(conditions: Iterable[Mapping[str, Any]], kind: ConditionType) -> bool:
    """Whether a condition is true."""
    return any(c["type"] == kind.value and c["status"] == "True" for c in conditions)


_QUIET = {
    Reason.NOT_COMPLETE,
    Reason.NOT_FAILED,
    Reason.NOT_SUSPENDED,
    Reason.PENDING,
    Reason.FINISHED,
    Reason.ACCEPTED,
    Reason.STARTING,
    Reason.MODEL_FOUND,
}


def tell(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> Iterator[Event]:
    """An event for each reason that was not there before and that somebody wants to hear of."""
    known = {(c["type"], c["reason"]) for c in old}
    told: set[str] = set()
    for condition in new:
        reason = condition["reason"]
        if (condition["type"], reason) in known or reason in told or Reason(reason) in _QUIET:
            continue
        told.add(reason)
        yield Event("Warning" if REASONS[Reason(reason)].remedy else "Normal", reason, condition["message"])
