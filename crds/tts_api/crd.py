"""The CustomResourceDefinition of each kind in ``tts_api.kinds``.

``tts_api.structural`` makes the schemas from the types, and ``tts_api.generate`` writes the files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tts_api import GROUP, VERSION
from tts_api.base import CEL
from tts_api.kinds import CUSTOM_KINDS, Column, CustomKind
from tts_api.structural import add_parent_defaults, one_line, remove_defaults, structural


def definitions(kinds: Iterable[CustomKind[Any]] = CUSTOM_KINDS) -> dict[str, dict[str, Any]]:
    """The CustomResourceDefinition of every kind, by the name of its file."""
    return {f"{kind.plural}.yaml": definition(kind) for kind in kinds}


def definition(kind: CustomKind[Any]) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    subresources: dict[str, Any] = {"status": {}} | ({"scale": dict(kind.scale)} if kind.scale else {})
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "tts-operator"},
            # Uninstalling the chart must not delete every training in the cluster.
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": ["tts"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": resource_schema(kind)},
                    "subresources": subresources,
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                }
            ],
        },
    }


def resource_schema(kind: CustomKind[Any]) -> dict[str, Any]:
    """The structural schema of a whole resource, with the kind's CEL rules."""
    spec, status = structural(kind.spec), structural(kind.status)
    add_parent_defaults(spec)
    remove_defaults(status)
    if spec_rules := kind.spec_rules():
        spec[CEL] = spec_rules
    return {
        "type": "object",
        "description": one_line(kind.model.__doc__ or ""),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this object's schema."},
            "kind": {"type": "string", "description": "Kind of this object."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        CEL: list(kind.rules),
    }


def _column(column: Column) -> dict[str, Any]:
    """A column of ``kubectl get`` as the CustomResourceDefinition has it."""
    shown: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    return shown | ({"priority": column.priority} if column.priority else {})
