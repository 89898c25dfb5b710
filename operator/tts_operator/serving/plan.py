"""Decides the actions for a service: a fold over the policies. Pure: no cluster, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tts_operator.engine.controller import Plan
from tts_operator.policy import Policy, fold_plan
from tts_operator.serving.observe import ObservedService
from tts_operator.serving.policies import POLICIES
from tts_operator.serving.situation import ServiceSituation
from tts_operator.settings import Settings


def plan(
    observed: ObservedService,
    settings: Settings,
    now: datetime,
    policies: Sequence[Policy[ServiceSituation]] = POLICIES,
) -> Plan:
    """The actions and the time of the next look; nothing for a service that cannot be read."""
    if observed.service is None:
        return Plan()
    return fold_plan(policies, ServiceSituation.of(observed, observed.service, settings, now), now)
