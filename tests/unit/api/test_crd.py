"""The types become structural schemas. A type that cannot become one is refused with the name of its field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, StringConstraints

from tts_api.base import CEL, Document, Pattern
from tts_api.crd import definitions
from tts_api.structural import UnsupportedSchema, structural

Text = Annotated[str, StringConstraints(max_length=8)]


class Described(Document):
    """An object."""

    leaf: Text = "a"
    """A leaf."""


def model_of(annotation: Any, doc: str = "A field.") -> type[Document]:
    """A document with one field of the type."""
    namespace = {"__annotations__": {"field": annotation}, "__doc__": "A document.", "field": Field(description=doc)}
    return type("Probe", (Document,), namespace)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(
            Annotated[int, Field(ge=1, le=3)], {"type": "integer", "minimum": 1, "maximum": 3}, id="integer with bounds"
        ),
        pytest.param(
            Annotated[float, Field(gt=0)],
            {"type": "number", "minimum": 0, "exclusiveMinimum": True},
            id="number above a bound",
        ),
        pytest.param(Text, {"type": "string", "maxLength": 8}, id="string"),
        pytest.param(Text | None, {"type": "string", "maxLength": 8}, id="optional string"),
        pytest.param(Literal["a"], {"type": "string", "enum": ["a"]}, id="one value"),
        pytest.param(Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, id="several values"),
        pytest.param(
            Annotated[str, StringConstraints(max_length=8), Pattern(r"^a\.$", "must be a.")],
            {"type": "string", "maxLength": 8, CEL: [{"rule": r"self.matches(r'^a\.$')", "message": "must be a."}]},
            id="pattern",
        ),
        pytest.param(
            Annotated[tuple[Text, ...], Field(max_length=2)],
            {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 8}},
            id="list",
        ),
        pytest.param(
            Annotated[dict[Text, Text], Field(max_length=2)],
            {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string", "maxLength": 8}},
            id="map",
        ),
    ],
)
def test_a_field_becomes_a_schema(annotation: Any, expected: dict[str, Any]) -> None:
    field = structural(model_of(annotation))["properties"]["field"]
    assert field == expected | {"description": "A field."}


@pytest.mark.parametrize(
    ("annotation", "doc", "reason"),
    [
        pytest.param(int | str, "A field.", "Probe.field: a structural schema has no unions", id="union"),
        pytest.param(str, "A field.", "Probe.field: a string needs maxLength", id="string without a bound"),
        pytest.param(tuple[Text, ...], "A field.", "Probe.field: a list needs maxItems", id="list without a bound"),
        pytest.param(dict[str, Text], "A field.", "Probe.field: a map needs", id="map without a bound"),
        pytest.param(Any, "A field.", "Probe.field: type None", id="any type"),
        pytest.param(
            Annotated[str, StringConstraints(max_length=8, pattern="^a$")],
            "A field.",
            "Probe.field: a pattern needs words for users",
            id="pattern without words",
        ),
        pytest.param(Text, "", "Probe.field: describe the field", id="field without a description"),
    ],
)
def test_a_type_that_does_not_fit_is_refused_with_the_name_of_its_field(annotation: Any, doc: str, reason: str) -> None:
    with pytest.raises(UnsupportedSchema, match=reason):
        structural(model_of(annotation, doc))


def test_a_reference_is_resolved_and_keeps_the_description_of_the_field() -> None:
    field = structural(model_of(Described, "In this place."))["properties"]["field"]
    assert field["description"] == "In this place."
    assert field["properties"]["leaf"]["description"] == "A leaf."


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema below a schema, with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from walk(schema["items"], f"{path}[]")


@pytest.mark.parametrize("name", sorted(definitions()))
def test_an_object_whose_members_have_defaults_has_a_default(name: str) -> None:
    schema = definitions()[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for path, node in walk(schema):
        for child_name, child in node.get("properties", {}).items():
            if "properties" in child and child_name not in node.get("required", ()) and "default" not in child:
                # Nobody can make up its required members, so the object stays absent.
                assert child.get("required"), f"{path}.{child_name}"


@pytest.mark.parametrize("name", sorted(definitions()))
def test_a_status_has_no_defaults(name: str) -> None:
    schema = definitions()[name]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert [path for path, node in walk(schema) if "default" in node] == []


def test_every_field_but_run_policy_is_immutable() -> None:
    spec = definitions()["ttstrainings.yaml"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    guarded = {entry["fieldPath"].removeprefix(".") for entry in spec[CEL] if "oldSelf" in entry["rule"]}
    assert guarded == set(spec["properties"]) - {"runPolicy"}
