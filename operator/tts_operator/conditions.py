"""Conditions: the findings of the policies, how they become a status, and which events report a change.

Everything here is pure. ``tts_api.reasons`` lists the types and the reasons; the policies decide what they find.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from tts_api.reasons import REASONS, ConditionType, Reason
from tts_api.resources.conditions import Condition, Truth
from tts_operator.engine.events import Event
from tts_operator.times import timestamp

MESSAGE_LIMIT = 2048
_ORDER = {member.value: place for place, member in enumerate(ConditionType)}
_QUIET_REASONS = {
    Reason.NOT_COMPLETE,
    Reason.NOT_FAILED,
    Reason.NOT_SUSPENDED,
    Reason.PENDING,
    Reason.FINISHED,
    Reason.ACCEPTED,
    Reason.STARTING,
    Reason.MODEL_FOUND,
}
"""Reasons that no event reports, because no user waits for them."""
_ASKED_FOR = {Reason.SUSPENDED, Reason.SCALED_TO_ZERO}
"""Reasons whose remedy undoes what the user asked for: no warning."""


@dataclass(frozen=True)
class Finding:
    """One condition as a policy finds it now."""

    type: ConditionType
    status: Truth
    reason: Reason
    message: str = ""
    """A sentence for the user; empty means the meaning of the reason, with its remedy."""
    final: bool = False
    """Whether the policy that finds this is the last one that is asked."""


class Status(Protocol):
    """The typed status of a kind, which has conditions."""

    def to_json_object(self) -> dict[str, Any]:
        """The status as JSON types, unset fields left out."""


def with_remedy(reason: Reason, message: str = "") -> str:
    """A message as a sentence, followed by the remedy of its reason. Without a message it is the reason's meaning."""
    explanation = REASONS[reason]
    sentence = (message or explanation.meaning).strip().rstrip(".")
    return f"{sentence}. {explanation.remedy}".strip()


def decode_conditions(status: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a stored status whose type this version knows.

    Conditions that cannot be read are left out here; ``encode_status`` keeps them in the status.
    """
    decoded = []
    for stored in status.get("conditions", ()):
        if stored.get("type") not in _ORDER:
            continue
        with contextlib.suppress(ValidationError):
            decoded.append(Condition.model_validate(stored))
    return tuple(decoded)


def holds_in(status: Mapping[str, Any], type_: ConditionType) -> bool:
    """Whether a stored status says that the condition of a type is True.

    Only type and status are looked at: a condition counts although its reason, message or time cannot be read.
    """
    stored = status.get("conditions", ())
    return any(condition.get("type") == type_ and condition.get("status") == "True" for condition in stored)


def encode_status(stored: Mapping[str, Any], status: Status) -> dict[str, Any]:
    """The status as it is written: ``status`` laid over the stored one.

    Fields and conditions that this version does not know or cannot read stay as they are stored.
    """
    document = status.to_json_object()
    conditions: dict[Any, Mapping[str, Any]] = {old.get("type"): old for old in stored.get("conditions", ())}
    for condition in document["conditions"]:
        old = conditions.get(condition["type"])
        # A condition that has not changed keeps members that only a newer version knows.
        if old is None or any(old.get(name, "") != value for name, value in condition.items()):
            conditions[condition["type"]] = condition
    ordered = sorted(conditions.values(), key=lambda condition: _place(condition.get("type")))
    return {**stored, **document, "conditions": [dict(condition) for condition in ordered]}


def merge(
    old: Iterable[Condition], findings: Iterable[Finding], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions after the findings, in the order of ConditionType.

    A condition without a finding stays. ``lastTransitionTime`` changes only with the status.
    """
    conditions = {condition.type: condition for condition in old}
    written = timestamp(now)
    for finding in findings:
        before = conditions.get(finding.type)
        message = (finding.message or with_remedy(finding.reason))[:MESSAGE_LIMIT]
        since = before.last_transition_time if before and before.status == finding.status else written
        conditions[finding.type.value] = Condition(
            type=finding.type.value,
            status=finding.status,
            reason=finding.reason.value,
            message=message,
            last_transition_time=since,
            observed_generation=generation,
        )
    return tuple(sorted(conditions.values(), key=lambda condition: _place(condition.type)))


def find(conditions: Iterable[Condition], type_: ConditionType) -> Condition | None:
    """The condition of a type, or None where there is none."""
    return next((condition for condition in conditions if condition.type == type_), None)


def holds(conditions: Iterable[Condition], type_: ConditionType) -> bool:
    """Whether the condition of a type is True."""
    found = find(conditions, type_)
    return found is not None and found.status == "True"


def explanation(conditions: Iterable[Condition], order: Iterable[tuple[ConditionType, Truth | None]]) -> str | None:
    """The reason of the first condition in ``order`` that is there with the status beside it; None stands for any."""
    found = {condition.type: condition for condition in conditions}
    for type_, status in order:
        condition = found.get(type_.value)
        if condition is not None and status in (None, condition.status):
            return condition.reason
    return None


def condition_events(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> Iterator[Event]:
    """One event for each reason in the new conditions that is not among the old ones; quiet reasons have none."""
    known = {(condition.get("type"), condition.get("reason")) for condition in old}
    told: set[str] = set()
    for condition in new:
        # A condition that another version stored may lack its reason.
        reason = condition.get("reason")
        if not reason or (condition.get("type"), reason) in known or reason in told or reason in _QUIET_REASONS:
            continue
        told.add(reason)
        warns = reason in REASONS and REASONS[Reason(reason)].remedy and reason not in _ASKED_FOR
        yield Event("Warning" if warns else "Normal", reason, condition.get("message", ""))


def _place(type_: str | None) -> int:
    return _ORDER.get(type_ or "", len(_ORDER))
