"""The base class of every document, the small types that documents share, and the form of a CEL rule.

What a field means is written at the field, in the module of its document.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

CEL = "x-kubernetes-validations"
"""Key of a schema under which the API server finds the CEL rules that it enforces."""


Rule = dict[str, str]
"""One CEL rule, as a schema carries it."""


class Document(BaseModel):
    """An immutable document whose JSON names are in camelCase.

    A reader ignores fields that it does not know, because an older pod may meet a newer operator.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    def to_json_object(self) -> dict[str, Any]:
        """The document as JSON types, without the optional fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


PATTERN_MESSAGE = "x-tts-pattern-message"
"""Key of a schema, beside ``pattern``, of what a user reads who did not meet the pattern."""


def rule(expression: str, message: str, *, field_path: str | None = None) -> Rule:
    """One CEL rule. The user reads ``message`` when ``expression`` is false, so it names the field and the remedy.

    ``field_path`` is the field that the API server names in its error, relative to where the rule stands. The API
    server adds the value if the rule stands on a string or a number, so a rule on one field stands on that field.
    """
    entry = {"rule": expression, "message": message}
    if field_path is not None:
        entry["fieldPath"] = field_path
    return entry


def cel_rules(*entries: Rule) -> dict[str, Any]:
    """The ``json_schema_extra`` that gives CEL rules to a type."""
    return {CEL: list(entries)}


def pattern_message(words: str) -> dict[str, Any]:
    """The ``json_schema_extra`` of a string with a pattern: what a user reads who did not meet it, with the remedy.

    The API server's own words would be the regular expression.
    """
    return {PATTERN_MESSAGE: words}


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
    Field(
        json_schema_extra=pattern_message(
            "must be the name of a Kubernetes object: small letters, digits, - and ., such as my-voice"
        )
    ),
]
"""The name of a Kubernetes object: a DNS subdomain."""

RelativePath = Annotated[
    str,
    StringConstraints(max_length=512, pattern=r"^([A-Za-z0-9_\-][A-Za-z0-9._\-]*(/[A-Za-z0-9_\-][A-Za-z0-9._\-]*)*)?$"),
    Field(
        json_schema_extra=pattern_message(
            "must be a path from the root of the volume, such as corpora/allison: no / at its ends, parts of letters, "
            "digits, _, - and ., and none that begins with a dot"
        )
    ),
]
"""A relative path inside a volume. No part of it may begin with a dot; the empty path is the volume's root."""

Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64),
    Field(json_schema_extra=pattern_message("must be 64 characters of 0-9 and a-f, as sha256sum prints them")),
]
"""A SHA-256 digest in lower-case hexadecimal."""

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"

Quantity = Annotated[
    str,
    StringConstraints(max_length=32, pattern=QUANTITY_PATTERN),
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    Field(
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            **pattern_message("must be an amount such as 2, 500m, 16G or 16Gi; GB and GiB are not units of Kubernetes"),
        }
    ),
]
"""An amount of a resource in the notation of Kubernetes, such as 2, 500m or 8Gi."""

ExtendedResource = Annotated[
    str,
    StringConstraints(max_length=253, pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$"),
    Field(json_schema_extra=pattern_message("must be an extended resource with its domain, such as nvidia.com/gpu")),
]
"""The name of a resource that a device plugin adds to nodes."""

Image = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512),
    Field(
        json_schema_extra=cel_rules(
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
