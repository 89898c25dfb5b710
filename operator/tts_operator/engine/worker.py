"""The worker takes one resource after the other through observe, plan, act, conclude and events.

What those steps decide is in a ``Controller``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from tts_operator.engine.actions import Outcome, Verdict, act
from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.controller import Controller, Plan
from tts_operator.engine.events import emit
from tts_operator.engine.objects import Key, Kind
from tts_operator.engine.patches import difference, is_expected
from tts_operator.engine.queue import WorkQueue

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]

RECONCILES = Counter("tts_operator_reconcile", "Passes over a resource", ["controller", "outcome"])
SECONDS = Histogram(
    "tts_operator_reconcile_seconds",
    "Duration of a pass",
    ["controller"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
WAITED = Histogram(
    "tts_operator_queue_wait_seconds",
    "Time a resource waited to be looked at",
    ["controller"],
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60),
)
DEPTH = Gauge("tts_operator_queue_depth", "Resources waiting to be looked at", ["controller"])
RETRIES = Counter("tts_operator_retries", "Passes that failed and are tried again", ["controller"])


class Worker:
    """Drives one controller. ``run`` may run several times concurrently: the queue gives no two of them one key."""

    def __init__(
        self,
        controller: Controller[Any],
        cache: Cache,
        queue: WorkQueue[Key],
        *,
        resync_seconds: float,
        remember: Callable[[Kind, Body, Owner | None], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``remember`` puts an object into the cache, see ``Informers.remember``. ``resync_seconds`` is the
        longest time until a resource is looked at again."""
        self._controller = controller
        self._record = controller.record
        self._cache = cache
        self._queue = queue
        self._resync = resync_seconds
        self._remember = remember
        self._clock = clock

    async def run(self, api: Api) -> None:
        """Look at one resource after the other, for ever."""
        name = self._record.name
        while True:
            key, waited = await self._queue.get()
            WAITED.labels(name).observe(waited)
            DEPTH.labels(name).set(len(self._queue))
            started = time.perf_counter()
            outcome = "error"
            try:
                outcome = await self._attempt(api, key)
            finally:
                RECONCILES.labels(name, outcome).inc()
                SECONDS.labels(name).observe(time.perf_counter() - started)
                self._queue.done(key)

    async def _attempt(self, api: Api, key: Key) -> str:
        """One pass and its outcome, as the metrics name it. A pass that fails is tried again later."""
        try:
            outcome = await self._reconcile(api, key)
        except ApiError as error:
            self._retry(key, str(error))
            return "retry"
        except Exception:
            # A defect in the handling of one resource must not stop the others.
            logger.exception("a pass failed", extra=self._log_fields(key))
            self._retry(key, "internal error")
            return "error"
        self._queue.forget(key)
        return outcome

    async def _reconcile(self, api: Api, key: Key) -> str:
        """The five steps. Raises ApiError where the API server cannot be reached or asks to come back later."""
        observed = self._controller.observe(key, self._cache)
        current = self._current_status(key)
        if observed is None or current is None:
            return "absent"
        now = self._clock()
        plan = self._controller.plan(observed, now)
        outcomes = await self._act(api, plan)
        status = self._record.without_pod_owned(self._controller.conclude(observed, outcomes, now))
        if status != current:
            stored = await self._write_status(api, key, difference(current, status))
            for event in self._controller.events(observed, status):
                await emit(api, _reference(self._record.kind, stored), event, now)
        if any(outcome.verdict in (Verdict.CONFLICT, Verdict.REFUSED) for outcome in outcomes):
            self._retry(key, next(outcome.message for outcome in outcomes if outcome.message))
            return "refused"
        self._look_again(key, plan, now)
        return "changed" if status != current or outcomes else "unchanged"

    def _current_status(self, key: Key) -> dict[str, Any] | None:
        """The status that the cache has, without the field that the pods own. None where there is no resource."""
        body = self._cache.get(self._record.kind, key)
        return None if body is None else self._record.without_pod_owned(body.get("status") or {})

    async def _act(self, api: Api, plan: Plan) -> Sequence[Outcome]:
        outcomes = await act(api, plan.actions)
        for outcome in outcomes:
            if outcome.body is not None:
                # The cache has it before the watch brings it, so that the next pass does not do it again.
                self._remember(outcome.action.kind, outcome.body, None)
        return outcomes

    async def _write_status(self, api: Api, key: Key, patch: Body) -> Body:
        kind = self._record.kind
        before = self._cache.get(kind, key)
        stored = await api.merge_patch(kind, key, {"status": patch}, "status")
        # A change that only this pass has made is no reason for another pass.
        nothing_new = before is not None and is_expected(before, patch, stored)
        self._remember(kind, stored, self._record.owner(key) if nothing_new else None)
        return stored

    def _look_again(self, key: Key, plan: Plan, now: datetime) -> None:
        wait = self._resync
        if plan.requeue_at is not None:
            wait = min(wait, max(0.0, (plan.requeue_at - now).total_seconds()))
        self._queue.add_at(key, asyncio.get_running_loop().time() + wait)

    def _retry(self, key: Key, why: str) -> None:
        RETRIES.labels(self._record.name).inc()
        delay = self._queue.retry(key)
        logger.warning("looking again in %.1f s: %s", delay, why, extra=self._log_fields(key))

    def _log_fields(self, key: Key) -> dict[str, str]:
        return {"resource": self._record.kind.name, "namespace": key.namespace, "resource_name": key.name}


def _reference(kind: Kind, body: Body) -> dict[str, str]:
    """An object as an event refers to it."""
    metadata = body["metadata"]
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
