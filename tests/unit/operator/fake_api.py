"""An API server in memory, with the methods of ``tts_operator.engine.api.Api`` and the errors that a test asks for."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from tests.unit.operator.simulation import now
from tts_operator.engine.api import ApiError
from tts_operator.engine.objects import Key, Kind, controller_uid, key_of
from tts_operator.engine.patches import merged


class FakeApi:
    """Objects by kind and key. Every object has a uid, a generation and a resource version, as on a real server.

    ``fail`` queues errors, ``calls`` records the writes that arrived, and ``watch`` is called with each change.
    """

    def __init__(self, *objects: tuple[Kind, dict[str, Any]]) -> None:
        self.objects: dict[tuple[Kind, Key], dict[str, Any]] = {}
        self.calls: list[tuple[float, str, str]] = []
        """Second, verb and object of each write, failed ones included."""
        self.watch: Callable[[Kind, dict[str, Any]], None] = lambda _kind, _body: None
        self.before: dict[str, Callable[[], None]] = {}
        """What else happens while a request with this verb is under way."""
        self.is_away = False
        """Whether no request arrives."""
        self._faults: dict[str, list[int | None]] = defaultdict(list)
        self._numbers = itertools.count(1)
        for kind, body in objects:
            self.put(kind, body)

    def fail(self, verb: str, statuses: Iterable[int | None]) -> None:
        """Answer the next requests with this verb by errors of these statuses. None lets one through."""
        self._faults[verb].extend(statuses)

    def put(self, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        """Store an object as somebody else would, and tell the watch."""
        stored = copy.deepcopy(body)
        known = self.objects.get((kind, key_of(body)))
        number = next(self._numbers)
        metadata = stored["metadata"]
        metadata.setdefault("uid", known["metadata"]["uid"] if known else f"uid-{number}")
        if known is None:
            metadata.setdefault("generation", 1)
        elif known.get("spec") != stored.get("spec"):
            metadata["generation"] = known["metadata"].get("generation", 1) + 1
        metadata["resourceVersion"] = str(number)
        self.objects[kind, key_of(body)] = stored
        self.watch(kind, copy.deepcopy(stored))
        return copy.deepcopy(stored)

    def get(self, kind: Kind, key: Key) -> dict[str, Any]:
        """The object of a key. Raises KeyError where there is none."""
        return self.objects[kind, key]

    def wrote(self) -> list[str]:
        """The writes that arrived: verb and object, in order."""
        return [f"{verb} {what}" for _, verb, what in self.calls]

    def times(self, verb: str) -> list[float]:
        """The seconds in which requests with a verb arrived."""
        return [second for second, called, _ in self.calls if called == verb]

    async def read(self, kind: Kind, key: Key) -> dict[str, Any] | None:
        await self._arrive("read")
        return copy.deepcopy(self.objects.get((kind, key)))

    async def list(self, kind: Kind, namespace: str, selector: str) -> AsyncIterator[dict[str, Any]]:
        await self._arrive("list")
        wanted = dict(pair.split("=") for pair in selector.split(",") if pair)
        for (stored_kind, key), body in list(self.objects.items()):
            labels = body["metadata"].get("labels", {})
            if stored_kind == kind and namespace in ("", key.namespace) and wanted.items() <= labels.items():
                yield copy.deepcopy(body)

    async def create(self, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        await self._arrive("create", kind, key_of(body))
        if (kind, key_of(body)) in self.objects:
            raise ApiError(409, "already exists")
        return self.put(kind, body)

    async def apply(self, kind: Kind, body: dict[str, Any], field_manager: str) -> dict[str, Any]:
        assert field_manager
        await self._arrive("apply", kind, key_of(body))
        return self.put(kind, merged(self.objects.get((kind, key_of(body)), {}), body))

    async def merge_patch(self, kind: Kind, key: Key, patch: dict[str, Any], subresource: str = "") -> dict[str, Any]:
        await self._arrive(subresource or "patch", kind, key)
        if (kind, key) not in self.objects:
            raise ApiError(404, "not found")
        assert not subresource or set(patch) == {subresource}
        return self.put(kind, merged(self.objects[kind, key], patch))

    async def replace(self, kind: Kind, key: Key, body: dict[str, Any]) -> dict[str, Any]:
        await self._arrive("replace", kind, key)
        if (kind, key) not in self.objects:
            raise ApiError(404, "not found")
        if self.objects[kind, key]["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ApiError(409, "the object has been modified")
        return self.put(kind, body)

    async def _arrive(self, verb: str, kind: Kind | None = None, key: Key | None = None) -> None:
        await asyncio.sleep(0)  # others run while a request is under way
        if kind is not None and key is not None:
            self.calls.append((round(now(), 3), verb, f"{kind.name}/{key.name}"))
        if self.is_away:
            raise ApiError(0, "the API server did not answer")
        self.before.get(verb, lambda: None)()
        status = self._faults[verb].pop(0) if self._faults[verb] else None
        if status is not None:
            raise ApiError(status, f"{verb} failed with {status}")


def owned(kind: Kind, name: str, uid: str | None, **metadata: Any) -> tuple[Kind, dict[str, Any]]:
    """An object of the namespace ``speech``, controlled by the object of ``uid``, or by nobody."""
    references = [{"kind": "Other", "name": "other", "uid": uid, "controller": True}] if uid else []
    body = {"metadata": {"name": name, "namespace": "speech", "ownerReferences": references, **metadata}}
    assert controller_uid(body) == uid
    return kind, body
