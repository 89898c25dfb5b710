"""A training and its children as the caches hold them, projected to what is decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tts_api.resources import TTSTraining
from tts_api.resources.references import FromTraining
from tts_operator import access
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import CLAIM, JOB, POD, SERVICE, Key, controller_uid
from tts_operator.podviews import PodView, view
from tts_operator.sources import Source, Sources, source
from tts_operator.training.kind import TRAINING


@dataclass(frozen=True)
class JobView:
    """A projection of the training's Job."""

    uid: str
    owner_uid: str | None
    suspended: bool
    complete: bool = False
    failed_reason: str = ""
    failed_message: str = ""
    ended_at: str = ""


@dataclass(frozen=True)
class Observed:
    """Everything a training is decided on."""

    key: Key
    uid: str
    generation: int
    status: Mapping[str, Any]
    training: TTSTraining | None
    invalid: str = ""
    """Why the stored object cannot be read, where ``training`` is None."""
    sources: Sources = field(default_factory=Sources)
    job: JobView | None = None
    pods: tuple[PodView, ...] = ()
    has_service: bool = False
    has_claim: bool = False
    account_missing: bool = False
    binding_missing: bool = False


def observe(key: Key, cache: Cache) -> Observed | None:
    """The training of this key, or None where there is none or it is being deleted."""
    body = cache.get(TRAINING.kind, key)
    if body is None or body["metadata"].get("deletionTimestamp"):
        return None
    metadata = body["metadata"]
    training, invalid = TRAINING.decode(body)
    owner = TRAINING.owner(key)
    jobs = cache.children(JOB, owner)
    account, binding = access.missing(cache, key.namespace)
    return Observed(
        key=key,
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        status=body.get("status") or {},
        training=training,
        invalid=invalid,
        sources=_sources(training, cache) if training else Sources(),
        job=_job(jobs[0]) if jobs else None,
        pods=tuple(view(pod) for pod in cache.children(POD, owner)),
        has_service=bool(cache.children(SERVICE, owner)),
        has_claim=bool(cache.children(CLAIM, owner)),
        account_missing=account,
        binding_missing=binding,
    )


def _sources(training: TTSTraining, cache: Cache) -> Sources:
    namespace, model = training.metadata.namespace, training.spec.model

    def of(reference: FromTraining | None) -> Source | None:
        return source(reference.name, cache.get(TRAINING.kind, Key(namespace, reference.name))) if reference else None

    return Sources(of(model.acoustic.from_training), of(model.vocoder.from_training))


def _job(body: Mapping[str, Any]) -> JobView:
    conditions = {c["type"]: c for c in body.get("status", {}).get("conditions", ()) if c["status"] == "True"}
    failed = conditions.get("Failed") or conditions.get("FailureTarget") or {}
    complete = conditions.get("Complete") or {}
    return JobView(
        uid=body["metadata"]["uid"],
        owner_uid=controller_uid(body),
        suspended=bool(body.get("spec", {}).get("suspend")),
        complete=bool(complete),
        failed_reason=failed.get("reason", ""),
        failed_message=failed.get("message", ""),
        ended_at=(complete or failed).get("lastTransitionTime", ""),
    )
