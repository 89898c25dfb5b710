"""A service, its children and the training it takes its voice from, read from the caches into the facts that are
decided on.

Everything that is decided on is parsed here, once a pass. Nothing is decided here: that is done in ``plan``,
``conclude`` and the policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tts_api.resources import Condition, TTSService
from tts_operator import access
from tts_operator.conditions import decode_conditions
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import CORE_SERVICE, DEPLOYMENT, POD, Key, controller_uid
from tts_operator.pod_status import PodStatus, pod_status
from tts_operator.pods import CURRENT_REVISION, REVISION_LABEL
from tts_operator.serving.record import HASH_ANNOTATION, SERVICE_RECORD
from tts_operator.sources import SourceTraining, VoiceReference, read_source


@dataclass(frozen=True)
class DeploymentStatus:
    """The part of a revision's Deployment that decisions are based on."""

    revision: str
    owner_uid: str | None
    """The uid of the object that controls the Deployment; None where nothing does."""
    hash: str
    """The digest of what was applied last."""
    replicas: int
    """How many pods the Deployment is to have."""
    image: str
    generation: int = 0
    observed_generation: int = 0
    current: int = 0
    """How many pods there are."""
    ready: int = 0
    updated: int = 0
    """How many pods are made from the present template."""
    unavailable: int = 0
    deadline_exceeded: str = ""
    """Kubernetes' message where the rollout made no progress in time; empty otherwise."""
    refused: str = ""
    """Why pods cannot be made, where quota or policy refuses them."""


@dataclass(frozen=True)
class ObservedService:
    """All facts that decisions about a service are based on."""

    key: Key
    uid: str
    generation: int
    status: Mapping[str, Any]
    """The status as it is stored, fields of newer versions included."""
    service: TTSService | None
    """The resource without its status; None where the stored object cannot be read."""
    invalid: str = ""
    """Why the stored object cannot be read, where ``service`` is None."""
    conditions: tuple[Condition, ...] = ()
    """The conditions as they are stored."""
    image: str = ""
    """The image that an earlier pass resolved; empty before the first."""
    source: SourceTraining | None = None
    """The training that the spec names; None where it names none."""
    voice: VoiceReference | None = None
    """The voice to serve, once it is known."""
    deployments: tuple[DeploymentStatus, ...] = ()
    """The Deployments, each of another revision."""
    has_front_service: bool = False
    pods: tuple[PodStatus, ...] = ()
    """The pods that the current Deployment selects."""
    account_missing: bool = False
    binding_missing: bool = False

    def deployment(self, revision: str = CURRENT_REVISION) -> DeploymentStatus | None:
        """The Deployment of a revision; None where there is none."""
        return next((found for found in self.deployments if found.revision == revision), None)


def observe(key: Key, cache: Cache) -> ObservedService | None:
    """Read the service of this key; None where there is none or it is being deleted."""
    body = cache.get(SERVICE_RECORD.kind, key)
    if body is None or body["metadata"].get("deletionTimestamp"):
        return None
    metadata, status = body["metadata"], body.get("status") or {}
    service, invalid = SERVICE_RECORD.decode(body)
    owner = SERVICE_RECORD.owner(key)
    account, binding = access.missing(cache, key.namespace)
    source = read_source(service.spec.model.from_training, key.namespace, cache) if service else None
    return ObservedService(
        key=key,
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        status=status,
        service=service,
        invalid=invalid,
        conditions=decode_conditions(status),
        image=status.get("image") or "",
        source=source,
        voice=_voice(service, source) if service else None,
        deployments=tuple(_deployment(child) for child in cache.children(DEPLOYMENT, owner)),
        has_front_service=any(
            controller_uid(child) == metadata["uid"] for child in cache.children(CORE_SERVICE, owner)
        ),
        pods=tuple(pod_status(pod) for pod in cache.children(POD, owner)),
        account_missing=account,
        binding_missing=binding,
    )


def _voice(service: TTSService, source: SourceTraining | None) -> VoiceReference | None:
    claimed = service.spec.model.persistent_volume_claim
    if claimed is not None:
        return VoiceReference(claimed.claim_name, claimed.path, claimed.sha256)
    return source.voice if source else None


def _deployment(body: Mapping[str, Any]) -> DeploymentStatus:
    metadata, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    progressing, failure = conditions.get("Progressing", {}), conditions.get("ReplicaFailure", {})
    containers = spec.get("template", {}).get("spec", {}).get("containers", ())
    late = progressing.get("reason") == "ProgressDeadlineExceeded"
    return DeploymentStatus(
        revision=metadata.get("labels", {}).get(REVISION_LABEL, CURRENT_REVISION),
        owner_uid=controller_uid(body),
        hash=metadata.get("annotations", {}).get(HASH_ANNOTATION, ""),
        replicas=spec.get("replicas", 1),
        image=containers[0]["image"] if containers else "",
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        current=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        updated=status.get("updatedReplicas", 0),
        unavailable=status.get("unavailableReplicas", 0),
        deadline_exceeded=progressing.get("message", "") if late else "",
        refused=failure.get("message", "") if failure.get("status") == "True" else "",
    )
