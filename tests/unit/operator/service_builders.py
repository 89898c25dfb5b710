"""A service and its children as the API server would show them, for tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.operator import builders as b
from tts_api import API_VERSION
from tts_operator.engine.actions import Outcome
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import CORE_SERVICE, DEPLOYMENT, Key, Kind
from tts_operator.pods import MANAGED_BY
from tts_operator.policy import Policy
from tts_operator.registry import KINDS
from tts_operator.serving import manifests
from tts_operator.serving.conclude import conclude
from tts_operator.serving.observe import ObservedService, observe
from tts_operator.serving.record import SERVICE_RECORD
from tts_operator.serving.situation import ServiceSituation
from tts_operator.sources import VoiceReference
from tts_operator.training.record import TRAINING_RECORD

KEY = Key(b.KEY.namespace, "speak")
UID = "0a1b2c3d-0000-4000-8000-000000000002"
CLAIMED = {"persistentVolumeClaim": {"claimName": "voices", "path": "voice.pt", "sha256": b.SHA}}


def service(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A service of a voice on a claim."""
    metadata = {"name": KEY.name, "namespace": KEY.namespace, "uid": UID, "generation": 1, "resourceVersion": "1"}
    base = {"apiVersion": API_VERSION, "kind": "TTSService", "metadata": metadata, "spec": {"model": CLAIMED}}
    return b.merged(base, changes or {})


def from_training(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A service of the voice that the training of the other builders leaves."""
    return service({"spec.model": {"fromTraining": {"name": b.KEY.name}}, **(changes or {})})


def trained(condition: str = "Complete", **artifact: Any) -> tuple[Kind, dict[str, Any]]:
    """A training that ended by ``condition``, or that goes on where it is empty."""
    left = {**b.result()["artifact"], "claimName": "quick-train", **artifact}
    conditions = [b.true(condition)] if condition else []
    return TRAINING_RECORD.kind, b.training({"status": {"artifact": left, "conditions": conditions}})


def child(kind: Kind, owner: str = UID, **more: Any) -> tuple[Kind, dict[str, Any]]:
    """An object with the service's labels, controlled by ``owner``."""
    metadata = {
        "name": "speak-serve",
        "namespace": KEY.namespace,
        "uid": "uid-of-child",
        "resourceVersion": "1",
        "generation": 1,
        "labels": {**MANAGED_BY, SERVICE_RECORD.label: KEY.name},
        "ownerReferences": [{"kind": "TTSService", "name": KEY.name, "uid": owner, "controller": True}],
    }
    return kind, {"metadata": metadata} | more


def deployment(body: dict[str, Any] | None = None, owner: str = UID, **status: Any) -> tuple[Kind, dict[str, Any]]:
    """The Deployment as it was applied for a service, one pod ready where ``status`` says nothing else."""
    resource = seen(body or service(), trained()).service
    assert resource is not None
    claimed = resource.spec.model.persistent_volume_claim
    artifact = trained()[1]["status"]["artifact"]
    claim, path = (claimed.claim_name, claimed.path) if claimed else (artifact["claimName"], artifact["path"])
    voice = VoiceReference(claim, path, b.SHA)
    applied = manifests.deployment(resource, resource.spec.image or b.IMAGE, voice)
    good = {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1}
    kind, made = child(DEPLOYMENT, owner, spec=applied["spec"], status={**good, **status})
    made["metadata"]["annotations"] = applied["metadata"]["annotations"]
    return kind, made


def pod(name: str = "speak-serve-1", **options: Any) -> tuple[Kind, dict[str, Any]]:
    """A pod of the service, with the options of the training's; ``restarting`` puts its end before a wait, ``ready``
    has it speak."""
    kind, made = b.pod(name, **options)
    made["status"]["conditions"].append({"type": "Ready", "status": str(options.get("ready", False))})
    made["metadata"]["labels"] = {**MANAGED_BY, SERVICE_RECORD.label: KEY.name}
    if options.get("restarting"):
        container = made["status"]["containerStatuses"][0]
        container["lastState"] = container["state"]
        container["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    return kind, made


FRONT = child(CORE_SERVICE)


def seen(
    body: dict[str, Any] | None = None, *children: tuple[Kind, dict[str, Any]], access: bool = True
) -> ObservedService:
    """The service and its children as the operator observes them."""
    cache = Cache(KINDS.owners)
    shared = (b.ACCOUNT, b.BINDING) if access else ()
    for kind, found in ((SERVICE_RECORD.kind, body or service()), *children, *shared):
        cache.put(kind, b.projected(kind, found))
    observed = observe(KEY, cache)
    assert observed is not None
    return observed


def conditions(observed: ObservedService, outcomes: tuple[Outcome, ...] = ()) -> dict[str, dict[str, Any]]:
    """What the operator would write of it, by type."""
    return {c["type"]: c for c in conclude(observed, outcomes, b.SETTINGS, b.NOW)["conditions"]}


def found(policy: Policy[ServiceSituation], observed: ObservedService) -> str:
    """What a policy alone finds, as words: ``Available!Pending``."""
    return b.in_words(policy.findings(situation(observed)))


def situation(observed: ObservedService, outcomes: tuple[Outcome, ...] = ()) -> ServiceSituation:
    """What a policy decides on."""
    assert observed.service is not None
    return ServiceSituation.of(observed, observed.service, b.SETTINGS, b.NOW, outcomes)


def acted(policy: Policy[ServiceSituation], observed: ObservedService) -> list[str]:
    """What a policy alone does, as words: ``Apply Deployment``."""
    return [f"{type(action).__name__} {action.kind.name}" for action in policy.actions(situation(observed))]
