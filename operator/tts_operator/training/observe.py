"""A training and its children, read from the caches into the facts that are decided on.

Everything that is decided on is parsed here, once a pass. Nothing is decided here: that is done in ``plan``,
``conclude`` and the policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tts_api.reasons import ConditionType
from tts_api.report import ExitCode, TrainingProgress, TrainingResult
from tts_api.resources import Condition, TTSTraining
from tts_operator import access
from tts_operator.conditions import decode_conditions, holds_in
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import CLAIM, CORE_SERVICE, JOB, POD, Key, controller_uid
from tts_operator.pod_status import PodStatus, pod_status
from tts_operator.sources import SourceTraining, SourceTrainings, read_source
from tts_operator.times import parse_time
from tts_operator.training.manifests import output_folder
from tts_operator.training.record import TRAINING_RECORD


@dataclass(frozen=True)
class JobStatus:
    """The part of the training's Job that decisions are based on."""

    owner_uid: str | None
    """The uid of the object that controls the Job; None where nothing does."""
    suspended: bool
    completed: frozenset[int] = frozenset()
    """Completion indexes whose pod ended well, even if the pod is gone."""
    complete: bool = False
    failed_reason: str = ""
    """Why the Job failed, as Kubernetes' word; empty where it did not fail."""
    failed_message: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True)
class ObservedTraining:
    """All facts that decisions about a training are based on."""

    key: Key
    uid: str
    generation: int
    status: Mapping[str, Any]
    """The status as it is stored, fields of newer versions included."""
    training: TTSTraining | None
    """The resource without its status; None where the stored object cannot be read."""
    invalid: str = ""
    """Why the stored object cannot be read, where ``training`` is None."""
    conditions: tuple[Condition, ...] = ()
    """The conditions as they are stored."""
    image: str = ""
    """The image that an earlier pass resolved; empty before the first."""
    progress: TrainingProgress | None = None
    """What the pod reported; None where it reported nothing that can be read."""
    device: str = ""
    """What the pods compute on, as they reported it: ``cpu`` or the GPU's name; empty before their first report."""
    last_step_at: datetime | None = None
    """When the last step was done, or where no readable time of a step is reported, when the pod reported."""
    result: TrainingResult | None = None
    """What the training left, if that lies in its own folder."""
    sources: SourceTrainings = field(default_factory=SourceTrainings)
    job: JobStatus | None = None
    """The Job with the training's name, even if another object controls it."""
    pods: tuple[PodStatus, ...] = ()
    has_headless_service: bool = False
    has_claim: bool = False
    account_missing: bool = False
    binding_missing: bool = False

    @property
    def owns_job(self) -> bool:
        """Whether the Job is there and belongs to this training."""
        return self.job is not None and self.job.owner_uid == self.uid

    @property
    def waits_for(self) -> SourceTraining | None:
        """The first training whose voice is not there yet, while there is no Job; a Job that was made has what it
        needs."""
        return None if self.owns_job else self.sources.first_without_voice

    @property
    def finished(self) -> bool:
        """Whether the training is complete or failed: nothing about it changes any more."""
        return any(holds_in(self.status, ended) for ended in (ConditionType.COMPLETE, ConditionType.FAILED))


def observe(key: Key, cache: Cache) -> ObservedTraining | None:
    """Read the training of this key; None where there is none or it is being deleted."""
    body = cache.get(TRAINING_RECORD.kind, key)
    if body is None or body["metadata"].get("deletionTimestamp"):
        return None
    metadata, status = body["metadata"], body.get("status") or {}
    training, invalid = TRAINING_RECORD.decode(body)
    owner = TRAINING_RECORD.owner(key)
    jobs = cache.children(JOB, owner)
    pods = tuple(pod_status(pod) for pod in cache.children(POD, owner))
    progress = _progress(status)
    account, binding = access.missing(cache, key.namespace)
    return ObservedTraining(
        key=key,
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        status=status,
        training=training,
        invalid=invalid,
        conditions=decode_conditions(status),
        image=status.get("image") or "",
        progress=progress,
        device=_device(status),
        last_step_at=_last_step_at(progress) if progress else None,
        result=_result(training, pods, progress) if training else None,
        sources=_sources(training, cache) if training else SourceTrainings(),
        job=_job(jobs[0]) if jobs else None,
        pods=pods,
        has_headless_service=bool(cache.children(CORE_SERVICE, owner)),
        has_claim=bool(cache.children(CLAIM, owner)),
        account_missing=account,
        binding_missing=binding,
    )


def _progress(status: Mapping[str, Any]) -> TrainingProgress | None:
    try:
        return TrainingProgress.model_validate(status["progress"])
    except (KeyError, ValidationError):
        return None


def _device(status: Mapping[str, Any]) -> str:
    try:
        return str(status["progress"]["settings"]["device"])
    except (KeyError, TypeError):
        return ""


def _last_step_at(progress: TrainingProgress) -> datetime | None:
    return parse_time(progress.last_step_at) or parse_time(progress.updated_at)


def _result(
    training: TTSTraining, pods: tuple[PodStatus, ...], progress: TrainingProgress | None
) -> TrainingResult | None:
    """The first readable result, from the termination messages or else from the progress.

    Only a result in the training's own folder counts: a pod of another training of the name may still be there.
    """
    ends = (pod.terminated for pod in pods if pod.terminated and pod.terminated.exit_code == ExitCode.FINISHED)
    reported = [end.message.result for end in ends if end.message]
    folder = output_folder(training)
    for result in (*reported, progress.result if progress else None):
        if result is not None:
            found_in, _, name = result.artifact.path.rpartition("/")
            if found_in == folder and result.artifact.sha256[:12] in name:
                return result
    return None


def _sources(training: TTSTraining, cache: Cache) -> SourceTrainings:
    namespace, model = training.metadata.namespace, training.spec.model
    return SourceTrainings(
        read_source(model.acoustic.from_training, namespace, cache),
        read_source(model.vocoder.from_training, namespace, cache),
    )


def _job(body: Mapping[str, Any]) -> JobStatus:
    status = body.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", ()) if c["status"] == "True"}
    failed = conditions.get("Failed") or conditions.get("FailureTarget") or {}
    complete = conditions.get("Complete") or {}
    return JobStatus(
        owner_uid=controller_uid(body),
        suspended=bool(body.get("spec", {}).get("suspend")),
        completed=_indexes(status.get("completedIndexes", "")),
        complete=bool(complete),
        failed_reason=failed.get("reason", ""),
        failed_message=failed.get("message", ""),
        ended_at=parse_time((complete or failed).get("lastTransitionTime")),
    )


def _indexes(text: str) -> frozenset[int]:
    """The numbers of a list of numbers and ranges, such as ``0,3-5``, as a Job writes it."""
    ranges = (part.partition("-") for part in text.split(",") if part)
    return frozenset(index for first, _, last in ranges for index in range(int(first), int(last or first) + 1))
