"""The base of every document and the small types they share. What a field means stands at the field, not here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

CEL = "x-kubernetes-validations"
"""Where a type's schema carries the CEL rules that the API server enforces."""


Rule = dict[str, str]
"""One CEL rule, as a schema carries it."""


class Document(BaseModel):
    """A frozen document in camelCase. Readers ignore fields they do not know: an older pod meets a newer operator."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    def to_json_object(self) -> dict[str, Any]:
        """The document as JSON types, unset optional fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def rule(expression: str, message: str, *, field_path: str | None = None) -> Rule:
    """One CEL rule. ``message`` is what the user reads when ``expression`` is false: name the field and the remedy."""
    entry = {"rule": expression, "message": message}
    if field_path is not None:
        entry["fieldPath"] = field_path
    return entry


def rules(*entries: Rule) -> dict[str, Any]:
    """The ``json_schema_extra`` of a type that carries CEL rules."""
    return {CEL: list(entries)}


Name = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""The name of an object of Kubernetes: a DNS subdomain."""

RelativePath = Annotated[
    str,
    StringConstraints(max_length=512, pattern=r"^([A-Za-z0-9_\-][A-Za-z0-9._\-]*(/[A-Za-z0-9_\-][A-Za-z0-9._\-]*)*)?$"),
]
"""A path inside a volume: relative, no ``..``, no part that begins with a dot; empty is the volume's root."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
"""A SHA-256 digest in lower-case hexadecimal."""

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"

Quantity = Annotated[
    str,
    StringConstraints(max_length=32, pattern=QUANTITY_PATTERN),
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    Field(json_schema_extra={"x-kubernetes-int-or-string": True}),
]
"""An amount of a resource as Kubernetes writes it: 2, 500m, 8Gi."""

Image = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    Field(
        json_schema_extra=rules(
            rule(
                r"self.matches('^[a-zA-Z0-9][a-zA-Z0-9._:/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64})$')"
                r" && !self.matches('^[^/]*:[0-9]+/[^:@]*$')",
                "an image needs a tag or a digest, as in registry.example.com/tts-workload:0.1.0",
            ),
            rule(
                "!self.endsWith(':latest')",
                "the tag latest is refused, because it names another image tomorrow: give a version or a digest",
            ),
        )
    ),
]
"""A container image with a tag other than ``latest``, or with a digest."""

LabelMap = Annotated[
    dict[Annotated[str, StringConstraints(max_length=317)], Annotated[str, StringConstraints(max_length=63)]],
    Field(max_length=32),
]

AnnotationMap = Annotated[
    dict[Annotated[str, StringConstraints(max_length=317)], Annotated[str, StringConstraints(max_length=4096)]],
    Field(max_length=32),
]
