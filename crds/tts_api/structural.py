"""Converts pydantic's JSON schema to the structural schema that Kubernetes requires of a CustomResourceDefinition.

The converter knows no kind of resource. ``tts_api.crd`` puts its output into a CustomResourceDefinition.
A type that a structural schema cannot express is an error that names the field.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from tts_api.base import CEL, PATTERN_MESSAGE, Rule, rule

_BASICS = {"type", "description", "enum", "default", "format", "required"}
_BOUNDS = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"}
_EXTENSIONS = {"x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", CEL}
_KEPT = _BASICS | _BOUNDS | _EXTENSIONS
"""Keys that mean the same in both schemas."""
_MEMBERS = {"properties", "additionalProperties", "propertyNames", "items", "$defs"}
_CONVERTED = _MEMBERS | {"title", "const", "exclusiveMinimum", "exclusiveMaximum", "pattern", PATTERN_MESSAGE}
"""Keys that the converter replaces or leaves out. Any other key is an error."""


class UnsupportedSchema(TypeError):
    """A type that a structural schema cannot express."""


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of a model, with every reference resolved.

    Raises UnsupportedSchema, with the path of the field, for a union, for a string, list or map without a bound, for a
    pattern without a message, and for a field without a description.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}), model.__name__)


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def add_parent_defaults(schema: dict[str, Any]) -> None:
    """Gives every optional object and map a default that holds the defaults of its members.

    The API server fills in members only where their parent exists, and it checks the parent's default against the CEL
    rules before it fills in anything. An object with required members gets no default: nobody can make up its members,
    so it stays absent.
    """
    for name, child in schema.get("properties", {}).items():
        add_parent_defaults(child)
        if child.get("type") == "object" and name not in schema.get("required", ()) and "required" not in child:
            members = child.get("properties", {}).items()
            child["default"] = {key: member["default"] for key, member in members if "default" in member}


def remove_defaults(schema: dict[str, Any]) -> None:
    """Removes every default. A status has none, because a default there would claim what nobody observed."""
    schema.pop("default", None)
    for child in schema.get("properties", {}).values():
        remove_defaults(child)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            remove_defaults(schema[key])


def _convert(node: dict[str, Any], definitions: dict[str, Any], path: str) -> dict[str, Any]:
    """The structural schema of one node and of all nodes below it. ``path`` names the node in an error."""
    node = _resolved(node, definitions, path)
    unknown = node.keys() - _KEPT - _CONVERTED
    if unknown:
        raise UnsupportedSchema(f"{path}: {', '.join(sorted(unknown))} has no place in a structural schema")
    result = {key: value for key, value in node.items() if key in _KEPT}
    if "description" in result:
        result["description"] = one_line(result["description"])
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in node:
            result[bound.lower()] = node[f"exclusive{bound}"]
            result[f"exclusive{bound}"] = True
    if "pattern" in node:
        result[CEL] = [_pattern_rule(node, path), *node.get(CEL, ())]
    if node.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        return result | {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    return result | _contents(node, definitions, path)


def _pattern_rule(node: dict[str, Any], path: str) -> Rule:
    """The CEL rule in place of a pattern, because the API server would show users the regular expression."""
    if PATTERN_MESSAGE not in node:
        raise UnsupportedSchema(f"{path}: a pattern needs words for users: annotate it with tts_api.base.Pattern")
    matches = f"self.matches(r'{node['pattern']}')"
    if node.get("x-kubernetes-int-or-string"):
        matches = f"type(self) == int ? self >= 0 : {matches}"
    return rule(matches, node[PATTERN_MESSAGE])


def _resolved(node: dict[str, Any], definitions: dict[str, Any], path: str) -> dict[str, Any]:
    """The node without references, and without the null that marks an optional field."""
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
    """What the node contains: the members of an object, map or list, or the only value of a constant."""
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
    """The structural schema of a field, which must have a description."""
    converted = _convert(node, definitions, path)
    if not converted.get("description"):
        raise UnsupportedSchema(f"{path}: describe the field, its unit and its bounds")
    return converted
