"""What a service needs done now. Pure: no cluster, no clock."""

from __future__ import annotations

from tts_api.resources import TTSService
from tts_operator import access
from tts_operator.engine.actions import Action, Apply, Create
from tts_operator.engine.controller import Plan
from tts_operator.engine.objects import DEPLOYMENT, SERVICE
from tts_operator.serving import manifests
from tts_operator.serving.kind import HASH_ANNOTATION
from tts_operator.serving.observe import Observed


def plan(observed: Observed, cluster_role: str, default_image: str) -> Plan:
    """Children that are missing or not as they should be. Nothing is made before the voice is known, and what speaks
    goes on speaking when its training is deleted."""
    service, voice = observed.service, observed.voice
    if service is None or voice is None:
        return Plan()
    actions: list[Action] = list(
        access.mend(
            observed.key.namespace, cluster_role, account=observed.account_missing, binding=observed.binding_missing
        )
    )
    if not observed.has_service:
        actions.append(Create(SERVICE, manifests.service_object(service), observed.uid))
    image = resolved_image(observed, service, default_image)
    wanted = manifests.deployment(service, image, voice.claim_name, voice.path, voice.sha256)
    there = observed.deployment
    if (
        there is None
        or there.owner_uid != observed.uid
        or there.hash != wanted["metadata"]["annotations"][HASH_ANNOTATION]
        or there.replicas != service.spec.replicas
        or there.image != image
    ):
        actions.append(Apply(DEPLOYMENT, wanted, observed.uid))
    return Plan(tuple(actions))


def resolved_image(observed: Observed, service: TTSService, default_image: str) -> str:
    """The image the spec names, else the one that was resolved first: a newer operator restarts nothing."""
    return str(service.spec.image or observed.status.get("image") or default_image)
