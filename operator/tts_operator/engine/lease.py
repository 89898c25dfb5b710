"""Leader election by a Lease (coordination.k8s.io): one replica works, the others watch and wait.

The client library's own elector ends with an exception when the API server is away for a moment and does not give the
lease back when it stops; this one does neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.objects import LEASE, Key

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """What is known of a lease: who holds it, and a mark that changes whenever the holder renews it."""

    holder: str
    renewed: str
    duration_seconds: float


def may_take(record: Record | None, identity: str, seen_unchanged_seconds: float) -> bool:
    """Whether the lease is ours, free, or was not renewed for its own duration by our clock.

    Clocks of two machines are never compared: what counts is how long we have seen the record unchanged.
    """
    return record is None or record.holder in ("", identity) or seen_unchanged_seconds > record.duration_seconds


class Lease:
    """One candidate for one lease."""

    def __init__(
        self, api: Api, key: Key, identity: str, *, duration_seconds: float, renew_seconds: float, retry_seconds: float
    ) -> None:
        self._api = api
        self._key = key
        self._identity = identity
        self._duration = duration_seconds
        self._renew = renew_seconds
        self._retry = retry_seconds
        self._seen: Record | None = None
        self._seen_at = 0.0

    async def hold(self, started: Callable[[], None]) -> None:
        """Wait for the lease, call ``started``, and keep the lease; returns when it was lost."""
        while not await self._try():
            await asyncio.sleep(self._retry)
        logger.info("this replica leads", extra={"identity": self._identity})
        started()
        renewed = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - renewed < self._renew:
            await asyncio.sleep(self._retry)
            asked = asyncio.get_running_loop().time()
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
        spec: dict[str, Any] = dict(lease["spec"]) if lease else {}
        record = None
        if lease:
            duration = float(spec.get("leaseDurationSeconds") or 0)
            record = Record(spec.get("holderIdentity") or "", spec.get("renewTime") or "", duration)
        if record != self._seen:
            self._seen, self._seen_at = record, now
        if not may_take(record, self._identity, now - self._seen_at):
            return False
        time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        if record is None or record.holder != self._identity:
            spec |= {"acquireTime": time, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + bool(lease)}
        spec |= {"holderIdentity": self._identity, "renewTime": time, "leaseDurationSeconds": round(self._duration)}
        metadata = {"name": self._key.name, "namespace": self._key.namespace}
        body = {**(lease or {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata}), "spec": spec}
        if lease is None:
            await self._api.create(LEASE, body)
        else:
            await self._api.replace(LEASE, self._key, body)  # 409 if somebody else was quicker
        self._seen, self._seen_at = Record(self._identity, time, self._duration), now
        return True
