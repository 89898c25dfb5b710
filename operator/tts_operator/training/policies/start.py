"""The start of the pods: what keeps a container from running, and what is reported while none runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tts_api.reasons import ConditionType, Reason
from tts_api.resources.conditions import Truth
from tts_operator.conditions import Finding
from tts_operator.pod_status import PodStatus
from tts_operator.policy import Policy
from tts_operator.training.situation import TrainingSituation
from tts_operator.troubles import exit_trouble, start_trouble


class Start(Policy[TrainingSituation]):
    """Progressing has the reason why no step can be done yet."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Progressing if a container cannot start or none runs."""
        live, failed = situation.live_pods, situation.last_failed_pod
        trouble = start_trouble(live)
        if trouble is None and situation.under_way:
            return
        if trouble is None and failed is not None:
            trouble = exit_trouble(failed)
        if trouble is not None:
            yield Finding(ConditionType.PROGRESSING, "False", trouble.reason, trouble.message)
        elif situation.stopping_pods:
            yield Finding(ConditionType.PROGRESSING, "False", Reason.INTERRUPTED, _stopping(situation.stopping_pods))
        else:
            yield _awaited(situation)


def _stopping(pods: Sequence[PodStatus]) -> str:
    names = ", ".join(pod.name for pod in pods)
    return f"{names} was asked to stop and saves a checkpoint; another pod goes on from there."


def _awaited(situation: TrainingSituation) -> Finding:
    """What is reported while a pod is awaited and nothing keeps it from its start."""
    live, progress = situation.live_pods, situation.observed.progress
    starting = bool(live) and all(pod.scheduled for pod in live)
    status: Truth = "True" if starting else "Unknown"
    if progress is None:
        return Finding(ConditionType.PROGRESSING, status, Reason.STARTING if starting else Reason.PENDING)
    # A pod has trained before. Why it is gone may be forgotten with it, but not that the training goes back.
    if progress.checkpoint is not None:
        return Finding(ConditionType.PROGRESSING, status, Reason.RESUMED)
    message = "An earlier pod is gone and saved no checkpoint; the training starts again."
    return Finding(ConditionType.PROGRESSING, status, Reason.STARTING if starting else Reason.PENDING, message)
