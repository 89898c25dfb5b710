"""The result: a training is complete once its Job is complete and its pod has reported the voice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tts_api.reasons import Reason
from tts_operator.conditions import Finding, with_remedy
from tts_operator.policy import Policy
from tts_operator.training.policies.endings import COMPLETED, given_up
from tts_operator.training.situation import TrainingSituation

RESULT_WAIT = timedelta(seconds=30)
"""How long the end of the pod may take to reach the cache after the end of its Job."""


class Result(Policy[TrainingSituation]):
    """The training fails if the result is not there in time."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Complete once there is a result, and Failed if there is none after ``RESULT_WAIT``."""
        observed = situation.observed
        if observed.job is None or not observed.job.complete:
            return
        deadline = self.alarm(situation)
        if observed.result is not None:
            yield from COMPLETED
        elif observed.owns_job and deadline is not None and situation.now >= deadline:
            yield from given_up(Reason.RESULT_MISSING, with_remedy(Reason.RESULT_MISSING))

    def alarm(self, situation: TrainingSituation, /) -> datetime | None:
        """The time until which the operator waits for the result; None while the Job is not complete."""
        job = situation.observed.job
        if job is None or not job.complete or job.ended_at is None:
            return None
        return job.ended_at + RESULT_WAIT
