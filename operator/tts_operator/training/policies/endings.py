"""The findings about a training that has ended, for every policy that can end one."""

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
"""The findings once the voice is there. They are final: no later policy is asked."""


def given_up(reason: Reason, message: str) -> tuple[Finding, ...]:
    """The findings about a training that failed. They are final: no later policy is asked, and Scheduled stays."""
    return (Finding(ConditionType.FAILED, "True", reason, message, final=True), *_STOPPED)
