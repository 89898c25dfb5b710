"""Decides the status of a training from the observed facts and the actions' outcomes. Pure: no cluster, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tts_api.reasons import ConditionType, Reason
from tts_api.resources import Condition
from tts_api.resources.conditions import Truth
from tts_api.resources.training import Phase, TTSTrainingStatus, VoiceArtifact
from tts_operator.conditions import Finding, encode_status, explanation, find, holds, merge
from tts_operator.engine.actions import Outcome
from tts_operator.policy import Policy, fold_findings
from tts_operator.settings import Settings
from tts_operator.shared_policies import unreadable
from tts_operator.training import manifests
from tts_operator.training.observe import ObservedTraining
from tts_operator.training.policies import POLICIES
from tts_operator.training.record import TRAINING_RECORD
from tts_operator.training.situation import TrainingSituation

UNLESS_FOUND = (
    Finding(ConditionType.FAILED, "False", Reason.NOT_FAILED),
    Finding(ConditionType.COMPLETE, "False", Reason.NOT_COMPLETE),
)
"""The findings for a training that can be read, unless a policy finds something else."""

REASON_FROM: tuple[tuple[ConditionType, Truth | None], ...] = (
    (ConditionType.FAILED, "True"),
    (ConditionType.COMPLETE, "True"),
    (ConditionType.ACCEPTED, "False"),
    (ConditionType.SUSPENDED, "True"),
    (ConditionType.PROGRESSING, None),
)
"""The conditions that explain the phase, the first that applies; None stands for any status."""


def current(observed: ObservedTraining) -> dict[str, Any]:
    """The status as it is stored, without the field that the pods own."""
    return TRAINING_RECORD.without_pod_owned(observed.status)


def conclude(
    observed: ObservedTraining,
    outcomes: Sequence[Outcome],
    settings: Settings,
    now: datetime,
    policies: Sequence[Policy[TrainingSituation]] = POLICIES,
) -> dict[str, Any]:
    """The new status, without the field that the pods own. A finished training keeps its status."""
    if observed.finished:
        return current(observed)
    if observed.training is None:
        findings: tuple[Finding, ...] = (unreadable(observed.invalid),)
        conditions = merge(observed.conditions, findings, observed.generation, now)
        status = TTSTrainingStatus(
            observed_generation=observed.generation,
            # What was made before the operator could not read the spec any more stays as it is.
            phase=None if "phase" in observed.status else "Pending",
            reason=explanation(conditions, REASON_FROM),
            conditions=conditions,
        )
    else:
        this = TrainingSituation.of(observed, observed.training, settings, now, outcomes)
        findings = fold_findings(policies, this, UNLESS_FOUND)
        status = _status(this, merge(observed.conditions, findings, observed.generation, now))
    return encode_status(current(observed), status)


def _status(this: TrainingSituation, conditions: tuple[Condition, ...]) -> TTSTrainingStatus:
    observed, training = this.observed, this.training
    result = observed.result if holds(conditions, ConditionType.COMPLETE) else None
    artifact = None
    if result is not None:
        artifact = VoiceArtifact(**result.artifact.model_dump(), claim_name=manifests.claim_name(training))
    return TTSTrainingStatus(
        observed_generation=observed.generation,
        phase=_phase(this, conditions),
        reason=explanation(conditions, REASON_FROM),
        conditions=conditions,
        # The image is settled when the pods are made: until then a newer operator's default may be better.
        image=this.image if this.voices_ready else None,
        gpus=_gpus(this),
        checkpoint=observed.progress.checkpoint if observed.progress else None,
        evaluation=result.evaluation if result else None,
        artifact=artifact,
    )


def _phase(this: TrainingSituation, conditions: Sequence[Condition]) -> Phase:
    if holds(conditions, ConditionType.FAILED):
        return "Failed"
    if holds(conditions, ConditionType.COMPLETE):
        return "Complete"
    suspended = find(conditions, ConditionType.SUSPENDED)
    if suspended is not None and suspended.status == "True":
        return "Queued" if suspended.reason == Reason.QUEUED.value else "Suspended"
    return "Running" if this.under_way or this.stopping_pods else "Pending"


def _gpus(this: TrainingSituation) -> int:
    """The GPUs that the pods use. Until a pod has reported what it computes on, they are the requested ones."""
    resources = this.training.spec.resources
    return 0 if this.observed.device == "cpu" else resources.nodes * resources.gpus_per_node
