"""What is found once a training has ended, whichever policy ends it."""

from __future__ import annotations

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding

_STOPPED = (
    Finding(ConditionType.PROGRESSING, "False", Reason.FINISHED),
    Finding(ConditionType.SUSPENDED, "False", Reason.NOT_SUSPENDED),
)

COMPLETED = (
    Finding(ConditionType.COMPLETE, "True", Reason.COMPLETED, final=True),
    Finding(ConditionType.SCHEDULED, "True", Reason.SCHEDULED),
    *_STOPPED,
)
"""The voice is there. No later policy is asked."""


def given_up(reason: Reason, message: str) -> tuple[Finding, ...]:
    """The training failed. No later policy is asked, and Scheduled stays as it was."""
    return (Finding(ConditionType.FAILED, "True", reason, message, final=True), *_STOPPED)
