"""Decides the actions for a training: a fold over the policies. Pure: no cluster, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tts_operator.engine.controller import Plan
from tts_operator.policy import Policy, fold_plan
from tts_operator.settings import Settings
from tts_operator.training.observe import ObservedTraining
from tts_operator.training.policies import POLICIES
from tts_operator.training.situation import TrainingSituation


def plan(
    observed: ObservedTraining,
    settings: Settings,
    now: datetime,
    policies: Sequence[Policy[TrainingSituation]] = POLICIES,
) -> Plan:
    """The actions and the time of the next look; nothing for a training that is finished or cannot be read."""
    if observed.training is None or observed.finished:
        return Plan()
    return fold_plan(policies, TrainingSituation.of(observed, observed.training, settings, now), now)
