"""The informers fill the cache: from kopf's raw watch events, and from a slow listing that finds what a watch missed.

They do not use kopf's own change handlers, timers and daemons, which keep state in annotations of the user's objects,
put finalizers on them, and react to edges. Which kinds are watched is decided in ``engine.records``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kopf

from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.objects import Key, Kind, key_of
from tts_operator.engine.records import InformerSpec

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]


class _NoProgress(kopf.ProgressStorage):
    """Replaces kopf's record of its own handlers. They are not used, and by default it copies every object several
    times."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None: ...

    def purge(self, **_: Any) -> None: ...

    def touch(self, **_: Any) -> None: ...

    def clear(self, *, essence: Any) -> Any:
        return essence


class _NoDiffBase(kopf.DiffBaseStorage):
    """Replaces kopf's record of the objects that it has seen, which is not used either."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None: ...


class Informers:
    """Keep a cache current, and say which objects changed."""

    def __init__(
        self,
        cache: Cache,
        specs: Sequence[InformerSpec],
        namespaces: Sequence[str],
        changed: Callable[[Kind, Key, set[Owner]], None],
    ) -> None:
        """``changed`` is called with the object and its owners. No ``namespaces`` means all of them."""
        self._cache = cache
        self._specs = {spec.kind: spec for spec in specs}
        self._namespaces = tuple(namespaces)
        self._changed = changed

    def remember(self, kind: Kind, body: Body, knowing: Owner | None = None) -> None:
        """Put an object into the cache as the API server has just returned it. The resource ``knowing`` is not reported
        as an owner, because its pass made the change."""
        spec = self._specs.get(kind)
        if spec is not None:
            self._changed(kind, key_of(body), self._cache.put(kind, spec.project(body)) - {knowing})

    def forget(self, kind: Kind, key: Key) -> None:
        """Remove an object that is gone from the cache."""
        self._changed(kind, key, self._cache.remove(kind, key))

    def register(self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings) -> None:
        """Have kopf watch every kind. The API server selects the objects by label."""
        settings.persistence.progress_storage = _NoProgress()
        settings.persistence.diffbase_storage = _NoDiffBase()
        for kind, spec in self._specs.items():
            if spec.selector:
                settings.watching.label_selectors[kopf_name(kind)] = spec.selector
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
        """List everything, put new versions into the cache, and remove what is gone. Raises ApiError."""
        for kind, spec in self._specs.items():
            known = set(self._cache.keys(kind))
            listed: set[Key] = set()
            for namespace in self._namespaces or ("",):
                async for body in api.list(kind, namespace, spec.selector):
                    listed.add(key_of(body))
                    self.remember(kind, body)
            for key in known - listed:
                # The object may have been created while the listing ran: only what is really gone is forgotten.
                if await api.read(kind, key) is None:
                    self.forget(kind, key)

    async def keep_listing(self, api: Api, every_seconds: float) -> None:
        """Resync for ever. An outage only postpones the next resync."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await self.resync(api)
            except ApiError as error:
                logger.warning("the slow listing failed and is repeated later: %s", error)


def kopf_name(kind: Kind) -> tuple[str, str, str]:
    """The kind as kopf selects it: group, version and plural, the core group being the empty string."""
    return (kind.group, kind.version, kind.plural)
