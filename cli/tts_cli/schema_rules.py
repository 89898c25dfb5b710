"""Applies the schema of a CustomResourceDefinition as the API server does: fills in defaults, finds unknown fields and
evaluates the CEL rules. Types and bounds are checked by the models of ``tts_api.resources``."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tts_api.base import CEL

Schema = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a resource."""

    field: str
    """The field's path, such as ``spec.training.maxSteps``."""
    text: str
    """What is wrong with it, and the remedy."""


def with_defaults(schema: Schema, value: Any) -> Any:
    """Return the value with the defaults of fields that it leaves out. Numbers become floats where the schema says
    number, as CEL tells them from integers."""
    if isinstance(value, dict):
        members, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
        filled = {name: with_defaults(members.get(name, rest), member) for name, member in value.items()}
        for name, member in members.items():
            if name not in filled and "default" in member:
                filled[name] = with_defaults(member, copy.deepcopy(member["default"]))
        return filled
    if isinstance(value, list):
        return [with_defaults(schema.get("items", {}), item) for item in value]
    if schema.get("type") == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def unknown_fields(schema: Schema, value: Any, path: str = "") -> Iterator[Problem]:
    """Yield a problem for each field that the schema does not have."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown_fields(schema.get("items", {}), item, f"{path}[{number}]")
    if not isinstance(value, dict) or not (members := schema.get("properties")):
        return
    for name, member in value.items():
        field = f"{path}.{name}".lstrip(".")
        if name in members:
            yield from unknown_fields(members[name], member, field)
        else:
            yield Problem(field, f"unknown field; {_meant(name, list(members))}")


def _meant(name: str, known: list[str]) -> str:
    written = {one.lower(): one for one in known}
    alike = difflib.get_close_matches(name.lower(), written, n=1)
    return f"did you mean {written[alike[0]]}?" if alike else f"there are {', '.join(sorted(known))}"


def broken_rules(schema: Schema, value: Any, *, sound: bool, path: str = "") -> Iterator[Problem]:
    """Yield a problem for each CEL rule that does not hold for a value with its defaults.

    A rule on a change of the value is left out. ``sound`` tells whether types and bounds are right: where they are not,
    a rule that cannot be evaluated says nothing.
    """
    import cel

    for rule in schema.get(CEL, ()):
        if "oldSelf" in rule["rule"]:
            continue
        try:
            holds = cel.evaluate(rule["rule"], {"self": value})
        except (LookupError, ValueError, TypeError, RuntimeError):
            holds = not sound
        if not holds:
            field = f"{path}{rule.get('fieldPath', '')}".lstrip(".")
            yield Problem(field or "metadata.name", rule["message"])
    if isinstance(value, dict):
        members, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name, member in value.items():
            yield from broken_rules(members.get(name, rest), member, sound=sound, path=f"{path}.{name}".lstrip("."))
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from broken_rules(schema.get("items", {}), item, sound=sound, path=f"{path}[{number}]")


def description(schema: Schema, path: tuple[str | int, ...]) -> str:
    """Return the first two sentences of what the schema says about a field; empty where it says nothing."""
    for part in path:
        schema = schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
    return ". ".join(str(schema.get("description", "")).split(". ")[:2]).rstrip(".")
