"""The rollout: the Deployment follows the spec, and Progressing reports how far it is."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding, with_remedy
from tts_operator.engine.actions import Action, Apply
from tts_operator.engine.objects import DEPLOYMENT
from tts_operator.policy import Policy
from tts_operator.serving import manifests
from tts_operator.serving.pod_trouble import pod_trouble
from tts_operator.serving.record import HASH_ANNOTATION
from tts_operator.serving.situation import ServiceSituation
from tts_operator.troubles import Trouble


class Rollout(Policy[ServiceSituation]):
    """The Deployment is applied only if it differs from the wanted one."""

    def actions(self, situation: ServiceSituation, /) -> Iterator[Action]:
        """Apply the Deployment once the voice is known."""
        service, voice, there = situation.service, situation.voice, situation.deployment
        if voice is None:
            return
        wanted = manifests.deployment(service, situation.image, voice)
        if (
            there is None
            or there.owner_uid != situation.observed.uid
            or there.hash != wanted["metadata"]["annotations"][HASH_ANNOTATION]
            or there.replicas != service.spec.replicas
            or there.image != situation.image
        ):
            yield Apply(DEPLOYMENT, wanted, situation.observed.uid)

    def findings(self, situation: ServiceSituation, /) -> Iterator[Finding]:
        """Find Progressing."""
        there, wanted = situation.deployment, situation.service.spec.replicas
        if there is None:
            yield Finding(ConditionType.PROGRESSING, "Unknown", Reason.PENDING)
        elif there.deadline_exceeded:
            yield _late(there.deadline_exceeded, pod_trouble(situation))
        elif (
            there.observed_generation >= there.generation
            and there.replicas == wanted == there.updated == there.current
            and there.unavailable == 0
        ):
            yield Finding(ConditionType.PROGRESSING, "False", Reason.ROLLED_OUT)
        else:
            message = f"{there.updated} of {wanted} pods are current." if wanted else "The pods are being removed."
            yield Finding(ConditionType.PROGRESSING, "True", Reason.ROLLING_OUT, message)


def _late(message: str, trouble: Trouble | None) -> Finding:
    """A rollout that took too long. Old pods may still speak, so that only this condition says what is wrong."""
    if trouble is None:
        message = with_remedy(Reason.PROGRESS_DEADLINE_EXCEEDED, message)
    else:
        message = f"{message.rstrip('.')}, because of {trouble.reason.value}: {trouble.message}"
    return Finding(ConditionType.PROGRESSING, "False", Reason.PROGRESS_DEADLINE_EXCEEDED, message)
