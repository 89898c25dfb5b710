"""Starts the operator: settings, logs, connections, leader election, watches and workers. Decides nothing itself."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import kopf
from prometheus_client import REGISTRY, Gauge
from pydantic import ValidationError

from tts_operator import health, logs
from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.cache import Cache
from tts_operator.engine.controller import Controller, Runner
from tts_operator.engine.lease import Lease
from tts_operator.engine.objects import Key
from tts_operator.engine.queue import WorkQueue
from tts_operator.engine.watching import Feed
from tts_operator.serving.controller import ServiceController
from tts_operator.settings import Settings
from tts_operator.training.controller import TrainingController
from tts_operator.training.metrics import TrainingMetrics
from tts_operator.training.observe import TRAINING
from tts_operator.watched import WATCHED, owners, wake

logger = logging.getLogger(__name__)

LEASE_NAME = "tts-operator"
LEADS = Gauge("tts_operator_leader", "1 while this replica leads")


class Operator:
    """One replica, from its settings to its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        controllers: tuple[Controller[Any], ...] = (TrainingController(settings), ServiceController(settings))
        self._cache = Cache(owners)
        self._queues: dict[str, WorkQueue[Key]] = {
            c.name: WorkQueue(
                backoff_seconds=settings.backoff_seconds, backoff_limit_seconds=settings.backoff_limit_seconds
            )
            for c in controllers
        }
        self._feed = Feed(self._cache, WATCHED, settings.watch_namespaces, self._changed)
        self._runners = [
            Runner(
                c,
                self._cache,
                self._queues[c.name],
                resync_seconds=settings.resync_seconds,
                remember=self._feed.remember,
            )
            for c in controllers
        ]
        self._filled = asyncio.Event()

    def _changed(self, kind: Any, key: Key, affected: Iterable[tuple[str, Key]]) -> None:
        for controller, resource in wake(self._cache, kind, key, affected):
            self._queues[controller].add(resource)

    async def run(self) -> int:
        """Work until a signal comes (0) or the lease is lost (1)."""
        settings = self._settings
        api = await Api.connect()
        lease = Lease(
            api,
            Key(settings.namespace, LEASE_NAME),
            settings.identity,
            duration_seconds=settings.lease_duration_seconds,
            renew_seconds=settings.lease_renew_seconds,
            retry_seconds=settings.lease_retry_seconds,
        )
        watches = asyncio.create_task(self._watch())
        endpoints = await health.serve(settings.port, alive=lambda: not watches.done(), ready=self._filled.is_set)
        REGISTRY.register(TrainingMetrics(self._trainings))
        work: list[asyncio.Task[Any]] = []

        def start_working() -> None:
            LEADS.set(1)
            for runner in self._runners:
                work.extend(asyncio.create_task(runner.work(api)) for _ in range(settings.workers))

        try:
            await self._fill(api)
            listing = asyncio.create_task(self._feed.keep_listing(api, settings.resync_seconds))
            leading = asyncio.create_task(lease.hold(start_working))
            await asyncio.wait((watches, leading, listing), return_when=asyncio.FIRST_COMPLETED)
            lost = leading.done()
            for task in (watches, leading, listing):
                if task.done() and not task.cancelled() and (error := task.exception()):
                    raise error
            return 1 if lost else 0
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await lease.release()
            watches.cancel()
            await endpoints.cleanup()
            await api.close()

    async def _fill(self, api: Api) -> None:
        """List everything once before anything is decided; an API server that is away is waited for."""
        while True:
            try:
                await self._feed.resync(api)
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
        self._feed.register(registry, settings)
        namespaces = self._settings.watch_namespaces
        await kopf.operator(
            registry=registry, settings=settings, standalone=True, clusterwide=not namespaces, namespaces=namespaces
        )

    def _trainings(self) -> list[Mapping[str, Any]]:
        bodies = (self._cache.get(TRAINING, key) for key in self._cache.keys(TRAINING))
        return [body for body in bodies if body]


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
