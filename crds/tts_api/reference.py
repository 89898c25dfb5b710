"""The API reference for people, derived from the types and the list of reasons. What the API means is told in docs/."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tts_api import API_VERSION
from tts_api.architectures import ACOUSTIC_MODELS, VOCODERS
from tts_api.crd import definition
from tts_api.kinds import CUSTOM_KINDS
from tts_api.reasons import REASONS


def render() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "<!-- Generated from tts_api by `make generate`: edit the types, not this file. -->"
    yield "# API reference"
    yield ""
    yield f"API version `{API_VERSION}`. `kubectl explain ttstraining.spec.training` shows the same at the prompt."
    for kind in CUSTOM_KINDS:
        schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        yield from ("", f"## {kind.name}", "", schema["description"])
        yield from ("", f"Short name `{kind.short_name}`, category `tts`.")
        yield from ("", "Conditions: " + ", ".join(f"`{c.value}`" for c in kind.conditions) + ".")
        for part in ("spec", "status"):
            yield from (
                "",
                f"### {kind.name} {part}",
                "",
                "| field | type | default | what |",
                "| --- | --- | --- | --- |",
            )
            yield from _rows(schema["properties"][part], part)
    yield from (
        "",
        "## Architectures",
        "",
        "| architecture | parameter | default | what |",
        "| --- | --- | --- | --- |",
    )
    for architecture in (*ACOUSTIC_MODELS.values(), *VOCODERS.values()):
        for name, field in architecture.parameters.model_json_schema()["properties"].items():
            yield f"| `{architecture.name}` | `{name}` | {field['default']} | {_cell(field['description'])} |"
    yield from ("", "## Reasons", "", "| reason | what it means | what to do |", "| --- | --- | --- |")
    for reason, explanation in REASONS.items():
        yield f"| `{reason.value}` | {explanation.meaning} | {explanation.remedy or 'Nothing.'} |"


def _rows(schema: dict[str, Any], path: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, child in schema["properties"].items():
        here = f"{path}.{name}"
        default = child.get("default")
        shown = (
            "required"
            if name in required
            else ""
            if default is None or isinstance(default, dict | list)
            else f"`{default}`"
        )
        yield f"| `{here}` | {_type(child)} | {shown} | {_cell(child['description'])} |"
        if "properties" in child:
            yield from _rows(child, here)
        elif "properties" in child.get("items", {}):
            yield from _rows(child["items"], f"{here}[]")


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "quantity"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
