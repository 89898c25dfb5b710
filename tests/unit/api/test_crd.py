"""Types become structural schemas, and what cannot become one is refused by name."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, StringConstraints

from tts_api.base import CEL, Document
from tts_api.crd import definitions
from tts_api.structural import UnsupportedSchema, structural

Text = Annotated[str, StringConstraints(max_length=8)]


class Described(Document):
    """An object."""

    leaf: Text = "a"
    """A leaf."""


def model_of(annotation: Any, doc: str = "A field.") -> type[Document]:
    namespace = {"__annotations__": {"field": annotation}, "__doc__": "A document.", "field": Field(description=doc)}
    return type("Probe", (Document,), namespace)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Annotated[int, Field(ge=1, le=3)], {"type": "integer", "minimum": 1, "maximum": 3}),
        (Annotated[float, Field(gt=0)], {"type": "number", "minimum": 0, "exclusiveMinimum": True}),
        (Text, {"type": "string", "maxLength": 8}),
        (Text | None, {"type": "string", "maxLength": 8}),
        (
            Annotated[tuple[Text, ...], Field(max_length=2)],
            {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 8}},
        ),
        (
            Annotated[dict[Text, Text], Field(max_length=2)],
            {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string", "maxLength": 8}},
        ),
    ],
)
def test_field_becomes_schema(annotation: Any, expected: dict[str, Any]) -> None:
    field = structural(model_of(annotation))["properties"]["field"]
    assert field == expected | {"description": "A field."}


@pytest.mark.parametrize(
    ("annotation", "doc", "reason"),
    [
        (int | str, "A field.", "Probe.field: a structural schema has no unions"),
        (str, "A field.", "Probe.field: a string needs maxLength"),
        (tuple[Text, ...], "A field.", "Probe.field: a list needs maxItems"),
        (dict[str, Text], "A field.", "Probe.field: a map needs"),
        (Any, "A field.", "Probe.field: type None"),
        (Text, "", "Probe.field: describe the field"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(annotation: Any, doc: str, reason: str) -> None:
    with pytest.raises(UnsupportedSchema, match=reason):
        structural(model_of(annotation, doc))


def test_reference_is_resolved_and_keeps_the_fields_own_words() -> None:
    field = structural(model_of(Described, "In this place."))["properties"]["field"]
    assert field["description"] == "In this place."
    assert field["properties"]["leaf"]["description"] == "A leaf."


def walk(schema: dict[str, Any], path: str = "") -> Any:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from walk(schema["items"], f"{path}[]")


@pytest.mark.parametrize("name", sorted(definitions()))
def test_parents_of_defaults_have_the_default_of_an_empty_object(name: str) -> None:
    schema = definitions()[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for path, node in walk(schema):
        for child_name, child in node.get("properties", {}).items():
            if "properties" in child and child_name not in node.get("required", ()) and "default" not in child:
                # What must be given in it cannot be made up: absent means absent.
                assert child.get("required"), f"{path}.{child_name}"


@pytest.mark.parametrize("name", sorted(definitions()))
def test_status_claims_nothing_by_default(name: str) -> None:
    schema = definitions()[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert [path for path, node in walk(schema) if "default" in node] == []


def test_every_field_but_run_policy_is_immutable() -> None:
    spec = definitions()["ttstrainings.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    guarded = {entry["fieldPath"].removeprefix(".") for entry in spec[CEL] if "oldSelf" in entry["rule"]}
    assert guarded == set(spec["properties"]) - {"runPolicy"}
