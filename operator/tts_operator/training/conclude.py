"""The status of a training, from what was observed and what became of the plan. Pure: no cluster, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tts_api.reasons import REASONS, ConditionType, Reason
from tts_api.resources import TTSTraining
from tts_api.resources.conditions import Truth
from tts_operator.conditions import Finding, holds, merge
from tts_operator.engine.actions import Outcome, Verdict
from tts_operator.pods import QUEUE_LABEL
from tts_operator.podviews import Trouble, end_trouble, placement_trouble, start_trouble
from tts_operator.training import manifests
from tts_operator.training.kind import TRAINING
from tts_operator.training.observe import Observed
from tts_operator.training.plan import finished, resolved_image, waits_for
from tts_operator.training.verdict import (
    last_failure,
    progress,
    result,
    result_deadline,
    running,
    stall_deadline,
    stuck,
)


def current(observed: Observed) -> dict[str, Any]:
    """The status as it is, without what the pods own."""
    return TRAINING.without_pod_owned(observed.status)


def conclude(observed: Observed, outcomes: Sequence[Outcome], default_image: str, now: datetime) -> dict[str, Any]:
    """The status as it should be, without what the pods own."""
    status = current(observed)
    if finished(observed):
        return status
    status["observedGeneration"] = observed.generation
    training = observed.training
    findings = tuple(_findings(observed, training, outcomes, now))
    status["conditions"] = merge(status.get("conditions", ()), findings, observed.generation, now)
    if training is None:
        return status
    if waits_for(observed) is None:
        status["image"] = resolved_image(observed, training, default_image)
    status["gpus"] = training.spec.resources.nodes * training.spec.resources.gpus_per_node
    status["phase"] = _phase(observed, status["conditions"])
    reported = progress(observed)
    if reported and reported.checkpoint:
        status["checkpoint"] = reported.checkpoint.to_json_object()
    if holds(status["conditions"], ConditionType.COMPLETE):
        left = result(observed, training)
        if left is not None:
            claim = {"claimName": manifests.claim_name(training)}
            status["artifact"] = left.artifact.to_json_object() | claim
            if left.evaluation:
                status["evaluation"] = left.evaluation.to_json_object()
    return status


def _findings(
    observed: Observed, training: TTSTraining | None, outcomes: Sequence[Outcome], now: datetime
) -> Iterator[Finding]:
    accepted = _accepted(observed, outcomes)
    yield accepted
    if training is None:
        return
    failure = _failure(observed, training, now)
    complete = (
        failure is None and observed.job is not None and observed.job.complete and bool(result(observed, training))
    )
    yield _or(failure is not None, ConditionType.FAILED, failure, Reason.NOT_FAILED)
    yield Finding(
        ConditionType.COMPLETE, "True" if complete else "False", Reason.COMPLETED if complete else Reason.NOT_COMPLETE
    )
    if failure or complete:
        yield Finding(ConditionType.PROGRESSING, "False", Reason.FINISHED)
        yield Finding(ConditionType.SUSPENDED, "False", Reason.NOT_SUSPENDED)
        if complete:
            yield Finding(ConditionType.SCHEDULED, "True", Reason.SCHEDULED)
        return
    yield from _while_running(observed, training, now)


def _accepted(observed: Observed, outcomes: Sequence[Outcome]) -> Finding:
    if observed.training is None:
        return Finding(
            ConditionType.ACCEPTED, "False", Reason.INVALID_SPEC, f"{observed.invalid}. {_remedy(Reason.INVALID_SPEC)}"
        )
    for outcome in outcomes:
        if outcome.verdict is Verdict.CONFLICT:
            words = f"{outcome.message}. {_remedy(Reason.NAME_CONFLICT)}"
            return Finding(ConditionType.ACCEPTED, "False", Reason.NAME_CONFLICT, words)
        if outcome.verdict is Verdict.REFUSED:
            return Finding(
                ConditionType.ACCEPTED, "False", Reason.REFUSED, f"{outcome.message}. {_remedy(Reason.REFUSED)}"
            )
    return Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED)


def _failure(observed: Observed, training: TTSTraining, now: datetime) -> Trouble | None:
    """Why the training is given up, or None where it is not."""
    job = observed.job
    if job is None or job.owner_uid != observed.uid:
        return None
    if stuck(observed):
        return Trouble(Reason.NO_PROGRESS, f"{REASONS[Reason.NO_PROGRESS].meaning} {_remedy(Reason.NO_PROGRESS)}")
    if job.complete:
        deadline = result_deadline(observed)
        waited = deadline is not None and now >= deadline
        if waited and result(observed, training) is None:
            return Trouble(
                Reason.RESULT_MISSING, f"{REASONS[Reason.RESULT_MISSING].meaning} {_remedy(Reason.RESULT_MISSING)}"
            )
        return None
    if not job.failed_reason:
        return None
    if job.failed_reason == "DeadlineExceeded":
        return Trouble(Reason.DEADLINE_EXCEEDED, f"{job.failed_message}. {_remedy(Reason.DEADLINE_EXCEEDED)}")
    pod = last_failure(observed)
    if pod is None:
        return Trouble(Reason.BACKOFF_LIMIT_EXCEEDED, job.failed_message)
    end = end_trouble(pod)
    if job.failed_reason == "BackoffLimitExceeded" and end.reason is Reason.WORKLOAD_FAILED:
        return Trouble(Reason.BACKOFF_LIMIT_EXCEEDED, f"{job.failed_message}; the last time, {end.message}")
    return end


def _while_running(observed: Observed, training: TTSTraining, now: datetime) -> Iterator[Finding]:
    job = observed.job
    waits = waits_for(observed)
    if waits is not None:
        stopped = training.spec.run_policy.suspend
        yield _suspended() if stopped else Finding(ConditionType.SUSPENDED, "False", Reason.NOT_SUSPENDED)
        yield Finding(ConditionType.SCHEDULED, "False", waits.reason, waits.message)
        yield Finding(ConditionType.PROGRESSING, "False", waits.reason, waits.message)
        return
    suspended = job is not None and job.suspended
    queued = suspended and QUEUE_LABEL in training.metadata.labels and not training.spec.run_policy.suspend
    if queued:
        yield Finding(ConditionType.SUSPENDED, "True", Reason.QUEUED)
        yield Finding(ConditionType.SCHEDULED, "False", Reason.QUEUED)
        yield Finding(ConditionType.PROGRESSING, "False", Reason.QUEUED)
        return
    if suspended or (job is None and training.spec.run_policy.suspend):
        yield _suspended()
        yield Finding(ConditionType.SCHEDULED, "False", Reason.SUSPENDED)
        yield Finding(ConditionType.PROGRESSING, "False", Reason.SUSPENDED)
        return
    was_suspended = holds(observed.status.get("conditions", ()), ConditionType.SUSPENDED)
    resumed = was_suspended or _reason_of(observed, ConditionType.SUSPENDED) == Reason.RESUMED
    yield Finding(ConditionType.SUSPENDED, "False", Reason.RESUMED if resumed else Reason.NOT_SUSPENDED)
    live = [pod for pod in observed.pods if pod.phase in ("Pending", "Running") and not pod.deleting]
    placement = placement_trouble(live)
    if placement:
        yield Finding(ConditionType.SCHEDULED, "False", placement.reason, placement.message)
        yield Finding(ConditionType.PROGRESSING, "False", placement.reason, placement.message)
        return
    placed = sum(pod.scheduled for pod in live) >= training.spec.resources.nodes
    yield Finding(
        ConditionType.SCHEDULED, "True" if placed else "False", Reason.SCHEDULED if placed else Reason.PENDING
    )
    truth, trouble = _progressing(observed, training, now)
    yield Finding(ConditionType.PROGRESSING, truth, trouble.reason, trouble.message)


def _suspended() -> Finding:
    words = f"{REASONS[Reason.SUSPENDED].meaning} {_remedy(Reason.SUSPENDED)}"
    return Finding(ConditionType.SUSPENDED, "True", Reason.SUSPENDED, words)


def _progressing(observed: Observed, training: TTSTraining, now: datetime) -> tuple[Truth, Trouble]:
    live = [pod for pod in observed.pods if pod.phase in ("Pending", "Running") and not pod.deleting]
    start = start_trouble(live)
    if start:
        return "False", start
    if not running(observed):
        failed = last_failure(observed)
        if failed:
            return "False", end_trouble(failed)
        return ("True", Trouble(Reason.STARTING, "")) if live else ("Unknown", Trouble(Reason.PENDING, ""))
    deadline = stall_deadline(observed, training)
    if deadline is not None and now >= deadline:
        seconds = training.spec.run_policy.stall_timeout_seconds
        words = f"no step was done for {seconds} s. {_remedy(Reason.STALLED)}"
        return "False", Trouble(Reason.STALLED, words)
    reported = progress(observed)
    warnings = ". ".join(reported.warnings) if reported else ""
    return "True", Trouble(Reason.RUNNING if reported and reported.step else Reason.PREPARING, warnings)


def _phase(observed: Observed, conditions: Sequence[dict[str, Any]]) -> str:
    for kind, phase in ((ConditionType.FAILED, "Failed"), (ConditionType.COMPLETE, "Complete")):
        if holds(conditions, kind):
            return phase
    if holds(conditions, ConditionType.SUSPENDED):
        suspended = next(c for c in conditions if c["type"] == ConditionType.SUSPENDED.value)
        return "Queued" if suspended["reason"] == Reason.QUEUED.value else "Suspended"
    # Between the end of the last pod and that of its Job the training is still under way.
    under_way = running(observed) or any(pod.phase == "Succeeded" for pod in observed.pods)
    return "Running" if under_way else "Pending"


def _or(truth: bool, kind: ConditionType, trouble: Trouble | None, otherwise: Reason) -> Finding:
    if truth and trouble:
        return Finding(kind, "True", trouble.reason, trouble.message)
    return Finding(kind, "False", otherwise)


def _reason_of(observed: Observed, kind: ConditionType) -> str:
    conditions = observed.status.get("conditions", ())
    return next((c["reason"] for c in conditions if c["type"] == kind.value), "")


def _remedy(reason: Reason) -> str:
    return REASONS[reason].remedy
