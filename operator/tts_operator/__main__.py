"""Starts the operator: settings, logs, connections, leader election, watches and workers. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import kopf
from prometheus_client import REGISTRY, Gauge
from pydantic import ValidationError

from tts_operator import health, logs
from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.control_loop import ControlLoop, Pace
from tts_operator.engine.lease import Lease
from tts_operator.engine.objects import Key
from tts_operator.registry import CONTROLLERS, KINDS
from tts_operator.settings import Settings
from tts_operator.training.metrics import TrainingMetrics
from tts_operator.training.record import TRAINING_RECORD

logger = logging.getLogger(__name__)

LEASE_NAME = "tts-operator"
LEADS = Gauge("tts_operator_leader", "1 while this replica leads")


class Operator:
    """One replica of the operator, from its start to its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        pace = Pace(
            workers=settings.workers,
            resync_seconds=settings.resync_seconds,
            backoff_seconds=settings.backoff_seconds,
            backoff_limit_seconds=settings.backoff_limit_seconds,
        )
        controllers = [controller(settings) for controller in CONTROLLERS]
        self._loop = ControlLoop(KINDS, controllers, pace, namespaces=settings.watch_namespaces)
        self._filled = asyncio.Event()

    async def run(self) -> int:
        """Work until a signal comes (0) or the lease is lost (1)."""
        api = await Api.connect()
        watches = asyncio.create_task(self._watch())
        endpoints = await health.serve(self._settings.port, alive=lambda: not watches.done(), ready=self._filled.is_set)
        REGISTRY.register(TrainingMetrics(self._trainings))
        lease = self._lease(api)
        work: list[asyncio.Task[None]] = []

        def lead() -> None:
            LEADS.set(1)
            work.extend(self._loop.start(api))

        try:
            await self._fill(api)
            leading = asyncio.create_task(lease.hold(lead))
            listing = asyncio.create_task(self._loop.informers.keep_listing(api, self._settings.resync_seconds))
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

    async def _fill(self, api: Api) -> None:
        """List everything once before anything is decided, and wait for an API server that is away."""
        while True:
            try:
                await self._loop.informers.resync(api)
                break
            except ApiError as error:
                logger.warning("the caches cannot be filled yet: %s", error)
                await asyncio.sleep(self._settings.lease_retry_seconds)
        self._filled.set()
        logger.info("the caches are filled")

    async def _watch(self) -> None:
        registry = kopf.get_default_registry()
        settings = kopf.OperatorSettings()
        # kopf neither scans CRDs and namespaces of the whole cluster, nor posts events, nor looks for other replicas.
        settings.scanning.disabled = True
        settings.posting.enabled = False
        settings.watching.server_timeout = 300
        self._loop.informers.register(registry, settings)
        namespaces = self._settings.watch_namespaces
        await kopf.operator(
            registry=registry, settings=settings, standalone=True, clusterwide=not namespaces, namespaces=namespaces
        )

    def _trainings(self) -> list[Mapping[str, Any]]:
        bodies = (
            self._loop.cache.get(TRAINING_RECORD.kind, key) for key in self._loop.cache.keys(TRAINING_RECORD.kind)
        )
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
    """Read the settings and work. Returns 0 after a signal, 1 after a lost lease, and 2 for wrong settings."""
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
