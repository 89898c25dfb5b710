"""A work queue of keys: each key is in it at most once, and one worker has a key at a time.

It has exponential back-off after failures, and alarms. It does not know what a key means. Time comes from the running
event loop, so that tests can simulate it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys waiting to be worked on.

    A key that is added while a worker has it is handed out again when that worker is done. So no change is missed, and
    no two workers ever have the same key.
    """

    def __init__(self, *, backoff_seconds: float = 0.5, backoff_limit_seconds: float = 120.0) -> None:
        self._backoff = backoff_seconds
        self._limit = backoff_limit_seconds
        self._ready: deque[K] = deque()
        self._since: dict[K, float] = {}
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._alarms: list[tuple[float, int, K]] = []
        self._alarm_of: dict[K, float] = {}
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: K) -> None:
        """Have the key looked at soon."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._since:
            self._since[key] = self._now()
            self._ready.append(key)
            self._changed.set()

    def add_at(self, key: K, when: float) -> None:
        """Have the key looked at when the loop's clock shows ``when``. Only the earliest alarm of a key counts."""
        if when < self._alarm_of.get(key, float("inf")):
            self._alarm_of[key] = when
            heapq.heappush(self._alarms, (when, next(self._order), key))
            self._changed.set()

    def retry(self, key: K) -> float:
        """Have the key looked at again after a failure. Returns the seconds until then, which double each time."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._backoff * 2.0 ** min(failures, 30), self._limit)
        self.add_at(key, self._now() + delay)
        return delay

    def forget(self, key: K) -> None:
        """Count the key's failures from zero again."""
        self._failures.pop(key, None)

    def done(self, key: K) -> None:
        """Record that the worker that had the key has finished with it."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    async def get(self) -> tuple[K, float]:
        """The next key, and the seconds for which it waited. The caller must call ``done`` with the key."""
        while True:
            now = self._now()
            while self._alarms and self._alarms[0][0] <= now:
                when, _, key = heapq.heappop(self._alarms)
                if self._alarm_of.get(key) == when:
                    del self._alarm_of[key]
                    self.add(key)
            if self._ready:
                key = self._ready.popleft()
                self._working.add(key)
                return key, now - self._since.pop(key)
            self._changed.clear()
            wait = self._alarms[0][0] - now if self._alarms else None
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
