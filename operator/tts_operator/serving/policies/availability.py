"""Availability: whether enough pods speak, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding
from tts_operator.pod_status import PodStatus
from tts_operator.policy import Policy
from tts_operator.serving.observe import DeploymentStatus
from tts_operator.serving.situation import ServiceSituation
from tts_operator.troubles import Trouble, exit_trouble, placement_trouble, start_trouble, with_remedy


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
        trouble = _trouble(situation.pods, there) or Trouble(Reason.UNAVAILABLE, count)
        yield Finding(ConditionType.AVAILABLE, "False", trouble.reason, trouble.message)


def _trouble(pods: Sequence[PodStatus], deployment: DeploymentStatus) -> Trouble | None:
    """Why pods do not speak: a pod's own trouble, or else what keeps the Deployment from making pods."""
    waiting = [pod for pod in pods if not pod.ready and not pod.deleting]
    trouble = placement_trouble(waiting) or start_trouble(waiting) or _exit_trouble(waiting)
    if trouble is None and deployment.refused:
        return Trouble(Reason.REFUSED, with_remedy(Reason.REFUSED, deployment.refused))
    return trouble


def _exit_trouble(pods: Sequence[PodStatus]) -> Trouble | None:
    """Why the newest pod that ended did so; a crash that repeats is a crash loop."""
    ended = [pod for pod in pods if pod.terminated]
    if not ended:
        return None
    trouble = exit_trouble(max(ended, key=lambda pod: pod.created_at))
    if trouble.reason is Reason.WORKLOAD_FAILED and any(pod.waiting_reason == "CrashLoopBackOff" for pod in ended):
        return Trouble(Reason.CRASH_LOOP, trouble.message)
    return trouble
