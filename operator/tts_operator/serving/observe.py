"""A service, its children and the training it waits for, as the caches hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tts_api.resources import TTSService
from tts_api.resources.references import FromTraining
from tts_operator import access
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import DEPLOYMENT, POD, SERVICE, Key, controller_uid
from tts_operator.podviews import PodView, view
from tts_operator.serving.kind import HASH_ANNOTATION, TTS_SERVICE
from tts_operator.sources import Source, Voice, source
from tts_operator.training.kind import TRAINING


@dataclass(frozen=True)
class DeploymentView:
    """A projection of the service's Deployment."""

    owner_uid: str | None
    hash: str
    replicas: int
    image: str
    generation: int = 0
    observed_generation: int = 0
    current: int = 0
    ready: int = 0
    updated: int = 0
    unavailable: int = 0
    deadline_exceeded: str = ""
    refused: str = ""
    """Why pods cannot be made, where quota or policy refuses them."""


@dataclass(frozen=True)
class Observed:
    """Everything a service is decided on."""

    key: Key
    uid: str
    generation: int
    status: Mapping[str, Any]
    service: TTSService | None
    invalid: str = ""
    source: Source | None = None
    """The training it names, where it names one."""
    deployment: DeploymentView | None = None
    has_service: bool = False
    pods: tuple[PodView, ...] = ()
    account_missing: bool = False
    binding_missing: bool = False

    @property
    def voice(self) -> Voice | None:
        """The voice to serve, once it is known."""
        if self.service is None:
            return None
        claimed = self.service.spec.model.persistent_volume_claim
        if claimed is not None:
            return Voice(claimed.claim_name, claimed.path, claimed.sha256)
        return self.source.voice if self.source else None


def observe(key: Key, cache: Cache) -> Observed | None:
    """The service of this key, or None where there is none or it is being deleted."""
    body = cache.get(TTS_SERVICE.kind, key)
    if body is None or body["metadata"].get("deletionTimestamp"):
        return None
    metadata = body["metadata"]
    service, invalid = TTS_SERVICE.decode(body)
    owner = TTS_SERVICE.owner(key)
    deployments = cache.children(DEPLOYMENT, owner)
    account, binding = access.missing(cache, key.namespace)
    reference = service.spec.model.from_training if service else None
    return Observed(
        key=key,
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        status=body.get("status") or {},
        service=service,
        invalid=invalid,
        source=_source(reference, key.namespace, cache) if reference else None,
        deployment=_deployment(deployments[0]) if deployments else None,
        has_service=any(controller_uid(child) == metadata["uid"] for child in cache.children(SERVICE, owner)),
        pods=tuple(view(pod) for pod in cache.children(POD, owner)),
        account_missing=account,
        binding_missing=binding,
    )


def _source(reference: FromTraining, namespace: str, cache: Cache) -> Source:
    return source(reference.name, cache.get(TRAINING.kind, Key(namespace, reference.name)))


def _deployment(body: Mapping[str, Any]) -> DeploymentView:
    spec, status = body.get("spec", {}), body.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    progressing, failure = conditions.get("Progressing", {}), conditions.get("ReplicaFailure", {})
    containers = spec.get("template", {}).get("spec", {}).get("containers", ())
    return DeploymentView(
        owner_uid=controller_uid(body),
        hash=body["metadata"].get("annotations", {}).get(HASH_ANNOTATION, ""),
        replicas=spec.get("replicas", 1),
        image=containers[0]["image"] if containers else "",
        generation=body["metadata"].get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        current=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        updated=status.get("updatedReplicas", 0),
        unavailable=status.get("unavailableReplicas", 0),
        deadline_exceeded=progressing.get("message", "")
        if progressing.get("reason") == "ProgressDeadlineExceeded"
        else "",
        refused=failure.get("message", "") if failure.get("status") == "True" else "",
    )
