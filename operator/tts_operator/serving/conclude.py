"""Decides the status of a service from the observed facts and the actions' outcomes. Pure: no cluster, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tts_api.reasons import ConditionType, Reason
from tts_api.resources import Condition
from tts_api.resources.service import ServedModel, TTSServiceStatus
from tts_operator.conditions import encode_status, explanation, find, holds, merge
from tts_operator.engine.actions import Outcome
from tts_operator.policy import Policy, fold_findings
from tts_operator.serving import manifests
from tts_operator.serving.observe import ObservedService
from tts_operator.serving.policies import POLICIES
from tts_operator.serving.record import SERVICE_RECORD
from tts_operator.serving.situation import ServiceSituation
from tts_operator.settings import Settings
from tts_operator.shared_policies import unreadable


def current(observed: ObservedService) -> dict[str, Any]:
    """The status as it is stored, without the field that the pods own."""
    return SERVICE_RECORD.without_pod_owned(observed.status)


def conclude(
    observed: ObservedService,
    outcomes: Sequence[Outcome],
    settings: Settings,
    now: datetime,
    policies: Sequence[Policy[ServiceSituation]] = POLICIES,
) -> dict[str, Any]:
    """The new status, without the field that the pods own."""
    if observed.service is None:
        conditions = merge(observed.conditions, (unreadable(observed.invalid),), observed.generation, now)
        status = TTSServiceStatus(
            observed_generation=observed.generation, reason=_reason(conditions), conditions=conditions
        )
    else:
        this = ServiceSituation.of(observed, observed.service, settings, now, outcomes)
        findings = fold_findings(policies, this)
        status = _status(this, merge(observed.conditions, findings, observed.generation, now))
    return encode_status(current(observed), status)


def _reason(conditions: Sequence[Condition]) -> str | None:
    """The reason of the condition that explains whether the service is available."""
    progressing = find(conditions, ConditionType.PROGRESSING)
    late = progressing is not None and progressing.reason == Reason.PROGRESS_DEADLINE_EXCEEDED.value
    # While older pods speak, nothing else shows that the newer ones do not.
    explains = ConditionType.PROGRESSING if late and holds(conditions, ConditionType.AVAILABLE) else None
    return explanation(conditions, ((ConditionType.ACCEPTED, "False"), (explains or ConditionType.AVAILABLE, None)))


def _status(this: ServiceSituation, conditions: tuple[Condition, ...]) -> TTSServiceStatus:
    service, voice, deployment = this.service, this.voice, this.deployment
    ready = deployment.ready if deployment else 0
    model = ServedModel(name=service.metadata.name, sha256=voice.sha256, ready=ready > 0) if voice else None
    return TTSServiceStatus(
        observed_generation=this.observed.generation,
        reason=_reason(conditions),
        conditions=conditions,
        url=manifests.url(service),
        replicas=deployment.current if deployment else 0,
        ready_replicas=ready,
        selector=",".join(f"{key}={value}" for key, value in manifests.selector(service).items()),
        image=this.image if voice else None,
        model=model,
    )
