"""The control loop of one replica: it connects the informers, the cache, the queues and the workers of all kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tts_operator.engine.api import Api
from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.controller import Controller
from tts_operator.engine.informers import Informers
from tts_operator.engine.objects import Key, Kind
from tts_operator.engine.queue import WorkQueue
from tts_operator.engine.records import KindRegistry
from tts_operator.engine.worker import Worker


@dataclass(frozen=True)
class Pace:
    """How often and how much at the same time."""

    workers: int
    """Resources of one kind that are looked at at the same time."""
    resync_seconds: float
    """Longest time until a resource is looked at again."""
    backoff_seconds: float
    """First wait after a failed pass. It doubles with each failure in a row."""
    backoff_limit_seconds: float
    """Longest wait after failed passes."""


class ControlLoop:
    """A queue and workers for each controller, over one cache."""

    def __init__(
        self,
        kinds: KindRegistry,
        controllers: Iterable[Controller[Any]],
        pace: Pace,
        *,
        namespaces: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """No ``namespaces`` means all of them.

        Raises ValueError unless there is one controller for each record of ``kinds``.
        """
        controllers = tuple(controllers)
        recorded = sorted(record.name for record in kinds.records)
        controlled = sorted(controller.record.name for controller in controllers)
        if recorded != controlled:
            raise ValueError(f"each record needs one controller: records of {recorded}, controllers of {controlled}")
        self._kinds = kinds
        self._pace = pace
        self.cache = Cache(kinds.owners)
        self.informers = Informers(self.cache, kinds.informer_specs(), namespaces, self._queue_affected)
        self._queues: dict[str, WorkQueue[Key]] = {
            record.name: WorkQueue(
                backoff_seconds=pace.backoff_seconds, backoff_limit_seconds=pace.backoff_limit_seconds
            )
            for record in kinds.records
        }
        self._workers = [
            Worker(
                controller,
                self.cache,
                self._queues[controller.record.name],
                resync_seconds=pace.resync_seconds,
                remember=self.informers.remember,
                clock=clock,
            )
            for controller in controllers
        ]

    def start(self, api: Api) -> list[asyncio.Task[None]]:
        """Start the workers. They run until their tasks are cancelled."""
        return [asyncio.create_task(worker.run(api)) for worker in self._workers for _ in range(self._pace.workers)]

    def _queue_affected(self, kind: Kind, key: Key, owners: Iterable[Owner]) -> None:
        for name, resource in self._kinds.wake(self.cache, kind, key, owners):
            self._queues[name].add(resource)
