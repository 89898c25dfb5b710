"""What reaches the cache: kopf's raw watch events, and a slow listing of everything that finds what a watch missed.

kopf's own change handlers, timers and daemons are not used: they keep state in annotations of the user's objects, put
finalizers on them, and react to edges.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import kopf

from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.objects import Key, Kind, key_of

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]


class _NoProgress(kopf.ProgressStorage):
    """Kopf's memory of its own handlers, which are not used: by default it copies every object several times."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None: ...

    def purge(self, **_: Any) -> None: ...

    def touch(self, **_: Any) -> None: ...

    def clear(self, *, essence: Any) -> Any:
        return essence


class _NoDiffBase(kopf.DiffBaseStorage):
    """Kopf's memory of what it has seen of an object, which is not used either."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None: ...


@dataclass(frozen=True)
class Watched:
    """A kind that is watched, the labels by which the server selects, and what is kept of each object."""

    kind: Kind
    selector: str
    project: Callable[[Body], Body]


class Feed:
    """Keeps a cache current and hands on which resources to look at."""

    def __init__(
        self,
        cache: Cache,
        watched: Sequence[Watched],
        namespaces: Sequence[str],
        changed: Callable[[Kind, Key, set[Any]], None],
    ) -> None:
        self._cache = cache
        self._watched = {w.kind: w for w in watched}
        self._namespaces = tuple(namespaces)
        self._changed = changed

    def remember(self, kind: Kind, body: Body, knowing: Owner | None = None) -> None:
        """Take in an object as the API server has just answered it. ``knowing`` is a resource that need not be looked
        at for it."""
        watched = self._watched.get(kind)
        if watched is not None:
            self._changed(kind, key_of(body), self._cache.put(kind, watched.project(body)) - {knowing})

    def forget(self, kind: Kind, key: Key) -> None:
        """Take in that an object is gone."""
        self._changed(kind, key, self._cache.remove(kind, key))

    def register(self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings) -> None:
        """Have kopf watch every kind, the server selecting by label."""
        settings.persistence.progress_storage = _NoProgress()
        settings.persistence.diffbase_storage = _NoDiffBase()
        for watched in self._watched.values():
            kind = watched.kind
            if watched.selector:
                settings.watching.label_selectors[kopf_name(kind)] = watched.selector
            kopf.on.event(*kopf_name(kind), id=kind.plural, registry=registry)(self._handler(kind))

    def _handler(self, kind: Kind) -> Any:
        async def on_event(event: Mapping[str, Any], **_: Any) -> None:
            body = event["object"]
            if event["type"] == "DELETED":
                self.forget(kind, key_of(body))
            else:
                self.remember(kind, body)

        return on_event

    async def resync(self, api: Api) -> None:
        """List everything: take in what is new, forget what is gone. Raises ApiError."""
        for watched in self._watched.values():
            known = set(self._cache.keys(watched.kind))
            listed: set[Key] = set()
            for namespace in self._namespaces or ("",):
                async for body in api.list(watched.kind, namespace, watched.selector):
                    listed.add(key_of(body))
                    self.remember(watched.kind, body)
            for key in known - listed:
                # It may have been made while the listing ran: only what is really gone is forgotten.
                if await api.read(watched.kind, key) is None:
                    self.forget(watched.kind, key)

    async def keep_listing(self, api: Api, every_seconds: float) -> None:
        """Resync for ever; an outage only postpones it."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await self.resync(api)
            except ApiError as error:
                logger.warning("the slow listing failed and is repeated later: %s", error)


def kopf_name(kind: Kind) -> tuple[str, str, str]:
    """The kind as kopf selects it: group, version and plural, the core group being the empty string."""
    return (kind.group, kind.version, kind.plural)
