"""The model: whether the voice is there, and whether the pods accept it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tts_api.reasons import ConditionType, Reason
from tts_api.report import ExitCode
from tts_operator.conditions import Finding
from tts_operator.pod_status import PodStatus
from tts_operator.policy import Policy
from tts_operator.serving.situation import ServiceSituation
from tts_operator.troubles import Trouble, exit_trouble, source_trouble


class ModelReadiness(Policy[ServiceSituation]):
    """ModelReady is False while the training leaves no voice or the newest pod refuses the voice."""

    def findings(self, situation: ServiceSituation, /) -> Iterator[Finding]:
        """Find ModelReady. Without a Deployment, also find that nothing is available."""
        source = situation.observed.source
        trouble = (source_trouble(source) if source else None) or _refusal(situation.pods)
        if trouble is None:
            yield Finding(ConditionType.MODEL_READY, "True", Reason.MODEL_FOUND)
            return
        yield Finding(ConditionType.MODEL_READY, "False", trouble.reason, trouble.message)
        if situation.deployment is None:
            yield Finding(ConditionType.AVAILABLE, "False", trouble.reason, trouble.message)
            yield Finding(ConditionType.PROGRESSING, "False", trouble.reason, trouble.message)


def _refusal(pods: Sequence[PodStatus]) -> Trouble | None:
    """Why the newest pod that ended refuses the voice; None where it does not, or another pod speaks."""
    ended = [pod for pod in pods if pod.terminated and not pod.ready and not pod.deleting]
    if not ended or any(pod.ready for pod in pods):
        return None
    newest = max(ended, key=lambda pod: pod.created_at)
    if newest.terminated is None or newest.terminated.exit_code != ExitCode.BAD_INPUT:
        return None
    return exit_trouble(newest)
