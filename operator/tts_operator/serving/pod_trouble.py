"""Finds why pods of a service do not speak. Pure. Availability and rollout report it."""

from __future__ import annotations

from collections.abc import Sequence

from tts_api.reasons import Reason
from tts_operator.conditions import with_remedy
from tts_operator.pod_status import PodStatus
from tts_operator.serving.situation import ServiceSituation
from tts_operator.troubles import Trouble, exit_trouble, placement_trouble, start_trouble


def pod_trouble(situation: ServiceSituation) -> Trouble | None:
    """Why pods do not speak: a pod's own trouble, or else what keeps the Deployment from making pods.

    None where nothing is known to be wrong.
    """
    waiting = waiting_pods(situation)
    trouble = placement_trouble(waiting) or start_trouble(waiting) or _exit_trouble(waiting)
    refused = situation.deployment.refused if situation.deployment else ""
    if trouble is None and refused:
        return Trouble(Reason.REFUSED, with_remedy(Reason.REFUSED, refused))
    return trouble


def waiting_pods(situation: ServiceSituation) -> list[PodStatus]:
    """The pods that are to speak and do not yet."""
    return [pod for pod in situation.pods if not pod.ready and not pod.deleting]


def _exit_trouble(pods: Sequence[PodStatus]) -> Trouble | None:
    """Why the newest pod that ended did so; a crash that repeats is a crash loop."""
    ended = [pod for pod in pods if pod.terminated]
    if not ended:
        return None
    trouble = exit_trouble(max(ended, key=lambda pod: pod.created_at))
    if trouble.reason is Reason.WORKLOAD_FAILED and any(pod.waiting_reason == "CrashLoopBackOff" for pod in ended):
        return Trouble(Reason.CRASH_LOOP, trouble.message)
    return trouble
