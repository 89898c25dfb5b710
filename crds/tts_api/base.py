"""The base class of every document, the small types that documents share, and the form of a CEL rule.

What a field means is written at the field, in the module of its document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

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


@dataclass(frozen=True)
class Pattern:
    """The annotation of a string that must match a regular expression as a whole.

    Whoever writes another string reads ``words``, the remedy, and not the regular expression: pydantic raises them, and
    the CustomResourceDefinition has them as a CEL rule.
    """

    regex: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._matching, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.regex, PATTERN_MESSAGE: self.words}

    def _matching(self, value: str) -> str:
        if re.fullmatch(self.regex, value) is None:
            raise ValueError(self.words)
        return value


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),
    Pattern(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "must be the name of a Kubernetes object: small letters, digits, - and ., such as my-voice",
    ),
]
"""The name of a Kubernetes object: a DNS subdomain."""

RelativePath = Annotated[
    str,
    StringConstraints(max_length=512),
    Pattern(
        r"^([A-Za-z0-9_\-][A-Za-z0-9._\-]*(/[A-Za-z0-9_\-][A-Za-z0-9._\-]*)*)?$",
        "must be a path from the root of the volume, such as corpora/allison: no / at its ends, parts of letters, "
        "digits, _, - and ., and none that begins with a dot",
    ),
]
"""A relative path inside a volume. No part of it may begin with a dot; the empty path is the volume's root."""

Sha256 = Annotated[
    str,
    StringConstraints(max_length=64),
    Pattern(r"^[0-9a-f]{64}$", "must be 64 characters of 0-9 and a-f, as sha256sum prints them"),
]
"""A SHA-256 digest in lower-case hexadecimal."""

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"

Quantity = Annotated[
    str,
    StringConstraints(max_length=32),
    Pattern(QUANTITY_PATTERN, "must be an amount such as 2, 500m, 16G or 16Gi; GB and GiB are not units of Kubernetes"),
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    Field(json_schema_extra={"x-kubernetes-int-or-string": True}),
]
"""An amount of a resource in the notation of Kubernetes, such as 2, 500m or 8Gi."""

ExtendedResource = Annotated[
    str,
    StringConstraints(max_length=253),
    Pattern(r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$", "must be an extended resource with its domain, such as nvidia.com/gpu"),
]
"""The name of a resource that a device plugin adds to nodes."""

DURATION_PATTERN = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"

Duration = Annotated[
    str,
    StringConstraints(min_length=2, max_length=32),
    Pattern(DURATION_PATTERN, "must be a time in whole hours, minutes and seconds, such as 45m or 1h30m"),
]
"""A length of time in the notation of Kubernetes, in whole hours, minutes and seconds: 45m, 1h30m or 90s."""


def seconds_of(duration: str) -> int:
    """The seconds of a ``Duration``."""
    return sum(int(part[:-1]) * {"h": 3600, "m": 60, "s": 1}[part[-1]] for part in re.findall(r"[0-9]+[hms]", duration))


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
