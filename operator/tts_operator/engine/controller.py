"""What a controller is: the decisions for one kind of resource. ``engine.worker`` asks for them and acts on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from tts_operator.engine.actions import Action, Outcome
from tts_operator.engine.cache import Cache
from tts_operator.engine.events import Event
from tts_operator.engine.objects import Key
from tts_operator.engine.records import KindRecord

Observed = TypeVar("Observed")


@dataclass(frozen=True)
class Plan:
    """What to do now, and when to look again if nothing happens before."""

    actions: tuple[Action, ...] = ()
    requeue_at: datetime | None = None


class Controller(Protocol[Observed]):
    """The decisions for one kind of resource. All but ``observe`` are pure, and ``observe`` only reads the cache."""

    record: KindRecord[Any]

    def observe(self, key: Key, cache: Cache) -> Observed | None:
        """The resource and its children as the cache holds them. None where there is no resource to look after."""

    def plan(self, observed: Observed, now: datetime, /) -> Plan:
        """The actions that create, apply or patch objects, and the time of the next look."""

    def conclude(self, observed: Observed, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
        """The new status, without the field that the pods own."""

    def events(self, observed: Observed, status: Mapping[str, Any]) -> Iterable[Event]:
        """The events that report what changed from the old status to the new one."""
