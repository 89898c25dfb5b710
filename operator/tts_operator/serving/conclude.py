"""The status of a service, from what was observed and what became of the plan. Pure: no cluster, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tts_api.reasons import REASONS, ConditionType, Reason
from tts_api.report import ExitCode
from tts_api.resources import TTSService
from tts_operator.conditions import Finding, merge
from tts_operator.engine.actions import Outcome, Verdict
from tts_operator.podviews import PodView, Trouble, end_trouble, placement_trouble, start_trouble
from tts_operator.serving import manifests
from tts_operator.serving.kind import TTS_SERVICE
from tts_operator.serving.observe import DeploymentView, Observed
from tts_operator.serving.plan import resolved_image
from tts_operator.sources import source_trouble


def current(observed: Observed) -> dict[str, Any]:
    """The status as it is, without what the pods own."""
    return TTS_SERVICE.without_pod_owned(observed.status)


def conclude(observed: Observed, outcomes: Sequence[Outcome], default_image: str, now: datetime) -> dict[str, Any]:
    """The status as it should be, without what the pods own."""
    status = current(observed)
    status["observedGeneration"] = observed.generation
    service, voice = observed.service, observed.voice
    findings = tuple(_findings(observed, outcomes))
    status["conditions"] = merge(status.get("conditions", ()), findings, observed.generation, now)
    if service is None:
        return status
    status["url"] = manifests.url(service)
    status["selector"] = ",".join(f"{key}={value}" for key, value in manifests.selector(service).items())
    there = observed.deployment
    status["replicas"] = there.current if there else 0
    status["readyReplicas"] = there.ready if there else 0
    if voice is not None:
        status["image"] = resolved_image(observed, service, default_image)
        ready = status["readyReplicas"] > 0
        status["model"] = {"name": service.metadata.name, "sha256": voice.sha256, "ready": ready}
    return status


def _findings(observed: Observed, outcomes: Sequence[Outcome]) -> Iterator[Finding]:
    yield _accepted(observed, outcomes)
    service = observed.service
    if service is None:
        return
    model = _model(observed)
    yield model
    there = observed.deployment
    if there is None:
        reason = model.reason if model.status == "False" else Reason.PENDING
        yield Finding(ConditionType.AVAILABLE, "False", reason, model.message if model.status == "False" else "")
        yield Finding(ConditionType.PROGRESSING, "False" if model.status == "False" else "Unknown", reason)
        return
    yield _available(observed, service, there)
    yield _progressing(service, there)


def _accepted(observed: Observed, outcomes: Sequence[Outcome]) -> Finding:
    if observed.service is None:
        words = f"{observed.invalid}. {REASONS[Reason.INVALID_SPEC].remedy}"
        return Finding(ConditionType.ACCEPTED, "False", Reason.INVALID_SPEC, words)
    for outcome in outcomes:
        if outcome.verdict in (Verdict.CONFLICT, Verdict.REFUSED):
            reason = Reason.NAME_CONFLICT if outcome.verdict is Verdict.CONFLICT else Reason.REFUSED
            return Finding(ConditionType.ACCEPTED, "False", reason, f"{outcome.message}. {REASONS[reason].remedy}")
    return Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED)


def _model(observed: Observed) -> Finding:
    trouble = source_trouble(observed.source) if observed.source else None
    trouble = trouble or _refusal(observed)
    if trouble is not None:
        return Finding(ConditionType.MODEL_READY, "False", trouble.reason, trouble.message)
    return Finding(ConditionType.MODEL_READY, "True", Reason.MODEL_FOUND)


def _refusal(observed: Observed) -> Trouble | None:
    """Why the pods refuse the voice, if the newest one does."""
    ended = [pod for pod in observed.pods if pod.terminated and not pod.ready and not pod.deleting]
    if not ended or any(pod.ready for pod in observed.pods):
        return None
    newest = max(ended, key=lambda pod: pod.created_at)
    if newest.terminated is None or newest.terminated.exit_code != ExitCode.BAD_INPUT:
        return None
    return end_trouble(newest)


def _available(observed: Observed, service: TTSService, there: DeploymentView) -> Finding:
    if service.spec.replicas == 0:
        words = f"{REASONS[Reason.SCALED_TO_ZERO].meaning} {REASONS[Reason.SCALED_TO_ZERO].remedy}"
        return Finding(ConditionType.AVAILABLE, "False", Reason.SCALED_TO_ZERO, words)
    enough = max(1, service.spec.replicas - service.spec.rollout.max_unavailable)
    if there.ready >= enough:
        return Finding(
            ConditionType.AVAILABLE, "True", Reason.AVAILABLE, f"{there.ready} of {service.spec.replicas} pods speak."
        )
    trouble = _pod_trouble(observed.pods)
    if trouble is None and there.refused:
        trouble = Trouble(Reason.REFUSED, f"{there.refused}. {REASONS[Reason.REFUSED].remedy}")
    if trouble is not None:
        return Finding(ConditionType.AVAILABLE, "False", trouble.reason, trouble.message)
    return Finding(
        ConditionType.AVAILABLE, "False", Reason.UNAVAILABLE, f"{there.ready} of {service.spec.replicas} pods speak."
    )


def _pod_trouble(pods: Sequence[PodView]) -> Trouble | None:
    waiting = [pod for pod in pods if not pod.ready and not pod.deleting]
    for look in (placement_trouble, start_trouble):
        if trouble := look(waiting):
            return trouble
    ended = [pod for pod in waiting if pod.terminated]
    if not ended:
        return None
    trouble = end_trouble(max(ended, key=lambda pod: pod.created_at))
    if trouble.reason is Reason.WORKLOAD_FAILED and any(pod.waiting_reason == "CrashLoopBackOff" for pod in ended):
        return Trouble(Reason.CRASH_LOOP, trouble.message)
    return trouble


def _progressing(service: TTSService, there: DeploymentView) -> Finding:
    if there.deadline_exceeded:
        words = f"{there.deadline_exceeded} The condition Available says why."
        return Finding(ConditionType.PROGRESSING, "False", Reason.DEADLINE_EXCEEDED, words)
    wanted = service.spec.replicas
    rolled_out = (
        there.observed_generation >= there.generation
        and there.replicas == wanted == there.updated == there.current
        and there.unavailable == 0
    )
    if rolled_out:
        return Finding(ConditionType.PROGRESSING, "False", Reason.ROLLED_OUT)
    return Finding(
        ConditionType.PROGRESSING, "True", Reason.ROLLING_OUT, f"{there.updated} of {wanted} pods are current."
    )
