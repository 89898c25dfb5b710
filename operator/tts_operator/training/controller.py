"""The controller of trainings. It passes the calls of the engine on and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tts_operator.conditions import condition_events
from tts_operator.engine.actions import Outcome
from tts_operator.engine.cache import Cache
from tts_operator.engine.controller import Plan
from tts_operator.engine.events import Event
from tts_operator.engine.objects import Key
from tts_operator.policy import Policy
from tts_operator.settings import Settings
from tts_operator.training.conclude import conclude
from tts_operator.training.observe import ObservedTraining, observe
from tts_operator.training.plan import plan
from tts_operator.training.policies import POLICIES
from tts_operator.training.record import TRAINING_RECORD
from tts_operator.training.situation import TrainingSituation


class TrainingController:
    """The controller of trainings; see ``tts_operator.engine.controller.Controller``."""

    record = TRAINING_RECORD

    def __init__(self, settings: Settings, policies: Sequence[Policy[TrainingSituation]] = POLICIES) -> None:
        """The order of ``policies`` is their precedence."""
        self._settings = settings
        self._policies = policies

    def observe(self, key: Key, cache: Cache) -> ObservedTraining | None:
        """The training and its children as the caches hold them; None where there is none."""
        return observe(key, cache)

    def plan(self, observed: ObservedTraining, now: datetime) -> Plan:
        """What to create or patch, and when to look again."""
        return plan(observed, self._settings, now, self._policies)

    def conclude(self, observed: ObservedTraining, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
        """The new status, without the field that the pods own."""
        return conclude(observed, outcomes, self._settings, now, self._policies)

    def events(self, observed: ObservedTraining, status: Mapping[str, Any]) -> Iterable[Event]:
        """One event for each new reason in the conditions."""
        return condition_events(observed.status.get("conditions", ()), status["conditions"])
