"""The cache: the newest version of every object that the informers have seen, and the resources that it belongs to.

It holds what the API server returned, and decides nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tts_operator.engine.objects import Key, Kind, key_of

Body = Mapping[str, Any]
Owner = tuple[str, Key]
"""The name of a kind's record and the key of one resource of the kind."""


class Cache:
    """Objects by kind and key, and an index of the resources they belong to.

    ``owners`` names, for an object of a kind, the resources that it belongs to.
    """

    def __init__(self, owners: Callable[[Kind, Body], Iterable[Owner]]) -> None:
        self._owners = owners
        self._objects: dict[Kind, dict[Key, Body]] = defaultdict(dict)
        self._children: dict[tuple[Kind, Owner], dict[Key, Body]] = defaultdict(dict)

    def put(self, kind: Kind, body: Body) -> set[Owner]:
        """Remember an object, unless this or a newer version is known. Returns the owners that are affected."""
        key = key_of(body)
        known = self._objects[kind].get(key)
        if known is not None and _uid(known) == _uid(body) and _version(known) >= _version(body):
            return set()
        affected = self.remove(kind, key)
        self._objects[kind][key] = body
        for owner in self._owners(kind, body):
            self._children[kind, owner][key] = body
            affected.add(owner)
        return affected

    def remove(self, kind: Kind, key: Key) -> set[Owner]:
        """Forget an object. Returns the owners that are affected."""
        body = self._objects[kind].pop(key, None)
        affected: set[Owner] = set()
        for owner in () if body is None else self._owners(kind, body):
            children = self._children[kind, owner]
            children.pop(key, None)
            if not children:
                del self._children[kind, owner]
            affected.add(owner)
        return affected

    def get(self, kind: Kind, key: Key) -> Body | None:
        """The newest version of an object that was seen, or None."""
        return self._objects[kind].get(key)

    def children(self, kind: Kind, owner: Owner) -> list[Body]:
        """The objects of a kind that belong to a resource, sorted by name."""
        children = self._children.get((kind, owner), {})
        return [children[key] for key in sorted(children)]

    def keys(self, kind: Kind) -> list[Key]:
        """The keys of all objects of a kind."""
        return list(self._objects[kind])


def _version(body: Body) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)


def _uid(body: Body) -> str:
    return str(body["metadata"].get("uid", ""))
