"""The training's decisions as the engine asks for them. The decisions themselves are in the modules beside."""

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
from tts_operator.training.kind import TRAINING
from tts_operator.training.observe import Observed, observe
from tts_operator.training.plan import plan
from tts_operator.training.policies import POLICIES
from tts_operator.training.situation import Situation


class TrainingController:
    """A ``tts_operator.engine.controller.Controller``."""

    record = TRAINING

    def __init__(self, settings: Settings, policies: Sequence[Policy[Situation]] = POLICIES) -> None:
        """``policies`` are asked in their order."""
        self._settings = settings
        self._policies = policies

    def observe(self, key: Key, cache: Cache) -> Observed | None:
        """The training and its children."""
        return observe(key, cache)

    def plan(self, observed: Observed, now: datetime) -> Plan:
        """What to create or patch."""
        return plan(observed, self._settings, now, self._policies)

    def conclude(self, observed: Observed, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
        """The status as it should be."""
        return conclude(observed, outcomes, self._settings, now, self._policies)

    def events(self, observed: Observed, status: Mapping[str, Any]) -> Iterable[Event]:
        """What to tell about the change."""
        return condition_events(observed.status.get("conditions", ()), status["conditions"])
