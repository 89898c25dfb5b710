"""The controller of services. It passes the calls of the engine on and decides nothing."""

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
from tts_operator.serving.conclude import conclude
from tts_operator.serving.observe import ObservedService, observe
from tts_operator.serving.plan import plan
from tts_operator.serving.policies import POLICIES
from tts_operator.serving.record import SERVICE_RECORD
from tts_operator.serving.situation import ServiceSituation
from tts_operator.settings import Settings


class ServiceController:
    """The controller of services; see ``tts_operator.engine.controller.Controller``."""

    record = SERVICE_RECORD

    def __init__(self, settings: Settings, policies: Sequence[Policy[ServiceSituation]] = POLICIES) -> None:
        """The order of ``policies`` is their precedence."""
        self._settings = settings
        self._policies = policies

    def observe(self, key: Key, cache: Cache) -> ObservedService | None:
        """The service and its children as the caches hold them; None where there is none."""
        return observe(key, cache)

    def plan(self, observed: ObservedService, now: datetime) -> Plan:
        """What to create or apply, and when to look again."""
        return plan(observed, self._settings, now, self._policies)

    def conclude(self, observed: ObservedService, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
        """The new status, without the field that the pods own."""
        return conclude(observed, outcomes, self._settings, now, self._policies)

    def events(self, observed: ObservedService, status: Mapping[str, Any]) -> Iterable[Event]:
        """One event for each new reason in the conditions."""
        return condition_events(observed.status.get("conditions", ()), status["conditions"])
