"""Starts the operator: settings, logs, connections, leader election, watches and workers. Decides nothing itself."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import kopf
from prometheus_client import REGISTRY, Gauge
from pydantic import ValidationError

from tts_operator import health, logs
from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.informers import Informers
from tts_operator.engine.lease import Lease
from tts_operator.engine.objects import Key, Kind
from tts_operator.engine.queue import WorkQueue
from tts_operator.engine.worker import Worker
from tts_operator.kinds import CONTROLLERS, KINDS
from tts_operator.settings import Settings
from tts_operator.training.kind import TRAINING
from tts_operator.training.metrics import TrainingMetrics

logger = logging.getLogger(__name__)

LEASE_NAME = "tts-operator"
LEADS = Gauge("tts_operator_leader", "1 while this replica leads")


class Operator:
    """One replica, from its settings to its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cache = Cache(KINDS.owners)
        self._informers = Informers(
            self._cache, KINDS.informer_specs(), settings.watch_namespaces, self._queue_affected
        )
        self._queues: dict[str, WorkQueue[Key]] = {
            record.name: WorkQueue(
                backoff_seconds=settings.backoff_seconds, backoff_limit_seconds=settings.backoff_limit_seconds
            )
            for record in KINDS.records
        }
        self._workers = [
            Worker(
                controller,
                self._cache,
                self._queues[controller.record.name],
                resync_seconds=settings.resync_seconds,
                remember=self._informers.remember,
            )
            for controller in (make(settings) for make in CONTROLLERS)
        ]
        self._filled = asyncio.Event()

    def _queue_affected(self, kind: Kind, key: Key, owners: Iterable[Owner]) -> None:
        for name, resource in KINDS.wake(self._cache, kind, key, owners):
            self._queues[name].add(resource)

    async def run(self) -> int:
        """Work until a signal comes (0) or the lease is lost (1)."""
        api = await Api.connect()
        watches = asyncio.create_task(self._watch())
        endpoints = await health.serve(self._settings.port, alive=lambda: not watches.done(), ready=self._filled.is_set)
        REGISTRY.register(TrainingMetrics(self._trainings))
        lease = self._lease(api)
        work: list[asyncio.Task[None]] = []
        try:
            await self._fill(api)
            leading = asyncio.create_task(lease.hold(lambda: self._start_working(api, work)))
            listing = asyncio.create_task(self._informers.keep_listing(api, self._settings.resync_seconds))
            await _first_to_end(watches, leading, listing)
            return 1 if leading.done() else 0
        finally:
            await _cancel(work)
            await lease.release()
            watches.cancel()
            await endpoints.cleanup()
            await api.close()

    def _lease(self, api: Api) -> Lease:
        settings = self._settings
        return Lease(
            api,
            Key(settings.namespace, LEASE_NAME),
            settings.identity,
            duration_seconds=settings.lease_duration_seconds,
            renew_seconds=settings.lease_renew_seconds,
            retry_seconds=settings.lease_retry_seconds,
        )

    def _start_working(self, api: Api, work: list[asyncio.Task[None]]) -> None:
        LEADS.set(1)
        for worker in self._workers:
            work.extend(asyncio.create_task(worker.run(api)) for _ in range(self._settings.workers))

    async def _fill(self, api: Api) -> None:
        """List everything once before anything is decided; an API server that is away is waited for."""
        while True:
            try:
                await self._informers.resync(api)
                break
            except ApiError as error:
                logger.warning("the caches cannot be filled yet: %s", error)
                await asyncio.sleep(self._settings.lease_retry_seconds)
        self._filled.set()
        logger.info("the caches are filled")

    async def _watch(self) -> None:
        registry = kopf.get_default_registry()
        settings = kopf.OperatorSettings()
        # No look at CRDs and namespaces of the whole cluster, no events of kopf's own, one replica's view only.
        settings.scanning.disabled = True
        settings.posting.enabled = False
        settings.watching.server_timeout = 300
        self._informers.register(registry, settings)
        namespaces = self._settings.watch_namespaces
        await kopf.operator(
            registry=registry, settings=settings, standalone=True, clusterwide=not namespaces, namespaces=namespaces
        )

    def _trainings(self) -> list[Mapping[str, Any]]:
        bodies = (self._cache.get(TRAINING.kind, key) for key in self._cache.keys(TRAINING.kind))
        return [body for body in bodies if body]


async def _first_to_end(*tasks: asyncio.Task[None]) -> None:
    """Wait until the first task ends. Raises what it raised."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _run(settings: Settings) -> int:
    return await Operator(settings).run()


def main() -> int:
    """Read the settings, work, and say how it ended: 0 after a signal, 1 after a lost lease, 2 for wrong settings."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "TTS_OPERATOR_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}", file=sys.stderr)
        return 2
    logs.configure(settings.log_level)
    return asyncio.run(_run(settings))


if __name__ == "__main__":
    sys.exit(main())
