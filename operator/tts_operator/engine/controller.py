"""The loop: takes a key through observe, plan, act, conclude and events. What those decide is a ``Controller``'s."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from prometheus_client import Counter, Gauge, Histogram

from tts_operator.engine.actions import Action, Outcome, act
from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.events import Event, emit
from tts_operator.engine.objects import Key, Kind
from tts_operator.engine.queue import WorkQueue

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]
O = TypeVar("O")  # noqa: E741

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


@dataclass(frozen=True)
class Plan:
    """What to do now, and when to look again if nothing happens before."""

    actions: tuple[Action, ...] = ()
    requeue_at: datetime | None = None


class Controller(Protocol[O]):
    """The decisions for one kind of resource. All but ``observe`` are pure, and ``observe`` only reads the cache."""

    name: str
    kind: Kind

    def observe(self, key: Key, cache: Cache) -> O | None:
        """The resource and its children as the caches hold them; None where there is no such resource."""

    def plan(self, observed: O, now: datetime, /) -> Plan:
        """What to create, patch or delete."""

    def conclude(self, observed: O, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
        """The status as it should be, without the fields that the pods own."""

    def current(self, observed: O) -> dict[str, Any]:
        """The status as it is, without the fields that the pods own."""

    def events(self, observed: O, status: dict[str, Any]) -> Iterable[Event]:
        """What to tell about the way from the old status to the new one."""


class Runner:
    """Workers that drive one controller."""

    def __init__(
        self,
        controller: Controller[Any],
        cache: Cache,
        queue: WorkQueue[Key],
        *,
        resync_seconds: float,
        remember: Callable[[Kind, Body, Owner | None], None],
    ) -> None:
        self._controller = controller
        self._cache = cache
        self._queue = queue
        self._resync = resync_seconds
        self._remember = remember

    async def work(self, api: Api) -> None:
        """Look at one resource after the other, for ever."""
        name = self._controller.name
        while True:
            key, waited = await self._queue.get()
            WAITED.labels(name).observe(waited)
            DEPTH.labels(name).set(len(self._queue))
            started = time.perf_counter()
            outcome = "error"
            try:
                outcome = await self._look(api, key)
                self._queue.forget(key)
            except ApiError as error:
                outcome = "retry"
                self._retry(key, str(error))
            except Exception:
                # A defect in one resource's handling must not stop the others.
                logger.exception("a pass failed", extra=self._words(key))
                self._retry(key, "internal error")
            finally:
                RECONCILES.labels(name, outcome).inc()
                SECONDS.labels(name).observe(time.perf_counter() - started)
                self._queue.done(key)

    async def _look(self, api: Api, key: Key) -> str:
        controller = self._controller
        observed = controller.observe(key, self._cache)
        if observed is None:
            return "absent"
        now = datetime.now(UTC)
        plan = controller.plan(observed, now)
        outcomes = await act(api, plan.actions)
        for done in outcomes:
            if done.body is not None:
                # Seen at once, not when the watch brings it: the next pass must not do it again.
                self._remember(done.action.kind, done.body, None)
        status, current = controller.conclude(observed, outcomes, now), controller.current(observed)
        if status != current:
            patch = difference(current, status)
            before = self._cache.get(controller.kind, key)
            stored = await api.merge_patch(controller.kind, key, {"status": patch}, "status")
            # What only this pass has changed is no reason for another.
            nothing_new = before is not None and is_expected(before, patch, stored)
            self._remember(controller.kind, stored, (controller.name, key) if nothing_new else None)
            for event in controller.events(observed, status):
                await emit(api, reference(controller.kind, stored), event, now)
        if any(outcome.verdict in ("conflict", "refused") for outcome in outcomes):
            self._retry(key, next(o.message for o in outcomes if o.message))
            return "refused"
        loop = asyncio.get_running_loop()
        wait = self._resync if plan.requeue_at is None else max(0.0, (plan.requeue_at - now).total_seconds())
        self._queue.add_at(key, loop.time() + min(wait, self._resync))
        return "changed" if status != current or outcomes else "unchanged"

    def _retry(self, key: Key, why: str) -> None:
        RETRIES.labels(self._controller.name).inc()
        delay = self._queue.retry(key)
        logger.warning("looking again in %.1f s: %s", delay, why, extra=self._words(key))

    def _words(self, key: Key) -> dict[str, str]:
        return {"resource": self._controller.kind.name, "namespace": key.namespace, "resource_name": key.name}


def reference(kind: Kind, body: Body) -> dict[str, str]:
    """An object as an event refers to it."""
    metadata = body["metadata"]
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def is_expected(before: Body, patch: Body, stored: Body) -> bool:
    """Whether an object that came back from a patch of its status differs from the one before by that patch alone."""
    for field in ("uid", "generation", "deletionTimestamp"):
        if before["metadata"].get(field) != stored["metadata"].get(field):
            return False
    return bool(merged(before.get("status") or {}, patch) == stored.get("status"))


def merged(current: Body, patch: Body) -> dict[str, Any]:
    """The object after a merge patch (RFC 7396)."""
    result = {key: value for key, value in current.items() if patch.get(key, value) is not None}
    for key, value in patch.items():
        if isinstance(value, Mapping):
            old = current.get(key)
            result[key] = merged(old if isinstance(old, Mapping) else {}, value)
        elif value is not None:
            result[key] = value
    return result


def difference(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that leads from one object to the other; lists are replaced whole."""
    patch: dict[str, Any] = dict.fromkeys(current.keys() - wanted.keys())
    for key, value in wanted.items():
        old = current.get(key)
        if old == value:
            continue
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        patch[key] = difference(old, value) if both else value  # type: ignore[arg-type]
    return patch
