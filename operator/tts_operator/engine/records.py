"""The record of a kind, and everything that the engine derives from the records of all kinds.

The record of a custom resource defines how it is decoded, which children it has and which resources it names. The class
``KindRegistry`` derives from the records which objects are listed and watched, which resource an object belongs to, and
which resources to look at when an object changes. Nothing here depends on a particular kind, and everything is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.decode import Resource, decode
from tts_operator.engine.objects import Key, Kind, key_of

Body = Mapping[str, Any]
Projection = Callable[[Body], Body]
"""Takes an object as the API server has it and returns the part that the cache keeps."""

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
)


def projection(*parts: str, annotations: Iterable[str] = ()) -> Projection:
    """A projection that keeps the metadata and the named ``parts`` of an object.

    It keeps only the metadata that decisions are based on, and the named ``annotations``, because the managed fields
    alone are often half of an object.
    """
    kept = frozenset(annotations)

    def project(body: Body) -> dict[str, Any]:
        metadata = {key: body["metadata"][key] for key in _METADATA if key in body["metadata"]}
        if kept:
            found = body["metadata"].get("annotations", {})
            metadata |= {"annotations": {key: found[key] for key in kept & found.keys()}}
        return {"metadata": metadata} | {part: body[part] for part in parts if part in body}

    return project


METADATA_ONLY = projection()
SPEC_AND_STATUS = projection("spec", "status")
STATUS_ONLY = projection("status")


@dataclass(frozen=True)
class Child:
    """A kind of object that is made for a resource, and what the cache keeps of each."""

    kind: Kind
    project: Projection = METADATA_ONLY


@dataclass(frozen=True)
class ReferenceField:
    """A field by which a resource names another resource of its own namespace."""

    path: tuple[str, ...]
    """Where the name stands, from the root of the object."""
    kind: Kind
    """The kind that the field names."""

    def name_in(self, body: Body) -> str | None:
        """The name that an object gives there, or None where it gives none."""
        value: Any = body
        for member in self.path:
            # An older schema may have let any shape pass.
            value = value.get(member) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else None


@dataclass(frozen=True)
class KindRecord(Generic[Resource]):
    """Everything that the engine knows of one custom resource."""

    name: str
    """Short name of the kind, which owners, queues, metrics and logs use."""
    kind: Kind
    model: type[Resource]
    """Type that a stored object is decoded to."""
    label: str
    """Label of every child; its value is the resource's name."""
    pod_owned_field: str
    """The one status field that the pods write and the operator never does."""
    children: tuple[Child, ...] = ()
    references: tuple[ReferenceField, ...] = ()
    project: Projection = SPEC_AND_STATUS

    def decode(self, body: Body) -> tuple[Resource | None, str]:
        """A stored object as its type, or None and the reason why it cannot be read."""
        return decode(self.model, body)

    def owner(self, key: Key) -> Owner:
        """The resource of this key, as the owner of its children in the cache."""
        return self.name, key

    def without_pod_owned(self, status: Mapping[str, Any]) -> dict[str, Any]:
        """A status without the field that the pods own."""
        return {name: value for name, value in status.items() if name != self.pod_owned_field}


@dataclass(frozen=True)
class InformerSpec:
    """How one kind is listed and watched, and what the cache keeps of each object."""

    kind: Kind
    selector: str
    """Labels by which the API server selects the objects; empty selects all."""
    project: Projection


class KindRegistry:
    """What follows from the records of all kinds together."""

    def __init__(
        self,
        records: Sequence[KindRecord[Any]],
        *,
        child_labels: Mapping[str, str],
        shared: Sequence[Child] = (),
    ) -> None:
        """``child_labels`` mark everything that the operator makes. The resources of a namespace have the ``shared``
        objects in common, so a change of one concerns all of them.

        Raises ValueError where two records give one kind different projections.
        """
        self.records = tuple(records)
        self._by_kind = {record.kind: record for record in records}
        self._by_name = {record.name: record for record in records}
        self._shared = {child.kind for child in shared}
        self._child_labels = dict(child_labels)
        self._children: dict[Kind, Child] = {}
        for child in (*(child for record in records for child in record.children), *shared):
            if self._children.setdefault(child.kind, child) != child:
                raise ValueError(f"two records keep different parts of a {child.kind.name}")

    def informer_specs(self) -> tuple[InformerSpec, ...]:
        """What to list and watch: every resource, and of the children those that carry the operator's labels."""
        selector = ",".join(f"{key}={value}" for key, value in self._child_labels.items())
        return (
            *(InformerSpec(record.kind, "", record.project) for record in self.records),
            *(InformerSpec(child.kind, selector, child.project) for child in self._children.values()),
        )

    def owners(self, kind: Kind, body: Body) -> Iterator[Owner]:
        """The owners under which the cache files an object: the resource itself or the resources whose label it
        carries, and for a resource also the resources that it refers to."""
        key = key_of(body)
        record = self._by_kind.get(kind)
        if record is not None:
            yield record.owner(key)
            named = {(reference.kind, reference.name_in(body)) for reference in record.references}
            yield from (_referred(target, Key(key.namespace, name)) for target, name in named if name is not None)
            return
        labels = body["metadata"].get("labels", {})
        for owning in self.records:
            if owning.label in labels:
                yield owning.owner(Key(key.namespace, labels[owning.label]))

    def wake(self, cache: Cache, kind: Kind, key: Key, affected: Iterable[Owner]) -> Iterator[Owner]:
        """The resources to look at after an object changed.

        These are the resources that own it (``affected``, as the cache says), those that refer to it, and for a shared
        object those of its namespace.
        """
        yield from (owner for owner in affected if owner[0] in self._by_name)
        for record in self.records:
            if any(reference.kind == kind for reference in record.references):
                referring = cache.children(record.kind, _referred(kind, key))
                yield from (record.owner(key_of(body)) for body in referring)
            if kind in self._shared:
                keys = cache.keys(record.kind)
                yield from (record.owner(resource) for resource in keys if resource.namespace == key.namespace)


def _referred(kind: Kind, key: Key) -> Owner:
    """The owner under which the cache files the resources that refer to an object."""
    return f"referred {kind.plural}", key
