"""Builds the record that the engine needs of a kind from the record in ``tts_api.kinds`` and the kind's children.

The records themselves are beside their controllers, in ``training.record`` and ``serving.record``.
"""

from __future__ import annotations

from typing import TypeVar

from tts_api import GROUP, VERSION
from tts_api.base import Document
from tts_api.kinds import CUSTOM_KINDS, CustomKind
from tts_operator.engine.objects import Kind
from tts_operator.engine.records import Child, KindRecord, ReferenceField

Model = TypeVar("Model", bound=Document)

_NAMES = {custom.plural: custom.name for custom in CUSTOM_KINDS}


def record_of(name: str, custom: CustomKind[Model], children: tuple[Child, ...]) -> KindRecord[Model]:
    """The engine's record of a custom kind. ``name`` is what owners, queues, metrics and logs call the kind."""
    # The kind may refer to itself and yet not be among CUSTOM_KINDS, such as a kind that only a test has.
    names = {**_NAMES, custom.plural: custom.name}
    return KindRecord(
        name=name,
        kind=_kind(custom.plural, custom.name),
        model=custom.model,
        label=custom.label,
        pod_owned_field=custom.pod_owned_field,
        children=children,
        references=tuple(
            ReferenceField(reference.path, _kind(reference.plural, names[reference.plural]))
            for reference in custom.references
        ),
    )


def _kind(plural: str, name: str) -> Kind:
    return Kind(GROUP, VERSION, plural, name)
