"""Availability: whether enough pods speak, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding, find, with_remedy
from tts_operator.policy import Policy
from tts_operator.serving.pod_trouble import pod_trouble, waiting_pods
from tts_operator.serving.situation import ServiceSituation
from tts_operator.troubles import Trouble


class Availability(Policy[ServiceSituation]):
    """Available is True while at most ``rollout.maxUnavailable`` pods are missing and one speaks."""

    def findings(self, situation: ServiceSituation, /) -> Iterator[Finding]:
        """Find Available."""
        there, spec = situation.deployment, situation.service.spec
        if there is None:
            yield Finding(ConditionType.AVAILABLE, "False", Reason.PENDING)
            return
        if spec.replicas == 0:
            yield Finding(ConditionType.AVAILABLE, "False", Reason.SCALED_TO_ZERO, with_remedy(Reason.SCALED_TO_ZERO))
            return
        count = f"{there.ready} of {spec.replicas} pods speak."
        if there.ready >= max(1, spec.replicas - spec.rollout.max_unavailable):
            yield Finding(ConditionType.AVAILABLE, "True", Reason.AVAILABLE, count)
            return
        trouble = pod_trouble(situation) or _awaited(situation, count)
        yield Finding(ConditionType.AVAILABLE, "False", trouble.reason, trouble.message)


def _awaited(situation: ServiceSituation, count: str) -> Trouble:
    """The report while pods that have no trouble are awaited: first they start, and later they are missed."""
    before = find(situation.observed.conditions, ConditionType.AVAILABLE)
    if before is not None and (before.status == "True" or before.reason == Reason.UNAVAILABLE.value):
        return Trouble(Reason.UNAVAILABLE, with_remedy(Reason.UNAVAILABLE, count))
    if any(pod.scheduled for pod in waiting_pods(situation)):
        return Trouble(Reason.STARTING, f"{count} The others are starting.")
    return Trouble(Reason.PENDING, f"{count} The others are not made or not placed yet.")
