"""Types to CustomResourceDefinitions: a short converter from pydantic's JSON schema to Kubernetes' structural schema.

What a structural schema cannot say is refused by name. ``tts_api.generate`` writes the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from pydantic import BaseModel

from tts_api import GROUP, VERSION
from tts_api.architectures import ACOUSTIC_MODELS, VOCODERS
from tts_api.base import CEL, Document, rule
from tts_api.kinds import CUSTOM_KINDS, Column, CustomKind
from tts_api.resources.parameters import describe
from tts_api.resources.training import IMMUTABLE_SPEC_FIELDS, TTSTraining, TTSTrainingSpec

MAX_NAME_LENGTH = 40
"""Children are called after the resource, and theirs are limited to 63 characters."""

NAME_RULE = rule(
    f"self.metadata.name.size() <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    f"metadata.name must be at most {MAX_NAME_LENGTH} characters: small letters, digits and -, a letter first, "
    "because the names of its pods and services are made from it",
)

_OTHERS_RULES = [
    rule(
        f"!has(self.spec.model.{part}.fromTraining) || self.spec.model.{part}.fromTraining.name != self.metadata.name",
        f"model.{part}.fromTraining.name is this training itself: name another one",
        field_path=f".spec.model.{part}.fromTraining",
    )
    for part in ("acoustic", "vocoder")
]

_KEEP = {
    "type",
    "description",
    "enum",
    "default",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    CEL,
}
_DROP = {
    "title",
    "$defs",
    "additionalProperties",
    "propertyNames",
    "properties",
    "items",
    "const",
    "exclusiveMinimum",
    "exclusiveMaximum",
}


class UnsupportedSchema(TypeError):
    """A type says something that a structural schema cannot say."""


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of a model, every reference resolved.

    Raises UnsupportedSchema, with the path of the field, for a union, an unbounded string, list or map, or a field
    without a description.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}), model.__name__)


def _convert(node: dict[str, Any], definitions: dict[str, Any], path: str) -> dict[str, Any]:
    node = _resolved(node, definitions, path)
    unknown = node.keys() - _KEEP - _DROP
    if unknown:
        raise UnsupportedSchema(f"{path}: {', '.join(sorted(unknown))} has no place in a structural schema")
    result = {key: value for key, value in node.items() if key in _KEEP}
    if "description" in result:
        result["description"] = re.sub(r"\s+", " ", result["description"]).strip()
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in node:
            result[bound.lower()] = node[f"exclusive{bound}"]
            result[f"exclusive{bound}"] = True
    if node.get("x-kubernetes-int-or-string"):
        # The API server takes a pattern for the string form and an integer besides.
        result.pop("type", None)
        return result | {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    return result | _contents(node, definitions, path)


def _resolved(node: dict[str, Any], definitions: dict[str, Any], path: str) -> dict[str, Any]:
    """The node without references and without the null that marks an optional field."""
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        merged = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        if CEL in target and CEL in node:
            merged[CEL] = [*target[CEL], *node[CEL]]
        return _resolved(merged, definitions, path)
    if "anyOf" in node:
        members = [member for member in node["anyOf"] if member.get("type") != "null"]
        if len(members) != 1:
            raise UnsupportedSchema(f"{path}: a structural schema has no unions; use optional members and a CEL rule")
        outer = {key: value for key, value in node.items() if key != "anyOf" and (key, value) != ("default", None)}
        return _resolved({**members[0], **outer}, definitions, path)
    return node


def _contents(node: dict[str, Any], definitions: dict[str, Any], path: str) -> dict[str, Any]:
    """What a node of this type holds: the members of an object, map or list, or the one value of a constant."""
    match node.get("type"):
        case "object" if "properties" in node:
            children = node["properties"].items()
            return {"properties": {name: _described(child, definitions, f"{path}.{name}") for name, child in children}}
        case "object":
            if not isinstance(node.get("additionalProperties"), dict) or "maxProperties" not in node:
                raise UnsupportedSchema(f"{path}: a map needs a type of its values and maxProperties")
            return {"additionalProperties": _convert(node["additionalProperties"], definitions, f"{path}[*]")}
        case "array":
            if "maxItems" not in node:
                raise UnsupportedSchema(f"{path}: a list needs maxItems, or CEL rules over it are too expensive")
            return {"items": _convert(node["items"], definitions, f"{path}[*]")}
        case "string" if "const" in node:
            return {"enum": [node["const"]]}
        case "string" if "maxLength" not in node and "enum" not in node:
            raise UnsupportedSchema(f"{path}: a string needs maxLength, or CEL rules over it are too expensive")
        case "string" | "integer" | "number" | "boolean":
            return {}
        case other:
            raise UnsupportedSchema(f"{path}: type {other!r} has no place in a structural schema")


def _described(node: dict[str, Any], definitions: dict[str, Any], path: str) -> dict[str, Any]:
    converted = _convert(node, definitions, path)
    if not converted.get("description"):
        raise UnsupportedSchema(f"{path}: describe the field, its unit and its bounds")
    return converted


def _with_parents_default(schema: dict[str, Any]) -> dict[str, Any]:
    """Gives every object and map that may be left out its members' defaults as its own: the API server fills in
    members only where their parent is, and checks a parent's default by the rules before it fills in anything.
    An object with required members stays absent, being one of several."""
    for name, child in schema.get("properties", {}).items():
        _with_parents_default(child)
        if child.get("type") == "object" and name not in schema.get("required", ()) and "required" not in child:
            members = child.get("properties", {}).items()
            child["default"] = {key: member["default"] for key, member in members if "default" in member}
    return schema


def _immutability_rules() -> list[dict[str, str]]:
    """Rules on the spec, a required parent: one on an optional field could be evaded by leaving the field out."""
    entries = []
    for name in IMMUTABLE_SPEC_FIELDS:
        field = TTSTrainingSpec.model_fields[name].alias or name
        optional = name == "image"
        unchanged = f"self.{field} == oldSelf.{field}"
        entries.append(
            rule(
                f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {unchanged})"
                if optional
                else unchanged,
                f"{field} cannot be changed: a training's spec is immutable but for runPolicy; create another training",
                field_path=f".{field}",
            )
        )
    return entries


def _steps_rules() -> list[dict[str, str]]:
    """What the numbers of steps have to do with the models. A vocoder that is not trained takes none."""
    untrained = {
        name: f"(has(self.model.vocoder.architecture) && self.model.vocoder.architecture == '{name}')"
        for name, vocoder in VOCODERS.items()
        if not vocoder.trained
    }
    steps = "(has(self.training.vocoderMaxSteps) ? self.training.vocoderMaxSteps : self.training.maxSteps)"
    return [
        *(
            rule(
                f"!{chosen} || !has(self.training.vocoderMaxSteps)",
                f"{name} is not trained: leave training.vocoderMaxSteps out",
                field_path=".training",
            )
            for name, chosen in untrained.items()
        ),
        rule(
            "self.training.maxSteps > 0 || has(self.model.acoustic.fromTraining)",
            "training.maxSteps may be 0 only where model.acoustic.fromTraining names a training to take the model from",
            field_path=".training",
        ),
        rule(
            " || ".join((f"{steps} > 0", *untrained.values(), "has(self.model.vocoder.fromTraining)")),
            "the vocoder has no steps: set training.vocoderMaxSteps above 0, or name a training to take the vocoder "
            "from in model.vocoder.fromTraining",
            field_path=".training",
        ),
    ]


def _column(column: Column) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    return shown | ({"priority": column.priority} if column.priority else {})


def definition(kind: CustomKind[Any]) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    schema = structural_resource(kind.model)
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
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": subresources,
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                }
            ],
        },
    }


def structural_resource(model: type[Document]) -> dict[str, Any]:
    """The schema of a whole resource, root rules included."""
    spec_type, status_type = (
        cast("type[Document]", model.model_fields[name].annotation) for name in ("spec", "status")
    )
    spec, status = _with_parents_default(structural(spec_type)), structural(status_type)
    _without_defaults(status)
    if model is TTSTraining:
        spec[CEL] = [*_immutability_rules(), *_steps_rules()]
        parts = spec["properties"]["model"]["properties"]
        for part, architectures in (("acoustic", ACOUSTIC_MODELS), ("vocoder", VOCODERS)):
            parameters = parts[part]["properties"]["parameters"]
            parameters["description"] += " " + describe(architectures)
    return {
        "type": "object",
        "description": re.sub(r"\s+", " ", model.__doc__ or "").strip(),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this object's schema."},
            "kind": {"type": "string", "description": "Kind of this object."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        CEL: [NAME_RULE, *(_OTHERS_RULES if model is TTSTraining else ())],
    }


def _without_defaults(schema: dict[str, Any]) -> None:
    """A status is written, never defaulted: a default there would claim what nobody observed."""
    schema.pop("default", None)
    for child in schema.get("properties", {}).values():
        _without_defaults(child)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            _without_defaults(schema[key])


def definitions(kinds: Iterable[CustomKind[Any]] = CUSTOM_KINDS) -> dict[str, dict[str, Any]]:
    """The CustomResourceDefinition of every kind, by the name of its file."""
    return {f"{kind.plural}.yaml": definition(kind) for kind in kinds}
