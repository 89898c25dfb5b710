"""Leader election by a Lease (coordination.k8s.io): one replica works, the others watch and wait.

The client library's own elector raises an exception when the API server is away for a moment, and it keeps the lease
when it stops. This one tries again, and gives the lease back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.objects import LEASE, Key

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeaseRecord:
    """What a candidate reads of a lease: its holder, and a mark that changes whenever the holder renews it."""

    holder: str
    renewed: str
    duration_seconds: float

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> LeaseRecord:
        """The record in a lease's ``spec``."""
        holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        return cls(holder, renewed, float(spec.get("leaseDurationSeconds") or 0))


def may_take(record: LeaseRecord | None, identity: str, seen_unchanged_seconds: float) -> bool:
    """Whether a candidate may take the lease: it is its own, or free, or its holder did not renew it in time.

    The clocks of two machines are never compared. What counts is how long the candidate has seen the record unchanged.
    """
    return record is None or record.holder in ("", identity) or seen_unchanged_seconds > record.duration_seconds


class Lease:
    """One candidate for one lease."""

    def __init__(
        self,
        api: Api,
        key: Key,
        identity: str,
        *,
        duration_seconds: float,
        renew_seconds: float,
        retry_seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """A lease that its holder does not renew keeps the others waiting for ``duration_seconds``. The holder gives up
        after ``renew_seconds``, which must be less, or two replicas would lead. All ask every ``retry_seconds``.
        ``clock`` is the wall clock, whose time is only written.
        """
        self._api = api
        self._key = key
        self._identity = identity
        self._duration = duration_seconds
        self._renew = renew_seconds
        self._retry = retry_seconds
        self._clock = clock
        self._seen: LeaseRecord | None = None
        self._seen_at = 0.0

    async def hold(self, started: Callable[[], None]) -> None:
        """Wait for the lease, call ``started``, and keep the lease. Returns when the lease is lost."""
        while not await self._try():
            await asyncio.sleep(self._retry)
        logger.info("this replica leads", extra={"identity": self._identity})
        started()
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while loop.time() - renewed < self._renew:
            await asyncio.sleep(self._retry)
            asked = loop.time()
            if await self._try():
                renewed = asked
        logger.error("the lease was not renewed in time", extra={"identity": self._identity})

    async def release(self) -> None:
        """Give the lease back, so that another replica need not wait for it to expire."""
        with contextlib.suppress(ApiError):
            lease = await self._api.read(LEASE, self._key)
            if lease and lease["spec"].get("holderIdentity") == self._identity:
                await self._api.replace(LEASE, self._key, {**lease, "spec": {**lease["spec"], "holderIdentity": ""}})

    async def _try(self) -> bool:
        try:
            return await self._take_or_renew()
        except ApiError as error:
            logger.warning("the lease could not be asked for: %s", error)
            return False

    async def _take_or_renew(self) -> bool:
        now = asyncio.get_running_loop().time()
        lease = await self._api.read(LEASE, self._key)
        record = LeaseRecord.of(lease["spec"]) if lease else None
        self._see(record, now)
        if not may_take(record, self._identity, now - self._seen_at):
            return False
        spec = self._held(lease["spec"] if lease else None)
        if lease is None:
            metadata = {"name": self._key.name, "namespace": self._key.namespace}
            await self._api.create(
                LEASE, {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}
            )
        else:
            await self._api.replace(LEASE, self._key, {**lease, "spec": spec})  # 409 if another was quicker
        self._see(LeaseRecord.of(spec), now)
        return True

    def _see(self, record: LeaseRecord | None, now: float) -> None:
        if record != self._seen:
            self._seen, self._seen_at = record, now

    def _held(self, spec: Mapping[str, Any] | None) -> dict[str, Any]:
        """The ``spec`` of a lease that this candidate holds from now on, made from the one before, if there is one."""
        time = self._clock().isoformat(timespec="microseconds").replace("+00:00", "Z")
        held = dict(spec or {})
        if held.get("holderIdentity") != self._identity:
            transitions = int(held.get("leaseTransitions") or 0) + (spec is not None)
            held |= {"acquireTime": time, "leaseTransitions": transitions}
        return held | {
            "holderIdentity": self._identity,
            "renewTime": time,
            "leaseDurationSeconds": round(self._duration),
        }
