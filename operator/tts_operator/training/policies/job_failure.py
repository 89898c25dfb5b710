"""A Job that failed: too many failures, a deadline that passed, or a pod that says it must not be tried again."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import Reason
from tts_operator.conditions import Finding, with_remedy
from tts_operator.policy import Policy
from tts_operator.training.observe import JobStatus
from tts_operator.training.policies.endings import given_up
from tts_operator.training.situation import TrainingSituation
from tts_operator.troubles import Trouble, exit_trouble


class JobFailure(Policy[TrainingSituation]):
    """A training fails with its Job, for the reason that its last pod gave."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Failed once the Job has failed."""
        job = situation.observed.job
        if job is None or not situation.observed.owns_job or job.complete or not job.failed_reason:
            return
        trouble = _trouble(job, situation)
        yield from given_up(trouble.reason, trouble.message)


def _trouble(job: JobStatus, situation: TrainingSituation) -> Trouble:
    if job.failed_reason == "DeadlineExceeded":
        return Trouble(Reason.DEADLINE_EXCEEDED, with_remedy(Reason.DEADLINE_EXCEEDED, job.failed_message))
    pod = situation.last_failed_pod
    if pod is None:
        return Trouble(Reason.BACKOFF_LIMIT_EXCEEDED, job.failed_message)
    last = exit_trouble(pod)
    if job.failed_reason == "BackoffLimitExceeded" and last.reason is Reason.WORKLOAD_FAILED:
        return Trouble(Reason.BACKOFF_LIMIT_EXCEEDED, f"{job.failed_message}. The last time: {last.message}")
    return last
