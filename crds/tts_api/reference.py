"""Renders the API reference as Markdown from the kinds, the architectures and the list of reasons.

Explanations of how to use the API are in the other pages of ``docs/``. ``tts_api.generate`` writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tts_api import API_VERSION
from tts_api.architectures import ACOUSTIC_MODELS, VOCODERS
from tts_api.crd import definition
from tts_api.kinds import CUSTOM_KINDS, CustomKind
from tts_api.reasons import REASONS


def render() -> str:
    """The whole page as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "<!-- Generated from tts_api by `make generate`: edit the types, not this file. -->"
    yield "# API reference"
    yield ""
    yield f"API version `{API_VERSION}`. `kubectl explain ttstraining.spec.training` shows the same at the prompt."
    for kind in CUSTOM_KINDS:
        yield from _kind(kind)
    yield from ("", "## Architectures", "")
    yield from _table(("architecture", "parameter", "default", "what"), _parameters())
    yield from ("", "## Reasons", "")
    yield from _table(("reason", "what it means", "what to do"), _reasons())


def _kind(kind: CustomKind[Any]) -> Iterator[str]:
    """The section of one kind: its names, its conditions, and the fields of its spec and of its status."""
    schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    yield from ("", f"## {kind.name}", "", schema["description"])
    yield from ("", f"Short name `{kind.short_name}`, category `tts`.")
    yield from ("", "Conditions: " + ", ".join(f"`{condition.value}`" for condition in kind.conditions) + ".")
    for part in ("spec", "status"):
        yield from ("", f"### {kind.name} {part}", "")
        yield from _table(("field", "type", "default", "what"), _fields(schema["properties"][part], part))


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, ...]]:
    """One row for each field of an object, followed by the rows of its members."""
    for name, child in schema["properties"].items():
        here = f"{path}.{name}"
        default = "required" if name in schema.get("required", ()) else _default(child.get("default"))
        yield f"`{here}`", _type(child), default, child["description"]
        if "properties" in child:
            yield from _fields(child, here)
        elif "properties" in child.get("items", {}):
            yield from _fields(child["items"], f"{here}[]")


def _parameters() -> Iterator[tuple[str, ...]]:
    """One row for each parameter of each architecture."""
    for architecture in (*ACOUSTIC_MODELS.values(), *VOCODERS.values()):
        for name, field in architecture.parameters.model_json_schema()["properties"].items():
            yield f"`{architecture.name}`", f"`{name}`", str(field["default"]), field["description"]


def _reasons() -> Iterator[tuple[str, ...]]:
    """One row for each reason."""
    for reason, explanation in REASONS.items():
        yield f"`{reason.value}`", explanation.meaning, explanation.remedy or "Nothing."


def _default(value: Any) -> str:
    """A default as YAML writes it. It is left out where the members of the field have defaults of their own."""
    if value is None or isinstance(value, dict | list):
        return ""
    return f"`{value}`" if value and isinstance(value, str) else f"`{json.dumps(value)}`"


def _type(schema: dict[str, Any]) -> str:
    """The type of a field in words, or its values where it is an enum."""
    if "enum" in schema:
        return " | ".join(f"`{value}`" for value in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "quantity"))


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table of Markdown. A line break in a cell becomes a space, and a bar is escaped."""
    yield f"| {' | '.join(header)} |"
    yield f"| {' | '.join('---' for _ in header)} |"
    for row in rows:
        cells = (" ".join(cell.split()).replace("|", r"\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
