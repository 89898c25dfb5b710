"""Suspension: ``runPolicy.suspend`` stops the Job and lets it go on, unless a queue decides when it runs."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding, find, holds, with_remedy
from tts_operator.engine.actions import Action, Patch
from tts_operator.engine.objects import JOB
from tts_operator.policy import Policy
from tts_operator.training.situation import TrainingSituation

SUSPENDED = Finding(ConditionType.SUSPENDED, "True", Reason.SUSPENDED, with_remedy(Reason.SUSPENDED))
"""The finding about a training that the user suspended."""


class Suspension(Policy[TrainingSituation]):
    """The Job's ``suspend`` follows the spec; with a queue label the queue alone sets it."""

    def actions(self, situation: TrainingSituation, /) -> Iterator[Action]:
        """Suspend the Job or let it go on."""
        job = situation.observed.job
        if job is None or not situation.observed.owns_job or job.complete or job.failed_reason or situation.in_queue:
            return
        wanted = situation.training.spec.run_policy.suspend
        if job.suspended != wanted:
            yield Patch(JOB, situation.child_key, {"spec": {"suspend": wanted}})

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Suspended, with who suspended the Job. Meanwhile Scheduled and Progressing are False."""
        observed, wanted = situation.observed, situation.training.spec.run_policy.suspend
        # A Job that is still to be made begins suspended if there is a queue.
        suspended = observed.job.suspended if observed.job and observed.owns_job else wanted or situation.in_queue
        if not suspended:
            yield Finding(ConditionType.SUSPENDED, "False", _not_suspended(situation))
            return
        queued = situation.in_queue and not wanted
        yield Finding(ConditionType.SUSPENDED, "True", Reason.QUEUED) if queued else SUSPENDED
        reason = Reason.QUEUED if queued else Reason.SUSPENDED
        yield Finding(ConditionType.SCHEDULED, "False", reason)
        yield Finding(ConditionType.PROGRESSING, "False", reason)


def _not_suspended(situation: TrainingSituation) -> Reason:
    """The reason of Suspended = False. It stays Resumed until the end for a training that was suspended once."""
    conditions = situation.observed.conditions
    before = find(conditions, ConditionType.SUSPENDED)
    resumed = before is not None and before.reason == Reason.RESUMED.value
    return Reason.RESUMED if resumed or holds(conditions, ConditionType.SUSPENDED) else Reason.NOT_SUSPENDED
