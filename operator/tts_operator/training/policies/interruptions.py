"""Interruptions in vain: a training whose pods are interrupted again and again before a new checkpoint is given up."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import Reason
from tts_api.report import ExitCode
from tts_operator.conditions import Finding, with_remedy
from tts_operator.engine.actions import Action, Patch
from tts_operator.engine.objects import JOB
from tts_operator.policy import Policy
from tts_operator.training.observe import ObservedTraining
from tts_operator.training.policies.endings import given_up
from tts_operator.training.situation import TrainingSituation

LIMIT = 3
"""Interruptions of rank 0 in a row that left the same checkpoint, after which the training is given up."""


class InterruptionsInVain(Policy[TrainingSituation]):
    """Gives the training up, because a Job does not count interruptions as failures and would start pods for ever."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Failed once the last interruptions were in vain."""
        if _in_vain(situation.observed):
            yield from given_up(Reason.NO_PROGRESS, with_remedy(Reason.NO_PROGRESS))

    def actions(self, situation: TrainingSituation, /) -> Iterator[Action]:
        """Suspend the Job, so that it starts no further pods."""
        job = situation.observed.job
        if job is None or job.suspended or job.complete or job.failed_reason:
            return
        if _in_vain(situation.observed):
            yield Patch(JOB, situation.child_key, {"spec": {"suspend": True}})


def _in_vain(observed: ObservedTraining) -> bool:
    """Whether the last interruptions of rank 0 all left the same checkpoint."""
    if not observed.owns_job:
        return False
    ends = sorted(
        (pod.terminated for pod in observed.pods if pod.index == 0 and pod.phase == "Failed" and pod.terminated),
        key=lambda end: end.finished_at,
    )[-LIMIT:]
    if len(ends) < LIMIT or any(end.exit_code != ExitCode.INTERRUPTED for end in ends):
        return False
    steps = {end.message.checkpoint.step if end.message and end.message.checkpoint else 0 for end in ends}
    progress = observed.progress
    newest = progress.checkpoint.step if progress and progress.checkpoint else 0
    return len(steps) == 1 and newest <= max(steps)
